package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// together plays scripts one over the other.
func together(all ...script) script {
	return func(at time.Duration, v values, rng *rand.Rand) {
		for _, s := range all {
			s(at, v, rng)
		}
	}
}

// sped changes the speed by a share; the well answers in some hours by so many times
// that share of its pressure.
func sped(share, times float64) script {
	return func(at time.Duration, v values, _ *rand.Rand) {
		m, on := minutesIn(at, later)
		if !on {
			return
		}
		k := 1 + share
		v["drive_frequency"] *= k
		v["motor_current"] *= k * k
		v["output_power"] *= k * k * k
		v["liquid_rate"] *= k
		v["discharge_pressure"] += 4000 * share
		v["intake_pressure"] *= 1 - times*share*(1-math.Exp(-m/120))
	}
}

// begun starts a pump that has stood for six hours.
func begun(at time.Duration, v values, _ *rand.Rand) {
	up := later - 6*time.Hour
	switch {
	case at < up:
		standing(v, esp.Stopped)
		v["intake_pressure"] += 4000
	case at < later+24*time.Hour:
		v["intake_pressure"] += 4000 * math.Exp(-(at-up).Minutes()/90)
	}
}

// back comes up by an eighth in half a day, as a recorded well did after starts.
func back(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later-6*time.Hour); on {
		v["intake_pressure"] *= 1 + 0.125*math.Min(m/700, 1)
	}
}

// opens is leak, so long after `later`.
func opens(after time.Duration) script {
	return func(at time.Duration, v values, rng *rand.Rand) { leak(at-after, v, rng) }
}

// A leak does not become usual while intake pressure follows a start or a change of
// speed, and what follows them is none.
func TestLeakBesideStartsAndChangesOfSpeed(t *testing.T) {
	tests := []struct {
		name   string
		cols   []esp.Column
		script script
		opened time.Duration // after `later`
		within time.Duration // 0: there is no leak
		words  string        // what it is measured from
	}{
		{"slower", columns, sped(-0.05, 2.6), 0, 0, ""},
		{"slower, intake pressure alone", without("discharge_pressure", "liquid_rate", "tubing_head_pressure"), sped(-0.05, 2.6), 0, 0, ""},
		{"faster, intake pressure alone", without("discharge_pressure", "liquid_rate", "tubing_head_pressure"), sped(0.05, 1.3), 0, 0, ""},
		{"slower by more than can be judged", without("discharge_pressure", "liquid_rate", "tubing_head_pressure"), sped(-0.12, 4), 0, 0, ""},
		{"slower, and leaks", columns, together(sped(-0.05, 1.3), opens(time.Hour)), time.Hour, 90 * time.Minute, "before the change of speed"},
		{"faster, and leaks", columns, together(sped(0.05, 1.3), opens(time.Hour)), time.Hour, time.Hour, "before the change of speed"},
		{"started", columns, begun, 0, 0, ""},
		{"started, and comes back by an eighth", without("discharge_pressure", "liquid_rate", "tubing_head_pressure"), together(begun, back), 0, 0, ""},
		{"leaks four hours after a start", columns, together(begun, opens(-2*time.Hour)), -2 * time.Hour, 2 * time.Hour, "to which it had come down"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStream(t, 5, tt.cols, tt.script)
			st.step = 20 * time.Second
			r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), later+16*time.Hour)
			d := r.first(esp.TubingLeak, esp.Raised)
			switch {
			case tt.within == 0 && d != nil:
				t.Errorf("false leak %v after: %s", d.Time.Sub(epoch.Add(later)), d.Text)
			case tt.within == 0:
			case d == nil:
				t.Errorf("not found: %v", r.names())
			default:
				late := d.Time.Sub(epoch.Add(later + tt.opened))
				if late < 0 || late > tt.within {
					t.Errorf("found %v after it opened: %s", late, d.Text)
				}
				if off := d.Onset.Sub(epoch.Add(later + tt.opened)); off < -30*time.Minute || off > tt.within {
					t.Errorf("dated %v from where it opened", off)
				}
				if !strings.Contains(d.Text, tt.words) {
					t.Errorf("it says: %s", d.Text)
				}
			}
		})
	}
}
