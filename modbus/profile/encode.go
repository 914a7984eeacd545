package profile

import (
	"cmp"
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

type register struct {
	fc   uint8
	wire uint16
}

func compareRegisters(a, b register) int {
	return cmp.Or(cmp.Compare(a.fc, b.fc), cmp.Compare(a.wire, b.wire))
}

// index prepares the list of registers that Encode fills.
func (p *Profile) index() {
	for i := range p.Points {
		point := &p.Points[i]
		for k := range point.Registers() {
			p.image = append(p.image, register{point.FC, point.Wire + uint16(k)})
		}
	}
	for _, point := range slices.Concat(p.AtConnect(), p.Settings) { // a simulated device has them, as zeros
		for k := range point.Registers() {
			p.image = append(p.image, register{point.FC, point.Wire + uint16(k)})
		}
	}
	p.indexSelectors()
	slices.SortFunc(p.image, compareRegisters)
	p.image = slices.Compact(p.image)
	p.inImage = make([][]int, len(p.Points))
	for i := range p.Points {
		point := &p.Points[i]
		for k := range point.Registers() {
			at, _ := slices.BinarySearchFunc(p.image, register{point.FC, point.Wire + uint16(k)}, compareRegisters)
			p.inImage[i] = append(p.inImage[i], at)
		}
	}
}

// Encode is the inverse of Decode, for a simulated device: value gives a signal in
// its stored unit (run_state as the number of an esp.State), and set receives every
// register of the profile once. A signal without a value becomes the point's marker
// for "no value", or 0 where the profile has none; a value beyond the register's
// range stands at its end.
func (p *Profile) Encode(value func(signal string) (float64, bool), set func(fc uint8, wire, word uint16)) {
	image := make([]uint16, len(p.image))
	for i := range p.Points {
		point := &p.Points[i]
		pattern := p.pattern(point, value)
		if point.Type == U8H {
			pattern <<= 8
		}
		n := point.Registers()
		for k := range n {
			at := k
			if !point.lowWordFirst {
				at = n - 1 - k
			}
			w := uint16(pattern >> (16 * k))
			if point.bytesSwapped {
				w = w<<8 | w>>8
			}
			image[p.inImage[i][at]] |= w
		}
	}
	for i, r := range p.image {
		set(r.fc, r.wire, image[i]|p.chosen[r])
	}
}

// indexSelectors prepares the registers that say how Encode writes the others: each
// number with the most decimals that the device has.
func (p *Profile) indexSelectors() {
	p.chosen = map[register]uint16{}
	for i := range p.Points {
		point := &p.Points[i]
		if s := point.scaleFrom; s != nil {
			p.choose(s, 1)
		}
		if s := point.orderFrom; s != nil {
			order := int64(0)
			if point.lowWordFirst {
				order = 1
			}
			p.choose(s, order)
		}
	}
}

func (p *Profile) choose(s *selector, choice int64) {
	at := register{s.at.FC, s.at.Wire}
	p.image = append(p.image, at)
	w := uint16(s.pattern(choice))
	if s.at.Type == U8H {
		w <<= 8
	}
	if s.at.bytesSwapped {
		w = w<<8 | w>>8
	}
	p.chosen[at] |= w
}

// pattern is the bit pattern that the point contributes to its registers.
func (p *Profile) pattern(point *Point, value func(string) (float64, bool)) uint64 {
	v, ok := value(point.Name)
	ok = ok && !math.IsNaN(v)
	switch {
	case point.role == warning:
		return 0 // the state of the same word carries it
	case point.role == state && point.states == nil:
		if !ok {
			return point.absent()
		}
		return p.statuses.word(esp.State(v), p.warned(value))
	case !ok:
		return point.absent()
	case point.role == state:
		return point.field(point.codeOf(esp.State(v)))
	}
	return point.encode(v)
}

func (p *Profile) warned(value func(string) (float64, bool)) bool {
	for _, name := range []string{warningName, esp.WarningCode.String()} {
		if v, ok := value(name); ok && v != 0 {
			return true
		}
	}
	return false
}

func (p *Point) encode(v float64) uint64 {
	raw := p.Scale.Invert(v)
	switch p.Type {
	case F64:
		return math.Float64bits(raw)
	case F32:
		return uint64(math.Float32bits(float32(raw)))
	default:
	}
	lo, hi := p.Type.limits()
	if p.Mask != 0 {
		hi = float64(p.Mask >> p.Shift)
	}
	raw = math.Round(raw)
	switch p.Type {
	case BCD16, BCD32:
		return toBCD(uint64(min(max(raw, lo), hi)))
	default:
	}
	whole := clampToInt(raw, lo, hi)
	for _, m := range p.markers { // a value that is there must not look as if it were not
		if m.op == '=' && p.field(whole) == p.field(int64(m.bits)) {
			whole -= int64(math.Copysign(1, float64(whole)))
		}
	}
	return p.field(whole)
}

// clampToInt converts without the overflow that a float beyond an int64 has.
func clampToInt(raw, lo, hi float64) int64 {
	raw = min(max(raw, lo), hi)
	switch {
	case raw <= math.MinInt64:
		return math.MinInt64
	case raw >= math.MaxInt64:
		return math.MaxInt64
	}
	return int64(raw)
}

// field places a raw integer in its bits.
func (p *Point) field(raw int64) uint64 {
	pattern := uint64(raw) << p.Shift
	if p.Mask != 0 {
		pattern &= p.Mask
	}
	if bits := p.Type.bits(); bits < 64 {
		pattern &= 1<<bits - 1
	}
	return pattern
}

// absent is the pattern for "no value".
func (p *Point) absent() uint64 {
	for _, m := range p.markers {
		if m.op != '=' {
			continue
		}
		switch p.Type {
		case F32:
			return uint64(math.Float32bits(float32(m.value)))
		case F64:
			return math.Float64bits(m.value)
		case BCD16, BCD32:
			return toBCD(uint64(m.value))
		default:
			return p.field(int64(m.bits))
		}
	}
	if p.Type == F32 {
		return uint64(math.Float32bits(float32(math.NaN())))
	}
	if p.Type == F64 {
		return math.Float64bits(math.NaN())
	}
	return 0
}

// codeOf is the device's code for a state, or for the nearest one that it has.
func (p *Point) codeOf(st esp.State) int64 {
	for _, candidate := range []esp.State{st, plainer(st)} {
		best, found := int64(0), false
		for code, s := range p.states {
			if s == candidate && (!found || code < best) {
				best, found = code, true
			}
		}
		if found {
			return best
		}
	}
	return 0
}

func toBCD(n uint64) uint64 {
	var pattern uint64
	for shift := 0; n != 0; shift += 4 {
		pattern |= (n % 10) << shift
		n /= 10
	}
	return pattern
}
