// Package alarm turns limits and diagnoses into alarms a person can work with: with
// delays and deadbands against chatter, three priorities, and the acknowledgement
// states of ISA-18.2. It only says what changed; keeping the changes and showing them
// is the caller's affair.
//
// It is pure: no I/O, no clock (time is that of the scans), no goroutine, the same
// input gives the same alarms to the byte. A Manager belongs to one well and one
// goroutine. Shelving and suppression are not in this release. It imports esp only;
// the appliance imports it.
package alarm

import (
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Config is what a manager watches.
type Config struct {
	Well   esp.WellID
	Limits []esp.Limit
}

// Manager keeps the alarms of one well.
type Manager struct {
	well   esp.WellID
	limits []limitWatch
	layout *esp.Layout
	losses []lossWatch
	groups []deviceWatch
	active map[string]*esp.Alarm
	now    int64 // of the last scan, monotonic
	offset int64
}

// New makes a manager with nothing active.
func New(c Config) *Manager {
	m := &Manager{well: c.Well, active: make(map[string]*esp.Alarm)}
	used := make(map[string]int)
	for _, l := range c.Limits {
		m.limits = append(m.limits, newLimitWatch(l, used))
	}
	return m
}

// Observe takes a graded scan, the state of the pump and the changes of diagnoses,
// and returns the alarms that changed, in a fixed order.
func (m *Manager) Observe(s *esp.Scan, state esp.State, changes []esp.Diagnosis) []esp.Alarm {
	if s.Layout != m.layout && (m.layout == nil || s.Layout.ID() != m.layout.ID()) {
		m.bind(s.Layout)
	}
	now := m.advance(s.Time.UnixMilli())
	var out []esp.Alarm
	for i := range changes {
		out = m.fromDiagnosis(&changes[i], out)
	}
	for i := range m.limits {
		out = m.watchLimit(&m.limits[i], s, state, now, out)
	}
	return m.watchLosses(s, now, out)
}

// ClockStepped says that the clock that stamps the scans was set by step between the
// last scan and the next: no time has passed, and what is dated moves with the clock.
func (m *Manager) ClockStepped(step time.Duration) {
	if m.now == 0 {
		return
	}
	m.offset -= step.Milliseconds()
	for _, a := range m.active {
		a.Since, a.Time = a.Since.Add(step), a.Time.Add(step)
	}
}

// advance gives a time that never goes back, also where the clock was set back.
func (m *Manager) advance(wall int64) int64 {
	now := wall + m.offset
	if m.now != 0 && now <= m.now {
		m.offset += m.now + 1 - now
		now = m.now + 1
	}
	m.now = now
	return now
}

func (m *Manager) wall(t int64) time.Time { return time.UnixMilli(t - m.offset).UTC() }

// Active lists alarms that are present or not yet acknowledged, by priority, then by
// when they began, oldest first.
func (m *Manager) Active() []esp.Alarm {
	list := make([]esp.Alarm, 0, len(m.active))
	for _, a := range m.active {
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b esp.Alarm) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// Acknowledge notes that who has seen alarm id. It returns the change, and false
// where there is nothing to acknowledge.
func (m *Manager) Acknowledge(id, who string, at time.Time) (esp.Alarm, bool) {
	a := m.active[id]
	if a == nil || (a.State != esp.AlarmUnacknowledged && a.State != esp.AlarmReturned) {
		return esp.Alarm{}, false
	}
	change := *a
	change.Time, change.Change = at, esp.Updated
	if who != "" {
		change.Text += " Acknowledged by " + who + "."
	}
	if a.State == esp.AlarmReturned {
		change.State = esp.AlarmNormal
		delete(m.active, id)
		return change, true
	}
	change.State = esp.AlarmAcknowledged
	*a = change
	return change, true
}

// Restore puts back alarms that were active before a restart of the process, so that
// what was acknowledged stays so. It is called before the first Observe.
func (m *Manager) Restore(alarms []esp.Alarm) {
	for _, a := range alarms {
		if a.Well != m.well || a.State == esp.AlarmNormal {
			continue
		}
		m.active[a.ID] = new(a)
		for i := range m.limits {
			if m.limits[i].id == a.ID {
				m.limits[i].on = a.State != esp.AlarmReturned
			}
		}
	}
}

// raise makes an alarm active, anew or again.
func (m *Manager) raise(a esp.Alarm, out []esp.Alarm) []esp.Alarm {
	a.Well, a.Change, a.State = m.well, esp.Raised, esp.AlarmUnacknowledged
	if old := m.active[a.ID]; old != nil && old.State != esp.AlarmReturned {
		return out // it is there already
	}
	m.active[a.ID] = new(a)
	return append(out, a)
}

// update changes an alarm that is present. A higher priority asks for another
// acknowledgement.
func (m *Manager) update(a esp.Alarm, out []esp.Alarm) []esp.Alarm {
	old := m.active[a.ID]
	if old == nil || old.State == esp.AlarmReturned {
		return m.raise(a, out)
	}
	a.Well, a.Change, a.State, a.Since = m.well, esp.Updated, old.State, old.Since
	if a.Priority < old.Priority {
		a.State = esp.AlarmUnacknowledged
	}
	*old = a
	return append(out, a)
}

// clear ends an alarm; who has not seen it still has to acknowledge it.
func (m *Manager) clear(id, text string, at time.Time, value esp.Number, out []esp.Alarm) []esp.Alarm {
	a := m.active[id]
	if a == nil || a.State == esp.AlarmReturned {
		return out
	}
	change := *a
	change.Time, change.Change, change.Text, change.Value = at, esp.Cleared, text, value
	if a.State == esp.AlarmUnacknowledged {
		change.State = esp.AlarmReturned
		*a = change
		return append(out, change)
	}
	change.State = esp.AlarmNormal
	delete(m.active, id)
	return append(out, change)
}
