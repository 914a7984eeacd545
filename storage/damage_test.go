package storage_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// damagedFile are ways to spoil a bbolt file.
func damagedFiles() map[string]func(b []byte) []byte {
	return map[string]func([]byte) []byte{
		"empty":              func([]byte) []byte { return nil },
		"cut to one page":    func(b []byte) []byte { return b[:page] },
		"cut to five pages":  func(b []byte) []byte { return b[:5*page] },
		"zeroed":             func(b []byte) []byte { clear(b); return b },
		"both meta pages":    func(b []byte) []byte { clear(b[:2*page]); return b },
		"text in its place":  func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 9000)) },
		"all but the metas":  func(b []byte) []byte { clear(b[2*page:]); return b },
		"random from page 2": func(b []byte) []byte { scramble(b[2*page:]); return b },
	}
}

func scramble(b []byte) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// stocked is a folder with history in two weeks, a head in the journal, records and a
// table; it gives the number of scans.
func stocked(t *testing.T, dir string) (epoch uint64, n int) {
	t.Helper()
	s := open(t, config(dir))
	l := small(t, well)
	fill(t, s, l, start, 7200)
	fill(t, s, l, start.AddDate(0, 0, 7), 3600)
	for i := range 100 {
		mustAppend(t, s, made(l, i, start.AddDate(0, 0, 7).Add(time.Hour+time.Duration(i)*time.Second)))
	}
	if _, err := s.AppendRecord(t.Context(), event(t, well, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Table("t").Put([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	epoch = s.Epoch()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return epoch, 7200 + 3600 + 100
}

func spoil(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A damaged file is set aside and kept, the rest is there, the store works on, and no
// number is given twice in one epoch.
func TestDamagedFilesAreSetAside(t *testing.T) {
	tests := map[string]struct {
		file string
		left int // scans of the old epoch that remain
	}{
		"state.db":            {"state.db", 10900},
		"the first segment":   {"history/2025-W48.db", 3700},
		"the current segment": {"history/2025-W49.db", 7300},
	}
	for which, tt := range tests {
		for how, damage := range damagedFiles() {
			t.Run(which+", "+how, func(t *testing.T) {
				dir := t.TempDir()
				epoch, _ := stocked(t, dir)
				spoil(t, filepath.Join(dir, tt.file), damage)
				s := open(t, config(dir))
				st := s.Status()
				if len(st.Quarantined) != 1 || !strings.HasPrefix(st.Quarantined[0], filepath.Base(tt.file)+".damaged-") {
					t.Fatalf("set aside: %v, want %s", st.Quarantined, tt.file)
				}
				if _, err := os.Stat(filepath.Join(dir, filepath.Dir(tt.file), st.Quarantined[0])); err != nil {
					t.Errorf("the damaged file is not kept: %v", err)
				}
				if s.Epoch() == epoch {
					t.Error("no new epoch")
				}
				n := 0
				for _, err := range s.Scans(t.Context(), well, epoch, 1, math.MaxUint64) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				if n != tt.left {
					t.Errorf("%d scans of the old epoch are there, want %d", n, tt.left)
				}
				if seq := mustAppend(t, s, made(small(t, well), 1, start.AddDate(0, 0, 8))); seq != 1 {
					t.Errorf("the first number of the new epoch is %d", seq)
				}
				mustSync(t, s)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				again := open(t, config(dir))
				if again.Epoch() != s.Epoch() || again.Durable(well) != 1 {
					t.Errorf("after a restart: epoch %d, durable %d; want %d, 1", again.Epoch(), again.Durable(well), s.Epoch())
				}
			})
		}
	}
}

// A flipped bit somewhere in a file: whatever is read is right or reported, and
// nothing dies of it.
func TestFlippedBitsAreNeverReadAsData(t *testing.T) {
	base := t.TempDir()
	epoch, total := stocked(t, base)
	r := rand.New(rand.NewPCG(7, 7))
	files := []string{"state.db", "history/2025-W48.db", "journal"}
	whole, missing := 0, 0
	for round := range 60 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, files[round%len(files)])
		spoil(t, file, func(b []byte) []byte {
			used := len(b) // in use is only the beginning
			for used > page && allZero(b[used-page:used]) {
				used -= page
			}
			b[r.IntN(used)] ^= 1 << r.IntN(8)
			return b
		})
		s, err := storage.Open(t.Context(), config(dir))
		if err != nil {
			t.Fatalf("round %d: open with a flipped bit in %s: %v", round, file, err)
		}
		n := countRight(t, s, epoch)
		st := s.Status()
		reported := len(st.Quarantined) + st.DamagedBlocks + st.DamagedFrames + st.TornTails
		if n < total && reported == 0 {
			t.Errorf("round %d: %d of %d scans after a flipped bit in %s, and no report", round, n, total, file)
		}
		if n == total {
			whole++
		}
		missing += total - n
		if err := s.Close(); err != nil {
			t.Errorf("round %d: close: %v", round, err)
		}
	}
	t.Logf("60 files: %d with all scans, %d scans missing in the others", whole, missing)
}

func allZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// countRight counts the scans of the stocked folder and fails on a wrong one.
func countRight(t *testing.T, s *storage.Store, epoch uint64) int {
	t.Helper()
	l := small(t, well)
	n := 0
	for scan, err := range s.Scans(t.Context(), well, epoch, 1, math.MaxUint64) {
		if err != nil {
			if !errors.Is(err, storage.ErrDamaged) {
				t.Fatal(err)
			}
			continue
		}
		i := int(scan.Seq) - 1
		want := made(l, i, start.Add(time.Duration(i)*time.Second))
		if i >= 7200 {
			i -= 7200
			want = made(l, i, start.AddDate(0, 0, 7).Add(time.Duration(i)*time.Second))
		}
		if i >= 3600 && scan.Seq > 7200 {
			i -= 3600
			want = made(l, i, start.AddDate(0, 0, 7).Add(time.Hour+time.Duration(i)*time.Second))
		}
		want.Seq = scan.Seq
		if diff := sameScan(want, scan); diff != "" {
			t.Fatalf("silently wrong (-want +got):\n%s", diff)
		}
		n++
	}
	return n
}

// A damaged block is left out of charts, explained by a gap record, and stays left
// out after a restart; its neighbours are there.
func TestADamagedBlockIsExplained(t *testing.T) {
	dir := t.TempDir()
	epoch, _ := stocked(t, dir)
	spoil(t, filepath.Join(dir, "history/2025-W48.db"), func(b []byte) []byte {
		at := strings.Index(string(b), "WKBk")
		b[at+2000] ^= 1
		return b
	})
	for round := range 2 {
		s := open(t, config(dir))
		if s.Epoch() != epoch {
			t.Fatal("a new epoch for one damaged block")
		}
		got := ranged(t, s, storage.Query{Well: well, To: start.AddDate(0, 0, 1)})
		if len(got) != 3600 {
			t.Errorf("round %d: %d rows, want 3600", round, len(got))
		}
		if _, err := s.Buckets(t.Context(), storage.BucketQuery{Well: well, Signals: []string{"drive_frequency", "intake_pressure", "vendor_float"}, From: start, To: start.Add(2 * time.Hour), Width: time.Minute}); err != nil {
			t.Errorf("round %d: buckets: %v", round, err)
		}
		if err := storage.Tick(s); err != nil {
			t.Fatal(err)
		}
		if g := gaps(t, s); len(g) != 1 || g[0].Reason != esp.GapDamaged || g[0].Lost != 3600 {
			t.Errorf("round %d: gaps %+v, want one of 3600 damaged scans", round, g)
		}
		if got, want := s.Status().DamagedBlocks, 1-round; got != want {
			t.Errorf("round %d: %d damaged blocks reported, want %d", round, got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A flipped bit in a value of state.db is found at start, whatever the value is.
func TestFlippedBitsInStateAreFound(t *testing.T) {
	for name, secret := range map[string]string{"a record": "what a record says", "a table": "what a table holds"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, config(dir))
			r, err := record.Event(esp.Event{Well: well, Time: start, ID: "n", Text: "what a record says"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.AppendRecord(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if err := s.Table("t").Put([]byte("k"), []byte("what a table holds")); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			spoil(t, filepath.Join(dir, "state.db"), func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte(secret), []byte(strings.ToUpper(secret)))
			})
			if st := open(t, config(dir)).Status(); len(st.Quarantined) != 1 {
				t.Errorf("set aside: %v, want state.db", st.Quarantined)
			}
		})
	}
}
