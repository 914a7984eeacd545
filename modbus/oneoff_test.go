package modbus_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// polling runs a poller beside f.
func polling(t *testing.T, p *modbus.Poller, each func(*esp.Scan), f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		err := p.Run(ctx, func(_ context.Context, s *esp.Scan) error {
			each(s)
			return nil
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
	})
	synctest.Wait()
	f()
	cancel()
	wait.Wait()
	hold(time.Second) // for what the device has not finished
}

func TestOneOffReadGivesTheBytesOfTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
			switch {
			case a.fc <= 2: // bits 1, 0, 1, 1 … of ten
				_, err := conn.Write(a.frame(a.fc, []byte{2, 0b0000_1101, 0b10}))
				return err == nil
			case a.address == 500:
				_, err := conn.Write(a.exception(2))
				return err == nil
			}
			return false
		}}
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		polling(t, p, func(*esp.Scan) {}, func() {
			now := time.Now()
			got, err := p.Read(t.Context(), "d", 4, 20, 2)
			want := []byte{20, byte(now.Unix()), 21, byte(now.Unix())}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("registers: got % x, %v; want % x", got, err, want)
			}
			if got, err := p.Read(t.Context(), "d", 1, 0, 10); err != nil || !bytes.Equal(got, []byte{0b1101, 0b10}) {
				t.Errorf("bits: got %08b, %v", got, err)
			}
			if _, err := p.Read(t.Context(), "d", 3, 500, 1); modbus.ReasonOf(err) != esp.NotSupported {
				t.Errorf("exception 2: got %v", err)
			}
			if _, err := p.Read(t.Context(), "x", 3, 0, 1); !errors.Is(err, modbus.ErrNoDevice) {
				t.Errorf("unknown device: got %v", err)
			}
		})
		if _, err := p.Read(t.Context(), "d", 3, 0, 1); !errors.Is(err, modbus.ErrNotPolled) {
			t.Errorf("after the poller has ended: got %v", err)
		}
	})
}

func TestOneOffReadRefusesBeforeItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{}
		d := tcpDevice(testProfile(t, "never_read: [[100, 110]]"))
		d.Period = time.Hour
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		polling(t, p, func(*esp.Scan) {}, func() {
			for name, c := range map[string]struct {
				fc                uint8
				address, quantity uint16
			}{
				"write one":        {6, 0, 1},
				"write many":       {16, 0, 1},
				"function 0":       {0, 0, 1},
				"nothing":          {3, 0, 0},
				"too many":         {3, 0, 126},
				"beyond the end":   {3, 65535, 2},
				"into forbidden":   {3, 99, 2},
				"within forbidden": {4, 105, 1},
				"across forbidden": {3, 90, 40},
				"forbidden bits":   {1, 110, 1},
			} {
				_, err := p.Read(t.Context(), "d", c.fc, c.address, c.quantity)
				if _, ok := errors.AsType[*modbus.ReadError](err); !ok {
					t.Errorf("%s: got %v, want a ReadError", name, err)
				}
			}
			if n := peer.asked(); n != 0 {
				t.Errorf("the device was asked %d times", n)
			}
			if _, err := p.Read(t.Context(), "d", 3, 111, 1); err != nil {
				t.Errorf("beside the forbidden ones: %v", err)
			}
		})
	})
}

// However many ask at once, no poll waits for more than one of them, none is lost, and
// a client that goes away costs the polls nothing.
func TestOneOffReadsDelayAPollByOneAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answer = 40 * time.Millisecond
		peer := &peer{script: func(*peer, net.Conn, ask) bool { hold(answer); return false }}
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		var scans []outcome
		open := 0 // connections at once, before the end cuts off a poll
		start := time.Now()
		polling(t, p, func(s *esp.Scan) { scans = append(scans, judge(s, testAddresses(), 0)) }, func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var wait sync.WaitGroup
			done := 0
			var mu sync.Mutex
			for range 60 {
				wait.Go(func() {
					if _, err := p.Read(ctx, "d", 3, 200, 1); err == nil {
						mu.Lock()
						done++
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			peer.mu.Lock()
			open = peer.mostOpen
			peer.mu.Unlock()
			if done < 15 || done > 21 {
				t.Errorf("one-off reads within 20 s: got %d, want about one a second", done)
			}
		})
		if len(scans) < 19 {
			t.Fatalf("scans: got %d", len(scans))
		}
		for _, o := range scans {
			if o.good != 15 || len(o.wrong) > 0 {
				t.Errorf("scan at %s: %d good, wrong %v, lost %v", o.at.Sub(start), o.good, o.wrong, o.lost)
			}
		}
		peer.mu.Lock()
		defer peer.mu.Unlock()
		foreign := 0 // one-off reads since the poll of this second began
		for _, a := range peer.asks {
			switch a.address {
			case 0:
				foreign = 0
				if late := a.at.Sub(a.at.Truncate(time.Second)); late > answer {
					t.Errorf("a poll began %s late, want at most one answer", late)
				}
			case 200:
				if foreign++; foreign > 1 {
					t.Errorf("two one-off reads within a second, at %s", a.at.Sub(start))
				}
			}
		}
		if open != 1 {
			t.Errorf("connections: got %d", open)
		}
	})
}

func TestOneOffReaderThatGoesAwayKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(_ *peer, _ net.Conn, a ask) bool {
			if a.address == 200 {
				hold(300 * time.Millisecond)
			}
			return false
		}}
		d := tcpDevice(testProfile(t))
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		polling(t, p, func(*esp.Scan) {}, func() {
			hold(1500 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, _ = p.Read(ctx, "d", 3, 200, 1)
			hold(2 * time.Second)
		})
		peer.mu.Lock()
		defer peer.mu.Unlock()
		connections := 0
		for _, a := range peer.asks {
			if a.first {
				connections++
			}
		}
		if connections != 1 {
			t.Errorf("connections: got %d, want the one", connections)
		}
	})
}
