-- Roles, tables and the ledger. Runs in one transaction as whoever migrates; all
-- objects belong to esp_owner, which nobody can log in as and whose rights the three
-- functions of the edges run with.
DO $$
BEGIN
	-- Roles belong to the whole cluster: another database may have made them, or be
	-- making them at this moment.
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'esp_owner') THEN
		BEGIN
			CREATE ROLE esp_owner NOLOGIN;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
		END;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'esp_reader') THEN
		BEGIN
			CREATE ROLE esp_reader NOLOGIN;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
		END;
	END IF;
	IF NOT pg_catalog.pg_has_role(current_user, 'esp_owner', 'MEMBER') THEN
		EXECUTE pg_catalog.format('GRANT esp_owner TO %I', current_user);
	END IF;
END $$;

CREATE SCHEMA esp AUTHORIZATION esp_owner;
SET LOCAL ROLE esp_owner;
-- Of a function that is made here, nobody but the owner has the right to execute it.
ALTER DEFAULT PRIVILEGES FOR ROLE esp_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA esp TO esp_reader;

CREATE TABLE esp.migration (
	version    int PRIMARY KEY,
	name       text NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE esp.edge (
	id         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
	role       name NOT NULL UNIQUE,  -- session_user of its sessions
	created_at timestamptz NOT NULL DEFAULT now(),
	seen_at    timestamptz,           -- to half a minute
	software   text
);

CREATE TABLE esp.well (
	id            int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name          text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
	-- The newest scan by number, not by time: a clock may have been wrong.
	last_epoch_id int,
	last_scan     bigint,
	last_time     timestamptz
);

-- Which wells an edge may write. A well that moves to another box keeps its data.
CREATE TABLE esp.edge_well (
	edge_id int NOT NULL REFERENCES esp.edge,
	well_id int NOT NULL REFERENCES esp.well,
	PRIMARY KEY (edge_id, well_id)
);

-- The dictionary of canonical signals, filled from the program's table. id is the
-- index of the signal in the arrays of esp.layout.
CREATE TABLE esp.signal (
	id       int PRIMARY KEY,
	name     text NOT NULL UNIQUE,
	label    text NOT NULL,
	short    text NOT NULL,
	unit     text NOT NULL,
	decimals int NOT NULL,
	kind     text NOT NULL,
	grp      text NOT NULL,
	low      double precision,  -- plausible range; null where there is none
	high     double precision
);

-- How the integers of a well's scans map to values. The arrays are indexed by
-- esp.signal.id: value = (integer + shift) * mul / div + off. pos is the column of the
-- layout, -1 where the layout has no such signal. A variant is the same layout with
-- other shifts, for integers that need more than an int4.
CREATE TABLE esp.layout (
	id            int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	well_id       int NOT NULL REFERENCES esp.well,
	hash          bigint NOT NULL,
	variant       text NOT NULL DEFAULT '',
	targets       text[] NOT NULL,  -- per column the signal's name; null for a vendor-only signal
	pos           int[] NOT NULL,
	mul           double precision[] NOT NULL,
	div           double precision[] NOT NULL,
	off           double precision[] NOT NULL,
	shift         bigint[] NOT NULL,
	body          jsonb NOT NULL,   -- as the edge registered it
	registered_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (well_id, hash, variant)
);

CREATE TABLE esp.layout_column (
	layout_id int NOT NULL REFERENCES esp.layout,
	pos       int NOT NULL,
	name      text NOT NULL,
	device    text,
	unit      text NOT NULL,
	form      text NOT NULL CHECK (form IN ('integer', 'float32')),
	mul       double precision NOT NULL,
	div       double precision NOT NULL,
	off       double precision NOT NULL,
	signal_id int REFERENCES esp.signal,
	PRIMARY KEY (layout_id, pos)
);

-- An epoch is the random id of a store's life on an edge; numbers are unique within it.
CREATE TABLE esp.epoch (
	id         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	epoch      bigint NOT NULL UNIQUE,
	edge_id    int NOT NULL REFERENCES esp.edge,
	started_at timestamptz NOT NULL DEFAULT now()
);

-- The ledger: which numbers of a log have been applied. It is written in the same
-- transaction as the rows themselves. well_id 0 is the record log of the edge.
CREATE TABLE esp.batch (
	epoch_id    int NOT NULL REFERENCES esp.epoch,
	well_id     int NOT NULL,
	applied     int8multirange NOT NULL DEFAULT '{}',
	batches     bigint NOT NULL DEFAULT 0,  -- that brought something new
	rows        bigint NOT NULL DEFAULT 0,
	last_seq    bigint,                     -- the edge's number of the latest of them
	last_at     timestamptz,
	PRIMARY KEY (epoch_id, well_id)
) WITH (fillfactor = 50);

-- One row per scan, one int4 column per canonical signal (added by
-- esp.define_signals). quality is null where every value that is there is good and
-- every one that is not was not due; else it has one byte per column of the layout,
-- quality in the upper three bits and reason in the lower five.
CREATE TABLE esp.reading_raw (
	time      timestamptz NOT NULL,
	scan      bigint NOT NULL,
	well_id   int NOT NULL,
	epoch_id  int NOT NULL,
	layout_id int NOT NULL,
	quality   bytea
) PARTITION BY RANGE (time);
CREATE INDEX reading_raw_brin ON esp.reading_raw USING brin (time, well_id) WITH (pages_per_range = 16, autosummarize = on);

-- Vendor-only signals, one row per value: raw is the register integer, or the bits of
-- a single-precision float (esp.layout_column.form).
CREATE TABLE esp.reading_extra (
	time      timestamptz NOT NULL,
	scan      bigint NOT NULL,
	raw       bigint,
	well_id   int NOT NULL,
	epoch_id  int NOT NULL,
	layout_id int NOT NULL,
	pos       smallint NOT NULL,
	code      smallint NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX reading_extra_brin ON esp.reading_extra USING brin (time, well_id) WITH (pages_per_range = 16, autosummarize = on);

-- Times that only a wrong clock gives have two partitions of their own. All others are
-- made per month when their first row comes.
CREATE TABLE esp.reading_raw_before PARTITION OF esp.reading_raw FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00:00+00');
CREATE TABLE esp.reading_raw_after PARTITION OF esp.reading_raw FOR VALUES FROM ('2100-01-01 00:00:00+00') TO (MAXVALUE);
CREATE TABLE esp.reading_extra_before PARTITION OF esp.reading_extra FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00:00+00');
CREATE TABLE esp.reading_extra_after PARTITION OF esp.reading_extra FOR VALUES FROM ('2100-01-01 00:00:00+00') TO (MAXVALUE);

-- Events, alarms, diagnoses, gaps and the other records of an edge, as they were
-- written there. body is null where the bytes are no JSON that PostgreSQL can hold;
-- raw then has them.
CREATE TABLE esp.record (
	epoch_id    int NOT NULL REFERENCES esp.epoch,
	seq         bigint NOT NULL,
	edge_id     int NOT NULL REFERENCES esp.edge,
	well_id     int REFERENCES esp.well,  -- null for the edge itself and for a well that is not the edge's
	well        text NOT NULL,
	time        timestamptz NOT NULL,
	kind        text NOT NULL,
	version     int NOT NULL,
	body        jsonb,
	raw         bytea,
	received_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (epoch_id, seq)
);
CREATE INDEX record_kind ON esp.record (kind, well_id, time);
