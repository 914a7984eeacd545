package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// electric is the synthetic well with what a good drive and gauge tell besides.
var electric = append(slices.Clone(columns),
	esp.Column{Name: "current_unbalance", Device: "drive", Unit: esp.Percent, Scale: esp.Scale(0.1)},
	esp.Column{Name: "input_voltage_unbalance", Device: "drive", Unit: esp.Percent, Scale: esp.Scale(0.1)},
	esp.Column{Name: "input_voltage", Device: "drive", Unit: esp.Volt, Scale: esp.Scale(0.1)},
	esp.Column{Name: "warning_code", Device: "drive", Scale: esp.Identity()},
	esp.Column{Name: "restarts_done", Device: "drive", Scale: esp.Identity()},
	esp.Column{Name: "leakage_current", Device: "gauge", Unit: esp.Milliamp, Scale: esp.Scale(0.001)},
	esp.Column{Name: "insulation_resistance", Device: "gauge", Unit: esp.MegaOhm, Scale: esp.Scale(0.01)},
)

// usually sets what electric has beyond columns.
func usually(v values, rng *rand.Rand) {
	n := rng.NormFloat64
	v["current_unbalance"] = math.Max(1.2+0.2*n(), 0)
	v["input_voltage_unbalance"] = math.Max(0.6+0.1*n(), 0)
	v["input_voltage"] = 480 + 0.5*n()
	v["leakage_current"] = 0.12 + 0.002*n()
	v["insulation_resistance"] = 112 / v["leakage_current"] / 1000
	v["warning_code"], v["restarts_done"] = 0, 0
}

// with plays a script on the electric well from begin on; after counts from there.
func with(script func(after time.Duration, v values, rng *rand.Rand)) script {
	return func(at time.Duration, v values, rng *rand.Rand) {
		usually(v, rng)
		if at >= begin {
			script(at-begin, v, rng)
		}
	}
}

func between(at, from, to time.Duration) bool { return at >= from && at < to }

// electricCase is a fault that has to be found, or a near miss that must not be.
type electricCase struct {
	name   string
	script func(after time.Duration, v values, rng *rand.Rand)
	last   time.Duration
	is     esp.DiagnosisID // must be raised
	not    esp.DiagnosisID // must not be raised
}

func load(k float64) func(time.Duration, values, *rand.Rand) {
	return func(_ time.Duration, v values, _ *rand.Rand) {
		v["motor_current"] *= k
		v["output_power"] *= k
	}
}

func electricCases() []electricCase {
	const m = time.Minute
	volts := func(v values, k float64) { v["dc_bus_voltage"] *= k; v["input_voltage"] *= k }
	cycles := func(every, stands time.Duration) func(time.Duration, values, *rand.Rand) {
		return func(after time.Duration, v values, _ *rand.Rand) {
			if after%every < stands && after < 4*every {
				standing(v, esp.Stopped)
			}
		}
	}
	state := func(s esp.State, code float64) func(time.Duration, values, *rand.Rand) {
		return func(after time.Duration, v values, _ *rand.Rand) {
			standing(v, s)
			v["fault_code"] = code
			if s == esp.RestartWait {
				v["restart_remaining"] = 900 - after.Seconds()
			}
		}
	}
	return []electricCase{
		{"a dip of two seconds", func(a time.Duration, v values, _ *rand.Rand) {
			if between(a, 2*time.Second, 4*time.Second) { // between two ticks
				volts(v, 0.8)
			}
		}, 5 * m, esp.PowerDip, esp.Undervoltage},
		{"a shallow sag", func(a time.Duration, v values, _ *rand.Rand) {
			if a < 3*time.Second {
				volts(v, 0.93)
			}
		}, 5 * m, "", esp.PowerDip},
		{"a drive that is switched off", func(a time.Duration, v values, _ *rand.Rand) {
			standing(v, esp.Stopped)
			if a > 10*time.Second {
				v["dc_bus_voltage"] = 0
			}
		}, 20 * m, "", esp.PowerDip},
		{"a supply that stays down", func(_ time.Duration, v values, _ *rand.Rand) { volts(v, 0.87) }, 10 * m, esp.Undervoltage, ""},
		{"a supply within its limits", func(_ time.Duration, v values, _ *rand.Rand) { volts(v, 0.94) }, 20 * m, "", esp.Undervoltage},
		{"a supply that swings", func(a time.Duration, v values, _ *rand.Rand) { volts(v, 1-0.035*slug(a, 53)) }, 20 * m, esp.PowerFluctuation, esp.GasInterference},
		{"a supply that breathes", func(a time.Duration, v values, _ *rand.Rand) { volts(v, 1-0.008*slug(a, 53)) }, 20 * m, "", esp.PowerFluctuation},
		{"a current beyond the nameplate", load(1.45), 5 * m, esp.Overload, esp.Stall},
		{"a start against a full column", func(a time.Duration, v values, _ *rand.Rand) {
			switch {
			case a < 10*m:
				standing(v, esp.Stopped)
			case a < 10*m+40*time.Second:
				v["motor_current"] *= 1.5
			}
		}, 20 * m, "", esp.Overload},
		{"a heavy load within the nameplate", load(1.30), 20 * m, "", esp.Overload},
		{"an unloaded pump", load(0.75), 30 * m, esp.Underload, ""},
		{"a little less load", load(0.90), 30 * m, "", esp.Underload},
		{"a motor that loses its cooling", func(_ time.Duration, v values, _ *rand.Rand) { v["motor_temperature"] += 12 }, 30 * m, esp.MotorOverheating, ""},
		{"a well that gets warmer", func(_ time.Duration, v values, _ *rand.Rand) {
			v["motor_temperature"] += 12
			v["intake_temperature"] += 12
		}, 30 * m, "", esp.MotorOverheating},
		{"a motor that was slowed down", slowedDown, 6 * time.Hour, "", esp.MotorOverheating},
		{"a winding that heats fast", func(a time.Duration, v values, _ *rand.Rand) { v["motor_temperature"] += 14 * a.Hours() }, 40 * m, esp.WindingRise, ""},
		{"a winding that heats slowly", func(a time.Duration, v values, _ *rand.Rand) { v["motor_temperature"] += 5 * a.Hours() }, 2 * time.Hour, "", esp.WindingRise},
		{"phases that differ", func(_ time.Duration, v values, _ *rand.Rand) { v["current_unbalance"] += 14 }, 5 * m, esp.UnbalancedCurrent, esp.VoltageUnbalance},
		{"phases that differ a little", func(_ time.Duration, v values, _ *rand.Rand) { v["current_unbalance"] += 6 }, 20 * m, "", esp.UnbalancedCurrent},
		{"a supply whose phases differ", func(_ time.Duration, v values, _ *rand.Rand) { v["input_voltage_unbalance"] += 3 }, 5 * m, esp.VoltageUnbalance, esp.UnbalancedCurrent},
		{"a supply with the usual unbalance", nil, 20 * m, "", esp.VoltageUnbalance},
		{"leakage that has doubled", func(_ time.Duration, v values, _ *rand.Rand) {
			v["leakage_current"] *= 2.6
			v["insulation_resistance"] /= 2.6
		}, 20 * m, esp.Insulation, ""},
		{"leakage half as much again", func(_ time.Duration, v values, _ *rand.Rand) { v["leakage_current"] *= 1.5 }, 40 * m, "", esp.Insulation},
		{"a drive that hunts", func(a time.Duration, v values, _ *rand.Rand) { v["drive_frequency"] += 0.8 * slug(a, 80) }, 15 * m, esp.UnstableDrive, esp.GasInterference},
		{"up and down again by hand", func(a time.Duration, v values, _ *rand.Rand) {
			v["drive_frequency"] += 3 * math.Sin(2*math.Pi*a.Minutes()/15)
		}, 30 * m, "", esp.UnstableDrive},
		{"four starts in an hour", cycles(14*m, 5*m), 70 * m, esp.ExcessStarts, ""},
		{"three starts in two hours", func(a time.Duration, v values, _ *rand.Rand) {
			if a%(40*m) < 5*m && a < 115*m {
				standing(v, esp.Stopped)
			}
		}, 2 * time.Hour, "", esp.ExcessStarts},
		{"a rotor that stands", func(a time.Duration, v values, _ *rand.Rand) {
			switch {
			case a < 10*m:
				standing(v, esp.Stopped)
			case a < 10*m+5*time.Second:
				v["run_state"], v["drive_frequency"], v["motor_current"] = float64(esp.Starting), 3, 85
			default:
				state(esp.Tripped, 9)(a, v, nil)
			}
		}, 12 * m, esp.Stall, esp.Overload},
		{"a start with a little too much current", func(a time.Duration, v values, _ *rand.Rand) {
			switch t := (a - 10*m).Seconds(); {
			case a < 10*m:
				standing(v, esp.Stopped)
			case t < 20:
				v["run_state"], v["drive_frequency"] = float64(esp.Starting), 52*t/20
				v["motor_current"] = 38
			}
		}, 15 * m, "", esp.Stall},
		{"a drive that trips", state(esp.Tripped, 3), 2 * m, esp.DriveFault, ""},
		{"a drive that waits to restart", state(esp.RestartWait, 3), 2 * m, esp.DriveFault, ""},
		{"a pump that is stopped by hand", state(esp.Stopped, 0), 10 * m, "", esp.DriveFault},
		{"a pump that spins back", state(esp.Backspin, 0), 2 * m, esp.BackspinSeen, esp.DriveFault},
		{"a pump that stands still", state(esp.Stopped, 0), 2 * m, "", esp.BackspinSeen},
	}
}

func TestElectricFindings(t *testing.T) {
	for _, tt := range electricCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.script
			if s == nil {
				s = func(time.Duration, values, *rand.Rand) {}
			}
			got := observe(t, electric, with(s), begin+tt.last)
			names := got.names()
			if tt.is != "" && !slices.Contains(names, "raised "+string(tt.is)) {
				t.Errorf("%s was not raised: %v", tt.is, names)
			}
			if tt.not != "" && slices.Contains(names, "raised "+string(tt.not)) {
				t.Errorf("%s was raised: %v", tt.not, names)
			}
			for _, d := range got.found {
				if d.Time.Before(epoch.Add(begin)) {
					t.Errorf("%s raised before anything happened", d.ID)
				}
				for _, e := range d.Evidence {
					if strings.ContainsAny(e.Text, "{}") || e.Text == "" {
						t.Errorf("%s: evidence %q", d.ID, e.Text)
					}
				}
				if strings.ContainsAny(d.Text+d.Title, "{}") || len(d.Steps) == 0 {
					t.Errorf("%s: %q, %q, %d steps", d.ID, d.Title, d.Text, len(d.Steps))
				}
			}
		})
	}
}

// slowedDown: faster for three hours, and warmer for it, then slower again; the motor
// gives off its heat within the half hour.
func slowedDown(a time.Duration, v values, _ *rand.Rand) {
	const fast, slow, k = 58.0, 3 * time.Hour, 58.0 / 52
	warmth := 32 * (k*k*k - 1)
	if a >= slow {
		warmth *= math.Exp(-(a - slow).Minutes() / 40)
	} else {
		v["drive_frequency"] = fast
		v["motor_current"] *= k * k
		v["output_power"] *= k * k * k
	}
	v["motor_temperature"] += warmth
}

// A motor temperature that is read rarely is read again before it is believed: what it
// was before the pump was slowed down says nothing of now.
func TestOverheatingIsReadTwice(t *testing.T) {
	for name, hot := range map[string]time.Duration{"one reading": 10 * time.Minute, "it stays": time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := with(func(a time.Duration, v values, _ *rand.Rand) {
				if a < hot {
					v["motor_temperature"] += 14
				}
			})
			st := newStream(t, 3, electric, s)
			st.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
				if c.Name == "motor_temperature" && at%(20*time.Minute) != 0 {
					return esp.NotDue, esp.NoReason
				}
				return esp.Good, esp.NoReason
			}
			r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+time.Hour)
			if raised := r.first(esp.MotorOverheating, esp.Raised) != nil; raised != (hot == time.Hour) {
				t.Errorf("raised %t: %v", raised, r.names())
			}
		})
	}
}

// tapChange: the transformer's tap is changed; the voltage takes one step.
func tapChange(at time.Duration, v values, _ *rand.Rand) {
	if at >= begin {
		v["dc_bus_voltage"] -= 50
	}
}

// coldSlug: cold liquid passes, and the motor comes back to what it was.
func coldSlug(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	h := (at - begin).Hours()
	v["motor_temperature"] -= math.Max(0, math.Min(40*h, 14-14*(h-0.35)))
}

// unevenStart: while the drive ramps up slowly its phases differ.
func unevenStart(at time.Duration, v values, rng *rand.Rand) {
	usually(v, rng)
	up := begin + 10*time.Minute
	switch {
	case at < begin:
	case at < up:
		standing(v, esp.Stopped)
	case at < up+100*time.Second:
		v["drive_frequency"], v["current_unbalance"] = 30, 15
	}
}

// unevenSupply: the currents differ because the voltages do.
func unevenSupply(at time.Duration, v values, rng *rand.Rand) {
	usually(v, rng)
	if at >= begin {
		v["current_unbalance"] += 15
		v["input_voltage_unbalance"] += 3
	}
}

// shakenBySupply: the supply swings and the drive's frequency with it.
func shakenBySupply(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	s := slug(at, 80)
	v["dc_bus_voltage"] -= 40 * s
	v["drive_frequency"] += 0.7 * s
}

// What the facts of the well are needed for is not assessed without them, and that is
// told.
func TestNotAssessed(t *testing.T) {
	st := newStream(t, 3, electric, with(load(1.6)))
	e := diagnosis.New(wellOf(esp.Facts{}))
	r := run(st, diagnosis.NewGate(st.layout), e, begin+10*time.Minute)
	if got := of(r.names(), "overload", "stall"); got != nil {
		t.Errorf("found %v without a nameplate", got)
	}
	missing := map[esp.DiagnosisID][]string{}
	for _, u := range e.NotAssessed() {
		missing[u.ID] = u.Missing
	}
	for _, id := range []esp.DiagnosisID{esp.Overload, esp.Stall} {
		if !slices.Contains(missing[id], "rated current of the motor") {
			t.Errorf("%s: missing %v", id, missing[id])
		}
	}
	if m, ok := missing[esp.Underload]; ok {
		t.Errorf("underload needs no facts, missing %v", m)
	}
}

// A motor that has always run at its nameplate is loaded and no more; one that has always
// run well above it is overloaded, whatever is usual.
func TestUsualLoadAgainstNameplate(t *testing.T) {
	for rated, want := range map[float64][]string{23.3: nil, 21.9: {"raised overload"}} {
		st := newStream(t, 3, columns, nil)
		r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(esp.Facts{RatedCurrent: rated})), begin)
		if d := cmp.Diff(want, r.names()); d != "" {
			t.Errorf("nameplate %v A (-want +got):\n%s", rated, d)
		}
	}
}
