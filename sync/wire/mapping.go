package wire

import (
	"encoding/json"
	"fmt"
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Form says what the centre's four-byte integer of a column stands for.
type Form string

// Forms of a column.
const (
	// FormInteger is a number: value = (stored + shift) · mul / div + offset.
	FormInteger Form = "integer"
	// FormFloat32 are the bits of an IEEE 754 single: value = float · mul / div + offset.
	FormFloat32 Form = "float32"
)

// MappedColumn says how one column of a layout is carried and what it means.
type MappedColumn struct {
	Name   string       `json:"name"`
	Device esp.DeviceID `json:"device,omitempty"`
	Unit   esp.Unit     `json:"unit"`
	Form   Form         `json:"form"`
	Mul    float64      `json:"mul"`
	Div    float64      `json:"div"`
	Offset float64      `json:"offset"`
}

// Mapping says how the scans of a layout are carried. It follows from the layout
// alone, so that the same scans give the same bytes at any time.
//
// A register integer travels as it is, with the profile's scale beside it. A float of
// a canonical signal is rounded to the signal's resolution. A float that only the
// vendor knows has no resolution and travels as a single-precision float.
type Mapping struct {
	layout  *esp.Layout
	columns []MappedColumn
}

// NewMapping makes the mapping of a layout; the error wraps ErrLimits where the layout
// has no columns or too many.
func NewMapping(l *esp.Layout) (*Mapping, error) {
	if n := len(l.Columns); n == 0 || n > MaxColumns {
		return nil, fmt.Errorf("%w: layout of well %s has %d columns, at most %d can be sent", ErrLimits, l.Well, n, MaxColumns)
	}
	m := &Mapping{layout: l, columns: make([]MappedColumn, len(l.Columns))}
	for i := range l.Columns {
		c := &l.Columns[i]
		to := MappedColumn{Name: c.Name, Device: c.Device, Unit: c.Unit, Form: FormInteger, Mul: c.Scale.Mul, Div: c.Scale.Div, Offset: c.Scale.Offset}
		switch {
		case c.Float && c.Signal != 0:
			to.Mul, to.Div, to.Offset = 1, math.Pow10(int(c.Signal.Info().Decimals)), 0
		case c.Float:
			to.Form = FormFloat32
		}
		m.columns[i] = to
	}
	return m, nil
}

// Layout is the layout that m maps.
func (m *Mapping) Layout() *esp.Layout { return m.layout }

// Columns are the columns in the order of the layout. The caller must not change them.
func (m *Mapping) Columns() []MappedColumn { return m.columns }

// MarshalJSON writes what esp.register_layout reads.
func (m *Mapping) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Well     esp.WellID              `json:"well"`
		Columns  []MappedColumn          `json:"columns"`
		Profiles map[esp.DeviceID]string `json:"profiles,omitempty"`
	}{m.layout.Well, m.columns, m.layout.Profiles})
}

// integer is the number that stands for a reading of column i; ok is false where
// there is none (NaN, an infinity, beyond 62 bits).
func (m *Mapping) integer(i int, raw int64) (n int64, ok bool) {
	c := &m.layout.Columns[i]
	switch {
	case !c.Float:
		return raw, raw >= -1<<62 && raw < 1<<62
	case m.columns[i].Form == FormFloat32:
		f := math.Float64frombits(uint64(raw))
		return int64(int32(math.Float32bits(float32(f)))), !math.IsNaN(f) && !math.IsInf(float64(float32(f)), 0)
	}
	v := math.Round(c.Decode(raw) * m.columns[i].Div)
	return int64(v), math.Abs(v) < 1<<53 // false for NaN; beyond 2^53 a float64 has no whole steps
}

// Value is what the centre makes of a carried number of column i: stored + shift.
func (m *Mapping) Value(i int, n int64) float64 {
	c := &m.columns[i]
	x := float64(n)
	if c.Form == FormFloat32 {
		x = float64(math.Float32frombits(uint32(n)))
	}
	return x*c.Mul/c.Div + c.Offset
}
