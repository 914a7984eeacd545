package storage_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

// row is what Range must give, in a form that is easy to write.
type row struct {
	Seq uint64
	At  time.Duration // after start
}

func ranged(tb testing.TB, s *storage.Store, q storage.Query) []row {
	tb.Helper()
	var out []row
	for r, err := range s.Range(tb.Context(), q) {
		if err != nil {
			tb.Fatalf("range: %v", err)
		}
		out = append(out, row{r.Seq, r.Time.Sub(start)})
	}
	return out
}

// Whatever the clock did, a scan is found where it says to be, in order of time, and
// its number tells when it was taken.
func TestRangeWithAClockThatJumps(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	l := small(t, well)
	// An hour on, back by two hours, then forward again over what is there already.
	var want []row
	at := time.Duration(0)
	for n := 1; n <= 300; n++ {
		switch n {
		case 101:
			at -= 2 * time.Hour
		case 201:
			at += 2*time.Hour - 50*time.Second
		default:
			at += time.Second
		}
		mustAppend(t, s, made(l, n, start.Add(at)))
		want = append(want, row{uint64(n), at})
	}
	mustSync(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	if got := len(scans(t, s, 1, 300)); got != 300 {
		t.Fatalf("%d scans by number, want 300", got)
	}
	byTime := make([]row, 0, len(want))
	byTime = append(byTime, want[100:200]...)
	for i, first, second := 0, want[:100], want[200:]; i < 200; i++ {
		if len(second) == 0 || len(first) > 0 && first[0].At <= second[0].At {
			byTime, first = append(byTime, first[0]), first[1:]
			continue
		}
		byTime, second = append(byTime, second[0]), second[1:]
	}
	if diff := cmp.Diff(byTime, ranged(t, s, storage.Query{Well: well})); diff != "" {
		t.Errorf("rows by time (-want +got):\n%s", diff)
	}
	early := ranged(t, s, storage.Query{Well: well, To: start.Add(-time.Hour)})
	if diff := cmp.Diff(want[100:200], early); diff != "" {
		t.Errorf("rows before the jump back (-want +got):\n%s", diff)
	}
}

func TestRange(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	fill(t, s, l, start, 7300) // two whole hours in history and a rest
	for n := 7300; n < 7400; n++ {
		mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
	}
	second := func(n int) row { return row{uint64(n + 1), time.Duration(n) * time.Second} }
	tests := map[string]struct {
		query storage.Query
		first row
		last  row
		count int
	}{
		"all":                    {storage.Query{}, second(0), second(7399), 7400},
		"one hour":               {storage.Query{From: start.Add(time.Hour), To: start.Add(2 * time.Hour)}, second(3600), second(7199), 3600},
		"across blocks":          {storage.Query{From: start.Add(3590 * time.Second), To: start.Add(3610 * time.Second)}, second(3590), second(3609), 20},
		"to is not included":     {storage.Query{To: start.Add(time.Second)}, second(0), second(0), 1},
		"between milliseconds":   {storage.Query{From: start.Add(time.Nanosecond), To: start.Add(time.Second + 1)}, second(1), second(1), 1},
		"only in memory":         {storage.Query{From: start.Add(7390 * time.Second)}, second(7390), second(7399), 10},
		"the newest ten":         {storage.Query{Newest: true, Limit: 10}, second(7399), second(7390), 10},
		"newest across blocks":   {storage.Query{Newest: true, To: start.Add(3605 * time.Second), Limit: 10}, second(3604), second(3595), 10},
		"limited from the start": {storage.Query{Limit: 3}, second(0), second(2), 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.query.Well = well
			got := ranged(t, s, tt.query)
			if len(got) != tt.count {
				t.Fatalf("%d rows, want %d", len(got), tt.count)
			}
			if got[0] != tt.first || got[len(got)-1] != tt.last {
				t.Errorf("from %v to %v, want %v to %v", got[0], got[len(got)-1], tt.first, tt.last)
			}
		})
	}
	if got := ranged(t, s, storage.Query{Well: "another"}); len(got) != 0 {
		t.Errorf("%d rows of a well that is not there", len(got))
	}
}

// Chosen columns come in the order asked for; a signal that a layout lacks is not due.
func TestRangeOfChosenColumns(t *testing.T) {
	s := open(t, config(t.TempDir()))
	old, l := small(t, well), small(t, well)
	l, err := esp.NewLayout(well, append(l.Columns[:1:1], esp.Column{Name: "motor_temperature", Scale: esp.Scale(0.1)}), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := made(old, 1, start), made(l, 1, start.Add(time.Second))
	mustAppend(t, s, a)
	mustAppend(t, s, b)
	mustSync(t, s)
	var got [][]esp.Reading
	for r, err := range s.Range(t.Context(), storage.Query{Well: well, Signals: []string{"motor_temperature", "drive_frequency"}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, append([]esp.Reading(nil), r.Readings...))
	}
	want := [][]esp.Reading{{{Value: math.NaN()}, a.Readings[0]}, {b.Readings[1], b.Readings[0]}}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

func TestRangeEndsWithItsContext(t *testing.T) {
	s := open(t, config(t.TempDir()))
	fill(t, s, small(t, well), start, 7200)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range s.Range(ctx, storage.Query{Well: well}) {
		if last = err; err == nil {
			n++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n > 3600 {
		t.Errorf("%d rows, then error %v; want Canceled within a block", n, last)
	}
}

func TestBuckets(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	at := func(n int, raw int64, q esp.Quality) {
		scan := made(l, 1, start.Add(time.Duration(n)*time.Second))
		for i := range scan.Readings {
			scan.Readings[i] = esp.Reading{Raw: raw, Value: l.Columns[i].Decode(raw), Quality: q}
			if q == esp.Lost {
				scan.Readings[i] = esp.LostReading(esp.Timeout)
			}
		}
		mustAppend(t, s, scan)
	}
	at(0, 5000, esp.Good)
	at(1, 5200, esp.AtLimit)
	at(2, 9999, esp.Implausible)
	at(3, 0, esp.Lost)
	at(4, 4900, esp.Good)
	// 10 … 19: nothing; 20 … 29: only bad
	at(20, 0, esp.Lost)
	at(21, 0, esp.Invalid)
	// 30 … 39: the clock goes back within the bucket
	at(35, 100, esp.Good)
	at(32, 200, esp.Good)
	at(22, 7, esp.Stale)
	got, err := s.Buckets(t.Context(), storage.BucketQuery{
		Well: well, Signals: []string{"drive_frequency", "nothing"}, From: start, To: start.Add(35 * time.Second), Width: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	no := math.NaN()
	b := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	none := []storage.Bucket{{b(0), no, no, no, no, no, 0, 0, 0}, {b(10), no, no, no, no, no, 0, 0, 0}, {b(20), no, no, no, no, no, 0, 0, 0}, {b(30), no, no, no, no, no, 0, 0, 0}}
	want := []storage.Series{
		{Signal: "drive_frequency", Unit: esp.Hertz, Buckets: []storage.Bucket{
			{b(0), 49, 52, (50 + 52 + 49) / 3.0, 50, 49, 3, 1, 1},
			none[1],
			{b(20), no, no, no, no, no, 0, 1, 2},
			{b(30), 2, 2, 2, 2, 2, 1, 0, 0}, // 35 s lies beyond To
		}},
		{Signal: "nothing", Buckets: none},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// First and Last are by time, also where the clock went back.
func TestBucketsFirstAndLastAreByTime(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	for _, n := range []int{5, 2, 9, 7} {
		scan := made(l, 0, start.Add(time.Duration(n)*time.Second))
		scan.Readings[0] = esp.Reading{Raw: int64(n) * 100, Quality: esp.Good}
		mustAppend(t, s, scan)
	}
	got, err := s.Buckets(t.Context(), storage.BucketQuery{Well: well, Signals: []string{"drive_frequency"}, From: start, To: start.Add(10 * time.Second), Width: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	want := []storage.Bucket{{Start: start, Min: 2, Max: 9, Mean: 5.75, First: 2, Last: 9, Count: 4}}
	if diff := cmp.Diff(want, got[0].Buckets, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
}

func TestBucketsRefusesWhatMakesNoSense(t *testing.T) {
	s := open(t, config(t.TempDir()))
	tests := map[string]storage.BucketQuery{
		"no width":  {From: start, To: start.Add(time.Hour)},
		"backwards": {From: start, To: start.Add(-time.Hour), Width: time.Second},
		"too many":  {From: start, To: start.Add(1000 * time.Hour), Width: time.Second},
		"no from":   {To: start, Width: time.Hour},
	}
	for name, q := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Buckets(t.Context(), q); !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("error %v, want ErrInvalid", err)
			}
		})
	}
}
