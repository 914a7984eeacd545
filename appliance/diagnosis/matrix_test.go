package diagnosis_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// cell says what a diagnosis may do in a scenario.
type cell string

// The cells of testdata/matrix.txt. Before the onset nothing may be raised at all.
const (
	first   cell = "first" // raised, and above all others at the end
	must    cell = "must"  // raised
	may     cell = "may"
	mustNot cell = "no"
)

// matrix is what is expected of each scenario and diagnosis.
type matrix map[string]map[esp.DiagnosisID]cell

// loadMatrix reads the table of scenarios (columns) and diagnoses (lines). A cell that
// is not stated is an error: nothing is expected by silence.
func loadMatrix(t *testing.T) matrix {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "matrix.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	scenarios := strings.Fields(lines[0])[1:]
	m := make(matrix)
	for _, s := range scenarios {
		m[s] = make(map[esp.DiagnosisID]cell)
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(scenarios)+1 {
			t.Fatalf("matrix.txt: %d cells of %d scenarios: %s", len(cells)-1, len(scenarios), line)
		}
		for i, s := range scenarios {
			m[s][esp.DiagnosisID(cells[0])] = cell(cells[i+1])
		}
	}
	return m
}

// The matrix speaks of every scenario and of every rule, and of nothing else, and says
// what the scenarios themselves promise.
func TestMatrixIsComplete(t *testing.T) {
	m := loadMatrix(t)
	rules := make(map[esp.DiagnosisID]bool)
	for _, r := range diagnosis.Catalogue() {
		rules[r.ID] = true
	}
	for _, sc := range sim.Scenarios() {
		column := m[sc.Name]
		delete(m, sc.Name)
		for id := range rules {
			if c := column[id]; !slices.Contains([]cell{first, must, may, mustNot}, c) {
				t.Errorf("scenario %s, diagnosis %s: cell %q", sc.Name, id, c)
			}
		}
		for id, c := range column {
			if !rules[id] {
				t.Errorf("scenario %s: there is no rule %s", sc.Name, id)
			}
			promised := slices.Index(sc.Expect, id)
			if (c == first) != (promised == 0) || (c == must) != (promised > 0) {
				t.Errorf("scenario %s, diagnosis %s: cell %q, and it expects %v", sc.Name, id, c, sc.Expect)
			}
			if slices.Contains(sc.NearMisses, id) && c != mustNot && c != may {
				t.Errorf("scenario %s, diagnosis %s: cell %q of a near miss", sc.Name, id, c)
			}
		}
	}
	for name := range m {
		t.Errorf("there is no scenario %s", name)
	}
}

const (
	// calmWeek is how long the well that works is watched.
	calmWeek = 7 * 24 * time.Hour
	// young is the past before the onset that the other seeds have: a well that was
	// connected this morning.
	young = 8 * time.Hour
	// dense is how long before the onset a scenario is played second by second, and
	// denseMost how long.
	dense     = 15 * time.Minute
	denseMost = 90 * time.Minute
)

// thorough reports whether the long campaigns were asked for (make soak).
func thorough() bool { return os.Getenv("WELLKEEPER_SOAK") != "" }

// matrixSeeds is how many times a scenario is played, each with other noise. A well that
// works is played more often, because a false alarm is one of many.
func matrixSeeds(sc *sim.Scenario) uint64 {
	switch calm := len(sc.Expect) == 0; {
	case calm && thorough():
		return 20
	case calm || thorough():
		return 8
	default:
		return 3
	}
}

func TestScenarioMatrix(t *testing.T) {
	m := loadMatrix(t)
	for _, sc := range sim.Scenarios() {
		for seed := range matrixSeeds(&sc) {
			t.Run(fmt.Sprintf("%s/%d", sc.Name, seed), func(t *testing.T) {
				t.Parallel()
				past := max(sc.History, 24*time.Hour)
				if len(sc.Expect) == 0 {
					past = calmWeek
				}
				if seed > 0 && sc.History == 0 && !thorough() {
					past = sc.Since + young
				}
				checkScenario(t, sc, m[sc.Name], seed, past)
			})
		}
	}
}

// checkScenario plays a scenario from its past to the present that the demo shows.
func checkScenario(t *testing.T, sc sim.Scenario, column map[esp.DiagnosisID]cell, seed uint64, past time.Duration) {
	t.Helper()
	onset := past - sc.Since
	e, m := simWell(t)
	st := newSimStream(t, sc, seed, onset)
	st.step = 5 * time.Second
	out := st.play(e, m, onset-dense)
	st.step = time.Second
	soon := st.play(e, m, min(sc.Since+dense, denseMost))
	st.step = 5 * time.Second
	if sc.History > 0 {
		st.step = 30 * time.Second // it takes days
	}
	late := st.play(e, m, past-st.at.Sub(epoch))
	out.found = slices.Concat(out.found, soon.found, late.found)
	out.alarms = slices.Concat(out.alarms, soon.alarms, late.alarms)
	checkChanges(t, out.found, column, epoch.Add(onset))
	open := e.Open()
	for id, c := range column {
		switch raised := out.first(id, esp.Raised); {
		case (c == first || c == must) && raised == nil:
			t.Errorf("%s was not raised", id)
		case c == first && (len(open) == 0 || open[0].ID != id):
			t.Errorf("open at the end, first first: %s", ids(open))
		case c == first:
			t.Logf("%s raised %v after the onset, dated %v from it", id, raised.Time.Sub(epoch.Add(onset)), raised.Onset.Sub(epoch.Add(onset)))
		}
	}
	if len(sc.Expect) > 0 {
		return
	}
	if len(open) > 0 || len(out.alarms) > 0 {
		t.Errorf("open at the end: %s, alarms %s", ids(open), mustJSON(t, out.alarms))
	}
	_, since := e.State()
	atOneSpeed := epoch.Add(past).Sub(since) > 2*time.Hour // what is usual at a new one takes a while
	if _, _, ok := e.Usual(esp.IntakePressure); atOneSpeed && !ok {
		t.Error("nothing was learned")
	}
}

// checkChanges compares each change with its cell.
func checkChanges(t *testing.T, found []esp.Diagnosis, column map[esp.DiagnosisID]cell, onset time.Time) {
	t.Helper()
	for i := range found {
		d := &found[i]
		switch {
		case d.Time.Before(onset):
			t.Errorf("%s %s before the onset: %s", d.Change, d.ID, mustJSON(t, d))
		case d.Change == esp.Raised && column[d.ID] == mustNot:
			t.Errorf("%s %s %v after the onset: %s", d.Change, d.ID, d.Time.Sub(onset), mustJSON(t, d))
		}
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
