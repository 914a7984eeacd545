package sim_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// judge applies the well's limits as an alarm system does, without its off-delay.
type judge struct {
	limits []esp.Limit
	since  []time.Time
	raised map[string]time.Time
}

func newJudge() *judge {
	limits := sim.Limits()
	return &judge{limits: limits, since: make([]time.Time, len(limits)), raised: map[string]time.Time{}}
}

func (j *judge) see(w *sim.Well) {
	state, _ := w.Value("run_state")
	for i, l := range j.limits {
		v, ok := w.Value(l.Signal.String())
		beyond := ok && (l.High && v > l.Value || !l.High && v < l.Value)
		if l.Running && !esp.State(state).Turning() {
			beyond = false
		}
		switch {
		case !beyond:
			j.since[i] = time.Time{}
		case j.since[i].IsZero():
			j.since[i] = w.Time()
		case w.Time().Sub(j.since[i]) >= l.Delay:
			name := l.Signal.String() + "_low"
			if l.High {
				name = l.Signal.String() + "_high"
			}
			if _, known := j.raised[name]; !known {
				j.raised[name] = w.Time()
			}
		}
	}
}

// swing is the median absolute deviation from the running median of a minute.
func swing(values []float64) float64 {
	const half = 30
	var deviations []float64
	for i := half; i+half < len(values); i++ {
		window := slices.Clone(values[i-half : i+half+1])
		slices.Sort(window)
		deviations = append(deviations, math.Abs(values[i]-window[half]))
	}
	slices.Sort(deviations)
	return deviations[len(deviations)/2]
}

func TestNormalNeverLooksLikeAFault(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		w := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: mustFind(t, "normal")})
		j := newJudge()
		lowest, highest := map[string]float64{}, map[string]float64{}
		speeds := map[float64]bool{}
		for at := start; at.Before(start.Add(2 * 24 * time.Hour)); at = at.Add(5 * time.Second) {
			w.Advance(at)
			j.see(w)
			if s := esp.State(value(t, w, "run_state")); s != esp.Running && s != esp.Ramping {
				t.Fatalf("seed %d, %v: %v", seed, at, s)
			}
			if value(t, w, "fault_code") != 0 || value(t, w, "warning_code") != 0 {
				t.Fatalf("seed %d, %v: the drive reports something", seed, at)
			}
			speeds[value(t, w, "frequency_setpoint")] = true
			for _, name := range []string{"intake_pressure", "discharge_pressure", "motor_current", "motor_temperature", "liquid_rate", "vibration_x"} {
				v := value(t, w, name)
				if _, known := lowest[name]; !known {
					lowest[name], highest[name] = v, v
				}
				lowest[name], highest[name] = min(lowest[name], v), max(highest[name], v)
			}
		}
		if len(j.raised) > 0 {
			t.Errorf("seed %d: alarms %v", seed, j.raised)
		}
		if len(speeds) < 2 {
			t.Errorf("seed %d: the operator used %d speeds in two days", seed, len(speeds))
		}
		for name, most := range map[string]float64{
			"intake_pressure": 800, "discharge_pressure": 800, "motor_current": 2, "motor_temperature": 3, "liquid_rate": 20, "vibration_x": 0.05,
		} {
			if moved := highest[name] - lowest[name]; moved > most || moved <= 0 {
				t.Errorf("seed %d: %s moved between %.3f and %.3f", seed, name, lowest[name], highest[name])
			}
		}
	}
}

// lockAt is when the rate stays at nothing for five minutes, after the onset.
func lockAt(rates []float64) time.Duration {
	still := 0
	for i, r := range rates {
		if still++; r > 2 {
			still = 0
		}
		if still >= 300 {
			return time.Duration(i-300) * time.Second
		}
	}
	return 0
}

func TestGasLock(t *testing.T) {
	t.Parallel()
	scenario := mustFind(t, "gas-lock")
	signals := []string{"motor_current", "intake_pressure", "discharge_pressure", "liquid_rate", "motor_temperature", "run_state", "vibration_x"}
	for seed := range uint64(12) {
		onset := start.Add(time.Hour)
		w := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: scenario, Onset: onset})
		j := newJudge()
		seen := make([][]float64, len(signals))
		record := func(until time.Time) {
			for at := w.Time().Add(time.Second); !at.After(until); at = at.Add(time.Second) {
				w.Advance(at)
				j.see(w)
				for i, s := range signals {
					v, _ := w.Value(s)
					seen[i] = append(seen[i], v)
				}
			}
		}
		record(onset)
		if len(j.raised) > 0 {
			t.Errorf("seed %d: alarms before the onset: %v", seed, j.raised)
		}
		calm := swing(seen[0])
		before := len(seen[0])
		record(onset.Add(5 * time.Hour))
		since := func(signal int, from, to time.Duration) []float64 {
			return seen[signal][before+int(from.Seconds()) : before+int(to.Seconds())]
		}

		// Interference: swings and falling rate within the first half hour, with flow.
		if s := swing(since(0, 20*time.Minute, 30*time.Minute)); s < 2*calm {
			t.Errorf("seed %d: current swings %.3f A in interference, %.3f A when calm", seed, s, calm)
		}
		slow := func(v []float64) float64 { // between quarters of the gas slugs' period
			m := slices.Clone(v)
			slices.Sort(m)
			return m[len(m)*9/10] - m[len(m)/10]
		}
		if s, c := slow(since(0, 20*time.Minute, 30*time.Minute)), slow(seen[0][before-600:before]); s < 4*c {
			t.Errorf("seed %d: current spans %.2f A in interference, %.2f A when calm", seed, s, c)
		}
		if s, c := slow(since(1, 20*time.Minute, 30*time.Minute)), slow(seen[1][before-600:before]); s < 3*c {
			t.Errorf("seed %d: intake pressure spans %.1f kPa in interference, %.1f kPa when calm", seed, s, c)
		}

		// Lock: not at once, and in time for the default onset to show it.
		lock := lockAt(seen[3][before:])
		if lock < 25*time.Minute || lock > 75*time.Minute {
			t.Errorf("seed %d: locks %v after the onset", seed, lock)
			continue
		}
		late := func(i int) float64 { return average(since(i, scenario.Since, scenario.Since+10*time.Minute)) }
		early := func(i int) float64 { return average(seen[i][before-600 : before]) }
		for i, direction := range []float64{-1, 1, -1, -1, 1, 0, 1} {
			if direction*(late(i)-early(i)) < 0 {
				t.Errorf("seed %d: %s went from %.2f to %.2f", seed, signals[i], early(i), late(i))
			}
		}
		if c := late(0); c < 11 || c > 15 {
			t.Errorf("seed %d: locked current %.1f A, want near the idle 12 A", seed, c)
		}
		if c := slices.Max(since(0, lock+5*time.Minute, 5*time.Hour)); c > 24 {
			t.Errorf("seed %d: up to %.1f A after the lock, more than a full pump draws", seed, c)
		}
		if s := swing(since(0, scenario.Since, scenario.Since+10*time.Minute)); s < 3*calm {
			t.Errorf("seed %d: locked current swings %.3f A, %.3f A when calm: want it erratic", seed, s, calm)
		}
		if r := average(since(3, scenario.Since, 4*time.Hour)); r > 5 {
			t.Errorf("seed %d: %.1f m3/d on average between %v and 4 h", seed, r, scenario.Since)
		}
		for _, s := range since(5, 0, 5*time.Hour) {
			if esp.State(s) != esp.Running {
				t.Fatalf("seed %d: the drive is %v", seed, esp.State(s))
			}
		}
		for _, name := range []string{"motor_current_low", "motor_temperature_high", "intake_pressure_high"} {
			if at, ok := j.raised[name]; !ok || at.Sub(onset) > 2*time.Hour+15*time.Minute {
				t.Errorf("seed %d: %s raised: %v, at %v", seed, name, ok, at.Sub(onset))
			}
		}
		t.Logf("seed %d: locks after %v, alarms %v", seed, lock, j.raised)
	}
}

func average(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func TestOperatorLeavesADisturbedWellAlone(t *testing.T) {
	t.Parallel()
	s := mustFind(t, "gas-lock")
	onset := start.Add(30 * time.Hour)
	changes, calm := 0, 0
	for seed := range uint64(8) {
		w := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: s, Onset: onset})
		last := value(t, w, "frequency_setpoint")
		for at := start; at.Before(onset.Add(12 * time.Hour)); at = at.Add(time.Minute) {
			w.Advance(at)
			if now := value(t, w, "frequency_setpoint"); now != last {
				last = now
				if changes++; at.After(onset.Add(-s.Calm)) {
					calm++
				}
			}
		}
	}
	if changes < 5 || calm > 0 {
		t.Errorf("%d speed changes, %d of them in the calm before and after the onset", changes, calm)
	}
}

func TestScenarioOlderThanTheStartIsPlayedUpToIt(t *testing.T) {
	t.Parallel()
	s := mustFind(t, "gas-lock")
	w := mustWell(t, sim.Config{Seed: 1, Start: start, Scenario: s, Onset: start.Add(-s.Since)})
	if !w.Time().Equal(start) {
		t.Errorf("stands at %v, want %v", w.Time(), start)
	}
	if c := value(t, w, "motor_current"); c > 16 {
		t.Errorf("current %.1f A %v after the onset, want it locked", c, s.Since)
	}
}
