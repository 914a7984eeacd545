package central_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/wire/wiretest"
)

// TestEdgeMayCallThreeFunctionsAndNothingElse asks the catalogue for every right that
// the role of an edge has beyond those that nobody can take away.
func TestEdgeMayCallThreeFunctionsAndNothingElse(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	mustIngest(t, s, wiretest.Unruly(wiretest.Rand(1), "RB-114", 20, 60)) // makes partitions
	admin := mustConnect(t, db.DSN())
	role := edgeName(t)
	for what, sql := range map[string]string{
		"relations": `SELECT coalesce(string_agg(c.oid::regclass::text, ' ' ORDER BY 1), '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
			AND (CASE WHEN c.relkind = 'S' THEN has_sequence_privilege($1, c.oid, 'USAGE, SELECT, UPDATE')
				ELSE has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') OR has_any_column_privilege($1, c.oid, 'SELECT, INSERT, UPDATE') END)`,
		"schemas":    `SELECT coalesce(string_agg(nspname, ' '), '') FROM pg_namespace WHERE has_schema_privilege($1, oid, 'CREATE')`,
		"databases":  `SELECT coalesce(string_agg(p, ' '), '') FROM unnest(ARRAY['CREATE', 'TEMPORARY']) p WHERE has_database_privilege($1, current_database(), p)`,
		"roles":      `SELECT coalesce(string_agg(rolname, ' '), '') FROM pg_roles WHERE rolname <> $1 AND pg_has_role($1, oid, 'MEMBER')`,
		"attributes": `SELECT CASE WHEN rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls THEN 'some' ELSE '' END FROM pg_roles WHERE rolname = $1`,
	} {
		if got := query[string](t, admin, sql, role); got != "" {
			t.Errorf("the edge has rights on %s: %s", what, got)
		}
	}
	got := query[string](t, admin, `SELECT string_agg(p.oid::regprocedure::text, ' ' ORDER BY p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND has_function_privilege($1, p.oid, 'EXECUTE')`, role)
	if want := "esp.hello(jsonb) esp.ingest(bigint,bytea) esp.register_layout(bigint,jsonb)"; got != want {
		t.Errorf("the edge may execute %s, want %s", got, want)
	}
	owner := query[string](t, admin, `SELECT string_agg(DISTINCT pg_get_userbyid(c.relowner) || ' ' || r.rolcanlogin, ',') FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'esp' AND c.relkind IN ('r', 'p', 'v')`)
	if owner != "esp_owner false" {
		t.Errorf("owner of the tables: %s", owner)
	}
	unpinned := query[string](t, admin, `SELECT coalesce(string_agg(proname, ' '), '') FROM pg_proc WHERE pronamespace = 'esp'::regnamespace AND prosecdef
		AND NOT ('search_path=pg_catalog, pg_temp' = ANY(proconfig) AND 'jit=off' = ANY(proconfig))`)
	if unpinned != "" {
		t.Errorf("not pinned: %s", unpinned)
	}
}

// TestEdgeIsDenied tries what a stolen edge would.
func TestEdgeIsDenied(t *testing.T) {
	db := mustMigrate(t)
	mustEdge(t, db, "RB-114")
	mustConnect(t, db.DSN()) // a superuser's session to attack
	conn := mustConnect(t, db.DSNFor(edgeName(t), "s3cret pass"))
	for _, sql := range []string{
		"SELECT * FROM esp.edge", "SELECT * FROM esp.reading", "SELECT * FROM esp.latest", "SELECT * FROM public.esp_telemetry",
		"INSERT INTO esp.reading_raw (time, scan, well_id, epoch_id, layout_id) VALUES (now(), 1, 1, 1, 1)",
		"UPDATE esp.batch SET applied = '{}'", "DELETE FROM esp.record", "TRUNCATE esp.batch",
		"SELECT esp.add_edge('x', 'postgres', '{}')", "SELECT esp.ingest_readings_v1(1, 1, '')", "SELECT esp.ensure_month(now())", "SELECT esp.caller()",
		"CREATE TABLE esp.mine (a int)", "CREATE TABLE public.mine (a int)", "CREATE TEMP TABLE mine (a int)", "CREATE SCHEMA mine", "CREATE ROLE mine",
		"CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE DATABASE mine", "ALTER ROLE CURRENT_USER SUPERUSER",
		"SET ROLE esp_owner", "SET SESSION AUTHORIZATION postgres", "GRANT esp_owner TO CURRENT_USER",
		"SELECT lo_create(0)", "SELECT lo_from_bytea(0, 'x')", "SELECT pg_read_file('PG_VERSION')", "SELECT pg_ls_dir('.')",
		"COPY (SELECT 1) TO '/tmp/x'", "COPY (SELECT 1) TO PROGRAM 'cat'", "SELECT pg_reload_conf()", "SELECT pg_terminate_backend((SELECT min(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()))",
	} {
		_, err := conn.Exec(t.Context(), sql)
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42501" {
			t.Errorf("%s: got error %v, want SQLSTATE 42501", sql, err)
		}
	}
}

func TestRolesThatWereThereKeepTheirRights(t *testing.T) {
	db := mustMigrate(t)
	admin := mustConnect(t, db.DSN())
	if !query[bool](t, admin, "SELECT has_database_privilege('postgres', current_database(), 'TEMP')") {
		t.Error("a role that was there before may no longer make temporary tables")
	}
}

func TestAddEdgeRefusesStrongRoles(t *testing.T) {
	db := mustMigrate(t)
	for _, name := range []string{"postgres", "", "pg_monitor", "a b", "x\"y"} {
		if err := central.AddEdge(t.Context(), db.DSN(), name, nil, "pw"); !errors.Is(err, central.ErrRole) {
			t.Errorf("%q: got error %v, want ErrRole", name, err)
		}
	}
	if err := central.AddEdge(t.Context(), db.DSN(), edgeName(t), nil, ""); !errors.Is(err, central.ErrRole) {
		t.Errorf("without a password: got error %v, want ErrRole", err)
	}
}

func TestAddEdgeMayBeRepeated(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	if _, err := s.Hello(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := central.AddEdge(t.Context(), db.DSN(), edgeName(t), []esp.WellID{"RB-115"}, "another"); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), db.DSNFor(edgeName(t), "s3cret pass")); err == nil {
		t.Error("the old password still works")
	}
	mustConnect(t, db.DSNFor(edgeName(t), "another"))
	mustIngest(t, s, wiretest.Unruly(wiretest.Rand(1), "RB-115", 5, 5))
}

func TestForeignEpochAndWell(t *testing.T) {
	db := mustMigrate(t)
	a := mustEdge(t, db, "A")
	b := wiretest.Unruly(wiretest.Rand(1), "A", 5, 5)
	mustIngest(t, a, b)
	if err := central.AddEdge(t.Context(), db.DSN(), edgeName(t)+"_b", []esp.WellID{"B"}, "pw"); err != nil {
		t.Fatal(err)
	}
	other := mustSink(t, central.Config{DSN: db.DSNFor(edgeName(t)+"_b", "pw")})
	payload, m := encode(t, b)
	if err := other.Register(t.Context(), m); err == nil {
		t.Error("an edge registered a layout for another's well")
	}
	if _, err := other.Ingest(t.Context(), 1, payload); err == nil {
		t.Error("an edge wrote another's well")
	}
	own := wiretest.Unruly(wiretest.Rand(1), "B", 5, 5)
	own.Epoch = b.Epoch
	payload, m = encode(t, own)
	if err := other.Register(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	_, err := other.Ingest(t.Context(), 1, payload)
	refused(t, err, "not_ready", "WK007")
	// Provisioned anew for the same well, the box goes on with its store.
	if err := central.AddEdge(t.Context(), db.DSN(), edgeName(t)+"_b", []esp.WellID{"A"}, ""); err != nil {
		t.Fatal(err)
	}
	if r := mustIngest(t, other, b); r.Repeated != uint64(len(b.Scans)) {
		t.Errorf("receipt %+v", r)
	}
}

// TestMigrateWithoutASuperuser uses the rights that a hosted database gives.
func TestMigrateWithoutASuperuser(t *testing.T) {
	db := mustStart(t)
	admin := mustConnect(t, db.DSN())
	role := edgeName(t)
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN CREATEROLE PASSWORD 'dba'",
		"GRANT CREATE ON DATABASE " + query[string](t, admin, "SELECT current_database()::text") + " TO " + role,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	dsn := db.DSNFor(role, "dba")
	for range 2 {
		if _, err := central.Migrate(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
	}
	if err := central.AddEdge(t.Context(), dsn, role+"_e", []esp.WellID{"A"}, "pw"); err != nil {
		t.Fatal(err)
	}
	s := mustSink(t, central.Config{DSN: db.DSNFor(role+"_e", "pw")})
	mustIngest(t, s, wiretest.Unruly(wiretest.Rand(1), "A", 5, 5))
	if _, err := central.Status(t.Context(), dsn); err != nil {
		t.Errorf("status: %v", err)
	}
}
