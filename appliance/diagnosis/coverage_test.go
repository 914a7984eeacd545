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
	"wellkeeper.internal/modbus/sim"
)

// slowCase is a change of well or surface that no scenario shows.
type slowCase struct {
	name   string
	script script
	span   guardSpan
	is     esp.DiagnosisID // must be raised
	not    esp.DiagnosisID // must not be raised
}

func slowCases() []slowCase {
	hours := guardSpan{5 * time.Second, later + 4*time.Hour}
	days := guardSpan{time.Minute, slope + 3*24*time.Hour}
	return []slowCase{
		{"a choke that is pinched", choked, hours, esp.BackPressure, esp.TubingLeak},
		{"a heavier column", heavy, hours, "", esp.BackPressure},
		{"a level that falls", drawn(0.74), hours, esp.LowIntakePressure, esp.PumpOff},
		{"a level that falls a little", drawn(0.85), hours, "", esp.LowIntakePressure},
		{"a reservoir that gives more", fuller, days, esp.InflowIncrease, esp.PumpWear},
		{"a reservoir that gives less", emptier, days, esp.InflowDecrease, esp.PumpOff},
	}
}

// drawn: the liquid over the pump falls within half an hour to a share of its pressure.
func drawn(share float64) script {
	return func(at time.Duration, v values, _ *rand.Rand) {
		if m, on := minutesIn(at, later); on {
			k := (1 - share) * math.Min(m/30, 1)
			v["intake_pressure"] *= 1 - k
			v["liquid_rate"] *= 1 - 0.3*k
		}
	}
}

// emptier: the reservoir gives less from day to day.
func emptier(at time.Duration, v values, _ *rand.Rand) {
	k := math.Min(days(at)/3, 1)
	v["intake_pressure"] -= 600 * k
	v["liquid_rate"] *= 1 - 0.05*k
}

// heating takes the motor up by so much per hour while something else goes on.
func heating(perHour float64, other script) script {
	return func(at time.Duration, v values, rng *rand.Rand) {
		other(at, v, rng)
		if at >= begin {
			v["motor_temperature"] = 117 + perHour*(at-begin).Hours()
		}
	}
}

// The cause stands first: what the motor's temperature does is not told of its own
// while the cause is open or about to be raised.
func TestHeatWaitsForItsCause(t *testing.T) {
	tests := map[string]struct {
		script script
		want   []string
	}{
		"closed valve":    {heating(72, closedValve), []string{"raised closed_valve"}},
		"broken shaft":    {heating(36, brokenShaft), []string{"raised broken_shaft"}},
		"gas lock":        {lock, []string{"raised gas_interference", "cleared gas_interference", "raised gas_lock"}},
		"no other reason": {heating(14, func(time.Duration, values, *rand.Rand) {}), []string{"raised winding_rise", "raised motor_overheating", "cleared winding_rise"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := observe(t, columns, tt.script, begin+90*time.Minute)
			names := slices.DeleteFunc(got.names(), func(n string) bool { return strings.HasPrefix(n, "updated") })
			if d := cmp.Diff(tt.want, names); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

// A cause that was about to be raised and then was not seen any more does not keep the
// temperature quiet.
func TestHeatDoesNotWaitForever(t *testing.T) {
	st := newStream(t, 3, without("tubing_head_pressure"), heating(14, closedValve))
	st.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if c.Name == "discharge_pressure" && at >= begin+100*time.Second {
			return esp.Lost, esp.Timeout
		}
		return esp.Good, esp.NoReason
	}
	r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+90*time.Minute)
	if r.first(esp.ClosedValve, esp.Raised) != nil {
		t.Fatalf("raised before it could not be seen any more: %v", r.names())
	}
	if r.first(esp.WindingRise, esp.Raised) == nil {
		t.Errorf("winding_rise was not raised: %v", r.names())
	}
}

// A pump that is locked by gas is without load; it is not called a broken shaft beside.
func TestLockIsNotABrokenShaft(t *testing.T) {
	still := begin + 60*time.Minute
	s := func(at time.Duration, v values, rng *rand.Rand) {
		lock(at, v, rng)
		if at >= still { // the lock lies still and smooth, one step deeper
			v["motor_current"] = 11 + 0.05*rng.NormFloat64()
			v["discharge_pressure"] = v["intake_pressure"] + 60
		}
	}
	got := observe(t, columns, s, begin+2*time.Hour)
	if got.first(esp.GasLock, esp.Raised) == nil || got.first(esp.BrokenShaft, esp.Raised) != nil {
		t.Errorf("found %v", got.names())
	}
}

func TestSlowFindings(t *testing.T) {
	for _, tt := range slowCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStream(t, 3, columns, tt.script)
			st.step = tt.span.step
			r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), tt.span.last)
			if tt.is != "" && r.first(tt.is, esp.Raised) == nil {
				t.Errorf("%s was not raised: %v", tt.is, r.names())
			}
			if tt.not != "" && r.first(tt.not, esp.Raised) != nil {
				t.Errorf("%s was raised: %v", tt.not, r.names())
			}
		})
	}
}

// Each rule is shown at work somewhere, and somewhere keeping quiet where something
// else looks alike: in a scenario, in a script or behind a guard.
func TestEachRuleHasItsCases(t *testing.T) {
	found, quiet := make(map[esp.DiagnosisID]bool), make(map[esp.DiagnosisID]bool)
	m := loadMatrix(t)
	for _, sc := range sim.Scenarios() {
		for id, c := range m[sc.Name] {
			found[id] = found[id] || c == first || c == must
			quiet[id] = quiet[id] || c == mustNot && slices.Contains(sc.NearMisses, id)
		}
	}
	for _, c := range electricCases() {
		found[c.is], quiet[c.not] = true, true
	}
	for _, c := range slowCases() {
		found[c.is], quiet[c.not] = true, true
	}
	for name := range guards() {
		id, _, _ := strings.Cut(name, " ")
		quiet[esp.DiagnosisID(id)] = true
	}
	for _, r := range diagnosis.Catalogue() {
		if !found[r.ID] {
			t.Errorf("%s: nothing shows that it is found", r.ID)
		}
		if !quiet[r.ID] {
			t.Errorf("%s: no near miss shows where it keeps quiet", r.ID)
		}
	}
}
