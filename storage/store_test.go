package storage_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

const well = esp.WellID("RB-114")

// start is on an hour, so that tests know where blocks end.
var start = time.Date(2025, 11, 24, 13, 0, 0, 0, time.UTC)

// config has a small journal and a wall clock that stands still shortly after start.
func config(dir string) storage.Config {
	return storage.Config{Dir: dir, JournalBytes: 1 << 20, Now: func() time.Time { return start.Add(time.Hour) }}
}

func open(tb testing.TB, cfg storage.Config) *storage.Store {
	tb.Helper()
	s, err := storage.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// small is a layout of three columns: two scaled integers and a float.
func small(tb testing.TB, id esp.WellID) *esp.Layout {
	tb.Helper()
	l, err := esp.NewLayout(id, []esp.Column{
		{Name: "drive_frequency", Device: "drive", Unit: esp.Hertz, Scale: esp.Scale(0.01)},
		{Name: "intake_pressure", Device: "gauge", Unit: esp.KPa, Scale: esp.Scale(0.1)},
		{Name: "vendor_float", Device: "gauge", Scale: esp.Identity(), Float: true},
	}, map[esp.DeviceID]string{"drive": "abc"})
	if err != nil {
		tb.Fatalf("layout: %v", err)
	}
	return l
}

// made computes the scan that belongs to n, with every kind of quality in it.
func made(l *esp.Layout, n int, at time.Time) *esp.Scan {
	s := &esp.Scan{Well: l.Well, Time: at, Layout: l, Readings: make([]esp.Reading, len(l.Columns))}
	for i := range s.Readings {
		c := &l.Columns[i]
		hash := (uint64(n)<<8 + uint64(i)) * 0x9e3779b97f4a7c15
		raw := int64(hash >> 40 % 60000)
		if c.Float {
			raw = int64(math.Float64bits(float64(hash>>30) / 3))
		}
		r := esp.Reading{Raw: raw, Value: c.Decode(raw), Quality: esp.Good}
		switch (n + i) % 11 {
		case 3:
			r = esp.LostReading(esp.Timeout)
		case 5:
			r.Quality, r.Reason = esp.Suspect, esp.Resync
		case 7:
			r.Quality, r.Reason, r.Value = esp.Invalid, esp.Marker, math.NaN()
		case 9:
			r = esp.Reading{Value: math.NaN()}
		}
		s.Readings[i] = r
	}
	return s
}

func mustAppend(tb testing.TB, s *storage.Store, scan *esp.Scan) uint64 {
	tb.Helper()
	seq, err := s.Append(tb.Context(), scan)
	if err != nil {
		tb.Fatalf("append: %v", err)
	}
	return seq
}

func mustSync(tb testing.TB, s *storage.Store) {
	tb.Helper()
	if err := s.Sync(tb.Context()); err != nil {
		tb.Fatalf("sync: %v", err)
	}
}

// sameScan is empty when the scans are equal, NaNs included.
func sameScan(want, got *esp.Scan) string {
	if want.Well == got.Well && want.Time.Equal(got.Time) && want.Seq == got.Seq && want.Layout.ID() == got.Layout.ID() &&
		slices.EqualFunc(want.Readings, got.Readings, sameReading) {
		return "" // cmp is slow, and campaigns compare millions
	}
	return cmp.Diff(want, got, cmpopts.EquateNaNs(), cmp.Comparer(func(a, b *esp.Layout) bool { return a.ID() == b.ID() }))
}

func sameReading(a, b esp.Reading) bool {
	return a.Raw == b.Raw && a.Quality == b.Quality && a.Reason == b.Reason && math.Float64bits(a.Value) == math.Float64bits(b.Value)
}

func scans(tb testing.TB, s *storage.Store, first, last uint64) []esp.Scan {
	tb.Helper()
	var out []esp.Scan
	for scan, err := range s.Scans(tb.Context(), well, s.Epoch(), first, last) {
		if err != nil {
			tb.Fatalf("scans: %v", err)
		}
		out = append(out, scan.Clone())
	}
	return out
}

func records(tb testing.TB, s *storage.Store, q storage.RecordQuery) []record.Record {
	tb.Helper()
	var out []record.Record
	for r, err := range s.Records(tb.Context(), q) {
		if err != nil {
			tb.Fatalf("records: %v", err)
		}
		out = append(out, r)
	}
	return out
}

func gaps(tb testing.TB, s *storage.Store) []esp.Gap {
	tb.Helper()
	var out []esp.Gap
	for _, r := range records(tb, s, storage.RecordQuery{Kinds: []record.Kind{record.KindGap}}) {
		g, err := record.Decode[esp.Gap](r)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

func TestAppendNumbersAndBecomesDurableBySync(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	for n := 1; n <= 10; n++ {
		scan := made(l, n, start.Add(time.Duration(n)*time.Second))
		if seq := mustAppend(t, s, scan); seq != uint64(n) || scan.Seq != seq {
			t.Fatalf("scan %d has number %d, the scan says %d", n, seq, scan.Seq)
		}
	}
	if got := s.Durable(well); got != 0 {
		t.Errorf("durable before sync: %d, want 0", got)
	}
	if got := scans(t, s, 1, 10); len(got) != 0 {
		t.Errorf("%d scans are given as durable before sync", len(got))
	}
	mustSync(t, s)
	if got := s.Durable(well); got != 10 {
		t.Errorf("durable after sync: %d, want 10", got)
	}
	want := []storage.Span{{Well: well, Epoch: s.Epoch(), First: 1, Last: 10}}
	if diff := cmp.Diff(want, s.Spans()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	for i, scan := range scans(t, s, 3, 5) {
		want := made(l, i+3, start.Add(time.Duration(i+3)*time.Second))
		want.Seq = uint64(i + 3)
		if diff := sameScan(want, &scan); diff != "" {
			t.Errorf("scan %d (-want +got):\n%s", i+3, diff)
		}
	}
}

// A store that was not closed, as after a kill, has exactly what was durable.
func TestReopen(t *testing.T) {
	for name, seal := range map[string]bool{"from the journal": false, "from history": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := small(t, well)
			s := open(t, config(dir))
			epoch := s.Epoch()
			for n := 1; n <= 4000; n++ { // beyond the hour
				mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
				if n%100 == 0 {
					mustSync(t, s)
				}
			}
			if seal {
				if err := storage.Tick(s); err != nil {
					t.Fatal(err)
				}
				if got := s.Status(); got.SealedBlocks != 1 || got.HistoryBytes == 0 {
					t.Fatalf("%d blocks sealed, %d bytes of history; want 1 block", got.SealedBlocks, got.HistoryBytes)
				}
			}
			latest, _ := s.Latest(well)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, config(dir))
			if s.Epoch() != epoch || s.Durable(well) != 4000 {
				t.Fatalf("epoch %d, durable %d; want %d, 4000", s.Epoch(), s.Durable(well), epoch)
			}
			if diff := sameScan(&latest, new(must(s.Latest(well)))); diff != "" {
				t.Errorf("latest (-want +got):\n%s", diff)
			}
			all := scans(t, s, 1, math.MaxUint64)
			if len(all) != 4000 {
				t.Fatalf("%d scans, want 4000", len(all))
			}
			for i, scan := range all {
				want := made(l, i+1, start.Add(time.Duration(i+1)*time.Second))
				want.Seq = uint64(i + 1)
				if diff := sameScan(want, &scan); diff != "" {
					t.Fatalf("scan %d (-want +got):\n%s", i+1, diff)
				}
			}
			if seq := mustAppend(t, s, made(l, 4001, start.Add(2*time.Hour))); seq != 4001 {
				t.Errorf("the next number is %d, want 4001", seq)
			}
		})
	}
}

func must[T any](v T, ok bool) T {
	if !ok {
		panic("there is none")
	}
	return v
}

// The time in which the appliance was off is explained by one record.
func TestGapOfAStop(t *testing.T) {
	dir := t.TempDir()
	l := small(t, well)
	s := open(t, config(dir))
	for n := range 10 {
		mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	back := start.Add(10 * time.Minute)
	for n := range 3 {
		mustAppend(t, s, made(l, n, back.Add(time.Duration(n)*time.Second)))
		if err := storage.Tick(s); err != nil {
			t.Fatal(err)
		}
	}
	want := []esp.Gap{{Well: well, From: start.Add(9 * time.Second), To: back, Reason: esp.GapApplianceOff}}
	if diff := cmp.Diff(want, gaps(t, s), cmpopts.IgnoreFields(esp.Gap{}, "Text")); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		open(t, config(dir))
		_, err := storage.Open(t.Context(), config(dir))
		if !errors.Is(err, storage.ErrLocked) {
			t.Errorf("error %v, want ErrLocked", err)
		}
	})
	t.Run("a file in its place", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := storage.Open(t.Context(), config(path)); err == nil {
			t.Error("no error")
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := storage.Open(t.Context(), storage.Config{}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, config(dir))
		fill(t, s, small(t, well), start, 10)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := storage.Open(ctx, config(dir)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
		open(t, config(dir)) // and the lock is free
	})
}

// fill puts n scans of one a second into history.
func fill(tb testing.TB, s *storage.Store, l *esp.Layout, from time.Time, n int) {
	tb.Helper()
	err := s.Bulk(tb.Context(), l.Well, func(push func(*esp.Scan) error) error {
		for i := range n {
			if err := push(made(l, i, from.Add(time.Duration(i)*time.Second))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatalf("bulk: %v", err)
	}
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	good := func() *esp.Scan { return made(l, 1, start) }
	tests := map[string]func(*esp.Scan){
		"no layout":       func(s *esp.Scan) { s.Layout = nil },
		"no well":         func(s *esp.Scan) { s.Well = "" },
		"a reading short": func(s *esp.Scan) { s.Readings = s.Readings[1:] },
		"no time":         func(s *esp.Scan) { s.Time = time.Time{}.Add(-time.Hour) },
		"a far time":      func(s *esp.Scan) { s.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			scan := good()
			spoil(scan)
			if _, err := s.Append(t.Context(), scan); !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("error %v, want ErrInvalid", err)
			}
		})
	}
	if seq := mustAppend(t, s, good()); seq != 1 {
		t.Errorf("the first good scan has number %d", seq)
	}
}
