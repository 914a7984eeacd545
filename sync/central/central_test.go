package central_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/central/centraltest"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// mustStart makes an empty database.
func mustStart(tb testing.TB) *centraltest.DB {
	tb.Helper()
	return centraltest.MustStart(tb)
}

// mustMigrate makes a database with the schema.
func mustMigrate(tb testing.TB) *centraltest.DB {
	tb.Helper()
	return mustMigrateOver(tb, "")
}

// mustMigrateOver makes a database with the schema over what sql has made before.
func mustMigrateOver(tb testing.TB, sql string) *centraltest.DB {
	tb.Helper()
	db := centraltest.MustStart(tb)
	if _, err := mustConnect(tb, db.DSN()).Exec(tb.Context(), sql); err != nil {
		tb.Fatal(err)
	}
	if _, err := central.Migrate(tb.Context(), db.DSN()); err != nil {
		tb.Fatalf("migrate: %v", err)
	}
	return db
}

// mustSink makes a sink that is closed with the test.
func mustSink(tb testing.TB, c central.Config) *central.Sink {
	tb.Helper()
	c.Log = zerolog.Nop()
	s, err := central.New(c)
	if err != nil {
		tb.Fatalf("new sink: %v", err)
	}
	tb.Cleanup(func() { s.Close(tb.Context()) })
	return s
}

// mustConnect connects as superuser.
func mustConnect(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), dsn)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(func() { conn.Close(tb.Context()) })
	return conn
}

// query reads one value.
func query[T any](tb testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	tb.Helper()
	var v T
	if err := conn.QueryRow(tb.Context(), sql, args...).Scan(&v); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return v
}

// edgeName is a role of this test alone: roles belong to the whole cluster.
func edgeName(tb testing.TB) string {
	tb.Helper()
	return "edge_" + strings.ToLower(strings.NewReplacer("/", "_", " ", "_").Replace(tb.Name()))[:min(len(tb.Name()), 50)]
}

// mustEdge registers an edge with wells and gives its sink.
func mustEdge(tb testing.TB, db *centraltest.DB, wells ...esp.WellID) *central.Sink {
	tb.Helper()
	name := edgeName(tb)
	if err := central.AddEdge(tb.Context(), db.DSN(), name, wells, "s3cret pass"); err != nil {
		tb.Fatalf("add edge: %v", err)
	}
	return mustSink(tb, central.Config{DSN: db.DSNFor(name, "s3cret pass")})
}

// encode makes the payload of a batch and its mapping.
func encode(tb testing.TB, b wiretest.Batch) ([]byte, *wire.Mapping) {
	tb.Helper()
	m, err := wire.NewMapping(b.Layout)
	if err != nil {
		tb.Fatalf("mapping: %v", err)
	}
	w := wire.NewBuilder()
	w.Reset(m, b.Epoch, b.First, b.Last)
	for i := range b.Scans {
		if err := w.Add(&b.Scans[i]); err != nil {
			tb.Fatalf("add scan: %v", err)
		}
	}
	payload, err := w.Append(nil)
	if err != nil {
		tb.Fatalf("encode: %v", err)
	}
	return payload, m
}

// mustIngest registers the layout and applies the batch.
func mustIngest(tb testing.TB, s *central.Sink, b wiretest.Batch) wire.Receipt {
	tb.Helper()
	payload, m := encode(tb, b)
	if err := s.Register(tb.Context(), m); err != nil {
		tb.Fatalf("register: %v", err)
	}
	r, err := s.Ingest(tb.Context(), 1, payload)
	if err != nil {
		tb.Fatalf("ingest: %v", err)
	}
	return r
}

// refused checks class and SQLSTATE of an error.
func refused(tb testing.TB, err error, class wire.Class, code string) {
	tb.Helper()
	r, ok := errors.AsType[*wire.Refusal](err)
	if !ok || r.Class != class || code != "" && r.Code != code {
		tb.Errorf("got error %v (%+v), want class %s with SQLSTATE %s", err, r, class, code)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		tb.Errorf("error text is not one line: %q", err)
	}
}

func TestMigrateIsRepeatable(t *testing.T) {
	db := centraltest.MustStart(t)
	first, err := central.Migrate(t.Context(), db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if first.From != 0 || first.To == 0 || first.Signals != len(esp.Signals()) {
		t.Errorf("first run: %+v", first)
	}
	again, err := central.Migrate(t.Context(), db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if again.From != first.To || again.To != first.To || again.Signals != 0 {
		t.Errorf("second run: %+v after %+v", again, first)
	}
	conn := mustConnect(t, db.DSN())
	if n := query[int](t, conn, "SELECT count(*) FROM esp.signal s JOIN information_schema.columns c ON c.table_schema='esp' AND c.table_name='reading_raw' AND c.column_name=s.name AND c.data_type='integer'"); n != len(esp.Signals()) {
		t.Errorf("%d signals have a column, want %d", n, len(esp.Signals()))
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO esp.migration VALUES (1000, 'later')"); err != nil {
		t.Fatal(err)
	}
	if _, err := central.Migrate(t.Context(), db.DSN()); !errors.Is(err, central.ErrNewerSchema) {
		t.Errorf("schema of a later release: got error %v, want ErrNewerSchema", err)
	}
}

func TestMigrateFromSeveralPlacesAtOnce(t *testing.T) {
	db := centraltest.MustStart(t)
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := central.Migrate(t.Context(), db.DSN())
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestStrayBatchIsRefused(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	b := wiretest.Unruly(wiretest.Rand(1), "RB-114", 10, 10)
	payload, m := encode(t, b)
	_, err := s.Ingest(t.Context(), 1, payload)
	refused(t, err, wire.UnknownLayout, "WK003")
	if err := s.Register(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	payload[50] ^= 1
	_, err = s.Ingest(t.Context(), 1, payload)
	refused(t, err, wire.BadBatch, "WK004")
	_, err = s.Ingest(t.Context(), 1, []byte("hello"))
	refused(t, err, wire.BadBatch, "WK004")
	_, err = s.Ingest(t.Context(), 1, make([]byte, wire.MaxPayload+1))
	refused(t, err, wire.BadBatch, "WK006")
	other, m := encode(t, wiretest.Unruly(wiretest.Rand(1), "RB-7", 10, 10))
	_, err = s.Ingest(t.Context(), 1, other)
	refused(t, err, wire.UnknownLayout, "WK003")
	refused(t, s.Register(t.Context(), m), wire.UnknownWell, "WK002")
	if n := query[int](t, mustConnect(t, db.DSN()), "SELECT count(*) FROM esp.reading_raw"); n != 0 {
		t.Errorf("%d rows arrived", n)
	}
}

func TestUnregisteredRoleIsOneClearLine(t *testing.T) {
	db := mustMigrate(t)
	conn := mustConnect(t, db.DSN())
	role := edgeName(t)
	for _, q := range []string{"CREATE ROLE %s LOGIN PASSWORD 'x'", "GRANT USAGE ON SCHEMA esp TO %s", "GRANT EXECUTE ON FUNCTION esp.hello(jsonb) TO %s"} {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(q, role)); err != nil {
			t.Fatal(err)
		}
	}
	s := mustSink(t, central.Config{DSN: db.DSNFor(role, "x"), Wells: func() []esp.WellID { return []esp.WellID{"RB-114"} }})
	_, err := s.Hello(t.Context(), nil)
	refused(t, err, wire.NotReady, "WK001")
	_, err = mustSink(t, central.Config{DSN: db.DSNFor(role, "wrong")}).Hello(t.Context(), nil)
	refused(t, err, wire.NotReady, "28P01")
}

func TestLoopbackSuperuserRegistersItself(t *testing.T) {
	db := centraltest.MustStart(t)
	s := mustSink(t, central.Config{DSN: db.DSN(), Edge: "box", Wells: func() []esp.WellID { return []esp.WellID{"RB-114"} }, Software: "wellkeeper test"})
	g, err := s.Hello(t.Context(), []uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	if g.Edge != "box" || g.Schema == 0 || g.ServerTime.IsZero() || len(g.Applied) != 0 {
		t.Errorf("greeting: %+v", g)
	}
	mustIngest(t, s, wiretest.Unruly(wiretest.Rand(1), "RB-114", 10, 10))
	// A well that came later.
	s = mustSink(t, central.Config{DSN: db.SocketDSN(), Edge: "box", Wells: func() []esp.WellID { return []esp.WellID{"RB-114", "RB-115"} }})
	mustIngest(t, s, wiretest.Unruly(wiretest.Rand(2), "RB-115", 10, 10))
	state, err := central.Status(t.Context(), db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Wells) != 2 || len(state.Edges) != 1 || state.Wells[1].Rows != 10 || state.Edges[0].Software != "wellkeeper test" || len(state.Compatible) != 2 {
		t.Errorf("status: %+v", state)
	}
}
