package clock_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/clock"
)

// machine is a box with a clock that can be set.
type machine struct {
	up     time.Duration
	base   time.Time // the wall clock at the boot
	synced bool
}

func newMachine() *machine { return &machine{up: 10 * time.Second, base: start()} }

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func (m *machine) wall() time.Time { return m.base.Add(m.up) }

func (m *machine) sources() clock.Sources {
	return clock.Sources{
		Wall: m.wall, Uptime: func() time.Duration { return m.up }, Synchronised: func() bool { return m.synced }, Boot: "boot-1",
	}
}

func TestTheTimeIsTheSystemsUntilItIsSet(t *testing.T) {
	m := newMachine()
	m.base = time.Unix(0, 0).UTC() // the clock's battery is dead
	c := clock.New(m.sources(), clock.Setting{})
	if r := c.Read(m.wall()); r.Trust != clock.Free || !r.Time.Equal(m.wall()) {
		t.Errorf("before it was set: %+v", r)
	}
	kept, err := c.Set(start(), clock.Person, "pat")
	if err != nil {
		t.Fatal(err)
	}
	m.up += time.Hour
	m.base = m.base.Add(-time.Minute) // and somebody sets the system's clock
	if r := c.Read(m.wall()); r.Trust != clock.Person || r.By != "pat" || !r.Time.Equal(start().Add(time.Hour)) {
		t.Errorf("an hour after it was set: %+v", r)
	}

	raw, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	var read clock.Setting
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	if got := clock.New(m.sources(), read).Now(); !got.Equal(start().Add(time.Hour)) {
		t.Errorf("after a restart of the program: %v", got)
	}
	other := m.sources()
	other.Boot = "boot-2"
	if got := clock.New(other, read).Now(); !got.Equal(m.wall()) {
		t.Errorf("a setting of another boot was used: %v", got)
	}
}

func TestABetterSourceStands(t *testing.T) {
	m := newMachine()
	c := clock.New(m.sources(), clock.Setting{})
	if _, err := c.Set(start(), clock.Person, "pat"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Set(start(), clock.Centre, ""); !errors.Is(err, clock.ErrBetter) {
		t.Errorf("headquarters over a technician: %v", err)
	}
	if _, err := c.Set(start().Add(time.Second), clock.Person, "kim"); err != nil {
		t.Errorf("a technician over a technician: %v", err)
	}
	m.synced = true
	m.up += 2 * time.Second
	if r := c.Read(m.wall()); r.Trust != clock.Synchronised || !r.Time.Equal(m.wall()) {
		t.Errorf("synchronised: %+v", r)
	}
	if _, err := c.Set(start(), clock.Person, "pat"); !errors.Is(err, clock.ErrBetter) {
		t.Errorf("a technician over a time service: %v", err)
	}
}

// writer stores scans as an appliance does: their numbers, and their stamps by the
// clock. truth is the true time of each.
type writer struct {
	machine  *machine
	clock    *clock.Clock
	timeline clock.Timeline
	truth    []time.Time
	stamps   []time.Time
}

func newWriter() *writer {
	m := newMachine()
	return &writer{machine: m, clock: clock.New(m.sources(), clock.Setting{})}
}

// scan goes on a second and stores a scan, with the corrections that it brings.
func (w *writer) scan() (step time.Duration, corrections []clock.Correction) {
	w.machine.up += time.Second
	r := w.clock.Read(w.machine.wall())
	step = w.timeline.Step(r)
	w.truth = append(w.truth, start().Add(w.machine.up))
	w.stamps = append(w.stamps, r.Time)
	_, corrections = w.timeline.Note(r, 1, uint64(len(w.stamps)))
	for _, c := range corrections {
		for n := c.First; n <= c.Last; n++ {
			w.stamps[n-1] = w.stamps[n-1].Add(c.Offset)
		}
	}
	return step, corrections
}

func (w *writer) scans(n int) {
	for range n {
		w.scan()
	}
}

// worst is how far the stamps are from the truth.
func (w *writer) worst() time.Duration {
	var most time.Duration
	for i := range w.stamps {
		most = max(most, w.stamps[i].Sub(w.truth[i]).Abs())
	}
	return most
}

func TestStampsBeforeTheTimeWasKnownAreCorrected(t *testing.T) {
	w := newWriter()
	w.machine.base = time.Unix(0, 0).UTC()
	w.scans(100)
	w.machine.base, w.machine.synced = start(), true
	step, got := w.scan()
	if step != start().Sub(time.Unix(0, 0)) {
		t.Errorf("the step is %v", step)
	}
	want := []clock.Correction{{Epoch: 1, First: 1, Last: 100, Offset: start().Sub(time.Unix(0, 0)), Trust: clock.Synchronised}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.scans(10)
	if d := w.worst(); d != 0 {
		t.Errorf("a stamp is wrong by %v after the corrections", d)
	}
}

func TestATechnicianIsCorrectedByATimeService(t *testing.T) {
	w := newWriter()
	w.machine.base = start().Add(-3 * time.Hour)
	w.scans(10)
	if _, err := w.clock.Set(start().Add(w.machine.up).Add(40*time.Second), clock.Person, "pat"); err != nil {
		t.Fatal(err)
	}
	_, got := w.scan()
	if len(got) != 1 || got[0].By != "pat" || got[0].Offset != 3*time.Hour+40*time.Second {
		t.Errorf("set by a technician: %+v", got)
	}
	w.scans(10)
	w.machine.base, w.machine.synced = start(), true
	w.machine.up += 5 * time.Second // the system is asked once a second
	w.scans(5)
	if d := w.worst(); d != 0 {
		t.Errorf("a stamp is wrong by %v in the end", d)
	}
}

// A clock that ran free after it was kept is wrong by what it drifted, the last of it
// most: shifting all of it would make the first wrong.
func TestDriftIsNotAStep(t *testing.T) {
	w := newWriter()
	w.machine.synced = true
	w.scans(10)
	w.machine.synced = false
	for range 3600 {
		w.machine.base = w.machine.base.Add(time.Millisecond)
		if step, _ := w.scan(); step != 0 {
			t.Fatalf("a drift gave a step of %v", step)
		}
	}
	w.machine.base, w.machine.synced = start(), true
	w.scans(3)
	if d := w.worst(); d > 4*time.Second {
		t.Errorf("a stamp is wrong by %v", d)
	}
	if w.stamps[10].Sub(w.truth[10]).Abs() > 10*time.Millisecond {
		t.Error("the first stamp after the service was lost was shifted")
	}
}

// A clock that was slewed, by up to half a millisecond a second, was not set.
func TestSlewingIsNoStep(t *testing.T) {
	w := newWriter()
	w.machine.base, w.machine.synced = start(), true
	for range 5000 {
		w.machine.base = w.machine.base.Add(500 * time.Microsecond)
		if step, c := w.scan(); step != 0 || c != nil {
			t.Fatalf("step %v, corrections %v", step, c)
		}
	}
	if len(w.timeline.Segments) != 1 {
		t.Errorf("%d segments", len(w.timeline.Segments))
	}
}

// Whatever was set and by how much, the last and best word makes all stamps of the
// boot right, in any number of steps, with the program restarted on the way.
func TestAnySteps(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWriter()
		for range r.IntN(20) {
			w.machine.base = start().Add(time.Duration(r.Int64N(int64(400*24*time.Hour))) - 200*24*time.Hour)
			w.scans(1 + r.IntN(30))
			if r.IntN(3) == 0 {
				kept, err := json.Marshal(w.timeline)
				if err != nil {
					t.Fatal(err)
				}
				w.timeline = clock.Timeline{}
				if err := json.Unmarshal(kept, &w.timeline); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.machine.base, w.machine.synced = start(), true
		w.machine.up += time.Second
		w.scans(5)
		if d := w.worst(); d >= time.Second {
			t.Errorf("seed %d: a stamp is wrong by %v after all", seed, d)
		}
	}
}

func TestTrustNames(t *testing.T) {
	for trust := clock.Free; trust <= clock.Synchronised; trust++ {
		text, err := trust.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back clock.Trust
		if err := back.UnmarshalText(text); err != nil || back != trust {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	var none clock.Trust
	if err := none.UnmarshalText([]byte("moon")); err == nil {
		t.Error("moon was taken")
	}
}

func TestSystem(t *testing.T) {
	from := clock.System()
	first := from.Uptime()
	if first <= 0 || from.Uptime() < first {
		t.Errorf("uptime %v", first)
	}
	if from.Boot == "" {
		t.Error("the boot has no name")
	}
	from.Synchronised() // whatever it says here
	if d := time.Since(clock.New(from, clock.Setting{}).Now()).Abs(); d > time.Minute {
		t.Errorf("the system's clock is off by %v from itself", d)
	}
}
