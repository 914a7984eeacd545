package appliance_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// While the stored past is relived the drive is read, stored and shown; what was read
// meanwhile is judged afterwards as of its own time, once.
func TestTheDriveIsReadWhileThePastIsRelived(t *testing.T) {
	p := newPad(t)
	limit := func(signal string, delay time.Duration) func(*config.Config) {
		return func(c *config.Config) {
			c.Wells[0].Limits = []config.Limit{{
				Signal: signal, Low: &config.Quantity{Value: 1e6}, Delay: delay, Priority: 2, WhenRunning: new(false),
			}}
		}
	}
	first := start(t, appliance.Options{Config: p.config(1, limit("intake_pressure", 100*time.Millisecond))})
	first.polled("W-1", time.Now().Add(time.Second))
	first.stop()
	if diff := cmp.Diff([]esp.Change{esp.Raised}, alarms(t, p.data, "intake_pressure_low")); diff != "" {
		t.Fatalf("alarm before the restart differs (-want +got):\n%s", diff)
	}

	// The limit is another now. That the first alarm is over is the last thing that is
	// written of the past: it is held up.
	const delay = 3 * time.Second
	app, err := appliance.New(t.Context(), appliance.Options{Config: p.config(1, limit("motor_current", delay))})
	if err != nil {
		t.Fatal(err)
	}
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	app.HoldRecords(func() {
		once.Do(func() { close(reached) })
		<-release
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	begun := time.Now()
	go func() { done <- app.Run(ctx) }()
	r := &running{t: t, app: app, url: app.URL()[:len(app.URL())-1]}
	select {
	case <-reached:
	case <-time.After(time.Minute):
		t.Fatal("the past was not relived")
	}
	r.polled("W-1", begun.Add(delay+2*time.Second))
	released := time.Now()
	close(release)
	r.polled("W-1", released.Add(time.Second))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]esp.Change{esp.Raised, esp.Cleared}, alarms(t, p.data, "intake_pressure_low")); diff != "" {
		t.Errorf("the old alarm differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]esp.Change{esp.Raised}, alarms(t, p.data, "motor_current_low")); diff != "" {
		t.Errorf("the alarm of the time that waited differs (-want +got):\n%s", diff)
	}
	checkWaited(t, p.data, begun, released)
}

// checkWaited looks for the readings of the time that scans waited, and for when the
// alarm of that time is dated.
func checkWaited(t *testing.T, data string, begun, released time.Time) {
	t.Helper()
	store, done := openStore(t, data)
	defer done()
	scans := 0
	for row, err := range store.Range(t.Context(), storage.Query{Well: "W-1", From: begun, To: released}) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Readings[0].Quality.Usable() {
			scans++
		}
	}
	if want := int(released.Sub(begun) / pollEvery * 3 / 4); scans < want {
		t.Errorf("%d scans were stored while the past was relived, want at least %d", scans, want)
	}
	for r, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindAlarm}}) {
		if err != nil {
			t.Fatal(err)
		}
		a, err := record.Decode[esp.Alarm](r)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID == "motor_current_low" && (a.Time.Before(begun) || a.Time.After(released)) {
			t.Errorf("the alarm is dated %s, want between %s and %s", a.Time, begun, released)
		}
	}
}
