package profile

import (
	"math"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"wellkeeper.internal/appliance/esp"
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func (f *file) readPoints(s *section) {
	n, ok := s.get("points")
	if !ok {
		if !s.has("points") {
			f.add(s.at, "profile: points must be given: a list with at least one {name, ref, type, scale, unit}")
		}
		return
	}
	l, ok := n.(*ast.SequenceNode)
	if !ok || len(l.Values) == 0 {
		f.add(positionOf(n), "profile: points must be a list with at least one {name, ref, type, scale, unit}")
		return
	}
	for _, v := range l.Values {
		f.readPoint(v)
	}
}

func (f *file) readPoint(n ast.Node) {
	s := f.section(n, "point")
	if len(s.entries) == 0 {
		return
	}
	name := s.text("name")
	if name != "" {
		s.what = "point " + name
	}
	p := Point{Name: name, place: s.at, Confidence: s.text("confidence")}
	switch {
	case !namePattern.MatchString(name):
		f.add(s.place("name"), "%s: name must be given: a small letter, then small letters, digits and '_', at most 64", s.what)
	default:
		p.Signal, _ = esp.Lookup(name)
	}
	f.readAddress(s, &p)
	f.readField(s, &p)
	f.readScale(s, &p)
	f.readMarks(s, &p)
	f.readPlausible(s, &p)
	f.readEnum(s, &p)
	f.readPolling(s, &p)
	s.later("; if the number of decimals never changes on your drive, write scale", "scale_from")
	s.later("", "p", "condition")
	s.done()
	f.profile.Points = append(f.profile.Points, p)
}

// readAddress reads fc, type, ref or wire, base and orders.
func (f *file) readAddress(s *section, p *Point) {
	p.FC = uint8(f.defaults.fc)
	if fc, ok := s.functionCode(); ok {
		p.FC = uint8(fc)
	}
	bit := p.FC <= 2
	otherwise := f.defaults.typ
	if bit {
		otherwise = U16
	}
	p.Type = s.valueType(otherwise)
	if bit && p.Type != U16 {
		f.add(s.place("type"), "%s: function code %d reads single bits; remove type", s.what, p.FC)
		p.Type = U16
	}
	p.lowWordFirst, p.bytesSwapped = f.defaults.lowFirst, f.defaults.swapped && !bit
	if s.has("word_order") {
		p.lowWordFirst = s.choice("word_order", "hilo", "lohi") == "lohi"
	}
	if s.has("byte_order") {
		p.bytesSwapped = s.choice("byte_order", "big", "little") == "little" && !bit
	}
	s.get("word_order")
	s.get("byte_order")
	p.Ref = -1
	if wire, ok := f.readWire(s, p); ok {
		if wire+int64(p.Registers()) > 65536 {
			f.add(s.place("ref"), "%s: %d registers from wire address %d end beyond 65535", s.what, p.Registers(), wire)
			return
		}
		p.Wire = uint16(wire)
	}
}

func (f *file) readWire(s *section, p *Point) (int64, bool) {
	base, hasBase := s.integer("base", 0, 500000)
	if !hasBase {
		base, hasBase = f.defaults.base, f.defaults.hasBase
	}
	wire, hasWire := s.integer("wire", 0, 65535)
	ref, hasRef := s.integer("ref", 0, 565535)
	switch {
	case s.has("wire") && s.has("ref"):
		f.add(s.place("wire"), "%s: give either ref (as the manual prints it) or wire (as sent), not both", s.what)
	case hasWire:
		if s.has("base") {
			f.add(s.place("base"), "%s: base belongs to ref; a wire address needs none", s.what)
		}
		return wire, true
	case !s.has("ref") && !s.has("wire"):
		f.add(s.at, "%s: address missing; give ref: the number that the manual prints", s.what)
	case hasRef && !hasBase:
		f.add(s.place("ref"), "%s: ref %d needs a base: the number that the manual prints for the first register (40001, 30001, 1 or 0); set it in defaults or here", s.what, ref)
	case hasRef && ref < base:
		f.add(s.place("ref"), "%s: ref %d is below base %d; correct one, or give this point its own base", s.what, ref, base)
	case hasRef && ref-base > 65535:
		f.add(s.place("ref"), "%s: ref %d is more than 65535 above base %d; correct one, or give this point its own base", s.what, ref, base)
	case hasRef:
		p.Ref = ref
		return ref - base, true
	}
	return 0, false
}

// readField reads mask and shift.
func (f *file) readField(s *section, p *Point) {
	mask, hasMask := s.integer("mask", 1, math.MaxInt64)
	shift, hasShift := s.integer("shift", 0, 63)
	if !hasMask && !hasShift {
		return
	}
	if !p.Type.unsigned() {
		f.add(s.place("mask"), "%s: mask and shift cut bits out of an unsigned register; type %s has none", s.what, p.Type)
		return
	}
	width := p.Type.bits()
	if hasMask && width < 64 && uint64(mask)>>width != 0 {
		f.add(s.place("mask"), "%s: mask 0x%X has more bits than the %d of type %s", s.what, mask, width, p.Type)
		return
	}
	if int(shift) >= width || (hasMask && uint64(mask)>>shift == 0) {
		f.add(s.place("shift"), "%s: shift %d leaves no bit of the register", s.what, shift)
		return
	}
	p.Mask, p.Shift = uint64(mask), uint8(shift)
	if !hasMask {
		p.Mask = 1<<width - 1
	}
}

// readScale reads scale, offset and unit, and finds the way to the signal's unit.
func (f *file) readScale(s *section, p *Point) {
	p.Printed = esp.Identity()
	if v, ok := s.number("scale"); ok {
		if l := esp.Scale(v); l.Valid() && v != 0 {
			p.Printed = l
		} else {
			f.add(s.place("scale"), "%s: scale must be a finite number other than 0; leave it out for 1", s.what)
		}
	}
	p.Printed.Offset, _ = s.number("offset")
	p.Unit = esp.Unit(s.text("unit"))
	if p.Unit == "1" {
		p.Unit = esp.None
	}
	if len(p.Unit) > 16 || strings.ContainsAny(string(p.Unit), " \t\n") {
		f.add(s.place("unit"), "%s: unit must be a short symbol without spaces", s.what)
	}
	p.Scale, p.Stored = p.Printed, p.Unit
	if p.Signal == 0 {
		return
	}
	info := p.Signal.Info()
	if info.Group == esp.DerivedGroup {
		f.add(s.place("name"), "%s: this signal is computed by the appliance; give the device's own value another name", s.what)
		return
	}
	p.Stored = info.Unit
	convert, err := esp.Convert(p.Unit, info.Unit)
	switch {
	case err == nil:
		p.Scale = p.Printed.Then(convert)
	case p.Unit == esp.None:
		f.add(s.at, "%s: unit missing; say in which unit the register is (the signal is stored in %s)", s.what, info.Unit)
	case info.Unit == esp.None:
		f.add(s.place("unit"), "%s: this signal has no unit; remove unit %q or name the point differently", s.what, p.Unit)
	default:
		f.add(s.place("unit"), "%s: unit %q cannot be converted to %s, the unit of this signal; correct it (units are written as in psi, kPa, degF, bbl/d) or name the point differently", s.what, p.Unit, info.Unit)
	}
}

// readMarks reads invalid and saturates.
func (f *file) readMarks(s *section, p *Point) {
	for _, n := range s.list("invalid") {
		m, ok := f.readMarker(s, n, p)
		if ok {
			p.markers = append(p.markers, m)
		}
	}
	p.satLow, p.satHigh = math.Inf(-1), math.Inf(1)
	n, ok := s.get("saturates")
	if !ok {
		return
	}
	m := f.section(n, s.what+": saturates")
	if v, ok := m.number("max"); ok {
		p.satHigh = v
	}
	if v, ok := m.number("min"); ok {
		p.satLow = v
	}
	m.done()
	lo, hi := p.Type.limits()
	if p.satLow >= p.satHigh || (m.has("max") && p.satHigh > hi) || (m.has("min") && p.satLow < lo) {
		f.add(m.at, "%s: saturates must give raw register values, min below max, that type %s can hold", s.what, p.Type)
	}
}

func (f *file) readMarker(s *section, n ast.Node, p *Point) (marker, bool) {
	m := marker{op: '='}
	where := positionOf(n)
	if _, isMap := n.(*ast.MappingNode); isMap {
		c := f.section(n, s.what+": invalid")
		ops := []struct {
			key string
			op  byte
		}{{"ge", 'g'}, {"le", 'l'}, {"gt", 'G'}, {"lt", 'L'}}
		count := 0
		for _, o := range ops {
			if v, ok := c.number(o.key); ok {
				m = marker{op: o.op, value: v}
				count++
			}
		}
		c.done()
		if count != 1 {
			f.add(where, "%s: invalid: write a raw value, or one of {ge: N}, {gt: N}, {le: N}, {lt: N}", s.what)
			return m, false
		}
		return m, true
	}
	v, ok := s.asNumber(n, "invalid")
	if !ok {
		return m, false
	}
	lo, hi := p.Type.limits()
	width := p.Type.bits()
	top := math.Pow(2, float64(width)) - 1
	if !p.Type.float() && p.Type != BCD16 && p.Type != BCD32 {
		hi = max(hi, top) // an s16 may be marked by its pattern 0x8000
	}
	if v < lo || v > hi || (!p.Type.float() && v != math.Trunc(v)) {
		f.add(where, "%s: invalid: %s is no raw value of type %s", s.what, describe(n), p.Type)
		return m, false
	}
	m.value = v
	if p.Type == F32 {
		m.value = float64(float32(v))
	}
	if !p.Type.float() {
		m.bits = bitsOf(n, v, width)
	}
	return m, true
}

// bitsOf is the bit pattern of a whole number. The node is asked first: a float64
// does not hold 0xFFFFFFFFFFFFFFFF.
func bitsOf(n ast.Node, v float64, width int) uint64 {
	pattern := uint64(int64(v))
	if i, ok := n.(*ast.IntegerNode); ok {
		switch x := i.Value.(type) {
		case uint64:
			pattern = x
		case int64:
			pattern = uint64(x)
		}
	}
	if width < 64 {
		pattern &= 1<<width - 1
	}
	return pattern
}

// readPlausible takes the profile's range, or the signal table's where it has none.
func (f *file) readPlausible(s *section, p *Point) {
	p.Low, p.High = math.NaN(), math.NaN()
	if p.Signal != 0 && p.Signal.Info().Bounded() {
		p.Low, p.High = p.Signal.Info().Min, p.Signal.Info().Max
	}
	n, ok := s.get("plausible")
	if !ok {
		return
	}
	l, isList := n.(*ast.SequenceNode)
	if !isList || len(l.Values) != 2 {
		f.add(positionOf(n), "%s: plausible must be [lowest, highest] in the point's unit", s.what)
		return
	}
	lo, ok1 := s.asNumber(l.Values[0], "plausible")
	hi, ok2 := s.asNumber(l.Values[1], "plausible")
	if !ok1 || !ok2 {
		return
	}
	if lo >= hi {
		f.add(positionOf(n), "%s: plausible: %v is not below %v; write [lowest, highest]", s.what, lo, hi)
		return
	}
	if convert, err := esp.Convert(p.Unit, p.Stored); err == nil {
		lo, hi = convert.Apply(lo), convert.Apply(hi)
	}
	p.Low, p.High = min(lo, hi), max(lo, hi)
}

// readEnum reads the names of the values of an enumeration.
func (f *file) readEnum(s *section, p *Point) {
	n, ok := s.get("enum")
	if !ok {
		if p.Signal == esp.RunState {
			f.add(s.at, "%s: needs an enum that maps each value of the register to a state, for example {0: stopped, 1: running, 2: tripped}", s.what)
		}
		return
	}
	if _, named := n.(*ast.StringNode); named {
		f.add(positionOf(n), "%s: enum: named tables are not supported in this release; write the map here: {0: local, 1: remote}", s.what)
		return
	}
	m := f.section(n, s.what+": enum")
	p.Enum = map[int64]string{}
	for _, key := range m.order {
		code, ok := parseCode(key)
		if !ok {
			f.add(m.place(key), "%s: enum: %q is no whole number", s.what, key)
			continue
		}
		text := m.text(key)
		p.Enum[code] = text
		if p.Signal != esp.RunState {
			continue
		}
		st, ok := esp.ParseState(text)
		if !ok {
			f.add(m.place(key), "%s: enum: %q is no state; use stopped, starting, settling, running, ramping, tripped, restart_wait, backspin or unknown", s.what, text)
		}
		if p.states == nil {
			p.states = map[int64]esp.State{}
		}
		p.states[code] = st
	}
	if p.Type.float() {
		f.add(s.place("enum"), "%s: enum needs an integer type", s.what)
	}
	if p.Signal == esp.RunState {
		p.role = state
	}
}

// readPolling reads group, ordered, fresh_by and counter.
func (f *file) readPolling(s *section, p *Point) {
	if p.Group = s.text("group"); p.Group != "" {
		d, ok := f.groups[p.Group]
		if !ok {
			f.add(s.place("group"), "%s: group %q is not defined; add it under groups with its period", s.what, p.Group)
		}
		p.Every = d
	}
	p.Ordered = s.boolean("ordered", false)
	if p.Ordered && p.Registers() != 2 {
		f.add(s.place("ordered"), "%s: ordered is for values of two registers of which the low word latches the high one", s.what)
	}
	p.FreshBy = s.text("fresh_by")
	n, ok := s.get("counter")
	if !ok {
		return
	}
	c := f.section(n, s.what+": counter")
	if v, ok := c.integer("wrap", 8, 64); ok {
		p.Wrap = uint8(v)
	}
	c.done()
}
