package replay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/replay"
)

func raised(well esp.WellID, id string, after time.Duration, severity esp.Severity) replay.Change {
	at := end.Add(after)
	return replay.Change{Well: well, Time: at, Kind: replay.Diagnosis, ID: id, State: esp.Raised, Severity: severity, Onset: at.Add(-10 * time.Minute)}
}

func TestScore(t *testing.T) {
	labels, err := replay.ReadLabels("labels.csv", strings.NewReader(
		"well,class,onset,stopped\n"+
			"A,tubing_leak,2026-03-01T00:00:00,2026-03-01T06:00:00\n"+
			"B,tubing_leak,2026-03-01T00:00:00,\n"+
			"C,tubing_leak,2026-03-01T00:00:00,2026-03-01T06:00:00\n"+
			"D,inflow_decrease,2026-03-01T00:00:00,\n"+
			"E,normal_speed_change,2026-03-01T00:00:00,\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := replay.NewScore(10, []replay.Change{
		raised("A", "tubing_leak", 20*time.Minute, esp.SeverityNow),
		raised("A", "tubing_leak", 30*time.Minute, esp.SeverityNow),
		raised("B", "tubing_leak", -time.Minute, esp.SeverityNow), // before its onset: early and false
		raised("B", "tubing_leak", 40*time.Minute, esp.SeverityNow),
		raised("C", "tubing_leak", 7*time.Hour, esp.SeverityNow), // after the stop: false
		raised("D", "inflow_decrease", 48*time.Hour, esp.SeverityInfo),
		raised("E", "overload", time.Minute, esp.SeverityToday), // false
		raised("E", "gauge_fault", time.Minute, esp.SeverityPlan),
		raised("E", "inflow_decrease", time.Minute, esp.SeverityInfo),
	}, labels)
	want := []replay.ClassScore{
		{Class: "inflow_decrease", Labels: 1, Hits: 1, MedianDelay: 48 * time.Hour, MaxDelay: 48 * time.Hour, MaxDated: 48*time.Hour - 10*time.Minute},
		{Class: "tubing_leak", Labels: 3, Hits: 2, Early: 1, MedianDelay: 40 * time.Minute, MaxDelay: 40 * time.Minute, MaxDated: 30 * time.Minute},
	}
	if diff := cmp.Diff(want, s.Classes()); diff != "" {
		t.Errorf("classes differ (-want +got):\n%s", diff)
	}
	if len(s.False) != 3 || s.FalsePerDay() != 0.3 {
		t.Errorf("%d false, %v per day: %+v; want 3, 0.3", len(s.False), s.FalsePerDay(), s.False)
	}
}

func TestBadLabels(t *testing.T) {
	for name, tt := range map[string]struct{ text, place string }{
		"header": {"id,class,onset\n", "x.csv:1"},
		"fields": {"well,class,onset\nA,tubing_leak\n", "x.csv:2"},
		"time":   {"well,class,onset\nA,tubing_leak,2026-03-01\nA,tubing_leak,soon\n", "x.csv:3"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := replay.ReadLabels("x.csv", strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.place) {
				t.Errorf("error %v does not name %s", err, tt.place)
			}
		})
	}
}
