package esp

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Reading is one value of a scan. Its position in the scan says which column of the
// layout it belongs to.
type Reading struct {
	// Raw is what the device sent: the register integer, or for a float column the
	// IEEE 754 bits of the float64. It is kept beside a bad quality too, where the
	// device sent anything at all.
	Raw int64
	// Value is the reading in the column's unit; NaN where there is none.
	Value   float64
	Quality Quality
	Reason  Reason
}

// LostReading is a reading that was due and did not come.
func LostReading(why Reason) Reading {
	return Reading{Value: math.NaN(), Quality: Lost, Reason: why}
}

// Column says what one position of a scan holds: which signal, from which device,
// and how the device's integer maps to the signal's unit.
type Column struct {
	Name   string   `json:"name"`             // canonical signal name, or the vendor's own where there is none
	Signal SignalID `json:"-"`                // 0 for a vendor-only signal
	Device DeviceID `json:"device,omitempty"` // empty for a derived signal
	Unit   Unit     `json:"unit"`
	// Scale maps Raw to Value. For a float column it is applied to the float.
	Scale Linear `json:"scale"`
	// Float marks a column whose Raw holds float64 bits.
	Float bool `json:"float,omitempty"`
}

// Decode is the value that raw stands for in this column.
func (c *Column) Decode(raw int64) float64 {
	if c.Float {
		return c.Scale.Apply(math.Float64frombits(uint64(raw)))
	}
	return c.Scale.Apply(float64(raw))
}

// Layout is the immutable list of columns of a well's scans. A changed
// configuration or profile makes a new layout with another id; data keeps the one it
// was taken with.
type Layout struct {
	Well    WellID   `json:"well"`
	Columns []Column `json:"columns"`
	// Profiles names the device profiles and their content hashes, so that a corrected
	// scale can be applied to old data.
	Profiles map[DeviceID]string `json:"profiles,omitempty"`

	id    LayoutID
	index map[SignalID]int
}

// LayoutID identifies a layout by its content: the same columns give the same id on
// every appliance.
type LayoutID uint64

// NewLayout makes a layout. Columns must have unique names; the signal ids are set
// from the names.
func NewLayout(well WellID, columns []Column, profiles map[DeviceID]string) (*Layout, error) {
	l := &Layout{Well: well, Columns: columns, Profiles: profiles, index: make(map[SignalID]int, len(columns))}
	seen := make(map[string]DeviceID, len(columns))
	for i := range columns {
		c := &l.Columns[i]
		if other, dup := seen[c.Name]; dup {
			return nil, fmt.Errorf("well %s: signal %s comes from both device %q and device %q; name one source", well, c.Name, other, c.Device)
		}
		seen[c.Name] = c.Device
		if !c.Scale.Valid() {
			return nil, fmt.Errorf("well %s: signal %s: scale %v is not usable", well, c.Name, c.Scale)
		}
		c.Signal, _ = Lookup(c.Name)
		if c.Signal != 0 {
			l.index[c.Signal] = i
		}
	}
	body, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode layout: %w", err)
	}
	sum := sha256.Sum256(body)
	l.id = LayoutID(binary.BigEndian.Uint64(sum[:8]) >> 1) // positive in a PostgreSQL bigint
	return l, nil
}

// ParseLayout restores a layout from its JSON.
func ParseLayout(body []byte) (*Layout, error) {
	var l Layout
	if err := json.Unmarshal(body, &l); err != nil {
		return nil, fmt.Errorf("decode layout: %w", err)
	}
	return NewLayout(l.Well, l.Columns, l.Profiles)
}

// ID identifies the layout.
func (l *Layout) ID() LayoutID { return l.id }

// Index is the position of a canonical signal, or -1 where the layout has none.
func (l *Layout) Index(s SignalID) int {
	if i, ok := l.index[s]; ok {
		return i
	}
	return -1
}

// Scan is one poll of a well: one time for all readings, one reading per column of
// the layout, in its order. A scan handed to a function is valid until that function
// returns; who keeps it must Clone it.
type Scan struct {
	Well     WellID
	Time     time.Time // UTC, whole milliseconds
	Layout   *Layout
	Readings []Reading
	// Seq is the number that the store gave it; 0 before.
	Seq uint64
}

// Get is the reading of a canonical signal; ok is false where the layout has no such
// column or it was not due.
func (s *Scan) Get(id SignalID) (r Reading, ok bool) {
	i := s.Layout.Index(id)
	if i < 0 || s.Readings[i].Quality == NotDue {
		return Reading{Value: math.NaN()}, false
	}
	return s.Readings[i], true
}

// Usable is the value of a canonical signal when rules may use it.
func (s *Scan) Usable(id SignalID) (value float64, ok bool) {
	i := s.Layout.Index(id)
	if i < 0 || !s.Readings[i].Quality.Usable() {
		return math.NaN(), false
	}
	return s.Readings[i].Value, true
}

// Clone copies the scan and its readings; the layout is shared.
func (s *Scan) Clone() Scan {
	c := *s
	c.Readings = append([]Reading(nil), s.Readings...)
	return c
}
