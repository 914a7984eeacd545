-- The three functions of the edges, and what they are made of. They run with the
-- rights of esp_owner; who calls is taken from session_user, which an edge cannot
-- change. Dynamic SQL is built from integers and from names of esp.signal only.
-- jit stays off: compiling costs a hundred times what a batch of a minute does.
SET LOCAL ROLE esp_owner;

-- caller is the edge whose session this is.
CREATE FUNCTION esp.caller() RETURNS int LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_edge int;
BEGIN
	SELECT id INTO v_edge FROM esp.edge WHERE role = session_user;
	IF v_edge IS NULL THEN
		RAISE EXCEPTION 'role "%" is no registered edge of this centre', session_user
			USING ERRCODE = 'WK001', HINT = 'run: wellkeeper central add-edge';
	END IF;
	RETURN v_edge;
END $$;

-- add_edge registers an edge, gives it wells and the right to call the three
-- functions. Repeating it adds what is missing.
CREATE FUNCTION esp.add_edge(p_name text, p_role name, p_wells text[]) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_edge int;
	v_well text;
	v_id   int;
BEGIN
	INSERT INTO esp.edge (name, role) VALUES (p_name, p_role) ON CONFLICT (role) DO UPDATE SET role = excluded.role RETURNING id INTO v_edge;
	FOREACH v_well IN ARRAY p_wells LOOP
		INSERT INTO esp.well (name) VALUES (v_well) ON CONFLICT (name) DO NOTHING;
		SELECT id INTO v_id FROM esp.well WHERE name = v_well;
		INSERT INTO esp.edge_well VALUES (v_edge, v_id) ON CONFLICT DO NOTHING;
		-- Records may have come before the well was given to the edge.
		UPDATE esp.record SET well_id = v_id WHERE edge_id = v_edge AND well = v_well AND well_id IS NULL;
	END LOOP;
	EXECUTE format('GRANT USAGE ON SCHEMA esp TO %I', p_role);
	EXECUTE format('GRANT EXECUTE ON FUNCTION esp.hello(jsonb), esp.register_layout(bigint, jsonb), esp.ingest(bigint, bytea) TO %I', p_role);
	RETURN v_edge;
END $$;

-- hello answers who the edge is, what the centre's clock says and what has been
-- applied of the edge's logs; client = {"software": text, "epochs": [bigint…]}.
CREATE FUNCTION esp.hello(client jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	v_edge int := esp.caller();
BEGIN
	IF octet_length(client::text) > 65536 THEN
		RAISE EXCEPTION 'greeting of % bytes', octet_length(client::text) USING ERRCODE = 'WK006';
	END IF;
	UPDATE esp.edge SET seen_at = now(), software = left(client->>'software', 100) WHERE id = v_edge;
	RETURN jsonb_build_object(
		'edge', (SELECT name FROM esp.edge WHERE id = v_edge),
		'schema', (SELECT max(version) FROM esp.migration),
		'server_time', clock_timestamp(),
		'applied', (
			SELECT coalesce(jsonb_agg(jsonb_build_object('well', coalesce(w.name, ''), 'epoch', e.epoch, 'ranges',
				(SELECT jsonb_agg(jsonb_build_array(lower(r), upper(r) - 1) ORDER BY r) FROM unnest(b.applied) r)) ORDER BY e.id, b.well_id), '[]')
			FROM esp.batch b JOIN esp.epoch e ON e.id = b.epoch_id LEFT JOIN esp.well w ON w.id = b.well_id
			WHERE NOT isempty(b.applied) AND client->'epochs' @> to_jsonb(e.epoch)
				AND (b.well_id = 0 AND esp.may_use(v_edge, e.edge_id)
					OR EXISTS (SELECT FROM esp.edge_well ew WHERE ew.edge_id = v_edge AND ew.well_id = b.well_id))));
END $$;

-- may_use reports whether an edge may go on with the epoch of another: a box that was
-- provisioned anew under another name keeps its store.
CREATE FUNCTION esp.may_use(p_edge int, p_owner int) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
	SELECT p_edge = p_owner OR EXISTS (SELECT FROM esp.edge_well a JOIN esp.edge_well b USING (well_id) WHERE a.edge_id = p_edge AND b.edge_id = p_owner)
$$;

CREATE FUNCTION esp.epoch_of(p_edge int, p_epoch bigint) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_id    int;
	v_owner int;
BEGIN
	SELECT id, edge_id INTO v_id, v_owner FROM esp.epoch WHERE epoch = p_epoch;
	IF NOT FOUND THEN
		INSERT INTO esp.epoch (epoch, edge_id) VALUES (p_epoch, p_edge) ON CONFLICT DO NOTHING;
		SELECT id, edge_id INTO v_id, v_owner FROM esp.epoch WHERE epoch = p_epoch;
	END IF;
	IF NOT esp.may_use(p_edge, v_owner) THEN
		RAISE EXCEPTION 'this store belongs to another edge, with which this one shares no well' USING ERRCODE = 'WK007';
	END IF;
	RETURN v_id;
END $$;

-- register_layout makes a layout known: body = {"well": text, "columns": [{"name",
-- "device", "unit", "form", "mul", "div", "offset"}…]}. Repeating it changes nothing.
CREATE FUNCTION esp.register_layout(id bigint, body jsonb) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
	v_edge   int := esp.caller();
	v_well   int;
	v_layout int;
	v_body   jsonb;
BEGIN
	IF octet_length(body::text) > 262144 OR jsonb_array_length(body->'columns') NOT BETWEEN 1 AND 512 THEN
		RAISE EXCEPTION 'layout of % bytes', octet_length(body::text) USING ERRCODE = 'WK006';
	END IF;
	SELECT w.id INTO v_well FROM esp.well w JOIN esp.edge_well ew ON ew.well_id = w.id AND ew.edge_id = v_edge WHERE w.name = body->>'well';
	IF v_well IS NULL THEN
		RAISE EXCEPTION 'well "%" is not given to this edge', body->>'well' USING ERRCODE = 'WK002', HINT = 'run: wellkeeper central add-edge';
	END IF;
	SELECT l.id, l.body INTO v_layout, v_body FROM esp.layout l WHERE l.well_id = v_well AND l.hash = register_layout.id AND l.variant = '';
	IF FOUND THEN
		IF v_body <> register_layout.body THEN
			RAISE EXCEPTION 'layout % is known with other columns', register_layout.id USING ERRCODE = '22023';
		END IF;
		RETURN v_layout;
	END IF;
	RETURN esp.add_layout(v_well, register_layout.id, '', register_layout.body, '{}');
END $$;

-- add_layout stores a layout, or a variant of it with shifts = {"column": shift}.
CREATE FUNCTION esp.add_layout(p_well int, p_hash bigint, p_variant text, p_body jsonb, p_shifts jsonb) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_layout int;
BEGIN
	IF (SELECT count(*) FROM esp.layout WHERE well_id = p_well AND hash = p_hash) >= 64 THEN
		RAISE EXCEPTION 'more than 64 variants of layout %', p_hash USING ERRCODE = 'WK006';
	END IF;
	INSERT INTO esp.layout (well_id, hash, variant, body, targets, pos, mul, div, off, shift)
		WITH c AS (
			SELECT (n - 1)::int AS pos, s.id AS signal_id, s.name, (v->>'mul')::float8 AS mul, (v->>'div')::float8 AS div,
				(v->>'offset')::float8 AS off, coalesce((p_shifts->>(n - 1)::text)::bigint, 0) AS shift
			FROM jsonb_array_elements(p_body->'columns') WITH ORDINALITY AS e(v, n)
			-- A column whose unit is not the canonical one must not be read as if it were.
			LEFT JOIN esp.signal s ON s.name = v->>'name' AND s.unit = v->>'unit' AND v->>'form' = 'integer')
		SELECT p_well, p_hash, p_variant, p_body,
			(SELECT array_agg(c.name ORDER BY c.pos) FROM c),
			array_agg(coalesce(c.pos, -1) ORDER BY s.id), array_agg(coalesce(c.mul, 1) ORDER BY s.id),
			array_agg(coalesce(c.div, 1) ORDER BY s.id), array_agg(coalesce(c.off, 0) ORDER BY s.id),
			array_agg(coalesce(c.shift, 0) ORDER BY s.id)
		FROM esp.signal s LEFT JOIN c ON c.signal_id = s.id
		RETURNING id INTO v_layout;
	INSERT INTO esp.layout_column (layout_id, pos, name, device, unit, form, mul, div, off, signal_id)
		SELECT v_layout, n - 1, left(v->>'name', 200), left(v->>'device', 200), left(v->>'unit', 50), v->>'form',
			(v->>'mul')::float8, (v->>'div')::float8, (v->>'offset')::float8, s.id
		FROM jsonb_array_elements(p_body->'columns') WITH ORDINALITY AS e(v, n)
		LEFT JOIN esp.signal s ON s.name = v->>'name' AND s.unit = v->>'unit' AND v->>'form' = 'integer';
	RETURN v_layout;
END $$;

-- ensure_month makes the partitions of the month that t lies in. They are attached, not
-- created in place, because that does not lock out readers.
CREATE FUNCTION esp.ensure_month(t timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	v_table  text;
	v_name   text;
	v_month  timestamptz := date_trunc('month', t);
BEGIN
	IF t < '2000-01-01' OR t >= '2100-01-01' THEN
		RETURN;
	END IF;
	FOREACH v_table IN ARRAY ARRAY['reading_raw', 'reading_extra'] LOOP
		v_name := v_table || to_char(v_month, '_YYYYMM');
		CONTINUE WHEN to_regclass('esp.' || v_name) IS NOT NULL;
		PERFORM pg_advisory_xact_lock(hashtext('esp.ensure_month'));
		CONTINUE WHEN to_regclass('esp.' || v_name) IS NOT NULL;
		EXECUTE format('CREATE TABLE esp.%I (LIKE esp.%I INCLUDING DEFAULTS)', v_name, v_table);
		EXECUTE format('ALTER TABLE esp.%I ATTACH PARTITION esp.%I FOR VALUES FROM (%L) TO (%L)',
			v_table, v_name, v_month, v_month + interval '1 month');
	END LOOP;
END $$;

-- claim takes the ledger row of a log for this transaction and says which numbers of
-- the batch are new.
CREATE FUNCTION esp.claim(p_epoch int, p_well int, p_first bigint, p_last bigint) RETURNS int8multirange LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_have int8multirange;
BEGIN
	SELECT applied INTO v_have FROM esp.batch WHERE epoch_id = p_epoch AND well_id = p_well FOR UPDATE;
	IF NOT FOUND THEN
		INSERT INTO esp.batch (epoch_id, well_id) VALUES (p_epoch, p_well) ON CONFLICT DO NOTHING;
		SELECT applied INTO v_have FROM esp.batch WHERE epoch_id = p_epoch AND well_id = p_well FOR UPDATE;
	END IF;
	RETURN int8multirange(int8range(p_first, p_last, '[]')) - v_have;
END $$;

-- settle writes what claim found new into the ledger.
CREATE FUNCTION esp.settle(p_edge int, p_epoch int, p_well int, p_seq bigint, p_fresh int8multirange, p_rows bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE esp.batch SET applied = applied + p_fresh, batches = batches + 1, rows = rows + p_rows, last_seq = p_seq, last_at = now()
		WHERE epoch_id = p_epoch AND well_id = p_well;
	UPDATE esp.edge SET seen_at = now() WHERE id = p_edge AND (seen_at IS NULL OR seen_at < now() - interval '30 s');
END $$;

-- ingest applies a batch: only numbers that are not in the ledger yet, in the
-- transaction that writes them into it. seq is the edge's number of the batch, for
-- people; what makes a repeat harmless is the ledger.
CREATE FUNCTION esp.ingest(seq bigint, payload bytea, OUT applied bigint, OUT repeated bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET jit = off SET timezone = 'UTC' AS $$
DECLARE
	v_edge int := esp.caller();
	v_size int := coalesce(octet_length(payload), 0);
BEGIN
	IF v_size > 4194304 THEN
		RAISE EXCEPTION 'batch of % bytes', v_size USING ERRCODE = 'WK006';
	END IF;
	IF v_size < 31 OR substr(payload, 1, 3) <> '\x574b42' THEN
		RAISE EXCEPTION 'these % bytes are no batch', v_size USING ERRCODE = 'WK004';
	END IF;
	IF get_byte(payload, 3) <> 1 THEN
		RAISE EXCEPTION 'batch of version %; this centre reads 1', get_byte(payload, 3) USING ERRCODE = 'WK005', HINT = 'run: wellkeeper central migrate';
	END IF;
	IF substr(sha256(substr(payload, 1, v_size - 4)), 1, 4) <> substr(payload, v_size - 3) THEN
		RAISE EXCEPTION 'batch is damaged: its check sum is wrong' USING ERRCODE = 'WK004';
	END IF;
	CASE get_byte(payload, 4)
	WHEN 1 THEN
		SELECT * INTO applied, repeated FROM esp.ingest_readings_v1(v_edge, seq, payload);
	WHEN 2 THEN
		SELECT * INTO applied, repeated FROM esp.ingest_records_v1(v_edge, seq, payload);
	ELSE
		RAISE EXCEPTION 'batch of kind %', get_byte(payload, 4) USING ERRCODE = 'WK004';
	END CASE;
END $$;
