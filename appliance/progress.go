package appliance

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/service"
)

// Reloading tells the service manager that the configuration is being read again;
// done, that this is over, whatever came of it.
func (a *App) Reloading() (done func()) {
	a.service.Reloading()
	return a.service.Ready
}

const (
	// watchdogDefault stands for the interval where no watchdog is set.
	watchdogDefault = 30 * time.Second
	// pollTimeouts is how many times its time-out a device may hold up a poll: connecting,
	// asking, asking again, and bringing the line back in step.
	pollTimeouts = 4
)

// progress tells what must go on for the watchdog to be fed, and how the appliance
// stands in one line. It waits for nothing that could be stuck itself.
//
// A well goes on when a device was polled or a scan has gone through its pipeline,
// whatever it held: a drive that is gone gives scans of lost readings. The store goes
// on when its committer comes round, on a full disk too.
func (a *App) progress() ([]service.Part, string) {
	half := cmp.Or(a.service.Interval(), watchdogDefault) / 2
	wells := a.wells()
	polls := longestPoll(wells)
	parts := []service.Part{{
		Name: "the store's committer", Count: a.store.Turns(), Patience: a.config.Load().Store.CommitEvery + 4*half,
	}}
	for _, w := range wells {
		n := w.pipeline.beats.Load()
		for _, s := range w.poller.Status() {
			n += s.Polls
		}
		parts = append(parts, service.Part{Name: "well " + string(w.esp.ID), Count: n, Patience: w.period + polls + half})
	}
	return parts, a.statusLine(wells)
}

// longestPoll is the longest honest wait for a line that all devices of the wells share.
func longestPoll(wells []*well) (polls time.Duration) {
	for _, w := range wells {
		for i := range w.devices {
			polls += pollTimeouts * cmp.Or(w.devices[i].Timeout, w.devices[i].Profile.Link.Timeout, time.Second)
		}
	}
	return polls
}

// listed is how many wells the status line names one by one.
const listed = 4

// statusLine is what systemctl status shows.
func (a *App) statusLine(wells []*well) string {
	var parts []string
	count := map[esp.State]int{}
	for _, w := range wells {
		state := w.pipeline.snapshot().State
		count[state]++
		if len(wells) <= listed {
			parts = append(parts, fmt.Sprintf("%s %s", w.esp.ID, state))
		}
	}
	if len(wells) > listed {
		parts = append(parts, fmt.Sprintf("%d wells, %d of them running", len(wells), count[esp.Running]))
	}
	switch disk := a.disk.Load(); {
	case disk.Failed:
		parts = append(parts, "readings are not stored: "+disk.Error)
	default:
		parts = append(parts, "readings are stored")
	}
	if up := a.uplinkView(); up != nil {
		parts = append(parts, "headquarters "+up.State)
	}
	return strings.Join(parts, "; ") + "; page " + a.URL()
}
