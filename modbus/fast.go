package modbus

import (
	"context"
	"math"
	"sync"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// fastSignal reports whether a signal tells in which order things happened in a trip: it
// is electrical, moves within a second, and comes from the drive or the starter.
func fastSignal(id esp.SignalID) bool {
	switch id {
	case esp.DriveFrequency, esp.OutputCurrent, esp.OutputCurrentA, esp.OutputCurrentB, esp.OutputCurrentC, esp.MotorCurrent,
		esp.OutputVoltage, esp.DCBusVoltage, esp.InputVoltage, esp.InputCurrent, esp.OutputPower, esp.Torque, esp.GroundCurrent,
		esp.RunState, esp.FaultCode, esp.WarningCode, esp.LastShutdownCode:
		return true
	default:
		return false
	}
}

// fastItems are what the points need that are read between the polls. What says how they
// are read, such as a scale, stays as the poll before found it.
func (s *session) fastItems() []item {
	points := s.device.Profile.Points
	s.isFast = make([]bool, len(points))
	chosen := points[:0:0]
	for i := range points {
		if s.device.Fast > 0 && fastSignal(points[i].Signal) && !points[i].Ordered {
			s.isFast[i] = true
			chosen = append(chosen, points[i])
		}
	}
	return sorted(appendPoints(nil, chosen))
}

// pollFast reads the fast signals once. A failure ends the fast reads until the next
// poll has gone well: a device that is silent is not asked five times a second.
func (s *session) pollFast(ctx context.Context) {
	r := &run{started: time.Now(), wait: s.device.Timeout}
	for i := range s.fast {
		b := &s.fast[i]
		if r.stop == nil {
			answer := s.ask(ctx, r, b)
			if answer.err == nil {
				s.keep(b, &answer)
				s.observe(b, &answer)
				continue
			}
			r.stop, s.fastFailed = answer.err, true
		}
		s.loseBlock(b.items, ReasonOf(r.stop))
	}
}

// wantsFast reports whether the fast signals are to be read at a time.
func (s *session) wantsFast(at time.Time) bool {
	return len(s.fast) > 0 && !s.fastFailed && s.rest.failures == 0 && at.Equal(at.Truncate(s.device.Fast))
}

// decodeFast fills the device's part of a scan between the polls.
func (s *session) decodeFast(dst []esp.Reading) {
	points := s.device.Profile.Points
	s.device.Profile.Decode(s.word, dst)
	for i := range points {
		switch {
		case !s.isFast[i]:
			dst[i] = esp.Reading{Value: math.NaN()}
		case dst[i].Quality.Usable() && s.doubtful[s.registers[register{points[i].FC, points[i].Wire}]]:
			dst[i].Quality, dst[i].Reason = esp.Suspect, esp.Resync
		}
	}
}

// between reads the fast signals until the next tick is near. Where they took longer than
// that the tick is given late and not left out.
func (p *Poller) between(ctx context.Context, groups []group, clock *ticker) {
	if p.fast == 0 {
		return
	}
	for {
		now := time.Now()
		tick, next := now.Truncate(p.tick).Add(p.tick), now.Truncate(p.fast).Add(p.fast)
		if !next.Before(tick) || !p.waitFor(ctx, next) {
			return
		}
		p.pollFast(ctx, groups, next)
		if !time.Now().Before(tick) {
			clock.late = true
			return
		}
	}
}

// waitFor waits for a time; false: ctx ended or Stop was called.
func (p *Poller) waitFor(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at.Round(0)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-p.stop:
	}
	return false
}

// pollFast reads the devices that have fast signals and hands the values over.
func (p *Poller) pollFast(ctx context.Context, groups []group, at time.Time) {
	var wg sync.WaitGroup
	asked := false
	for _, g := range groups {
		for _, s := range g {
			s.isDue = s.wantsFast(at)
			asked = asked || s.isDue
		}
		wg.Go(func() {
			for _, s := range g {
				if s.isDue && ctx.Err() == nil {
					s.pollFast(ctx)
				}
			}
		})
	}
	wg.Wait()
	if !asked || ctx.Err() != nil {
		return
	}
	for i, s := range p.sessions {
		part := p.fastScan.Readings[p.offsets[i] : p.offsets[i]+len(s.device.Profile.Points)]
		if s.isDue {
			s.decodeFast(part)
			continue
		}
		for k := range part {
			part[k] = esp.Reading{Value: math.NaN()}
		}
	}
	p.fastScan.Time = at.UTC().Truncate(time.Millisecond)
	p.onFast(&p.fastScan)
}
