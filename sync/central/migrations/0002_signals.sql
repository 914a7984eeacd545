-- The signal dictionary and what is generated from it: the columns of
-- esp.reading_raw and the views over them.
SET LOCAL ROLE esp_owner;

-- define_signals brings dictionary, columns and views up to the program's table. It
-- only ever adds: a signal keeps its id and its column.
CREATE FUNCTION esp.define_signals(signals jsonb) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_row   record;
	v_id    int;
	v_added int := 0;
BEGIN
	FOR v_row IN
		SELECT e.n, s.* FROM jsonb_array_elements(signals) WITH ORDINALITY AS e(v, n)
		CROSS JOIN LATERAL jsonb_to_record(e.v)
			AS s(name text, label text, short text, unit text, decimals int, kind text, grp text, low float8, high float8)
		ORDER BY e.n
	LOOP
		UPDATE esp.signal SET label = v_row.label, short = v_row.short, low = v_row.low, high = v_row.high
			WHERE name = v_row.name AND (label, short, low, high) IS DISTINCT FROM (v_row.label, v_row.short, v_row.low, v_row.high);
		CONTINUE WHEN EXISTS (SELECT FROM esp.signal WHERE name = v_row.name);
		SELECT coalesce(max(id), 0) + 1 INTO v_id FROM esp.signal;
		INSERT INTO esp.signal VALUES (v_id, v_row.name, v_row.label, v_row.short, v_row.unit, v_row.decimals, v_row.kind, v_row.grp, v_row.low, v_row.high);
		EXECUTE format('ALTER TABLE esp.reading_raw ADD COLUMN %I int', v_row.name);
		v_added := v_added + 1;
	END LOOP;
	IF v_added > 0 THEN
		PERFORM esp.define_views();
	END IF;
	RETURN v_added;
END $$;

CREATE FUNCTION esp.quality_name(code int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT (ARRAY['not_due', 'good', 'at_limit', 'suspect', 'implausible', 'invalid', 'stale', 'lost'])[(code >> 5) + 1]
$$;

CREATE FUNCTION esp.reason_name(code int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN code & 31 > 0 THEN coalesce((ARRAY['timeout', 'unreachable', 'disconnected', 'bad_frame', 'device_exception',
		'not_supported', 'backed_off', 'marker', 'saturated', 'out_of_range', 'sentinel', 'frozen', 'impossible_rate', 'doubled',
		'dead_gauge', 'resync', 'not_a_number'])[code & 31], 'unknown') END
$$;

-- float32 is the number whose IEEE 754 single-precision bits are given.
CREATE FUNCTION esp.float32(bits bigint) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT CASE WHEN bits & 2147483648 <> 0 THEN -1 ELSE 1 END * CASE
		WHEN (bits >> 23) & 255 = 0 THEN (bits & 8388607)::float8 / 8388608 * power(2::float8, -126)
		ELSE (1 + (bits & 8388607)::float8 / 8388608) * power(2::float8, ((bits >> 23) & 255)::float8 - 127) END
$$;

CREATE FUNCTION esp.define_views() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_wide   text;  -- one expression per signal
	v_cells  text;  -- one row of VALUES per signal
	v_newest text;
BEGIN
	-- A stale value is kept in reading_raw and shown by reading_long with its quality;
	-- in the wide view it would look like a live one.
	SELECT string_agg(format(
			'CASE WHEN r.%1$I IS NULL THEN NULL WHEN r.quality IS NULL OR (get_byte(r.quality, l.pos[%2$s]) >> 5) BETWEEN 1 AND 4 '
			'THEN (r.%1$I + l.shift[%2$s]) * l.mul[%2$s] / l.div[%2$s] + l.off[%2$s] END AS %1$I', name, id), E',\n' ORDER BY id),
		string_agg(format('(%s, r.%I)', id, name), ', ' ORDER BY id)
		INTO v_wide, v_cells FROM esp.signal;
	EXECUTE format('CREATE OR REPLACE VIEW esp.reading AS SELECT r.time, w.name AS well, %s
		FROM esp.reading_raw r JOIN esp.well w ON w.id = r.well_id JOIN esp.layout l ON l.id = r.layout_id', v_wide);

	-- %1$s and %2$s: the readings of the well w.
	v_wide := format('SELECT r.time, w.name AS well, s.name AS signal,
			CASE WHEN c.code >> 5 NOT IN (0, 5, 7) THEN (v.raw + l.shift[s.id]) * l.mul[s.id] / l.div[s.id] + l.off[s.id] END AS value,
			s.unit, esp.quality_name(c.code) AS quality, esp.reason_name(c.code) AS reason, r.epoch_id, r.scan
		FROM esp.well w JOIN %%1$s r ON r.well_id = w.id
		JOIN esp.layout l ON l.id = r.layout_id
		CROSS JOIN LATERAL (VALUES %s) v(id, raw)
		JOIN esp.signal s ON s.id = v.id
		CROSS JOIN LATERAL (SELECT CASE WHEN l.pos[v.id] >= 0 THEN CASE WHEN r.quality IS NOT NULL THEN get_byte(r.quality, l.pos[v.id])
			WHEN v.raw IS NOT NULL THEN 32 ELSE 0 END ELSE 0 END) c(code)
		WHERE c.code > 0
		UNION ALL SELECT r.time, w.name, c.name,
			CASE WHEN r.code >> 5 NOT IN (0, 5, 7) THEN CASE c.form WHEN ''float32'' THEN esp.float32(r.raw) ELSE r.raw::float8 END * c.mul / c.div + c.off END,
			c.unit, esp.quality_name(r.code), esp.reason_name(r.code), r.epoch_id, r.scan
		FROM esp.well w JOIN %%2$s r ON r.well_id = w.id
		JOIN esp.layout_column c ON c.layout_id = r.layout_id AND c.pos = r.pos', v_cells);
	EXECUTE 'CREATE OR REPLACE VIEW esp.reading_long AS ' || format(v_wide, 'esp.reading_raw', 'esp.reading_extra');
	-- The newest word on each signal within the newest ten minutes of its well. OFFSET 0
	-- keeps the planner from reading whole partitions and joining them afterwards.
	v_newest := 'LATERAL (SELECT x.* FROM esp.%s x WHERE x.well_id = w.id AND x.epoch_id = w.last_epoch_id
		AND x.time BETWEEN w.last_time - interval ''10 min'' AND w.last_time OFFSET 0)';
	EXECUTE format('CREATE OR REPLACE VIEW esp.latest AS
		SELECT DISTINCT ON (well, signal) well, signal, time, value, unit, quality, reason FROM (%s) x
		ORDER BY well, signal, epoch_id DESC, scan DESC', format(v_wide, format(v_newest, 'reading_raw'), format(v_newest, 'reading_extra')));
	GRANT SELECT ON esp.reading, esp.reading_long, esp.latest TO esp_reader;
END $$;
