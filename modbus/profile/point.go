package profile

import (
	"fmt"
	"math"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Type says how the words of a register are read.
type Type uint8

// Types. A bit read with function code 1 or 2 is a U16 that holds 0 or 1.
const (
	U16    Type = iota
	U8L         // low byte of a register
	U8H         // high byte of a register
	S16         // two's complement
	U32         // two registers
	S32         //
	F32         // IEEE 754
	U64         // four registers
	S64         //
	F64         //
	BCD16       // four decimal digits
	BCD32       // eight decimal digits
	Bits        // a register of which each bit has a meaning of its own
	Bits32      // two registers of bits
	Str         // text, two characters a register
)

var typeNames = [...]string{"u16", "u8l", "u8h", "s16", "u32", "s32", "f32", "u64", "s64", "f64", "bcd16", "bcd32", "bits", "bits32", "str"}

// String is the name used in profiles.
func (t Type) String() string { return typeNames[t] }

func parseType(name string) (Type, bool) {
	for i, n := range typeNames {
		if n == name {
			return Type(i), true
		}
	}
	return 0, false
}

// Registers is how many 16-bit registers a value of type t takes.
func (t Type) Registers() int {
	switch t {
	case U32, S32, F32, BCD32, Bits32:
		return 2
	case U64, S64, F64:
		return 4
	case U16, U8L, U8H, S16, BCD16, Bits, Str:
	}
	return 1
}

func (t Type) float() bool { return t == F32 || t == F64 }

func (t Type) unsigned() bool {
	switch t {
	case U16, U8L, U8H, U32, U64, Bits, Bits32:
		return true
	case S16, S32, F32, S64, F64, BCD16, BCD32, Str:
	}
	return false
}

// bits is the width of the value within its registers.
func (t Type) bits() int {
	if t == U8L || t == U8H {
		return 8
	}
	return 16 * t.Registers()
}

// limits is the range of raw integers that t can hold.
func (t Type) limits() (lo, hi float64) {
	switch t {
	case S16:
		return math.MinInt16, math.MaxInt16
	case S32:
		return math.MinInt32, math.MaxInt32
	case S64:
		return math.MinInt64, math.MaxInt64
	case BCD16:
		return 0, 9999
	case BCD32:
		return 0, 99999999
	case F32:
		return -math.MaxFloat32, math.MaxFloat32
	case F64:
		return -math.MaxFloat64, math.MaxFloat64
	case U16, U8L, U8H, U32, U64, Bits, Bits32, Str:
	}
	return 0, math.Pow(2, float64(t.bits())) - 1
}

type role uint8

const (
	measured role = iota
	state         // run_state: the raw value becomes an esp.State
	warning       // the warning bit of the status word
)

// Once is the period of what is read once, when the device begins to answer.
const Once time.Duration = -1

// Point is one value of a device: where it stands and what it means.
type Point struct {
	Name   string
	Signal esp.SignalID // 0 for a vendor-only signal
	FC     uint8        // 1 to 4
	Wire   uint16       // first address, as sent on the wire
	// Ref is the address as the manual prints it, or -1 where the profile gives the
	// wire address itself.
	Ref int64
	// Parameter is the number of the parameter as the manual prints it, such as 1.07;
	// empty where the profile gives the register itself.
	Parameter string
	Type      Type
	// Mask and Shift cut a field out of the register; Mask 0 is all of it.
	Mask  uint64
	Shift uint8
	// Enum names the values of an enumeration; nil for a measured quantity.
	Enum map[int64]string
	// Printed maps the raw value to Unit, the unit of the manual.
	Printed esp.Linear
	Unit    esp.Unit
	// Scale maps the raw value to Stored, the unit of the canonical signal.
	Scale  esp.Linear
	Stored esp.Unit
	// Low and High bound what is plausible, in Stored; NaN where there is no bound.
	Low, High float64
	Group     string
	Every     time.Duration // period of its group, or Once; 0: each poll of the device
	Ordered   bool          // each word in a request of its own, low word first
	FreshBy   string        // the counter that must move while this value is fresh
	// Constant is the only word that the register ever holds; nil where it varies. With
	// another one the answer holds other registers than were asked for.
	Constant   *uint16
	Wrap       uint8  // width in bits after which a counter starts again; 0: not a counter
	Confidence string // A to D, M: how sure the source of this row is
	Label      string // what it is, for people; often empty

	markers      []marker
	scaleFrom    *selector // nil where the scale is fixed
	orderFrom    *selector // nil where the word order is fixed; its choice 1 is low word first
	undecided    bool      // hangs on a variant that nobody has chosen
	regs         int       // of text; 0: what the type takes
	satLow       float64   // raw; -Inf where the register does not saturate
	satHigh      float64   // raw; +Inf
	lowWordFirst bool
	bytesSwapped bool
	role         role
	states       map[int64]esp.State
	path         string // in the file, for messages
	addressPath  string
}

// Registers is how many registers (or bits, for function codes 1 and 2) the point takes.
func (p *Point) Registers() int { return max(p.regs, p.Type.Registers()) }

// Address names the point's place for people: as printed, on the wire, and the
// function code.
func (p *Point) Address() string {
	switch {
	case p.Ref < 0:
		return fmt.Sprintf("wire %d, FC%d", p.Wire, p.FC)
	case p.Parameter != "":
		return fmt.Sprintf("parameter %s → %d → wire %d, FC%d", p.Parameter, p.Ref, p.Wire, p.FC)
	}
	return fmt.Sprintf("%d → wire %d, FC%d", p.Ref, p.Wire, p.FC)
}

// Text is the name of raw in the point's enumeration, for bits the names of those that
// are set, or the empty string.
func (p *Point) Text(raw int64) string {
	switch {
	case p.role == state:
		return esp.State(raw).String()
	case p.Type == Bits || p.Type == Bits32:
		return p.bitNames(uint64(raw))
	}
	return p.Enum[raw]
}

func (p *Point) bitNames(word uint64) string {
	var names []string
	for bit := range int64(p.Type.bits()) {
		if word>>bit&1 == 0 {
			continue
		}
		name, ok := p.Enum[bit]
		if !ok {
			name = fmt.Sprintf("bit %d", bit)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// marker is a raw value, or an open range of them, that means "no value".
type marker struct {
	op    byte // '=', 'g' >=, 'l' <=, 'G' >, 'L' <
	value float64
	bits  uint64 // for '=': the bit pattern, so that 0xFFFF marks an s16 as well
}

// matches reports whether a raw value is the marker. number is the raw value as a
// number, bits its pattern in the width of the type.
func (m marker) matches(number float64, bits uint64, float bool) bool {
	switch m.op {
	case 'g':
		return number >= m.value
	case 'l':
		return number <= m.value
	case 'G':
		return number > m.value
	case 'L':
		return number < m.value
	}
	return number == m.value || (!float && m.value >= 0 && bits == m.bits)
}

// selectors are the registers that say how p is read.
func (p *Point) selectors() []*selector {
	var all []*selector
	for _, s := range []*selector{p.scaleFrom, p.orderFrom} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// LowWordFirst reports whether the low word of a value stands at the lower address.
func (p *Point) LowWordFirst() bool { return p.lowWordFirst }
