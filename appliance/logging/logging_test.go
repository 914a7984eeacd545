package logging_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/logging"
)

// sink takes lines, or does not.
type sink struct {
	mu    sync.Mutex // guards what follows
	lines []string
	err   error
	stuck chan struct{} // a write waits for it
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	stuck := s.stuck
	s.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.lines = append(s.lines, string(b))
	return len(b), nil
}

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Nobody waits for a stuck sink. What there is no room for is counted, and told where
// it was lost once the sink goes on.
func TestAStuckSinkHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{stuck: make(chan struct{})}
		q := logging.NewQueue(s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			q.Run(ctx)
		}()
		begin := time.Now()
		line := bytes.Repeat([]byte("x"), 1000)
		const lines = 5000
		for range lines {
			if n, err := q.Write(line); n != len(line) || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
		}
		if time.Since(begin) != 0 {
			t.Errorf("writing waited %s", time.Since(begin))
		}
		dropped := q.Dropped()
		if dropped < lines/2 || dropped > lines-1000 {
			t.Errorf("%d of %d lines were dropped; want what is beyond about 1 MB", dropped, lines)
		}
		close(s.stuck)
		synctest.Wait()
		got := s.all()
		if len(got) != lines-int(dropped)+1 || !strings.Contains(got[len(got)-1], fmt.Sprintf(`"lines":%d`, dropped)) {
			t.Errorf("%d lines came, the last is %s; %d were dropped", len(got), got[len(got)-1], dropped)
		}
		cancel()
		<-done
	})
}

func TestTheEnd(t *testing.T) {
	for name, stuck := range map[string]bool{"what is left is written": false, "a stuck sink is left behind": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				if stuck {
					s.stuck = make(chan struct{})
				}
				q := logging.NewQueue(s)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				fmt.Fprintln(q, "the last words")
				begin := time.Now()
				q.Run(ctx)
				if took := time.Since(begin); took > time.Second {
					t.Errorf("the end took %s", took)
				}
				if stuck {
					close(s.stuck)
					synctest.Wait()
				} else if got := s.all(); !slices.Equal(got, []string{"the last words\n"}) {
					t.Errorf("written: %q", got)
				}
			})
		})
	}
}

// A sink that refuses lines has them counted, and told when it takes lines again.
func TestRefusedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{err: syscall.ENOSPC}
		q := logging.NewQueue(s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			q.Run(ctx)
		}()
		for range 3 {
			fmt.Fprintln(q, "lost")
			synctest.Wait()
		}
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		fmt.Fprintln(q, "kept")
		synctest.Wait()
		if got := s.all(); len(got) != 2 || got[0] != "kept\n" || !strings.Contains(got[1], `"lines":3`) {
			t.Errorf("written: %q", got)
		}
		if q.Dropped() != 3 {
			t.Errorf("%d dropped, want 3", q.Dropped())
		}
		cancel()
		<-done
	})
}

// content is everything in a log, oldest part first, and how many bytes it takes.
func content(t *testing.T, name string) (text string, size int64) {
	t.Helper()
	files, err := filepath.Glob(name + ".*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	for _, file := range append(files, name) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		size += int64(len(b))
		if strings.HasSuffix(file, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		text += string(b)
	}
	return text, size
}

// The log never takes more than its total; what is left is the newest, without a hole.
func TestTheTotal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log", "wellkeeper.log")
	const total = 200_000
	f := logging.NewFile(name, total)
	next := 0
	largest := int64(0)
	for range 20 {
		for range 500 {
			// Random digits hardly compress, so that old parts have to go.
			if _, err := fmt.Fprintf(f, "%08d %x\n", next, digits(next)); err != nil {
				t.Fatal(err)
			}
			next++
		}
		text, size := content(t, name)
		largest = max(largest, size)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		for i, line := range lines {
			if want := fmt.Sprintf("%08d ", next-len(lines)+i); !strings.HasPrefix(line, want) {
				t.Fatalf("line %d of %d is %.20q, want it to begin with %q", i, len(lines), line, want)
			}
		}
		f = logging.NewFile(name, total) // a restart goes on
	}
	if largest > total || largest < total/3 {
		t.Errorf("the log took %d bytes at most, its total is %d", largest, total)
	}
}

func digits(n int) []byte {
	b := make([]byte, 48)
	x := uint64(n)*0x9E3779B97F4A7C15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

// A log that somebody moved away or removed is begun anew within a minute.
func TestSomebodyMovesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "wellkeeper.log")
		f := logging.NewFile(name, 1_000_000)
		fmt.Fprintln(f, "before")
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		fmt.Fprintln(f, "after")
		if got, _ := content(t, name); got != "after\n" {
			t.Errorf("the log is %q", got)
		}
	})
}

// On a full disk old parts make room, and with nothing left to give up a line is
// refused whole. When there is room again, the log goes on.
func TestAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("skipped: mounting a file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("skipped: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	name := filepath.Join(dir, "wellkeeper.log")
	f := logging.NewFile(name, 10_000_000) // far more than there is
	for i := range 3 {                     // parts of an earlier time
		if err := os.WriteFile(fmt.Sprintf("%s.%06d", name, i+1), bytes.Repeat([]byte("old\n"), 10_000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for i := range 5000 {
		if _, err := fmt.Fprintf(f, "%08d %x\n", i, digits(i)); err != nil {
			refused++
		}
	}
	left, err := filepath.Glob(name + ".*")
	if err != nil || len(left) != 0 {
		t.Errorf("old parts %v are still there: %v", left, err)
	}
	text, _ := content(t, name)
	kept := strings.Count(text, "\n")
	if refused == 0 || kept != 5000-refused || !strings.HasSuffix(text, "\n") {
		t.Errorf("%d lines refused, %d kept; the end is %q", refused, kept, text[max(0, len(text)-20):])
	}
	if err := os.Truncate(name, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(f, "again"); err != nil {
		t.Errorf("not written although there is room: %v", err)
	}
}
