package diagnosis

import (
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Settle clocks, measured on field data: how long after a start or a change of speed
// a quantity still follows that change.
const (
	settleElectrical  = 2 * minute
	settleTemperature = 30 * minute
	settleIntake      = 6 * hour
	settleFirstSight  = 5 * minute // the pump was already turning when we began to look

	startLeast    = 10 * second
	rampWindow    = 12 // ticks: one minute
	rampLeast     = 0.5
	rampShare     = 0.01
	confirmScans  = 2 // a change of state seen only in numbers has to be seen twice
	reconnectKeep = 10 * minute
)

// What counts as turning when the drive does not say so itself.
const (
	turningHertz       = 1.0
	turningPowerShare  = 0.01 // of nameplate
	turningPower       = 0.2  // kW, nameplate not entered
	turningShare       = 0.03 // of nameplate current
	turningCurrent     = 0.5  // A, nameplate not entered
	turningAloneShare  = 0.10 // current is the only witness
	turningAloneAmpere = 1.0
)

// machine derives the state of the pump. Order of evidence: the drive's own status,
// then output frequency and power, then current, all against the nameplate and never
// against the pump's own median, which can be zero.
type machine struct {
	facts    esp.Facts
	state    esp.State
	since    int64
	seen     bool // any evidence yet
	candid   esp.State
	votes    int
	startAt  int64
	sawStart bool
	turnedAt int64 // last seen turning
	lostAt   int64 // since when unknown
	before   esp.State
	regimeAt int64 // last start, change of speed or long silence
	ramping  bool
}

// witness is what one scan says about the pump.
type witness struct {
	silent                    bool
	status                    esp.State // from the drive; StateUnknown when it does not say
	frequency, power, current float64   // NaN where not known
	fault, wait               float64
}

// judge is the state that the witness supports, and whether the drive said so itself.
func (m *machine) judge(w *witness) (s esp.State, said bool) {
	switch {
	case w.silent:
		return esp.StateUnknown, true
	case w.status.Turning() && w.status != esp.Starting:
		return esp.Running, true
	case w.status != esp.StateUnknown:
		return w.status, true
	}
	turning, known := m.turning(w)
	switch {
	case !known:
		return esp.StateUnknown, false
	case turning:
		return esp.Running, false
	case w.wait > 0:
		return esp.RestartWait, false
	case w.fault > 0:
		return esp.Tripped, false
	}
	return esp.Stopped, false
}

func (m *machine) turning(w *witness) (turning, known bool) {
	power, hasPower := w.power, !math.IsNaN(w.power)
	current, hasCurrent := w.current, !math.IsNaN(w.current)
	least := orNameplate(turningPowerShare, m.facts.RatedPower, turningPower)
	if !math.IsNaN(w.frequency) {
		switch {
		case w.frequency <= turningHertz:
			return false, true
		case hasPower:
			return power > least, true
		case hasCurrent:
			return current > orNameplate(turningShare, m.facts.RatedCurrent, turningCurrent), true
		}
		return true, true
	}
	switch {
	case hasPower:
		return power > least, true
	case hasCurrent:
		return current > orNameplate(turningAloneShare, m.facts.RatedCurrent, turningAloneAmpere), true
	}
	return false, false
}

func orNameplate(share, rated, otherwise float64) float64 {
	if rated > 0 {
		return share * rated
	}
	return otherwise
}

// step takes a witness at now and reports whether the state changed.
func (m *machine) step(w *witness, now int64) bool {
	next, said := m.judge(w)
	if !said && m.seen && m.class(next) != m.class(m.state) {
		if next != m.candid {
			m.candid, m.votes = next, 0
		}
		if m.votes++; m.votes < confirmScans {
			return false
		}
	}
	m.candid, m.votes = esp.StateUnknown, 0
	if next.Turning() {
		next = m.refine(next, w, now)
		m.turnedAt = now
	}
	if next == m.state {
		return false
	}
	m.enter(next, now)
	return true
}

// class of a state for confirming it: turning, standing or unknown.
func (m *machine) class(s esp.State) int {
	switch {
	case s.Turning():
		return 1
	case s == esp.StateUnknown:
		return 2
	}
	return 0
}

// refine says how the pump turns.
func (m *machine) refine(next esp.State, w *witness, now int64) esp.State {
	was := m.state
	if was == esp.StateUnknown && m.seen {
		was = m.before
		if now-m.lostAt > reconnectKeep && m.state == esp.StateUnknown {
			m.regimeAt = now // what happened meanwhile is not known
		}
	}
	switch {
	case !m.seen && next == esp.Running:
		m.startAt, m.regimeAt, m.sawStart = now, now, false
		return esp.Running
	case !m.seen, !was.Turning():
		m.startAt, m.regimeAt, m.sawStart = now, now, true
		return esp.Starting
	case was == esp.Starting:
		if next == esp.Starting || m.ramping || now-m.startAt < startLeast {
			m.regimeAt = now
			return esp.Starting
		}
		return esp.Settling
	case m.sawStart && now-m.startAt < settleTemperature:
		return esp.Settling
	case m.ramping && !math.IsNaN(w.frequency):
		return esp.Ramping
	}
	return esp.Running
}

func (m *machine) enter(next esp.State, now int64) {
	if next == esp.StateUnknown {
		m.lostAt, m.before = now, m.state
	}
	m.state, m.since, m.seen = next, now, true
}

// ramp takes the frequencies of the last minute, once per tick.
func (m *machine) ramp(f []float64, now int64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range f {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	m.ramping = hi-lo > max(rampLeast, rampShare*max(m.facts.BaseFrequency, hi))
	if m.ramping {
		m.regimeAt = now
	}
}

// settled reports whether a settle clock has run out.
func (m *machine) settled(now, clock int64) bool {
	return m.state.Turning() && m.state != esp.Starting && now-m.regimeAt >= clock
}

// warm reports whether a started motor has warmed up; one that already turned when
// we began to look gets a short allowance only.
func (m *machine) warm(now int64) bool {
	if m.sawStart {
		return now-m.startAt >= settleTemperature
	}
	return now-m.startAt >= settleFirstSight
}

// driveWatch tells a silent drive from one that was not asked.
type driveWatch struct {
	columns  []int
	answer   int64 // last
	due      int64 // last
	period   float64
	failing  bool
	started  bool
	answered bool // ever
}

// Limits of silence: three polls, ten seconds.
func (d *driveWatch) silent(now int64) bool {
	return d.failing && now-d.answer > max(int64(holdPolls*d.period), holdLeast)
}

func (d *driveWatch) take(readings []esp.Reading, now int64) {
	due, answered := false, false
	for _, i := range d.columns {
		q := readings[i].Quality
		due = due || q != esp.NotDue
		answered = answered || (q != esp.NotDue && q != esp.Lost)
	}
	if !due {
		return
	}
	if !d.started {
		d.started, d.answer, d.due = true, now, now
	}
	if dt := float64(now - d.due); dt > 0 {
		if dt > math.Max(5*d.period, float64(minute)) {
			d.answer = now // it was not asked meanwhile: that is no silence of the drive
		}
		if d.period == 0 {
			d.period = dt
		}
		d.period += (math.Min(dt, float64(2*hour)) - d.period) / 8
	}
	d.due = now
	d.failing = !answered
	if answered {
		d.answer, d.answered = now, true
	}
}

// silence is how long the drive has not answered.
func (d *driveWatch) silence(now int64) time.Duration {
	if !d.failing {
		return 0
	}
	return time.Duration(now-d.answer) * time.Millisecond
}
