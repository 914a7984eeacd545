package diagnosis_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
)

// badRows labels the rows of a well of field B by the patterns of dead gauges and
// historians that were found in it by eye, without a look at what the gate does:
// sentinels, records in which two or more downhole values are exactly twice the ones
// before, temperatures that no well has, and records of a turning pump that repeat
// themselves whole for half an hour and more (labelled from then on).
func badRows(w *fieldWell) []bool {
	bad := make([]bool, len(w.scans))
	last := make([]float64, len(w.layout.Columns)) // last value that was not bad
	var still time.Time
	repeats := 0
	var before []float64
	for i := range w.scans {
		doubled, shown, same := 0, 0, 0
		var motor, intake float64
		for k, x := range w.numbers[i] {
			name := w.layout.Columns[k].Name
			if math.IsNaN(x) || name == "drive_frequency" {
				continue
			}
			shown++
			bad[i] = bad[i] || dead(name, x) || strings.Contains(name, "temperature") && x > 600
			if name != "vibration_x" && last[k] > 0 && math.Abs(x/last[k]-2) <= 0.01 {
				doubled++
			}
			if before != nil && before[k] == x {
				same++
			}
			switch name {
			case "motor_temperature":
				motor = x
			case "intake_temperature":
				intake = x
			}
		}
		if doubled >= 2 {
			bad[i] = true
		}
		if shown == 0 {
			continue
		}
		if same == shown && shown >= 2 {
			repeats++
		} else {
			repeats, still = 0, w.scans[i].Time
		}
		turning := motor == 0 || intake == 0 || motor-intake > 5.4 // °F
		if repeats >= 5 && turning && w.scans[i].Time.Sub(still) >= 30*time.Minute {
			bad[i] = true
		}
		before = w.numbers[i]
		if bad[i] {
			continue
		}
		for k, x := range w.numbers[i] {
			if !math.IsNaN(x) {
				last[k] = x
			}
		}
	}
	return bad
}

// tally of the rows of field B.
type tally struct {
	bad, graded, open int // of the bad rows: not let pass, and under an open finding within two rows
	good, lost        int // of the rows that look healthy: with a value not let pass
	raised            int
	days              float64
}

func (w *fieldWell) tallyGauge(t *testing.T, sum *tally) {
	t.Helper()
	bad := badRows(w)
	g := diagnosis.NewGate(w.layout)
	e := diagnosis.New(diagnosis.Config{Well: esp.Well{ID: esp.WellID(w.id)}})
	open := make([]bool, len(w.scans))
	graded := make([]bool, len(w.scans))
	for i := range w.scans {
		s := w.scans[i].Clone()
		g.Grade(&s)
		for k := range s.Readings {
			q := s.Readings[k].Quality
			if w.layout.Columns[k].Signal.Info().Group == esp.GaugeGroup && q != esp.NotDue && !q.Usable() {
				graded[i] = true
			}
		}
		for _, d := range e.Observe(&s).Diagnoses {
			if d.ID == esp.GaugeFault && d.Change == esp.Raised {
				sum.raised++
				if testing.Verbose() {
					t.Logf("%s %s %s", w.id, d.Time.Format(time.DateTime), d.Title)
				}
			}
		}
		for _, d := range e.Open() {
			open[i] = open[i] || d.ID == esp.GaugeFault
		}
	}
	sum.days += w.days()
	for i := range bad {
		shown := false
		for k, x := range w.numbers[i] {
			shown = shown || !math.IsNaN(x) && w.layout.Columns[k].Name != "drive_frequency"
		}
		switch {
		case !shown:
		case bad[i]:
			sum.bad++
			if graded[i] {
				sum.graded++
			}
			if open[i] || i+1 < len(open) && open[i+1] || i+2 < len(open) && open[i+2] {
				sum.open++
			} else if testing.Verbose() {
				t.Logf("%s %s not named: %v", w.id, w.scans[i].Time.Format(time.DateTime), w.numbers[i])
			}
		default:
			sum.good++
			if graded[i] {
				sum.lost++
				if testing.Verbose() {
					t.Logf("%s %s lost: %v", w.id, w.scans[i].Time.Format(time.DateTime), w.numbers[i])
				}
			}
		}
	}
}

// Bad rows of field B are named and good ones let pass.
func TestFieldBGaugeFaults(t *testing.T) {
	var sum tally
	for _, w := range fieldB(t) {
		w.tallyGauge(t, &sum)
	}
	t.Logf("%+v", sum)
	if sum.bad < 3000 || sum.good < 20000 {
		t.Fatalf("only %d bad and %d good rows", sum.bad, sum.good)
	}
	percent := func(part, of int) float64 { return 100 * float64(part) / float64(of) }
	goal.Exact(t, "engine.gauge-rows-passed-percent", percent(sum.bad-sum.graded, sum.bad), "%", 1)
	goal.Exact(t, "engine.gauge-rows-unnamed-percent", percent(sum.bad-sum.open, sum.bad), "%", 1)
	goal.Exact(t, "engine.gauge-rows-lost-percent", percent(sum.lost, sum.good), "%", 0.1)
}
