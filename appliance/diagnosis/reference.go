package diagnosis

import (
	"math"
)

// What a shift is measured from. In a settled pump it is the half day before. After a
// change of speed, and after a start, that is not known for hours, and what rises
// meanwhile would become usual; then something else has to serve.
const (
	// speedWide is the largest change of speed across which pressures are compared.
	speedWide = 0.10
	// The slowest answer of a recorded well to a change of speed: 0.9 to 3.4 h.
	answerTime = 3.4 * float64(hour) / float64(frame) // frames

	// After a start intake pressure only falls, ever more slowly. It may be said to rise
	// from its lowest half hour since once an hour has passed and two more are known.
	lowAge    = hour
	lowWidth  = 6
	lowFrames = 24
)

// anchored is a level from which a shift is measured.
type anchored struct {
	anchor
	up, down float64 // what the speed may have moved it by, upwards and downwards
	coarse   bool    // it is a stand-in for the half day before
	since    since
}

// since says in words what the level is.
type since uint8

const (
	sinceHalfDay since = iota
	sinceSpeed
	sinceLow
)

func (s since) String() string {
	switch s {
	case sinceSpeed:
		return "from before the change of speed, which explains less"
	case sinceLow:
		return "to which it had come down, at the same speed"
	default:
		return "of the half day before, at the same speed"
	}
}

// leaveReference keeps the reference of a pump whose speed has just changed.
func (e *Engine) leaveReference(m *memory, next anchor) {
	if m.reference.ok && m.reference.steady && !next.steady {
		m.before, m.beforeAt = m.reference, e.slow.frames-1
	}
	m.reference = next
}

// slowed is by which share of f the pump is slower, or was and the well may still answer:
// at once as far as it goes, and as slowly as any well comes back.
func (e *Engine) slowed(f float64, n int) (share float64) {
	c := &e.slow
	for age := n - 1; age >= 0; age-- {
		g := float64(c.frequency[(c.frames-1-age)%frames])
		x := 0.0
		if g > 0 {
			x = max(0, 1-g/f)
		}
		share = max(x, share+(x-share)/answerTime)
	}
	return share
}

// turningFor is for how many frames the pump has turned without a start or a gap.
func (c *slowClock) turningFor() int {
	n := min(c.frames, frames)
	for age := range n {
		if c.age[(c.frames-1-age)%frames] < 0 {
			return age
		}
	}
	return n
}

// fromHalfDay is the reference of the half day before; false where the speed differs by
// more than can be allowed for.
func (e *Engine) fromHalfDay(t *track, frequency float64) (a anchored, ok bool) {
	a.anchor = t.slow.reference
	if !a.ok {
		return a, false
	}
	if math.IsNaN(frequency) || frequency <= 0 || math.IsNaN(a.frequency) {
		return a, true
	}
	moved := math.Abs(a.frequency/frequency - 1)
	if !a.steady {
		moved = max(moved, e.speedMoved(frequency))
	}
	if moved > speedMost {
		return a, false
	}
	a.carried(t, frequency)
	a.up = speedAllowance * moved * math.Abs(a.level)
	a.down = a.up
	if exponent(t.signal) != 0 {
		a.up, a.down = 0, 0
	}
	return a, true
}

// carried takes an anchor to another speed by the affinity laws.
func (a *anchored) carried(t *track, frequency float64) {
	a.level *= carry(frequency, a.frequency, exponent(t.signal))
}

// fromBefore is the reference as it was before a change of speed that is too large for
// the other. Intake pressure answers the other way: of a faster pump it falls, and what
// rises rises from there; of a slower pump it may rise by the allowance.
func (e *Engine) fromBefore(t *track, frequency float64) (a anchored, ok bool) {
	a.anchor, a.coarse, a.since = t.slow.before, true, sinceSpeed
	n := e.slow.frames - t.slow.beforeAt
	if !a.ok || math.IsNaN(frequency) || frequency <= 0 || !(a.frequency > 0) || n > e.slow.turningFor() {
		return a, false
	}
	moved := max(math.Abs(a.frequency/frequency-1), e.speedMoved(frequency))
	if moved <= speedMost || moved > speedWide {
		return a, false
	}
	f := a.frequency
	a.carried(t, frequency)
	switch {
	case exponent(t.signal) != 0:
	case t == e.roles[roleIntake]:
		a.up = speedAllowance * e.slowed(f, n) * math.Abs(a.level)
		a.down = speedAllowance * moved * math.Abs(a.level)
	default:
		a.up = speedAllowance * moved * math.Abs(a.level)
		a.down = a.up
	}
	return a, true
}

// fromLow is where a track stood when intake pressure was lowest since the start.
func (e *Engine) fromLow(t *track, frequency float64) (a anchored, ok bool) {
	a.coarse, a.since = true, sinceLow
	c := &e.slow
	if e.low.frames == 0 || e.low.at+lowWidth > c.frames {
		return a, false
	}
	n := c.frames - e.low.at
	if n > c.turningFor() {
		return a, false // that was before another start
	}
	x := e.scratch.learned[:0]
	for k := e.low.at; k < e.low.at+lowWidth; k++ {
		if v := float64(t.slow.frame[k%frames]); !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	if len(x) < lowWidth/2 {
		return a, false
	}
	a.level, a.noise, a.ok = median(x), e.low.noise, true
	a.frequency = float64(c.frequency[e.low.at%frames])
	if t != e.roles[roleIntake] {
		a.noise = e.restless(t, e.low.frames)
	}
	if frequency > 0 && a.frequency > 0 {
		moved := e.speedMoved(frequency)
		if moved > speedMost {
			return a, false
		}
		a.carried(t, frequency)
		if exponent(t.signal) == 0 {
			a.up = speedAllowance * moved * math.Abs(a.level)
			a.down = a.up
		}
	}
	return a, true
}

// low is where intake pressure was lowest since the start.
type low struct {
	frames int // known since; 0: there is none
	at     int // first frame of the lowest half hour
	level  float64
	noise  float64
}

// findLow looks for it once per frame, in the hours in which there is no reference.
func (e *Engine) findLow() {
	e.low = low{}
	t, c := e.roles[roleIntake], &e.slow
	n := c.turningFor()
	if t == nil || n >= frames {
		return
	}
	n -= int(lowAge / frame)
	if n < lowFrames {
		return
	}
	e.low.level = math.Inf(1)
	for k := c.frames - n; k+lowWidth <= c.frames; k++ {
		x := e.scratch.learned[:0]
		for i := k; i < k+lowWidth; i++ {
			if v := float64(t.slow.frame[i%frames]); !math.IsNaN(v) {
				x = append(x, v)
			}
		}
		if len(x) < lowWidth/2 {
			continue
		}
		if v := median(x); v < e.low.level {
			e.low.level, e.low.at, e.low.frames = v, k, n
		}
	}
	if e.low.frames > 0 {
		e.low.noise = e.restless(t, n)
	}
}

// restless is how a track strays from one half hour to the next, over n frames: what is
// on its way is no noise.
func (e *Engine) restless(t *track, n int) float64 {
	c := &e.slow
	x := e.scratch.learned[:0]
	for k := c.frames - n + lowWidth; k < c.frames; k++ {
		if d := float64(t.slow.frame[k%frames] - t.slow.frame[(k-lowWidth)%frames]); !math.IsNaN(d) {
			x = append(x, d)
		}
	}
	if len(x) == 0 {
		return math.NaN()
	}
	return spread(x, median(x)) / math.Sqrt2
}

// chosen is which reference intake pressure has risen farthest from; all signals are
// measured from the same time.
func (e *Engine) chosen(frequency float64, now int64) since {
	if e.choice.turn == e.turn {
		return e.choice.since
	}
	e.choice.turn, e.choice.since = e.turn, sinceHalfDay
	t := e.roles[roleIntake]
	if t == nil {
		return sinceHalfDay
	}
	v, ok := t.recent(&e.scratch, e.clock.pos, frameTicks)
	if !ok {
		return sinceHalfDay
	}
	most := math.Inf(-1)
	for s := sinceHalfDay; s <= sinceLow; s++ {
		if a, ok := e.anchorOf(t, s, frequency, now); ok {
			if rise := v - a.level - max(a.up, e.ownSwell(&a, t)); rise > most {
				most, e.choice.since = rise, s
			}
		}
	}
	return e.choice.since
}

func (e *Engine) anchorOf(t *track, s since, frequency float64, now int64) (a anchored, ok bool) {
	switch s {
	case sinceSpeed:
		return e.fromBefore(t, frequency)
	case sinceLow:
		return e.fromLow(t, frequency)
	default:
		if now-max(e.slow.since, e.machine.startAt) < settleIntake {
			return a, false
		}
		return e.fromHalfDay(t, frequency)
	}
}
