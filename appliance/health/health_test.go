package health_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/health"
)

// epoch is when the tests begin, whatever the clock of the machine says.
var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// box is a made-up appliance: everything is well until a test says otherwise. It lives
// in a bubble of synctest.
type box struct {
	t       *testing.T
	offset  time.Duration
	mu      sync.Mutex // guards change
	change  func(*health.Facts)
	monitor *health.Monitor
	told    []string
	began   time.Time
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, offset: time.Until(epoch)}
	b.began = b.now()
	b.monitor = health.NewMonitor(b.facts)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.monitor.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

func (b *box) now() time.Time { return time.Now().Add(b.offset) }

// healthy are facts in which nothing is wrong.
func healthy(now, began time.Time) *health.Facts {
	polls := uint64(now.Sub(began) / time.Second)
	device := func(id, kind string) health.Device {
		return health.Device{
			ID: esp.DeviceID(id), Kind: kind, Period: time.Second, Answers: true, LastOK: now.Round(0), Polls: 1 + polls,
			Errors: map[esp.Reason]uint64{}, Good: 1 + polls, Took: time.Duration(polls) * 20 * time.Millisecond,
			P50: 20 * time.Millisecond, P95: 30 * time.Millisecond,
		}
	}
	return &health.Facts{
		Time: now, Up: now.Sub(began), Started: began, Version: "1.2.3",
		Wells: []health.Well{{
			ID: "RB-114", State: esp.Running, Patience: 10 * time.Second, Scan: now.Round(0), Handled: now,
			Devices: []health.Device{device("drive", "drive"), device("gauge", "gauge")},
		}},
		Store: health.Store{
			Looked: now, LastCommit: now.Round(0), CommitEvery: 5 * time.Second, DiskFree: 60e9, DiskTotal: 100e9, DaysLeft: 412,
			Wells: []health.StoredWell{{ID: "RB-114", Scans: polls, Pending: 3, Newest: now.Round(0), Durable: now.Round(0).Add(-3 * time.Second)}},
		},
		Uplink:      &health.Uplink{State: "idle", LastSuccess: now.Round(0), Errors: map[string]uint64{}},
		Process:     health.Process{Memory: 40e6, Limit: 128e6},
		Certificate: now.Add(365 * 24 * time.Hour),
	}
}

func (b *box) facts() *health.Facts {
	f := healthy(b.now(), b.began)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.change != nil {
		b.change(f)
	}
	return f
}

// run lets time pass under a change of the facts; nil heals everything.
func (b *box) run(d time.Duration, change func(*health.Facts)) *box {
	b.t.Helper()
	b.mu.Lock()
	b.change = change
	b.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
	for _, c := range b.monitor.Changes() {
		word := "raised"
		if c.Ended {
			word = "cleared"
		}
		b.told = append(b.told, fmt.Sprintf("%v %s %s", c.Time.Sub(b.began), word, c.Condition.Kind.Code))
		if c.Sentence() == "" {
			b.t.Errorf("change without a sentence: %+v", c)
		}
	}
	return b
}

// codes are the conditions that stand, as "code subject".
func (b *box) codes() []string {
	var out []string
	for _, c := range b.monitor.Report().Conditions {
		out = append(out, string(c.Kind.Code)+" "+c.Subject.String())
		if c.Text == "" || c.Kind.Action == "" || c.Since.IsZero() || c.Since.After(b.now()) {
			b.t.Errorf("condition %+v", c)
		}
	}
	return out
}

func device(f *health.Facts, id string) *health.Device {
	for i := range f.Wells[0].Devices {
		if d := &f.Wells[0].Devices[i]; string(d.ID) == id {
			return d
		}
	}
	return nil
}

// Each condition of the catalogue is found alone, in time, from its facts; it is gone
// when they are, and what comes near does not raise it.
func TestConditions(t *testing.T) {
	tested := map[string]bool{"clock_stepped": true, "checks_stalled": true} // in tests of their own
	for _, c := range findings() {
		code, _, _ := cut(c.code)
		tested[code] = true
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t)
				b.run(c.wait+time.Second, func(f *health.Facts) { c.change(b, f) })
				if diff := cmp.Diff([]string{c.code}, b.codes()); diff != "" {
					t.Errorf("conditions (-want +got):\n%s", diff)
				}
				if got := b.monitor.Report().Status; got != c.status {
					t.Errorf("status %s, want %s", got, c.status)
				}
				b.run(2*time.Hour, nil)
				if got := b.codes(); got != nil {
					t.Errorf("after it was cured: %v", got)
				}
				if len(b.told) != 2 {
					t.Errorf("told %v, want one beginning and one end", b.told)
				}
			})
			if c.near == nil {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t)
				b.run(max(c.wait, 10*time.Second)+time.Second, func(f *health.Facts) { c.near(b, f) })
				if got := b.codes(); got != nil {
					t.Errorf("nearly: %v", got)
				}
			})
		})
	}
	for _, k := range health.Catalogue() {
		if !tested[string(k.Code)] {
			t.Errorf("%s has no test", k.Code)
		}
	}
}

func cut(s string) (before, after string, ok bool) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func TestNothingIsWrongWithAHealthyBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t).run(3*time.Hour, nil)
		if got := b.codes(); got != nil || len(b.told) != 0 || b.monitor.Report().Status != health.OK {
			t.Errorf("conditions %v, told %v, status %s", got, b.told, b.monitor.Report().Status)
		}
	})
}

func TestCatalogueIsComplete(t *testing.T) {
	var codes []string
	for _, k := range health.Catalogue() {
		codes = append(codes, string(k.Code))
		if k.Means == "" || k.Action == "" || k.Who == "" || k.Severity == "" {
			t.Errorf("row %+v lacks something", k)
		}
		if k.Severity == esp.SeverityInfo && (k.Failing || k.Banner) {
			t.Errorf("%s is information and asks for somebody", k.Code)
		}
	}
	for _, k := range health.Catalogue() {
		for _, code := range k.Behind {
			if !slices.Contains(codes, string(code)) {
				t.Errorf("%s stands behind %s, which does not exist", k.Code, code)
			}
		}
	}
	slices.Sort(codes)
	if n := len(slices.Compact(slices.Clone(codes))); n != len(codes) {
		t.Errorf("codes stand twice: %v", codes)
	}
}

// The time since is that of the last good answer, and stays while the condition does.
func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t).run(time.Minute, nil)
		last := b.now().Round(0)
		dead := func(f *health.Facts) { d := device(f, "gauge"); d.Answers, d.LastOK = false, last }
		for range 3 {
			b.run(time.Minute, dead)
			if c := b.monitor.Report().Conditions; len(c) != 1 || !c[0].Since.Equal(last) {
				t.Errorf("conditions %+v, want one since %v", c, last)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // without such a fact, since it was first found
		b := newBox(t).run(time.Minute, nil)
		full := func(f *health.Facts) { f.Store.Full = true }
		b.run(time.Second, full)
		since := b.monitor.Report().Conditions[0].Since
		b.run(time.Hour, full)
		if c := b.monitor.Report().Conditions; len(c) != 1 || !c[0].Since.Equal(since) || since.Sub(b.began) < time.Minute {
			t.Errorf("since %v and then %v", since, c[0].Since)
		}
	})
}

// A flutter neither shows nor is told, a condition that comes and goes is told once in
// ten minutes, and every beginning that was told gets its end.
func TestFlutter(t *testing.T) {
	dead := func(f *health.Facts) { device(f, "drive").Answers = false }
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		for range 20 {
			b.run(8*time.Second, dead).run(8*time.Second, nil)
		}
		if b.told != nil {
			t.Errorf("told %v", b.told)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		for range 30 {
			b.run(20*time.Second, dead).run(20*time.Second, nil)
		}
		want := []string{"11s raised device_silent", "25s cleared device_silent", "10m11s raised device_silent", "10m25s cleared device_silent"}
		if len(b.told) != 4 {
			t.Errorf("told %v, want as %v", b.told, want)
		}
	})
}

// What explains another hides it.
func TestExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t).run(time.Minute, func(f *health.Facts) {
			f.Store.Full, f.Store.DiskFree = true, 0
			f.Store.LastCommit = epoch.Add(-time.Hour)
		})
		if diff := cmp.Diff([]string{"disk_full storage"}, b.codes()); diff != "" {
			t.Errorf("conditions (-want +got):\n%s", diff)
		}
	})
}

// A level is left only clearly below it.
func TestLevelHasHysteresis(t *testing.T) {
	at := func(percent float64) func(*health.Facts) {
		return func(f *health.Facts) { f.Store.DiskFree = uint64((100 - percent) * 1e9) }
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t).run(time.Minute, at(80.1)).run(10*time.Minute, at(79.2))
		if len(b.codes()) != 1 {
			t.Errorf("conditions %v at 79.2 %%", b.codes())
		}
		if b.run(5*time.Minute, at(78.9)); b.codes() != nil {
			t.Errorf("conditions %v at 78.9 %%", b.codes())
		}
	})
}

// The clock is compared with the monotonic one; a step back does not end a condition or
// set its time into the future.
func TestClockStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		var step time.Duration
		stepped := func(f *health.Facts) { f.Time = f.Time.Add(-step) }
		b.run(time.Minute, stepped)
		step = time.Hour
		b.run(time.Minute, stepped)
		c := b.monitor.Report().Conditions
		if len(c) != 2 || c[0].Kind.Code != "clock_behind" || c[1].Kind.Code != "clock_stepped" || c[1].Text != "The clock was set back by 1 h 0 min." {
			t.Fatalf("conditions %+v", c)
		}
	})
}

// A well that never begins is told like one that stops, and one that is added or whose
// past is made has its time.
func TestWellThatNeverBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t).run(time.Hour, nil)
		added := func(filling bool) func(*health.Facts) {
			return func(f *health.Facts) {
				f.Wells = append(f.Wells, health.Well{ID: "RB-115", Patience: 10 * time.Second, Filling: filling})
			}
		}
		if b.run(time.Hour, added(true)).codes() != nil || b.run(38*time.Second, added(false)).codes() != nil {
			t.Errorf("told too early: %v", b.codes())
		}
		if diff := cmp.Diff([]string{"well_stalled RB-115"}, b.run(15*time.Second, added(false)).codes()); diff != "" {
			t.Errorf("conditions (-want +got):\n%s", diff)
		}
	})
}

// Asking never waits: not for facts that do not come, and it says that they are old.
func TestMonitorThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		looks, began := 0, time.Now()
		m := health.NewMonitor(func() *health.Facts {
			if looks++; looks > 5 {
				<-release
			}
			return healthy(time.Now(), began)
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		has := func() bool {
			return slices.ContainsFunc(m.Report().Conditions, func(c health.Condition) bool { return c.Kind.Code == "checks_stalled" })
		}
		time.Sleep(9 * time.Second)
		if has() {
			t.Error("called old after 5 s")
		}
		time.Sleep(10 * time.Second)
		if !has() || m.Report().Status == health.OK {
			t.Errorf("not called old after 15 s: %+v", m.Report())
		}
		close(release)
		time.Sleep(2 * time.Second)
		if has() {
			t.Error("still called old")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
