package storage_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

const page = 4096

// frames are the places of the frames in a journal's bytes.
func frames(journal []byte) []int {
	var out []int
	for at := 0; at < len(journal); at += page {
		if string(journal[at:at+4]) == "WKJF" {
			out = append(out, at)
		}
	}
	return out
}

// damage is one way to spoil the journal of ten commits of five scans, the last one
// of 600, and what must come of it.
type damage struct {
	spoil func(b []byte, frames []int) []byte
	// lost are the scans that are gone.
	lostFrom, lostTo int
	torn, damaged    int
	quarantined      bool
	gap              esp.GapReason
}

func damages() map[string]damage {
	last := func(f []int) int { return f[len(f)-1] }
	return map[string]damage{
		"nothing": {spoil: func(b []byte, _ []int) []byte { return b }, gap: esp.GapApplianceOff},
		"a bit in the payload of the last frame": {
			spoil:    func(b []byte, f []int) []byte { b[last(f)+100] ^= 4; return b },
			lostFrom: 51, lostTo: 650, torn: 1, gap: esp.GapTornTail,
		},
		"a bit in the header of the last frame": {
			spoil:    func(b []byte, f []int) []byte { b[last(f)+20] ^= 1; return b },
			lostFrom: 51, lostTo: 650, torn: 1, gap: esp.GapTornTail,
		},
		"the second page of the last frame is old": {
			spoil:    func(b []byte, f []int) []byte { clear(b[last(f)+page : last(f)+2*page]); return b },
			lostFrom: 51, lostTo: 650, torn: 1, gap: esp.GapTornTail,
		},
		"the first page of the last frame is old": {
			spoil:    func(b []byte, f []int) []byte { clear(b[last(f) : last(f)+page]); return b },
			lostFrom: 51, lostTo: 650, gap: esp.GapApplianceOff, // nothing says that it was begun
		},
		"a frame in the middle": {
			spoil:    func(b []byte, f []int) []byte { b[f[3]+100] ^= 1; return b },
			lostFrom: 16, lostTo: 20, damaged: 1, gap: esp.GapTornTail,
		},
		"the header of a frame in the middle": {
			spoil:    func(b []byte, f []int) []byte { clear(b[f[3] : f[3]+64]); return b },
			lostFrom: 16, lostTo: 20, damaged: 1, gap: esp.GapTornTail,
		},
		"the head of the half": {
			spoil: func(b []byte, _ []int) []byte { b[30] ^= 1; return b },
			gap:   esp.GapApplianceOff,
		},
		"everything wiped": {
			spoil:    func(b []byte, _ []int) []byte { clear(b); return b },
			lostFrom: 1, lostTo: 650, quarantined: true,
		},
		"cut short": {
			spoil:    func(b []byte, f []int) []byte { return b[:last(f)] },
			lostFrom: 1, lostTo: 650, quarantined: true,
		},
		"empty": {
			spoil:    func([]byte, []int) []byte { return nil },
			lostFrom: 1, lostTo: 650, quarantined: true,
		},
	}
}

func TestDamagedJournal(t *testing.T) {
	for name, d := range damages() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := small(t, well)
			s := open(t, config(dir))
			epoch, n := s.Epoch(), 0
			for i := range 11 {
				rows := 5
				if i == 10 {
					rows = 600 // more than a page, in two frames' worth of blocks
				}
				for range rows {
					n++
					mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
				}
				mustSync(t, s)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "journal")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if f := frames(b); len(f) != 11 {
				t.Fatalf("%d frames, want 11", len(f))
			}
			if err := os.WriteFile(path, d.spoil(b, frames(b)), 0o600); err != nil {
				t.Fatal(err)
			}
			checkDamaged(t, open(t, config(dir)), &d, epoch)
		})
	}
}

func checkDamaged(t *testing.T, s *storage.Store, d *damage, epoch uint64) {
	t.Helper()
	st := s.Status()
	if st.TornTails != d.torn || st.DamagedFrames != d.damaged {
		t.Errorf("%d torn tails, %d damaged frames; want %d, %d", st.TornTails, st.DamagedFrames, d.torn, d.damaged)
	}
	if got := len(st.Quarantined) == 1 && strings.HasPrefix(st.Quarantined[0], "journal.damaged-"); got != d.quarantined {
		t.Errorf("set aside: %v, want %v", st.Quarantined, d.quarantined)
	}
	if got := s.Epoch() != epoch; got != d.quarantined {
		t.Errorf("a new epoch: %v, want %v", got, d.quarantined)
	}
	var got []int
	l := small(t, well)
	for scan, err := range s.Scans(t.Context(), well, epoch, 1, math.MaxUint64) {
		if err != nil {
			t.Fatal(err)
		}
		n := int(scan.Seq)
		want := made(l, n, start.Add(time.Duration(n)*time.Second))
		want.Seq = scan.Seq
		if diff := sameScan(want, scan); diff != "" {
			t.Fatalf("silently wrong (-want +got):\n%s", diff)
		}
		got = append(got, n)
	}
	var want []int
	for n := 1; n <= 650; n++ {
		if n < d.lostFrom || n > d.lostTo {
			want = append(want, n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d scans are there, want %d", len(got), len(want))
	}
	// A number that may have been on the disk is not given again in this epoch.
	seq := mustAppend(t, s, made(l, 1, start.Add(time.Hour)))
	mustSync(t, s)
	if d.torn+d.damaged > 0 && seq <= 650 {
		t.Errorf("the next number is %d, which was given before", seq)
	}
	if err := storage.Tick(s); err != nil {
		t.Fatal(err)
	}
	if g := gaps(t, s); d.gap != "" && (len(g) != 1 || g[0].Reason != d.gap) {
		t.Errorf("gaps %+v, want one of reason %s", g, d.gap)
	}
}

// A journal that goes around many times loses nothing and keeps its size.
func TestJournalGoesAround(t *testing.T) {
	dir := t.TempDir()
	cfg := config(dir)
	cfg.JournalBytes = 64 * page
	l, other := small(t, well), small(t, "other")
	s := open(t, cfg)
	n := 0
	for round := range 12 {
		for range 97 { // more than a half in every round
			n++
			mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
			mustAppend(t, s, made(other, n, start.Add(time.Duration(n)*time.Second)))
			mustSync(t, s)
			if n%10 == 0 {
				if err := storage.Tick(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		if round%3 == 0 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, cfg)
		}
		if got := s.Durable(well); got != uint64(n) {
			t.Fatalf("round %d: durable %d, want %d", round, got, n)
		}
	}
	for i, scan := range scans(t, s, 1, math.MaxUint64) {
		want := made(l, i+1, start.Add(time.Duration(i+1)*time.Second))
		want.Seq = uint64(i + 1)
		if diff := sameScan(want, &scan); diff != "" {
			t.Fatalf("scan %d (-want +got):\n%s", i+1, diff)
		}
	}
	if got := s.Status(); got.JournalBytes != 2*64*page || got.SealedBlocks == 0 {
		t.Errorf("journal of %d bytes, %d blocks sealed; want %d and some", got.JournalBytes, got.SealedBlocks, 2*64*page)
	}
}

// hooked is a disk with something before and after each write.
type hooked struct {
	storage.Disk
	before func(b []byte) error
	after  func(b []byte)
}

func (h *hooked) WriteAt(b []byte, at int64) (int, error) {
	if err := h.before(b); err != nil {
		return 0, err
	}
	n, err := h.Disk.WriteAt(b, at)
	h.after(b)
	return n, err
}

// A power cut right after any write of the journal, above all between the two of a
// rotation, finds everything that was durable, also when the disk was full in the
// middle of a rotation before.
func TestPowerCutWithinARotation(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.JournalBytes = 64 * page
	s := open(t, cfg)
	l := small(t, well)
	isHead := func(b []byte) bool { return string(b[:4]) == "WKJH" }
	heads, writes, cuts := 0, 0, 0
	full := false
	storage.WrapDisk(s, func(d storage.Disk) storage.Disk {
		return &hooked{Disk: d, before: func(b []byte) error {
			if writes++; isHead(b) {
				heads++
				full = heads%2 == 1 // the rows that are to be carried over are refused
				return nil
			}
			if full && writes%7 != 0 {
				return syscall.ENOSPC
			}
			full = false
			return nil
		}, after: func(b []byte) {
			if !isHead(b) && writes%9 != 0 {
				return
			}
			cuts++
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(cfg.Dir)); err != nil {
				t.Fatal(err)
			}
			durable := s.Durable(well)
			copied := cfg
			copied.Dir = dir
			after := open(t, copied)
			if got := scans(t, after, 1, durable); uint64(len(got)) != durable {
				t.Fatalf("after write %d, head %d: %d scans of %d durable ones", writes, heads, len(got), durable)
			}
			if err := after.Close(); err != nil {
				t.Fatal(err)
			}
		}}
	})
	for n := range 400 {
		mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*20*time.Second)))
		if err := storage.Tick(s); err != nil && !errors.Is(err, storage.ErrFull) {
			t.Fatal(err)
		}
	}
	mustSync(t, s)
	if got := s.Durable(well); got != 400 || heads < 4 || cuts < 20 {
		t.Errorf("durable %d after %d rotations and %d power cuts; want 400, several, many", got, heads, cuts)
	}
}

// faulty is a disk that can be told to fail.
type faulty struct {
	storage.Disk
	write, sync error
}

func (f *faulty) WriteAt(b []byte, at int64) (int, error) {
	if f.write != nil {
		return 0, f.write
	}
	return f.Disk.WriteAt(b, at)
}

func (f *faulty) Datasync() error {
	if f.sync != nil {
		return f.sync
	}
	return f.Disk.Datasync()
}

// After an I/O error nothing is acknowledged, even if the disk says that it is well
// again: what the failed fsync was about may be gone. Polling goes on.
func TestAFailedDiskIsNotBelievedAgain(t *testing.T) {
	for name, f := range map[string]*faulty{"write": {write: syscall.EIO}, "sync": {sync: syscall.EIO}} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t.TempDir())
			cfg.MaxPending = 50
			s, err := storage.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			l := small(t, well)
			mustAppend(t, s, made(l, 1, start))
			mustSync(t, s)
			storage.WrapDisk(s, func(d storage.Disk) storage.Disk { f.Disk = d; return f })
			mustAppend(t, s, made(l, 2, start.Add(time.Second)))
			if err := s.Sync(t.Context()); !errors.Is(err, storage.ErrFailed) {
				t.Errorf("sync: %v, want ErrFailed", err)
			}
			f.write, f.sync = nil, nil
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := s.Run(ctx); !errors.Is(err, storage.ErrFailed) {
				t.Errorf("run: %v, want ErrFailed", err)
			}
			for n := range 100 {
				mustAppend(t, s, made(l, n, start.Add(time.Duration(n+2)*time.Second)))
			}
			if got := s.Durable(well); got != 1 {
				t.Errorf("durable %d, want 1", got)
			}
			latest, _ := s.Latest(well)
			if want := start.Add(101 * time.Second); !latest.Time.Equal(want) {
				t.Errorf("latest is of %v, want %v", latest.Time, want)
			}
			if st := s.Status(); !st.Failed || st.Lost != 51 || st.Wells[0].Pending != 50 {
				t.Errorf("status %+v; want failed, 51 lost, 50 pending", st)
			}
			if err := s.Close(); !errors.Is(err, storage.ErrFailed) {
				t.Errorf("close: %v, want ErrFailed", err)
			}
		})
	}
}

// A full disk is waited for: nothing is acknowledged that is not there, the loss is
// counted and explained, and all goes on when there is space.
func TestAFullDiskIsWaitedFor(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MaxPending = 50
	s := open(t, cfg)
	l := small(t, well)
	f := &faulty{write: syscall.ENOSPC}
	storage.WrapDisk(s, func(d storage.Disk) storage.Disk { f.Disk = d; return f })
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	for n := 1; n <= 80; n++ {
		mustAppend(t, s, made(l, n, at(n)))
		if err := storage.Tick(s); err != nil && !errors.Is(err, storage.ErrFull) {
			t.Fatalf("tick: %v, want nil or ErrFull", err)
		}
	}
	if st := s.Status(); st.Failed || !st.Full || st.Lost != 30 || s.Durable(well) != 0 {
		t.Errorf("status %+v; want full, 30 lost, nothing durable", st)
	}
	f.write = nil
	mustSync(t, s)
	if seq := mustAppend(t, s, made(l, 81, at(81))); seq != 51 {
		t.Errorf("the next number is %d, want 51", seq)
	}
	if err := storage.Tick(s); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.Full || s.Durable(well) != 51 {
		t.Errorf("full %v, durable %d; want recovered, 51", st.Full, s.Durable(well))
	}
	g := gaps(t, s)
	if len(g) != 1 || g[0].Reason != esp.GapStoreFailed || g[0].Lost != 30 || !g[0].From.Equal(at(50)) || !g[0].To.Equal(at(81)) {
		t.Errorf("gaps %+v, want 30 scans from %v to %v", g, at(50), at(81))
	}
}

// A first start that was cut short leaves files that the next start does away with.
func TestAFirstStartThatWasCutShort(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"journal.new", "state.db.new"} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte{7}, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, config(dir))
	if st := s.Status(); len(st.Quarantined) != 0 {
		t.Errorf("set aside: %v", st.Quarantined)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal.new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-made file: %v", err)
	}
}
