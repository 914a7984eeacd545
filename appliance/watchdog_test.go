package appliance_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wellkeeper.internal/appliance"
)

// The watchdog is fed while a drive that is gone gives nothing but lost readings, and
// starves when a scan does not come out of its pipeline.
func TestTheWatchdogStarvesWithThePipeline(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "2000000")

	cfg := testConfig(t, t.TempDir())
	cfg.Wells[0].Devices[0].Timeout = 50 * time.Millisecond
	app, err := appliance.New(t.Context(), appliance.Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	var wedged atomic.Bool
	release := make(chan struct{})
	app.Wedge(func() {
		if wedged.Load() {
			<-release
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()

	// hear counts how often a line comes within a time, and remembers the last status.
	status := ""
	hear := func(line string, within time.Duration) (n int) {
		if err := socket.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		for {
			got, err := socket.Read(b)
			if err != nil {
				return n
			}
			for l := range strings.SplitSeq(string(b[:got]), "\n") {
				if l == line {
					n++
				}
				if s, ok := strings.CutPrefix(l, "STATUS="); ok {
					status = s
				}
			}
		}
	}
	if n := hear("WATCHDOG=1", 5*time.Second); n < 5 {
		t.Errorf("fed %d times in 5 s of polling, want at least one a second", n)
	}
	wedged.Store(true)
	hear("", 5*time.Second) // the well's patience: a period, its time-outs and half the interval
	if n := hear("WATCHDOG=1", 3*time.Second); n != 0 || !strings.HasPrefix(status, "No progress: well W-1") {
		t.Errorf("fed %d times while a pipeline is wedged; status %q", n, status)
	}
	close(release)
	if n := hear("WATCHDOG=1", 4*time.Second); n == 0 {
		t.Error("not fed after the pipeline went on")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
