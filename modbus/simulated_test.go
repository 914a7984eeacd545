package modbus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// pipeListener hands connections in memory to the simulator's server.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipeListener) dial(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return roomy(near), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// roomy gives a pipe the receive buffer that a socket has: the other side never waits
// for us to read.
func roomy(c net.Conn) net.Conn {
	near, far := net.Pipe()
	arrived := make(chan []byte, 4096)
	go func() {
		defer close(arrived)
		for {
			b := make([]byte, 512)
			n, err := c.Read(b)
			if err != nil {
				return
			}
			arrived <- b[:n]
		}
	}()
	go func() {
		for b := range arrived {
			if _, err := far.Write(b); err != nil {
				_ = c.Close()
			}
		}
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(c, far)
		_ = c.Close()
	}()
	return near
}

// simulated runs the simulator's server on a well that moves with the clock.
func simulated(t *testing.T, w *sim.Well, units map[uint8]*profile.Profile) modbus.Dialer {
	t.Helper()
	bank := sim.NewBank(units)
	bank.Load(w)
	listener := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := sim.NewServer(sim.ServerConfig{Listener: listener, Bank: bank}).Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		for ctx.Err() == nil { // each second half a second before it comes, as the demo does
			next := time.Now().Add(time.Second / 2).Truncate(time.Second)
			w.Advance(next)
			bank.Load(w)
			select {
			case <-time.After(time.Until(next.Add(time.Second / 2))):
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return listener.dial
}

// Over the real link each fault of the simulator loses values for the reason that it
// states, which is what the demo writes into the past; one that states none loses
// nothing. A few seconds after it, all is well.
func TestLinkFaultsOfTheSimulator(t *testing.T) {
	t.Parallel()
	const from, lasts, after = 10 * time.Second, 20 * time.Second, 8 * time.Second
	for _, fault := range sim.LinkFaults() {
		if fault.Share > 0 {
			continue
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				w, err := sim.NewWell(sim.Config{
					Seed: 1, Start: start, LinkFaults: []sim.LinkFaultAt{{Fault: fault, Onset: start.Add(from), Lasts: lasts}},
				})
				if err != nil {
					t.Fatal(err)
				}
				drive, gauge := shipped(t, "simulated-drive"), shipped(t, "simulated-gauge")
				dial := simulated(t, w, map[uint8]*profile.Profile{sim.DriveUnit: drive, sim.GaugeUnit: gauge})
				p := mustPoller(t, modbus.Config{
					Well: "w", Log: zerolog.Nop(), Links: modbus.NewLinks(modbus.LinksConfig{Dial: dial, Log: zerolog.Nop()}),
					Devices: []modbus.Device{
						{ID: "drive", URL: "tcp://peer:502", Unit: sim.DriveUnit, Profile: drive},
						{ID: "gauge", URL: "tcp://peer:502", Unit: sim.GaugeUnit, Profile: gauge},
					},
				})
				err = p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
					at := s.Time.Sub(start)
					lost := fault.Lost != esp.NoReason && at >= from+time.Second && at < from+lasts-time.Second
					sound := fault.Lost == esp.NoReason || at < from || at >= from+lasts+after
					for i, r := range s.Readings {
						column := &s.Layout.Columns[i]
						hidden := lost && (fault.Unit == 0 || column.Device == "drive")
						if hidden && (r.Quality != esp.Lost || r.Reason != fault.Lost && r.Reason != esp.BackedOff) || sound && r.Quality == esp.Lost {
							t.Errorf("%v: %s is %v for %v", at, column.Name, r.Quality, r.Reason)
							break
						}
					}
					if at >= from+lasts+after+10*time.Second {
						return errEnough
					}
					return nil
				})
				if !errors.Is(err, errEnough) {
					t.Fatal(err)
				}
			})
		})
	}
}
