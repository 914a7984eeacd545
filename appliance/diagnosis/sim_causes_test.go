package diagnosis_test

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// simCase is a change of the simulated well that no scenario shows.
type simCase struct {
	name   string
	change sim.Change
	is     esp.DiagnosisID // must be raised
	not    esp.DiagnosisID // must not be raised
}

// What no scenario is about: each finding is raised by the cause that it names, and not
// by less of it.
func simCases() []simCase {
	const hour, days = time.Hour, 3 * 24 * time.Hour
	return []simCase{
		{"a flowline that fills up", sim.Change{Param: sim.LinePressure, To: 20, Over: hour}, esp.BackPressure, esp.TubingLeak},
		{"a flowline a little fuller", sim.Change{Param: sim.LinePressure, To: 10, Over: hour}, "", esp.BackPressure},
		{"a well that gives much less", sim.Change{Param: sim.Productivity, To: 0.5, Over: 2 * hour}, esp.LowIntakePressure, esp.PumpOff},
		{"a well that gives a little less", sim.Change{Param: sim.Productivity, To: 0.7, Over: 2 * hour}, "", esp.LowIntakePressure},
		{"a choke nearly shut", sim.Change{Param: sim.ChokeOpening, To: 0.3, Over: time.Minute}, esp.WindingRise, esp.ClosedValve},
		{"a choke half shut", sim.Change{Param: sim.ChokeOpening, To: 0.5, Over: time.Minute}, esp.BackPressure, esp.WindingRise},
		{"a pump that rubs hard", sim.Change{Param: sim.Drag, To: 0.3, Over: hour}, esp.MotorOverheating, esp.TubingLeak},
		{"a pump that rubs", sim.Change{Param: sim.Drag, To: 0.2, Over: hour}, "", esp.MotorOverheating},
		{"stages that break", sim.Change{Param: sim.Wear, To: 0.3, Over: hour}, esp.Underload, esp.GasLock},
		{"stages that break a little", sim.Change{Param: sim.Wear, To: 0.05, Over: hour}, "", esp.Underload},
		{"a well that gives less each day", sim.Change{Param: sim.Productivity, To: 0.7, Over: days}, esp.InflowDecrease, esp.LowIntakePressure},
		{"a well that gives more each day", sim.Change{Param: sim.Productivity, To: 0.9, Over: days}, esp.InflowIncrease, esp.TubingLeak},
		{"a well that gives hardly less each day", sim.Change{Param: sim.Productivity, To: 0.79, Over: days}, "", esp.InflowDecrease},
		{"a well that gives hardly more each day", sim.Change{Param: sim.Productivity, To: 0.81, Over: days}, "", esp.InflowIncrease},
	}
}

func TestSimulatedCauses(t *testing.T) {
	for _, tt := range simCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onset, last, step := 6*time.Hour, 8*time.Hour, 10*time.Second
			if tt.change.Over > 24*time.Hour {
				onset, last, step = slope, 40*time.Hour, 2*time.Minute
			}
			e, m := simWell(t)
			s := newSimStream(t, sim.Scenario{Name: "test", Calm: 2 * time.Hour, Changes: []sim.Change{tt.change}}, 2, onset)
			s.step = step
			out := s.play(e, m, onset+last)
			if tt.is != "" && out.first(tt.is, esp.Raised) == nil {
				t.Errorf("%s was not raised: %v", tt.is, out.names())
			}
			if tt.not != "" && out.first(tt.not, esp.Raised) != nil {
				t.Errorf("%s was raised: %v", tt.not, out.names())
			}
			for i := range out.found {
				if out.found[i].Time.Before(epoch.Add(onset)) {
					t.Errorf("%s before the onset", out.found[i].ID)
				}
			}
		})
	}
}
