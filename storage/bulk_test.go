package storage_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

// Live scans that come during a bulk keep their own numbers, and none is lost.
func TestBulkBesideLiveScans(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	l := small(t, well)
	now := start.Add(24 * time.Hour)
	live := func(n int) uint64 { return mustAppend(t, s, made(l, n, now.Add(time.Duration(n)*time.Second))) }
	numbers := map[uint64]bool{live(0): true, live(1): true}
	err := s.Bulk(t.Context(), well, func(push func(*esp.Scan) error) error {
		for i := range 24 * 3600 / 10 {
			if err := push(made(l, i, start.Add(time.Duration(i)*10*time.Second))); err != nil {
				return err
			}
			if i%1000 == 0 {
				numbers[live(10+i)] = true
			}
		}
		if got := s.Durable(well); got > 1 {
			t.Errorf("durable is %d while number 1 is in memory only", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(numbers) != 11 {
		t.Fatalf("%d live numbers, want 11 different ones", len(numbers))
	}
	latest, _ := s.Latest(well)
	mustSync(t, s)
	if got := s.Durable(well); got != 8651 {
		t.Errorf("durable is %d, want 8651", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	if diff := cmp.Diff([]storage.Span{{Well: well, Epoch: s.Epoch(), First: 1, Last: 8651}}, s.Spans()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	for _, scan := range scans(t, s, 1, math.MaxUint64) {
		if numbers[scan.Seq] == scan.Time.Before(now) {
			t.Fatalf("scan %d of %v: live numbers are %v", scan.Seq, scan.Time, numbers)
		}
	}
	if got, _ := s.Latest(well); !got.Time.Equal(latest.Time) {
		t.Errorf("latest is of %v, want %v", got.Time, latest.Time)
	}
}

// Scans of a bulk that have their numbers and are not stored yet hold Durable back,
// though higher numbers are on the disk.
func TestBulkHoldsDurableBack(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	err := s.Bulk(t.Context(), well, func(push func(*esp.Scan) error) error {
		for i := range 3700 {
			if err := push(made(l, i, start.Add(time.Duration(i)*time.Second))); err != nil {
				return err
			}
		}
		if seq := mustAppend(t, s, made(l, 1, start.Add(24*time.Hour))); seq <= 3600 {
			t.Errorf("the live scan has number %d: the test proves nothing", seq)
		}
		mustSync(t, s)
		if got := s.Durable(well); got != 0 {
			t.Errorf("durable %d while the bulk has stored nothing", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Durable(well); got != 3701 {
		t.Errorf("durable %d, want 3701", got)
	}
}

// What was taken before fn fails is whole and durable; the error comes through.
func TestBulkThatFails(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	enough := errors.New("enough")
	err := s.Bulk(t.Context(), well, func(push func(*esp.Scan) error) error {
		for i := range 4000 {
			if err := push(made(l, i, start.Add(time.Duration(i)*time.Second))); err != nil {
				return err
			}
		}
		if err := s.Bulk(t.Context(), well, nil); !errors.Is(err, storage.ErrBusy) {
			t.Errorf("a second bulk: %v, want ErrBusy", err)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Errorf("error %v, want what fn gave", err)
	}
	if got := s.Durable(well); got != 4000 {
		t.Errorf("durable %d, want 4000", got)
	}
	if err := s.Bulk(t.Context(), well, func(push func(*esp.Scan) error) error {
		return push(made(small(t, "other"), 1, start))
	}); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("a scan of another well: %v, want ErrInvalid", err)
	}
}

// A past that is filled up to the first live scan leaves no gap; one that is not does.
func TestBulkFillsTheGapOfAStop(t *testing.T) {
	for name, filled := range map[string]bool{"filled": true, "not filled": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := small(t, well)
			s := open(t, config(dir))
			fill(t, s, l, start, 100)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, config(dir))
			if filled {
				fill(t, s, l, start.Add(100*time.Second), 500)
			} else {
				fill(t, s, l, start.Add(-time.Hour), 500) // an older past
			}
			mustAppend(t, s, made(l, 1, start.Add(600*time.Second)))
			if err := storage.Tick(s); err != nil {
				t.Fatal(err)
			}
			want := 1
			if filled {
				want = 0
			}
			if got := gaps(t, s); len(got) != want {
				t.Errorf("gaps %+v, want %d", got, want)
			}
		})
	}
}
