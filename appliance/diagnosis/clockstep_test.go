package diagnosis_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// A clock that is set while a leak grows changes nothing but the dates: the leak is
// found after as long, and its onset moves with the clock. Told of no step, a gate and an
// engine take 56 years for a time in which nobody looked.
func TestTheClockIsSet(t *testing.T) {
	const set = 14 * time.Hour // the leak begins before, and is found after it
	began := set - 5*time.Minute
	play := func(step time.Duration, told bool) (found []esp.Diagnosis) {
		st := newStream(t, 3, columns, func(at time.Duration, v values, rng *rand.Rand) { leak(at-began+later, v, rng) })
		st.step = 10 * time.Second
		gate, e := diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts))
		offset := time.Duration(0)
		for st.at < set+2*time.Hour {
			at := st.at
			scan := st.next()
			if at >= set && offset == 0 && step != 0 {
				offset = step
				if told {
					gate.ClockStepped(step)
					e.ClockStepped(step)
				}
			}
			scan.Time = scan.Time.Add(offset)
			gate.Grade(scan)
			for _, d := range e.Observe(scan).Diagnoses {
				if d.Change == esp.Raised {
					d.Time, d.Onset = d.Time.Add(-offset), d.Onset.Add(-offset)
					found = append(found, d)
				}
			}
		}
		return found
	}
	want := play(0, false)
	if len(want) == 0 || want[0].ID != esp.TubingLeak || want[0].Time.Sub(epoch) < set {
		t.Fatalf("without a step: %s", changes(want))
	}
	for _, step := range []time.Duration{56 * 365 * 24 * time.Hour, 3 * time.Hour, -2 * time.Hour, -10 * 365 * 24 * time.Hour} {
		if diff := cmp.Diff(want, play(step, true)); diff != "" {
			t.Errorf("a step of %v (-want +got):\n%s", step, diff)
		}
	}
	if silent := play(56*365*24*time.Hour, false); cmp.Equal(want, silent) {
		t.Error("a step that nobody tells of makes no difference: this test proves nothing")
	}
}
