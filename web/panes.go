package web

import (
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// paneSpec is one of the panes that a technician reads together.
type paneSpec struct {
	title  string
	curves []curveSpec
}

// curveSpec is one curve of a pane: the first of the signals that the well has. It has
// an axis of its own, on the right where right is set.
type curveSpec struct {
	ids   []esp.SignalID
	right bool
}

func paneSpecs() []paneSpec {
	one := func(ids ...esp.SignalID) curveSpec { return curveSpec{ids: ids} }
	right := func(ids ...esp.SignalID) curveSpec { return curveSpec{ids: ids, right: true} }
	return []paneSpec{
		{"Speed and current", []curveSpec{one(esp.DriveFrequency), right(esp.MotorCurrent, esp.OutputCurrent)}},
		{"Pump pressures", []curveSpec{one(esp.IntakePressure), right(esp.DischargePressure)}},
		{"Temperatures", []curveSpec{one(esp.MotorTemperature, esp.MotorTemperatureMax), right(esp.IntakeTemperature)}},
		{"Rate and power", []curveSpec{one(esp.LiquidRate, esp.LiquidRateEstimated), right(esp.OutputPower)}},
		{"Vibration", []curveSpec{one(esp.VibrationX), one(esp.VibrationY), one(esp.VibrationZ)}},
	}
}

// paneCurves bounds how many curves stand in one pane: so many can be told apart.
const paneCurves = 4

// chartable reports whether a curve of s says anything: a state or a code does not.
func chartable(s *Signal) bool { return s.ID == 0 || s.ID.Info().Kind != esp.Status }

// defaultSignals are those of the panes, as far as the well has them.
func defaultSignals(o *Overview) []*Signal {
	var out []*Signal
	for _, p := range paneSpecs() {
		for _, c := range p.curves {
			if s := firstSignal(o.Signals, c.ids); s != nil {
				out = append(out, s)
			}
		}
	}
	for i := range o.Signals {
		if len(out) == 0 && chartable(&o.Signals[i]) {
			out = append(out, &o.Signals[i])
		}
	}
	return out
}

func firstSignal(signals []Signal, ids []esp.SignalID) *Signal {
	for _, id := range ids {
		if i := slices.IndexFunc(signals, func(s Signal) bool { return s.ID == id }); i >= 0 {
			return &signals[i]
		}
	}
	return nil
}

// pane is some signals to be drawn together: their positions in the list they came from.
type pane struct {
	title  string
	curves []int
	right  []bool
}

// panes sorts signals into panes: the known ones, then the rest by unit.
func panes(signals []*Signal) []pane {
	used := make([]bool, len(signals))
	out := knownPanes(signals, used)
	first := len(out)
	for i, s := range signals {
		if used[i] {
			continue
		}
		at := slices.IndexFunc(out[first:], func(p pane) bool {
			return len(p.curves) < paneCurves && keyOf(signals[p.curves[0]].ID, signals[p.curves[0]].Unit) == keyOf(s.ID, s.Unit)
		})
		if at < 0 {
			out = append(out, pane{title: label(s)})
			at = len(out) - 1 - first
		}
		p := &out[first+at]
		if p.curves, p.right = append(p.curves, i), append(p.right, false); len(p.curves) > 1 {
			p.title = "Further values"
		}
	}
	return out
}

// knownPanes makes the panes of paneSpecs, and notes which signals they use.
func knownPanes(signals []*Signal, used []bool) []pane {
	var out []pane
	for _, spec := range paneSpecs() {
		p := pane{title: spec.title}
		for _, c := range spec.curves {
			i := slices.IndexFunc(c.ids, func(id esp.SignalID) bool {
				return slices.ContainsFunc(signals, func(s *Signal) bool { return s.ID == id })
			})
			if i < 0 {
				continue
			}
			at := slices.IndexFunc(signals, func(s *Signal) bool { return s.ID == c.ids[i] })
			used[at] = true
			p.curves, p.right = append(p.curves, at), append(p.right, c.right && len(p.curves) > 0)
		}
		if len(p.curves) > 0 {
			out = append(out, p)
		}
	}
	return out
}
