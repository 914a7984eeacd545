package modbus

import (
	"context"
	"errors"
	"math"
	"time"
)

// ticker gives the whole multiples of a period in wall time. Nothing adds up: each
// tick is computed from the clock, so it does not drift, and one that cannot be met is
// left out.
type ticker struct {
	period time.Duration
	stop   <-chan struct{} // ends a wait
	last   time.Time       // wall time of the last tick, or of the poller before; zero before the first
	fired  time.Time       // when it was given, with the monotonic clock
	late   bool            // something kept the wait from beginning before the tick: give it at once
}

// early is how much before its time a timer may fire where the clock is being slewed,
// as a part of the period.
const early = 10

func newTicker(period time.Duration, stop <-chan struct{}) *ticker {
	return &ticker{period: period, stop: stop}
}

// errStopped ends a wait for the next tick.
var errStopped = errors.New("stopped between two polls")

// wait blocks until the next tick, the end of ctx or a stop. missed counts the ticks that passed unused since
// the last one, by the monotonic clock: a step of the wall clock misses none.
func (t *ticker) wait(ctx context.Context) (at time.Time, missed uint64, err error) {
	if now := time.Now(); t.fired.IsZero() && !t.last.IsZero() {
		if at := now.Truncate(t.period); at.After(t.last) && now.Sub(at) < t.period/2 {
			t.last, t.fired = at, now
			return at, 0, nil
		}
	}
	if t.late {
		t.late = false
		if now := time.Now(); now.Truncate(t.period).After(t.last) {
			at = now.Truncate(t.period)
			return at, t.give(at, now), nil
		}
	}
	for {
		now := time.Now()
		next := now.Truncate(t.period).Add(t.period)
		timer := time.NewTimer(next.Sub(now.Round(0)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return time.Time{}, 0, context.Cause(ctx)
		case <-t.stop:
			timer.Stop()
			return time.Time{}, 0, errStopped
		}
		now = time.Now()
		at = now.Add(t.period / early).Truncate(t.period)
		if at.Equal(t.last) { // the clock was set back a little: this tick was given
			continue
		}
		return at, t.give(at, now), nil
	}
}

// give notes that a tick is given, and counts those that passed unused since the last.
func (t *ticker) give(at, now time.Time) (missed uint64) {
	if !t.fired.IsZero() {
		passed := math.Round(float64(now.Sub(t.fired)) / float64(t.period))
		if passed > 1 {
			missed = uint64(passed) - 1
		}
	}
	t.last, t.fired = at, now
	return missed
}
