package uplink_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/central/centraltest"
	"wellkeeper.internal/sync/uplink"
	"wellkeeper.internal/sync/wire/wiretest"
)

// proxy forwards TCP and cuts each connection after a number of bytes that chance
// decides, in one direction or the other.
type proxy struct {
	listener net.Listener
	target   string
	wait     sync.WaitGroup

	mu      sync.Mutex
	rng     *rand.Rand
	cutting bool

	cuts, replyCuts, conns atomic.Int64
}

func mustProxy(t *testing.T, target string, seed uint64) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, rng: wiretest.Rand(seed), cutting: true}
	p.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wait.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.wait.Wait()
	})
	return p
}

// limits are the bytes after which to cut, up and down; -1 for never. Opening takes
// some 500 bytes up and 900 down, a batch here some 1500 up, its answer 90 down: most
// cuts down lie within an answer.
func (p *proxy) limits() (up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.cutting:
		return -1, -1
	case p.rng.IntN(2) == 0:
		return p.rng.Int64N(12000), -1
	}
	return -1, p.rng.Int64N(2500)
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutting = false
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.conns.Add(1)
	up, down := p.limits()
	var once sync.Once
	end := func() { client.Close(); server.Close() }
	pipe := func(dst, src net.Conn, limit int64, counter *atomic.Int64) {
		defer once.Do(end)
		if limit < 0 {
			_, _ = io.Copy(dst, src)
			return
		}
		if n, _ := io.CopyN(dst, src, limit); n == limit {
			p.cuts.Add(1)
			if counter != nil {
				counter.Add(1)
			}
		}
	}
	var both sync.WaitGroup
	both.Go(func() { pipe(server, client, up, nil) })
	both.Go(func() { pipe(client, server, down, &p.replyCuts) })
	both.Wait()
}

// campaign is how hard the fault test goes on.
type campaign struct {
	cuts, kills, restarts int
}

func size() campaign {
	if os.Getenv("WELLKEEPER_SOAK") == "1" {
		return campaign{cuts: 1000, kills: 20, restarts: 50}
	}
	return campaign{cuts: 60, kills: 2, restarts: 6}
}

// TestEveryNumberArrivesOnceThroughCutsAndCrashes feeds two wells and a log of records
// while the link is cut at random bytes, PostgreSQL is killed and the uplink's process
// ends without a word. Before, the database is away when the uplink starts. At the end
// the numbers at the centre are complete, none twice, with the values that were
// appended, and the ledger says the same.
func TestEveryNumberArrivesOnceThroughCutsAndCrashes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	size := size()
	db := centraltest.MustStartAlone(t)
	if _, err := central.Migrate(t.Context(), db.DSN()); err != nil {
		t.Fatal(err)
	}
	if err := central.AddEdge(t.Context(), db.DSN(), "cut", []esp.WellID{"A", "B"}, "pw"); err != nil {
		t.Fatal(err)
	}
	p := mustProxy(t, db.Addr(), seed)
	o, st := newOutbox(), &state{}
	traces := []*wiretest.Trace{wiretest.NewTrace("A", seed), wiretest.NewTrace("B", seed+1)}
	feed := func(n int) {
		for _, tr := range traces {
			o.fill(tr, n)
		}
		o.note(fmt.Sprintf("note %d", len(o.records)))
	}
	feed(1200)

	db.Stop(t) // an outage at the start
	config := func(ctx context.Context) uplink.Config {
		sink, err := central.New(central.Config{DSN: db.DSNAt(p.listener.Addr().String(), "cut", "pw"), Timeout: 5 * time.Second, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		return uplink.Config{
			Outbox: o, Sink: sink, State: killed{st, ctx}, Log: zerolog.Nop(), LiveEvery: 30 * time.Millisecond, LiveSpan: 20 * time.Second,
			BacklogSpan: 60 * time.Second, Poll: 10 * time.Millisecond, RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond, Finish: time.Millisecond,
		}
	}
	// The state takes no more writes once the context ends: that is a kill.
	life := func() (stop func()) {
		ctx, kill := context.WithCancel(t.Context())
		u, err := uplink.New(config(ctx))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- u.Run(ctx) }()
		return func() {
			kill()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	stop := life()
	time.Sleep(200 * time.Millisecond)
	db.Start(t)
	begin := time.Now()
	for killed, lives := 0, 1; p.cuts.Load() < int64(size.cuts) || killed < size.kills || lives < size.restarts; {
		if time.Since(begin) > time.Duration(size.cuts)*time.Second {
			t.Fatalf("only %d cuts in %d connections within %v", p.cuts.Load(), p.conns.Load(), time.Since(begin))
		}
		time.Sleep(20 * time.Millisecond)
		feed(15)
		if n := int(p.cuts.Load()); n > size.cuts*(killed+1)/(size.kills+1) && killed < size.kills {
			killed++
			db.Kill(t)
			db.Start(t)
		} else if n > size.cuts*lives/size.restarts && lives < size.restarts {
			lives++
			stop()
			stop = life()
		}
	}
	p.heal()
	stop()
	u := start(t, config(t.Context()))
	for s := u.Status(); s.State != uplink.Idle || s.Batches == 0 || s.WaitingScans+s.WaitingRecords > 0; s = u.Status() {
		if time.Since(begin) > time.Duration(size.cuts+60)*time.Second {
			t.Fatalf("it does not drain: %+v", s)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s := u.Status(); len(s.Quarantined) > 0 || s.Gone > 0 || s.NotCarried > 0 || s.BytesSent == 0 {
		t.Errorf("status %+v", s)
	}
	t.Logf("%d cuts (%d of answers) in %d connections, %d scans per well, %v", p.cuts.Load(), p.replyCuts.Load(), p.conns.Load(), len(o.scans["A"]), time.Since(begin))
	checkCentre(t, db.DSN(), o)
}

// checkCentre compares everything at the centre with the outbox.
func checkCentre(t *testing.T, dsn string, o *outbox) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	lost, doubled := 0, 0
	for well, scans := range o.scans {
		names := make([]string, len(scans[0].Layout.Columns))
		for i := range names {
			names[i] = scans[0].Layout.Columns[i].Name
		}
		rows, err := conn.Query(t.Context(), "SELECT r.scan, r.time, ARRAY["+strings.Join(names, ", ")+
			"], r.quality IS NULL FROM esp.reading_raw r JOIN esp.well w ON w.id = r.well_id WHERE w.name = $1 ORDER BY r.scan", string(well))
		if err != nil {
			t.Fatal(err)
		}
		var seq uint64
		var at time.Time
		var values []int64
		var plain bool
		seen := make(map[uint64]bool)
		if _, err := pgx.ForEachRow(rows, []any{&seq, &at, &values, &plain}, func() error {
			if seen[seq] {
				doubled++
			}
			seen[seq] = true
			if seq < 1 || seq > uint64(len(scans)) {
				return fmt.Errorf("scan %d was never appended", seq)
			}
			want := &scans[seq-1]
			if !at.Equal(want.Time) || !plain {
				return fmt.Errorf("scan %d is at %v, want %v", seq, at, want.Time)
			}
			for i, v := range values {
				if v != want.Readings[i].Raw {
					return fmt.Errorf("scan %d has %s = %d, want %d", seq, names[i], v, want.Readings[i].Raw)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		lost += len(scans) - len(seen)
		ledger(t, conn, well, len(scans))
	}
	var records, distinct int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT (seq, body->>'text')) FROM esp.record WHERE body->>'text' = 'note ' || (seq - 1)").Scan(&records, &distinct); err != nil {
		t.Fatal(err)
	}
	lost += len(o.records) - distinct
	doubled += records - distinct
	ledger(t, conn, "", len(o.records))
	for name, n := range map[string]int{"sync.lost": lost, "sync.doubled": doubled} {
		goal.Exact(t, name, float64(n), "rows", 0)
	}
}

// ledger checks that the ledger has 1 to n of a log, in one piece.
func ledger(t *testing.T, conn *pgx.Conn, well esp.WellID, n int) {
	t.Helper()
	var applied string
	var rows int
	if err := conn.QueryRow(t.Context(), "SELECT b.applied::text, b.rows FROM esp.batch b LEFT JOIN esp.well w ON w.id = b.well_id WHERE coalesce(w.name, '') = $1", string(well)).Scan(&applied, &rows); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("{[1,%d)}", n+1); applied != want || rows != n {
		t.Errorf("ledger of %q has %s with %d rows, want %s", well, applied, rows, want)
	}
}
