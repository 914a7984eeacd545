-- Records by kind, and the tables of the platform that headquarters may already run.
SET LOCAL ROLE esp_owner;

CREATE FUNCTION esp.number(v jsonb) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN jsonb_typeof(v) = 'number' THEN v::float8 END
$$;

-- moment reads a time of a record's body; null where it is none, so that one odd
-- record does not break a view over all.
CREATE FUNCTION esp.moment(v text) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
	RETURN v::timestamptz;
EXCEPTION WHEN data_exception THEN
	RETURN NULL;
END $$;

CREATE VIEW esp.event AS
	SELECT w.name AS well, r.time, r.body->>'id' AS id, r.body->>'text' AS text, r.body->>'from' AS from_state, r.body->>'to' AS to_state, r.epoch_id, r.seq
	FROM esp.record r LEFT JOIN esp.well w ON w.id = r.well_id WHERE r.kind = 'event';

CREATE VIEW esp.alarm AS
	SELECT w.name AS well, r.time, r.body->>'id' AS id, r.body->>'change' AS change, r.body->>'state' AS state, esp.number(r.body->'priority')::int AS priority,
		esp.moment(r.body->>'since') AS since, r.body->>'signal' AS signal, r.body->>'unit' AS unit,
		esp.number(r.body->'value') AS value, esp.number(r.body->'limit') AS "limit", r.body->>'title' AS title, r.body->>'text' AS text, r.epoch_id, r.seq
	FROM esp.record r LEFT JOIN esp.well w ON w.id = r.well_id WHERE r.kind = 'alarm';

CREATE VIEW esp.diagnosis AS
	SELECT w.name AS well, r.time, r.body->>'id' AS id, r.body->>'state' AS state, r.body->>'severity' AS severity, r.body->>'confidence' AS confidence,
		esp.moment(r.body->>'onset') AS onset, r.body->>'title' AS title, r.body->>'text' AS text, r.body->'evidence' AS evidence, r.body->'steps' AS steps,
		r.body->>'rule' AS rule, r.epoch_id, r.seq
	FROM esp.record r LEFT JOIN esp.well w ON w.id = r.well_id WHERE r.kind = 'diagnosis';

CREATE VIEW esp.gap AS
	SELECT w.name AS well, esp.moment(r.body->>'from') AS from_time, esp.moment(r.body->>'to') AS to_time, r.body->>'reason' AS reason,
		coalesce(esp.number(r.body->'lost'), 0)::bigint AS lost, r.body->>'text' AS text, r.epoch_id, r.seq
	FROM esp.record r LEFT JOIN esp.well w ON w.id = r.well_id WHERE r.kind = 'gap';

CREATE VIEW esp.trip_record AS
	SELECT w.name AS well, r.time, r.body, r.epoch_id, r.seq
	FROM esp.record r LEFT JOIN esp.well w ON w.id = r.well_id WHERE r.kind = 'trip';

-- In the platform's units: bbl/d (0.158987294928 m3), psi (6.894757293168361 kPa),
-- scf/bbl (0.028316846592 m3 per barrel).
CREATE FUNCTION esp.define_compatibility() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	CREATE OR REPLACE VIEW esp.esp_telemetry AS
		SELECT well AS well_id, time AS "timestamp", liquid_rate / 0.158987294928 AS flow_rate, intake_pressure / 6.894757293168361 AS pip,
			motor_current, motor_temperature AS motor_temp, greatest(vibration_x, vibration_y, vibration_z) AS vibration, drive_frequency AS vsd_frequency,
			liquid_rate_variance AS flow_variance, torque, gas_oil_ratio * 158987294928 / 28316846592 AS gor
		FROM esp.reading;

	CREATE OR REPLACE VIEW esp.diagnostic_results AS
		SELECT d.well AS well_id, d.time AS "timestamp",
			CASE
				WHEN d.id IN ('gas_interference', 'gas_lock') THEN 'GAS_LOCK'
				WHEN d.id IN ('pump_wear', 'scale', 'tubing_leak', 'broken_shaft', 'solids') THEN 'PUMP_WEAR'
				WHEN d.id IN ('motor_overheating', 'winding_rise', 'overload', 'stall', 'insulation', 'current_unbalance') THEN 'MOTOR_ISSUE'
				WHEN d.id IN ('drive_fault', 'voltage_unbalance', 'undervoltage', 'power_dip', 'power_fluctuation', 'unstable_drive', 'communication_lost') THEN 'VSD_ISSUE'
				WHEN d.id IN ('downthrust', 'upthrust') THEN 'VIBRATION_ISSUE'
				WHEN d.id IN ('pump_off', 'low_intake_pressure', 'closed_valve', 'plugged_intake', 'inflow_decrease', 'underload') THEN 'LOW_FLOW'
				ELSE 'UNKNOWN'
			END AS diagnosis,
			CASE d.confidence WHEN 'likely' THEN 0.85 WHEN 'possible' THEN 0.6 WHEN 'weak' THEN 0.35 END::float8 AS confidence,
			CASE WHEN d.id = 'gauge_fault' THEN 'low' ELSE CASE d.severity WHEN 'now' THEN 'critical' WHEN 'today' THEN 'high' WHEN 'plan' THEN 'medium' ELSE 'info' END END AS severity,
			(SELECT jsonb_agg(s->>'text') FROM jsonb_array_elements(CASE WHEN jsonb_typeof(d.steps) = 'array' THEN d.steps END) s) AS actions,
			(SELECT to_jsonb(t) FROM esp.esp_telemetry t WHERE t.well_id = d.well AND t."timestamp" BETWEEN d.time - interval '1 min' AND d.time
				ORDER BY t."timestamp" DESC LIMIT 1) AS telemetry_snapshot,
			(SELECT min(c.time) FROM esp.diagnosis c WHERE c.well = d.well AND c.id = d.id AND c.state = 'cleared' AND c.time >= d.time) AS resolution_time,
			d.text AS notes
		FROM esp.diagnosis d WHERE d.state IN ('raised', 'updated');

	GRANT SELECT ON esp.event, esp.alarm, esp.diagnosis, esp.gap, esp.trip_record, esp.esp_telemetry, esp.diagnostic_results, esp.signal TO esp_reader;
END $$;
