package diagnosis_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// Hours that the pump turned and stood add up to the time that was looked at, starts and
// trips are counted once each, and what nobody saw is unknown.
func TestTally(t *testing.T) {
	const hour = time.Hour
	st := newStream(t, 3, columns, func(at time.Duration, v values, _ *rand.Rand) {
		switch {
		case at >= 2*hour && at < 3*hour: // it trips, and is started after an hour
			standing(v, esp.Tripped)
		case at >= 8*hour && at < 10*hour: // it is stopped
			standing(v, esp.Stopped)
		}
	})
	st.step = 10 * time.Second
	gate, e := diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts))
	if got := e.Tally(); got != (diagnosis.Tally{}) {
		t.Errorf("before it looked: %+v", got)
	}
	for st.at < 12*hour {
		at := st.at
		scan := st.next()
		if at >= 5*hour && at < 7*hour { // the box is off
			continue
		}
		gate.Grade(scan)
		e.Observe(scan)
	}
	got := e.Tally()
	near := func(name string, got, want time.Duration) {
		if (got - want).Abs() > 2*time.Minute {
			t.Errorf("%s for %v, want %v", name, got, want)
		}
	}
	near("turned", got.Turned, 7*hour)
	near("stood", got.Stood, 3*hour)
	near("unknown", got.Unknown, 2*hour)
	if sum, all := got.Turned+got.Stood+got.Unknown, 12*hour-10*time.Second; (sum - all).Abs() > time.Second {
		t.Errorf("all together %v, want the %v that passed", sum, all)
	}
	if got.Starts != 2 || got.Trips != 1 || !got.Since.Equal(epoch) {
		t.Errorf("%+v, want 2 starts and 1 trip since %v", got, epoch)
	}
}
