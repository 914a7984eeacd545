package sim_test

import (
	"math"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// span is where a signal may lie as a share of what the well that works has at the
// same time; not a number: it is a status, the same in both.
type span struct{ from, to float64 }

var (
	same = span{0.97, 1.03}
	gone = span{-0.02, 0.06}
)

// directions of each scenario after its Since, as the field knows them.
// A signal that is missing is not informative.
var directions = map[string]map[string]span{
	"gas-lock": {
		"drive_frequency": {1, 1}, "motor_current": {0.45, 0.7}, "intake_pressure": {1.08, 1.4}, "discharge_pressure": {0.5, 0.95},
		"motor_temperature": {1.15, 1.5}, "tubing_head_pressure": {0.5, 0.8}, "liquid_rate": {-0.02, 0.1}, "vibration_x": {2, 8},
	},
	"pump-off": {
		"drive_frequency": {1, 1}, "motor_current": {0.8, 0.95}, "intake_pressure": {0.3, 0.6}, "discharge_pressure": {0.94, 0.99},
		"tubing_head_pressure": {0.55, 0.85}, "liquid_rate": {0.25, 0.6}, "vibration_x": {1.3, 4}, "intake_temperature": same,
	},
	"tubing-leak": {
		"drive_frequency": {1, 1}, "motor_current": {0.92, 1.02}, "intake_pressure": {1.2, 2.2}, "discharge_pressure": {0.95, 1},
		"tubing_head_pressure": {0.5, 0.85}, "liquid_rate": {0.2, 0.6}, "vibration_x": {0.7, 1.3},
	},
	"closed-valve": {
		"drive_frequency": {1, 1}, "motor_current": {0.75, 0.95}, "intake_pressure": {1.02, 1.1}, "discharge_pressure": {1.2, 1.4},
		"motor_temperature": {1.15, 1.4}, "tubing_head_pressure": {4, 8}, "liquid_rate": gone, "vibration_x": {1.5, 4}, "choke": {1, 1},
	},
	"broken-shaft": {
		"drive_frequency": {1, 1}, "motor_current": {0.4, 0.6}, "intake_pressure": {1.08, 1.25}, "discharge_pressure": {0.35, 0.5},
		"discharge_temperature": {0.9, 1}, "motor_temperature": {0.94, 1.01}, "tubing_head_pressure": {0.5, 0.75}, "liquid_rate": gone, "vibration_x": {0.3, 0.95},
	},
	"wear": {
		"drive_frequency": {1, 1}, "motor_current": {0.75, 0.93}, "output_power": {0.7, 0.9}, "intake_pressure": {1.08, 1.25}, "discharge_pressure": {0.97, 0.999},
		"motor_temperature": {0.96, 1.04}, "tubing_head_pressure": {0.8, 0.98}, "liquid_rate": {0.7, 0.93}, "vibration_x": {1.5, 4},
	},
	"scale": {
		"drive_frequency": {1, 1}, "motor_current": {1.02, 1.15}, "output_power": {1.03, 1.2}, "intake_pressure": {1.05, 1.25}, "discharge_pressure": {0.97, 0.999},
		"motor_temperature": {1.01, 1.1}, "tubing_head_pressure": {0.8, 0.98}, "liquid_rate": {0.7, 0.95}, "vibration_x": {1.3, 4},
	},
	"reverse-rotation": {
		"drive_frequency": {1, 1}, "motor_current": {0.93, 1.07}, "phase_rotation": {math.NaN(), math.NaN()}, "intake_pressure": {1.2, 1.6},
		"discharge_pressure": {0.95, 0.999}, "tubing_head_pressure": {0.7, 0.95}, "liquid_rate": {0.5, 0.85}, "vibration_x": {1.3, 4},
	},
	"power-dip": {
		"drive_frequency": {1, 1}, "motor_current": same, "dc_bus_voltage": same, "intake_pressure": same, "discharge_pressure": same, "liquid_rate": {0.9, 1.1},
	},
	"overload": {
		"drive_frequency": {1, 1}, "motor_current": {1.45, 1.75}, "output_power": {1.5, 2}, "intake_pressure": same, "discharge_pressure": {0.97, 1.02},
		"motor_temperature": {1.03, 1.2}, "liquid_rate": {0.85, 1.05}, "vibration_x": {1.5, 5},
	},
	"tripped": {
		"drive_frequency": {0, 0}, "motor_current": {0, 0}, "liquid_rate": gone, "intake_pressure": {1.02, 1.2}, "discharge_pressure": {0.35, 0.5},
		"frequency_setpoint": {1, 1}, "dc_bus_voltage": {1, 1.05},
	},
	"dead-gauge": {
		"drive_frequency": {1, 1}, "motor_current": same, "liquid_rate": {0.95, 1.05}, "tubing_head_pressure": same,
		"intake_pressure": {5, 6}, "vibration_x": {0, 0}, "motor_temperature": {-0.02, 0},
	},
	"drive-lost": {
		"drive_frequency": {1, 1}, "motor_current": same, "intake_pressure": same, "discharge_pressure": same, "motor_temperature": same,
	},
}

func TestScenariosGoTheirWay(t *testing.T) {
	t.Parallel()
	for _, scenario := range sim.Scenarios() {
		if scenario.Name == "normal" {
			continue
		}
		want := directions[scenario.Name]
		if want == nil {
			t.Errorf("%s: no directions", scenario.Name)
			continue
		}
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				onset := start.Add(time.Duration(9+5*seed) * time.Hour)
				calm := sim.Scenario{Name: "calm", Calm: scenario.Calm}
				usual := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: calm, Onset: onset})
				well := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: scenario, Onset: onset})
				before := onset.Add(-time.Minute)
				at := onset.Add(scenario.Since)
				check(t, seed, well, usual, before, want, true)
				check(t, seed, well, usual, at, want, false)
			}
		})
	}
}

// check compares two wells over a minute: before the onset they are the same.
func check(t *testing.T, seed uint64, well, usual *sim.Well, at time.Time, want map[string]span, before bool) {
	t.Helper()
	var signals []string
	for s := range want {
		signals = append(signals, s)
	}
	is, was := mean(well, at.Add(-time.Minute), at, signals...), mean(usual, at.Add(-time.Minute), at, signals...)
	for i, signal := range signals {
		switch s := want[signal]; {
		case before, math.IsNaN(s.from):
			if is[i] != was[i] {
				t.Errorf("seed %d, before the onset: %s is %g, want %g as in the well that works", seed, signal, is[i], was[i])
			}
		case !(is[i] >= s.from*was[i]-1e-9 && is[i] <= s.to*was[i]+1e-9):
			t.Errorf("seed %d: %s is %.4g, %.3f of the usual %.4g; want %g to %g", seed, signal, is[i], is[i]/was[i], was[i], s.from, s.to)
		}
	}
}

// each steps a well second by second from one time to another.
func each(w *sim.Well, from, to time.Time, see func()) {
	w.Advance(from)
	for at := from; !at.After(to); at = at.Add(time.Second) {
		w.Advance(at)
		see()
	}
}

const onsetAfter = 10 * time.Hour

func played(t *testing.T, name string, seed uint64) (well *sim.Well, scenario sim.Scenario, onset time.Time) {
	t.Helper()
	scenario, onset = mustFind(t, name), start.Add(onsetAfter)
	return mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: scenario, Onset: onset}), scenario, onset
}

// The field's leaks rose by 5.7 to 24.6 bar in their worst hour, the frequency flat.
func TestTubingLeakRisesAsInTheField(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w, s, onset := played(t, "tubing-leak", seed)
		var intake []float64
		each(w, onset, onset.Add(s.Since), func() { intake = append(intake, value(t, w, "intake_pressure")/100) })
		worst := 0.0
		for i := 3600; i < len(intake); i++ {
			worst = max(worst, intake[i]-intake[i-3600])
		}
		w, _, onset = played(t, "tubing-leak", seed)
		m := mean(w, onset.Add(-15*time.Minute), onset, "liquid_rate", "drive_frequency")
		opened := mean(w, onset.Add(2*time.Minute), onset.Add(10*time.Minute), "liquid_rate", "drive_frequency")
		if share := opened[0] / m[0]; share > 0.5 || share < 0.3 || math.Abs(opened[1]-m[1]) > 1e-6 {
			t.Errorf("seed %d: %.2f of the rate is left within minutes, at %.2f Hz of %.2f", seed, share, opened[1], m[1])
		}
		if worst < 5.7 || worst > 24.6 {
			t.Errorf("seed %d: %.1f bar in the worst hour", seed, worst)
		}
	}
}

// A gas lock is erratic where a broken shaft is smooth, and both draw next to nothing.
func TestBrokenShaftIsSmooth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		spread := func(name string) float64 {
			w, s, onset := played(t, name, seed)
			var current []float64
			each(w, onset.Add(s.Since), onset.Add(s.Since+10*time.Minute), func() { current = append(current, value(t, w, "motor_current")) })
			return swing(current)
		}
		if broken, locked, usual := spread("broken-shaft"), spread("gas-lock"), spread("normal"); broken > 1.5*usual || locked < 3*broken {
			t.Errorf("seed %d: current swings %.3f A broken, %.3f A locked, %.3f A usually", seed, broken, locked, usual)
		}
	}
}

// The intake pressure falls for hours towards a floor, and only at the end the current
// gets restless.
func TestPumpOffFallsToItsFloor(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		w, s, onset := played(t, "pump-off", seed)
		hourly := func(after time.Duration) (intake, swings float64) {
			var current []float64
			sum := 0.0
			each(w, onset.Add(after-30*time.Minute), onset.Add(after), func() {
				current = append(current, value(t, w, "motor_current"))
				sum += value(t, w, "intake_pressure")
			})
			return sum / float64(len(current)), swing(current)
		}
		last, calm := hourly(time.Hour)
		slopes := []float64{}
		for h := 2 * time.Hour; h <= s.Since; h += time.Hour {
			intake, _ := hourly(h)
			if intake >= last {
				t.Errorf("seed %d: intake pressure rises to %.0f kPa after %v", seed, intake, h)
			}
			slopes = append(slopes, last-intake)
			last = intake
		}
		if first, end := slopes[2], slopes[len(slopes)-1]; end > 0.6*first {
			t.Errorf("seed %d: falls by %.0f kPa in the fourth hour and by %.0f in the last: no floor", seed, first, end)
		}
		if _, end := hourly(s.Since + 30*time.Minute); end < 1.3*calm {
			t.Errorf("seed %d: current swings %.3f A at the end, %.3f A at first", seed, end, calm)
		}
	}
}

func TestPowerDipIsRiddenThrough(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w, s, onset := played(t, "power-dip", seed)
		w.Advance(onset.Add(-time.Second))
		usual, ampere := value(t, w, "dc_bus_voltage"), value(t, w, "motor_current")
		lowest, highest := usual, ampere
		each(w, onset, onset.Add(s.Since), func() {
			lowest, highest = min(lowest, value(t, w, "dc_bus_voltage")), max(highest, value(t, w, "motor_current"))
			if stateOf(t, w) != esp.Running || value(t, w, "fault_code") != 0 || value(t, w, "drive_frequency") < 40 {
				t.Fatalf("seed %d: the drive is %v with fault %g", seed, stateOf(t, w), value(t, w, "fault_code"))
			}
		})
		if lowest > 0.85*usual || lowest < 480 {
			t.Errorf("seed %d: the circuit sags to %.0f V of %.0f V", seed, lowest, usual)
		}
		if highest < 1.05*ampere {
			t.Errorf("seed %d: current %.1f A at most, %.1f A before: a starved motor draws more", seed, highest, ampere)
		}
	}
}

// Beyond the rated current and warned of when the scenario is looked at, tripped in the
// end, and never started again by itself.
func TestOverloadWarnsThenTrips(t *testing.T) {
	t.Parallel()
	rated := sim.Facts().RatedCurrent
	for seed := range uint64(6) {
		w, s, onset := played(t, "overload", seed)
		warned, above := 0, 0
		each(w, onset, onset.Add(s.Since), func() {
			if stateOf(t, w) != esp.Running {
				t.Fatalf("seed %d: %v %v after the onset", seed, stateOf(t, w), w.Time().Sub(onset))
			}
			if value(t, w, "warning_code") == 5 {
				warned++
			}
			if value(t, w, "motor_current") > rated {
				above++
			}
		})
		if warned == 0 || above < 200 {
			t.Errorf("seed %d: warned for %d s, above the rated current for %d s", seed, warned, above)
		}
		w.Advance(onset.Add(3 * time.Hour))
		if stateOf(t, w) != esp.Tripped || value(t, w, "fault_code") != 5 || value(t, w, "restarts_done") != 0 {
			t.Errorf("seed %d: %v with fault %g after 3 h", seed, stateOf(t, w), value(t, w, "fault_code"))
		}
	}
}

// Waiting for its second restart when it is looked at, out for good after the third.
func TestTrippedWaitsForItsRestart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		scenario := mustFind(t, "tripped")
		onset := start.Add(onsetAfter + time.Duration(3*seed)*time.Hour) // the weather changes how fast it heats
		w := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: scenario, Onset: onset})
		w.Advance(onset.Add(scenario.Since))
		left, done := value(t, w, "restart_remaining"), value(t, w, "restarts_done")
		if stateOf(t, w) != esp.RestartWait || value(t, w, "fault_code") != 8 || done != 1 || left < 60 || left > 600 {
			t.Errorf("seed %d: %v, fault %g, %g restarts done, the next in %g s", seed, stateOf(t, w), value(t, w, "fault_code"), done, left)
		}
		w.Advance(onset.Add(4 * time.Hour))
		if stateOf(t, w) != esp.Tripped || value(t, w, "restarts_done") != 3 {
			t.Errorf("seed %d: %v after %g restarts", seed, stateOf(t, w), value(t, w, "restarts_done"))
		}
	}
}

// Head and flow are low from the first minute on, at the usual frequency and current.
func TestReverseRotationShowsAtOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		w, _, onset := played(t, "reverse-rotation", seed)
		before := mean(w, onset.Add(-10*time.Minute), onset, "liquid_rate", "motor_current", "intake_pressure", "discharge_pressure")
		passes(t, w, onset.Add(110*time.Minute), esp.Running, esp.Ramping, esp.Stopped)
		restart := onset.Add(2 * time.Hour)
		passes(t, w, restart.Add(time.Minute), esp.Stopped, esp.Starting, esp.Running)
		after := mean(w, restart.Add(time.Minute), restart.Add(3*time.Minute), "liquid_rate", "motor_current", "intake_pressure", "discharge_pressure")
		rate, current, lift := after[0]/before[0], after[1]/before[1], (after[3]-after[2])/(before[3]-before[2])
		if rate > 0.85 || current < 0.93 || current > 1.07 || lift > 0.85 {
			t.Errorf("seed %d: %.2f of the rate, %.2f of the current, %.2f of the pressure difference", seed, rate, current, lift)
		}
	}
	// The drive's own setting turned over is seen in its status and does the same.
	s := sim.Scenario{Name: "setting", Changes: []sim.Change{{Param: sim.RotationSetting, To: -1}, {Param: sim.PhaseOrder, To: -1, After: time.Hour}}}
	w := mustWell(t, sim.Config{Seed: 1, Start: start, Scenario: s, Onset: start.Add(time.Hour)})
	forward := mean(w, start.Add(50*time.Minute), start.Add(time.Hour), "liquid_rate")[0]
	w.Advance(start.Add(110 * time.Minute))
	if rate := value(t, w, "liquid_rate"); value(t, w, "phase_rotation") != 1 || rate > 0.75*forward {
		t.Errorf("set to reverse: %.1f m3/d of %.1f, status %g", rate, forward, value(t, w, "phase_rotation"))
	}
	w.Advance(start.Add(2*time.Hour + 10*time.Minute)) // both turned over: the pump turns right again
	if rate := value(t, w, "liquid_rate"); rate < 0.9*forward {
		t.Errorf("both reversed: %.1f m3/d of %.1f", rate, forward)
	}
}

// Worn and scaled stages lose the same head; what tells them apart is the power.
func TestWearAndScaleDifferInPower(t *testing.T) {
	t.Parallel()
	perFlow := func(name string) float64 {
		w, s, onset := played(t, name, 3)
		m := mean(w, onset.Add(s.Since-10*time.Minute), onset.Add(s.Since), "output_power", "liquid_rate")
		return m[0] / m[1]
	}
	if wear, scale := perFlow("wear"), perFlow("scale"); scale < 1.15*wear {
		t.Errorf("scale takes %.3f kW per m3/d, wear %.3f", scale, wear)
	}
}

func TestScenariosAreWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i, s := range sim.Scenarios() {
		switch {
		case seen[s.Name] || s.Name == "" || s.Title == "":
			t.Errorf("scenario %d: name %q, title %q", i, s.Name, s.Title)
		case s.Name == "normal":
			if i != 0 || s.Since != 0 || len(s.Expect)+len(s.Changes) != 0 {
				t.Errorf("normal is not first and empty: %+v", s)
			}
		case s.Since <= 0 || len(s.Expect) == 0 || len(s.NearMisses) == 0 || len(s.Changes)+len(s.GaugeFaults)+len(s.LinkFaults) == 0:
			t.Errorf("%s is not whole: %+v", s.Name, s)
		case s.History != 0 && s.History < s.Since+12*time.Hour || s.History == 0 && s.Since > 12*time.Hour:
			t.Errorf("%s: %v of history do not show what was before the onset %v ago", s.Name, s.History, s.Since)
		}
		seen[s.Name] = true
		for _, near := range s.NearMisses {
			for _, want := range s.Expect {
				if near == want {
					t.Errorf("%s: %s must and must not be found", s.Name, near)
				}
			}
		}
	}
	if _, ok := sim.Find("flood"); ok {
		t.Error("found a scenario that does not exist")
	}
}
