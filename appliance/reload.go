package appliance

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/web"
)

// Report says what a reload did.
type Report struct {
	// Wells that were added, taken out, polled anew because devices or profiles are
	// others, or given another name, other facts or limits while polling went on.
	Added, Removed, Repolled, Revised []esp.WellID
	// Settings are the keys that took effect, AtRestart those that will.
	Settings, AtRestart []string
	// Took is how long it took, the rest of the polls under way included.
	Took time.Duration
}

// Empty reports whether nothing was changed.
func (r *Report) Empty() bool {
	return len(r.Added)+len(r.Removed)+len(r.Repolled)+len(r.Revised)+len(r.Settings)+len(r.AtRestart) == 0
}

// String is one sentence.
func (r *Report) String() string {
	if r.Empty() {
		return "nothing was changed"
	}
	var parts []string
	add := func(list []string, one, several string) {
		switch len(list) {
		case 0:
		case 1:
			parts = append(parts, fmt.Sprintf(one, list[0]))
		default:
			parts = append(parts, fmt.Sprintf(several, strings.Join(list, ", ")))
		}
	}
	add(words(r.Added), "well %s was added", "wells %s were added")
	add(words(r.Removed), "well %s was taken out", "wells %s were taken out")
	add(words(r.Repolled), "well %s is polled anew", "wells %s are polled anew")
	add(words(r.Revised), "well %s has other facts or limits", "wells %s have other facts or limits")
	add(r.Settings, "%s took effect", "%s took effect")
	add(r.AtRestart, "%s takes effect at the next restart", "%s take effect at the next restart")
	return strings.Join(parts, "; ")
}

func words(ids []esp.WellID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return list
}

// errEnding says that a reload came too late.
var errEnding = errors.New("the appliance is ending; the configuration is read at its next start")

// Reload puts a checked configuration in the place of the present one, once Run has
// started everything. The store stays open, wells that stay as they are go on without
// missing a poll. An error means that nothing was changed.
func (a *App) Reload(ctx context.Context, cfg *config.Config) (Report, error) {
	select {
	case <-a.running:
	case <-ctx.Done():
		return Report{}, context.Cause(ctx)
	}
	a.applying.Lock()
	defer a.applying.Unlock()
	if a.newStage == nil {
		return Report{}, errEnding
	}
	begin := time.Now()
	old := a.config.Load()
	next, live, restart := config.Merge(old, cfg)
	p, err := a.plan(next)
	if err != nil {
		return Report{}, err
	}
	var forward *forwarder
	forwarding := old.Central.DSN != next.Central.DSN || old.Central.Insecure != next.Central.Insecure
	if forwarding && next.Central.DSN != "" {
		if forward, err = newForwarder(a, next.Central); err != nil {
			return Report{}, err
		}
	}
	var tapped *tapping
	tapMoved := old.Tap.Listen != next.Tap.Listen
	if tapMoved && next.Tap.On() {
		// Where only the host is another, the old one still has the port: it is opened after that.
		if tapped, err = newTap(ctx, a, &next.Tap); err != nil && !samePort(old.Tap.Listen, next.Tap.Listen) {
			return Report{}, err
		}
	}
	ctx = context.WithoutCancel(ctx) // from here on nothing can fail, and nothing is left half
	a.config.Store(next)
	a.apply(ctx, p)
	if forwarding {
		a.uplink.Load().stop()
		a.uplink.Store(forward)
		if forward != nil {
			forward.start(a.newStage())
		}
	}
	a.retap(tapped, tapMoved)
	a.server.SetDisplay(web.Display{
		AnonymousView: *next.Web.AnonymousView, Units: web.Units(next.Web.Units), Location: next.Site.Location,
	})
	a.setLogLevel(next.Log.Level)
	a.jobs.SetSchedules(next.Jobs.Of, next.Site.Location)
	r := p.report
	r.Settings, r.AtRestart, r.Took = live, restart, time.Since(begin)
	a.accepted(ctx, &r)
	if len(restart) == 0 { // else it is not known yet whether it can be carried out
		a.keepGood(cfg)
	}
	return r, nil
}

// plan is what a reload does to the wells. Everything that can fail has been done.
type plan struct {
	wells   []*well // the new set, in order
	start   []*well
	stop    []*well
	replace map[*well]*well // well to start: the one whose pipeline goes on
	removed []*well
	revised []*well
	report  Report
}

// plan compares the wells that run with a configuration and makes what is new.
func (a *App) plan(cfg *config.Config) (*plan, error) {
	p := &plan{replace: map[*well]*well{}}
	for i := range cfg.Wells {
		c := &cfg.Wells[i]
		id := esp.WellID(c.ID)
		old := a.well(id)
		switch {
		case old == nil:
			w, err := newWell(c, a)
			if err != nil {
				return nil, err
			}
			p.start, p.wells = append(p.start, w), append(p.wells, w)
			p.report.Added = append(p.report.Added, id)
		case !sameDevices(old.devices, devices(c)) || !slices.Equal(old.prefer, c.Prefer) || old.trip != c.Trip:
			w, err := newPolling(c, a)
			if err != nil {
				return nil, err
			}
			p.stop, p.start, p.wells = append(p.stop, old), append(p.start, w), append(p.wells, w)
			p.replace[w] = old
			p.report.Repolled = append(p.report.Repolled, id)
		case !reflect.DeepEqual(old.esp, c.ESP()):
			w := *old
			w.esp = c.ESP()
			p.revised, p.wells = append(p.revised, &w), append(p.wells, &w)
			p.report.Revised = append(p.report.Revised, id)
		default:
			p.wells = append(p.wells, old)
		}
	}
	for _, w := range a.wells() {
		if !slices.ContainsFunc(p.wells, func(other *well) bool { return other.esp.ID == w.esp.ID }) {
			p.stop, p.removed = append(p.stop, w), append(p.removed, w)
			p.report.Removed = append(p.report.Removed, w.esp.ID)
		}
	}
	return p, nil
}

// sameDevices reports whether two lists of devices are polled in the same way.
func sameDevices(a, b []modbus.Device) bool {
	return slices.EqualFunc(a, b, func(x, y modbus.Device) bool {
		same := x.Profile.ID == y.Profile.ID && x.Profile.Hash() == y.Profile.Hash()
		x.Profile, y.Profile = nil, nil
		return same && x == y
	})
}

// apply carries out a plan. What stops is stopped before anything starts: a serial
// port with other settings is free then.
func (a *App) apply(ctx context.Context, p *plan) {
	var wait sync.WaitGroup
	for _, w := range p.stop {
		wait.Go(w.drain)
	}
	wait.Wait()
	for _, w := range p.start {
		if old := p.replace[w]; old != nil {
			w.goOn(ctx, old)
		}
	}
	a.live.Store(&p.wells)
	for _, w := range p.start {
		w.start(a.newStage())
	}
	for _, w := range p.revised {
		w.pipeline.revise(ctx, w.esp, w.faultWords)
	}
	for _, w := range p.removed {
		w.pipeline.retire(ctx)
	}
}

// goOn takes over the pipeline of the well whose place w takes, with all that it has
// learned. old does not run any more.
func (w *well) goOn(ctx context.Context, old *well) {
	w.poller.Follow(old.poller)
	w.images.keep(w.devices, old)
	if !old.pipeline.restored { // it was stopped while it relived the past: w does it anew
		w.pipeline = newPipeline(w.esp, w.trip, w.faultWords, w.poller.Layout(), w.store, old.pipeline.wake, component(w.log, "pipeline"))
		w.pipeline.stamps = old.pipeline.stamps
		return
	}
	w.pipeline, w.known = old.pipeline, true
	w.pipeline.box = newBlackBox(w.trip.Before, w.trip.After)
	if old.poller.Layout().ID() != w.poller.Layout().ID() {
		w.pipeline.relayout(w.poller.Layout())
	}
	w.pipeline.revise(ctx, w.esp, w.faultWords)
}
