package diagnosis_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// turning is when something begins in the tests of restarts: later than an engine that
// was started then could remember the beginning.
const turning = diagnosis.Memory + 12*time.Hour

// flowing: the well gives more or less, by so many kPa a day at the intake.
func flowing(perDay float64) script {
	return func(at time.Duration, v values, _ *rand.Rand) {
		if at >= turning {
			v["intake_pressure"] += perDay * (at - turning).Hours() / 24
		}
	}
}

// opened: the tubing opens after days.
func opened(at time.Duration, v values, rng *rand.Rand) {
	leak(at-turning+later, v, rng)
}

// afterRestart plays a script to an engine that was not there before `stop`, relives what
// it can remember, misses `away` and goes on; with stop 0 it never stopped. It gives
// what was open at the stop and what was raised or cleared after it.
func afterRestart(t *testing.T, s script, stop, last time.Duration) (open, found []esp.Diagnosis) {
	t.Helper()
	const away = 10 * time.Minute
	st := newStream(t, 3, columns, s)
	st.step = 2 * time.Minute
	gate := diagnosis.NewGate(st.layout)
	e := diagnosis.New(wellOf(facts))
	begin := max(0, stop-diagnosis.Memory)
	for st.at < last {
		at := st.at
		scan := st.next()
		gate.Grade(scan) // what was stored was graded by who ran before
		if at < begin || (at > stop && at <= stop+away && stop > 0) {
			continue
		}
		out := e.Observe(scan)
		if at <= stop {
			open = e.Open()
			continue
		}
		for _, d := range out.Diagnoses {
			if d.Change != esp.Updated {
				found = append(found, d)
			}
		}
	}
	return open, found
}

// An engine that relives what it can remember has the same findings open as one that
// never stopped and raises the same ones next, those of the inflow too, which need days.
func TestRestartChangesNothing(t *testing.T) {
	const before, after = -30 * time.Minute, time.Hour // the finding is raised
	tests := []struct {
		name   string
		script script
		want   esp.DiagnosisID
		stops  []time.Duration
	}{
		{"inflow falls", flowing(-180), esp.InflowDecrease, []time.Duration{before, after}},
		{"inflow rises", flowing(180), esp.InflowIncrease, []time.Duration{before}},
		{"leak", opened, esp.TubingLeak, []time.Duration{after}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raised := func(d esp.Diagnosis) bool { return d.ID == tt.want && d.Change == esp.Raised }
			_, whole := afterRestart(t, tt.script, 0, turning+2*24*time.Hour)
			i := slices.IndexFunc(whole, raised)
			if i < 0 {
				t.Fatalf("%s was not raised without a stop: %s", tt.want, changes(whole))
			}
			at := whole[i].Time.Sub(epoch)
			whole = whole[:i+1]
			for _, stop := range tt.stops {
				open, found := afterRestart(t, tt.script, at+stop, at+3*time.Hour)
				checkRestart(t, whole, at+stop, open, found)
			}
		})
	}
}

// checkRestart compares what an engine that was stopped has open and told afterwards with
// what one told that was not.
func checkRestart(t *testing.T, whole []esp.Diagnosis, stop time.Duration, open, found []esp.Diagnosis) {
	t.Helper()
	var stays []esp.DiagnosisID
	var next []esp.Diagnosis
	for _, d := range whole {
		switch {
		case d.Time.Sub(epoch) > stop:
			next = append(next, d)
		case d.Change == esp.Raised:
			stays = append(stays, d.ID)
		default:
			stays = slices.DeleteFunc(stays, func(id esp.DiagnosisID) bool { return id == d.ID })
		}
	}
	var ids []esp.DiagnosisID
	for _, d := range open {
		ids = append(ids, d.ID)
	}
	slices.Sort(stays)
	slices.Sort(ids)
	if diff := cmp.Diff(stays, ids); diff != "" {
		t.Errorf("open after a restart at %s (-never stopped +restarted):\n%s", stop, diff)
	}
	if diff := cmp.Diff(changes(next), changes(found)); diff != "" {
		t.Errorf("told after a restart at %s (-never stopped +restarted):\n%s", stop, diff)
		return
	}
	for i := range next {
		if off := found[i].Time.Sub(next[i].Time); off.Abs() > time.Hour {
			t.Errorf("%s %s is told %s later after a restart at %s", found[i].Change, found[i].ID, off, stop)
		}
	}
}

// changes lists changes as "raised gas_lock".
func changes(list []esp.Diagnosis) string {
	var s []string
	for i := range list {
		s = append(s, fmt.Sprintf("%s %s", list[i].Change, list[i].ID))
	}
	return strings.Join(s, ", ")
}
