package central_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// long is one row of esp.reading_long.
type long struct {
	Time    time.Time
	Scan    int64
	Signal  string
	Value   *float64
	Quality string
	Reason  *string
}

// readLong reads what the centre says of a well, by scan and signal.
func readLong(tb testing.TB, conn *pgx.Conn, well esp.WellID) map[string]long {
	tb.Helper()
	rows, err := conn.Query(tb.Context(), "SELECT time, scan, signal, value, quality, reason FROM esp.reading_long WHERE well = $1", string(well))
	if err != nil {
		tb.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[long])
	if err != nil {
		tb.Fatal(err)
	}
	out := make(map[string]long, len(all))
	for _, r := range all {
		key := fmt.Sprintf("%d/%s", r.Scan, r.Signal)
		if _, twice := out[key]; twice {
			tb.Fatalf("%s is there twice", key)
		}
		out[key] = r
	}
	return out
}

// compare checks each reading of a batch against the centre, and that there is no other.
func compare(tb testing.TB, conn *pgx.Conn, well esp.WellID, batches ...wiretest.Batch) {
	tb.Helper()
	got := readLong(tb, conn, well)
	for _, b := range batches {
		payload, m := encode(tb, b)
		decoded, err := wire.DecodeReadings(payload)
		if err != nil {
			tb.Fatal(err)
		}
		for row := range b.Scans {
			s := &b.Scans[row]
			for i, r := range s.Readings {
				if r.Quality == esp.NotDue {
					continue
				}
				c := &decoded.Columns[i]
				want := math.NaN()
				if c.Present[row] {
					want = m.Value(i, int64(c.Stored[row])+c.Shift)
				}
				key := fmt.Sprintf("%d/%s", s.Seq, b.Layout.Columns[i].Name)
				g, ok := got[key]
				delete(got, key)
				if !ok {
					tb.Fatalf("%s is missing", key)
				}
				same := g.Value == nil && math.IsNaN(want) || g.Value != nil && *g.Value == want
				reason := ""
				if g.Reason != nil {
					reason = *g.Reason
				}
				if !same || !g.Time.Equal(s.Time) || g.Quality != r.Quality.String() || reason != r.Reason.String() {
					v := math.NaN()
					if g.Value != nil {
						v = *g.Value
					}
					tb.Fatalf("%s of %+v: centre has %v %s %s at %v, want %v %v %v at %v", key, b.Layout.Columns[i], v, g.Quality, reason, g.Time, want, r.Quality, r.Reason, s.Time)
				}
			}
		}
	}
	for key := range got {
		tb.Fatalf("%s is at the centre and was never sent", key)
	}
}

func TestBatchesComeBackEqual(t *testing.T) {
	db := mustMigrate(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := wiretest.Rand(seed)
	var wells []esp.WellID
	for i := range 40 {
		wells = append(wells, esp.WellID(fmt.Sprintf("W-%d", i)))
	}
	s := mustEdge(t, db, wells...)
	conn := mustConnect(t, db.DSN())
	for i, well := range wells {
		rows, columns := 1+rng.IntN(60), 1+rng.IntN(80)
		switch i {
		case 0:
			rows = 1
		case 1:
			rows, columns = 600, 80
		}
		b := wiretest.Unruly(rng, well, rows, columns)
		if r := mustIngest(t, s, b); r.Applied != uint64(rows) || r.Repeated != 0 {
			t.Fatalf("receipt %+v for %d rows", r, rows)
		}
		compare(t, conn, well, b)
		if r := mustIngest(t, s, b); r.Applied != 0 || r.Repeated != uint64(rows) {
			t.Fatalf("receipt of the repeat is %+v for %d rows", r, rows)
		}
	}
}

func TestLargestBatchComesBackEqual(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	b := wiretest.Unruly(wiretest.Rand(11), "RB-114", wire.MaxRows, 80)
	mustIngest(t, s, b)
	conn := mustConnect(t, db.DSN())
	if n := query[int](t, conn, "SELECT count(DISTINCT scan) FROM esp.reading_raw"); n != wire.MaxRows {
		t.Fatalf("%d scans, want %d", n, wire.MaxRows)
	}
	compare(t, conn, "RB-114", b)
}

// cut is a part of a batch, for the numbers first to last.
func cut(b wiretest.Batch, first, last uint64) wiretest.Batch {
	part := b
	part.First, part.Last, part.Scans = first, last, nil
	for i := range b.Scans {
		if s := b.Scans[i]; s.Seq >= first && s.Seq <= last {
			part.Scans = append(part.Scans, s)
		}
	}
	return part
}

func TestOverlapsChangeNothing(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := wiretest.Rand(seed)
	b := wiretest.Unruly(rng, "RB-114", 400, 20)
	for range 40 {
		i := rng.IntN(len(b.Scans))
		j := i + rng.IntN(len(b.Scans)-i)
		mustIngest(t, s, cut(b, b.Scans[i].Seq, b.Scans[j].Seq))
	}
	r := mustIngest(t, s, b)
	if r.Applied+r.Repeated != uint64(len(b.Scans)) {
		t.Errorf("receipt %+v for %d scans", r, len(b.Scans))
	}
	conn := mustConnect(t, db.DSN())
	compare(t, conn, "RB-114", b)
	g, err := s.Hello(t.Context(), []uint64{b.Epoch, 5})
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Applied{Well: "RB-114", Epoch: int64(b.Epoch), Ranges: wire.Intervals{{First: b.First, Last: b.Last}}}
	if len(g.Applied) != 1 || g.Applied[0].Well != want.Well || g.Applied[0].Epoch != want.Epoch || !slices.Equal(g.Applied[0].Ranges, want.Ranges) {
		t.Errorf("hello says %+v, want %+v", g.Applied, want)
	}
	if g, err = s.Hello(t.Context(), []uint64{5}); err != nil || len(g.Applied) != 0 {
		t.Errorf("hello for another epoch says %+v, %v", g.Applied, err)
	}
}

func TestStaleIsKeptButNotShownAsLive(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	trace := wiretest.NewTrace("RB-114", 1)
	b := wiretest.Batch{Layout: trace.Layout, Epoch: 9, First: 1, Last: 3}
	pip := trace.Layout.Index(esp.IntakePressure)
	for i, q := range []esp.Quality{esp.Good, esp.Stale, esp.Lost} {
		scan := trace.Next().Clone()
		scan.Readings[pip].Quality = q
		if i > 0 {
			scan.Readings[pip].Reason = esp.Timeout
		}
		b.Scans = append(b.Scans, scan)
	}
	mustIngest(t, s, b)
	conn := mustConnect(t, db.DSN())
	compare(t, conn, "RB-114", b)
	got := query[[]*float64](t, conn, "SELECT array_agg(intake_pressure ORDER BY time) FROM esp.reading WHERE well = 'RB-114'")
	if got[0] == nil || *got[0] != b.Scans[0].Readings[pip].Value || got[1] != nil || got[2] != nil {
		t.Errorf("esp.reading shows %v", got)
	}
	latest := query[string](t, conn, "SELECT concat_ws('|', quality, reason, value::text) FROM esp.latest WHERE well = 'RB-114' AND signal = 'intake_pressure'")
	if latest != "lost|timeout" {
		t.Errorf("esp.latest says %q", latest)
	}
	if n := query[int](t, conn, "SELECT count(*) FROM esp.latest"); n != len(trace.Layout.Columns) {
		t.Errorf("esp.latest has %d rows, want %d", n, len(trace.Layout.Columns))
	}
	psi := query[float64](t, conn, "SELECT pip FROM public.esp_telemetry WHERE well_id = 'RB-114' AND pip IS NOT NULL")
	if want := b.Scans[0].Readings[pip].Value / 6.894757293168361; math.Abs(psi-want) > 1e-9 {
		t.Errorf("pip is %v psi, want %v", psi, want)
	}
}

func TestRowsLieInMonthlyPartitions(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	trace := wiretest.NewTrace("RB-114", 1) // from 23:50 on the last of March
	b := wiretest.Batch{Layout: trace.Layout, Epoch: 9, First: 1, Last: 900}
	for range 900 {
		b.Scans = append(b.Scans, trace.Next().Clone())
	}
	b.Scans[10].Time = time.Date(1970, 1, 1, 0, 0, 5, 0, time.UTC)
	b.Scans[11].Time = time.Date(2136, 1, 1, 0, 0, 5, 0, time.UTC)
	mustIngest(t, s, b)
	conn := mustConnect(t, db.DSN())
	got := query[string](t, conn, "SELECT string_agg(format('%s=%s', t, n), ' ' ORDER BY t) FROM (SELECT tableoid::regclass::text t, count(*) n FROM esp.reading_raw GROUP BY 1) x")
	if want := "esp.reading_raw_202603=598 esp.reading_raw_202604=300 esp.reading_raw_after=1 esp.reading_raw_before=1"; got != want {
		t.Errorf("partitions hold %s, want %s", got, want)
	}
	if plan := explain(t, conn, "SELECT intake_pressure FROM esp.reading WHERE well = 'RB-114' AND time > '2026-04-01 00:00:00+00' AND time < '2026-04-02 00:00:00+00'"); strings.Contains(plan, "202603") {
		t.Errorf("the plan reads other months:\n%s", plan)
	}
}

func explain(tb testing.TB, conn *pgx.Conn, sql string) string {
	tb.Helper()
	rows, err := conn.Query(context.WithoutCancel(tb.Context()), "EXPLAIN "+sql)
	if err != nil {
		tb.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
