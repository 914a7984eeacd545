package health

import (
	"slices"
	"strings"
	"time"
)

func centre() Subject { return Subject{Part: "central"} }

// Classes of failures of the uplink, as sync/wire names them.
const (
	classNotReady    = "not_ready"
	classUntrusted   = "untrusted"
	classUnreachable = "unreachable"
	classBusy        = "busy"
)

// failing gives the uplink where its last failure is of one of the classes.
func (l *look) failing(classes ...string) *Uplink {
	u := l.facts.Uplink
	if u == nil {
		return nil
	}
	if slices.Contains(classes, u.Class) {
		return u
	}
	return nil
}

func (l *look) refused(k *Kind) {
	if u := l.failing(classNotReady); u != nil {
		l.add(k, centre(), time.Time{}, "The central database refuses: %s.", strings.TrimSuffix(u.Error, "."))
	}
}

func (l *look) untrusted(k *Kind) {
	if u := l.failing(classUntrusted); u != nil {
		l.add(k, centre(), time.Time{}, "The certificate of the central database is not accepted: %s.", strings.TrimSuffix(u.Error, "."))
	}
}

func (l *look) offline(k *Kind) {
	if u := l.failing(classUnreachable, classBusy); u != nil {
		l.add(k, centre(), u.LastSuccess, "%d scans and %d records wait: %s.", u.WaitingScans, u.WaitingRecords, strings.TrimSuffix(u.Error, "."))
	}
}

func (l *look) held(k *Kind) {
	if u := l.facts.Uplink; u != nil {
		for _, h := range u.Held {
			l.add(k, Subject{Well: h.Well, Part: "central"}, time.Time{}, "The centre does not take this well: %s.", strings.TrimSuffix(h.Text, "."))
		}
	}
}

func (l *look) quarantined(k *Kind) {
	if u := l.facts.Uplink; u != nil && u.Quarantined > 0 {
		l.add(k, centre(), time.Time{}, "%d batches were refused and set aside.", u.Quarantined)
	}
}

func (l *look) tapClosed(k *Kind) {
	if t := l.facts.Tap; t != nil && t.Error != "" {
		l.add(k, Subject{Part: "tap"}, time.Time{}, "Other masters cannot read: %s.", t.Error)
	}
}

// leastBacklog is how many scans must wait before their growth is worth a word: what a
// well makes in ten minutes.
const leastBacklog = 600

// backlog finds a link that works but takes less than is read.
func (l *look) backlog(k *Kind) {
	u := l.facts.Uplink
	if u == nil {
		return
	}
	by, known := l.history.rise(l.facts.Up, "backlog", float64(u.WaitingScans))
	if u.Class != "" || u.WaitingScans < leastBacklog || known < time.Hour || by < leastBacklog {
		return
	}
	text := ""
	if days := l.facts.Store.DaysLeft; days >= 0 {
		text = "; the disk holds " + span(time.Duration(min(days, 10_000)*24)*time.Hour) + " more"
	}
	l.add(k, centre(), u.Oldest, "%d scans wait, %.0f more than an hour ago%s.", u.WaitingScans, by, text)
}

func (l *look) gone(k *Kind) {
	if u := l.facts.Uplink; u != nil && u.Gone > 0 {
		l.add(k, centre(), time.Time{}, "%d numbers were gone from the store before they were sent.", u.Gone)
	}
}

func clock() Subject { return Subject{Part: "clock"} }

func (l *look) clockImplausible(k *Kind) {
	least := oldest()
	if l.facts.Built.After(least) {
		least = l.facts.Built
	}
	if now := l.facts.Time; now.Before(least) {
		l.add(k, clock(), time.Time{}, "The clock says %s, which is before this release was made (%s).", now.UTC().Format(time.DateTime), least.UTC().Format(time.DateOnly))
	}
}

func (l *look) clockBehind(k *Kind) {
	var newest time.Time
	for i := range l.facts.Store.Wells {
		if t := l.facts.Store.Wells[i].Newest; t.After(newest) {
			newest = t
		}
	}
	now := l.facts.Time.Round(0)
	if newest.IsZero() || newest.Sub(now) <= clockSlack {
		return
	}
	l.add(k, clock(), time.Time{}, "The clock says %s UTC, and the newest stored reading is from %s: %s later.",
		now.UTC().Format(time.DateTime), newest.UTC().Format(time.DateTime), span(newest.Sub(now)))
}

func (l *look) clockStepped(k *Kind) {
	if l.at.IsZero() || l.facts.Up-l.stepped > rememberStep {
		return
	}
	way := "forward"
	if l.step < 0 {
		way = "back"
	}
	l.add(k, clock(), l.at, "The clock was set %s by %s.", way, span(l.step.Abs()))
}

func configuration() Subject { return Subject{Part: "configuration"} }

func (l *look) configRefused(k *Kind) {
	if c := &l.facts.Config; c.Refused != "" {
		l.add(k, configuration(), c.Since, "%s", c.Refused)
	}
}

func (l *look) configWarnings(k *Kind) {
	if w := l.facts.Config.Warnings; len(w) > 0 {
		l.add(k, configuration(), l.facts.Started, "%s.", strings.TrimSuffix(strings.Join(w[:min(len(w), listed)], "; "), "."))
	}
}

func (l *look) configWaiting(k *Kind) {
	if w := l.facts.Config.Waiting; len(w) > 0 {
		l.add(k, configuration(), time.Time{}, "In effect after the next restart: %s.", strings.Join(w[:min(len(w), listed)], ", "))
	}
}

func certificate() Subject { return Subject{Part: "certificate"} }

func (l *look) certificateExpired(k *Kind) {
	if end := l.facts.Certificate; !end.IsZero() && !l.facts.Time.Before(end) {
		l.add(k, certificate(), end, "The page's certificate was valid until %s.", end.UTC().Format(time.DateOnly))
	}
}

func (l *look) certificateExpiring(k *Kind) {
	if end := l.facts.Certificate; !end.IsZero() && end.Sub(l.facts.Time) < expirySoon {
		l.add(k, certificate(), time.Time{}, "The page's certificate is valid until %s.", end.UTC().Format(time.DateOnly))
	}
}

func (l *look) jobFailed(k *Kind) {
	for i := range l.facts.Jobs {
		if j := &l.facts.Jobs[i]; j.Failed {
			l.add(k, Subject{Part: "job/" + j.Name}, j.Began, "The job %s failed: %s.", j.Name, strings.TrimSuffix(j.Text, "."))
		}
	}
}

func (l *look) memory(k *Kind) {
	if p := &l.facts.Process; p.Limit > 0 && float64(p.Memory) > memoryShare*float64(p.Limit) {
		l.add(k, Subject{Part: "memory"}, time.Time{}, "%s of %s are used.", bytes(p.Memory), bytes(p.Limit))
	}
}
