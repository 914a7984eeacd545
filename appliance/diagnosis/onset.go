package diagnosis

import "math"

const (
	onsetQuiet  = 3 // calm minutes or frames inside a beginning
	onsetSigmas = 3
)

// onset looks back from the raise to where it began.
func (e *Engine) onset(r *rule, f *finding, now int64) int64 {
	first := min(f.metAt, now)
	t := e.roles[r.onset.feature.role]
	switch m := r.onset.feature.measure; m {
	case silence:
		return e.drive.answer
	case running:
		return e.machine.startAt
	case sag, tripped, reversing, stalled, trouble:
		return e.eventOnset(r.onset.feature, now)
	default:
		if t == nil {
			return first
		}
		if m == drift {
			return e.driftOnset(r, t, first, now)
		}
		if m.relative() {
			return e.slowOnset(r, t, first, now)
		}
	}
	frequency, _ := e.heldRole(roleFrequency)
	u := e.usual(t, frequency)
	first, _ = e.minuteOnset(t, first, now, func(level, unrest float64) bool {
		if r.onset.feature.measure == swing {
			return unrest > r.onset.factor*u.swing
		}
		if r.rises() {
			return level > r.onset.factor*u.level+onsetSigmas*u.noise
		}
		return level < r.onset.factor*u.level
	})
	return first
}

// rises reports whether a rule looks for what is more than usual.
func (r *rule) rises() bool { return !r.trigger[0].below }

// minuteOnset walks back through the minutes while they are beyond, over a few calm
// ones; all reports that it came to the end of what is remembered.
func (e *Engine) minuteOnset(t *track, first, now int64, beyond func(level, unrest float64) bool) (at int64, all bool) {
	minuteEnd := now - now%minute
	quiet, last := 0, 0
	t.each(e.clock.min, minutes, func(age int, level, unrest float64) bool {
		last = age
		if !beyond(level, unrest) {
			quiet++
			return quiet <= onsetQuiet || age < 2
		}
		quiet = 0
		first = min(first, minuteEnd-int64(age+1)*minute)
		return true
	})
	return first, last == minutes-1
}

// slowOnset walks back through minutes and frames to where the level had left
// the old one by a part of the whole change.
func (e *Engine) slowOnset(r *rule, t *track, first, now int64) int64 {
	a := e.assess(r.onset.feature, now)
	if !a.ok || !a.based {
		return first
	}
	limit := max(onsetSigmas*a.noise, r.onset.factor*math.Abs(a.value))
	beyond := func(level, _ float64) bool { return math.Copysign(1, a.value)*(level-a.level) > limit }
	first, all := e.minuteOnset(t, first, now, beyond)
	if !all {
		return first
	}
	end := now - now%frame
	first, _ = back(first, end, frame, min(e.slow.frames, frames), minutes/5, func(age int) bool {
		return beyond(float64(t.slow.frame[(e.slow.frames-1-age)%frames]), 0)
	})
	return first
}

const (
	turnHours = 120 // within which what has become a trend turned
	turnLeast = 12
)

// driftOnset is when a drift had made its part of the way from where it turned. Hours
// swing, so that it is looked for in medians of some.
func (e *Engine) driftOnset(r *rule, t *track, first, now int64) int64 {
	frequency, _ := e.heldRole(roleFrequency)
	x, at := e.hourly(t, frequency)
	for len(at) > 0 && at[len(at)-1] >= turnHours {
		x, at = x[:len(x)-1], at[:len(at)-1]
	}
	if len(x) < turnLeast {
		return first
	}
	way := 1.0
	if !r.rises() {
		way = -1
	}
	smooth := func(i int) float64 {
		return way * median(append(e.scratch.spare[:0], x[i:min(i+rangeHours, len(x))]...))
	}
	here, turn, lowest := smooth(0), 0, math.Inf(1)
	for i := range x {
		if v := smooth(i); v < lowest {
			lowest, turn = v, i
		}
	}
	limit := lowest + r.onset.factor*(here-lowest)
	begun := turn
	for begun > 0 && smooth(begun) <= limit {
		begun--
	}
	age := at[min(begun+rangeHours/2, len(at)-1)]
	return min(first, now-int64(age)*hour)
}

// back walks back from age `from` in steps, over a few calm ones.
func back(first, end, step int64, n, from int, beyond func(age int) bool) (at int64, all bool) {
	quiet := 0
	for age := from; age < n; age++ {
		if !beyond(age) {
			if quiet++; quiet > onsetQuiet {
				return first, false
			}
			continue
		}
		quiet = 0
		first = min(first, end-int64(age+1)*step)
	}
	return first, true
}
