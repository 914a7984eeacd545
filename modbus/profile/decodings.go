package profile

import (
	"fmt"
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Decoding is what some words mean when they are read as one type: for finding out what
// a register of an unknown layout holds.
type Decoding struct {
	At   int    // first word
	Type string // as in a profile
	// Order is the order of the words of a value of several: "hilo" has the high word at
	// the lower address, "lohi" the low one. Empty for one word.
	Order string
	Value float64 // NaN: the words are no number of this type
	// Scaled is Value under the scale that was asked for.
	Scaled float64
}

// Orders of words, as a profile names them.
const (
	HighFirst = "hilo"
	LowFirst  = "lohi"
)

// Decodings reads registers in every usual way: each word as u16 and s16, and each two
// neighbours as u32, s32 and f32 in both orders of words. They are ordered by their
// first word, then by type.
func Decodings(words []uint16, scale esp.Linear) []Decoding {
	var list []Decoding
	for at := range words {
		for _, t := range []Type{U16, S16} {
			list = append(list, decoding(words, at, t, "", scale))
		}
		if at+1 == len(words) {
			break
		}
		for _, t := range []Type{U32, S32, F32} {
			list = append(list, decoding(words, at, t, HighFirst, scale), decoding(words, at, t, LowFirst, scale))
		}
	}
	return list
}

// DecodeAs reads registers as a row of values of one type, as a profile names it. Words
// that are left over at the end are not read. The error says what may be asked for.
func DecodeAs(words []uint16, name, order string, scale esp.Linear) ([]Decoding, error) {
	t, ok := parseType(name)
	if !ok {
		return nil, fmt.Errorf("there is no type %q: u16, s16, u32, s32, f32, u64, s64, f64, bcd16, bcd32, u8l and u8h are known", name)
	}
	switch order {
	case "":
		order = HighFirst
	case HighFirst, LowFirst:
	default:
		return nil, fmt.Errorf("there is no word order %q: hilo has the high word first, lohi the low one", order)
	}
	n := t.Registers()
	if n == 1 {
		order = ""
	}
	if len(words) < n {
		return nil, fmt.Errorf("a value of type %s takes %d registers, %d were read", t, n, len(words))
	}
	var list []Decoding
	for at := 0; at+n <= len(words); at += n {
		list = append(list, decoding(words, at, t, order, scale))
	}
	return list, nil
}

// decoding reads one value just as a point of a profile does.
func decoding(words []uint16, at int, t Type, order string, scale esp.Linear) Decoding {
	p := Point{
		FC: 3, Wire: uint16(at), Type: t, Scale: esp.Identity(), Low: math.NaN(), High: math.NaN(),
		satLow: math.Inf(-1), satHigh: math.Inf(1), lowWordFirst: order == LowFirst,
	}
	pattern, _ := p.gather(func(_ uint8, wire uint16) (uint16, esp.Reason) { return words[wire], esp.NoReason })
	v := p.read(pattern, 1).Value
	return Decoding{At: at, Type: t.String(), Order: order, Value: v, Scaled: scale.Apply(v)}
}

// ASCII reads registers as text, two characters in each, the high byte first. What is
// not a printable character is a dot.
func ASCII(words []uint16) string {
	text := make([]byte, 0, 2*len(words))
	for _, w := range words {
		for _, b := range []byte{byte(w >> 8), byte(w)} {
			if b < ' ' || b > '~' {
				b = '.'
			}
			text = append(text, b)
		}
	}
	return string(text)
}
