package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Tally counts what the pump did since the engine began to look: after a restart of the
// program, since the beginning of what it relives.
type Tally struct {
	Since time.Time // of the first scan; zero: none so far
	// Turned, Stood and Unknown add up to the time since then. A time without readings is
	// unknown, whatever stood before and after it.
	Turned, Stood, Unknown time.Duration
	Starts                 int // from standing to turning
	Trips                  int // by the drive, from turning
}

// tally is a Tally by the engine's own clock.
type tally struct {
	began, last            int64
	turned, stood, unknown int64
	starts, trips          int
}

// pass adds the time since the last scan to what the pump did in it.
func (t *tally) pass(now int64, state esp.State, period float64) {
	if t.began == 0 {
		t.began, t.last = now, now
		return
	}
	d := now - t.last
	t.last = now
	switch {
	case float64(d) > max(5*period, float64(reconnectKeep)) || state == esp.StateUnknown:
		t.unknown += d
	case state.Turning():
		t.turned += d
	default:
		t.stood += d
	}
}

// change counts starts and trips.
func (t *tally) change(turned bool, to esp.State) {
	switch {
	case !turned && to.Turning():
		t.starts++
	case turned && (to == esp.Tripped || to == esp.RestartWait):
		t.trips++
	}
}

// Tally is what the pump did since the engine began to look.
func (e *Engine) Tally() Tally {
	t := &e.tally
	if t.began == 0 {
		return Tally{}
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	return Tally{Since: e.wall(t.began), Turned: ms(t.turned), Stood: ms(t.stood), Unknown: ms(t.unknown), Starts: t.starts, Trips: t.trips}
}
