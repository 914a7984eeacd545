package diagnosis

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// What happens between two ticks of the engine is followed scan by scan: a dip of the
// supply, a rotor that does not turn, a start.

// Dips. A sag of the supply lasts half a cycle to a minute (IEEE 1159); what lasts
// longer is undervoltage. It begins at 90 % of the voltage before, and is over at 95 %.
const (
	dipShare = 0.90
	dipOver  = 0.95
	dipMost  = 2 * minute
	dipShown = 20 * minute // a technician called by it should still find it
	dipSpan  = hour        // in which dips are counted
	dipsKept = 8
)

// dip is one sag of the supply.
type dip struct {
	from, to          int64 // to: 0 while it lasts
	lowest, reference float64
}

// supplyWatch looks for dips in one voltage.
type supplyWatch struct {
	track     *track
	reference float64 // median of ten minutes while the pump turned
	now, last dip
	ended     [dipsKept]int64
	count     int
}

func newSupplyWatch(t *track) supplyWatch { return supplyWatch{track: t, reference: math.NaN()} }

// learn takes the voltage against which a dip is measured, once a minute.
func (w *supplyWatch) learn(sc *scratch, pos int) {
	if w.track == nil || w.now.from != 0 {
		return
	}
	if v, ok := w.track.recent(sc, pos, windowTicks); ok {
		w.reference = v
	}
}

// observe takes the reading of this scan. A dip has to begin while the pump turns: a
// drive that stands may switch its supply off.
func (w *supplyWatch) observe(now int64, turning bool) {
	t := w.track
	if t == nil || t.at != now || math.IsNaN(w.reference) {
		return
	}
	d := &w.now
	switch {
	case d.from == 0:
		if turning && t.value < dipShare*w.reference {
			*d = dip{from: now, lowest: t.value, reference: w.reference}
		}
	case t.value < dipOver*d.reference:
		d.lowest = min(d.lowest, t.value)
	default:
		d.to = now
		if d.to-d.from <= dipMost {
			w.last = *d
			w.ended[w.count%dipsKept] = now
			w.count++
		}
		*d = dip{}
	}
}

// seen is the dip that is told now; ok is false where there is none.
func (w *supplyWatch) seen(now int64, turning bool) (d dip, ok bool) {
	if w.now.from != 0 && turning {
		return w.now, true
	}
	return w.last, w.last.to != 0 && now-w.last.to < dipShown
}

// within counts the dips of the last span.
func (w *supplyWatch) within(now, span int64) int { return countSince(w.ended[:], now-span) }

// countSince counts the times after one; zero is no time.
func countSince(times []int64, after int64) int {
	n := 0
	for _, at := range times {
		if at != 0 && at > after {
			n++
		}
	}
	return n
}

// Stall. A motor that stands under voltage draws about three times its nameplate
// current; a drive limits that and goes no further in frequency instead.
const (
	stallTimes   = 2.0  // of nameplate
	stallLimited = 1.10 // of nameplate, while the frequency stays low
	stallBelow   = 0.15 // of base frequency
	stallAllowed = 10 * second
	stallShown   = 30 * minute
)

// stallWatch looks for a locked rotor.
type stallWatch struct {
	high, low int64 // since when; 0: not so
	at        int64 // last seen; 0: never
	seconds   float64
	peak      float64
}

// observe takes the current in shares of nameplate (NaN: not known), and the frequency
// in shares of base frequency.
func (w *stallWatch) observe(now int64, turning bool, current, frequency float64) {
	follow := func(since *int64, is bool) int64 {
		switch {
		case !is:
			*since = 0
			return 0
		case *since == 0:
			*since = now
		}
		return now - *since
	}
	high := follow(&w.high, turning && current > stallTimes)
	low := follow(&w.low, turning && current > stallLimited && frequency < stallBelow)
	if high < 2*second && low < stallAllowed {
		return
	}
	if now-w.at > minute {
		w.peak = 0
	}
	w.at, w.seconds, w.peak = now, float64(max(high, low))/1000, max(w.peak, current)
}

// Starts. Common limits for submersible motors: 3 in an hour, 6 in a day.
const (
	startsHour = 3
	startsDay  = 6
	startsKept = 16
)

// startWatch remembers the last starts.
type startWatch struct {
	at      [startsKept]int64
	count   int
	counter int64 // the drive's own count; −1: not known
}

func (w *startWatch) note(now int64) {
	w.at[w.count%startsKept] = now
	w.count++
}

// counted takes the drive's own counter of starts, which sees those between two polls.
// It reports whether the drive has one.
func (w *startWatch) counted(value, now int64) bool {
	if value < 0 {
		return w.counter >= 0
	}
	if was := w.counter; was >= 0 && value > was {
		for range min(value-was, startsKept) {
			w.note(now)
		}
	}
	w.counter = value
	return true
}

func (w *startWatch) within(now, span int64) int { return countSince(w.at[:], now-span) }

// every is the interval between the last starts where they come regularly, as they do
// in a well that pumps itself off; 0 where they do not.
func (w *startWatch) every() int64 {
	const least = 4
	if w.count < least {
		return 0
	}
	lo, hi, sum := int64(math.MaxInt64), int64(0), int64(0)
	for i := w.count - least + 1; i < w.count; i++ {
		d := w.at[i%startsKept] - w.at[(i-1)%startsKept]
		lo, hi, sum = min(lo, d), max(hi, d), sum+d
	}
	if lo <= 0 || float64(hi) > 1.25*float64(lo) {
		return 0
	}
	return sum / (least - 1)
}

// electric is everything that is followed scan by scan in drive and supply.
type electric struct {
	supply, input supplyWatch
	stall         stallWatch
	starts        startWatch
}

func (e *Engine) bindElectric() {
	w := &e.electric
	if e.roles[roleInput] == e.roles[roleSupply] {
		e.roles[roleInput] = nil // one voltage is no second witness
	}
	w.supply, w.input = newSupplyWatch(e.roles[roleSupply]), newSupplyWatch(e.roles[roleInput])
	w.stall = stallWatch{}
	w.starts.counter = -1
}

// observeElectric looks at a scan before the state follows it: a dip that trips the
// drive comes in the same scan as the trip.
func (e *Engine) observeElectric(now int64) {
	turning := e.machine.state.Turning()
	e.electric.supply.observe(now, turning)
	e.electric.input.observe(now, turning)
	if r := e.rated(roleCurrent); r > 0 {
		current, _ := e.heldRole(roleCurrent)
		frequency, _ := e.heldRole(roleFrequency)
		e.electric.stall.observe(now, turning, current/r, frequency/e.well.Facts.BaseFrequency)
	}
	e.electric.starts.counted(e.code(esp.StartCount), now)
}

// rated is what the nameplate says of a role; NaN where that was not entered.
func (e *Engine) rated(r role) float64 {
	t, f := e.roles[r], &e.well.Facts
	if t == nil {
		return math.NaN()
	}
	v := 0.0
	switch t.signal {
	case esp.MotorCurrent:
		v = f.RatedCurrent
	case esp.OutputCurrent, esp.OutputCurrentA, esp.OutputCurrentB, esp.OutputCurrentC:
		v = f.RatedCurrent * f.TransformerRatio
	case esp.OutputPower:
		v = f.RatedPower
	case esp.MotorLoad:
		v = 100
	default:
	}
	if v <= 0 {
		return math.NaN()
	}
	return v
}

// computeUnbalance adds the unbalance of current where the drive gives the phases and
// not their unbalance.
func (e *Engine) computeUnbalance() {
	if e.trackOf(esp.CurrentUnbalance) != nil {
		return
	}
	for _, id := range phases {
		if e.trackOf(id) == nil {
			return
		}
	}
	e.tracks = append(e.tracks, newTrack(-1, esp.CurrentUnbalance, esp.CurrentUnbalance.Info().Resolution()))
}

var phases = [...]esp.SignalID{esp.OutputCurrentA, esp.OutputCurrentB, esp.OutputCurrentC}

// takeUnbalance computes the unbalance of the phases of this scan: the largest
// deviation from their mean.
func (e *Engine) takeUnbalance(now int64) {
	t := e.roles[roleUnbalance]
	if t == nil || t.column >= 0 {
		return
	}
	var v [len(phases)]float64
	sum := 0.0
	for i, id := range phases {
		p := e.trackOf(id)
		if p.due != now || p.failing {
			return
		}
		v[i] = p.value
		sum += p.value
	}
	mean := sum / float64(len(v))
	if mean < turningCurrent {
		return // a motor that stands has none
	}
	worst := 0.0
	for _, x := range v {
		worst = max(worst, math.Abs(x-mean))
	}
	r := esp.Reading{Value: 100 * worst / mean, Quality: esp.Good}
	t.take(&r, now)
}
