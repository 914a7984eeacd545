package modbus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
	"wellkeeper.internal/scripts/goal"
)

// Of five units on one gateway or line that answer within 20 ms, one or two are dead for
// ten minutes, from the first poll on or after some that they answered. What the others
// lose of their polls by that, missed ones included, is less than a tenth.
func TestDeadUnitCost(t *testing.T) {
	var mu sync.Mutex
	worst := 0.0
	t.Run("lines", func(t *testing.T) {
		for _, over := range []sim.Over{sim.OverTCP, sim.OverRTU, sim.OverSerial} {
			for dead := 1; dead <= 2; dead++ {
				for _, answered := range []bool{true, false} {
					t.Run(fmt.Sprintf("%d dead over %s, answered before %v", dead, schemes[over], answered), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							cost := deadUnitCost(t, over, dead, answered)
							t.Logf("%.1f %% of the others' polls", cost)
							mu.Lock()
							defer mu.Unlock()
							worst = max(worst, cost)
						})
					})
				}
			}
		}
	})
	goal.Exact(t, "modbus.dead-unit-cost-percent", worst, "percent", 10)
}

func deadUnitCost(t *testing.T, over sim.Over, dead int, answered bool) float64 {
	t.Helper()
	const units, polls, lasts = 5, 600, 600 * time.Second
	start := time.Now().Truncate(time.Second)
	profiles := map[uint8]*profile.Profile{}
	var devices []modbus.Device
	for unit := range uint8(units) {
		id := fmt.Sprintf("d%d", unit+1)
		p := mustParse(t, fmt.Sprintf("{schema: esp-profile/1, id: %s, kind: drive, defaults: {base: 0}, points: [{name: x%d, ref: 1}, {name: y%d, ref: 2}]}", id, unit, unit))
		profiles[unit+1] = p
		devices = append(devices, modbus.Device{ID: esp.DeviceID(id), URL: urls[over], Unit: unit + 1, Profile: p})
	}
	bank := sim.NewBank(profiles)
	show := func(silent int) {
		m := sim.Moment{Time: time.Now(), Value: func(string) (float64, bool) { return 17, true }}
		for unit := range uint8(silent) {
			m.Faults = append(m.Faults, sim.LinkFault{Unit: unit + 1, Act: sim.Silent})
		}
		m.Faults = append(m.Faults, sim.LinkFault{Act: sim.Delayed, Delay: 20 * time.Millisecond})
		bank.Show(m)
	}
	from := start
	show(dead)
	if answered {
		from = start.Add(10500 * time.Millisecond)
		show(0)
		time.AfterFunc(time.Until(from), func() { show(dead) })
	}
	dial, serve := medium(over, bank)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := serve(ctx); err != nil {
			t.Error(err)
		}
	})
	p := mustPoller(t, modbus.Config{Well: "w", Log: zerolog.Nop(), Devices: devices, Links: modbus.NewLinks(modbus.LinksConfig{Dial: dial, Log: zerolog.Nop()})})
	lost := 0
	err := p.Run(ctx, func(_ context.Context, s *esp.Scan) error {
		if s.Time.After(from.Add(lasts)) {
			return errEnough
		}
		for _, r := range s.Readings[2*dead:] {
			if r.Quality == esp.Lost {
				lost++
				break
			}
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}
	cancel()
	running.Wait()
	status := p.Status()
	if status[0].Errors[esp.Timeout] < 50 {
		t.Errorf("the dead unit was asked %d times in ten minutes, want once in twelve seconds at least", status[0].Errors[esp.Timeout])
	}
	return 100 * float64(uint64(lost)+status[units-1].Missed) / polls
}
