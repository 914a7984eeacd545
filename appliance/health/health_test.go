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

// finding is a case of the catalogue: what must be found, and the nearest that must not.
type finding struct {
	code   string // with its subject
	status health.Status
	wait   time.Duration // until it must stand
	change func(b *box, f *health.Facts)
	near   func(b *box, f *health.Facts) // must find nothing
}

func (b *box) minutes(f *health.Facts) uint64 { return uint64(f.Time.Sub(b.began) / time.Minute) }

func findings() []finding {
	return append(append(pollingFindings(), storeFindings()...), append(uplinkFindings(), boxFindings()...)...)
}

func pollingFindings() []finding {
	return []finding{
		{
			"device_silent RB-114/gauge", health.Degraded, 12 * time.Second,
			func(_ *box, f *health.Facts) {
				d := device(f, "gauge")
				d.Answers, d.LastText = false, "timeout: no answer"
			},
			func(_ *box, f *health.Facts) { d := device(f, "gauge"); d.Answers, d.Polls = false, 0 }, // not asked so far
		},
		{
			"device_without_values RB-114/drive", health.Degraded, 25 * time.Second,
			func(b *box, f *health.Facts) { device(f, "drive").LastOK = b.began.Round(0) },
			func(_ *box, f *health.Facts) { d := device(f, "drive"); d.LastOK = d.LastOK.Add(-9 * time.Second) },
		},
		{
			"points_unsupported RB-114/drive", health.OK, 62 * time.Second,
			func(_ *box, f *health.Facts) { device(f, "drive").Unsupported = []string{"torque"} },
			func(_ *box, f *health.Facts) { device(f, "drive").Unsupported = nil },
		},
		{
			"line_noisy RB-114/drive", health.Degraded, 30 * time.Minute,
			func(b *box, f *health.Facts) { device(f, "drive").Errors[esp.BadFrame] = b.minutes(f) },
			func(b *box, f *health.Facts) { device(f, "drive").Errors[esp.BadFrame] = b.minutes(f) / 3 },
		},
		{
			"polls_missed RB-114/drive", health.Degraded, 30 * time.Minute,
			func(b *box, f *health.Facts) { device(f, "drive").Missed = b.minutes(f) },
			func(b *box, f *health.Facts) { device(f, "drive").Missed = b.minutes(f) / 3 },
		},
		{
			"well_stalled RB-114", health.Failed, 46 * time.Second,
			func(b *box, f *health.Facts) { f.Wells[0].Handled = b.began },
			func(b *box, f *health.Facts) { f.Wells[0].Handled, f.Wells[0].Filling = b.began, true },
		},
	}
}

func storeFindings() []finding {
	disk := func(percent float64) func(*box, *health.Facts) {
		return func(_ *box, f *health.Facts) { f.Store.DiskFree = uint64((100 - percent) * 1e9) }
	}
	return []finding{
		{
			"store_failed storage", health.Failed, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Failed, f.Store.Error = true, "input/output error" }, nil,
		},
		{
			"disk_full storage", health.Failed, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Full, f.Store.DiskFree = true, 0 }, nil,
		},
		{"disk_above_95 storage", health.Degraded, 12 * time.Second, disk(95.5), nil},
		{"disk_above_90 storage", health.Degraded, 12 * time.Second, disk(90.5), nil},
		{"disk_above_80 storage", health.Degraded, 12 * time.Second, disk(80.5), disk(79.5)},
		{
			"disk_not_answering storage", health.Failed, 33 * time.Second,
			func(b *box, f *health.Facts) { f.Store.Looked = b.began },
			func(_ *box, f *health.Facts) { f.Store.Looked = f.Time.Add(-20 * time.Second) },
		},
		{
			"store_late storage", health.Degraded, 95 * time.Second,
			func(b *box, f *health.Facts) { f.Store.LastCommit = b.began.Round(0) },
			func(b *box, f *health.Facts) { f.Store.LastCommit, f.Store.Wells[0].Pending = b.began.Round(0), 0 },
		},
		{
			"readings_lost storage", health.Degraded, 2 * time.Minute,
			func(b *box, f *health.Facts) { f.Store.LostScans = b.minutes(f) },
			nil,
		},
		{
			"store_damaged storage", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Quarantined = []string{"2026-11.db.damaged"} }, nil,
		},
		{
			"unclean_stop appliance", health.OK, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Unclean, f.Store.TornTails = true, 1 },
			func(_ *box, f *health.Facts) { f.Unclean, f.Started = true, f.Started.Add(-25*time.Hour) },
		},
	}
}

func uplinkFindings() []finding {
	fails := func(class string) func(*box, *health.Facts) {
		return func(b *box, f *health.Facts) {
			f.Uplink.Class, f.Uplink.Error, f.Uplink.LastSuccess = class, "it says no", b.began.Round(0)
		}
	}
	return []finding{
		{"uplink_refused central", health.Degraded, 2 * time.Second, fails("not_ready"), nil},
		{"uplink_untrusted central", health.Degraded, 2 * time.Second, fails("untrusted"), nil},
		{"uplink_offline central", health.Degraded, 11 * time.Minute, fails("unreachable"), func(b *box, f *health.Facts) {
			if b.minutes(f)%5 != 0 { // comes back now and then
				fails("unreachable")(b, f)
			}
		}},
		{
			"uplink_well_refused RB-114/central", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) {
				f.Uplink.Held = []health.Held{{Well: "RB-114", Text: "another edge has it"}}
			}, nil,
		},
		{
			"uplink_quarantine central", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Uplink.Quarantined = 2 }, nil,
		},
		{
			"backlog_growing central", health.Degraded, 70 * time.Minute,
			func(b *box, f *health.Facts) { f.Uplink.WaitingScans = 20 * b.minutes(f) },
			func(b *box, f *health.Facts) { f.Uplink.WaitingScans = 100_000 - 20*b.minutes(f) }, // drains
		},
		{
			"uplink_gap central", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Uplink.Gone = 5 }, nil,
		},
	}
}

func boxFindings() []finding {
	return []finding{
		{
			"clock_implausible clock", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Built = f.Time.Add(24 * time.Hour) },
			func(_ *box, f *health.Facts) { f.Built = f.Time.Add(-time.Hour) },
		},
		{
			"clock_behind clock", health.Degraded, 8 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Wells[0].Newest = f.Time.Round(0).Add(2 * time.Minute) },
			func(_ *box, f *health.Facts) { f.Store.Wells[0].Newest = f.Time.Round(0).Add(30 * time.Second) },
		},
		{
			"configuration_refused configuration", health.Degraded, 2 * time.Second,
			func(b *box, f *health.Facts) {
				f.Config = health.Config{Refused: "line 3: unknown key", Since: b.began}
			}, nil,
		},
		{
			"configuration_remarks configuration", health.OK, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Config.Warnings = []string{"WELLKEEPER_X names no setting"} }, nil,
		},
		{
			"configuration_waiting configuration", health.OK, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Config.Waiting = []string{"web.listen"} }, nil,
		},
		{
			"certificate_expired certificate", health.Degraded, 2 * time.Second,
			func(b *box, f *health.Facts) { f.Certificate = b.began }, func(_ *box, f *health.Facts) { f.Certificate = time.Time{} },
		},
		{
			"certificate_expiring certificate", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Certificate = f.Time.Add(29 * 24 * time.Hour) },
			func(_ *box, f *health.Facts) { f.Certificate = f.Time.Add(31 * 24 * time.Hour) },
		},
		{
			"job_failed job/backup", health.Degraded, 2 * time.Second,
			func(b *box, f *health.Facts) {
				f.Jobs = []health.Job{{Name: "backup", Began: b.began.Round(0), Failed: true, Text: "no space"}}
			},
			func(b *box, f *health.Facts) { f.Jobs = []health.Job{{Name: "backup", Began: b.began.Round(0)}} },
		},
		{
			"memory_high memory", health.Degraded, 35 * time.Second,
			func(_ *box, f *health.Facts) { f.Process.Memory = 120e6 }, func(_ *box, f *health.Facts) { f.Process.Memory, f.Process.Limit = 4e9, 0 },
		},
	}
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
