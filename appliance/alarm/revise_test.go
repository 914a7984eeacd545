package alarm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/alarm"
	"wellkeeper.internal/appliance/esp"
)

// What a change of the limits does to an alarm that is active, and to one that is on
// its way.
func TestSetLimits(t *testing.T) {
	low := esp.Limit{Signal: esp.IntakePressure, Value: 3000, Deadband: 100, Delay: 30 * time.Second, OffDelay: 10 * time.Second, Priority: 2}
	other := func(change func(*esp.Limit)) esp.Limit {
		l := low
		change(&l)
		return l
	}
	tests := []struct {
		name   string
		after  int // scans of a second at 2900 kPa before the change
		limits []esp.Limit
		value  float64 // for a minute after it
		want   []string
	}{
		{"the same while it counts", 20, []esp.Limit{low}, 2900, []string{"10 intake_pressure_low raised unacknowledged 3000"}},
		{
			"a new one beside it while it counts", 20,
			[]esp.Limit{low, {Signal: esp.IntakePressure, High: true, Value: 9000, Priority: 1}},
			2900,
			[]string{"10 intake_pressure_low raised unacknowledged 3000"},
		},
		{
			"another value while it counts", 20,
			[]esp.Limit{other(func(l *esp.Limit) { l.Value = 2950 })},
			2900,
			[]string{"30 intake_pressure_low raised unacknowledged 2950"},
		},
		{"gone while it is active", 40, nil, 2900, []string{"-1 intake_pressure_low cleared normal 3000"}},
		{
			"another value that still holds", 40,
			[]esp.Limit{other(func(l *esp.Limit) { l.Value = 2950 })},
			2900,
			[]string{"-1 intake_pressure_low updated unacknowledged 2950"},
		},
		{
			"another value that holds no more", 40,
			[]esp.Limit{other(func(l *esp.Limit) { l.Value = 2000 })},
			2900,
			[]string{"-1 intake_pressure_low updated unacknowledged 2000", "10 intake_pressure_low cleared returned_unacknowledged 2000"},
		},
		{
			"another priority", 40,
			[]esp.Limit{other(func(l *esp.Limit) { l.Priority = 1 })},
			2900,
			[]string{"-1 intake_pressure_low updated unacknowledged 3000"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layout, err := esp.NewLayout("W", []esp.Column{{
				Name: "intake_pressure", Signal: esp.IntakePressure, Device: "gauge", Unit: esp.KPa, Scale: esp.Identity(),
			}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := alarm.New(alarm.Config{Well: "W", Limits: []esp.Limit{low}})
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			scan := func(v float64) []esp.Alarm {
				at = at.Add(time.Second)
				return m.Observe(&esp.Scan{Well: "W", Time: at, Layout: layout, Readings: []esp.Reading{{Value: v, Quality: esp.Good}}}, esp.Running, nil)
			}
			for range tt.after {
				scan(2900)
			}
			var got []string
			note := func(i int, changes []esp.Alarm) {
				for _, a := range changes {
					got = append(got, told(i, &a))
				}
			}
			note(-1, m.SetLimits(tt.limits))
			for i := range 60 {
				note(i, scan(tt.value))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes differ (-want +got):\n%s", diff)
			}
		})
	}
}

// told is a change in a line: after how many scans, what, and the limit told.
func told(after int, a *esp.Alarm) string {
	return fmt.Sprintf("%d %s %s %s %g", after, a.ID, a.Change, a.State, float64(a.Limit))
}
