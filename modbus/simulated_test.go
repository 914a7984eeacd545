package modbus_test

import (
	"context"
	"errors"
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

// simulated runs the simulator's server on a well that moves with the clock.
func simulated(t *testing.T, w *sim.Well, units map[uint8]*profile.Profile, over sim.Over) modbus.Dialer {
	t.Helper()
	bank := sim.NewBank(units)
	bank.Load(w)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	dial, run := medium(over, bank)
	running.Go(func() {
		if err := run(ctx); err != nil {
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
	return dial
}

// Over each kind of line, each fault of the simulator loses values for the reason that it
// states, which is what the demo writes into the past; one that states none loses
// nothing. A few seconds after it, all is well.
func TestLinkFaultsOfTheSimulator(t *testing.T) {
	t.Parallel()
	for _, fault := range sim.LinkFaults() {
		if fault.Share > 0 {
			continue
		}
		for _, over := range []sim.Over{sim.OverTCP, sim.OverRTU, sim.OverSerial} {
			if !fault.Happens(over) {
				continue
			}
			t.Run(fault.Name+" over "+schemes[over], func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { playLinkFault(t, fault, over) })
			})
		}
	}
}

func playLinkFault(t *testing.T, fault sim.LinkFault, over sim.Over) {
	t.Helper()
	const from, lasts = 10 * time.Second, 20 * time.Second
	after := 8 * time.Second
	if fault.Name == "deadline-reply" && over != sim.OverTCP {
		// One of the two units may be late alone. Asking it again costs up to two seconds of a
		// line without transactions, of which a silent unit gets a tenth.
		after = 25 * time.Second
	}
	start := time.Now()
	w, err := sim.NewWell(sim.Config{
		Seed: 1, Start: start, LinkFaults: []sim.LinkFaultAt{{Fault: fault, Onset: start.Add(from), Lasts: lasts}},
	})
	if err != nil {
		t.Fatal(err)
	}
	drive, gauge := shipped(t, "simulated-drive"), shipped(t, "simulated-gauge")
	dial := simulated(t, w, map[uint8]*profile.Profile{sim.DriveUnit: drive, sim.GaugeUnit: gauge}, over)
	p := mustPoller(t, modbus.Config{
		Well: "w", Log: zerolog.Nop(), Links: modbus.NewLinks(modbus.LinksConfig{Dial: dial, Log: zerolog.Nop()}),
		Devices: []modbus.Device{
			{ID: "drive", URL: urls[over], Unit: sim.DriveUnit, Profile: drive},
			{ID: "gauge", URL: urls[over], Unit: sim.GaugeUnit, Profile: gauge},
		},
	})
	err = p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
		at := s.Time.Sub(start)
		lost := fault.Lost != esp.NoReason && at >= from+time.Second && at < from+lasts-time.Second
		sound := fault.Lost == esp.NoReason && fault.Shown == "" || at < from || at >= from+lasts+after
		for i, r := range s.Readings {
			column := &s.Layout.Columns[i]
			hidden := lost && (fault.Unit == 0 || column.Device == "drive")
			reason := r.Reason == fault.Lost || r.Reason == esp.BackedOff
			if over != sim.OverTCP && (fault.Lost == esp.Timeout || fault.Lost == esp.BadFrame) {
				reason = reason || r.Reason == esp.Timeout || r.Reason == esp.BadFrame // an RTU frame has no boundaries
			}
			if hidden && (r.Quality != esp.Lost || !reason) || sound && r.Quality == esp.Lost {
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
}
