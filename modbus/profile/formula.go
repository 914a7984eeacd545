package profile

import (
	"fmt"
	"strconv"
	"strings"
)

// formulaFile says how a manual computes a register from the number of a parameter:
// for drives that print 1.07 and not an address.
type formulaFile struct {
	Base *whole      `yaml:"base"`
	P16  *expression `yaml:"p16"`
	P32  *expression `yaml:"p32"`
}

// expression is a sum such as "400000 + 100*g + i" of the group g and the index i.
type expression struct {
	constant, group, index int64
	ok                     bool
}

// largestFactor keeps the sum of three products far from what an int64 holds.
const largestFactor = 1 << 20

// UnmarshalText reads the sum.
func (e *expression) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("must be a sum such as \"400000 + 100*g + i\" of numbers, g (the group) and i (the index), not %q", text)
	s := strings.ReplaceAll(string(text), " ", "")
	for s != "" {
		sign := int64(1)
		switch s[0] {
		case '-':
			sign, s = -1, s[1:]
		case '+':
			s = s[1:]
		}
		end := strings.IndexAny(s, "+-")
		if end < 0 {
			end = len(s)
		}
		if !e.add(sign, s[:end]) {
			return wrong
		}
		s = s[end:]
	}
	if e.group == 0 || e.index == 0 {
		return wrong
	}
	e.ok = true
	return nil
}

func (e *expression) add(factor int64, term string) bool {
	of := &e.constant
	for part := range strings.SplitSeq(term, "*") {
		switch part {
		case "g", "i":
			if of != &e.constant {
				return false
			}
			of = map[string]*int64{"g": &e.group, "i": &e.index}[part]
		default:
			n, err := strconv.ParseInt(part, 10, 64)
			if err != nil || n < 0 || n > largestFactor {
				return false
			}
			factor *= n
		}
	}
	if factor > largestFactor || factor < -largestFactor {
		return false
	}
	*of += factor
	return true
}

func (e *expression) register(p *parameterFile) int64 {
	return e.constant + e.group*p.group + e.index*p.index
}

// parameterFile is the number of a parameter as the manual prints it: "1.07" or "16-12".
type parameterFile struct {
	text         string
	group, index int64
	ok           bool
}

// UnmarshalText reads the number. The index is whole: 1.1 is not 1.10.
func (p *parameterFile) UnmarshalText(text []byte) error {
	p.text = string(text)
	group, index, cut := strings.Cut(p.text, ".")
	if !cut {
		group, index, cut = strings.Cut(p.text, "-")
	}
	g, err := strconv.ParseUint(group, 10, 16)
	i, err2 := strconv.ParseUint(index, 10, 16)
	if !cut || err != nil || err2 != nil {
		return fmt.Errorf("must be group and index as the manual prints them, in quotes, for example \"1.07\" or \"16-12\", not %q", p.text)
	}
	p.group, p.index, p.ok = int64(g), int64(i), true
	return nil
}

// readFormula checks the section; points use it.
func (r *reader) readFormula() {
	f := r.file.Formula
	if f == nil {
		return
	}
	r.number("formula.base", f.Base, 0, 0, highestBase)
	if f.P16 == nil && f.P32 == nil {
		r.complain("formula", "needs p16, the register of a 16-bit parameter, for example \"400000 + 100*g + i\", p32 for 32-bit ones, or both")
	}
	if f.Base == nil && r.defaults.base == nil {
		r.complain("formula", "needs a base: the number that the manual prints for the first register (400001, 40001, 1 or 0)")
	}
}

// parameterRef is the printed register of a parameter.
func (r *reader) parameterRef(path string, f *parameterFile, p *Point) (ref int64, ok bool) {
	if !f.ok {
		return 0, false
	}
	p.Parameter = f.text
	formula := r.file.Formula
	if formula == nil {
		r.complain(path+".p", "needs the section formula, which says how the manual computes a register from a parameter; or write ref")
		return 0, false
	}
	e, key := formula.P16, "p16"
	if p.Registers() > 1 {
		e, key = formula.P32, "p32"
	}
	if e == nil {
		r.complain(path+".p", "type %s takes %d registers, and formula has no %s; add it, or write ref", p.Type, p.Registers(), key)
		return 0, false
	}
	return e.register(f), e.ok
}
