package diagnosis_test

import (
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// simConfig is what the appliance tells the engine of the simulated well.
func simConfig(tb testing.TB) diagnosis.Config {
	tb.Helper()
	p := loadProfile(tb, "simulated-drive")
	c := wellOf(sim.Facts())
	c.Fault = func(code int64) diagnosis.Fault {
		f := p.Faults.Table[code]
		return diagnosis.Fault{Text: f.Text, Canonical: f.Canonical}
	}
	return c
}

func TestTrippedTellsEverything(t *testing.T) {
	const onset = 4 * time.Hour
	sc := findScenario(t, "tripped")
	e, m := simWell(t)
	newSimStream(t, sc, 1, onset).play(e, m, onset+sc.Since)
	if s, _ := e.State(); s != esp.RestartWait {
		t.Errorf("state %v", s)
	}
	open := e.Open()
	if len(open) != 1 {
		t.Fatalf("open %v", open)
	}
	var all strings.Builder
	all.WriteString(open[0].Title + " " + open[0].Text)
	for _, ev := range open[0].Evidence {
		all.WriteString(" " + ev.Text)
	}
	for _, want := range []string{"Drive overtemperature (code 8)", "will start by itself", "1 of 3 automatic restarts", "in the minute before: drive frequency", "allowed: 3"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("it does not tell %q: %s", want, all.String())
		}
	}
}

// Each gauge fault that the simulator knows is one finding with its pattern in words.
func TestGaugeFaultPatterns(t *testing.T) {
	const onset = 3 * time.Hour
	want := map[string]string{
		"dead": "negative number read as unsigned", "dead-zero": "zero pressure", "no-signal": "no values", "frozen": "frozen",
		"dead-temperatures": "dead temperature", "doubled": "comes and goes", "outliers": "comes and goes",
		"noisy-cable": "damaged transmissions", "intermittent": "comes and goes",
	}
	for _, f := range sim.GaugeFaults() {
		word, ok := want[f.Name]
		if !ok {
			continue // a drifting sensor is no matter of the gate
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			sc := sim.Scenario{Name: "test", Calm: 8 * time.Hour, GaugeFaults: []sim.GaugeFault{f}}
			e, m := simWell(t)
			s := newSimStream(t, sc, 1, onset)
			out := s.play(e, m, onset+max(f.Since, time.Hour))
			var last *esp.Diagnosis
			for i := range out.found {
				switch d := &out.found[i]; {
				case d.Time.Before(epoch.Add(onset)):
					t.Errorf("%s before the onset", d.ID)
				case d.ID == esp.GaugeFault && d.Change != esp.Cleared:
					last = d
				case d.ID != esp.GaugeFault && f.Name != "noisy-cable": // there the insulation is the cause
					t.Errorf("%s raised", d.ID)
				}
			}
			if last == nil || !strings.Contains(last.Title, word) {
				t.Fatalf("want %q, found %s", word, mustJSON(t, out.found))
			}
			if len(last.Steps) == 0 || len(last.Evidence) == 0 {
				t.Errorf("without steps or evidence: %s", mustJSON(t, last))
			}
			for _, a := range out.alarms {
				if strings.HasSuffix(a.ID, "_lost") && a.Change == esp.Raised {
					t.Errorf("alarm %s beside the finding", a.ID)
				}
			}
		})
	}
}
