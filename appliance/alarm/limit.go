package alarm

import (
	"fmt"
	"math"
	"strconv"

	"wellkeeper.internal/appliance/esp"
)

// maxPolls bounds what the time between two readings counts for: beyond this many
// usual polls it is a hole, and nobody knows what the value did in it.
const (
	maxPolls  = 5
	holeLeast = 10_000 // ms
)

// limitWatch follows one limit.
type limitWatch struct {
	limit  esp.Limit
	id     string
	label  string
	on     bool
	index  int     // column, −1 where the layout has none
	last   int64   // of the last usable reading; 0: none, or something unusable came after it
	period float64 // ms between usable readings
	beyond int64   // ms that it has been beyond the limit, as far as was seen
	back   int64   // ms that it has been back
	since  int64   // when it went beyond
	side   int     // of the last reading: 1 beyond, −1 back, 0 in the deadband
}

func newLimitWatch(l esp.Limit, used map[string]int) limitWatch {
	info := l.Signal.Info()
	w := limitWatch{limit: l, label: info.Label + " " + sideWord(l.High), index: -1}
	w.id = info.Name + "_" + sideWord(l.High)
	used[w.id]++
	if n := used[w.id]; n > 1 { // a second limit on the same side, with another priority
		w.id += "_" + strconv.Itoa(n)
	}
	return w
}

func sideWord(high bool) string {
	if high {
		return "high"
	}
	return "low"
}

// applies reports whether a limit is judged in a state: yes, no, or not now.
func (w *limitWatch) applies(s esp.State) (yes, no bool) {
	if !w.limit.Running {
		return true, false
	}
	switch s {
	case esp.Running, esp.Settling:
		return true, false
	case esp.Ramping, esp.StateUnknown:
		return false, false // it neither begins nor ends here
	default:
		return false, true
	}
}

// watchLimit judges one reading against one limit. A value that cannot be trusted
// neither raises nor clears, and its time does not count.
func (m *Manager) watchLimit(w *limitWatch, s *esp.Scan, state esp.State, now int64, out []esp.Alarm) []esp.Alarm {
	yes, no := w.applies(state)
	if no {
		w.reset()
		if w.on {
			w.on = false
			return m.clear(w.id, w.label+" is over: the pump is not running.", m.wall(now), esp.NoNumber(), out)
		}
		return out
	}
	if w.index < 0 || s.Readings[w.index].Quality == esp.NotDue {
		return out
	}
	r := &s.Readings[w.index]
	if !yes || !r.Quality.Usable() {
		w.last = 0
		return out
	}
	w.count(w.sideOf(r.Value), now)
	switch {
	case !w.on && w.side > 0 && w.beyond >= w.limit.Delay.Milliseconds():
		w.on = true
		return m.raise(m.limitAlarm(w, r.Value, now), out)
	case w.on && w.side < 0 && w.back >= w.limit.OffDelay.Milliseconds():
		w.on = false
		text := fmt.Sprintf("%s is over: %s.", w.label, amount(r.Value, w.limit.Signal))
		return m.clear(w.id, text, m.wall(now), rounded(r.Value, w.limit.Signal), out)
	}
	return out
}

func (w *limitWatch) reset() { w.last, w.beyond, w.back, w.side = 0, 0, 0, 0 }

// sideOf says where a value lies: 1 beyond the limit, −1 back by the deadband, 0
// between. Saturated readings count: the true value is there or beyond.
func (w *limitWatch) sideOf(v float64) int {
	over, back := v > w.limit.Value, v <= w.limit.Value-w.limit.Deadband
	if !w.limit.High {
		over, back = v < w.limit.Value, v >= w.limit.Value+w.limit.Deadband
	}
	switch {
	case over:
		return 1
	case back:
		return -1
	}
	return 0
}

// count adds the time since the last usable reading to the side that held meanwhile.
func (w *limitWatch) count(side int, now int64) {
	dt := int64(0)
	if w.last != 0 {
		dt = now - w.last
		if w.period == 0 {
			w.period = float64(dt)
		}
		if float64(dt) > math.Max(maxPolls*w.period, holeLeast) {
			dt, w.beyond, w.back, w.since = 0, 0, 0, 0
		} else {
			w.period += (float64(dt) - w.period) / 8
		}
	}
	held := w.side
	w.last, w.side = now, side
	switch {
	case side <= 0:
		w.beyond, w.since = 0, 0
	case held > 0:
		w.beyond += dt
	}
	if side > 0 && w.since == 0 {
		w.since = now
	}
	switch {
	case side >= 0:
		w.back = 0
	case held < 0:
		w.back += dt
	}
}

func (m *Manager) limitAlarm(w *limitWatch, v float64, now int64) esp.Alarm {
	word := "below"
	if w.limit.High {
		word = "above"
	}
	id := w.limit.Signal
	return esp.Alarm{
		Time: m.wall(now), ID: w.id, Priority: w.limit.Priority, Since: m.wall(w.since), Signal: id.String(),
		Unit: id.Info().Unit, Value: rounded(v, id), Limit: esp.Number(w.limit.Value), Title: w.label,
		Text: fmt.Sprintf("%s is %s, %s its limit of %s.", id.Info().Label, amount(v, id), word, amount(w.limit.Value, id)),
	}
}

// amount writes a value of a signal in its stored unit and resolution.
func amount(v float64, id esp.SignalID) string {
	info := id.Info()
	return info.Unit.Label(strconv.FormatFloat(v, 'f', int(info.Decimals), 64))
}

func rounded(v float64, id esp.SignalID) esp.Number {
	scale := 1 / id.Info().Resolution()
	return esp.Number(math.Round(v*scale) / scale)
}
