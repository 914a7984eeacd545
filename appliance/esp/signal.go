package esp

import "fmt"

// SignalID numbers a canonical signal within this build. Names, not numbers, are
// stored and sent.
type SignalID uint16

// Kind says how a signal behaves.
type Kind uint8

// Kinds.
const (
	Analog  Kind = iota // a measured quantity
	Counter             // only rises, until it wraps or its device is replaced
	Status              // an enumeration or a code
	Derived             // computed by the appliance, always marked
)

// Group says where a signal comes from.
type Group uint8

// Groups.
const (
	DriveGroup Group = iota
	GaugeGroup
	SurfaceGroup
	DerivedGroup
)

var groupNames = [...]string{"drive", "gauge", "surface", "derived"}

// String is the stable outside name of g.
func (g Group) String() string { return groupNames[g] }

// Signal is one row of the table of canonical signals.
type Signal struct {
	ID       SignalID
	Name     string // stable: stored, forwarded, used in profiles and queries
	Label    string // for people, in English
	Short    string // the field's abbreviation, such as PIP; may be empty
	Unit     Unit   // stored and forwarded
	Decimals int8   // resolution: 10^-Decimals in Unit
	Kind     Kind
	Group    Group
	// Min and Max bound what is plausible, in Unit: a prompt to look, never a trip
	// limit. Both zero: no bound.
	Min, Max float64
}

// Resolution is the smallest step in which the signal is forwarded, in its unit.
func (s *Signal) Resolution() float64 {
	return Linear{Mul: 1, Div: pow10(s.Decimals)}.Apply(1)
}

// Bounded reports whether the table gives a plausible range.
func (s *Signal) Bounded() bool { return s.Min != 0 || s.Max != 0 }

func pow10(n int8) float64 {
	p := 1.0
	for range n {
		p *= 10
	}
	return p
}

// Info is the row of s. It panics on an id that Lookup did not give.
func (s SignalID) Info() *Signal {
	if s == 0 || int(s) > len(signals) {
		panic(fmt.Sprintf("BUG: signal id %d is not in the table", s))
	}
	return &signals[s-1]
}

// String is the signal's name.
func (s SignalID) String() string {
	if s == 0 || int(s) > len(signals) {
		return "unknown"
	}
	return signals[s-1].Name
}

// Lookup finds a canonical signal by name.
func Lookup(name string) (SignalID, bool) {
	id, ok := signalsByName[name]
	return id, ok
}

// Signals is the table, in its order. The caller must not change it.
func Signals() []Signal { return signals[:] }
