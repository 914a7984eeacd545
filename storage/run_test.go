package storage_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

// Run makes scans durable within CommitEvery, seals the hour when it is over, commits
// once more when it is cancelled and leaves no goroutine behind (synctest sees to that).
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := storage.Config{Dir: t.TempDir(), JournalBytes: 4 << 20}
		s, err := storage.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		l := small(t, well)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		poll := time.NewTicker(time.Second)
		defer poll.Stop()
		n := uint64(0)
		for range 3*3600 + 10 {
			<-poll.C
			n++
			if seq := mustAppend(t, s, made(l, int(n), time.Now())); seq != n {
				t.Fatalf("number %d, want %d", seq, n)
			}
			if durable := s.Durable(well); n > 6 && durable < n-6 {
				t.Fatalf("scan %d: durable is %d, more than a commit interval behind", n, durable)
			}
		}
		if got, want := s.Turns(), n/5; got < want-1 || got > want+1 {
			t.Errorf("%d turns in %d s, want one every 5 s", got, n)
		}
		if got := s.Status().SealedBlocks; got != 3 {
			t.Errorf("%d blocks sealed in three hours, want one for each", got)
		}
		mustAppend(t, s, made(l, int(n)+1, time.Now()))
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if got := s.Durable(well); got != n+1 {
			t.Errorf("durable %d after Run has ended, want %d", got, n+1)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// A well that is polled no more has its last hour sealed all the same.
func TestAnIdleWellIsSealed(t *testing.T) {
	now := start
	cfg := config(t.TempDir())
	cfg.Now = func() time.Time { return now }
	s := open(t, cfg)
	l := small(t, well)
	for n := range 1000 {
		now = start.Add(time.Duration(n) * time.Second)
		mustAppend(t, s, made(l, n, now))
	}
	for range 4 {
		now = now.Add(time.Hour)
		if err := storage.Tick(s); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Status().SealedBlocks; got != 1 {
		t.Errorf("%d blocks sealed, want 1", got)
	}
}

func TestStatus(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	fill(t, s, l, start.Add(-2*time.Hour), 7200)
	mustAppend(t, s, made(l, 1, start))
	st := s.Status()
	if st.Segments != 1 || st.HistoryBytes == 0 || st.JournalBytes != 2<<20 || st.StateBytes == 0 || st.DiskFree == 0 {
		t.Errorf("sizes are missing: %+v", st)
	}
	if st.DaysLeft <= 0 {
		t.Errorf("%v days left", st.DaysLeft)
	}
	want := storage.WellStatus{
		Well: well, Last: 7201, Durable: 7200, Numbered: 7201, Pending: 1, Blocks: 2,
		Oldest: start.Add(-2 * time.Hour), Newest: start, NewestDurable: start.Add(-time.Second),
	}
	if len(st.Wells) != 1 || st.Wells[0] != want {
		t.Errorf("wells %+v, want %+v", st.Wells, want)
	}
	if got, ok := s.Well(well); !ok || got != want {
		t.Errorf("well %+v, %v, want %+v", got, ok, want)
	}
	if got, ok := s.Well("nobody"); ok || !got.Oldest.IsZero() {
		t.Errorf("a well that never was: %+v, %v", got, ok)
	}
	if got := s.Wells(); len(got) != 1 || got[0] != well {
		t.Errorf("wells %v", got)
	}
	if got, ok := s.Layout(l.ID()); !ok || got.ID() != l.ID() {
		t.Errorf("layout %v, %v", got, ok)
	}
	if e := s.Epochs(); len(e) != 1 || e[0].ID != s.Epoch() || e[0].FirstRecord != 1 {
		t.Errorf("epochs %+v", e)
	}
	var none esp.Scan
	if got, ok := s.Latest("nobody"); ok || got.Layout != none.Layout {
		t.Errorf("latest of a well that is not there: %v", got)
	}
}
