package diagnosis_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

type script = func(time.Duration, values, *rand.Rand)

// observe runs a script for a time with a fresh gate and engine.
func observe(t *testing.T, cols []esp.Column, s script, d time.Duration) result {
	t.Helper()
	st := newStream(t, 3, cols, s)
	return run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), d)
}

// of keeps the changes whose id begins with one of some words; nil where none is left.
func of(names []string, words ...string) []string {
	var kept []string
	for _, n := range names {
		_, id, _ := strings.Cut(n, " ")
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(id, w) }) {
			kept = append(kept, n)
		}
	}
	return kept
}

// wellFaults are the findings about pump, tubing and well, not about drive and gauge.
var wellFaults = []string{
	"gas_", "communication_lost", "closed_valve", "broken_shaft", "reverse_rotation", "tubing_leak", "back_pressure",
	"scale", "pump_wear", "inflow_", "pump_off", "low_intake_pressure",
}

// What looks like gas and is not must not be called so, whatever else it is called.
func TestFindings(t *testing.T) {
	driveOnly := without("intake_pressure", "discharge_pressure", "intake_temperature", "motor_temperature", "vibration_x",
		"gauge_packets", "tubing_head_pressure", "liquid_rate")
	noDischarge := without("discharge_pressure")
	tests := []struct {
		name   string
		cols   []esp.Column
		script script
		last   time.Duration
		want   []string
	}{
		{"normal", columns, nil, 8 * time.Hour, nil},
		{"interference", columns, interference, begin + time.Hour, []string{"raised gas_interference"}},
		{"lock", columns, lock, begin + time.Hour, []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock"}},
		{"interference without discharge gauge", noDischarge, interference, begin + time.Hour, []string{"raised gas_interference"}},
		{"lock without discharge gauge", noDischarge, lock, begin + time.Hour, []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock"}},
		{"lock seen by the drive alone", driveOnly, lock, begin + time.Hour, []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock"}},
		{"hunting drive", columns, hunting, begin + time.Hour, nil},
		{"weak supply", columns, weakSupply, begin + time.Hour, nil},
		{"slugging", columns, slugging, begin + time.Hour, nil},
		{"closed valve", columns, closedValve, begin + time.Hour, []string{"raised closed_valve"}},
		{"closed valve without discharge gauge", noDischarge, closedValve, begin + time.Hour, []string{"raised closed_valve"}},
		{"broken shaft", columns, brokenShaft, begin + time.Hour, []string{"raised broken_shaft"}},
		{"broken shaft without discharge gauge", noDischarge, brokenShaft, begin + time.Hour, []string{"raised broken_shaft"}},
		{"broken shaft seen by the drive alone", driveOnly, brokenShaft, begin + time.Hour, []string{"raised broken_shaft"}},
		{"pump-off", columns, pumpOff, begin + 2*time.Hour, []string{"raised pump_off"}},
		{"pump-off without discharge gauge", noDischarge, pumpOff, begin + 2*time.Hour, []string{"raised pump_off"}},
		{"reverse rotation", columns, backwards, begin + 2*time.Hour, []string{"raised reverse_rotation"}},
		{"speed changes", columns, speedChanges, begin + 5*time.Hour, nil},
		{"restart", columns, restart, begin + 3*time.Hour, nil},
		{"rough start", columns, roughStart, begin + 2*time.Hour, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := observe(t, tt.cols, tt.script, tt.last)
			names := of(got.names(), wellFaults...)
			if strings.HasPrefix(tt.name, "pump-off") {
				// a restless intake may be called interference; it must never be a lock
				names = slices.DeleteFunc(names, func(s string) bool { return strings.HasSuffix(s, "gas_interference") })
			}
			if d := cmp.Diff(tt.want, names); d != "" {
				t.Errorf("changes (-want +got):\n%s\n%s", d, mustJSON(t, got.found))
			}
		})
	}
}

// A poller is never exactly on time: scans come between the ticks of the engine.
func TestScansBetweenTicks(t *testing.T) {
	st := newStream(t, 3, columns, lock)
	st.at = 137 * time.Millisecond
	got := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+time.Hour)
	want := []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock"}
	if d := cmp.Diff(want, got.names()); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}

func TestEvidenceHasItsNumbers(t *testing.T) {
	r := observe(t, columns, lock, begin+time.Hour)
	d := r.first(esp.GasLock, esp.Raised)
	if d == nil {
		t.Fatal("no gas lock")
	}
	locked := epoch.Add(begin + 30*time.Minute)
	if lag := d.Time.Sub(locked); lag < 0 || lag > 6*time.Minute {
		t.Errorf("raised %v after the lock", lag)
	}
	if off := d.Onset.Sub(locked); off < -2*time.Minute || off > 3*time.Minute {
		t.Errorf("onset dated %v from the lock", off)
	}
	if d.Confidence != esp.Likely || d.Severity != esp.SeverityNow || d.Title != "Gas lock likely" {
		t.Errorf("got %s, %s, %q", d.Confidence, d.Severity, d.Title)
	}
	type span struct{ value, baseline, limit [2]float64 }
	want := map[string]span{
		"motor_current": {[2]float64{14.5, 17.7}, [2]float64{23.5, 23.7}, [2]float64{17.5, 17.9}},
		"pump_dp":       {[2]float64{4500, 8500}, [2]float64{13060, 13080}, [2]float64{10400, 10500}},
	}
	for _, e := range d.Evidence {
		w, ok := want[e.Signal]
		if !ok {
			continue
		}
		delete(want, e.Signal)
		in := func(v esp.Number, s [2]float64) bool { return float64(v) >= s[0] && float64(v) <= s[1] }
		if !in(e.Value, w.value) || !in(e.Baseline, w.baseline) || !in(e.Limit, w.limit) {
			t.Errorf("%s: value %v, baseline %v, limit %v", e.Signal, e.Value, e.Baseline, e.Limit)
		}
		if strings.ContainsAny(e.Text, "{}") || e.Text == "" {
			t.Errorf("%s: text %q", e.Signal, e.Text)
		}
	}
	if len(want) > 0 {
		t.Errorf("no evidence of %v in %s", want, mustJSON(t, d.Evidence))
	}
	if len(d.Steps) == 0 || d.Steps[0].Who == "" || strings.ContainsAny(d.Text, "{}") {
		t.Errorf("steps %v, text %q", d.Steps, d.Text)
	}
	i := r.first(esp.GasInterference, esp.Raised)
	if off := i.Onset.Sub(epoch.Add(begin)); off < -2*time.Minute || off > 2*time.Minute {
		t.Errorf("interference dated %v from its beginning", off)
	}
	if lag := i.Time.Sub(epoch.Add(begin)); lag > 12*time.Minute {
		t.Errorf("interference raised %v after its beginning", lag)
	}
}

func TestMissingSignalsAreNamedAndCapConfidence(t *testing.T) {
	r := observe(t, without("intake_pressure", "discharge_pressure"), interference, begin+time.Hour)
	d := r.first(esp.GasInterference, esp.Raised)
	if d == nil {
		t.Fatal("no gas interference")
	}
	if d.Confidence == esp.Likely {
		t.Error("likely without intake pressure")
	}
	for _, want := range []string{"intake_pressure", "pump_dp"} {
		if !slices.Contains(d.NotAssessed, want) {
			t.Errorf("not assessed: %v lacks %s", d.NotAssessed, want)
		}
	}
}

// A lock soon after a change of speed: current and pump pressure are judged by the
// affinity laws, the wellhead, which follows none, is not assessed.
func TestLockAtANewSpeed(t *testing.T) {
	slower := func(at time.Duration, v values, rng *rand.Rand) {
		k := 49.0 / 52
		if at >= begin-15*time.Minute {
			v["drive_frequency"] = 49
			v["motor_current"] *= k * k
			v["output_power"] *= k * k * k
			v["discharge_pressure"] = v["intake_pressure"] + k*k*(v["discharge_pressure"]-v["intake_pressure"])
			v["tubing_head_pressure"] -= 150
			v["liquid_rate"] *= k
		}
		lock(at, v, rng)
	}
	r := observe(t, columns, slower, begin+time.Hour)
	d := r.first(esp.GasLock, esp.Raised)
	if d == nil {
		t.Fatalf("found %v", r.names())
	}
	if d.Evidence[0].Baseline < 20.8 || d.Evidence[0].Baseline > 21.1 {
		t.Errorf("usual current at 49 Hz: %s", mustJSON(t, d.Evidence[0]))
	}
	if !slices.Contains(d.NotAssessed, "tubing_head_pressure") {
		t.Errorf("not assessed: %v", d.NotAssessed)
	}
}

// until ends a script at a time: the well is as it was.
func until(s script, end time.Duration) script {
	return func(at time.Duration, v values, rng *rand.Rand) {
		if at < end {
			s(at, v, rng)
		}
	}
}

func TestFindingClearsOnceAndLate(t *testing.T) {
	end := begin + 40*time.Minute
	r := observe(t, columns, until(interference, end), begin+4*time.Hour)
	if d := cmp.Diff([]string{"raised gas_interference", "cleared gas_interference"}, r.names()); d != "" {
		t.Fatalf("changes (-want +got):\n%s", d)
	}
	c := r.first(esp.GasInterference, esp.Cleared)
	if lag := c.Time.Sub(epoch.Add(end)); lag < 10*time.Minute || lag > 25*time.Minute {
		t.Errorf("cleared %v after its end", lag)
	}
	if !c.Onset.Equal(r.first(esp.GasInterference, esp.Raised).Onset) {
		t.Error("the cleared change has another onset than the raised one")
	}
}

// on and off every few minutes must not make a finding of each.
func TestIntermittentGasDoesNotChatter(t *testing.T) {
	blink := func(at time.Duration, v values, rng *rand.Rand) {
		if at >= begin && int((at-begin).Minutes())%6 < 4 {
			interference(at, v, rng)
		}
	}
	r := observe(t, columns, blink, begin+4*time.Hour)
	raised := 0
	for _, n := range r.names() {
		if strings.HasPrefix(n, "raised") {
			raised++
		}
	}
	if raised != 1 {
		t.Errorf("raised %d times: %v", raised, r.names())
	}
	if len(r.found) > 6 {
		t.Errorf("%d changes in 4 hours: %v", len(r.found), r.names())
	}
}

func TestLockGoesBackToInterference(t *testing.T) {
	freed := begin + 50*time.Minute
	s := func(at time.Duration, v values, rng *rand.Rand) {
		if at < freed {
			lock(at, v, rng)
			return
		}
		gassy(at, v, 1)
	}
	r := observe(t, columns, s, begin+2*time.Hour)
	want := []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock", "cleared gas_lock", "raised gas_interference"}
	if d := cmp.Diff(want, r.names()); d != "" {
		t.Fatalf("changes (-want +got):\n%s", d)
	}
	if a, b := r.found[3], r.found[4]; !a.Time.Equal(b.Time) {
		t.Errorf("lock cleared at %v, interference raised again at %v", a.Time, b.Time)
	}
}

// A pump that trips on the lock keeps its finding for whoever comes, less urgent, and
// gives it up after two hours.
func TestFindingOfAStoppedPump(t *testing.T) {
	trip := begin + 45*time.Minute
	s := func(at time.Duration, v values, rng *rand.Rand) {
		lock(at, v, rng)
		if at >= trip {
			standing(v, esp.Tripped)
			v["fault_code"] = 6
		}
	}
	st := newStream(t, 3, columns, s)
	g, e := diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts))
	r := run(st, g, e, trip+time.Hour)
	want := []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock", "updated gas_lock"}
	if d := cmp.Diff(want, of(r.names(), "gas_")); d != "" {
		t.Fatalf("changes (-want +got):\n%s", d)
	}
	if u := r.first(esp.GasLock, esp.Updated); u.Severity != esp.SeverityToday {
		t.Errorf("severity of a lock at a pump that stands: %s", u.Severity)
	}
	if o := e.Open(); len(o) != 2 || o[0].ID != esp.GasLock || o[1].ID != esp.DriveFault {
		t.Errorf("open: %v", o)
	}
	stop, ok := e.LastStop()
	if !ok || !stop.HasFault || stop.Fault != 6 || stop.State != esp.Tripped || !slices.Contains(stop.Open, esp.GasLock) {
		t.Errorf("last stop: %+v", stop)
	}
	r = run(st, g, e, 2*time.Hour)
	if d := cmp.Diff([]string{"cleared gas_lock"}, r.names()); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	if o := e.Open(); len(o) != 1 || o[0].ID != esp.DriveFault {
		t.Errorf("open: %v", o)
	}
}

func TestFaultDoesNotBecomeNormal(t *testing.T) {
	st := newStream(t, 3, columns, interference)
	g, e := diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts))
	run(st, g, e, begin)
	lo, hi, ok := e.Usual(esp.MotorCurrent)
	r := run(st, g, e, 6*time.Hour)
	if d := cmp.Diff([]string{"raised gas_interference"}, r.names()); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	lo2, hi2, ok2 := e.Usual(esp.MotorCurrent)
	if !ok || !ok2 || lo != lo2 || hi != hi2 {
		t.Errorf("usual current was %v to %v, is %v to %v after 6 h of gas", lo, hi, lo2, hi2)
	}
}

// The quiet beginning of a fault waits to be learned when the fault is found; it is
// thrown away then.
func TestBeginningsAreUnlearned(t *testing.T) {
	st := newStream(t, 3, columns, func(at time.Duration, v values, _ *rand.Rand) {
		switch {
		case at >= begin+40*time.Minute:
			gassy(at, v, 1)
		case at >= begin:
			gassy(at, v, 0.15) // below every limit
		}
	})
	g, e := diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts))
	run(st, g, e, begin+40*time.Minute)
	before, waiting := e.Learned()
	if waiting == 0 {
		t.Fatal("nothing waits")
	}
	r := run(st, g, e, 20*time.Minute)
	if r.first(esp.GasInterference, esp.Raised) == nil {
		t.Fatal("no gas interference")
	}
	if n, waiting := e.Learned(); waiting != 0 || n > before+1 {
		t.Errorf("%d summaries wait, %d count after %d", waiting, n, before)
	}
}

func TestNothingIsAssessedWithoutABaseline(t *testing.T) {
	s := func(at time.Duration, v values, _ *rand.Rand) { gassy(at, v, 1) } // from the first scan on
	if r := observe(t, columns, s, 30*time.Minute); len(r.found) != 0 {
		t.Errorf("found %v before anything was learned", r.names())
	}
}

func TestSlowPolling(t *testing.T) {
	for _, step := range []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second} {
		st := newStream(t, 3, columns, lock)
		st.step = step
		r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+time.Hour)
		if r.first(esp.GasLock, esp.Raised) == nil {
			t.Errorf("polled every %v: %v", step, r.names())
		}
	}
	st := newStream(t, 3, columns, lock)
	st.step = 5 * time.Minute // too slow to see a swing: not assessed, never guessed
	if r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+4*time.Hour); of(r.names(), "gas_") != nil {
		t.Errorf("polled every 5 min: %v", r.names())
	}
}

func TestSameScansSameBytes(t *testing.T) {
	once := func() string {
		st := newStream(t, 9, columns, lock)
		r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+time.Hour)
		return mustJSON(t, r.events) + mustJSON(t, r.found)
	}
	if d := cmp.Diff(once(), once()); d != "" {
		t.Errorf("two runs differ:\n%s", d)
	}
}

func TestCommunicationLost(t *testing.T) {
	gone := begin + time.Minute
	back := gone + 10*time.Minute
	st := newStream(t, 3, columns, nil)
	st.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if c.Device == "drive" && at >= gone && at < back {
			return esp.Lost, esp.Timeout
		}
		return esp.Good, esp.NoReason
	}
	r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+time.Hour)
	if d := cmp.Diff([]string{"raised communication_lost", "cleared communication_lost"}, r.names()); d != "" {
		t.Fatalf("changes (-want +got):\n%s", d)
	}
	up := r.found[0]
	if lag := up.Time.Sub(epoch.Add(gone)); lag < 30*time.Second || lag > 40*time.Second {
		t.Errorf("raised after %v", lag)
	}
	if off := epoch.Add(gone).Sub(up.Onset); off < 0 || off > 2*time.Second {
		t.Errorf("onset %v before the last answer", off)
	}
	if len(up.Evidence) != 1 || up.Evidence[0].Limit != 30 || up.Evidence[0].Baseline != 1 || up.Evidence[0].Value <= 30 {
		t.Errorf("evidence %s", mustJSON(t, up.Evidence))
	}
	if lag := r.found[1].Time.Sub(epoch.Add(back)); lag < 5*time.Second || lag > 20*time.Second {
		t.Errorf("cleared %v after the drive was back", lag)
	}
	if d := cmp.Diff([]string{"running", "unknown", "running"}, r.states()); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
	if lag := r.events[1].Time.Sub(epoch.Add(gone)); lag < 9*time.Second || lag > 12*time.Second {
		t.Errorf("unknown after %v", lag)
	}
}

// A finding stays as it is while nobody knows what the pump does.
func TestFindingWaitsWhileTheDriveIsSilent(t *testing.T) {
	st := newStream(t, 3, columns, interference)
	st.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if c.Device == "drive" && at >= begin+30*time.Minute && at < begin+4*time.Hour {
			return esp.Lost, esp.Timeout
		}
		return esp.Good, esp.NoReason
	}
	r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+5*time.Hour)
	want := []string{"raised gas_interference", "raised communication_lost", "cleared communication_lost"}
	if d := cmp.Diff(want, r.names()); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}

// A drive that never answers is told; one that was not asked, because the appliance
// was off, is not.
func TestSilenceCountsOnlyWhileAsked(t *testing.T) {
	dead := func(_ time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if c.Device == "drive" {
			return esp.Lost, esp.Unreachable
		}
		return esp.Good, esp.NoReason
	}
	st := newStream(t, 3, columns, nil)
	st.lose = dead
	r := run(st, nil, diagnosis.New(wellOf(facts)), 5*time.Minute)
	if d := cmp.Diff([]string{"raised communication_lost"}, r.names()); d != "" {
		t.Fatalf("never answered (-want +got):\n%s", d)
	}
	if at := r.found[0].Time.Sub(epoch); at < 30*time.Second || at > 40*time.Second || !r.found[0].Onset.Equal(epoch) {
		t.Errorf("raised after %v, dated %v", at, r.found[0].Onset)
	}
	st, e := newStream(t, 3, columns, nil), diagnosis.New(wellOf(facts))
	run(st, nil, e, 10*time.Minute)
	st.at += time.Hour // the appliance is off
	st.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if at < time.Hour+10*time.Minute+5*time.Second {
			return dead(at, c)
		}
		return esp.Good, esp.NoReason
	}
	if r := run(st, nil, e, 10*time.Minute); len(r.found) > 0 {
		t.Errorf("after a pause of the appliance: %s", mustJSON(t, r.found))
	}
}
