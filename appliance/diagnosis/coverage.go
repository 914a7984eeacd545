package diagnosis

import (
	"iter"
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// Unassessed is a finding that cannot be made now, and what it lacks.
type Unassessed struct {
	ID      esp.DiagnosisID
	Title   string
	Missing []string // canonical signal names, and facts of the well in words
}

// NotAssessed lists the findings that cannot be made with the signals and facts that
// there are, so that silence is never taken for health. What only waits for the pump to
// turn, or for a baseline, is not among them.
func (e *Engine) NotAssessed() []Unassessed {
	var out []Unassessed
	for i := range e.rules {
		r := &e.rules[i]
		if m := e.missing(r); len(m) > 0 {
			out = append(out, Unassessed{ID: r.id, Title: r.title, Missing: m})
		}
	}
	return out
}

// required visits the roles without which a rule says nothing.
func (e *Engine) required(r *rule) iter.Seq[role] {
	return func(yield func(role) bool) {
		for _, n := range r.needs {
			if !yield(n) {
				return
			}
		}
		for i := range r.trigger {
			f := r.trigger[i].feature
			if !f.measure.ofRole() {
				continue
			}
			if !yield(f.role) {
				return
			}
			if f.measure == heat && !yield(roleIntakeTemperature) {
				return
			}
		}
	}
}

// missing names what a rule lacks.
func (e *Engine) missing(r *rule) []string {
	var out []string
	for n := range e.required(r) {
		if _, ok := e.heldRole(n); !ok {
			out = appendOnce(out, e.nameOf(n))
		}
	}
	rated := slices.ContainsFunc(r.trigger, func(c condition) bool { return c.rated != 0 || c.feature.measure == stalled })
	if rated && e.roles[roleCurrent] != nil && math.IsNaN(e.rated(roleCurrent)) {
		fact := "rated current of the motor"
		if e.well.Facts.RatedCurrent > 0 {
			fact = "transformer ratio"
		}
		out = appendOnce(out, fact)
	}
	return out
}
