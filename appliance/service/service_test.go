package service_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/service"
)

// listen takes the place of systemd.
func listen(t *testing.T) *net.UnixConn {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return conn
}

// heard reads one message, in lines.
func heard(t *testing.T, conn *net.UnixConn) []string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b[:n]), "\n")
}

func TestMessages(t *testing.T) {
	conn := listen(t)
	m := service.New(zerolog.Nop())
	m.Ready()
	if got := heard(t, conn); !slices.Equal(got, []string{"READY=1"}) {
		t.Errorf("ready: %q", got)
	}
	m.Reloading()
	if got := heard(t, conn); len(got) != 2 || got[0] != "RELOADING=1" || !strings.HasPrefix(got[1], "MONOTONIC_USEC=") {
		t.Errorf("reloading: %q", got)
	}
	m.Stopping()
	if got := heard(t, conn); len(got) != 2 || got[0] != "STOPPING=1" {
		t.Errorf("stopping: %q", got)
	}
}

// The watchdog is fed while there is progress, and only then; the status says why not.
func TestFeeding(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "30000000")
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards told and busy
		var told []string // messages of the last stretch
		m := service.New(zerolog.Nop())
		if m.Interval() != 30*time.Second {
			t.Fatalf("interval %s", m.Interval())
		}
		service.Hear(m, func(state string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, state)
		})
		count := uint64(0)
		busy := true
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- m.Run(ctx, func() ([]service.Part, string) {
				mu.Lock()
				defer mu.Unlock()
				if busy {
					count++
				}
				return []service.Part{{Name: "a well", Count: count, Patience: 15 * time.Second}, {Name: "the store", Count: count, Patience: 2 * time.Minute}}, "Fine"
			})
		}()
		stretch := func(d time.Duration) (fed int, status []string) {
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			defer func() { told = nil }()
			for line := range strings.SplitSeq(strings.Join(told, "\n"), "\n") {
				if line == "WATCHDOG=1" {
					fed++
				}
				if s, ok := strings.CutPrefix(line, "STATUS="); ok {
					status = append(status, s)
				}
			}
			return fed, status
		}
		be := func(now bool) {
			mu.Lock()
			defer mu.Unlock()
			busy = now
		}
		if fed, status := stretch(time.Minute + time.Second); fed < 4 || !slices.Equal(status, []string{"Fine"}) {
			t.Errorf("in a minute of progress: fed %d times, status %q", fed, status)
		}
		be(false)
		if fed, status := stretch(time.Minute); fed > 2 || len(status) == 0 || !strings.HasPrefix(status[0], "No progress: a well for ") {
			t.Errorf("in a minute without progress: fed %d times, status %q", fed, status)
		}
		if fed, _ := stretch(time.Minute); fed != 0 {
			t.Errorf("fed %d times while stuck", fed)
		}
		be(true)
		if fed, status := stretch(time.Minute); fed < 4 || !slices.Equal(status, []string{"Fine"}) {
			t.Errorf("with progress again: fed %d times, status %q", fed, status)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutAManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		m := service.New(zerolog.Nop())
		m.Ready()
		if err := m.Run(ctx, func() ([]service.Part, string) { return nil, "" }); err != nil || m.Interval() != 0 {
			t.Errorf("run: %v, interval %s", err, m.Interval())
		}
	})
}
