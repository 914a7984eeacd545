package esp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unit is the symbol of a unit of measurement as it is written in profiles,
// configurations and the signal table.
type Unit string

// Units in which signals are stored. Profiles may use any unit that Convert knows.
const (
	None     Unit = ""
	Hertz    Unit = "Hz"
	Ampere   Unit = "A"
	Milliamp Unit = "mA"
	Volt     Unit = "V"
	Kilowatt Unit = "kW"
	KWh      Unit = "kWh"
	Percent  Unit = "%"
	Celsius  Unit = "degC"
	KPa      Unit = "kPa"
	Gravity  Unit = "g"
	MegaOhm  Unit = "MOhm"
	Second   Unit = "s"
	Hour     Unit = "h"
	Degree   Unit = "deg"
	Metre    Unit = "m"
	M3PerDay Unit = "m3/d"
	M3PerM3  Unit = "m3/m3"
	KWhPerM3 Unit = "kWh/m3"
)

// Label writes a number, as it is printed, with its unit behind it.
func (u Unit) Label(number string) string {
	switch u {
	case None:
		return number
	case Celsius:
		return number + " °C"
	default:
		return number + " " + string(u)
	}
}

// Span writes a duration as people say it, in at most two units: "4 min 12 s",
// "1 h 27 min", "12 d 4 h". Less than nothing is nothing.
func Span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	two := func(a int64, au string, b int64, bu string) string {
		if b == 0 {
			return fmt.Sprintf("%d %s", a, au)
		}
		return fmt.Sprintf("%d %s %d %s", a, au, b, bu)
	}
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return two(s/60, "min", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "min")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}

// Linear maps a number to another: y = x·Mul/Div + Offset. The division is kept
// apart from the factor because dividing by a power of ten is exact to the last
// digit where multiplying with its inverse is not.
type Linear struct {
	Mul    float64 `json:"mul"`
	Div    float64 `json:"div"`
	Offset float64 `json:"offset,omitempty"`
}

// Identity leaves a number as it is.
func Identity() Linear { return Linear{Mul: 1, Div: 1} }

// Apply maps x.
func (l Linear) Apply(x float64) float64 { return x*l.Mul/l.Div + l.Offset }

// Invert maps y back to the x that gives it.
func (l Linear) Invert(y float64) float64 { return (y - l.Offset) * l.Div / l.Mul }

// Then is the map that applies l first and next after it.
func (l Linear) Then(next Linear) Linear {
	return Linear{
		Mul:    l.Mul * next.Mul,
		Div:    l.Div * next.Div,
		Offset: l.Offset*next.Mul/next.Div + next.Offset,
	}
}

// Valid reports whether l can be applied and inverted.
func (l Linear) Valid() bool {
	for _, f := range []float64{l.Mul, l.Div, l.Offset} {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	return l.Mul != 0 && l.Div != 0
}

// Scale is the map of a printed scale factor: 0.1 becomes a division by ten.
// It keeps the shortest decimal form of the factor, so that 0.01 divides by 100.
func Scale(factor float64) Linear {
	digits, exponent, ok := strings.Cut(strconv.FormatFloat(factor, 'e', -1, 64), "e")
	e, err := strconv.Atoi(exponent)
	if !ok || err != nil {
		return Linear{Mul: factor, Div: 1}
	}
	if whole, fraction, ok := strings.Cut(digits, "."); ok {
		digits = whole + fraction
		e -= len(fraction)
	}
	mul, err := strconv.ParseFloat(digits, 64)
	if err != nil || e < -22 || e > 22 { // 10^22 is the largest power of ten a float64 holds exactly
		return Linear{Mul: factor, Div: 1}
	}
	if e >= 0 {
		return Linear{Mul: mul * math.Pow10(e), Div: 1}
	}
	return Linear{Mul: mul, Div: math.Pow10(-e)}
}

type dimension struct {
	base Unit
	to   Linear
}

// convertible holds, for each unit that profiles may use, the stored unit of its
// dimension and the map to it. Factors are exact by definition (SI brochure, NIST
// SP 811) except where noted.
func convertible(u Unit) (dimension, bool) {
	switch u {
	case "Pa":
		return dimension{KPa, Linear{1, 1000, 0}}, true
	case "bar":
		return dimension{KPa, Linear{100, 1, 0}}, true
	case "MPa":
		return dimension{KPa, Linear{1000, 1, 0}}, true
	case "atm":
		return dimension{KPa, Linear{101325, 1000, 0}}, true
	case "psi": // 4.4482216152605 N / (0.0254 m)²
		return dimension{KPa, Linear{6.894757293168361, 1, 0}}, true
	case "kgf/cm2":
		return dimension{KPa, Linear{980665, 10000, 0}}, true
	case "degF":
		return dimension{Celsius, Linear{5, 9, -160.0 / 9}}, true
	case "K":
		return dimension{Celsius, Linear{1, 1, -273.15}}, true
	case "bbl/d": // 0.158987294928 m³
		return dimension{M3PerDay, Linear{158987294928, 1e12, 0}}, true
	case "scf/bbl": // 0.028316846592 m³ per 0.158987294928 m³
		return dimension{M3PerM3, Linear{28316846592, 158987294928, 0}}, true
	case "W":
		return dimension{Kilowatt, Linear{1, 1000, 0}}, true
	case "hp": // mechanical horsepower, 550 ft·lbf/s
		return dimension{Kilowatt, Linear{7456998715822702, 1e16, 0}}, true
	case "Wh":
		return dimension{KWh, Linear{1, 1000, 0}}, true
	case "MWh":
		return dimension{KWh, Linear{1000, 1, 0}}, true
	case "kV":
		return dimension{Volt, Linear{1000, 1, 0}}, true
	case "mV":
		return dimension{Volt, Linear{1, 1000, 0}}, true
	case "kOhm":
		return dimension{MegaOhm, Linear{1, 1000, 0}}, true
	case "m/s2":
		return dimension{Gravity, Linear{100000, 980665, 0}}, true
	case "min":
		return dimension{Second, Linear{60, 1, 0}}, true
	case "ft":
		return dimension{Metre, Linear{3048, 10000, 0}}, true
	default:
	}
	return dimension{}, false
}

// Convert is the map from one unit to another of the same dimension; the error
// names both when there is none.
func Convert(from, to Unit) (Linear, error) {
	if from == to {
		return Identity(), nil
	}
	if l, ok := special(from, to); ok {
		return l, nil
	}
	f, fromOK := convertible(from)
	t, toOK := convertible(to)
	switch {
	case fromOK && f.base == to:
		return f.to, nil
	case toOK && t.base == from:
		return inverse(t.to), nil
	case fromOK && toOK && f.base == t.base:
		return f.to.Then(inverse(t.to)), nil
	}
	return Linear{}, fmt.Errorf("no conversion from %q to %q", from, to)
}

// special are the pairs in which the larger unit is itself a stored unit of another
// signal, so that neither stands for the dimension alone.
func special(from, to Unit) (Linear, bool) {
	switch {
	case from == Ampere && to == Milliamp:
		return Linear{1000, 1, 0}, true
	case from == Milliamp && to == Ampere:
		return Linear{1, 1000, 0}, true
	case from == Hour && to == Second:
		return Linear{3600, 1, 0}, true
	case from == Second && to == Hour:
		return Linear{1, 3600, 0}, true
	case from == "min" && to == Hour:
		return Linear{1, 60, 0}, true
	}
	return Linear{}, false
}

func inverse(l Linear) Linear {
	return Linear{Mul: l.Div, Div: l.Mul, Offset: -l.Offset * l.Div / l.Mul}
}
