package web_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
)

func TestShownInUnits(t *testing.T) {
	for _, c := range []struct {
		units web.Units
		key   string
		value float64
		want  string
	}{
		{web.Oilfield, "kPa", 2840.6, "412 psi"},
		{web.Oilfield, "kPa", 17140, "2,486 psi"},
		{web.Oilfield, "kPa", 35.9, "5.2 psi"},
		{web.SI, "kPa", 2840.6, "2,841 kPa"},
		{web.Oilfield, "degC", 121.7, "251 °F"},
		{web.Oilfield, "degC", -17.9, "0 °F"}, // no sign on zero
		{web.Oilfield, "degC", -30, "−22 °F"},
		{web.SI, "degC", 121.7, "121.7 °C"},
		{web.Oilfield, "m3/d", 271.9, "1,710 bbl/d"},
		{web.SI, "m3/d", 27.19, "27.2 m³/d"},
		{web.Oilfield, "gas m3/d", 28316.846592, "1,000 Mscf/d"},
		{web.Oilfield, "m", 2266.5, "7,436 ft"},
		{web.Oilfield, "Hz", 54, "54.0 Hz"},
		{web.Oilfield, "g", .18, "0.18 g"},
		{web.Oilfield, "m3/m3", 62.3, "350 scf/bbl"},
		{web.SI, "kWh", 1234567.4, "1,234,567 kWh"},
		{web.Oilfield, "widgets", 12.34, "12.3 widgets"},
		{web.Oilfield, "kPa", math.NaN(), "— psi"},
		{web.Oilfield, "kPa", math.Inf(1), "— psi"},
	} {
		if got := web.Shown(c.units, c.key, c.value); got != c.want {
			t.Errorf("%v %s in %s: got %q, want %q", c.value, c.key, c.units, got, c.want)
		}
	}
}

// Every unit of the table of signals has a row, so that nothing is shown by accident in
// a unit of its own.
func TestEveryStoredUnitIsShown(t *testing.T) {
	table, err := web.UnitTable()
	if err != nil {
		t.Fatal(err)
	}
	var rows map[string][2][]any
	if err := json.Unmarshal([]byte(table), &rows); err != nil {
		t.Fatal(err)
	}
	for _, s := range esp.Signals() {
		if _, ok := rows[string(s.Unit)]; !ok && s.Unit != esp.None {
			t.Errorf("%s: unit %s has no row", s.Name, s.Unit)
		}
	}
	if got := rows["kPa"][0][0]; got != "psi" {
		t.Errorf("kPa in oilfield units: got %v, want psi", got)
	}
}

func TestSentences(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"PIP 2,840.6 kPa, down 662 kPa in 90 min", "PIP [412 psi], down [96 psi] in 90 min"},
		{"swings ±3.1 A, 4 times its usual", "swings *±3.1 A*, 4 times its usual"},
		{"at 1500 m: 271.9 m3/d.", "at [4,921 ft]: [1,710 bbl/d]."},
		{"up 8 degC", "up 8 °C"}, // perhaps a difference: not converted
		{"3 % below at 54 Hz", "*3 %* below at *54 Hz*"},
		{"15 min, 10 months, 5 amps", "15 min, 10 months, 5 amps"},
		{"nothing", "nothing"},
		{"", ""},
	} {
		if got := web.Sentence(web.Oilfield, c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestClockIsSiteTime(t *testing.T) {
	site := time.FixedZone("", -5*3600)
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC) // 22:00 of the first at the site
	for _, c := range []struct {
		t    time.Time
		want string
	}{
		{now, "22:00"},
		{now.Add(-21 * time.Hour), "01:00"},
		{now.Add(-23 * time.Hour), "31 Dec 2025 23:00"},
		{now.Add(-48 * time.Hour), "30 Dec 2025 22:00"},
		{now.Add(24 * time.Hour), "2 Jan 22:00"},
		{time.Time{}, ""},
	} {
		if got := web.ClockText(c.t, now, site).Text; got != c.want {
			t.Errorf("%v: got %q, want %q", c.t, got, c.want)
		}
	}
}
