package profile

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// vector is an example from the manual: these words give these values. It is checked
// each time the profile is loaded.
type vector struct {
	fc    uint8
	wire  uint16
	words []uint16
}

// runVectors decodes the examples and compares.
func (r *reader) runVectors() {
	for i := range r.file.Vectors {
		f := &r.file.Vectors[i]
		path := fmt.Sprintf("vectors[%d]", i)
		if keep, open := r.when(path, f.When); !keep || open || r.undecided() {
			continue // it is tried with each choice of the variants
		}
		v, ok := r.readVector(path, f)
		if !ok {
			continue
		}
		readings := make([]esp.Reading, len(r.profile.Points))
		r.profile.Decode(v.word, readings)
		for name, want := range f.Gives {
			at := path + ".gives." + name
			i, ok := r.profile.byName[name]
			if !ok {
				r.complain(at, "there is no point %q", name)
				continue
			}
			r.compare(at, &r.profile.Points[i], readings[i], want)
		}
	}
}

func (r *reader) readVector(path string, f *vectorFile) (vector, bool) {
	v := vector{fc: r.functionCode(path+".fc", f.FC, r.defaults.fc)}
	base := int64(0)
	if r.defaults.base != nil {
		base = r.defaults.base.value
	}
	base = r.number(path+".base", f.Base, base, 0, highestBase)
	read := r.number(path+".read", f.Read, -1, base, base+65535)
	if f.Read == nil {
		r.complain(path+".read", "must be given: the ref of the first register")
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(f.Raw, " ", ""))
	if err != nil || len(raw) == 0 || len(raw)%2 != 0 {
		r.complain(path+".raw", "must be the registers in hexadecimal, four digits each, for example \"03E8 0001\"")
		return v, false
	}
	if len(f.Gives) == 0 {
		r.complain(path+".gives", "must name at least one point and its value")
	}
	v.wire = uint16(read - base)
	for ; len(raw) >= 2; raw = raw[2:] {
		v.words = append(v.words, binary.BigEndian.Uint16(raw))
	}
	return v, read >= 0
}

func (v *vector) word(fc uint8, wire uint16) (uint16, esp.Reason) {
	i := int(wire) - int(v.wire)
	if fc != v.fc || i < 0 || i >= len(v.words) {
		return 0, esp.Timeout
	}
	return v.words[i], esp.NoReason
}

func (r *reader) compare(path string, point *Point, got esp.Reading, want giveFile) {
	if got.Quality == esp.Lost {
		r.complain(path, "the words do not reach point %s (%s)", point.Name, point.Address())
		return
	}
	if want.matches(point, got) {
		return
	}
	text := point.Text(got.Raw)
	if text == "" {
		text = strconv.FormatFloat(point.printed(got), 'g', 10, 64)
	}
	r.complain(path, "%s is %s (%s %s), not %s; correct its address, type or scale, or the example", point.Name, text, got.Quality, got.Reason, want.text)
}

func (g giveFile) matches(point *Point, got esp.Reading) bool {
	if !g.number {
		return g.text == got.Quality.String() || g.text == point.Text(got.Raw)
	}
	var want decimal
	if err := want.UnmarshalText([]byte(g.text)); err != nil || math.IsNaN(got.Value) {
		return false
	}
	return math.Abs(point.printed(got)-want.value) <= 1e-9*max(1, math.Abs(want.value))
}

// printed is the reading in the manual's unit.
func (p *Point) printed(r esp.Reading) float64 {
	if p.Type.float() && p.role == measured {
		return p.Printed.Apply(math.Float64frombits(uint64(r.Raw)))
	}
	return p.Printed.Apply(float64(r.Raw))
}
