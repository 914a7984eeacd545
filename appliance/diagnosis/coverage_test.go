package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

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
