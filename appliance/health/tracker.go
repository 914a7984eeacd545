package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Change is a condition that began or ended, for the log of records.
type Change struct {
	Condition Condition
	Time      time.Time
	Ended     bool
	Lasted    time.Duration // of one that ended
	// Untold is how often the condition came and went, before, without being told.
	Untold int
}

// quietFor is the least time between two beginnings of one condition that are told.
const quietFor = 10 * time.Minute

// tracker remembers since when each condition stands. What comes must stay for the
// kind's On, what goes must stay away for its Off, so that a flutter neither shows nor
// restarts the time. Its own time is that of the process, which nobody sets.
type tracker struct {
	state map[trackKey]*tracked
}

type trackKey struct {
	code    Code
	subject Subject
}

type tracked struct {
	condition Condition
	came      time.Duration // first seen, in the time of the process
	seen      time.Duration // last seen
	here      bool          // found at the last look, or shown
	shown     bool
	told      bool // its beginning was told, so its end will be
	everTold  bool
	lastTold  time.Duration
	comings   int // since it was last told
}

func newTracker() *tracker { return &tracker{state: map[trackKey]*tracked{}} }

// observe takes what is found at a moment and gives what began and what ended.
func (t *tracker) observe(f *Facts, found []Condition) []Change {
	for i := range found {
		t.present(f, &found[i])
	}
	var changes []Change
	for key, s := range t.state {
		if s.seen != f.Up {
			changes = t.absent(f, key, s, changes)
		}
	}
	for key, s := range t.state {
		quiet := s.everTold && f.Up-s.lastTold < quietFor
		if s.shown && !s.told && !quiet && !t.explained(key.subject, s.condition.Kind) {
			changes = append(changes, Change{Condition: s.condition, Time: f.Time, Untold: max(s.comings-1, 0)})
			s.told, s.everTold, s.lastTold, s.comings = true, true, f.Up, 0
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return strings.Compare(string(a.Condition.Kind.Code)+a.Condition.Subject.String(), string(b.Condition.Kind.Code)+b.Condition.Subject.String())
	})
	return changes
}

// present takes one condition that is there.
func (t *tracker) present(f *Facts, c *Condition) {
	key := trackKey{c.Kind.Code, c.Subject}
	s := t.state[key]
	if s == nil {
		s = &tracked{}
		t.state[key] = s
	}
	if !s.here {
		s.here, s.came = true, f.Up
		s.condition.Since = f.Time.Round(0)
	}
	since := s.condition.Since
	if !c.Since.IsZero() {
		since = c.Since.Round(0)
	}
	s.condition, s.seen = *c, f.Up
	s.condition.Since = since
	if !s.shown && f.Up-s.came >= c.Kind.On {
		s.shown = true
		s.comings++
	}
}

// absent takes one that is not there now. Its memory is kept while its next beginning is
// not to be told.
func (t *tracker) absent(f *Facts, key trackKey, s *tracked, changes []Change) []Change {
	if s.shown && f.Up-s.seen < s.condition.Kind.Off {
		return changes
	}
	if s.told {
		changes = append(changes, Change{Condition: s.condition, Time: f.Time, Ended: true, Lasted: f.Up - s.came})
	}
	s.here, s.shown, s.told = false, false, false
	if !s.everTold || f.Up-s.lastTold >= quietFor {
		delete(t.state, key)
	}
	return changes
}

// standing are the conditions that stand, most urgent first, then by code and subject. One
// that another explains is left out.
func (t *tracker) standing() []Condition {
	var out []Condition
	for key, s := range t.state {
		if s.shown && !t.explained(key.subject, s.condition.Kind) {
			out = append(out, s.condition)
		}
	}
	slices.SortFunc(out, func(a, b Condition) int {
		return cmp.Or(
			cmp.Compare(urgency(a.Kind), urgency(b.Kind)),
			strings.Compare(string(a.Kind.Code), string(b.Kind.Code)),
			strings.Compare(a.Subject.String(), b.Subject.String()),
		)
	})
	return out
}

func (t *tracker) explained(subject Subject, k *Kind) bool {
	return slices.ContainsFunc(k.Behind, func(code Code) bool {
		s := t.state[trackKey{code, subject}]
		return s != nil && s.shown
	})
}

// urgency orders the severities: priority 1 first, information last.
func urgency(k *Kind) int {
	if p := k.Severity.Priority(); p > 0 {
		return p
	}
	return 4
}

// Sentence tells the change in the log of records.
func (c *Change) Sentence() string {
	about := c.Condition.Subject.String() + ": " + strings.TrimSuffix(c.Condition.Text, ".")
	switch {
	case c.Ended:
		return fmt.Sprintf("No longer, after %s: %s.", span(c.Lasted), about)
	case c.Untold > 0:
		return fmt.Sprintf("%s. It came %d times more since it was last told.", about, c.Untold)
	}
	return about + "."
}

// span is a duration for people, to two units.
func span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	day := 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
