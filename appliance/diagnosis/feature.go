package diagnosis

import (
	"math"
)

// How far back restlessness counts.
const (
	restlessMinutes = 10
	erraticMinutes  = 30
)

// A feature is computed once per evaluation, and its window is looked at once for
// swing and change together.
type (
	cachedFeature struct {
		turn int
		assessment
	}
	cachedMotion struct {
		turn int
		motion
	}
)

// assess evaluates a feature, once per evaluation.
func (e *Engine) assess(f feature, now int64) assessment {
	c := &e.features[f.role][f.measure]
	if c.turn == e.turn {
		return c.assessment
	}
	c.turn = e.turn
	c.assessment = e.compute(f, now)
	return c.assessment
}

func (e *Engine) compute(f feature, now int64) assessment {
	switch f.measure {
	case silence:
		return e.silence(now)
	case running:
		return e.running(now)
	default:
	}
	if f.measure.own() {
		return e.electricFeature(f, now)
	}
	a := assessment{value: math.NaN(), usual: math.NaN(), noise: math.NaN(), level: math.NaN(), rated: e.rated(f.role)}
	t := e.roles[f.role]
	if t == nil {
		return a
	}
	frequency, _ := e.heldRole(roleFrequency)
	u := e.usual(t, frequency)
	switch f.measure {
	case level:
		a.value, a.ok = t.recent(&e.scratch, e.clock.pos, shortTicks)
		a.level, a.usual, a.noise, a.based = a.value, u.level, u.noise, u.ok
		if u.far && exponent(t.signal) == 0 {
			a.usual, a.noise, a.based = math.NaN(), math.NaN(), false // nobody knows it at this speed
		}
	case swing, change:
		e.fromMotion(&a, t, &u, f, now)
	case restless:
		e.fromMinutes(&a, t, &u, restlessMinutes)
	case erratic:
		e.fromMinutes(&a, t, &u, erraticMinutes)
	case excess:
		e.fromUsual(&a, t, &u)
	case shift:
		e.fromReference(&a, t, frequency, now)
	case drift, trending, beyond:
		e.fromWeek(&a, t, frequency, f.measure)
	case rebound:
		e.fromRebound(&a, t)
	case jump:
		e.fromJump(&a, t, &u, now)
	default:
	}
	return a
}

// fromMotion looks at the window since the last start or change of speed.
func (e *Engine) fromMotion(a *assessment, t *track, u *usual, f feature, now int64) {
	n := int(min((now-e.machine.regimeAt)/tick, windowTicks))
	if n < motionLeast {
		return
	}
	c := &e.motions[f.role]
	if c.turn != e.turn {
		c.turn, c.motion = e.turn, t.motion(&e.scratch, e.clock.pos, n)
	}
	m := &c.motion
	a.level = m.level
	if f.measure == change {
		a.value, a.ok = m.change, m.ok
		a.usual, a.noise, a.based = 0, u.swing, !math.IsNaN(u.swing)
		return
	}
	a.value, a.ok = m.swing, m.dense
	a.usual, a.noise, a.based = u.swing, u.swing, !math.IsNaN(u.swing)
}

// fromMinutes counts restless minutes.
func (e *Engine) fromMinutes(a *assessment, t *track, u *usual, back int) {
	if math.IsNaN(u.swing) {
		return
	}
	limit := swingsStay * max(u.swing, swingShare/swingsMore*math.Abs(u.level))
	known := 0
	a.value = 0
	t.each(e.clock.min, back, func(_ int, _, unrest float64) bool {
		if !math.IsNaN(unrest) {
			known++
		}
		if unrest > limit {
			a.value++
		}
		return true
	})
	a.ok, a.based, a.usual = known >= restlessMinutes/2, true, 0
}

// silence is how long the drive has not answered.
func (e *Engine) silence(now int64) assessment {
	poll := math.Round(e.drive.period) / 1000
	return assessment{
		value: e.drive.silence(now).Seconds(), usual: poll, noise: math.NaN(), level: math.NaN(),
		ok: e.drive.started, based: true,
	}
}
