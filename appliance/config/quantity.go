package config

import (
	"fmt"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// Quantity is a number with its unit as people write it: "450 psi". Without a unit it
// is in the stored unit of what it belongs to.
type Quantity struct {
	Value float64
	Unit  esp.Unit
}

// UnmarshalText reads "450 psi" or "450".
func (q *Quantity) UnmarshalText(b []byte) error {
	number, unit, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v != v || v-v != 0 {
		return fmt.Errorf("%q is no quantity; write a number and its unit, for example 450 psi", b)
	}
	*q = Quantity{Value: v, Unit: esp.Unit(strings.TrimSpace(unit))}
	return nil
}

// convertible is the error of a unit that does not fit.
func (q Quantity) convertible(to esp.Unit) error {
	if q.Unit == "" {
		return nil
	}
	if _, err := esp.Convert(q.Unit, to); err != nil {
		return fmt.Errorf("is in %s, which cannot be converted to %s", q.Unit, to)
	}
	return nil
}

// in is the value in another unit; the unit must be convertible.
func (q Quantity) in(to esp.Unit) float64 { return q.linear(to).Apply(q.Value) }

// span is the value as a difference: 9 °F are 5 °C, not −12.8.
func (q Quantity) span(to esp.Unit) float64 {
	l := q.linear(to)
	l.Offset = 0
	return l.Apply(q.Value)
}

func (q Quantity) linear(to esp.Unit) esp.Linear {
	if q.Unit == "" {
		return esp.Identity()
	}
	l, err := esp.Convert(q.Unit, to)
	if err != nil {
		panic("BUG: a quantity was used before it was checked: " + err.Error())
	}
	return l
}
