package storage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// A box whose clock stood at 1970 for three hours, in the head and in sealed blocks.
func TestCorrectedTimes(t *testing.T) {
	dir := t.TempDir()
	s, right := open(t, config(dir)), open(t, config(t.TempDir()))
	l := small(t, well)
	boot := time.Unix(0, 0).UTC()
	const before = 3 * 3600
	for n := 1; n <= before; n++ {
		mustAppend(t, s, made(l, n, boot.Add(time.Duration(n)*time.Second)))
		mustAppend(t, right, made(l, n, start.Add(time.Duration(n)*time.Second)))
		if n%500 == 0 {
			mustSync(t, s)
			mustSync(t, right)
		}
	}
	mustSync(t, s)
	var want []row
	for n := before + 1; n <= before+200; n++ {
		mustAppend(t, right, made(l, n, start.Add(time.Duration(n)*time.Second)))
		mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
	}
	for n := 1; n <= before+200; n++ {
		want = append(want, row{uint64(n), time.Duration(n) * time.Second})
	}
	mustSync(t, s)
	correction := storage.Correction{Well: well, Epoch: s.Epoch(), First: 1, Last: before, Offset: start.Sub(boot)}
	told := record.Record{Time: start, Well: well, Kind: record.KindClockCorrection, Version: 1, Body: []byte("{}")}
	if err := s.Correct(t.Context(), []storage.Correction{correction}, []record.Record{told}); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, ranged(t, s, storage.Query{Well: well})); diff != "" {
			t.Errorf("%s: rows by time (-want +got):\n%s", when, diff)
		}
		middle := storage.Query{Well: well, From: start.Add(before*time.Second - 5*time.Second), To: start.Add(before*time.Second + 5*time.Second)}
		if diff := cmp.Diff(want[before-6:before+4], ranged(t, s, middle)); diff != "" {
			t.Errorf("%s: rows around the step (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(chart(t, right, l), chart(t, s, l), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: chart (-want +got):\n%s", when, diff)
		}
		if got := ranged(t, s, storage.Query{Well: well, To: start}); got != nil {
			t.Errorf("%s: %d rows are still before the start", when, len(got))
		}
		for scan, err := range s.Scans(t.Context(), well, s.Epoch(), 1, 1) {
			if err != nil || !scan.Time.Equal(boot.Add(time.Second)) {
				t.Errorf("%s: scan 1 is sent as of %v, %v: what is stored must not change", when, scan.Time, err)
			}
		}
		if st := s.Status().Wells[0]; !st.Newest.Equal(start.Add((before + 200) * time.Second)) {
			t.Errorf("%s: the newest is of %v", when, st.Newest)
		}
	}
	check("at once")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	check("after a restart")
	if diff := cmp.Diff([]storage.Correction{correction}, s.Corrections(well)); diff != "" {
		t.Error(diff)
	}
	n := 0
	for r, err := range s.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindClockCorrection}}) {
		if err != nil || r.Well != well {
			t.Error(r, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d records of it", n)
	}
}

// chart is the hours after the start.
func chart(t *testing.T, s *storage.Store, l *esp.Layout) []storage.Bucket {
	t.Helper()
	q := storage.BucketQuery{Well: well, Signals: []string{l.Columns[0].Name}, From: start, To: start.Add(4 * time.Hour), Width: 10 * time.Minute}
	series, err := s.Buckets(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if series[0].Buckets[0].Count == 0 {
		t.Fatal("the chart is empty")
	}
	return series[0].Buckets
}

// Two corrections of the same scans add up, and the latest scan follows.
func TestCorrectedTwice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	l := small(t, well)
	for n := 1; n <= 10; n++ {
		mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
	}
	mustSync(t, s)
	for _, c := range []storage.Correction{
		{Well: well, Epoch: s.Epoch(), First: 1, Last: 10, Offset: time.Hour},
		{Well: well, Epoch: s.Epoch(), First: 6, Last: 10, Offset: -time.Minute},
	} {
		if err := s.Correct(t.Context(), []storage.Correction{c}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		got := ranged(t, s, storage.Query{Well: well})
		want := []row{
			{6, time.Hour - 54*time.Second},
			{7, time.Hour - 53*time.Second},
			{8, time.Hour - 52*time.Second},
			{9, time.Hour - 51*time.Second},
			{10, time.Hour - 50*time.Second},
			{1, time.Hour + time.Second},
			{2, time.Hour + 2*time.Second},
			{3, time.Hour + 3*time.Second},
			{4, time.Hour + 4*time.Second},
			{5, time.Hour + 5*time.Second},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if latest, _ := s.Latest(well); !latest.Time.Equal(start.Add(time.Hour - 50*time.Second)) {
			t.Errorf("the latest is of %v", latest.Time)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, config(dir))
	}
}

func TestCorrectRefuses(t *testing.T) {
	s := open(t, config(t.TempDir()))
	for name, c := range map[string]storage.Correction{
		"no scans":          {Well: well, Epoch: s.Epoch(), First: 2, Last: 1, Offset: time.Second},
		"half milliseconds": {Well: well, Epoch: s.Epoch(), First: 1, Last: 1, Offset: time.Microsecond},
	} {
		if err := s.Correct(t.Context(), []storage.Correction{c}, nil); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.Corrections(well) != nil {
		t.Error("a refused correction is in effect")
	}
}
