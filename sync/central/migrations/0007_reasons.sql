-- A reading can also be without value because what says how it is read was not understood.
CREATE OR REPLACE FUNCTION esp.reason_name(code int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN code & 31 > 0 THEN coalesce((ARRAY['timeout', 'unreachable', 'disconnected', 'bad_frame', 'device_exception',
		'not_supported', 'backed_off', 'marker', 'saturated', 'out_of_range', 'sentinel', 'frozen', 'impossible_rate', 'doubled',
		'dead_gauge', 'resync', 'not_a_number', 'undecided'])[code & 31], 'unknown') END
$$;
