package command_test

import (
	"slices"
	"testing"
	"time"

	"wellkeeper.internal/modbus/sim"
)

// occurrence is a diagnosis as the API tells it.
type occurrence struct {
	Rule      string     `json:"rule"`
	Severity  string     `json:"severity"`
	Timestamp time.Time  `json:"timestamp"`
	Resolved  *time.Time `json:"resolution_time"`
	Text      string     `json:"text"`
	Actions   []string   `json:"actions"`
	Evidence  []struct {
		Value *float64 `json:"value"`
	} `json:"evidence"`
}

// Each scenario of the demo shows what its name says: its diagnosis stands open above
// all others, with evidence and a first step, and nothing was found before its onset.
func TestDemoWalksAllScenarios(t *testing.T) {
	for _, s := range sim.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, "demo", "--listen", "127.0.0.1:0", "--scenario", s.Name)
			onset := time.Now().Add(-s.Since)
			atPresent(t, p)
			var found struct {
				Diagnostics []occurrence `json:"diagnostics"`
			}
			if !p.get("/api/v1/diagnostics/wells/RB-114/history?limit=100", &found) {
				t.Fatal("no history of diagnoses")
			}
			if len(s.Expect) == 0 {
				if len(found.Diagnostics) > 0 {
					t.Errorf("found %+v, want nothing", found.Diagnostics)
				}
				return
			}
			for _, d := range found.Diagnostics {
				if d.Timestamp.Before(onset.Add(-time.Minute)) {
					t.Errorf("%s was found at %v, before the onset at %v", d.Rule, d.Timestamp, onset)
				}
			}
			stands(t, found.Diagnostics, string(s.Expect[0]))
		})
	}
}

// atPresent waits until the past is there and the well is live.
func atPresent(t *testing.T, p *program) {
	t.Helper()
	begin := time.Now()
	await(t, "the present", 4*time.Minute, func() bool {
		var newest struct {
			Telemetry struct {
				Timestamp time.Time `json:"timestamp"`
			} `json:"telemetry"`
		}
		return p.get("/api/v1/telemetry/wells/RB-114/latest", &newest) &&
			newest.Telemetry.Timestamp.After(begin) && time.Since(newest.Telemetry.Timestamp) < 3*time.Second
	})
}

// stands checks that a diagnosis is open, complete, and that none above it is.
func stands(t *testing.T, all []occurrence, want string) {
	t.Helper()
	order := []string{"critical", "high", "medium", "low", "info"}
	i := slices.IndexFunc(all, func(d occurrence) bool { return d.Rule == want && d.Resolved == nil })
	if i < 0 {
		t.Fatalf("%s is not open; found %+v", want, all)
	}
	for _, d := range all {
		if d.Resolved == nil && slices.Index(order, d.Severity) < slices.Index(order, all[i].Severity) {
			t.Errorf("%s (%s) stands above %s (%s)", d.Rule, d.Severity, want, all[i].Severity)
		}
	}
	if d := all[i]; d.Text == "" || len(d.Actions) == 0 || len(d.Evidence) == 0 || d.Evidence[0].Value == nil {
		t.Errorf("%s is told without a sentence, a step or numbers: %+v", want, d)
	}
}
