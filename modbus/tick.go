package modbus

import (
	"context"
	"math"
	"time"
)

// ticker gives the whole multiples of a period in wall time. Nothing adds up: each
// tick is computed from the clock, so it does not drift, and one that cannot be met is
// left out.
type ticker struct {
	period time.Duration
	last   time.Time // wall time of the last tick; zero before the first
	fired  time.Time // when it was given, with the monotonic clock
}

// early is how much before its time a timer may fire where the clock is being slewed,
// as a part of the period.
const early = 10

func newTicker(period time.Duration) *ticker { return &ticker{period: period} }

// wait blocks until the next tick. missed counts the ticks that passed unused since
// the last one, by the monotonic clock: a step of the wall clock misses none.
func (t *ticker) wait(ctx context.Context) (at time.Time, missed uint64, err error) {
	for {
		now := time.Now()
		next := now.Truncate(t.period).Add(t.period)
		if err := pause(ctx, next.Sub(now.Round(0))); err != nil {
			return time.Time{}, 0, err
		}
		now = time.Now()
		at = now.Add(t.period / early).Truncate(t.period)
		if at.Equal(t.last) { // the clock was set back a little: this tick was given
			continue
		}
		if !t.fired.IsZero() {
			passed := math.Round(float64(now.Sub(t.fired)) / float64(t.period))
			if passed > 1 {
				missed = uint64(passed) - 1
			}
		}
		t.last, t.fired = at, now
		return at, missed, nil
	}
}
