package diagnosis_test

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
)

// label is what the experts said of a recorded well.
type label struct {
	well, class    string
	onset, stopped time.Time
}

func fieldLabels(t *testing.T) []label {
	t.Helper()
	f, err := os.Open(fieldDir + "field_a_dev_labels.csv")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("field labels are not on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var labels []label
	for _, r := range rows[1:] {
		l := label{well: r[0], class: r[1], onset: parseTime(t, r[2])}
		if r[3] != "" {
			l.stopped = parseTime(t, r[3])
		}
		labels = append(labels, l)
	}
	return labels
}

// watchedGap is how long at most a pump counts as watched without a row.
const watchedGap = time.Hour

// findings replays a recorded well and keeps what was found.
func (w *fieldWell) findings(change func(*diagnosis.Engine) *diagnosis.Engine) result {
	g := diagnosis.NewGate(w.layout)
	e := diagnosis.New(diagnosis.Config{Well: esp.Well{ID: esp.WellID(w.id)}})
	if change != nil {
		e = change(e)
	}
	var r result
	for i := range w.scans {
		s := w.scans[i].Clone()
		g.Grade(&s)
		r.found = append(r.found, e.Observe(&s).Diagnoses...)
		if state, _ := e.State(); i > 0 && state.Turning() {
			r.watched += min(s.Time.Sub(w.scans[i-1].Time), watchedGap)
		}
	}
	return r
}

// The labelled leaks of field A are found within the hour and not before; the wells
// without a fault are left alone; changes of inflow are dated within days.
func TestFieldALeaks(t *testing.T) {
	labels := fieldLabels(t)
	var delays, dated []time.Duration
	days, watched, alarms, early := 0.0, 0.0, 0, 0
	for _, w := range fieldA(t) {
		days += w.days()
		r := w.findings(nil)
		watched += r.watched.Hours() / 24
		for i := range r.found {
			d := &r.found[i]
			if d.Change != esp.Raised {
				continue
			}
			at := slices.IndexFunc(labels, func(l label) bool { return l.well == w.id && l.class == string(d.ID) })
			switch {
			case at >= 0 && d.Time.Before(labels[at].onset):
				early++
				t.Errorf("%s: %s raised %v before its label", w.id, d.ID, labels[at].onset.Sub(d.Time))
			case at >= 0 && d.ID == esp.TubingLeak:
				delays = append(delays, d.Time.Sub(labels[at].onset))
				t.Logf("%s: leak raised %v after its label, dated %v from it", w.id, d.Time.Sub(labels[at].onset), d.Onset.Sub(labels[at].onset))
			case at >= 0:
				dated = append(dated, d.Time.Sub(labels[at].onset))
				t.Logf("%s: %s raised %v after its label, dated %v from it", w.id, d.ID, d.Time.Sub(labels[at].onset), d.Onset.Sub(labels[at].onset))
				if d.Onset.Before(labels[at].onset) {
					early++
					t.Errorf("%s: %s dated %v before its label", w.id, d.ID, labels[at].onset.Sub(d.Onset))
				}
			case d.Severity != esp.SeverityInfo:
				alarms++
				t.Errorf("%s: %s %s", w.id, d.Time, mustJSON(t, d))
			}
		}
	}
	leaks, inflows := 0, 0
	for _, l := range labels {
		switch {
		case l.class == string(esp.TubingLeak):
			leaks++
		case strings.HasPrefix(l.class, "inflow"):
			inflows++
		}
	}
	if len(delays) < leaks {
		t.Fatalf("%d of %d leaks found", len(delays), leaks)
	}
	slices.Sort(delays)
	goal.Exact(t, "field.a-leaks-missed", float64(leaks-len(delays)), "leaks", 0)
	goal.Exact(t, "field.a-leak-delay-median", delays[len(delays)/2].Minutes(), "min", 20)
	goal.Exact(t, "field.a-leak-delay-worst", delays[len(delays)-1].Minutes(), "min", 60)
	goal.Exact(t, "field.a-false-alarms", float64(alarms)/days, "per-well-day", 0.02)
	goal.Exact(t, "field.a-early", float64(early), "findings", 0)
	slices.Sort(dated)
	if len(dated) < inflows {
		t.Fatalf("%d of %d changes of inflow found", len(dated), inflows)
	}
	goal.Exact(t, "field.a-inflow-delay-worst", dated[len(dated)-1].Hours()/24, "days", 2.5)
	t.Logf("%.0f well-days, the pump known to turn in %.0f; changes of inflow found %v after their dates", days, watched, dated)
}

// No well of field B leaks.
func TestFieldBLeaks(t *testing.T) {
	days, watched, leaks, alarms := 0.0, 0.0, 0, 0
	for _, w := range fieldB(t) {
		days += w.days()
		r := w.findings(nil)
		watched += r.watched.Hours() / 24
		for i := range r.found {
			d := &r.found[i]
			if d.Change != esp.Raised || d.Severity == esp.SeverityInfo || d.ID == esp.GaugeFault {
				continue // this field is full of faults of gauge and historian
			}
			alarms++
			if d.ID == esp.TubingLeak {
				leaks++
			}
			t.Logf("%s: %s %s: %s", w.id, d.Time, d.ID, d.Text)
		}
	}
	goal.Exact(t, "field.b-false-leaks", float64(leaks), "leaks", 0)
	goal.Exact(t, "field.b-false-alarms", float64(alarms)/days, "per-well-day", 0.02)
	// Of half of these wells it is not known whether the pump turns, and little is looked for.
	goal.Exact(t, "field.b-false-alarms-watched", float64(alarms)/watched, "per-well-day", 0.02)
	t.Logf("%.0f well-days, the pump known to turn in %.0f", days, watched)
}

// What keeps the leak rule quiet on a recorded well: taken away, its false leak comes
// back.
func TestFieldGuards(t *testing.T) {
	for _, w := range fieldB(t) {
		if w.id != "B23" {
			continue
		}
		r := w.findings(func(e *diagnosis.Engine) *diagnosis.Engine { return e.Without(esp.TubingLeak, "recovering") })
		if r.first(esp.TubingLeak, esp.Raised) == nil {
			t.Errorf("%s: the exclusion taken away, no false leak came back", w.id)
		}
	}
}
