package recording

import (
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// tag is what the name of a recorded series says.
type tag struct {
	signal esp.SignalID
	scale  esp.Linear // to the stored unit
	second bool       // of a second sensor, which stands in where there is no first
}

// suffixes are how recorded data name units. Longer ones come first where one ends
// like another.
var suffixes = [...]struct {
	text string
	unit esp.Unit
}{
	{"_m3_per_d", esp.M3PerDay},
	{"_m3d", esp.M3PerDay},
	{"_bpd", "bbl/d"},
	{"_degc", esp.Celsius},
	{"_degf", "degF"},
	{"_psi", "psi"},
	{"_bar", "bar"},
	{"_atm", "atm"},
	{"_kpa", esp.KPa},
	{"_mpa", "MPa"},
	{"_hz", esp.Hertz},
	{"_kw", esp.Kilowatt},
	{"_pct", esp.Percent},
	{"_ma", esp.Milliamp},
	{"_mohm", esp.MegaOhm},
	{"_a", esp.Ampere},
	{"_v", esp.Volt},
	{"_g", esp.Gravity},
}

// parseTag reads a canonical name with or without a unit behind it; without one the
// value is in the stored unit. known is false for anything else. output_current_a can
// be read in two ways, as the current in ampere or as that of phase a: plain says that
// the names of the recording have no units.
func parseTag(name string, plain bool) (t tag, known bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	if t, known = withUnit(name); known && !plain {
		return t, true
	}
	if id, ok := lookup(name, &t); ok {
		t.signal, t.scale = id, esp.Identity()
		return t, true
	}
	return t, known
}

// withUnit reads a name that ends with a unit of its signal.
func withUnit(name string) (t tag, known bool) {
	for _, s := range suffixes {
		base, ok := strings.CutSuffix(name, s.text)
		if !ok {
			continue
		}
		id, ok := lookup(base, &t)
		if !ok {
			continue
		}
		scale, err := esp.Convert(s.unit, id.Info().Unit)
		if err != nil {
			continue
		}
		t.signal, t.scale = id, scale
		return t, true
	}
	return tag{}, false
}

// lookup finds a signal by its name or by one that recorded data use for it.
func lookup(name string, t *tag) (esp.SignalID, bool) {
	t.second = false
	switch name {
	case "vibration":
		return esp.VibrationX, true
	case "intake_pressure2":
		t.second = true
		return esp.IntakePressure, true
	case "intake_temperature2":
		t.second = true
		return esp.IntakeTemperature, true
	}
	if id, ok := esp.Lookup(name); ok {
		return id, true
	}
	for i := range esp.Signals() { // PIP, PDP, THP, CHP
		if s := &esp.Signals()[i]; s.Short != "" && strings.EqualFold(s.Short, name) {
			return s.ID, true
		}
	}
	return 0, false
}
