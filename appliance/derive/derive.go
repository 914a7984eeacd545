// Package derive computes the signals of a well that no device gives from those that
// are read and the facts of the well, and says how far they can be trusted.
//
// A derived signal is a column like any other, with an empty device: stored, shown and
// forwarded. It is there only where its inputs are columns and its fact was entered,
// and where no device reads it. Its quality is the worst of its inputs'; what was not
// due, or was lost, makes no value.
//
// It is pure: no I/O, no clock, no goroutine. Package appliance imports it.
package derive

import (
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// Deriver adds the derived signals to the scans of one well. One goroutine at a time
// uses it.
type Deriver struct {
	facts esp.Facts
	from  *esp.Layout // of the scans that come
	to    *esp.Layout // with the derived columns behind
	steps []step
	scan  esp.Scan
	x     []float64 // inputs of one formula
}

// step computes one column.
type step struct {
	formula formula
	fact    float64
	inputs  []int // columns
	column  int
	signal  *esp.Signal
}

// New makes a deriver for a well with these facts whose scans have this layout.
func New(facts esp.Facts, layout *esp.Layout) *Deriver {
	d := &Deriver{facts: facts}
	d.bind(layout)
	return d
}

// Layout is the layout with the derived columns.
func (d *Deriver) Layout() *esp.Layout { return d.to }

// bind finds what can be derived from a layout.
func (d *Deriver) bind(layout *esp.Layout) {
	columns := append([]esp.Column(nil), layout.Columns...)
	at := map[esp.SignalID]int{}
	for i := range columns {
		if id := columns[i].Signal; id != 0 {
			at[id] = i
		}
	}
	var steps []step
	longest := 0
	for _, f := range formulas() {
		s, ok := stepFor(f, &d.facts, at)
		if !ok {
			continue
		}
		s.column = len(columns)
		at[f.signal] = s.column
		info := f.signal.Info()
		columns = append(columns, esp.Column{Name: info.Name, Unit: info.Unit, Scale: esp.Scale(info.Resolution())})
		steps = append(steps, s)
		longest = max(longest, len(s.inputs))
	}
	to := layout
	if len(steps) > 0 {
		var err error
		if to, err = esp.NewLayout(layout.Well, columns, layout.Profiles); err != nil {
			panic("BUG: derived signals: " + err.Error()) // none of their names is taken
		}
	}
	d.from, d.to, d.steps = layout, to, steps
	d.scan.Readings = make([]esp.Reading, len(columns))
	d.x = make([]float64, longest)
}

// stepFor is how a formula is computed where that is possible and nothing else gives
// its signal.
func stepFor(f formula, facts *esp.Facts, at map[esp.SignalID]int) (step, bool) {
	s := step{formula: f, signal: f.signal.Info()}
	if _, there := at[f.signal]; there {
		return s, false
	}
	for _, in := range f.inputs {
		i, ok := at[in]
		if !ok {
			return s, false
		}
		s.inputs = append(s.inputs, i)
	}
	if f.fact != nil {
		s.fact = f.fact.of(facts)
		if s.fact <= 0 {
			return s, false
		}
	}
	return s, true
}

// Extend is the scan with the derived signals. It is valid until the next call, and
// shares nothing with s but the time. A scan of another layout, such as a stored one of
// an older configuration, is extended by what its own columns allow.
func (d *Deriver) Extend(s *esp.Scan) *esp.Scan {
	if s.Layout != d.from && s.Layout.ID() != d.from.ID() {
		d.bind(s.Layout)
	}
	if len(d.steps) == 0 {
		return s
	}
	d.scan.Well, d.scan.Time, d.scan.Layout, d.scan.Seq = s.Well, s.Time, d.to, s.Seq
	copy(d.scan.Readings, s.Readings)
	for i := range d.steps {
		st := &d.steps[i]
		d.scan.Readings[st.column] = st.compute(d.scan.Readings, d.x)
	}
	return &d.scan
}

// compute gives the reading of one derived column.
func (s *step) compute(readings []esp.Reading, x []float64) esp.Reading {
	x = x[:len(s.inputs)]
	out := esp.Reading{Value: math.NaN(), Quality: esp.Good}
	for k, i := range s.inputs {
		r := &readings[i]
		if r.Quality == esp.NotDue { // old values are not mixed with new ones
			return esp.Reading{Value: math.NaN()}
		}
		if r.Quality > out.Quality {
			out.Quality, out.Reason = r.Quality, r.Reason
		}
		x[k] = r.Value
	}
	if out.Quality == esp.Lost || out.Quality == esp.Invalid {
		return out
	}
	if slices.ContainsFunc(x, math.IsNaN) { // beside a worse one that still has a number
		return esp.Reading{Value: math.NaN(), Quality: max(out.Quality, esp.Invalid), Reason: out.Reason}
	}
	v := s.formula.value(x, s.fact)
	raw := math.Round(v * scaleOf(s.signal))
	if math.IsNaN(raw) { // not defined now: no statement about anything
		return esp.Reading{Value: math.NaN()}
	}
	raw = min(max(raw, math.MinInt32), math.MaxInt32) // far outside of what is plausible
	out.Raw = int64(raw)
	out.Value = raw / scaleOf(s.signal)
	if out.Quality < esp.Implausible && s.signal.Bounded() && (v < s.signal.Min || v > s.signal.Max) {
		out.Quality, out.Reason = esp.Implausible, esp.OutOfRange
	}
	return out
}

// scaleOf is how many steps of its resolution a unit of a signal has.
func scaleOf(s *esp.Signal) float64 {
	n := 1.0
	for range s.Decimals {
		n *= 10
	}
	return n
}
