package diagnosis_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// row says what may be found in a scenario.
type row struct {
	first esp.DiagnosisID   // stands open and first at the end; empty: nothing does
	may   []esp.DiagnosisID // may be raised after the onset; everything else must not
	span  time.Duration     // of the first seed; zero: what the demo shows
}

// matrix is scenarios × diagnoses. What is not named in a row must not be raised.
var matrix = map[string]row{
	"normal":           {span: 7 * 24 * time.Hour},
	"gas-lock":         {first: esp.GasLock, may: []esp.DiagnosisID{esp.GasInterference, esp.MotorOverheating, esp.WindingRise}},
	"pump-off":         {first: esp.PumpOff, may: []esp.DiagnosisID{esp.LowIntakePressure}},
	"tubing-leak":      {first: esp.TubingLeak},
	"closed-valve":     {first: esp.ClosedValve, may: []esp.DiagnosisID{esp.MotorOverheating, esp.WindingRise}},
	"broken-shaft":     {first: esp.BrokenShaft, may: []esp.DiagnosisID{esp.MotorOverheating, esp.WindingRise}},
	"wear":             {first: esp.PumpWear},
	"scale":            {first: esp.ScaleDeposit},
	"reverse-rotation": {first: esp.ReverseRotation},
	"drive-lost":       {first: esp.CommunicationLost},
}

const (
	matrixSeeds = 3
	// young is the past before the onset that the other seeds have: a well that was
	// connected this morning.
	young = 8 * time.Hour
	// dense is how long before the onset a scenario is played second by second, and
	// denseMost how long.
	dense     = 15 * time.Minute
	denseMost = 90 * time.Minute
)

func TestScenarioMatrix(t *testing.T) {
	for _, sc := range sim.Scenarios() {
		r, ok := matrix[sc.Name]
		if !ok {
			continue
		}
		for seed := range uint64(matrixSeeds) {
			t.Run(fmt.Sprintf("%s/%d", sc.Name, seed), func(t *testing.T) {
				t.Parallel()
				past := max(sc.History, 24*time.Hour, r.span)
				if seed > 0 && sc.History == 0 {
					past = sc.Since + young
				}
				r.check(t, sc, seed, past)
			})
		}
	}
}

func (r *row) check(t *testing.T, sc sim.Scenario, seed uint64, past time.Duration) {
	t.Helper()
	onset := past - sc.Since
	e, m := simWell()
	st := newSimStream(t, sc, seed, onset)
	st.step = 5 * time.Second
	out := st.play(e, m, onset-dense).result
	st.step = time.Second
	soon := st.play(e, m, min(sc.Since+dense, denseMost)).result
	st.step = 5 * time.Second
	if sc.History > 0 {
		st.step = 30 * time.Second // it takes days
	}
	late := st.play(e, m, past-st.at.Sub(epoch)).result
	out.found = slices.Concat(out.found, soon.found, late.found)
	for i := range out.found {
		d := &out.found[i]
		switch {
		case d.Time.Before(epoch.Add(onset)):
			t.Errorf("%s %s before the onset: %s", d.Change, d.ID, mustJSON(t, d))
		case d.ID != r.first && !slices.Contains(r.may, d.ID):
			t.Errorf("%s %s: %s", d.Change, d.ID, mustJSON(t, d))
		}
	}
	open := e.Open()
	switch {
	case r.first == "" && len(open) > 0 || r.first != "" && (len(open) == 0 || open[0].ID != r.first):
		t.Errorf("open at the end, first first: %s", ids(open))
	case r.first != "":
		d := out.first(r.first, esp.Raised)
		t.Logf("%s raised %v after the onset, dated %v from it", r.first, d.Time.Sub(epoch.Add(onset)), d.Onset.Sub(epoch.Add(onset)))
	}
}

func ids(open []esp.Diagnosis) string {
	var s []esp.DiagnosisID
	for i := range open {
		s = append(s, open[i].ID)
	}
	return fmt.Sprint(s)
}

// A worn pump on a well without the meter or the gauge that would tell is not called
// anything it is not, and what was missing is said.
func TestMissingDischargeIsSaid(t *testing.T) {
	st := newStream(t, 3, without("discharge_pressure", "liquid_rate", "tubing_head_pressure"), leak)
	st.step = 5 * time.Second
	r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), later+2*time.Hour)
	d := r.first(esp.TubingLeak, esp.Raised)
	if d == nil {
		t.Fatalf("found %v", r.names())
	}
	if d.Confidence == esp.Likely {
		t.Error("likely without discharge pressure")
	}
	if !slices.Contains(d.NotAssessed, "discharge_pressure") || d.RunnerUp != esp.BackPressure || d.Separate == "" {
		t.Errorf("not assessed %v, runner-up %q, to separate them %q", d.NotAssessed, d.RunnerUp, d.Separate)
	}
}

// With everything measured the rivals that the readings refute are not named.
func TestRefutedRivalsAreNotNamed(t *testing.T) {
	st := newStream(t, 3, columns, leak)
	st.step = 5 * time.Second
	r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), later+2*time.Hour)
	d := r.first(esp.TubingLeak, esp.Raised)
	if d == nil {
		t.Fatalf("found %v", r.names())
	}
	if d.Confidence != esp.Likely || d.RunnerUp != esp.PumpWear {
		t.Errorf("%s, runner-up %q", d.Confidence, d.RunnerUp)
	}
	begun := epoch.Add(later)
	if lag := d.Time.Sub(begun); lag > time.Hour {
		t.Errorf("raised %v after its beginning", lag)
	}
	if off := d.Onset.Sub(begun); off < -5*time.Minute || off > 10*time.Minute {
		t.Errorf("dated %v from its beginning", off)
	}
}
