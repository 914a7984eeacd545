package derive

import (
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// Description says how a derived signal is made.
type Description struct {
	Signal  esp.SignalID
	Formula string
	Inputs  []esp.SignalID
	Note    string // what the value is not
	// Fact is the key of the fact that it takes; empty: none.
	Fact string
	// Missing is that fact in words where it was not entered: the signal is not there.
	Missing string
	// Uncertainty is by how much the value can be off, in its unit, for the resolution
	// of its inputs alone; NaN where there is no value. The accuracy of the instruments
	// and of the fact comes on top: it is not known here.
	Uncertainty float64
}

// All describes every signal that can be derived, in the order of computing.
func All() []Description {
	var list []Description
	for _, f := range formulas() {
		list = append(list, f.describe())
	}
	return list
}

func (f *formula) describe() Description {
	d := Description{Signal: f.signal, Formula: f.text, Inputs: f.inputs, Note: f.note, Uncertainty: math.NaN()}
	if f.fact != nil {
		d.Fact = f.fact.key
	}
	return d
}

// Describe lists the derived signals of a scan, and those that only lack a fact. The
// scan must come from Extend or have been stored from there.
func Describe(facts esp.Facts, layout *esp.Layout, readings []esp.Reading) []Description {
	var list []Description
	at := map[esp.SignalID]int{}
	for i := range layout.Columns {
		if id := layout.Columns[i].Signal; id != 0 {
			at[id] = i
		}
	}
	for _, f := range formulas() {
		d := f.describe()
		column, there := at[f.signal]
		switch {
		case there && layout.Columns[column].Device != "":
			continue // it is read
		case there:
			delete(at, f.signal)
			if s, ok := stepFor(f, &facts, at); ok {
				s.column = column
				d.Uncertainty = s.uncertainty(layout, readings)
			}
			at[f.signal] = column
		case f.fact != nil && f.fact.of(&facts) <= 0 && hasAll(at, f.inputs):
			d.Missing = f.fact.words
		default:
			continue
		}
		list = append(list, d)
	}
	return list
}

// Given lists the signals that are derived where a well reads certain signals, and
// those that lack only a fact with the key of that fact.
func Given(facts esp.Facts, reads func(esp.SignalID) bool) (there []esp.SignalID, lacking map[esp.SignalID]string) {
	at := map[esp.SignalID]int{}
	for _, s := range esp.Signals() {
		if reads(s.ID) {
			at[s.ID] = 0
		}
	}
	lacking = map[esp.SignalID]string{}
	for _, f := range formulas() {
		if _, ok := stepFor(f, &facts, at); ok {
			at[f.signal] = 0
			there = append(there, f.signal)
		} else if _, read := at[f.signal]; !read && hasAll(at, f.inputs) {
			lacking[f.signal] = f.fact.key
		}
	}
	return there, lacking
}

func hasAll(at map[esp.SignalID]int, inputs []esp.SignalID) bool {
	return !slices.ContainsFunc(inputs, func(id esp.SignalID) bool { _, ok := at[id]; return !ok })
}

// uncertainty adds up what half a step of each input does to the value, and half a step
// of its own rounding.
func (s *step) uncertainty(layout *esp.Layout, readings []esp.Reading) float64 {
	if column := readings[s.column]; !column.Quality.Shown() {
		return math.NaN()
	}
	x := make([]float64, len(s.inputs))
	for k, i := range s.inputs {
		if !readings[i].Quality.Shown() {
			return math.NaN()
		}
		x[k] = readings[i].Value
	}
	at := s.formula.value(x, s.fact)
	total := s.signal.Resolution() / 2
	for k, i := range s.inputs {
		half := stepOf(&layout.Columns[i]) / 2
		was := x[k]
		x[k] = was + half
		up := math.Abs(s.formula.value(x, s.fact) - at)
		x[k] = was - half
		down := math.Abs(s.formula.value(x, s.fact) - at)
		x[k] = was
		total += max(up, down)
	}
	return total
}

// stepOf is the smallest change that a column can show: of an integer register its
// scale, of a float the resolution of the signal.
func stepOf(c *esp.Column) float64 {
	if c.Float && c.Signal != 0 {
		return c.Signal.Info().Resolution()
	}
	return math.Abs(c.Scale.Mul / c.Scale.Div)
}
