package sim_test

import (
	"math"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func mustWell(tb testing.TB, cfg sim.Config) *sim.Well {
	tb.Helper()
	w, err := sim.NewWell(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func mustFind(tb testing.TB, name string) sim.Scenario {
	tb.Helper()
	s, ok := sim.Find(name)
	if !ok {
		tb.Fatalf("no scenario %q", name)
	}
	return s
}

// value fails where the well has none.
func value(tb testing.TB, w *sim.Well, signal string) float64 {
	tb.Helper()
	v, ok := w.Value(signal)
	if !ok {
		tb.Fatalf("%v: no %s", w.Time(), signal)
	}
	return v
}

// mean advances second by second from one time to another and gives the mean of each
// signal; without a value it counts as 0.
func mean(w *sim.Well, from, to time.Time, signals ...string) []float64 {
	w.Advance(from)
	sums := make([]float64, len(signals))
	n := 0.0
	for at := from; at.Before(to); at = at.Add(time.Second) {
		w.Advance(at)
		for i, s := range signals {
			if v, ok := w.Value(s); ok {
				sums[i] += v
			}
		}
		n++
	}
	for i := range sums {
		sums[i] /= n
	}
	return sums
}

func TestWellAdvancesOnItsOwnGrid(t *testing.T) {
	t.Parallel()
	cfg := sim.Config{Seed: 7, Start: start.Add(300 * time.Millisecond), Scenario: mustFind(t, "gas-lock"), Onset: start}
	often, rarely := mustWell(t, cfg), mustWell(t, cfg)
	end := start.Add(50 * time.Minute)
	for at := start; !at.After(end); at = at.Add(700 * time.Millisecond) {
		often.Advance(at)
	}
	often.Advance(end)
	rarely.Advance(end)
	if !often.Time().Equal(end) {
		t.Errorf("time %v, want %v", often.Time(), end)
	}
	for i := range esp.Signals() {
		name := esp.Signals()[i].Name
		a, aok := often.Value(name)
		b, bok := rarely.Value(name)
		if aok != bok || aok && a != b {
			t.Errorf("%s: %v %v when asked often, %v %v when asked once", name, a, aok, b, bok)
		}
	}
}

func TestWellIsDeterminedByItsSeed(t *testing.T) {
	t.Parallel()
	play := func(seed uint64) []float64 {
		w := mustWell(t, sim.Config{Seed: seed, Start: start, Scenario: mustFind(t, "gas-lock"), Onset: start.Add(10 * time.Minute)})
		var all []float64
		for i := range 3600 {
			w.Advance(start.Add(time.Duration(i) * time.Second))
			all = append(all, value(t, w, "motor_current"), value(t, w, "intake_pressure"))
		}
		return all
	}
	first, again, other := play(1), play(1), play(2)
	differ := 0
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("the same seed differs at step %d", i/2)
		}
		if first[i] != other[i] {
			differ++
		}
	}
	if differ < len(first)*9/10 {
		t.Errorf("another seed differs in %d of %d values only", differ, len(first))
	}
}

func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	w := mustWell(t, sim.Config{Seed: 1, Start: start})
	energy, hours := value(t, w, "energy"), value(t, w, "run_hours")
	w.Advance(start.Add(-time.Hour))
	if got := w.Time(); !got.Equal(start.Add(-time.Hour)) {
		t.Errorf("set back an hour: %v", got)
	}
	w.Advance(start)

	begin := time.Now()
	w.Advance(start.Add(400 * 24 * time.Hour))
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("a jump of 400 days took %v", took)
	}
	if p := value(t, w, "intake_pressure"); p < 7000 || p > 9500 {
		t.Errorf("intake pressure after a jump: %g kPa", p)
	}
	gained := value(t, w, "energy") - energy
	if want := 400 * 24 * 32.0; math.Abs(gained-want) > 0.15*want {
		t.Errorf("energy in 400 days: %g kWh, want about %g", gained, want)
	}
	if got := value(t, w, "run_hours") - hours; math.Abs(got-400*24) > 2 {
		t.Errorf("run hours in 400 days: %g", got)
	}
}

func TestCountersNeverFallWhenAWellIsMadeAnew(t *testing.T) {
	t.Parallel()
	first := mustWell(t, sim.Config{Seed: 1, Start: start})
	first.Advance(start.Add(30 * 24 * time.Hour))
	next := mustWell(t, sim.Config{Seed: 1, Start: start.Add(30 * 24 * time.Hour)})
	for _, name := range []string{"energy", "run_hours", "start_count"} {
		if a, b := value(t, first, name), value(t, next, name); b < a-1 {
			t.Errorf("%s: %g, then %g", name, a, b)
		}
	}
	if a, b := value(t, first, "drive_frequency"), value(t, next, "drive_frequency"); a != b {
		t.Errorf("the operator's speed is %g Hz, then %g Hz", a, b)
	}
}

func TestWellHasWhatARealOneWould(t *testing.T) {
	t.Parallel()
	w := mustWell(t, sim.Config{Seed: 3, Start: start})
	w.Advance(start.Add(time.Hour))
	have := 0
	for i := range esp.Signals() {
		s := &esp.Signals()[i]
		v, ok := w.Value(s.Name)
		if !ok {
			continue
		}
		have++
		if s.Bounded() && (v < s.Min || v > s.Max) {
			t.Errorf("%s = %g %s is not plausible", s.Name, v, s.Unit)
		}
		if s.Kind == esp.Derived {
			t.Errorf("%s is for the appliance to derive", s.Name)
		}
	}
	if have < 55 {
		t.Errorf("%d signals, want 55 or more", have)
	}
	if _, ok := w.Value("no_such_signal"); ok {
		t.Error("a signal that does not exist has a value")
	}
	ratio := value(t, w, "output_current") / value(t, w, "motor_current")
	if f := sim.Facts(); math.Abs(ratio-f.TransformerRatio) > 0.01 {
		t.Errorf("drive current is %g of the motor's, the facts say %g", ratio, f.TransformerRatio)
	}
	a, b, c := value(t, w, "output_current_a"), value(t, w, "output_current_b"), value(t, w, "output_current_c")
	if m := value(t, w, "output_current"); math.Abs((a+b+c)/3-m) > 0.01 {
		t.Errorf("phases %g %g %g, current %g", a, b, c, m)
	}
	// P = √3·U·I·cos φ on the drive's side, within cable and transformer.
	kW := math.Sqrt(3) * value(t, w, "output_voltage") * value(t, w, "output_current") * value(t, w, "power_factor") / 1000
	if p := value(t, w, "output_power"); math.Abs(kW/p-1) > 0.05 {
		t.Errorf("output power %g kW, voltage and current give %g kW", p, kW)
	}
}

func TestGaugeHoldsItsValuesBetweenTransmissions(t *testing.T) {
	t.Parallel()
	w := mustWell(t, sim.Config{Seed: 5, Start: start})
	var lastPackets, lastPressure float64
	changes, alone, still := 0, 0, 0
	const seconds = 4000
	for i := range seconds {
		w.Advance(start.Add(time.Duration(i) * time.Second))
		packets, pressure := value(t, w, "gauge_packets"), value(t, w, "intake_pressure")
		switch {
		case i == 0:
		case packets != lastPackets:
			changes++
			if pressure == lastPressure {
				still++
			}
		case pressure != lastPressure:
			alone++
		}
		lastPackets, lastPressure = packets, pressure
	}
	if changes < seconds/4-1 || changes > seconds/4+1 {
		t.Errorf("%d transmissions in %d s, want one each 4 s", changes, seconds)
	}
	if alone > 0 {
		t.Errorf("the pressure changed %d times without a transmission", alone)
	}
	if still > changes/20 {
		t.Errorf("%d of %d transmissions brought no new pressure", still, changes)
	}
}

func TestScenarioThatCannotBePlayedIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]sim.Change{
		"no such parameter":     {Param: 200},
		"no such kind":          {Kind: 200},
		"noise without memory":  {Kind: sim.Noise},
		"wave without a period": {Kind: sim.Wave},
	} {
		if _, err := sim.NewWell(sim.Config{Start: start, Scenario: sim.Scenario{Changes: []sim.Change{change}}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, ok := sim.Find("no such scenario"); ok {
		t.Error("found a scenario that does not exist")
	}
	seen := map[string]bool{}
	for _, s := range sim.Scenarios() {
		if s.Name == "" || s.Title == "" || seen[s.Name] {
			t.Errorf("scenario %q: name and title must be there, the name once", s.Name)
		}
		seen[s.Name] = true
	}
}

func BenchmarkAdvance(b *testing.B) {
	for _, name := range []string{"normal", "gas-lock"} {
		b.Run(name, func(b *testing.B) {
			w := mustWell(b, sim.Config{Seed: 1, Start: start, Scenario: mustFind(b, name), Onset: start})
			at := start
			for b.Loop() {
				at = at.Add(time.Second)
				w.Advance(at)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/step")
		})
	}
}

func TestStepIsFastEnoughForADayOfHistory(t *testing.T) {
	w := mustWell(t, sim.Config{Seed: 1, Start: start, Scenario: mustFind(t, "gas-lock"), Onset: start})
	const steps = 20000
	begin := time.Now()
	for i := range steps {
		w.Advance(start.Add(time.Duration(i) * time.Second))
	}
	each := time.Since(begin) / steps
	t.Logf("%v per step", each)
	if limit := 40 * time.Microsecond; each > 3*limit { // three times: machines that are busy with other tests
		t.Errorf("%v per step, want at most %v", each, limit)
	}
}
