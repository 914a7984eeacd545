package alarm

import (
	"fmt"
	"slices"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// A watched signal that cannot be read is itself worth an alarm, of the lowest
// priority: the limit on it protects nothing meanwhile.
const (
	lossDelay    = 60_000 // ms
	lossOffDelay = 10_000 // ms that it has to be back
	lossPriority = 3
	lossTogether = 2 // watched signals of one device lost together are one alarm
)

// lossWatch follows whether one watched signal can be used.
type lossWatch struct {
	signal esp.SignalID
	index  int
	device int
	bad    int64 // since when; 0: usable
	good   int64 // since when usable again; 0: not
	lost   bool
	id     string // of its alarm
	label  string
	gauge  bool // downhole: a gauge fault says it already

	quality esp.Quality // of the last unusable reading
	why     esp.Reason
}

// deviceWatch follows one device that watched signals come from.
type deviceWatch struct {
	id      esp.DeviceID
	drive   bool  // its silence is told as communication_lost
	gauge   bool  // all that is watched of it is downhole: its silence is told as gauge_fault
	columns []int // all of its columns
	silent  int64 // since when; 0: it answers
	good    int64
	on      bool
	alarm   string // id of its alarm
}

func (m *Manager) bind(layout *esp.Layout) {
	m.layout = layout
	m.losses, m.groups = nil, nil
	devices := make(map[esp.DeviceID]int)
	for i := range m.limits {
		w := &m.limits[i]
		w.reset()
		w.index = layout.Index(w.limit.Signal)
		if w.index < 0 || slices.ContainsFunc(m.losses, func(l lossWatch) bool { return l.signal == w.limit.Signal }) {
			continue
		}
		id := layout.Columns[w.index].Device
		d, known := devices[id]
		if !known {
			d = len(m.groups)
			devices[id] = d
			m.groups = append(m.groups, m.newDeviceWatch(id, layout))
		}
		l := lossWatch{signal: w.limit.Signal, index: w.index, device: d, id: w.limit.Signal.String() + "_lost", label: w.limit.Signal.Info().Label}
		l.gauge = w.limit.Signal.Info().Group == esp.GaugeGroup
		l.lost = m.present(l.id)
		m.losses = append(m.losses, l)
	}
}

func (m *Manager) newDeviceWatch(id esp.DeviceID, layout *esp.Layout) deviceWatch {
	w := deviceWatch{gauge: true, id: id, alarm: "device_" + string(id) + "_lost"}
	w.on = m.present(w.alarm)
	for i := range layout.Columns {
		c := &layout.Columns[i]
		if c.Device != id {
			continue
		}
		w.columns = append(w.columns, i)
		if c.Signal == 0 {
			continue
		}
		w.drive = w.drive || c.Signal.Info().Group == esp.DriveGroup
		w.gauge = w.gauge && c.Signal.Info().Group == esp.GaugeGroup
	}
	return w
}

func (m *Manager) watchLosses(s *esp.Scan, now int64, out []esp.Alarm) []esp.Alarm {
	for i := range m.losses {
		m.losses[i].take(&s.Readings[m.losses[i].index], now)
	}
	for d := range m.groups {
		m.groups[d].take(s.Readings, now)
		out = m.watchDevice(d, now, out)
	}
	for i := range m.losses {
		l := &m.losses[i]
		covered := m.groups[l.device].covers() || l.gauge && m.present(string(esp.GaugeFault))
		switch present := m.present(l.id); {
		case !present && l.gone() && !covered:
			out = m.raiseLoss(l, now, out)
		case present && covered:
			out = m.clear(l.id, l.label+" is lost together with others.", m.wall(now), esp.NoNumber(), out)
		case present && !l.lost:
			out = m.clear(l.id, l.label+" can be read again.", m.wall(now), esp.NoNumber(), out)
		}
	}
	return out
}

// present reports whether an alarm's condition is there, as far as was told.
func (m *Manager) present(id string) bool {
	a := m.active[id]
	return a != nil && a.State != esp.AlarmReturned
}

// gone reports whether the signal is lost and not on its way back.
func (l *lossWatch) gone() bool { return l.lost && l.bad != 0 }

func (l *lossWatch) take(r *esp.Reading, now int64) {
	switch {
	case r.Quality == esp.NotDue:
	case r.Quality.Usable():
		l.bad = 0
		if l.good == 0 {
			l.good = now
		}
		l.lost = l.lost && now-l.good < lossOffDelay
	default:
		l.good = 0
		if l.bad == 0 {
			l.bad = now
		}
		l.lost = l.lost || now-l.bad > lossDelay
		l.quality, l.why = r.Quality, r.Reason
	}
}

// take notes whether the device answered at all.
func (w *deviceWatch) take(readings []esp.Reading, now int64) {
	due, answered := false, false
	for _, i := range w.columns {
		q := readings[i].Quality
		due = due || q != esp.NotDue
		answered = answered || (q != esp.NotDue && q != esp.Lost)
	}
	switch {
	case !due:
	case answered:
		w.silent = 0
		if w.good == 0 {
			w.good = now
		}
	default:
		w.good = 0
		if w.silent == 0 {
			w.silent = now
		}
	}
}

// covers reports whether the device's own alarm, or the diagnosis of a silent drive,
// says already that its signals are lost.
func (w *deviceWatch) covers() bool { return w.on || w.silent != 0 }

// watchDevice raises one alarm for a device that is silent or has lost several
// watched signals, in place of one for each. The drive's silence is a diagnosis.
func (m *Manager) watchDevice(d int, now int64, out []esp.Alarm) []esp.Alarm {
	w := &m.groups[d]
	gone, lost := 0, 0
	told := m.present(string(esp.GaugeFault))
	for i := range m.losses {
		l := &m.losses[i]
		if l.device != d || !l.lost || l.gauge && told {
			continue
		}
		lost++
		if l.bad != 0 {
			gone++
		}
	}
	silent := !w.drive && w.silent != 0 && now-w.silent > lossDelay && (!w.gauge || !told)
	was := w.on
	switch {
	case w.drive && w.silent != 0:
		w.on = false
	case silent || gone >= lossTogether:
		w.on = true
	default:
		w.on = w.on && lost > 0
	}
	switch {
	case w.on && !was:
		return m.raise(m.deviceAlarm(d, silent, now), out)
	case was && !w.on:
		return m.clear(w.alarm, "Device "+string(w.id)+" gives usable values again.", m.wall(now), esp.NoNumber(), out)
	}
	return out
}

func (m *Manager) deviceAlarm(d int, silent bool, now int64) esp.Alarm {
	w := &m.groups[d]
	var names []string
	since := now
	for i := range m.losses {
		if l := &m.losses[i]; l.device == d && l.gone() {
			names = append(names, strings.ToLower(l.label))
			since = min(since, l.bad)
		}
	}
	a := esp.Alarm{
		Time: m.wall(now), ID: w.alarm, Priority: lossPriority, Value: esp.NoNumber(), Limit: esp.NoNumber(),
		Title: fmt.Sprintf("Device %s: signals lost", w.id), Since: m.wall(since),
		Text: fmt.Sprintf("No usable value of %s from device %s: their limits protect nothing now.", strings.Join(names, ", "), w.id),
	}
	if silent {
		a.Title, a.Since = fmt.Sprintf("Device %s does not answer", w.id), m.wall(w.silent)
		a.Text = fmt.Sprintf("Device %s has not answered for %d s: the limits on its signals protect nothing now.", w.id, (now-w.silent)/1000)
	}
	return a
}

func (m *Manager) raiseLoss(l *lossWatch, now int64, out []esp.Alarm) []esp.Alarm {
	info := l.signal.Info()
	return m.raise(esp.Alarm{
		Time: m.wall(now), ID: l.id, Priority: lossPriority, Since: m.wall(l.bad), Signal: info.Name, Unit: info.Unit,
		Value: esp.NoNumber(), Limit: esp.NoNumber(), Title: l.label + " signal lost",
		Text: fmt.Sprintf("%s has had no usable value for %d s (%s): its limit protects nothing now.", l.label, (now-l.bad)/1000, l.reason()),
	}, out)
}

// reason says why the signal cannot be used.
func (l *lossWatch) reason() string {
	if l.why == esp.NoReason {
		return l.quality.String()
	}
	return l.quality.String() + ", " + strings.ReplaceAll(l.why.String(), "_", " ")
}
