package profile

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// vector is an example from the manual: these words give these values. It is checked
// each time the profile is loaded.
type vector struct {
	at    position
	fc    uint8
	wire  uint16
	words []uint16
	gives []expectation
}

type expectation struct {
	at     position
	point  string
	number float64
	word   string // a quality, a state or the text of an enumeration; empty for a number
}

func (f *file) readVectors(s *section) {
	for _, n := range s.list("vectors") {
		f.readVector(f.section(n, "vector"))
	}
}

func (f *file) readVector(s *section) {
	v := vector{at: s.at, fc: uint8(f.defaults.fc)}
	if fc, ok := s.functionCode(); ok {
		v.fc = uint8(fc)
	}
	base, hasBase := s.integer("base", 0, 500000)
	if !hasBase {
		base = f.defaults.base
	}
	read, ok := s.integer("read", 0, 565535)
	if !ok || read < base || read-base > 65535 {
		f.add(s.place("read"), "vector: read must be the ref of the first register, at or above base %d", base)
	}
	v.wire = uint16(read - base)
	raw, err := hex.DecodeString(strings.ReplaceAll(s.text("raw"), " ", ""))
	if err != nil || len(raw) == 0 || len(raw)%2 != 0 {
		f.add(s.place("raw"), "vector: raw must be the registers in hexadecimal, four digits each, for example \"03E8 0001\"")
	}
	for ; len(raw) >= 2; raw = raw[2:] {
		v.words = append(v.words, binary.BigEndian.Uint16(raw))
	}
	if n, ok := s.get("gives"); ok {
		f.readExpectations(f.section(n, "vector: gives"), &v)
	} else {
		f.add(s.at, "vector: gives must name at least one point and its value")
	}
	s.done()
	f.vectors = append(f.vectors, v)
}

func (f *file) readExpectations(s *section, v *vector) {
	for _, name := range slices.Clone(s.order) {
		n, ok := s.get(name)
		if !ok {
			continue
		}
		e := expectation{at: s.place(name), point: name}
		if t, isText := n.(interface{ GetValue() any }); isText {
			switch value := t.GetValue().(type) {
			case string:
				e.word = value
			default:
				if e.number, ok = s.asNumber(n, name); !ok {
					continue
				}
			}
			v.gives = append(v.gives, e)
			continue
		}
		f.add(e.at, "vector: %s must be a number in the point's unit, a quality or a state", name)
	}
}

// runVectors decodes the examples and compares.
func (f *file) runVectors() {
	p := f.profile
	readings := make([]esp.Reading, len(p.Points))
	for _, v := range f.vectors {
		p.Decode(v.word, readings)
		for _, e := range v.gives {
			i, ok := p.byName[e.point]
			if !ok {
				f.add(e.at, "vector: there is no point %q", e.point)
				continue
			}
			f.compare(&p.Points[i], readings[i], e)
		}
	}
}

func (v *vector) word(fc uint8, wire uint16) (uint16, esp.Reason) {
	i := int(wire) - int(v.wire)
	if fc != v.fc || i < 0 || i >= len(v.words) {
		return 0, esp.Timeout
	}
	return v.words[i], esp.NoReason
}

func (f *file) compare(point *Point, r esp.Reading, e expectation) {
	switch {
	case r.Quality == esp.Lost:
		f.add(e.at, "vector: the words do not reach point %s (%s)", point.Name, point.Address())
	case e.word != "":
		if e.word != r.Quality.String() && e.word != point.Text(r.Raw) {
			f.add(e.at, "vector: point %s is %s (%s %s), not %s", point.Name, formatPrinted(point, r), r.Quality, r.Reason, e.word)
		}
	case math.IsNaN(r.Value) || math.Abs(point.printed(r)-e.number) > 1e-9*max(1, math.Abs(e.number)):
		f.add(e.at, "vector: point %s is %s (%s %s), not %v; correct its address, type or scale, or the example", point.Name, formatPrinted(point, r), r.Quality, r.Reason, e.number)
	}
}

// printed is the reading in the manual's unit.
func (p *Point) printed(r esp.Reading) float64 {
	if p.Type.float() && p.role == measured {
		return p.Printed.Apply(math.Float64frombits(uint64(r.Raw)))
	}
	return p.Printed.Apply(float64(r.Raw))
}

func formatPrinted(point *Point, r esp.Reading) string {
	if text := point.Text(r.Raw); text != "" {
		return text
	}
	return strconv.FormatFloat(point.printed(r), 'g', 10, 64)
}
