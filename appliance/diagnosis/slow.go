package diagnosis

import (
	"math"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Slow memory: what the ticks cannot hold. Medians of five minutes for half a day and
// of an hour for a week, of the signals that rules speak of.
const (
	frame      = 5 * minute
	frameTicks = 60
	frames     = 168 // 14 h
	hours      = 168
	hourFrames = 12
	hourTicks  = hourFrames * frameTicks

	// The reference of a shift: twelve hours, an hour back, so that what begins now is
	// not in it.
	referenceLag   = 12
	referenceLeast = 30
	// Intake pressure follows a start for hours: what it did in the
	// first two is no reference for anything.
	referenceAge = 2 * hour

	// Within these a change of speed explains a change of pressure: measured, 1 % of
	// speed moved intake pressure by 1.3 to 1.4 %; twice that is allowed for.
	speedAllowance = 3.0
	speedMost      = 0.025

	silentGap   = 30 * minute // unseen for longer, a change has no beginning that we know
	unseenMost  = 2           // frames without knowing whether the pump turns
	steadySpeed = 0.002       // share of the frequency within which it is kept
	sameSpeed   = 0.005       // share of the frequency at which pressures are compared
	nearSpeed   = 0.03        // the same for what the affinity laws carry over
	driftLeast  = 12          // hours
	driftRecent = 3
	trendHours  = 72
	rangeHours  = 8 // what goes by the hour is in no range
)

// anchor is what a quantity was before something may have begun.
type anchor struct {
	level, noise float64
	frequency    float64 // at which it was so; NaN: not known
	steady       bool    // and is so since
	ok           bool
	low, high    float64 // of a drift: of its half days
}

// memory is the slow memory of a track.
type memory struct {
	frame [frames]float32
	hour  [hours]float32
	from  int // frame count from which on it was read without a gap
	blank int // frames in a row without a value

	reference anchor // of a shift
	before    anchor // the same as it was before the speed changed
	beforeAt  int    // frame count of then
	old       anchor // of a drift
	drifted   drifted
}

// drifted is a drift as it was last computed.
type drifted struct {
	hour      int // count of hours for which it holds; 0: never computed
	frequency float64
	value     float64 // newest hours less the older half of the week
	trend     float64 // of three days by Theil and Sen, 0 unless Mann and Kendall call it one
	beyond    float64 // by how much trend and last hours have left the older half; 0 within it
	ok        bool
}

func newMemory() *memory {
	m := &memory{}
	for i := range m.frame {
		m.frame[i] = float32(math.NaN())
	}
	for i := range m.hour {
		m.hour[i] = float32(math.NaN())
	}
	return m
}

// slowClock is where the slow memories of all tracks stand, and what the pump did.
type slowClock struct {
	frames, hours int // ever closed
	frequency     [frames]float32
	age           [frames]int32 // minutes since the last start or gap; −1: not turning all the time
	hourFrequency [hours]float32
	since         int64 // last start, or return from not knowing
	unseen        int
	held          bool // references stay as they are: a finding that stands on them is open
	heldOld       bool
}

// bindSlow gives a slow memory to the tracks that play a role.
func (e *Engine) bindSlow() {
	e.slowTracks = nil
	for _, t := range e.roles {
		if t == nil || slices.Contains(e.slowTracks, t) {
			continue
		}
		if t.slow == nil {
			t.slow = newMemory()
		}
		e.slowTracks = append(e.slowTracks, t)
	}
	for _, t := range e.tracks {
		if !slices.Contains(e.slowTracks, t) {
			t.slow = nil // it would miss what happens meanwhile
		}
	}
}

// lose notes that what happened up to now is not known.
func (c *slowClock) lose(now int64) { c.since = now }

// closeFrame stores the last five minutes.
func (e *Engine) closeFrame(at int64) {
	c := &e.slow
	i := c.frames % frames
	if e.machine.state == esp.StateUnknown {
		if c.unseen++; c.unseen >= unseenMost {
			c.lose(at)
		}
	} else {
		c.unseen = 0
	}
	since := max(c.since, e.machine.startAt)
	c.frequency[i], c.age[i] = float32(math.NaN()), -1
	if e.machine.state.Turning() && e.machine.state != esp.Starting && at-since >= frame {
		c.age[i] = int32((at - since) / minute)
		if t := e.roles[roleFrequency]; t != nil {
			if f, ok := t.recent(&e.scratch, e.clock.pos, frameTicks); ok {
				c.frequency[i] = float32(f)
			}
		}
	}
	for _, t := range e.slowTracks {
		t.closeFrame(&e.scratch, e.clock.pos, c.frames, c.age[i] >= 0)
	}
	c.frames++
	if !c.held {
		for _, t := range e.slowTracks {
			e.leaveReference(t.slow, e.refer(t.slow))
		}
		e.findLow()
	}
	e.noteSwell(at)
}

// closeFrame stores the median of five minutes of one track.
func (t *track) closeFrame(sc *scratch, pos, count int, turning bool) {
	m := t.slow
	v, ok := math.NaN(), false
	if turning {
		v, ok = t.recent(sc, pos, frameTicks)
	}
	m.frame[count%frames] = float32(v)
	switch {
	case ok && m.blank*int(frame) > int(silentGap):
		m.from, m.blank = count, 0
	case ok:
		m.blank = 0
	default:
		m.blank++
	}
}

// refer is the reference of a shift as it stands now. Where the pump has kept its speed
// for long enough only that time counts; else the whole half day does, and what the
// speed did widens the limit.
func (e *Engine) refer(m *memory) anchor {
	if a := e.referTo(m, e.slow.steady()-int(referenceAge/frame)); a.ok {
		a.steady = true
		return a
	}
	return e.referTo(m, frames)
}

// referTo is the reference over what is younger than `oldest` frames.
func (e *Engine) referTo(m *memory, oldest int) anchor {
	c := &e.slow
	values, speeds := e.scratch.learned[:0], e.scratch.speeds[:0]
	for age := referenceLag; age < min(frames-referenceLag, oldest); age++ {
		k := c.frames - 1 - age
		if k < 0 || k < m.from || c.age[k%frames] < int32(referenceAge/minute) {
			break // before a start or a gap it was another story
		}
		if v := float64(m.frame[k%frames]); !math.IsNaN(v) {
			values = append(values, v)
			if f := float64(c.frequency[k%frames]); !math.IsNaN(f) {
				speeds = append(speeds, f)
			}
		}
	}
	if len(values) < referenceLeast {
		return anchor{level: math.NaN(), noise: math.NaN(), frequency: math.NaN()}
	}
	a := anchor{level: median(values), frequency: median(speeds), ok: true}
	a.noise = spread(values, a.level)
	return a
}

// steady is for how many frames the pump has kept its present speed.
func (c *slowClock) steady() int {
	if c.frames == 0 {
		return 0
	}
	f := float64(c.frequency[(c.frames-1)%frames])
	for age := range min(c.frames, frames) {
		i := (c.frames - 1 - age) % frames
		if c.age[i] < 0 || math.Abs(float64(c.frequency[i])/f-1) > steadySpeed {
			return age
		}
	}
	return min(c.frames, frames)
}

// speedMoved is by which share the speed has differed from f in the last half day.
func (e *Engine) speedMoved(f float64) float64 {
	c := &e.slow
	moved := 0.0
	for age := range min(c.frames, frames) {
		i := (c.frames - 1 - age) % frames
		if c.age[i] < 0 {
			break
		}
		if g := float64(c.frequency[i]); g > 0 {
			moved = max(moved, math.Abs(g/f-1))
		}
	}
	return moved
}

// skipFrames passes over a long silence.
func (e *Engine) skipFrames(n int64) {
	c := &e.slow
	for range min(n, frames) {
		i := c.frames % frames
		c.frequency[i], c.age[i] = float32(math.NaN()), -1
		for _, t := range e.slowTracks {
			t.slow.frame[i] = float32(math.NaN())
			t.slow.blank++
		}
		c.frames++
	}
}

// closeHour stores the last hour.
func (e *Engine) closeHour() {
	c := &e.slow
	i := c.hours % hours
	c.hourFrequency[i] = float32(e.hourSpeed())
	for _, t := range e.slowTracks {
		x := e.scratch.learned[:0]
		for age := range min(hourFrames, c.frames) {
			k := (c.frames - 1 - age) % frames
			if v := float64(t.slow.frame[k]); !math.IsNaN(v) && c.age[k] >= int32(settleIntake/minute) {
				x = append(x, v)
			}
		}
		v := math.NaN()
		if len(x) >= hourFrames/2 && !math.IsNaN(float64(c.hourFrequency[i])) {
			v = median(x)
		}
		t.slow.hour[i] = float32(v)
	}
	e.swell.close(c.hours)
	c.hours++
}

// hourSpeed is the frequency of the last hour: NaN where it was not one, 0 where no
// frequency is measured.
func (e *Engine) hourSpeed() float64 {
	if e.roles[roleFrequency] == nil {
		return 0
	}
	c := &e.slow
	x := e.scratch.learned[:0]
	lo, hi := math.Inf(1), math.Inf(-1)
	for age := range min(hourFrames, c.frames) {
		if f := float64(c.frequency[(c.frames-1-age)%frames]); !math.IsNaN(f) {
			x = append(x, f)
			lo, hi = min(lo, f), max(hi, f)
		}
	}
	if len(x) < hourFrames/2 || hi-lo > 2*sameSpeed*hi {
		return math.NaN()
	}
	return median(x)
}

// skipHours passes over a long silence.
func (e *Engine) skipHours(n int64) {
	c := &e.slow
	for range min(n, hours) {
		i := c.hours % hours
		c.hourFrequency[i] = float32(math.NaN())
		for _, t := range e.slowTracks {
			t.slow.hour[i] = float32(math.NaN())
		}
		e.swell.skip(c.hours)
		c.hours++
	}
}

// drift compares the newest hours of a track with the older half of the last week, at
// the speed f (NaN: not measured).
func (e *Engine) drift(t *track, f float64) drifted {
	m := t.slow
	if d := &m.drifted; d.hour == e.slow.hours && (math.IsNaN(f) || math.Abs(f-d.frequency) < sameSpeed/2*f) {
		return m.drifted
	}
	m.drifted = e.drifting(t, f)
	m.drifted.hour, m.drifted.frequency = e.slow.hours, f
	return m.drifted
}

func (e *Engine) drifting(t *track, f float64) drifted {
	m := t.slow
	x, at := e.hourly(t, f)
	n := len(x)
	if n < driftLeast || at[0] > driftRecent || at[n-1] < driftLeast {
		return drifted{}
	}
	late := n
	for late > 0 && at[late-1] >= trendHours {
		late--
	}
	d := drifted{ok: true, trend: trend(&e.scratch, x[:late], at[:late])}
	recent := 0
	for recent < n && at[recent] < at[0]+driftRecent {
		recent++
	}
	half := n - 1
	for half > recent && at[half-1] > at[n-1]/2 {
		half--
	}
	now := median(append(e.scratch.spare[:0], x[:recent]...))
	if !e.slow.heldOld || !m.old.ok {
		m.old = older(&e.scratch, x[half:], at[half:])
		m.old.frequency = f
	}
	same := 1.0
	if !math.IsNaN(f) && !math.IsNaN(m.old.frequency) {
		same = carry(f, m.old.frequency, exponent(t.signal))
	}
	d.value = now - same*m.old.level
	if d.trend != 0 {
		end := lineEnd(&e.scratch, x[:late], at[:late], d.trend/at[late-1])
		here := median(append(e.scratch.spare[:0], x[:min(rangeHours, n)]...))
		d.beyond = max(min(end, here)-same*m.old.high, 0) + min(max(end, here)-same*m.old.low, 0)
	}
	return d
}

// lineEnd is where a line of so much per hour through x stands now.
func lineEnd(sc *scratch, x, at []float64, slope float64) float64 {
	rest := sc.spare[:0]
	for i := range x {
		rest = append(rest, x[i]+slope*at[i])
	}
	return median(rest)
}

// hourly are the hours of a track at the speed f (NaN: not measured), the newest first,
// and their ages in hours.
func (e *Engine) hourly(t *track, f float64) (x, at []float64) {
	c, power := &e.slow, exponent(t.signal)
	reach := sameSpeed
	if power != 0 {
		reach = nearSpeed
	}
	x, at = e.scratch.learned[:0], e.scratch.speeds[:0]
	for age := range min(c.hours, hours) {
		i := (c.hours - 1 - age) % hours
		v, g := float64(t.slow.hour[i]), float64(c.hourFrequency[i])
		switch {
		case math.IsNaN(v) || math.IsNaN(g):
			continue
		case math.IsNaN(f):
		case math.Abs(g/f-1) > reach:
			continue
		default:
			v *= carry(f, g, power)
		}
		x, at = append(x, v), append(at, float64(age))
	}
	return x, at
}

// older is the level of the older half, and how it strays about its own line.
func older(sc *scratch, x, at []float64) anchor {
	slope := theilSen(sc, x, at)
	a := anchor{ok: true, level: median(append(sc.spare[:0], x...))}
	a.low, a.high = math.Inf(1), math.Inf(-1)
	for i := 0; i+rangeHours/2 <= len(x); i += rangeHours {
		v := median(append(sc.spare[:0], x[i:min(i+rangeHours, len(x))]...))
		a.low, a.high = min(a.low, v), max(a.high, v)
	}
	rest := sc.spare[:0]
	for i := range x {
		rest = append(rest, x[i]+slope*at[i])
	}
	a.noise = spread(rest, median(rest))
	return a
}

// remembers is how far back the hours of a track go.
func (e *Engine) remembers(t *track) time.Duration {
	c := &e.slow
	for age := min(c.hours, hours) - 1; age >= 0; age-- {
		if !math.IsNaN(float64(t.slow.hour[(c.hours-1-age)%hours])) {
			return time.Duration(age+1) * time.Hour
		}
	}
	return 0
}
