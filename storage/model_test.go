package storage_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

// model does by brute force what a store promises.
type model struct {
	t       *testing.T
	r       *rand.Rand
	cfg     storage.Config
	store   *storage.Store
	layouts []*esp.Layout
	at      time.Time
	n       int
	// scans by well, in order of their numbers; those up to durable survive.
	scans   map[esp.WellID][]esp.Scan
	latest  map[esp.WellID]time.Time
	records int
	table   map[string]string
	now     time.Time
}

func newModel(t *testing.T, seed uint64) *model {
	t.Helper()
	m := &model{
		t: t, r: rand.New(rand.NewPCG(seed, 4)), at: start, now: start,
		scans: map[esp.WellID][]esp.Scan{}, latest: map[esp.WellID]time.Time{}, table: map[string]string{},
	}
	for _, id := range []esp.WellID{"A", "B"} {
		l := small(t, id)
		short, err := esp.NewLayout(id, slices.Clone(l.Columns[1:]), nil)
		if err != nil {
			t.Fatal(err)
		}
		m.layouts = append(m.layouts, l, short)
	}
	m.cfg = config(t.TempDir())
	m.cfg.JournalBytes, m.cfg.Now = 64*page, func() time.Time { return m.now }
	m.store = m.open(m.cfg.Dir)
	return m
}

func (m *model) open(dir string) *storage.Store {
	m.t.Helper()
	cfg := m.cfg
	cfg.Dir = dir
	s, err := storage.Open(m.t.Context(), cfg)
	if err != nil {
		m.t.Fatalf("open: %v", err)
	}
	return s
}

// clock moves on, mostly by a second, sometimes anywhere.
func (m *model) clock() time.Time {
	switch m.r.IntN(400) {
	case 0:
		m.at = m.at.Add(time.Duration(m.r.IntN(7200)) * time.Second)
	case 1:
		m.at = m.at.Add(-time.Duration(m.r.IntN(7200)) * time.Second)
	case 2:
		m.at = time.Unix(int64(m.r.IntN(1e6)), 0).UTC() // 1970: the clock's battery is dead
	case 3:
		m.at = start.Add(time.Duration(m.r.IntN(1e6)) * time.Second)
	default:
		m.at = m.at.Add(time.Second)
	}
	m.now = m.at
	return m.at
}

func (m *model) layout() *esp.Layout {
	if m.r.IntN(100) == 0 {
		m.r.Shuffle(len(m.layouts), func(i, j int) { m.layouts[i], m.layouts[j] = m.layouts[j], m.layouts[i] })
	}
	return m.layouts[m.r.IntN(2)]
}

func (m *model) append() {
	m.n++
	scan := made(m.layout(), m.n, m.clock())
	seq := mustAppend(m.t, m.store, scan)
	kept := m.scans[scan.Well]
	if len(kept) > 0 && seq <= kept[len(kept)-1].Seq {
		m.t.Fatalf("number %d after %d", seq, kept[len(kept)-1].Seq)
	}
	m.scans[scan.Well] = append(kept, scan.Clone())
	m.latest[scan.Well] = scan.Time
}

func (m *model) bulk() {
	l := m.layout()
	from := start.Add(-time.Duration(m.r.IntN(1e6)) * time.Second)
	var pushed []esp.Scan
	err := m.store.Bulk(m.t.Context(), l.Well, func(push func(*esp.Scan) error) error {
		for i := range m.r.IntN(9000) {
			m.n++
			scan := made(l, m.n, from.Add(time.Duration(i)*time.Second))
			if err := push(scan); err != nil {
				return err
			}
			pushed = append(pushed, scan.Clone())
		}
		return nil
	})
	if err != nil {
		m.t.Fatalf("bulk: %v", err)
	}
	kept := m.scans[l.Well]
	next := uint64(1)
	if len(kept) > 0 {
		next = kept[len(kept)-1].Seq + 1
	}
	for i := range pushed {
		pushed[i].Seq = next + uint64(i)
	}
	m.scans[l.Well] = append(kept, pushed...)
	// After a restart the model does not know the latest scan until the next live one.
	latest, known := m.latest[l.Well]
	if n := len(pushed); n > 0 && (known && pushed[n-1].Time.After(latest) || len(kept) == 0) {
		m.latest[l.Well] = pushed[n-1].Time
	}
}

func (m *model) tick() {
	if err := storage.Tick(m.store); err != nil {
		m.t.Fatalf("tick: %v", err)
	}
}

// reopen closes the store and opens it again, or goes on with a copy of its files as
// they are, like after a power cut: then only what was durable is left. Which scan is
// the latest afterwards is decided by what is left.
func (m *model) reopen() {
	clear(m.latest)
	if m.r.IntN(2) == 0 {
		if err := m.store.Close(); err != nil {
			m.t.Fatalf("close: %v", err)
		}
		m.store = m.open(m.cfg.Dir)
		return
	}
	spans := m.store.Spans() // may reach beyond Durable: a bulk goes to history directly
	for id, kept := range m.scans {
		m.scans[id] = slices.DeleteFunc(kept, func(scan esp.Scan) bool {
			return !slices.ContainsFunc(spans, func(s storage.Span) bool { return s.Well == id && s.First <= scan.Seq && scan.Seq <= s.Last })
		})
		if n := len(m.scans[id]); n > 0 && m.store.Durable(id) > m.scans[id][n-1].Seq {
			m.t.Fatalf("well %s: %d is durable, the spans %v lack it", id, m.store.Durable(id), spans)
		}
	}
	dir := filepath.Join(m.t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(m.cfg.Dir)); err != nil {
		m.t.Fatal(err)
	}
	if err := m.store.Close(); err != nil {
		m.t.Fatalf("close: %v", err)
	}
	if err := os.RemoveAll(m.cfg.Dir); err != nil {
		m.t.Fatal(err)
	}
	m.cfg.Dir = dir
	m.store = m.open(dir)
}

func (m *model) note() {
	if _, err := m.store.AppendRecord(m.t.Context(), event(m.t, "A", 1)); err != nil {
		m.t.Fatal(err)
	}
	m.records++
	key := strconv.Itoa(m.r.IntN(20))
	m.table[key] = fmt.Sprint("value ", m.n)
	if err := m.store.Table("t").Put([]byte(key), []byte(m.table[key])); err != nil {
		m.t.Fatal(err)
	}
}

// check compares everything that can be asked.
func (m *model) check() {
	m.t.Helper()
	for _, id := range []esp.WellID{"A", "B"} {
		m.checkNumbers(id)
		m.checkTimes(id)
		m.checkBuckets(id)
		latest, ok := m.store.Latest(id)
		if want, known := m.latest[id]; known && (!ok || !latest.Time.Equal(want)) {
			m.t.Fatalf("well %s: latest %v, want %v", id, latest.Time, want)
		}
		if ok != (len(m.scans[id]) > 0) || ok && latest.Seq > 0 && !slices.ContainsFunc(m.scans[id], func(s esp.Scan) bool { return s.Seq == latest.Seq && sameScan(&s, &latest) == "" }) {
			m.t.Fatalf("well %s: latest %+v is none of its scans", id, latest)
		}
	}
	n := 0
	for r, err := range m.store.Records(m.t.Context(), storage.RecordQuery{}) {
		if err != nil {
			m.t.Fatal(err)
		}
		if r.Kind == "event" {
			n++
		}
	}
	if n != m.records {
		m.t.Fatalf("%d records, want %d", n, m.records)
	}
	table := map[string]string{}
	err := m.store.Table("t").ForEach(func(k, v []byte) error {
		table[string(k)] = string(v)
		return nil
	})
	if diff := gocmp.Diff(m.table, table); err != nil || diff != "" {
		m.t.Fatalf("table: %v (-want +got):\n%s", err, diff)
	}
	if st := m.store.Status(); st.Lost != 0 || st.DamagedBlocks+st.DamagedFrames+st.TornTails+len(st.Quarantined) != 0 {
		m.t.Fatalf("status %+v", st)
	}
}

func (m *model) checkNumbers(id esp.WellID) {
	m.t.Helper()
	durable := m.store.Durable(id)
	var want []esp.Scan
	for _, s := range m.scans[id] {
		if s.Seq <= durable {
			want = append(want, s)
		}
	}
	first, last := uint64(1), uint64(math.MaxUint64)
	if m.r.IntN(2) == 0 && len(want) > 0 {
		first = want[m.r.IntN(len(want))].Seq
		last = first + m.r.Uint64N(5000)
	}
	want = slices.DeleteFunc(want, func(s esp.Scan) bool { return s.Seq < first || s.Seq > last })
	for got, err := range m.store.Scans(m.t.Context(), id, m.store.Epoch(), first, last) {
		if err != nil {
			m.t.Fatal(err)
		}
		if got.Seq > durable && len(want) == 0 { // of a bulk, beyond some that are not durable
			i := slices.IndexFunc(m.scans[id], func(s esp.Scan) bool { return s.Seq == got.Seq })
			if i < 0 || sameScan(&m.scans[id][i], got) != "" {
				m.t.Fatalf("well %s: scan %d is none that was appended", id, got.Seq)
			}
			continue
		}
		if len(want) == 0 {
			m.t.Fatalf("well %s: scan %d is not expected", id, got.Seq)
		}
		if diff := sameScan(&want[0], got); diff != "" {
			m.t.Fatalf("well %s (-want +got):\n%s", id, diff)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		m.t.Fatalf("well %s: scan %d and %d more are missing", id, want[0].Seq, len(want)-1)
	}
}

// window is a random time in which there is something.
func (m *model) window(id esp.WellID) (from, to time.Time) {
	kept := m.scans[id]
	if len(kept) == 0 {
		return start, start.Add(time.Hour)
	}
	from = kept[m.r.IntN(len(kept))].Time.Add(-time.Duration(m.r.IntN(100)) * time.Second)
	return from, from.Add(time.Duration(1+m.r.IntN(10000)) * time.Second)
}

func (m *model) inWindow(id esp.WellID, from, to time.Time) []esp.Scan {
	var want []esp.Scan
	for _, s := range m.scans[id] {
		if !s.Time.Before(from) && s.Time.Before(to) {
			want = append(want, s)
		}
	}
	slices.SortStableFunc(want, func(a, b esp.Scan) int { return a.Time.Compare(b.Time) })
	return want
}

func (m *model) checkTimes(id esp.WellID) {
	m.t.Helper()
	from, to := m.window(id)
	want := m.inWindow(id, from, to)
	newest := m.r.IntN(2) == 0
	if newest {
		slices.Reverse(want)
	}
	for got, err := range m.store.Range(m.t.Context(), storage.Query{Well: id, From: from, To: to, Newest: newest}) {
		if err != nil {
			m.t.Fatal(err)
		}
		if len(want) == 0 {
			m.t.Fatalf("well %s: row %d is not expected", id, got.Seq)
		}
		scan := esp.Scan{Well: id, Time: got.Time, Layout: got.Layout, Readings: got.Readings, Seq: got.Seq}
		if diff := sameScan(&want[0], &scan); diff != "" {
			m.t.Fatalf("well %s, %v to %v (-want +got):\n%s", id, from, to, diff)
		}
		want = want[1:]
	}
	if len(want) > 0 {
		m.t.Fatalf("well %s, %v to %v: %d rows are missing", id, from, to, len(want))
	}
}

func (m *model) checkBuckets(id esp.WellID) {
	m.t.Helper()
	from, to := m.window(id)
	width := time.Duration(1+m.r.IntN(600)) * time.Second
	q := storage.BucketQuery{Well: id, Signals: []string{"intake_pressure"}, From: from, To: to, Width: width}
	got, err := m.store.Buckets(m.t.Context(), q)
	if err != nil {
		m.t.Fatal(err)
	}
	rows := m.inWindow(id, from, to)
	var want []storage.Bucket
	for at := from; at.Before(to); at = at.Add(width) {
		want = append(want, storage.Bucket{Start: at, Min: math.Inf(1), Max: math.Inf(-1)})
	}
	for _, s := range rows {
		r, ok := s.Get(esp.IntakePressure)
		if !ok {
			continue
		}
		b := &want[s.Time.Sub(from)/width]
		switch r.Quality.Class() {
		case "good":
			b.First = cmp.Or(b.First, r.Value)
			b.Last, b.Mean, b.Count = r.Value, b.Mean+r.Value, b.Count+1
			b.Min, b.Max = min(b.Min, r.Value), max(b.Max, r.Value)
		case "bad":
			b.Bad++
		default:
			b.Doubtful++
		}
	}
	for i := range want {
		if b := &want[i]; b.Count > 0 {
			b.Mean /= float64(b.Count)
		} else {
			no := math.NaN()
			b.Min, b.Max, b.Mean, b.First, b.Last = no, no, no, no, no
		}
	}
	if diff := gocmp.Diff(want, got[0].Buckets, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		m.t.Fatalf("well %s, %v to %v by %v (-want +got):\n%s", id, from, to, width, diff)
	}
}

// Random operations, restarts and power cuts against a model. WELLKEEPER_SEED repeats
// a run.
func TestAgainstAModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WELLKEEPER_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("WELLKEEPER_SEED=%d", seed)
	for i := range uint64(rounds(3, 400)) {
		m := newModel(t, seed+i)
		for range 150 {
			switch m.r.IntN(20) {
			case 0:
				m.bulk()
			case 1:
				m.note()
			case 2:
				m.reopen()
			case 3, 4:
				m.check()
			case 5, 6, 7:
				mustSync(t, m.store)
			case 8, 9:
				m.tick()
			default:
				for range m.r.IntN(200) {
					m.append()
				}
			}
		}
		m.check()
		if err := m.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}
