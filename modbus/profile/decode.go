package profile

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Words gives the word of a register, or the reason why it is missing.
// For function codes 1 and 2 the word is the bit, 0 or 1.
type Words = func(fc uint8, wire uint16) (uint16, esp.Reason)

// Decode turns register words into readings, one per column of Columns; dst must
// have that length. A point of which any word is missing is lost with the reason of
// the first missing one.
func (p *Profile) Decode(words func(fc uint8, wire uint16) (uint16, esp.Reason), dst []esp.Reading) {
	if len(dst) != len(p.Points) {
		panic("BUG: profile " + p.ID + ": readings do not match the columns")
	}
	for i := range p.Points {
		dst[i] = p.decode(&p.Points[i], words)
	}
}

func (p *Profile) decode(point *Point, words Words) esp.Reading {
	if point.undecided {
		return esp.Reading{Value: math.NaN(), Quality: esp.Invalid, Reason: esp.Undecided}
	}
	pattern, why := point.gather(words)
	switch why {
	case esp.NoReason:
	case esp.Undecided:
		return esp.Reading{Value: math.NaN(), Quality: esp.Invalid, Reason: why}
	default:
		return esp.LostReading(why)
	}
	if point.role != measured {
		return p.decodeState(point, pattern)
	}
	times, why := int64(1), esp.NoReason
	if point.scaleFrom != nil {
		times, why = point.scaleFrom.choose(words)
	}
	switch why {
	case esp.NoReason:
		return point.read(pattern, times)
	case esp.Undecided:
		return esp.Reading{Raw: int64(pattern), Value: math.NaN(), Quality: esp.Invalid, Reason: why}
	default:
		return esp.LostReading(why)
	}
}

// gather joins the words of the point to one bit pattern, most significant word
// first, cut to the point's byte where it is one.
func (p *Point) gather(words Words) (uint64, esp.Reason) {
	var pattern uint64
	lowFirst := p.lowWordFirst
	if p.orderFrom != nil {
		order, why := p.orderFrom.choose(words)
		if why != esp.NoReason {
			return 0, why
		}
		lowFirst = order == 1
	}
	n := p.Registers()
	for i := range n {
		at := i
		if lowFirst {
			at = n - 1 - i
		}
		w, why := words(p.FC, p.Wire+uint16(at))
		if why != esp.NoReason {
			return 0, why
		}
		if p.bytesSwapped {
			w = w<<8 | w>>8
		}
		pattern = pattern<<16 | uint64(w)
	}
	switch p.Type {
	case U8L:
		return pattern & 0xFF, esp.NoReason
	case U8H:
		return pattern >> 8, esp.NoReason
	default:
		return pattern, esp.NoReason
	}
}

// read interprets the bit pattern of a measured value. Its raw number counts times as
// many steps of the column's scale as the register says.
func (p *Point) read(pattern uint64, times int64) esp.Reading {
	if p.Type.float() {
		return p.readFloat(pattern)
	}
	raw, ok := p.integer(pattern)
	if !ok {
		return esp.Reading{Raw: int64(pattern), Value: math.NaN(), Quality: esp.Invalid, Reason: esp.NotANumber}
	}
	if p.Mask != 0 {
		pattern &= p.Mask
	}
	return p.grade(raw, times, float64(raw), pattern>>p.Shift)
}

func (p *Point) readFloat(pattern uint64) esp.Reading {
	number := math.Float64frombits(pattern)
	if p.Type == F32 {
		number = float64(math.Float32frombits(uint32(pattern)))
	}
	raw := int64(math.Float64bits(number))
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return esp.Reading{Raw: raw, Value: math.NaN(), Quality: esp.Invalid, Reason: esp.NotANumber}
	}
	return p.grade(raw, 1, number, pattern)
}

// integer is the raw integer of the pattern; false where the pattern is none (a BCD
// register with a digit above nine, a u64 that an int64 cannot hold).
func (p *Point) integer(pattern uint64) (int64, bool) {
	switch p.Type {
	case S16:
		return int64(int16(pattern)), true
	case S32:
		return int64(int32(pattern)), true
	case BCD16, BCD32:
		return fromBCD(pattern)
	default:
	}
	if p.Mask != 0 {
		pattern &= p.Mask
	}
	pattern >>= p.Shift
	return int64(pattern), p.Type == S64 || pattern <= math.MaxInt64
}

func fromBCD(pattern uint64) (int64, bool) {
	var n, unit int64 = 0, 1
	for ; pattern != 0; pattern >>= 4 {
		digit := int64(pattern & 0xF)
		if digit > 9 {
			return 0, false
		}
		n += digit * unit
		unit *= 10
	}
	return n, true
}

// grade gives a raw number its value and quality. Markers and ends are those of the
// register, before times.
func (p *Point) grade(raw, times int64, number float64, bits uint64) esp.Reading {
	r := esp.Reading{Raw: raw * times, Value: p.Scale.Apply(number * float64(times)), Quality: esp.Good}
	for _, m := range p.markers {
		if m.matches(number, bits, p.Type.float()) {
			return esp.Reading{Raw: raw, Value: math.NaN(), Quality: esp.Invalid, Reason: esp.Marker}
		}
	}
	switch {
	case math.IsNaN(r.Value) || math.IsInf(r.Value, 0): // a huge float times its scale
		return esp.Reading{Raw: raw, Value: math.NaN(), Quality: esp.Invalid, Reason: esp.NotANumber}
	case number >= p.satHigh || number <= p.satLow:
		r.Quality, r.Reason = esp.AtLimit, esp.Saturated
	case r.Value < p.Low || r.Value > p.High: // false where a bound is NaN
		r.Quality, r.Reason = esp.Implausible, esp.OutOfRange
	}
	return r
}

// decodeState makes the reading of run_state or of the warning bit.
func (p *Profile) decodeState(point *Point, pattern uint64) esp.Reading {
	for _, m := range point.markers {
		if m.matches(float64(pattern), pattern, false) {
			return esp.Reading{Raw: int64(pattern), Value: math.NaN(), Quality: esp.Invalid, Reason: esp.Marker}
		}
	}
	var raw int64
	switch {
	case point.role == warning:
		if p.statuses.warns(pattern) {
			raw = 1
		}
	case point.states != nil:
		if point.Mask != 0 {
			pattern &= point.Mask
		}
		raw = int64(point.states[int64(pattern>>point.Shift)]) // absent: unknown
	default:
		raw = int64(p.statuses.state(pattern))
	}
	return esp.Reading{Raw: raw, Value: float64(raw), Quality: esp.Good}
}
