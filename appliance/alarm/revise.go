package alarm

import (
	"maps"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// SetLimits puts other limits in the place of the present ones and returns the alarms
// that this changes, dated at the last scan. A limit that stays as it is goes on
// counting. One that has another value, delay or priority keeps its alarm, if it has
// one, until the value is back by the new limit; the alarm of one that is gone ends.
func (m *Manager) SetLimits(limits []esp.Limit) []esp.Alarm {
	if slices.EqualFunc(m.limits, limits, func(w limitWatch, l esp.Limit) bool { return w.limit == l }) {
		return nil
	}
	before := make(map[string]limitWatch, len(m.limits))
	for _, w := range m.limits {
		before[w.id] = w
	}
	gone := m.watched()
	m.limits = nil
	used := make(map[string]int)
	for _, l := range limits {
		m.limits = append(m.limits, newLimitWatch(l, used))
	}
	if m.layout != nil {
		m.bind(m.layout)
	}
	var out []esp.Alarm
	for i := range m.limits {
		w := &m.limits[i]
		old, ok := before[w.id]
		if !ok {
			continue
		}
		if old.limit == w.limit {
			*w = old
			continue
		}
		w.on = old.on
		out = m.amend(w, out)
	}
	for id := range m.watched() {
		delete(gone, id)
	}
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		out = m.withdraw(id, out)
	}
	return out
}

// watched are the ids of the alarms that the limits can raise, with those of the
// signals and devices that they stand on.
func (m *Manager) watched() map[string]bool {
	ids := make(map[string]bool)
	for i := range m.limits {
		ids[m.limits[i].id] = true
	}
	for i := range m.losses {
		ids[m.losses[i].id] = true
	}
	for i := range m.groups {
		ids[m.groups[i].alarm] = true
	}
	return ids
}

// amend tells the new limit and priority of an alarm that is active.
func (m *Manager) amend(w *limitWatch, out []esp.Alarm) []esp.Alarm {
	old := m.active[w.id]
	if old == nil || old.State == esp.AlarmReturned {
		return out
	}
	a := *old
	a.Time, a.Limit, a.Priority = m.wall(m.now), esp.Number(w.limit.Value), w.limit.Priority
	a.Text = w.label + ": the limit was changed to " + amount(w.limit.Value, w.limit.Signal) + "."
	return m.update(a, out)
}

// withdraw ends an alarm that nothing watches any more. Nobody has to acknowledge it:
// who took the limit out knows of it.
func (m *Manager) withdraw(id string, out []esp.Alarm) []esp.Alarm {
	a := m.active[id]
	if a == nil {
		return out
	}
	change := *a
	change.Time, change.Change, change.State = m.wall(m.now), esp.Cleared, esp.AlarmNormal
	change.Text = a.Title + " is over: its limit was taken out of the configuration."
	delete(m.active, id)
	return append(out, change)
}
