package trip_test

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/appliance/trip"
)

// A current that is read five times a second falls 400 ms before the trip is seen; the
// record holds what was before and after, and nothing else.
func TestRecordOfATrip(t *testing.T) {
	layout, err := esp.NewLayout("W", []esp.Column{{Name: "output_current", Device: "drive", Unit: esp.Ampere, Scale: esp.Identity()}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := trip.New(20*time.Second, 5*time.Second)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	observe := func(from, to time.Duration) {
		for d := from; d <= to; d += 200 * time.Millisecond {
			v := 50.0
			if d >= -400*time.Millisecond {
				v = 0
			}
			r.Observe(&esp.Scan{Well: "W", Time: at.Add(d), Layout: layout, Readings: []esp.Reading{{Value: v, Quality: esp.Good}}})
		}
	}
	observe(-time.Minute, 0)
	now, cut := r.Begin(record.Trip{Well: "W", Time: at, Before: esp.Running, State: esp.Tripped})
	if cut != nil || now.Complete || len(now.Signals) != 1 || !now.From.Equal(at.Add(-20*time.Second)) || !now.To.Equal(at) {
		t.Fatalf("at once: %+v, cut %v", now, cut)
	}
	observe(200*time.Millisecond, 4800*time.Millisecond)
	if r.Ends() {
		t.Error("it ends before its time")
	}
	observe(5*time.Second, 6*time.Second)
	whole, ok := r.End()
	if !ok || !whole.Complete || !whole.To.Equal(at.Add(5*time.Second)) || len(whole.Signals[0].Offset) != 126 {
		t.Errorf("whole: %v %v to %s with %d samples", ok, whole.Complete, whole.To, len(whole.Signals[0].Offset))
	}
	if len(whole.Order) != 1 || whole.Order[0] != (record.TripChange{Name: "output_current", Offset: -400, Since: -600, Was: 50}) {
		t.Errorf("order %+v", whole.Order)
	}
	if _, again := r.End(); again {
		t.Error("a record ends twice")
	}
}
