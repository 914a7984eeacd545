package web

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// absent stands for a value that cannot be shown.
const absent = "—"

// unitKey names a row of the display table: a stored unit, or a stored unit that one
// signal shows differently.
type unitKey string

// keyGas is the key of gas volumes, which nobody counts in barrels.
const keyGas unitKey = "gas m3/d"

func keyOf(id esp.SignalID, unit esp.Unit) unitKey {
	if id == esp.GasRate {
		return keyGas
	}
	return unitKey(unit)
}

// display says how a quantity is shown: symbol, map from the stored unit, and
// decimals from 100, from 10 and below. Few digits, since a technician reads at arm's
// length; the readings table and the API have them all.
type display struct {
	Symbol   string
	Map      esp.Linear
	Decimals [3]int
}

func plain(symbol string, decimals ...int) display {
	return in(symbol, esp.Identity(), decimals...)
}

func in(symbol string, l esp.Linear, decimals ...int) display {
	d := display{Symbol: symbol, Map: l}
	for i := range d.Decimals {
		d.Decimals[i] = decimals[min(i, len(decimals)-1)]
	}
	return d
}

// convert is the map between two units that the table of esp is known to have.
func convert(from, to esp.Unit) esp.Linear {
	l, err := esp.Convert(from, to)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return l
}

// displays is the table: stored unit → oilfield and SI. A unit that is not in it (a
// vendor's own) is shown as it is.
func displays() map[unitKey][2]display {
	same := func(d display) [2]display { return [2]display{d, d} }
	return map[unitKey][2]display{
		unitKey(esp.Hertz):    same(plain("Hz", 1)),
		unitKey(esp.Ampere):   same(plain("A", 1)),
		unitKey(esp.Milliamp): same(plain("mA", 2)),
		unitKey(esp.Volt):     same(plain("V", 0, 0, 1)),
		unitKey(esp.Kilowatt): same(plain("kW", 0, 0, 1)),
		unitKey(esp.KWh):      same(plain("kWh", 0)),
		unitKey(esp.Percent):  same(plain("%", 0, 0, 1)),
		unitKey(esp.Gravity):  same(plain("g", 2)),
		unitKey(esp.MegaOhm):  same(plain("MΩ", 0, 1)),
		unitKey(esp.Second):   same(plain("s", 0)),
		unitKey(esp.Hour):     same(plain("h", 0)),
		unitKey(esp.Degree):   same(plain("°", 1)),
		unitKey(esp.KPa):      {in("psi", convert(esp.KPa, "psi"), 0, 0, 1), plain("kPa", 0, 0, 1)},
		unitKey(esp.Celsius):  {in("°F", convert(esp.Celsius, "degF"), 0), plain("°C", 1)},
		unitKey(esp.Metre):    {in("ft", convert(esp.Metre, "ft"), 0), plain("m", 0, 0, 1)},
		unitKey(esp.M3PerDay): {in("bbl/d", convert(esp.M3PerDay, "bbl/d"), 0), plain("m³/d", 0, 1)},
		unitKey(esp.M3PerM3):  {in("scf/bbl", convert(esp.M3PerM3, "scf/bbl"), 0), plain("m³/m³", 0, 1)},
		// 0.158987294928 m³ per barrel; 28.316846592 m³ per thousand cubic feet.
		unitKey(esp.KWhPerM3): {in("kWh/bbl", esp.Linear{Mul: 158987294928, Div: 1e12}, 1), plain("kWh/m³", 1)},
		keyGas:                {in("Mscf/d", esp.Linear{Mul: 1e9, Div: 28316846592}, 0, 1, 2), plain("m³/d", 0)},
	}
}

// shower turns stored values into what people read, in one system of units.
type shower struct {
	units Units
	table map[unitKey][2]display
}

func newShower(u Units) *shower { return &shower{units: u, table: displays()} }

func (s *shower) display(k unitKey) display {
	if pair, ok := s.table[k]; ok {
		if s.units == SI {
			return pair[1]
		}
		return pair[0]
	}
	return plain(string(k), 0, 1, 2)
}

// Quantity is a number with its unit as the template "q" shows it: the stored value
// goes along, so that the browser can show it in its own units.
type Quantity struct {
	Stored string // decimal, in the stored unit; empty: none
	Key    string // of the display table
	Digits int    // fixed decimals; -1: as the table says
	Text   string // the number in the server's default units
	Symbol string
}

// Short is Text without zeros at the end of a fraction.
func (q Quantity) Short() string {
	if !strings.Contains(q.Text, ".") {
		return q.Text
	}
	return strings.TrimSuffix(strings.TrimRight(q.Text, "0"), ".")
}

// Valid reports whether there is a number.
func (q Quantity) Valid() bool { return q.Stored != "" }

func (s *shower) quantity(id esp.SignalID, unit esp.Unit, v float64) Quantity {
	digits := -1
	if unit == esp.None && id != 0 {
		digits = int(id.Info().Decimals)
	}
	return s.number(keyOf(id, unit), v, digits)
}

func (s *shower) number(k unitKey, v float64, digits int) Quantity {
	d := s.display(k)
	q := Quantity{Key: string(k), Digits: digits, Text: absent, Symbol: d.Symbol}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return q
	}
	q.Stored = strconv.FormatFloat(v, 'g', -1, 64)
	q.Text = d.format(v, digits)
	return q
}

func (d display) format(stored float64, digits int) string {
	v := d.Map.Apply(stored)
	if digits < 0 {
		digits = d.Decimals[magnitude(v)]
	}
	return group(strconv.FormatFloat(v, 'f', digits, 64))
}

// magnitude is the index in display.Decimals.
func magnitude(v float64) int {
	switch v = math.Abs(v); {
	case v >= 100:
		return 0
	case v >= 10:
		return 1
	}
	return 2
}

// group sets commas between thousands and a true minus sign, and drops the sign of
// a number that rounds to zero.
func group(s string) string {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, hasFraction := strings.Cut(digits, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	if negative && strings.Trim(digits, "0.") != "" {
		return "−" + whole
	}
	return whole
}

// unitTable is the display table for the browser: key → [oilfield, SI], each
// [symbol, mul, div, offset, decimals×3].
func unitTable() (string, error) {
	out := make(map[unitKey][2][]any)
	for k, pair := range displays() {
		var row [2][]any
		for i, d := range pair {
			row[i] = []any{d.Symbol, d.Map.Mul, d.Map.Div, d.Map.Offset, d.Decimals[0], d.Decimals[1], d.Decimals[2]}
		}
		out[k] = row
	}
	b, err := json.Marshal(out)
	return string(b), err
}
