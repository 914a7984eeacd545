package record_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

func TestDiagnosisRoundTrip(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	want := esp.Diagnosis{
		Well: "RB-114", Time: at, ID: esp.GasLock, Change: esp.Raised, Severity: esp.SeverityNow,
		Confidence: esp.Likely, Onset: at.Add(-time.Minute), Title: "Gas lock likely",
		Evidence: []esp.Evidence{{Signal: "motor_current", Unit: esp.Ampere, Value: 12, Baseline: 24, Limit: 16}},
		Steps:    []esp.Step{{Text: "Lower the speed and hold", Who: esp.Engineer}}, Rule: "gas_lock", RuleVersion: 1,
		RunnerUp: esp.BrokenShaft, Separate: "Lower the speed",
	}
	r, err := record.Diagnosis(want)
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != record.KindDiagnosis || r.Well != "RB-114" || !r.Time.Equal(at) || r.Version == 0 {
		t.Errorf("record %+v does not carry kind, well, time and version", r)
	}
	got, err := record.Decode[esp.Diagnosis](r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("diagnosis differs (-want +got):\n%s", diff)
	}
}

// The names are read by headquarters' queries: a change here breaks them.
func TestStableNames(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	r, err := record.Event(esp.Event{Well: "W-1", Time: at, ID: "state_changed", Text: "t", From: esp.Running, To: esp.Tripped})
	if err != nil {
		t.Fatal(err)
	}
	const event = `{"well":"W-1","time":"2026-05-04T12:00:00Z","id":"state_changed","text":"t","from":"running","to":"tripped"}`
	if string(r.Body) != event {
		t.Errorf("event is %s, want %s", r.Body, event)
	}
	r, err = record.Gap(esp.Gap{Well: "W-1", From: at, To: at.Add(time.Minute), Reason: esp.GapApplianceOff, Lost: 60})
	if err != nil {
		t.Fatal(err)
	}
	const gap = `{"well":"W-1","from":"2026-05-04T12:00:00Z","to":"2026-05-04T12:01:00Z","reason":"appliance_off","lost":60}`
	if string(r.Body) != gap {
		t.Errorf("gap is %s, want %s", r.Body, gap)
	}
}

func TestJobNames(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 30, 0, 0, time.UTC)
	r, err := record.Job(record.JobRun{
		Job: "verify", Due: at, Began: at.Add(time.Second), Ended: at.Add(2 * time.Second), Attempt: 1,
		Outcome: record.JobDone, Text: "t", DurationMs: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"job":"verify","due":"2026-05-04T03:30:00Z","began":"2026-05-04T03:30:01Z","ended":"2026-05-04T03:30:02Z","attempt":1,"outcome":"done","text":"t","duration_ms":1000}`
	if string(r.Body) != body || r.Kind != record.KindJob || !r.Time.Equal(at.Add(2*time.Second)) {
		t.Errorf("record %+v with body %s, want %s", r, r.Body, body)
	}
}

func TestDecodeRefusesTheFutureAndGarbage(t *testing.T) {
	for name, r := range map[string]record.Record{
		"newer version": {Kind: record.KindEvent, Seq: 7, Version: 99, Body: []byte(`{}`)},
		"not JSON":      {Kind: record.KindEvent, Seq: 7, Version: 1, Body: []byte(`{`)},
	} {
		if _, err := record.Decode[esp.Event](r); err == nil || !strings.Contains(err.Error(), "7") {
			t.Errorf("%s: error %v does not name the record", name, err)
		}
	}
}
