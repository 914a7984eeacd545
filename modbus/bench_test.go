package modbus_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/scripts/goal"
)

// answering serves a profile's registers, each holding 17, over loopback.
func answering(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { listener.Close() })
	p := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
		data := make([]byte, 1+2*a.quantity)
		data[0] = byte(2 * a.quantity)
		for i := range a.quantity {
			data[2+2*i] = 17
		}
		_, _ = conn.Write(a.frame(a.fc, data))
		return true
	}}
	go p.listen(listener)
	return "tcp://" + listener.Addr().String()
}

func simulatedDrive(tb testing.TB) *profile.Profile {
	tb.Helper()
	body, err := os.ReadFile("../configs/profiles/simulated-drive.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	p, err := profile.Parse("simulated-drive.yaml", body)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkPoll is one scan of the simulated drive (47 points, one request) over
// loopback TCP, the peer's share included. The poller would wait for ticks; a probe
// makes the same poll at once, with a connection of its own, which is the larger part.
func BenchmarkPoll(b *testing.B) {
	url, p := answering(b), simulatedDrive(b)
	for b.Loop() {
		r, err := modbus.Probe(b.Context(), modbus.Device{ID: "d", URL: url, Profile: p}, zerolog.Nop())
		if err != nil || len(r.Rows) == 0 {
			b.Fatal(err)
		}
	}
}

// TestJitter measures how far from its time a scan's handler is called, at 1/10 of
// the usual period so that few seconds give many ticks. It is a figure of the machine
// as much as of the program, so it is only taken when asked for.
func TestJitter(t *testing.T) {
	if os.Getenv("WELLKEEPER_GOALS") == "" {
		t.Skip("WELLKEEPER_GOALS is not set: figures are taken by make bench")
	}
	url := answering(t)
	p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{{ID: "d", URL: url, Profile: simulatedDrive(t), Period: 100 * time.Millisecond, Timeout: 90 * time.Millisecond}}})
	const n = 300
	var late []time.Duration
	err := p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
		late = append(late, time.Since(s.Time)-p.Status()[0].PollP50) // when the poll began, but for the usual poll
		if len(late) == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	slices.Sort(late)
	p99 := float64(late[n*99/100]) / float64(time.Millisecond)
	goal.Timed(t, "modbus.jitter-p99-ms", p99, "ms", jitterLimit)
	if missed := p.Status()[0].Missed; missed > n/20 {
		t.Errorf("missed %d ticks of %d", missed, n)
	}
}

const jitterLimit = 20
