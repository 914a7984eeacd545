package diagnosis

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Windows of the fast features.
const (
	briefTicks   = 6  // half a minute
	climbLeast   = 20 // minutes over which a temperature's rate is taken
	climbMost    = 110
	climbPolls   = 6
	climbAverage = 3 // minutes at each end

	reverseHertz = 0.4    // Hz peak to peak before a movement of frequency counts
	reverseShare = 0.0075 // the same of the frequency, for permanent-magnet speeds
)

// electricFeature computes the measures of supply, drive and motor.
func (e *Engine) electricFeature(f feature, now int64) assessment {
	a := assessment{value: math.NaN(), usual: math.NaN(), noise: math.NaN(), level: math.NaN(), rated: e.rated(f.role)}
	switch f.measure {
	case brief:
		e.brief(&a, f.role)
	case heat:
		e.heat(&a)
	case climb:
		e.climb(&a, f.role, now)
	case sag:
		e.sag(&a, f.role, now)
	case sags:
		a.value, a.usual, a.ok, a.based = float64(e.watchOf(f.role).within(now, dipSpan)), 0, e.roles[f.role] != nil, true
	case reversals:
		e.reversals(&a, f.role)
	case starts:
		s := &e.electric.starts
		a.value = max(float64(s.within(now, hour))/startsHour, float64(s.within(now, 24*hour))/startsDay)
		a.ok, a.usual, a.based = e.drive.started, 0, true
	case stalled:
		e.stalled(&a, now)
	case tripped, reversing:
		e.standing(&a, f.measure, now)
	case trouble:
		return e.gaugeTrouble(now)
	default:
	}
	return a
}

// brief is the median of half a minute: fast enough for a current that climbs.
func (e *Engine) brief(a *assessment, r role) {
	t := e.roles[r]
	if t == nil {
		return
	}
	frequency, _ := e.heldRole(roleFrequency)
	u := e.usual(t, frequency)
	a.value, a.ok = t.recent(&e.scratch, e.clock.pos, briefTicks)
	a.level, a.usual, a.noise, a.based = a.value, u.level, u.noise, u.ok
}

// heat is how much warmer the motor is than what flows past it.
func (e *Engine) heat(a *assessment) {
	motor, intake := e.roles[roleMotorTemperature], e.roles[roleIntakeTemperature]
	if motor == nil || intake == nil {
		return
	}
	m, okMotor := e.present(motor)
	i, okIntake := e.present(intake)
	frequency := e.fastest()
	um, ui := e.usual(motor, frequency), e.usual(intake, frequency)
	a.value, a.ok = m-i, okMotor && okIntake
	a.level, a.usual, a.noise = a.value, um.level-ui.level, math.Hypot(um.noise, ui.noise)
	a.based = um.ok && ui.ok && !um.far && !ui.far
}

// present is the median of the last minutes, or the value that holds now where it is read
// more rarely: a reading that says otherwise counts at once.
func (e *Engine) present(t *track) (float64, bool) {
	if t.period > float64(shortTicks*tick) {
		return t.held(e.now)
	}
	return t.recent(&e.scratch, e.clock.pos, shortTicks)
}

// fastest is the highest frequency since a motor has had time to take on the temperature
// of its speed: one that was slowed down gives off the heat of the speed before. NaN: not
// known.
func (e *Engine) fastest() float64 {
	f, ok := e.heldRole(roleFrequency)
	if !ok {
		return f
	}
	e.roles[roleFrequency].each(e.clock.min, int(settleTemperature/minute), func(_ int, level, _ float64) bool {
		if level > f {
			f = level
		}
		return true
	})
	return f
}

// climb is how fast a temperature rises, °C/h, over twenty minutes or six polls.
func (e *Engine) climb(a *assessment, r role, now int64) {
	t := e.roles[r]
	if t == nil {
		return
	}
	span := min(max(int(math.Ceil(climbPolls*t.period/float64(minute))), climbLeast), climbMost)
	least := int64(span+climbAverage) * minute
	if now-e.machine.regimeAt < least || now-t.at > int64(span)*minute/climbAverage {
		return
	}
	if e.machine.sawStart && now-e.machine.startAt < least+settleTemperature {
		return // it still warms up
	}
	recent, okRecent := e.meanLevel(t, 0)
	before, okBefore := e.meanLevel(t, span)
	if !okRecent || !okBefore {
		return
	}
	a.value, a.usual, a.level, a.ok, a.based = (recent-before)*60/float64(span), 0, recent, true, true
}

// meanLevel is the mean of a few minutes, age minutes ago.
func (e *Engine) meanLevel(t *track, age int) (float64, bool) {
	sum, n := 0.0, 0
	t.each(e.clock.min, age+climbAverage, func(back int, level, _ float64) bool {
		if back >= age && !math.IsNaN(level) {
			sum += level
			n++
		}
		return true
	})
	return sum / float64(n), n > 0
}

func (e *Engine) watchOf(r role) *supplyWatch {
	if r == roleInput {
		return &e.electric.input
	}
	return &e.electric.supply
}

// sag is the lowest voltage of the last dip; the usual one where there was none.
func (e *Engine) sag(a *assessment, r role, now int64) {
	w := e.watchOf(r)
	if w.track == nil {
		return
	}
	a.value, a.usual = w.reference, w.reference
	a.ok = !math.IsNaN(w.reference)
	a.based = a.ok
	if d, ok := w.seen(now, e.machine.state.Turning()); ok {
		a.value, a.usual, a.ok, a.based = d.lowest, d.reference, true, true
	}
	a.level = a.value
}

// reversals counts how often a value turned back in ten minutes. A change of speed
// turns back once or never, whatever its size; a control that hunts goes on.
func (e *Engine) reversals(a *assessment, r role) {
	t := e.roles[r]
	if t == nil {
		return
	}
	valid, fresh := t.window(e.scratch.raw[:], e.clock.pos, windowTicks)
	if valid < motionLeast || fresh < denseLeast {
		return
	}
	var turns turnCount
	for _, v := range e.scratch.raw[:windowTicks] {
		if !math.IsNaN(v) {
			turns.take(v, max(reverseHertz, reverseShare*math.Abs(v)))
		}
	}
	a.value, a.usual, a.ok, a.based = float64(turns.count), 0, true, true
}

// turnCount counts how often a value turns back by more than a least movement.
type turnCount struct {
	low, high float64
	direction int // 1 up, −1 down, 0 before the first movement
	begun     bool
	count     int
}

func (t *turnCount) take(v, least float64) {
	if !t.begun {
		t.low, t.high, t.begun = v, v, true
	}
	t.low, t.high = min(t.low, v), max(t.high, v)
	switch {
	case t.direction >= 0 && t.high-v > least:
		t.turn(-1, v)
	case t.direction <= 0 && v-t.low > least:
		t.turn(1, v)
	}
}

func (t *turnCount) turn(direction int, v float64) {
	if t.direction != 0 {
		t.count++
	}
	t.direction, t.low, t.high = direction, v, v
}

func (e *Engine) stalled(a *assessment, now int64) {
	w := &e.electric.stall
	a.ok, a.based, a.usual = e.rated(roleCurrent) > 0, true, 0
	a.value = 0
	if w.at != 0 && now-w.at < stallShown {
		a.value = w.seconds
	}
}

// codeDelay is how long a trip waits for its code, which can come a poll later.
const codeDelay = 4 * second

// standing says whether the drive has tripped, or the pump turns backwards. While the
// drive is silent neither is known.
func (e *Engine) standing(a *assessment, m measure, now int64) {
	s := e.machine.state
	a.ok, a.based, a.usual, a.value = s != esp.StateUnknown, true, 0, 0
	switch {
	case m == reversing && s == esp.Backspin:
		a.value = 1
	case m == tripped && (s == esp.Tripped || s == esp.RestartWait) && (e.driveCode() > 0 || now-e.machine.since >= codeDelay):
		a.value = 1
	}
}

// eventOnset is when something began that is no trend of a signal.
func (e *Engine) eventOnset(f feature, now int64) int64 {
	at := int64(0)
	switch f.measure {
	case sag:
		if d, ok := e.watchOf(f.role).seen(now, e.machine.state.Turning()); ok {
			at = d.from
		}
	case stalled:
		at = e.electric.stall.at - int64(e.electric.stall.seconds*1000)
	case tripped, reversing:
		at = e.machine.since
	case trouble:
		at = e.gauge.since
	default:
	}
	if at <= 0 {
		return now
	}
	return at
}
