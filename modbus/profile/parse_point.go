package profile

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func (r *reader) readPoints() {
	if len(r.file.Points) == 0 {
		r.complain("points", "must be a list with at least one {name, ref, type, scale, unit}")
	}
	for i := range r.file.Points {
		f := &r.file.Points[i]
		if !f.seen {
			continue
		}
		path := fmt.Sprintf("points[%d]", i)
		p := r.readPoint(path, &f.pointBody)
		if p.Type == Str {
			r.complain(path+".type", "text is no reading; put it under detect or settings")
		}
		r.keep(path, f.When, p)
	}
}

func (r *reader) readPoint(path string, f *pointBody) Point {
	p := Point{Name: f.Name, Confidence: f.Confidence, Label: f.Text, path: path, regs: r.textLength(path, f.Regs, f.Type)}
	if !namePattern.MatchString(f.Name) {
		r.complain(path+".name", "must be given: a small letter, then small letters, digits and '_', at most 64")
	}
	if !strings.HasPrefix(path, "settings") { // a setting may have the name of a signal and is none
		p.Signal, _ = esp.Lookup(f.Name)
	}
	r.readAddress(path, &f.placeFile, &p)
	r.readField(path, &f.fieldFile, &p)
	r.readScaleFrom(path, f, &p)
	r.readScale(path, f, &p)
	r.readMarkers(path, &f.Invalid, &p)
	r.readSaturation(path, f.Saturates, &p)
	r.readPlausible(path, f, &p)
	r.readEnum(path, f, &p)
	r.readPolling(path, f, &p)
	return p
}

// readAddress reads fc, type, ref or wire, base and orders.
func (r *reader) readAddress(path string, f *placeFile, p *Point) {
	p.FC = r.functionCode(path+".fc", f.FC, r.defaults.fc)
	bit := p.FC <= 2
	otherwise := r.defaults.typ
	if bit {
		otherwise = U16
	}
	p.Type = r.valueType(path+".type", f.Type, otherwise)
	if bit && p.Type != U16 {
		r.complain(path+".type", "function code %d reads single bits; remove type", p.FC)
		p.Type = U16
	}
	order := map[bool]string{false: "hilo", true: "lohi"}[r.defaults.lowFirst]
	p.lowWordFirst = r.choice(path+".word_order", f.WordOrder, order, "hilo", "lohi") == "lohi"
	order = map[bool]string{false: "big", true: "little"}[r.defaults.swapped]
	p.bytesSwapped = r.choice(path+".byte_order", f.ByteOrder, order, "big", "little") == "little" && !bit
	if p.Registers() > 1 && f.WordOrder == "" && p.Type != Str {
		p.orderFrom, p.undecided = r.order, r.orderOpen
	}
	p.Ref = -1
	switch {
	case f.Wire != nil:
		p.addressPath = path + ".wire"
	case f.Parameter != nil:
		p.addressPath = path + ".p"
	default:
		p.addressPath = path + ".ref"
	}
	wire, ok := r.readWire(path, f, p)
	switch {
	case !ok:
	case wire+int64(p.Registers()) > 65536:
		r.complain(p.addressPath, "%d registers from wire address %d end beyond 65535", p.Registers(), wire)
	default:
		p.Wire = uint16(wire)
	}
}

func (r *reader) readWire(path string, f *placeFile, p *Point) (int64, bool) {
	switch {
	case f.Wire != nil && (f.Ref != nil || f.Parameter != nil):
		r.complain(path+".wire", "give one of ref (as the manual prints it), p (a parameter) or wire (as sent)")
		return 0, false
	case f.Parameter != nil && f.Ref != nil:
		r.complain(path+".p", "give one of ref (as the manual prints it), p (a parameter) or wire (as sent)")
		return 0, false
	case f.Wire != nil && f.Base != nil:
		r.complain(path+".base", "base belongs to ref; a wire address needs none")
		return 0, false
	case f.Wire != nil:
		wire := r.number(path+".wire", f.Wire, -1, 0, 65535)
		return wire, wire >= 0
	case f.Parameter != nil:
		ref, ok := r.parameterRef(path, f.Parameter, p)
		if !ok {
			return 0, false
		}
		return r.belowBase(path+".p", ref, cmp.Or(f.Base, r.file.Formula.Base, r.defaults.base), p)
	case f.Ref == nil:
		r.complain(path, "address missing; give ref: the number that the manual prints")
		return 0, false
	case !f.Ref.ok:
		return 0, false
	}
	base := cmp.Or(f.Base, r.defaults.base)
	if base == nil {
		r.complain(path+".ref", "%d needs a base: the number that the manual prints for the first register (40001, 30001, 1 or 0); set it in defaults or here", f.Ref.value)
		return 0, false
	}
	r.number(path+".base", f.Base, 0, 0, highestBase)
	return r.belowBase(path+".ref", f.Ref.value, base, p)
}

// belowBase is the wire address of a printed one.
func (r *reader) belowBase(path string, ref int64, base *whole, p *Point) (int64, bool) {
	switch {
	case base == nil || !base.ok || base.value < 0 || base.value > highestBase: // complained about where it stands
	case ref < base.value:
		r.complain(path, "%d is below base %d; correct one, or give this point its own base", ref, base.value)
	case ref-base.value > 65535:
		r.complain(path, "%d is more than 65535 above base %d; correct one, or give this point its own base", ref, base.value)
	default:
		p.Ref = ref
		return ref - base.value, true
	}
	return 0, false
}

// readField reads mask and shift.
func (r *reader) readField(path string, f *fieldFile, p *Point) {
	mask := uint64(r.number(path+".mask", f.Mask, 0, 1, math.MaxInt64))
	shift := uint8(r.number(path+".shift", f.Shift, 0, 0, 63))
	if mask == 0 && f.Shift == nil {
		return
	}
	width := p.Type.bits()
	switch {
	case !p.Type.unsigned():
		r.complain(path+".mask", "mask and shift cut bits out of an unsigned register; type %s has none", p.Type)
	case width < 64 && mask>>width != 0:
		r.complain(path+".mask", "0x%X has more bits than the %d of type %s", mask, width, p.Type)
	case int(shift) >= width || (mask != 0 && mask>>shift == 0):
		r.complain(path+".shift", "%d leaves no bit of the register", shift)
	case mask == 0:
		p.Mask, p.Shift = uint64(math.MaxUint64)>>(64-width), shift
	default:
		p.Mask, p.Shift = mask, shift
	}
}

// readScale reads scale, offset and unit, and finds the way to the signal's unit.
func (r *reader) readScale(path string, f *pointBody, p *Point) {
	p.Printed = esp.Scale(p.scaleFrom.finest())
	if f.Scale != nil && f.Scale.ok {
		if l := esp.Scale(f.Scale.value); l.Valid() {
			p.Printed = l
		} else {
			r.complain(path+".scale", "must be another number than 0; leave it out for 1")
		}
	}
	if f.Offset != nil {
		p.Printed.Offset = f.Offset.value
	}
	p.Unit = esp.Unit(f.Unit)
	if p.Unit == "1" {
		p.Unit = esp.None
	}
	if len(p.Unit) > 16 || strings.ContainsAny(f.Unit, " \t\n") {
		r.complain(path+".unit", "must be a short symbol without spaces")
	}
	p.Scale, p.Stored = p.Printed, p.Unit
	if p.Signal == 0 {
		return
	}
	info := p.Signal.Info()
	if info.Group == esp.DerivedGroup {
		r.complain(path+".name", "%s is computed by the appliance; give the device's own value another name", p.Name)
		return
	}
	p.Stored = info.Unit
	convert, err := esp.Convert(p.Unit, info.Unit)
	switch {
	case err == nil:
		p.Scale = p.Printed.Then(convert)
	case p.Unit == esp.None && !r.doc.Has(path+".unit"):
		r.complain(path, "unit missing; say in which unit the register is (%s is stored in %s)", p.Name, info.Unit)
	case info.Unit == esp.None:
		r.complain(path+".unit", "%s has no unit; remove unit %q or name the point differently", p.Name, p.Unit)
	case p.Unit != esp.None:
		r.complain(path+".unit", "%q cannot be converted to %s, the unit of %s; correct it (units are written as in psi, kPa, degF, bbl/d) or name the point differently", p.Unit, info.Unit, p.Name)
	}
}

// readMarkers reads invalid.
func (r *reader) readMarkers(path string, f *markerList, p *Point) {
	for i := range f.list {
		at := path + ".invalid"
		if !f.one {
			at += "[" + strconv.Itoa(i) + "]"
		}
		if m, ok := r.readMarker(at, &f.list[i], p.Type); ok {
			p.markers = append(p.markers, m)
		}
	}
}

// readSaturation reads the raw values at which a register stops.
func (r *reader) readSaturation(path string, f *saturatesFile, p *Point) {
	p.satLow, p.satHigh = math.Inf(-1), math.Inf(1)
	if f == nil {
		return
	}
	lo, hi := p.Type.limits()
	if m := f.Max; m != nil && m.ok {
		p.satHigh = m.value
	}
	if m := f.Min; m != nil && m.ok {
		p.satLow = m.value
	}
	if p.satLow >= p.satHigh || (p.satHigh > hi && !math.IsInf(p.satHigh, 1)) || (p.satLow < lo && !math.IsInf(p.satLow, -1)) {
		r.complain(path+".saturates", "must give raw register values, min below max, that type %s can hold", p.Type)
	}
}

func (r *reader) readMarker(path string, f *markerFile, typ Type) (marker, bool) {
	if !f.ok {
		return marker{}, false
	}
	if f.limited {
		return r.readMarkerRange(path, f)
	}
	value, ok := markerValue(f.text)
	if !ok {
		r.complain(path, "%v", errNoNumber)
		return marker{}, false
	}
	m := marker{op: '=', value: value}
	lo, hi := typ.limits()
	if typ.float() {
		if typ == F32 {
			m.value = float64(float32(m.value))
		}
		return m, true
	}
	width := typ.bits()
	if typ != BCD16 && typ != BCD32 {
		hi = max(hi, math.Pow(2, float64(width))-1) // an s16 may be marked by its pattern 0x8000
	}
	if m.value < lo || m.value > hi || m.value != math.Trunc(m.value) {
		r.complain(path, "%s is no raw value of type %s", f.text, typ)
		return marker{}, false
	}
	m.bits = patternOf(f.text, m.value, width)
	return m, true
}

// markerValue is a marker as a number. Hexadecimal ones may have all 64 bits set.
func markerValue(text string) (float64, bool) {
	if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		return float64(n), true
	}
	var d decimal
	err := d.UnmarshalText([]byte(text))
	return d.value, err == nil
}

func (r *reader) readMarkerRange(path string, f *markerFile) (marker, bool) {
	var found []marker
	for _, l := range []struct {
		value *decimal
		op    byte
	}{{f.limits.GE, 'g'}, {f.limits.LE, 'l'}, {f.limits.GT, 'G'}, {f.limits.LT, 'L'}} {
		if l.value != nil {
			found = append(found, marker{op: l.op, value: l.value.value})
		}
	}
	if len(found) > 1 {
		r.complain(path, "write one of {ge: N}, {gt: N}, {le: N}, {lt: N}")
	}
	if len(found) != 1 {
		return marker{}, false
	}
	return found[0], true
}

// patternOf is the bit pattern of a whole number. The text is asked first: a float64
// does not hold 0xFFFFFFFFFFFFFFFF.
func patternOf(text string, value float64, width int) uint64 {
	pattern, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		pattern = uint64(int64(value))
	}
	return pattern & (math.MaxUint64 >> (64 - width))
}

// readPlausible takes the profile's range, or the signal table's where it has none.
func (r *reader) readPlausible(path string, f *pointBody, p *Point) {
	p.Low, p.High = math.NaN(), math.NaN()
	if p.Signal != 0 && p.Signal.Info().Bounded() {
		p.Low, p.High = p.Signal.Info().Min, p.Signal.Info().Max
	}
	if f.Plausible == nil {
		return
	}
	if len(f.Plausible) != 2 || f.Plausible[0].value >= f.Plausible[1].value {
		r.complain(path+".plausible", "must be [lowest, highest] in the point's unit")
		return
	}
	lo, hi := f.Plausible[0].value, f.Plausible[1].value
	if convert, err := esp.Convert(p.Unit, p.Stored); err == nil {
		lo, hi = convert.Apply(lo), convert.Apply(hi)
	}
	p.Low, p.High = min(lo, hi), max(lo, hi)
}

// readEnum reads the names of the values of an enumeration.
func (r *reader) readEnum(path string, f *pointBody, p *Point) {
	if f.Enum == nil {
		if p.Signal == esp.RunState {
			r.complain(path, "run_state needs an enum that maps each value of the register to a state, for example {0: stopped, 1: running, 2: tripped}")
		}
		return
	}
	if p.Type.float() {
		r.complain(path+".enum", "needs an integer type")
	}
	p.Enum = r.enumeration(path+".enum", f.Enum)
	for code := range p.Enum {
		if width := int64(p.Type.bits()); (p.Type == Bits || p.Type == Bits32) && (code < 0 || code >= width) {
			r.complain(path+".enum", "bit %d is none of the %d bits of type %s", code, width, p.Type)
		}
	}
	if p.Signal == esp.RunState {
		r.readStates(path, f.Enum, p)
	}
}

// enumeration is the map written at path, or the one under enums that it names.
func (r *reader) enumeration(path string, f *enumFile) map[int64]string {
	if f == nil {
		return nil
	}
	if f.use != "" {
		table, ok := r.enums[f.use]
		if !ok {
			r.complain(path, "there is no %q under enums; add it there, or write the map here: {0: local, 1: remote}", f.use)
		}
		return table
	}
	table := map[int64]string{}
	for key, text := range f.names {
		code, ok := parseCode(key)
		if !ok {
			r.complain(path+"."+key, "%q is no whole number", key)
			continue
		}
		table[code] = text
	}
	return table
}

// readEnums reads the named tables.
func (r *reader) readEnums() {
	for name, f := range r.file.Enums {
		path := "enums." + name
		if f.use != "" || len(f.names) == 0 {
			r.complain(path, "must be a map of values to names, for example {0: local, 1: remote}")
			continue
		}
		r.enums[name] = r.enumeration(path, &f)
	}
}

// readStates reads what each value of the register is for run_state. A value between
// two others that the profile forgets would be an unknown state of a running pump.
func (r *reader) readStates(path string, f *enumFile, p *Point) {
	p.role, p.states = state, map[int64]esp.State{}
	for code, text := range p.Enum {
		s, ok := esp.ParseState(text)
		if !ok {
			at := path + ".enum"
			if f.use != "" {
				at = "enums." + f.use
			}
			r.complain(at+"."+strconv.FormatInt(code, 10), "%q is no state; use stopped, starting, settling, running, ramping, tripped, restart_wait, backspin or unknown", text)
		}
		p.states[code] = s
	}
	codes := slices.Sorted(maps.Keys(p.Enum))
	for i := 1; i < len(codes); i++ {
		if missing := codes[i-1] + 1; codes[i] != missing {
			r.complain(path+".enum", "value %d is missing between %d and %d; say which state it is, or unknown", missing, codes[i-1], codes[i])
			return
		}
	}
}

// textLength is the number of registers of a text.
func (r *reader) textLength(path string, regs *whole, typ string) int {
	if typ != "str" {
		if regs != nil {
			r.complain(path+".regs", "is the length of a text; other types know theirs: remove it")
		}
		return 0
	}
	if regs == nil {
		r.complain(path, "type str needs regs, its length in registers (two characters each)")
		return 0
	}
	return int(r.number(path+".regs", regs, 0, 1, 64))
}

// readSettings reads the device's own settings: no columns, read when they are asked for.
func (r *reader) readSettings() {
	seen := map[string]bool{}
	for i := range r.file.Settings {
		f := &r.file.Settings[i]
		if !f.seen {
			continue
		}
		path := fmt.Sprintf("settings[%d]", i)
		for _, key := range []string{"group", "fresh_by", "counter", "ordered", "plausible", "saturates"} {
			if r.doc.Has(path + "." + key) {
				r.complain(path+"."+key, "belongs to points; a setting is read when it is asked for: remove it")
			}
		}
		p := r.readPoint(path, &f.pointBody)
		keep, open := r.when(path, f.When)
		if !keep || open {
			continue
		}
		if seen[p.Name] && p.Name != "" {
			r.complain(path+".name", "%q stands twice", p.Name)
		}
		seen[p.Name] = true
		r.profile.Settings = append(r.profile.Settings, p)
	}
}

// readPolling reads group, ordered, fresh_by, constant and counter.
func (r *reader) readPolling(path string, f *pointBody, p *Point) {
	if p.Group = f.Group; p.Group != "" {
		d, ok := r.groups[p.Group]
		if _, named := r.file.Groups[p.Group]; !ok && !named {
			r.complain(path+".group", "%q is not defined; add it under groups with its period", p.Group)
		}
		p.Every = d
	}
	if p.Ordered = f.Ordered; p.Ordered && p.Registers() != 2 {
		r.complain(path+".ordered", "is for values of two registers of which the low word latches the high one")
	}
	p.FreshBy = f.FreshBy
	if f.Constant != nil {
		p.Constant = new(uint16(r.number(path+".constant", f.Constant, 0, 0, 0xFFFF)))
		if p.Registers() != 1 {
			r.complain(path+".constant", "is the whole word of one register; use a type of one register")
		}
	}
	if f.Counter != nil {
		p.Wrap = uint8(r.number(path+".counter.wrap", f.Counter.Wrap, 0, 8, 64))
	}
}
