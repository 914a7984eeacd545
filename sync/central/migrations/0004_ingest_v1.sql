-- Batches of version 1 (sync/wire/FORMAT.md). Later versions get functions of their
-- own, so that boxes in the field need not be updated together with the centre.
SET LOCAL ROLE esp_owner;

-- signed_at reads a big-endian number of n bytes (0 to 8) in two's complement at byte
-- o of the batch, whose bits are b.
CREATE FUNCTION esp.signed_at(b bit varying, o int, n int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN n = 0 THEN 0 ELSE (substring(b from o * 8 + 1 for n * 8)::bigint << (64 - n * 8)) >> (64 - n * 8) END
$$;

-- steps_at decodes n numbers in delta form: base, then n - 1 distances above step of
-- width bits from byte o on.
CREATE FUNCTION esp.steps_at(b bit varying, o int, n int, width int, base bigint, step bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN width = 0 THEN ARRAY(SELECT base + i * step FROM generate_series(0, n - 1) i)
		WHEN width <= 31 THEN ARRAY(SELECT base + i * step + coalesce(sum(substring(b from o * 8 + 1 + (i - 1) * width for width)::int)
			FILTER (WHERE i > 0) OVER (ORDER BY i ROWS UNBOUNDED PRECEDING), 0) FROM generate_series(0, n - 1) i)
		ELSE ARRAY(SELECT (base + i * step + coalesce(sum(substring(b from o * 8 + 1 + (i - 1) * width for width)::bigint)
			FILTER (WHERE i > 0) OVER (ORDER BY i ROWS UNBOUNDED PRECEDING), 0))::bigint FROM generate_series(0, n - 1) i)
	END
$$;

-- column_v1 is the SQL expression of the values of one column over the row number i.
-- The rank of a row among those with a value is r<group>, whether it has one p<group>.
CREATE FUNCTION esp.column_v1(grp int, delta boolean, width int, base bigint, step bigint, o int) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_index text := CASE WHEN grp = 0 THEN 'i' ELSE 'r' || grp END;
	v_there text := CASE WHEN grp = 0 THEN '' ELSE ' AND p' || grp END;
	v_type  text := CASE WHEN width = 32 THEN 'bigint' ELSE 'int' END;
	v_expr  text;
BEGIN
	IF NOT delta AND width = 0 THEN
		v_expr := format('(%s)', base);
	ELSIF NOT delta THEN
		v_expr := format('(%s) + substring($1 from %s + %s * %s for %s)::%s', base, o * 8 + 1, v_index, width, width, v_type);
	ELSIF width = 0 THEN
		v_expr := format('(%s)::bigint + %s * (%s)::bigint', base, v_index, step);
	ELSE
		v_expr := format('(%s)::bigint + %s * (%s)::bigint + coalesce(sum(substring($1 from %s + (%s - 1) * %s for %s)::int) FILTER (WHERE %s > 0%s) OVER o, 0)',
			base, v_index, step, o * 8 + 1, v_index, width, width, v_index, v_there);
	END IF;
	IF grp > 0 THEN
		v_expr := format('CASE WHEN p%s THEN %s END', grp, v_expr);
	END IF;
	RETURN v_expr;
END $$;

-- variant_of finds or makes the variant of a layout with the given shifts.
CREATE FUNCTION esp.variant_of(p_layout int, p_shifts jsonb) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	v_base esp.layout;
	v_id   int;
BEGIN
	SELECT * INTO v_base FROM esp.layout WHERE id = p_layout;
	SELECT id INTO v_id FROM esp.layout WHERE well_id = v_base.well_id AND hash = v_base.hash AND variant = p_shifts::text;
	IF v_id IS NULL THEN
		v_id := esp.add_layout(v_base.well_id, v_base.hash, p_shifts::text, v_base.body, p_shifts);
	END IF;
	RETURN v_id;
END $$;

CREATE FUNCTION esp.ingest_readings_v1(p_edge int, p_seq bigint, payload bytea, OUT applied bigint, OUT repeated bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET jit = off SET timezone = 'UTC' AS $$
DECLARE
	b          bit varying := ('x' || encode(payload, 'hex'))::bit varying;
	v_end      int := octet_length(payload) - 4;
	v_epoch    int;
	v_first    bigint := substring(b from 105 for 64)::bigint;
	v_last     bigint := v_first + substring(b from 169 for 32)::bigint;
	v_rows     int := substring(b from 201 for 16)::int;
	v_hash     bigint := substring(b from 217 for 64)::bigint;
	v_columns  int := substring(b from 281 for 16)::int;
	o          int := 37;  -- the byte that is read next
	v_layout   int;
	v_well     int;
	v_targets  text[];
	v_want     int8multirange;
	v_fresh    int8multirange;
	v_times    bigint[];
	v_scans    bigint[];
	v_groups   int;
	v_counts   int[];      -- rows with a value, by group
	v_flags    text := ''; -- p<group> of each bitmap
	v_ranks    text := ''; -- r<group> of each bitmap
	v_patterns bytea[];
	v_count    int := 0;
	v_month    timestamptz;
	v_quality  text := 'NULL::bytea';
	v_group    int := 0;
	v_head     int;
	v_lens     int;
	v_width    int;
	v_delta    boolean;
	v_shift    bigint;
	v_base     bigint;
	v_step     bigint;
	v_shifts   jsonb := '{}';
	v_exprs    text := '';  -- what is selected
	v_names    text := '';  -- where it goes
	v_cells    text := '';  -- and where the vendor-only columns go
	v_query    text;
BEGIN
	IF v_rows NOT BETWEEN 1 AND 3600 OR v_columns NOT BETWEEN 1 AND 512 OR v_first < 1 OR v_last - v_first >= 1073741824 OR v_last - v_first + 1 < v_rows THEN
		RAISE EXCEPTION 'batch of % rows and % columns for the scans % to %', v_rows, v_columns, v_first, v_last USING ERRCODE = 'WK004';
	END IF;
	SELECT l.id, l.well_id, l.targets INTO v_layout, v_well, v_targets
		FROM esp.layout l JOIN esp.edge_well ew ON ew.well_id = l.well_id AND ew.edge_id = p_edge
		WHERE l.hash = v_hash AND l.variant = '';
	IF v_layout IS NULL THEN
		RAISE EXCEPTION 'layout % is not registered', v_hash USING ERRCODE = 'WK003';
	END IF;
	IF cardinality(v_targets) <> v_columns THEN
		RAISE EXCEPTION 'batch of % columns for a layout of %', v_columns, cardinality(v_targets) USING ERRCODE = 'WK004';
	END IF;
	v_epoch := esp.epoch_of(p_edge, substring(b from 41 for 64)::bigint);
	v_want := int8multirange(int8range(v_first, v_last, '[]'));
	v_fresh := esp.claim(v_epoch, v_well, v_first, v_last);
	IF isempty(v_fresh) THEN
		applied := 0;
		repeated := v_rows;
		RETURN;
	END IF;

	-- Times and scan numbers.
	v_width := get_byte(payload, o + 8);
	v_lens := get_byte(payload, o + 9);
	IF v_width > 63 OR v_lens > 8 THEN
		RAISE EXCEPTION 'times of width %', v_width USING ERRCODE = 'WK004';
	END IF;
	v_times := esp.steps_at(b, o + 10 + v_lens, v_rows, v_width, esp.signed_at(b, o, 8), esp.signed_at(b, o + 10, v_lens));
	o := o + 10 + v_lens + ((v_rows - 1) * v_width + 7) / 8;
	v_head := get_byte(payload, o);
	o := o + 1;
	IF v_head > 0 THEN
		v_width := v_head & 127;
		IF v_width > 31 THEN
			RAISE EXCEPTION 'scan numbers of width %', v_width USING ERRCODE = 'WK004';
		END IF;
		v_scans := esp.steps_at(b, o + 8, v_rows, v_width,
			v_first + substring(b from o * 8 + 1 for 32)::bigint, substring(b from o * 8 + 33 for 32)::bigint);
		o := o + 8 + ((v_rows - 1) * v_width + 7) / 8;
		IF v_scans[v_rows] > v_last OR (SELECT count(DISTINCT n) FROM unnest(v_scans) n) < v_rows THEN
			RAISE EXCEPTION 'scan numbers beyond % or twice', v_last USING ERRCODE = 'WK004';
		END IF;
	ELSIF v_last - v_first + 1 <> v_rows THEN
		RAISE EXCEPTION '% rows for the scans % to % without holes', v_rows, v_first, v_last USING ERRCODE = 'WK004';
	END IF;
	FOR v_month IN SELECT DISTINCT date_trunc('month', to_timestamp(t::float8 / 1000)) FROM unnest(v_times) t LOOP
		v_count := v_count + 1;
		IF v_count > 24 THEN
			RAISE EXCEPTION 'one batch over more than 24 months' USING ERRCODE = 'WK006';
		END IF;
		PERFORM esp.ensure_month(v_month);
	END LOOP;

	-- Which rows have a value: one bitmap for all columns that share it.
	v_groups := substring(b from o * 8 + 1 for 16)::int;
	o := o + 2;
	v_counts := ARRAY[v_rows, 0];
	IF v_groups > v_columns THEN
		RAISE EXCEPTION '% bitmaps for % columns', v_groups, v_columns USING ERRCODE = 'WK004';
	END IF;
	FOR g IN 2 .. v_groups + 1 LOOP
		v_counts := v_counts || bit_count(substring(b from o * 8 + 1 for v_rows))::int;
		v_flags := v_flags || format(', get_bit($1, %s + i) = 1 AS p%s', o * 8, g);
		v_ranks := v_ranks || format(', (count(*) FILTER (WHERE p%s) OVER o - 1)::int AS r%s', g, g);
		o := o + (v_rows + 7) / 8;
	END LOOP;

	-- Quality: the patterns that occur, and per row which one.
	v_count := substring(b from o * 8 + 1 for 16)::int;
	o := o + 2;
	IF v_count > v_rows OR o > v_end THEN
		RAISE EXCEPTION '% quality patterns for % rows', v_count, v_rows USING ERRCODE = 'WK004';
	END IF;
	IF v_count > 0 THEN
		v_patterns := ARRAY(SELECT substr(payload, o + 1 + i * v_columns, v_columns) FROM generate_series(0, v_count - 1) i);
		o := o + v_count * v_columns;
		v_width := length(ltrim(v_count::bit(16)::text, '0'));
		v_quality := format('($3::bytea[])[substring($1 from %s + i * %s for %s)::int]', o * 8 + 1, v_width, v_width);
		o := o + (v_rows * v_width + 7) / 8;
	END IF;

	-- The columns.
	FOR c IN 0 .. v_columns - 1 LOOP
		v_head := get_byte(payload, o);
		v_lens := get_byte(payload, o + 1);
		o := o + 2;
		v_delta := v_head >= 128;
		v_width := v_head & 63;
		CASE v_lens >> 6
		WHEN 0, 1 THEN
			v_group := v_lens >> 6;
		WHEN 3 THEN
			v_group := substring(b from o * 8 + 1 for 16)::int;
			o := o + 2;
		ELSE -- the same as the column before
		END CASE;
		IF v_width > 32 OR v_group > v_groups + 1 OR (v_lens >> 3 & 7) > 4 OR v_delta AND v_width > 31 THEN
			RAISE EXCEPTION 'column % of width % and presence %', c, v_width, v_group USING ERRCODE = 'WK004';
		END IF;
		IF v_head & 64 > 0 THEN
			v_shift := substring(b from o * 8 + 1 for 32)::int::bigint * 2147483648;
			v_shifts := v_shifts || jsonb_build_object(c, v_shift);
			o := o + 4;
		ELSE
			v_shift := 0;
		END IF;
		v_base := esp.signed_at(b, o, v_lens >> 3 & 7);
		o := o + (v_lens >> 3 & 7);
		v_step := esp.signed_at(b, o, v_lens & 7);
		o := o + (v_lens & 7);
		v_count := v_counts[v_group + 1];
		IF v_count > 0 THEN
			v_exprs := v_exprs || format(', %s AS x%s', esp.column_v1(v_group, v_delta, v_width, v_base, v_step, o), c);
			o := o + ((v_count - v_delta::int) * v_width + 7) / 8;
		END IF;
		IF v_targets[c + 1] IS NULL THEN
			v_cells := v_cells || format(', (%s, %s)', c, CASE WHEN v_count > 0 THEN format('x%s + (%s)', c, v_shift) ELSE 'NULL::bigint' END);
		ELSIF v_count > 0 THEN
			v_names := v_names || format(', %I', v_targets[c + 1]);
			v_query := concat(v_query, ', x', c);
		END IF;
		IF o > v_end THEN
			RAISE EXCEPTION 'batch ends within column %', c USING ERRCODE = 'WK004';
		END IF;
	END LOOP;
	IF o <> v_end THEN
		RAISE EXCEPTION '% bytes left over', v_end - o USING ERRCODE = 'WK004';
	END IF;
	IF v_shifts <> '{}' THEN
		v_layout := esp.variant_of(v_layout, v_shifts);
	END IF;

	v_exprs := format('SELECT to_timestamp($2[i + 1]::float8 / 1000) AS t, %s AS n, %s AS q%s FROM ',
		CASE WHEN v_scans IS NULL THEN format('%s + i', v_first) ELSE '$4[i + 1]' END, v_quality, v_exprs);
	IF v_groups > 0 THEN
		v_exprs := v_exprs || format('(SELECT *%s FROM (SELECT i%s FROM generate_series(0, %s) i) a WINDOW o AS (ORDER BY i ROWS UNBOUNDED PRECEDING)) d',
			v_ranks, v_flags, v_rows - 1);
	ELSE
		v_exprs := v_exprs || format('generate_series(0, %s) i', v_rows - 1);
	END IF;
	v_exprs := v_exprs || ' WINDOW o AS (ORDER BY i ROWS UNBOUNDED PRECEDING)';
	IF v_fresh <> v_want THEN
		v_exprs := format('SELECT * FROM (%s) e WHERE $5 @> n', v_exprs);
	END IF;
	IF v_cells <> '' THEN
		v_exprs := format('d AS MATERIALIZED (%s)', v_exprs);
		v_cells := format(', e AS (INSERT INTO esp.reading_extra (time, scan, well_id, epoch_id, layout_id, pos, raw, code)
			SELECT t, n, %s, %s, %s, v.pos, v.raw, k.code FROM d CROSS JOIN LATERAL (VALUES %s) v(pos, raw)
			CROSS JOIN LATERAL (SELECT CASE WHEN q IS NOT NULL THEN get_byte(q, v.pos) WHEN v.raw IS NOT NULL THEN 32 ELSE 0 END) k(code)
			WHERE k.code > 0)', v_well, v_epoch, v_layout, substr(v_cells, 3));
		v_exprs := format('WITH %s%s', v_exprs, v_cells);
		v_query := format('%s INSERT INTO esp.reading_raw (time, scan, well_id, epoch_id, layout_id, quality%s) SELECT t, n, %s, %s, %s, q%s FROM d',
			v_exprs, v_names, v_well, v_epoch, v_layout, v_query);
	ELSE
		v_query := format('INSERT INTO esp.reading_raw (time, scan, well_id, epoch_id, layout_id, quality%s) SELECT t, n, %s, %s, %s, q%s FROM (%s) d',
			v_names, v_well, v_epoch, v_layout, v_query, v_exprs);
	END IF;
	EXECUTE v_query USING b, v_times, v_patterns, v_scans, v_fresh;
	GET DIAGNOSTICS applied = ROW_COUNT;
	repeated := v_rows - applied;

	PERFORM esp.settle(p_edge, v_epoch, v_well, p_seq, v_fresh, applied);
	UPDATE esp.well w SET last_epoch_id = v_epoch, last_scan = coalesce(v_scans[v_rows], v_last), last_time = to_timestamp(v_times[v_rows]::float8 / 1000)
		WHERE w.id = v_well AND (w.last_scan IS NULL OR (w.last_epoch_id, w.last_scan) < (v_epoch, coalesce(v_scans[v_rows], v_last)));
END $$;

CREATE FUNCTION esp.ingest_records_v1(p_edge int, p_seq bigint, payload bytea, OUT applied bigint, OUT repeated bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET jit = off SET timezone = 'UTC' AS $$
DECLARE
	b       bit varying := ('x' || encode(payload, 'hex'))::bit varying;
	v_end   int := octet_length(payload) - 4;
	v_first bigint := substring(b from 105 for 64)::bigint;
	v_last  bigint := v_first + substring(b from 169 for 32)::bigint;
	v_rows  int := substring(b from 201 for 16)::int;
	v_epoch int;
	v_fresh int8multirange;
	o       int := 27;
	v_seq   bigint;
	v_time  timestamptz;
	v_kind  bytea;
	v_well  bytea;
	v_raw   bytea;
	v_body  jsonb;
	v_version int;
	v_name  text;
	v_size  bigint;
BEGIN
	IF v_rows NOT BETWEEN 1 AND 1000 OR v_first < 1 OR v_last - v_first >= 1073741824 THEN
		RAISE EXCEPTION 'batch of % records for the numbers % to %', v_rows, v_first, v_last USING ERRCODE = 'WK004';
	END IF;
	v_epoch := esp.epoch_of(p_edge, substring(b from 41 for 64)::bigint);
	v_fresh := esp.claim(v_epoch, 0, v_first, v_last);
	applied := 0;
	IF isempty(v_fresh) THEN
		repeated := v_rows;
		RETURN;
	END IF;
	FOR i IN 1 .. v_rows LOOP
		v_size := get_byte(payload, o + 12) + get_byte(payload, o + 13) + substring(b from (o + 16) * 8 + 1 for 32)::bigint;
		IF o + 20 + v_size > v_end THEN
			RAISE EXCEPTION 'batch ends within a record' USING ERRCODE = 'WK004';
		END IF;
		v_seq := v_first + substring(b from o * 8 + 1 for 32)::bigint;
		v_time := to_timestamp(esp.signed_at(b, o + 4, 8)::float8 / 1000);
		v_version := get_byte(payload, o + 14) * 256 + get_byte(payload, o + 15);
		v_kind := substr(payload, o + 21, get_byte(payload, o + 12));
		v_well := substr(payload, o + 21 + octet_length(v_kind), get_byte(payload, o + 13));
		v_raw := substr(payload, o + 21 + octet_length(v_kind) + octet_length(v_well), v_size::int - octet_length(v_kind) - octet_length(v_well));
		o := o + 20 + v_size::int;
		CONTINUE WHEN NOT v_fresh @> v_seq;
		v_name := convert_from(v_well, 'UTF8');
		-- A body that PostgreSQL cannot hold as JSON (a NUL character, for one) is kept as
		-- its bytes: it must not hold up the records behind it.
		BEGIN
			v_body := convert_from(v_raw, 'UTF8')::jsonb;
			v_raw := NULL;
		EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
			v_body := NULL;
		END;
		INSERT INTO esp.record (epoch_id, seq, edge_id, well_id, well, time, kind, version, body, raw)
			VALUES (v_epoch, v_seq, p_edge,
				(SELECT w.id FROM esp.well w JOIN esp.edge_well ew ON ew.well_id = w.id AND ew.edge_id = p_edge WHERE w.name = v_name),
				v_name, v_time, convert_from(v_kind, 'UTF8'), v_version, v_body, v_raw);
		applied := applied + 1;
	END LOOP;
	IF o <> v_end THEN
		RAISE EXCEPTION '% bytes left over', v_end - o USING ERRCODE = 'WK004';
	END IF;
	repeated := v_rows - applied;
	PERFORM esp.settle(p_edge, v_epoch, 0, p_seq, v_fresh, applied);
END $$;
