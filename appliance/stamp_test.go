package appliance_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/clock"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// A technician sets a clock that nobody keeps two hours ahead, wrongly; the program is
// restarted, and then a time service begins to keep the clock.
func TestTheClockIsSetWhileItRuns(t *testing.T) {
	data := t.TempDir()
	const ahead = 2 * time.Hour
	var synced atomic.Bool
	boot := time.Now()
	sources := clock.Sources{
		Wall: time.Now, Uptime: func() time.Duration { return time.Since(boot) + time.Minute },
		Synchronised: synced.Load, Boot: "this one",
	}
	begin := func() *running { return start(t, appliance.Options{Config: testConfig(t, data), Clock: sources}) }
	r := begin()
	r.stored(3)
	if err := r.app.SetClock(time.Now().Add(ahead), clock.Person, "pat"); err != nil {
		t.Fatal(err)
	}
	r.stored(6)
	r.stop()
	r = begin()
	r.stored(8)
	if err := r.app.SetClock(time.Now(), clock.Centre, ""); !errors.Is(err, clock.ErrBetter) {
		t.Errorf("headquarters' time over a technician's: %v", err)
	}
	r.stop()
	if n := stamped(t, data, ahead); n < 8 {
		t.Errorf("%d scans are two hours ahead, want all: the technician's word holds for those before it too", n)
	}

	r = begin()
	synced.Store(true)
	r.stored(12)
	r.stop()
	if n := stamped(t, data, 0); n < 12 {
		t.Errorf("%d scans have the time that the service gives, want all", n)
	}
}

// stored waits until the store has so many scans.
func (r *running) stored(rows uint64) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if r.app.LastScan("W-1") >= rows {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d scans after a minute, want %d", r.app.LastScan("W-1"), rows)
		}
	}
}

// stamped reads the stopped box's store: all scans must be ahead of the present by as
// much, within two minutes, and in order.
func stamped(t *testing.T, data string, ahead time.Duration) int {
	t.Helper()
	store, done := openStore(t, data)
	defer done()
	n := 0
	var last uint64
	for row, err := range store.Range(t.Context(), storage.Query{Well: "W-1"}) {
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(row.Time) - ahead; d.Abs() > 2*time.Minute {
			t.Errorf("scan %d is of %v, %v from where it should be", row.Seq, row.Time, d)
		}
		if row.Seq <= last {
			t.Errorf("scan %d stands after scan %d", row.Seq, last)
		}
		last = row.Seq
		n++
	}
	told := 0
	for rec, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindClockCorrection}}) {
		if err != nil {
			t.Fatal(err)
		}
		c, err := record.Decode[record.ClockCorrection](rec)
		if err != nil || c.Well != "W-1" || c.OffsetMs == 0 || c.Source == "" {
			t.Errorf("record %+v, %v", c, err)
		}
		told++
	}
	if told == 0 {
		t.Error("no record tells of a correction")
	}
	events := 0
	for rec, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindEvent}}) {
		if e, bad := record.Decode[esp.Event](rec); err == nil && bad == nil && e.ID == "clock_changed" {
			events++
		}
	}
	if events == 0 {
		t.Error("no event tells that the clock was set")
	}
	return n
}

// Whose word the time is can be asked.
func TestClockIsTold(t *testing.T) {
	boot := time.Now()
	r := start(t, appliance.Options{Config: testConfig(t, t.TempDir()), Clock: clock.Sources{
		Wall: time.Now, Uptime: func() time.Duration { return time.Since(boot) }, Synchronised: func() bool { return false }, Boot: "b",
	}})
	var told struct {
		Source, By string
		Offset     float64 `json:"offset_seconds"`
	}
	r.get("/api/v1/clock", &told)
	if told.Source != "free" || told.Offset != 0 {
		t.Errorf("before it was set: %+v", told)
	}
	if err := r.app.SetClock(time.Now().Add(time.Hour), clock.Person, "pat"); err != nil {
		t.Fatal(err)
	}
	r.get("/api/v1/clock", &told)
	if told.Source != "technician" || told.By != "pat" || told.Offset < 3599 || told.Offset > 3601 {
		t.Errorf("set by a technician: %+v", told)
	}
}
