package diagnosis

import (
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Config is what an engine needs to know.
type Config struct {
	// Well names the well; its Facts are used where they were entered.
	Well esp.Well
	// Fault puts a code of the drive in words. It may be nil: codes are then told as
	// numbers.
	Fault func(code int64) Fault
}

// Fault is what the drive's manual says of a code.
type Fault struct {
	Text      string // for people; empty where the manual says nothing
	Canonical string // the name of its kind, such as overload or ground_fault; may be empty
}

// Outcome is what one scan changed: usually nothing.
type Outcome struct {
	Events    []esp.Event
	Diagnoses []esp.Diagnosis // changes only, in order
}

// Engine follows one well.
type Engine struct {
	well   esp.Well
	rules  []rule
	faults func(code int64) Fault

	layout *esp.Layout
	tracks []*track // in layout order, then computed ones
	// slowTracks are those with a slow memory: they play a role.
	slowTracks []*track
	roles      [roleCount]*track
	status     statusColumns
	codes      [codeCount]int64 // last values of the status columns; −1: not known
	drive      driveWatch
	machine    machine
	tally      tally

	now    int64 // monotonic, ms
	offset int64 // monotonic minus wall time
	period float64
	clock  clock
	slots  slotClock
	slow   slowClock
	swell  swell
	low    low
	choice struct { // of a reference
		turn  int
		since since
	}

	findings []finding
	features [roleCount][measureCount]cachedFeature
	motions  [roleCount]cachedMotion
	turn     int   // of evaluation, for the feature cache
	reviewed int64 // when the slow rules were last looked at

	electric electric
	gauge    gaugeWatch

	stop     Stop
	stopped  bool
	restarts int64

	scratch scratch
	freq    [rampWindow]float64
}

// statusColumns are columns with codes; −1 where the layout has none.
type statusColumns [codeCount]int

// statusSignals are the codes that are followed.
var statusSignals = [...]esp.SignalID{
	esp.RunState, esp.FaultCode, esp.LastShutdownCode, esp.RestartsDone, esp.RestartRemaining, esp.WarningCode, esp.StartCount,
}

const codeCount = len(statusSignals)

// Memory is how far back an engine remembers: one that has seen so much of the past
// knows what one knows that was never stopped.
const Memory = hours * time.Hour

// New makes an engine that has seen nothing yet. It never fails: what is not
// configured is not assessed.
func New(c Config) *Engine {
	e := &Engine{well: c.Well, faults: c.Fault, rules: rules, machine: machine{facts: c.Well.Facts}, swell: newSwell()}
	e.scratch = newScratch()
	e.findings = make([]finding, len(e.rules))
	return e
}

// Observe takes the next scan, graded by a Gate. Scans are expected in order; after
// a step back of the clock time goes on from where it was.
func (e *Engine) Observe(s *esp.Scan) Outcome {
	if s.Layout != e.layout && (e.layout == nil || s.Layout.ID() != e.layout.ID()) {
		e.bind(s.Layout)
	}
	now := e.advance(s.Time.UnixMilli())
	ticked := e.runTicks(now - 1) // ticks before this scan still see the values before it
	e.take(s.Readings, now)
	e.observeElectric(now)
	e.observeGauge(s.Readings, now)
	var out Outcome
	e.observeState(now, &out)
	if e.runTicks(now) || ticked { // scans need not come at ticks
		e.evaluate(now, &out)
	}
	return out
}

// bind starts afresh for a layout. Baselines of signals that stay are kept.
func (e *Engine) bind(layout *esp.Layout) {
	old := e.tracks
	e.layout, e.tracks = layout, nil
	e.drive = driveWatch{}
	for i := range layout.Columns {
		c := &layout.Columns[i]
		if c.Signal == 0 {
			continue
		}
		info := c.Signal.Info()
		if info.Group == esp.DriveGroup {
			e.drive.columns = append(e.drive.columns, i)
		}
		if info.Kind != esp.Analog && info.Kind != esp.Derived {
			continue
		}
		e.tracks = append(e.tracks, newTrack(i, c.Signal, quantum(c, info)))
	}
	for k, id := range statusSignals {
		e.status[k], e.codes[k] = layout.Index(id), -1
	}
	if e.trackOf(esp.PumpDP) == nil && layout.Index(esp.IntakePressure) >= 0 && layout.Index(esp.DischargePressure) >= 0 {
		e.tracks = append(e.tracks, newTrack(-1, esp.PumpDP, esp.PumpDP.Info().Resolution()))
	}
	e.computeUnbalance()
	e.bindRoles()
	for _, was := range old {
		if t := e.trackOf(was.signal); t != nil {
			t.baseline = was.baseline
			t.baseline.clear()
			t.slow = was.slow
		}
	}
	e.bindSlow()
	e.bindElectric()
	e.bindGauge()
}

// bindRoles finds who plays each role.
func (e *Engine) bindRoles() {
	for r := range e.roles {
		e.roles[r] = nil
		for _, id := range roleSignals[r] {
			if t := e.trackOf(id); t != nil {
				e.roles[r] = t
				break
			}
		}
	}
}

// quantum is the smallest step of a column: that of its register, or of the signal.
func quantum(c *esp.Column, info *esp.Signal) float64 {
	if c.Float {
		return info.Resolution()
	}
	return max(math.Abs(c.Scale.Apply(1)-c.Scale.Apply(0)), info.Resolution())
}

func (e *Engine) trackOf(id esp.SignalID) *track {
	for _, t := range e.tracks {
		if t.signal == id {
			return t
		}
	}
	return nil
}

// ClockStepped says that the clock that stamps the scans was set by step between the
// last scan and the next: no time has passed, and what is dated moves with the clock.
func (e *Engine) ClockStepped(step time.Duration) {
	if e.now == 0 {
		return
	}
	e.offset -= step.Milliseconds()
	for _, at := range []*time.Time{&e.stop.At, &e.stop.LastTurning, &e.stop.Restarted} {
		if !at.IsZero() {
			*at = at.Add(step)
		}
	}
}

// advance moves the engine's own clock, which never goes back.
func (e *Engine) advance(wall int64) int64 {
	if e.now == 0 {
		e.now, e.clock.next = wall, wall-wall%tick
		return wall
	}
	now := wall + e.offset
	if now <= e.now {
		e.offset += e.now + 1 - now // the clock was set back: go on from here
		now = e.now + 1
	}
	gap := float64(now - e.now)
	if e.period == 0 {
		e.period = gap
	}
	if gap > max(5*e.period, float64(reconnectKeep)) {
		e.machine.regimeAt = now // the appliance was away: what happened is not known
	}
	if gap > max(2.5*e.period, float64(silentGap)) {
		e.slow.lose(now)
	}
	e.period += (math.Min(gap, float64(2*hour)) - e.period) / 8
	e.now = now
	return now
}

// wall is the time of day of an engine time.
func (e *Engine) wall(t int64) time.Time { return time.UnixMilli(t - e.offset).UTC() }

// take notes all readings of a scan.
func (e *Engine) take(readings []esp.Reading, now int64) {
	e.drive.take(readings, now)
	for _, t := range e.tracks {
		if t.column < 0 {
			continue
		}
		if r := &readings[t.column]; r.Quality != esp.NotDue {
			t.take(r, now)
		}
	}
	e.takeCodes(readings)
	e.takeUnbalance(now)
	dp := e.roles[roleDP]
	if dp == nil || dp.column >= 0 {
		return
	}
	intake, discharge := e.roles[roleIntake], e.roles[roleDischarge]
	if intake.due != now && discharge.due != now {
		return
	}
	low, okLow := intake.held(now)
	high, okHigh := discharge.held(now)
	r := esp.Reading{Value: high - low, Quality: esp.Good}
	if !okLow || !okHigh || intake.failing || discharge.failing {
		r = esp.LostReading(esp.NoReason)
	}
	dp.take(&r, now)
}

func (e *Engine) takeCodes(readings []esp.Reading) {
	for k, i := range e.status {
		switch {
		case i < 0 || readings[i].Quality == esp.NotDue:
		case readings[i].Quality.Usable():
			e.codes[k] = int64(readings[i].Value)
		default:
			e.codes[k] = -1
		}
	}
}

// code is the last value of a code column; −1 where there is none.
func (e *Engine) code(id esp.SignalID) int64 {
	for k, of := range statusSignals {
		if of == id {
			return e.codes[k]
		}
	}
	return -1
}

// heldRole is the value that a role holds now.
func (e *Engine) heldRole(r role) (float64, bool) {
	if e.roles[r] == nil {
		return math.NaN(), false
	}
	return e.roles[r].held(e.now)
}

func (e *Engine) observeState(now int64, out *Outcome) {
	w := witness{silent: e.drive.silent(now), fault: float64(e.code(esp.FaultCode)), wait: float64(e.code(esp.RestartRemaining))}
	if c := e.code(esp.RunState); c > 0 && c <= int64(esp.Backspin) {
		w.status = esp.State(c)
	}
	w.frequency, _ = e.heldRole(roleFrequency)
	w.current, _ = e.heldRole(roleCurrent)
	w.power = math.NaN()
	if t := e.roles[rolePower]; t != nil && t.signal == esp.OutputPower {
		w.power, _ = t.held(now)
	}
	from := e.machine.state
	e.tally.pass(now, from, e.period)
	turned := from.Turning() || (from == esp.StateUnknown && e.machine.before.Turning())
	if !e.machine.step(&w, now) {
		e.noteFault()
		return
	}
	to := e.machine.state
	if from != esp.StateUnknown || e.machine.before != esp.StateUnknown {
		e.tally.change(turned, to)
	}
	switch {
	case turned && !to.Turning() && to != esp.StateUnknown:
		e.noteStop(now)
	case to.Turning() && !from.Turning():
		e.noteStart(from, now)
	}
	out.Events = append(out.Events, esp.Event{
		Well: e.well.ID, Time: e.wall(now), ID: "state_changed", Text: e.stateText(from, to), From: from, To: to,
	})
}

// catchUpTicks is how much of a silence is made up for tick by tick: beyond it no value
// is held any more.
const catchUpTicks = holdIdle/tick + windowTicks

// runTicks makes all ticks up to now and reports whether there was one.
func (e *Engine) runTicks(now int64) bool {
	if e.clock.next > now {
		return false
	}
	if behind := (now - e.clock.next) / tick; behind > catchUpTicks {
		e.skip(behind - catchUpTicks)
	}
	for e.clock.next <= now {
		e.oneTick(e.clock.next)
		e.clock.next += tick
	}
	return true
}

// skip passes over ticks of a long silence; whole minutes of it are remembered as
// unknown.
func (e *Engine) skip(n int64) {
	for range min(n/minuteTicks, minutes) {
		for _, t := range e.tracks {
			t.level[e.clock.min], t.unrest[e.clock.min] = float32(math.NaN()), float32(math.NaN())
		}
		e.clock.min = (e.clock.min + 1) % minutes
	}
	first := e.clock.next / tick
	e.clock.next += n * tick
	last := e.clock.next / tick
	e.skipFrames(last/frameTicks - first/frameTicks)
	e.skipHours(last/hourTicks - first/hourTicks)
}

func (e *Engine) oneTick(at int64) {
	for _, t := range e.tracks {
		v, ok := t.held(at)
		if !ok {
			v = math.NaN()
		}
		t.push(e.clock.pos, v)
	}
	e.clock.pos = (e.clock.pos + 1) % windowTicks
	if t := e.roles[roleFrequency]; t != nil {
		t.window(e.freq[:], e.clock.pos, rampWindow)
		e.machine.ramp(e.freq[:], at)
	}
	count := at / tick
	if (count+1)%minuteTicks == 0 {
		for _, t := range e.tracks {
			t.closeMinute(&e.scratch, e.clock.pos, e.clock.min)
		}
		if e.machine.state.Turning() {
			e.electric.supply.learn(&e.scratch, e.clock.pos)
			e.electric.input.learn(&e.scratch, e.clock.pos)
		}
		e.clock.min = (e.clock.min + 1) % minutes
	}
	if (count+1)%frameTicks == 0 {
		e.closeFrame(at)
	}
	if (count+1)%hourTicks == 0 {
		e.closeHour()
	}
	if (count+1)%windowTicks == 0 {
		e.closeSlot(at)
	}
}

// closeSlot learns the last ten minutes if they were normal: settled, at one speed,
// with no finding near.
func (e *Engine) closeSlot(at int64) {
	for i := range e.findings {
		if f := &e.findings[i]; e.rules[i].turning && !e.rules[i].information && (f.open || f.suspicious) {
			e.slots.unlearn()
			return
		}
	}
	if e.machine.state != esp.Running || !e.machine.warm(at) || !e.machine.settled(at, windowTicks*tick) {
		return
	}
	f := math.NaN()
	if t := e.roles[roleFrequency]; t != nil {
		if m, ok := t.recent(&e.scratch, e.clock.pos, windowTicks); ok {
			f = m
		}
	}
	e.shelve(f)
}

// State is what the pump does and since when.
func (e *Engine) State() (s esp.State, since time.Time) {
	if e.machine.since == 0 {
		return esp.StateUnknown, time.Time{}
	}
	return e.machine.state, e.wall(e.machine.since)
}
