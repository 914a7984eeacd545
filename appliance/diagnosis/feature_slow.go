package diagnosis

import "math"

const (
	jumpMinutes = 30
	jumpWidth   = 3
	jumpLeast   = 6 // known minutes

	reboundFrames = 2 * hourFrames
)

// fromUsual is how far the level stands from what is usual at this speed.
func (e *Engine) fromUsual(a *assessment, t *track, u *usual) {
	if u.far && exponent(t.signal) == 0 {
		return // nobody knows it at this speed
	}
	v, ok := t.recent(&e.scratch, e.clock.pos, shortTicks)
	a.value, a.ok = v-u.level, ok && u.ok
	a.usual, a.level, a.noise, a.based = 0, u.level, u.noise, u.ok
}

// fromReference is how far the last five minutes stand from the half day before, or from
// what stands in for it.
func (e *Engine) fromReference(a *assessment, t *track, frequency float64, now int64) {
	v, ok := t.recent(&e.scratch, e.clock.pos, frameTicks)
	if !ok {
		return
	}
	from, ok := e.anchorOf(t, e.chosen(frequency, now), frequency, now)
	if !ok {
		return
	}
	a.value, a.usual, a.level, a.noise = v-from.level, 0, from.level, max(from.noise, t.resolution(from.level))
	a.slack, a.slackBelow, a.swell = from.up, from.down, e.ownSwell(&from, t)
	a.since, a.ok, a.based = from.since, true, true
}

// fromWeek is how the last hours stand to the week before, or the trend of it.
func (e *Engine) fromWeek(a *assessment, t *track, frequency float64, m measure) {
	d := e.drift(t, frequency)
	if !d.ok || !e.machine.settled(e.now, 0) {
		return
	}
	old := &t.slow.old
	a.value, a.usual, a.noise = d.value, 0, max(old.noise, t.resolution(old.level))
	a.level = old.level
	if !math.IsNaN(frequency) && !math.IsNaN(old.frequency) {
		a.level *= carry(frequency, old.frequency, exponent(t.signal))
	}
	switch m {
	case trending:
		a.value = d.trend
	case beyond:
		a.value = d.beyond
	default:
	}
	a.ok, a.based = true, true
}

// fromRebound is how far the last five minutes stand above the lowest of the last two
// hours.
func (e *Engine) fromRebound(a *assessment, t *track) {
	ref := &t.slow.reference
	v, ok := t.recent(&e.scratch, e.clock.pos, frameTicks)
	if !ok || !ref.ok {
		return
	}
	lowest := v
	for age := range min(e.slow.frames, reboundFrames) {
		i := (e.slow.frames - 1 - age) % frames
		if e.slow.age[i] < 0 {
			break
		}
		if x := float64(t.slow.frame[i]); x < lowest {
			lowest = x
		}
	}
	a.value, a.usual, a.level, a.noise = v-lowest, 0, ref.level, max(ref.noise, t.resolution(ref.level))
	a.ok, a.based = true, true
}

// fromJump is the largest change within a few minutes of the present regime.
func (e *Engine) fromJump(a *assessment, t *track, u *usual, now int64) {
	n := int(min((now-e.machine.regimeAt)/minute, jumpMinutes))
	var levels [jumpMinutes]float64
	known := 0
	t.each(e.clock.min, n, func(age int, level, _ float64) bool {
		levels[age] = level
		if !math.IsNaN(level) {
			known++
		}
		return true
	})
	if known < jumpLeast {
		return
	}
	a.value = 0
	for i := 0; i+jumpWidth < n; i++ {
		if d := levels[i] - levels[i+jumpWidth]; math.Abs(d) > math.Abs(a.value) {
			a.value = d
		}
	}
	a.usual, a.level, a.noise, a.ok, a.based = 0, u.level, u.noise, true, u.ok
}

// running is how long the pump has run since a start that was seen.
func (e *Engine) running(now int64) assessment {
	a := assessment{value: math.NaN(), usual: math.NaN(), noise: math.NaN(), level: math.NaN()}
	if e.machine.sawStart && e.machine.state.Turning() {
		a.value, a.ok = float64(now-e.machine.startAt)/float64(second), true
	}
	return a
}
