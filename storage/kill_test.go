package storage_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// The child of a kill campaign is this test binary itself.
const (
	childDir  = "WELLKEEPER_STORE_CHILD"
	childFrom = "WELLKEEPER_STORE_FROM"
	childLife = 20_000 // scans that one child makes at most
	step      = 100 * time.Millisecond
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		from, _ := strconv.Atoi(os.Getenv(childFrom))
		if err := child(context.Background(), dir, from); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func childConfig(dir string) storage.Config {
	return storage.Config{
		Dir: dir, JournalBytes: 64 * page, CommitEvery: 100 * time.Millisecond,
		Now: func() time.Time { return start }, // so that nothing is closed for being idle
	}
}

// made100 is scan n of a campaign: its time and all its values follow from n.
func made100(l *esp.Layout, n int) *esp.Scan {
	return made(l, n, start.Add(time.Duration(n)*step))
}

// child writes scans, records and a table until it is killed, and prints what is
// durable only once the store has said so.
func child(ctx context.Context, dir string, from int) error {
	s, err := storage.Open(ctx, childConfig(dir))
	if err != nil {
		return err
	}
	fmt.Println("open")
	l, err := childLayout()
	if err != nil {
		return err
	}
	running := make(chan error, 1)
	go func() { running <- s.Run(ctx) }()
	r := rand.New(rand.NewPCG(uint64(from), 9))
	n, acked := from, from
	for n < from+childLife {
		for range 1 + r.IntN(20) {
			if _, err := s.Append(ctx, made100(l, n)); err != nil {
				return err
			}
			n++
		}
		switch r.IntN(12) {
		case 0:
			rec, err := record.Event(esp.Event{Well: well, Time: start, ID: strconv.Itoa(n)})
			if err != nil {
				return err
			}
			if _, err := s.AppendRecord(ctx, rec); err != nil {
				return err
			}
			fmt.Println("record", n)
		case 1:
			if err := s.Table("t").Put([]byte("k"), []byte(strconv.Itoa(n))); err != nil {
				return err
			}
			fmt.Println("table", n)
		case 2:
			first, count := n, 1+r.IntN(2000)
			err := s.Bulk(ctx, well, func(push func(*esp.Scan) error) error {
				for ; n < first+count; n++ {
					if err := push(made100(l, n)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Println("scans", first, n)
		default:
			if err := s.Sync(ctx); err != nil {
				return err
			}
			fmt.Println("scans", acked, n)
			acked = n
		}
		select {
		case err := <-running:
			return err
		default:
		}
	}
	return s.Close()
}

func childLayout() (*esp.Layout, error) {
	return esp.NewLayout(well, []esp.Column{
		{Name: "drive_frequency", Scale: esp.Scale(0.01)},
		{Name: "intake_pressure", Scale: esp.Scale(0.1)},
		{Name: "vendor_float", Scale: esp.Identity(), Float: true},
	}, nil)
}

// campaign knows what children have acknowledged and what a store must hold of it.
type campaign struct {
	dir     string
	layout  *esp.Layout
	epoch   uint64
	scans   map[int]bool   // by n: acknowledged as durable
	numbers map[uint64]int // scan number to n, as it was first seen
	seen    map[int]bool   // n that are in the store
	high    uint64         // numbers up to here were compared
	records map[int]bool
	table   int
	// opened gets a value when a child has opened the store.
	opened chan struct{}
}

func newCampaign(tb testing.TB, dir string) *campaign {
	tb.Helper()
	l, err := childLayout()
	if err != nil {
		tb.Fatal(err)
	}
	return &campaign{dir: dir, layout: l, scans: map[int]bool{}, numbers: map[uint64]int{}, seen: map[int]bool{}, records: map[int]bool{}, opened: make(chan struct{}, 1)}
}

// life starts a child and ends it by end when it has waited: in every fourth round from
// the start of the process, otherwise from the open store.
func (c *campaign) life(tb testing.TB, round int, wait time.Duration, end func(*exec.Cmd)) {
	tb.Helper()
	select {
	case <-c.opened: // of a round before
	default:
	}
	cmd := exec.CommandContext(tb.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+c.dir, childFrom+"="+strconv.Itoa(round*childLife*2))
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		c.read(out)
	}()
	if round%4 != 0 {
		select {
		case <-c.opened:
		case <-read:
		}
	}
	select {
	case <-time.After(wait):
	case <-read: // it ended by itself
	}
	end(cmd)
	<-read
	_ = cmd.Wait() // killed, as a rule
	if complaints.Len() > 0 && cmd.ProcessState.Exited() && tb.Context().Err() == nil {
		tb.Logf("round %d: the child said: %s", round, complaints.String())
	}
}

// read notes what a child says; half a line is not said.
func (c *campaign) read(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var kind string
		var a, b int
		_, _ = fmt.Sscan(line, &kind, &a, &b) // fewer fields than three are fine
		switch kind {
		case "open":
			c.opened <- struct{}{}
		case "scans":
			for n := a; n < b; n++ {
				c.scans[n] = true
			}
		case "record":
			c.records[a] = true
		case "table":
			c.table = a
		}
	}
}

// check opens the store and compares it with what was acknowledged.
func (c *campaign) check(tb testing.TB, round int, thorough bool) {
	tb.Helper()
	s, err := storage.Open(tb.Context(), childConfig(c.dir))
	if err != nil {
		tb.Fatalf("round %d: open: %v", round, err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			tb.Fatalf("round %d: close: %v", round, err)
		}
	}()
	if c.epoch == 0 {
		c.epoch = s.Epoch()
	}
	if st := s.Status(); s.Epoch() != c.epoch || len(st.Quarantined) > 0 || st.DamagedBlocks+st.DamagedFrames > 0 {
		tb.Fatalf("round %d: epoch %d, want %d; status %+v", round, s.Epoch(), c.epoch, st)
	}
	first := c.high + 1
	if thorough {
		first = 1
	}
	c.compare(tb, s, round, first)
	for n := range c.scans {
		if !c.seen[n] {
			tb.Fatalf("round %d: scan %d was durable and is lost", round, n)
		}
	}
	found := map[int]bool{}
	for r, err := range s.Records(tb.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindEvent}}) {
		if err != nil {
			tb.Fatal(err)
		}
		e, err := record.Decode[esp.Event](r)
		if err != nil {
			tb.Fatal(err)
		}
		n, _ := strconv.Atoi(e.ID)
		if found[n] {
			tb.Fatalf("round %d: record %d is there twice", round, n)
		}
		found[n] = true
	}
	for n := range c.records {
		if !found[n] {
			tb.Fatalf("round %d: record %d was durable and is lost", round, n)
		}
	}
	v, err := s.Table("t").Get([]byte("k"))
	if got, _ := strconv.Atoi(string(v)); err != nil || got < c.table {
		tb.Fatalf("round %d: the table holds %q (%v), want %d or a later one", round, v, err, c.table)
	}
}

func (c *campaign) compare(tb testing.TB, s *storage.Store, round int, first uint64) {
	tb.Helper()
	last, count := uint64(0), 0
	for scan, err := range s.Scans(tb.Context(), well, c.epoch, first, math.MaxUint64) {
		if err != nil {
			tb.Fatal(err)
		}
		if scan.Seq <= last {
			tb.Fatalf("round %d: scan %d comes after %d", round, scan.Seq, last)
		}
		last = scan.Seq
		n := int(scan.Time.Sub(start) / step)
		want := made100(c.layout, n)
		want.Seq = scan.Seq
		if diff := sameScan(want, scan); diff != "" {
			tb.Fatalf("round %d: scan %d (-want +got):\n%s", round, scan.Seq, diff)
		}
		before, known := c.numbers[scan.Seq]
		switch {
		case known && before != n:
			tb.Fatalf("round %d: number %d was scan %d and is now %d", round, scan.Seq, before, n)
		case !known && c.seen[n]:
			tb.Fatalf("round %d: scan %d is there twice", round, n)
		}
		c.numbers[scan.Seq], c.seen[n] = n, true
		count++
	}
	if first == 1 && count != len(c.numbers) {
		tb.Fatalf("round %d: %d scans are there, %d were before", round, count, len(c.numbers))
	}
	c.high = max(c.high, last)
}

// rounds is how often a campaign strikes: more with WELLKEEPER_SOAK.
func rounds(short, soak int) int {
	if os.Getenv("WELLKEEPER_SOAK") != "" {
		return soak
	}
	return short
}

// Killed at any moment, the first start included, the store has everything that it
// acknowledged, nothing twice, and every number keeps its scan.
func TestKill(t *testing.T) {
	c := newCampaign(t, t.TempDir())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	n := rounds(200, 10_000)
	for round := range n {
		wait := time.Duration(r.IntN(60)) * time.Millisecond
		c.life(t, round, wait, func(cmd *exec.Cmd) { _ = cmd.Process.Kill() })
		c.check(t, round, round%25 == 0 || round == n-1)
	}
	t.Logf("%d kills: %d scans and %d records acknowledged, %d scans in the store", n, len(c.scans), len(c.records), len(c.seen))
	if len(c.scans) < n || len(c.records) == 0 {
		t.Errorf("only %d scans and %d records were acknowledged: the campaign proves nothing", len(c.scans), len(c.records))
	}
}
