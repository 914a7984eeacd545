package appliance

import (
	"time"

	"wellkeeper.internal/appliance/derive"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
)

// describe marks the derived signals of an overview and says how they are made.
func (w *well) describe(o *web.Overview, layout *esp.Layout) {
	if layout == nil || len(layout.Columns) != len(o.Signals) {
		return // nothing was read so far, or the columns change in this moment
	}
	at := map[esp.SignalID]int{}
	readings := make([]esp.Reading, len(o.Signals))
	for i := range o.Signals {
		readings[i] = o.Signals[i].Reading
		if id := o.Signals[i].ID; id != 0 {
			at[id] = i
		}
	}
	for _, d := range derive.Describe(w.esp.Facts, layout, readings) {
		if d.Missing != "" {
			o.NotEntered = append(o.NotEntered, web.NotEntered{Signal: d.Signal, Fact: d.Fact, Words: d.Missing})
			continue
		}
		s := &o.Signals[at[d.Signal]]
		s.Derived = &web.Derivation{
			Signal: d.Signal, Formula: d.Formula, Inputs: d.Inputs, Fact: d.Fact, Note: d.Note, Uncertainty: d.Uncertainty,
		}
		for _, in := range d.Inputs { // it is there when all of them are due
			s.Period = max(s.Period, o.Signals[at[in]].Period)
		}
	}
}

// periodOf is how often a signal is read: with its device, or more seldom with its
// group.
func (w *well) periodOf(device esp.DeviceID, name string) time.Duration {
	for i := range w.devices {
		d := &w.devices[i]
		if d.ID != device {
			continue
		}
		if p, ok := d.Profile.Point(name); ok {
			return max(d.Period, p.Every)
		}
		return d.Period
	}
	return w.period
}
