package alarm

import "wellkeeper.internal/appliance/esp"

// priorityOf a diagnosis: by time to damage; 0 means that it is no alarm. A silent
// drive goes on protecting the pump, so its loss is never of the first priority.
func priorityOf(d *esp.Diagnosis) int {
	if d.ID == esp.CommunicationLost {
		return 2
	}
	return d.Severity.Priority()
}

// fromDiagnosis follows one change of a diagnosis.
func (m *Manager) fromDiagnosis(d *esp.Diagnosis, out []esp.Alarm) []esp.Alarm {
	priority := priorityOf(d)
	if d.Change == esp.Cleared || priority == 0 {
		return m.clear(string(d.ID), d.Text, d.Time, esp.NoNumber(), out)
	}
	a := esp.Alarm{
		Time: d.Time, ID: string(d.ID), Priority: priority, Since: d.Onset,
		Value: esp.NoNumber(), Limit: esp.NoNumber(), Title: d.Title, Text: d.Text,
	}
	if len(d.Evidence) > 0 {
		e := &d.Evidence[0]
		a.Signal, a.Unit, a.Value, a.Limit = e.Signal, e.Unit, e.Value, e.Limit
	}
	if d.Change == esp.Updated {
		return m.update(a, out)
	}
	return m.raise(a, out)
}
