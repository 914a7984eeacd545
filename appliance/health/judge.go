package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Figures of the judgement.
const (
	leastSilence = 10 * time.Second // shortest time without values that is worth a word
	stalledAfter = 30 * time.Second // beyond the longest honest scan
	rememberStop = 24 * time.Hour
	rememberStep = time.Hour
	leastStep    = 5 * time.Second // smallest step of the clock that is told
	clockSlack   = time.Minute     // how far the newest reading may lie ahead of the clock
	diskPatience = 30 * time.Second
	leastLate    = time.Minute
	diskBack     = 1.0 // per cent below a level at which its warning ends
	expirySoon   = 30 * 24 * time.Hour
	memoryShare  = 0.9
	rareShare    = 0.01 // of polls
	rareLeast    = 10
)

// oldest is a time that has passed: no clock that is right stands before it.
func oldest() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// judge finds the conditions in facts. It keeps what a condition needs of the past.
type judge struct {
	kinds    []Kind
	history  *history
	previous *Facts
	step     time.Duration                // of the clock, the last one,
	stepped  time.Duration                // when, in the time of the process,
	at       time.Time                    // and by the clock, after it; zero: none so far
	on       map[Code]bool                // levels that were passed at the look before
	seen     map[esp.WellID]time.Duration // since when a well is there, in the time of the process
}

func newJudge() *judge {
	return &judge{kinds: Catalogue(), history: newHistory(), on: map[Code]bool{}, seen: map[esp.WellID]time.Duration{}}
}

// look is one judgement.
type look struct {
	*judge

	facts *Facts
	found []Condition
}

// judge gives what is found in the facts of one moment.
func (j *judge) judge(f *Facts) []Condition {
	if p := j.previous; p != nil {
		step := f.Time.Round(0).Sub(p.Time.Round(0)) - (f.Up - p.Up)
		if step.Abs() >= leastStep {
			j.step, j.stepped, j.at = step, f.Up, f.Time
		}
	}
	j.previous = f
	l := &look{judge: j, facts: f}
	for i := range j.kinds {
		j.kinds[i].find(l, &j.kinds[i])
	}
	j.history.sweep(f.Up)
	return l.found
}

func (l *look) add(k *Kind, s Subject, since time.Time, format string, args ...any) {
	l.found = append(l.found, Condition{Kind: k, Subject: s, Since: since, Text: fmt.Sprintf(format, args...)})
}

// ago is how long something has been, by the monotonic clock where both have it.
func (l *look) ago(t time.Time) time.Duration { return l.facts.Time.Sub(t) }

// devices calls fn for each device that was asked.
func (l *look) devices(fn func(s Subject, d *Device)) {
	for i := range l.facts.Wells {
		w := &l.facts.Wells[i]
		for j := range w.Devices {
			if d := &w.Devices[j]; d.Polls > 0 {
				fn(Subject{w.ID, string(d.ID)}, d)
			}
		}
	}
}

func (d *Device) name() string {
	if d.Kind == "" {
		return "The device"
	}
	return "The " + d.Kind
}

func (l *look) silent(k *Kind) {
	l.devices(func(s Subject, d *Device) {
		if d.Answers {
			return
		}
		text := d.LastText
		if text == "" {
			text = "no answer"
		}
		l.add(k, s, d.LastOK, "%s does not answer: %s.", d.name(), text)
	})
}

func (l *look) withoutValues(k *Kind) {
	l.devices(func(s Subject, d *Device) {
		last := d.LastOK
		if last.IsZero() {
			last = l.facts.Started
		}
		if d.Answers && l.ago(last) > max(3*d.Period, leastSilence) {
			l.add(k, s, d.LastOK, "%s answers but gives no values: %s.", d.name(), d.LastText)
		}
	})
}

// listed bounds how many names stand in a sentence.
const listed = 5

func (l *look) unsupported(k *Kind) {
	l.devices(func(s Subject, d *Device) {
		n := len(d.Unsupported)
		if n == 0 {
			return
		}
		names := strings.Join(d.Unsupported[:min(n, listed)], ", ")
		if n > listed {
			names += fmt.Sprintf(" and %d more", n-listed)
		}
		l.add(k, s, time.Time{}, "%s has no register for %s.", d.name(), names)
	})
}

// often reports whether a count rose within the last hour by more than a share of the
// polls, and by how much.
func (l *look) often(s Subject, d *Device, what string, count uint64) (uint64, bool) {
	by, _ := l.history.rise(l.facts.Up, what+" "+s.String(), float64(count))
	polls, _ := l.history.rise(l.facts.Up, "polls "+s.String(), float64(d.Polls))
	return uint64(max(by, 0)), by >= rareLeast && by > rareShare*polls
}

func (l *look) noisy(k *Kind) {
	l.devices(func(s Subject, d *Device) {
		if n, ok := l.often(s, d, "frames", d.Errors[esp.BadFrame]); ok {
			l.add(k, s, time.Time{}, "%d answers of the %s were damaged within the last hour.", n, strings.ToLower(strings.TrimPrefix(d.name(), "The ")))
		}
	})
}

func (l *look) missed(k *Kind) {
	l.devices(func(s Subject, d *Device) {
		if n, ok := l.often(s, d, "missed", d.Missed); ok {
			l.add(k, s, time.Time{}, "%d polls of the last hour came too late; one takes %s.", n, d.P95.Round(time.Millisecond))
		}
	})
}

func (l *look) stalled(k *Kind) {
	for i := range l.facts.Wells {
		w := &l.facts.Wells[i]
		first, known := l.seen[w.ID]
		if !known || w.Filling {
			first = l.facts.Up
			l.seen[w.ID] = first
		}
		quiet := l.facts.Up - first
		if !w.Handled.IsZero() {
			quiet = min(quiet, l.ago(w.Handled))
		}
		if quiet > stalledAfter+w.Patience {
			l.add(k, Subject{Well: w.ID}, w.Handled, "Nothing was polled for %s.", span(quiet))
		}
	}
	maps.DeleteFunc(l.seen, func(id esp.WellID, _ time.Duration) bool {
		return !slices.ContainsFunc(l.facts.Wells, func(w Well) bool { return w.ID == id })
	})
}

func storage() Subject { return Subject{Part: "storage"} }

func (l *look) storeFailed(k *Kind) {
	if s := &l.facts.Store; s.Failed {
		l.add(k, storage(), time.Time{}, "The disk refused to write: %s.", strings.TrimSuffix(s.Error, "."))
	}
}

func (l *look) diskFull(k *Kind) {
	if s := &l.facts.Store; s.Full {
		l.add(k, storage(), time.Time{}, "The disk is full; %s are free.", bytes(s.DiskFree))
	}
}

// used finds a disk that is filled beyond a level in per cent.
func used(level float64) func(*look, *Kind) {
	return func(l *look, k *Kind) {
		s := &l.facts.Store
		if s.DiskTotal == 0 {
			return
		}
		percent := 100 * (1 - float64(s.DiskFree)/float64(s.DiskTotal))
		limit := level
		if l.on[k.Code] {
			limit -= diskBack
		}
		l.on[k.Code] = percent >= limit
		if !l.on[k.Code] {
			return
		}
		text := fmt.Sprintf("%.0f %% of the disk is used; %s are free", percent, bytes(s.DiskFree))
		if s.DaysLeft >= 0 {
			text += fmt.Sprintf(", enough for %.0f days of readings", s.DaysLeft)
		}
		l.add(k, storage(), time.Time{}, "%s.", text)
	}
}

func (l *look) diskSilent(k *Kind) {
	if quiet := l.ago(l.facts.Store.Looked); !l.facts.Store.Looked.IsZero() && quiet > diskPatience {
		l.add(k, storage(), l.facts.Store.Looked, "The disk has not answered for %s.", span(quiet))
	}
}

func (l *look) late(k *Kind) {
	s := &l.facts.Store
	waiting := 0
	for i := range s.Wells {
		waiting += s.Wells[i].Pending
	}
	since := s.LastCommit
	if since.IsZero() {
		since = l.facts.Started
	}
	if quiet := l.ago(since); waiting > 0 && quiet > max(leastLate, 6*s.CommitEvery) {
		l.add(k, storage(), s.LastCommit, "%d scans wait in memory; the last were put on the disk %s ago.", waiting, span(quiet))
	}
}

func (l *look) lost(k *Kind) {
	s := &l.facts.Store
	scans, _ := l.history.rise(l.facts.Up, "lost scans", float64(s.LostScans))
	records, _ := l.history.rise(l.facts.Up, "lost records", float64(s.LostRecords))
	if scans > 0 || records > 0 {
		l.add(k, storage(), time.Time{}, "%.0f scans and %.0f records of the last hour could not be stored.", scans, records)
	}
}

func (l *look) damaged(k *Kind) {
	s := &l.facts.Store
	switch n := len(s.Quarantined); {
	case n > 0:
		l.add(k, storage(), l.facts.Started, "%d damaged files were set aside: %s.", n, strings.Join(s.Quarantined[:min(n, listed)], ", "))
	case s.DamagedBlocks > 0:
		l.add(k, storage(), time.Time{}, "%d blocks of history are damaged and were left out.", s.DamagedBlocks)
	}
}

func (l *look) unclean(k *Kind) {
	s := &l.facts.Store
	if !l.facts.Unclean || l.ago(l.facts.Started) > rememberStop {
		return
	}
	text := "The run before did not stop properly"
	if s.TornTails+s.DamagedFrames > 0 {
		text += "; its last seconds were not complete on the disk"
	}
	l.add(k, Subject{Part: "appliance"}, l.facts.Started, "%s.", text)
}

// bytes is a size for people.
func bytes(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(n)/1e3)
}
