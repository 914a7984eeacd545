package uplink_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/uplink"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

func TestNothingConnectsBeforeThereIsSomethingToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		time.Sleep(time.Hour)
		if c.greetings() != 0 || u.Status().State != uplink.Idle {
			t.Errorf("%d greetings, state %s", c.greetings(), u.Status().State)
		}
		o.fill(wiretest.NewTrace("A", 1), 5)
		time.Sleep(2 * time.Second)
		if c.greetings() != 1 || c.count("A") != 5 {
			t.Errorf("%d greetings, %d scans", c.greetings(), c.count("A"))
		}
	})
}

func TestRecordsThenNewestThenBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		trace := wiretest.NewTrace("A", 1)
		o.fill(trace, 3600)
		o.note("started")
		// A slow link: a second per batch.
		c.before = func(context.Context, sent) error { time.Sleep(time.Second); return nil }
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		time.Sleep(time.Second / 2)
		for range 40 {
			time.Sleep(time.Second)
			o.fill(trace, 1)
			if n := len(o.scans["A"]); n == 3610 {
				o.note("alarm")
			}
		}
		time.Sleep(20 * time.Second)
		var order []string
		for _, b := range c.list() {
			order = append(order, fmt.Sprintf("%s%d-%d", b.well, b.first, b.last))
		}
		got := strings.Join(order, " ")
		if !strings.HasPrefix(got, "1-1 A3541-3600 A1-600 A601-1200 ") {
			t.Errorf("order of batches: %s", got)
		}
		if n := c.count("A"); n != 3640 || c.count("") != 2 {
			t.Errorf("%d scans and %d records arrived", n, c.count(""))
		}
		if s := u.Status(); s.State != uplink.Idle || s.WaitingScans != 0 || s.Rows != 3642 || !s.OldestWaiting.IsZero() {
			t.Errorf("status %+v", s)
		}
	})
}

func TestLiveLagStaysSmallWhileBacklogDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		traces := []*wiretest.Trace{wiretest.NewTrace("A", 1), wiretest.NewTrace("B", 2)}
		for _, tr := range traces {
			o.fill(tr, 6*3600)
		}
		c.before = func(context.Context, sent) error { time.Sleep(3 * time.Second); return nil }
		start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}, LiveEvery: 10 * time.Second})
		begin := time.Now()
		worst := 0
		for time.Since(begin) < 5*time.Minute {
			time.Sleep(time.Second)
			for _, tr := range traces {
				o.fill(tr, 1)
			}
			if time.Since(begin) < 30*time.Second {
				continue
			}
			for _, well := range []esp.WellID{"A", "B"} {
				last := 0
				for _, b := range c.list() {
					if b.well == well {
						last = max(last, int(b.last))
					}
				}
				worst = max(worst, len(o.scans[well])-last)
			}
		}
		if worst > 20 {
			t.Errorf("the newest scan was up to %d s away from the centre", worst)
		}
		// Two of three batches are live ones on a link this slow; the rest drains 6 h of
		// two wells at 600 scans a batch.
		if n := c.count("A") + c.count("B"); n < 25000 {
			t.Errorf("only %d scans arrived", n)
		}
	})
}

func TestOutageAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		trace := wiretest.NewTrace("A", 1)
		o.fill(trace, 100)
		c.hello = func() error { return errAway }
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		for range 3600 {
			time.Sleep(time.Second)
			o.fill(trace, 1)
		}
		s := u.Status()
		if s.State != uplink.Waiting || s.LastError == nil || s.LastError.Class != wire.Unreachable || s.WaitingScans < 3695 ||
			!s.OldestWaiting.Equal(wiretest.Start()) || !s.LastSuccess.IsZero() {
			t.Errorf("status during the outage: %+v", s)
		}
		if n := uint64(c.greetings()); s.Errors[wire.Unreachable] != n || len(s.Errors) != 1 {
			t.Errorf("errors %v, want %d unreachable", s.Errors, n)
		}
		if n := c.greetings(); n > 150 || n < 50 {
			t.Errorf("%d attempts in an hour", n)
		}
		c.mu.Lock()
		c.hello = nil
		c.mu.Unlock()
		time.Sleep(90 * time.Second)
		if n := c.count("A"); n != 3700 {
			t.Errorf("%d of 3700 scans arrived within 90 s of the cure", n)
		}
		if s := u.Status(); s.State != uplink.Idle || s.LastError != nil || s.LastSuccess.IsZero() {
			t.Errorf("status after the cure: %+v", s)
		}
	})
}

func TestRefusedBatchIsSetAsideAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c, st := newOutbox(), newCentre(), &state{}
		o.fill(wiretest.NewTrace("A", 1), 1800)
		poison := func(s sent) error {
			if s.first <= 700 && s.last >= 700 {
				return &wire.Refusal{Class: wire.BadBatch, Code: "22003", Text: "integer out of range"}
			}
			return nil
		}
		c.set(poison)
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: st, Tries: 3})
		time.Sleep(time.Minute)
		s := u.Status()
		if n := c.count("A"); n != 1200 {
			t.Errorf("%d scans arrived, want 1200", n)
		}
		if len(s.Quarantined) != 1 || s.Quarantined[0].First != 601 || s.Quarantined[0].Last != 1200 || s.Quarantined[0].Code != "22003" || s.State != uplink.Idle || s.WaitingScans != 0 {
			t.Errorf("status %+v", s)
		}
		if err := u.stop(); err != nil {
			t.Fatal(err)
		}
		// It is remembered over a restart, and a technician may ask for it once more.
		u = start(t, uplink.Config{Outbox: o, Sink: c, State: st})
		time.Sleep(2 * time.Second)
		if s := u.Status(); len(s.Quarantined) != 1 {
			t.Errorf("after a restart: %+v", s)
		}
		u.RetryQuarantined()
		time.Sleep(2 * time.Second)
		if s := u.Status(); len(s.Quarantined) != 1 || c.count("A") != 1200 {
			t.Errorf("after a retry that was refused: %+v", s)
		}
		c.set(func(sent) error { return nil })
		time.Sleep(3 * time.Hour)
		if s := u.Status(); len(s.Quarantined) != 0 || c.count("A") != 1800 {
			t.Errorf("after the cure: %+v, %d scans", s, c.count("A"))
		}
	})
}

func TestUnknownWellHoldsBackThatWellOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		o.fill(wiretest.NewTrace("A", 1), 700)
		o.fill(wiretest.NewTrace("B", 2), 700)
		c.set(func(s sent) error {
			if s.well == "A" {
				return &wire.Refusal{Class: wire.UnknownWell, Code: "WK002", Text: "well A is not given to this edge"}
			}
			return nil
		})
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		time.Sleep(time.Minute)
		if s := u.Status(); c.count("B") != 700 || c.count("A") != 0 || len(s.Held) != 1 || s.Held[0].Well != "A" || s.WaitingScans != 700 || len(s.Quarantined) != 0 {
			t.Errorf("%d scans of B, %d of A, status %+v", c.count("B"), c.count("A"), s)
		}
		c.set(func(sent) error { return nil })
		time.Sleep(2 * time.Minute)
		if s := u.Status(); c.count("A") != 700 || len(s.Held) != 0 {
			t.Errorf("after the cure: %d scans of A, status %+v", c.count("A"), s)
		}
	})
}

func TestUnregisteredEdgeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		o.fill(wiretest.NewTrace("A", 1), 10)
		c.hello = func() error { return &wire.Refusal{Class: wire.NotReady, Code: "WK001", Text: "no registered edge"} }
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		time.Sleep(time.Hour)
		if s := u.Status(); s.State != uplink.Refused || s.LastError == nil || len(s.Quarantined) != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

// TestUnknownOutcomeIsAskedAgain kills the process after a batch was applied and before
// its answer came, again and again.
func TestUnknownOutcomeIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c, st := newOutbox(), newCentre(), &state{}
		o.fill(wiretest.NewTrace("A", 1), 3000)
		plans := make(map[uint64]string)
		for range 12 {
			ctx, kill := context.WithCancel(t.Context())
			c.mu.Lock()
			c.after = func(context.Context, sent) error { kill(); return errAway }
			c.mu.Unlock()
			u, err := uplink.New(uplink.Config{Outbox: o, Sink: c, State: killed{st, ctx}, Finish: time.Nanosecond})
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Run(ctx); err != nil {
				t.Fatal(err)
			}
			kill()
		}
		c.mu.Lock()
		c.after = nil
		c.mu.Unlock()
		start(t, uplink.Config{Outbox: o, Sink: c, State: st})
		time.Sleep(time.Minute)
		for _, b := range c.list() {
			if was, ok := plans[b.seq]; ok && was != b.payload {
				t.Errorf("batch %d was sent with other content", b.seq)
			}
			plans[b.seq] = b.payload
		}
		if c.count("A") != 3000 {
			t.Errorf("%d scans arrived", c.count("A"))
		}
		if len(plans) != 6 { // the newest minute, and 2940 scans in pieces of 600
			t.Errorf("%d batches, want 6", len(plans))
		}
	})
}

// killed is the state of a process that can write no more.
type killed struct {
	*state
	ctx context.Context
}

func (k killed) Put(ctx context.Context, key string, value []byte) error {
	if k.ctx.Err() != nil {
		return k.ctx.Err()
	}
	return k.state.Put(ctx, key, value)
}

func TestNothingIsSentThatIsNotPersisted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		o.fill(wiretest.NewTrace("A", 1), 10)
		st := &state{fail: errors.New("disk full")}
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: st})
		time.Sleep(time.Minute)
		if s := u.Status(); len(c.list()) != 0 || s.LastError == nil || s.LastError.Class != "store" {
			t.Errorf("%d batches sent, status %+v", len(c.list()), s)
		}
		st.mu.Lock()
		st.fail = nil
		st.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if c.count("A") != 10 {
			t.Errorf("%d scans arrived", c.count("A"))
		}
	})
}

func TestCentreThatLostDataGetsItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c, st := newOutbox(), newCentre(), &state{}
		trace := wiretest.NewTrace("A", 1)
		o.fill(trace, 1000)
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: st})
		time.Sleep(10 * time.Second)
		if err := u.stop(); err != nil || c.count("A") != 1000 {
			t.Fatalf("%v, %d scans", err, c.count("A"))
		}
		c.mu.Lock()
		for n := range uint64(400) {
			delete(c.applied["A"], n+300)
		}
		c.mu.Unlock()
		start(t, uplink.Config{Outbox: o, Sink: c, State: st})
		o.fill(trace, 1)
		time.Sleep(10 * time.Second)
		if c.count("A") != 1001 {
			t.Errorf("%d scans at the centre", c.count("A"))
		}
	})
}

func TestChangedLayoutBeginsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		trace := wiretest.NewTrace("A", 1)
		o.fill(trace, 100)
		other, err := esp.NewLayout("A", trace.Layout.Columns[:5:5], nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			s := trace.Next().Clone()
			s.Layout, s.Readings = other, s.Readings[:5]
			o.add(&s)
		}
		start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		time.Sleep(10 * time.Second)
		if c.count("A") != 130 || len(c.list()) != 2 || c.list()[0].first != 101 {
			t.Errorf("%d scans in %+v", c.count("A"), c.list())
		}
	})
}

func TestNumbersGoneFromTheStoreAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		o.fill(wiretest.NewTrace("A", 1), 1900)
		o.scans["A"] = append(o.scans["A"][:100:100], o.scans["A"][1800:]...)
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}})
		time.Sleep(20 * time.Second)
		if s := u.Status(); c.count("A") != 200 || s.WaitingScans != 0 || s.State != uplink.Idle {
			t.Errorf("%d scans arrived, status %+v", c.count("A"), s)
		}
	})
}

func TestCancelFinishesInTime(t *testing.T) {
	for name, hang := range map[string]bool{"link works": false, "link hangs": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, c := newOutbox(), newCentre()
				trace := wiretest.NewTrace("A", 1)
				o.fill(trace, 10)
				u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}, LiveEvery: time.Hour})
				time.Sleep(5 * time.Second)
				o.fill(trace, 7)
				if hang {
					c.mu.Lock()
					c.before = func(ctx context.Context, _ sent) error { <-ctx.Done(); return ctx.Err() }
					c.mu.Unlock()
				}
				begin := time.Now()
				if err := u.stop(); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(begin); d > 2*time.Second {
					t.Errorf("finished after %v", d)
				}
				want := 17
				if hang {
					want = 10
				}
				if c.count("A") != want {
					t.Errorf("%d scans arrived, want %d", c.count("A"), want)
				}
			})
		})
	}
}

func TestWakeSendsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, c := newOutbox(), newCentre()
		u := start(t, uplink.Config{Outbox: o, Sink: c, State: &state{}, Poll: time.Hour})
		time.Sleep(time.Second)
		o.note("trip")
		u.Wake()
		synctest.Wait()
		if c.count("") != 1 {
			t.Error("the record was not sent")
		}
	})
}
