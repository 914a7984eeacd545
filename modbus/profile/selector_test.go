package profile_test

import (
	"math"
	"testing"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

const decimals = "schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {fc: 3, base: 0}\npoints:\n" +
	"  - {name: output_current, ref: 0x2104, unit: A, invalid: 0xFFFF, saturates: {max: 60000}, scale_from: {ref: 0x211F, mask: 0xFF00, shift: 8, map: {1: 0.1, 2: 0.01, 0: 1}}}\n"

// A drive that says in another register with how many decimals it gives a current.
func TestScaleFrom(t *testing.T) {
	nan := math.NaN()
	cases := []struct {
		name        string
		value, from uint16
		why         esp.Reason
		want        esp.Reading
	}{
		{"finest", 5203, 0x02FF, esp.NoReason, esp.Reading{Raw: 5203, Value: 52.03, Quality: esp.Good}},
		{"coarser", 520, 0x0105, esp.NoReason, esp.Reading{Raw: 5200, Value: 52, Quality: esp.Good}},
		{"coarsest", 52, 0, esp.NoReason, esp.Reading{Raw: 5200, Value: 52, Quality: esp.Good}},
		{"a code that the manual does not list", 520, 0x0300, esp.NoReason, esp.Reading{Raw: 520, Value: nan, Quality: esp.Invalid, Reason: esp.Undecided}},
		{"the code is lost", 520, 0, esp.Timeout, esp.Reading{Value: nan, Quality: esp.Lost, Reason: esp.Timeout}},
		{"the device has no code", 520, 0, esp.NotSupported, esp.Reading{Value: nan, Quality: esp.Lost, Reason: esp.NotSupported}},
		{"marker before the scale", 0xFFFF, 0x0100, esp.NoReason, esp.Reading{Raw: 65535, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"end before the scale", 60000, 0x0100, esp.NoReason, esp.Reading{Raw: 600000, Value: 6000, Quality: esp.AtLimit, Reason: esp.Saturated}},
	}
	p := mustParse(t, decimals)
	column := p.Columns("d")[0]
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := make([]esp.Reading, 1)
			p.Decode(func(_ uint8, wire uint16) (uint16, esp.Reason) {
				if wire == 0x211F {
					return c.from, c.why
				}
				return c.value, esp.NoReason
			}, got)
			r := got[0]
			if same := r.Value == c.want.Value || math.IsNaN(r.Value) && math.IsNaN(c.want.Value); !same || r.Raw != c.want.Raw || r.Quality != c.want.Quality || r.Reason != c.want.Reason {
				t.Errorf("got %+v, want %+v", r, c.want)
			}
			if r.Quality.Shown() && column.Decode(r.Raw) != r.Value {
				t.Errorf("the column makes %v of raw %d, the profile %v", column.Decode(r.Raw), r.Raw, r.Value)
			}
		})
	}
}

func TestScaleFromRoundTrip(t *testing.T) {
	p := mustParse(t, decimals)
	image := memory{}
	p.Encode(func(string) (float64, bool) { return 52.03, true }, image.set)
	got := make([]esp.Reading, 1)
	p.Decode(image.words, got)
	if got[0].Value != 52.03 || got[0].Quality != esp.Good {
		t.Errorf("got %+v", got[0])
	}
}

func TestSelectors(t *testing.T) {
	p := mustParse(t, decimals+
		"  - {name: b, ref: 0x2105, scale_from: {ref: 0x211F, map: {0: 1}}}\n"+
		"  - {name: c, ref: 0x2106, group: slow, scale_from: {ref: 0x211F, map: {0: 1}}}\ngroups: {slow: 30s}\n")
	var got []profile.Point
	got = append(got, p.Selectors()...)
	if len(got) != 2 || got[0].Wire != 0x211F || got[0].Every != 0 || got[1].Wire != 0x211F || got[1].Every.Seconds() != 30 {
		t.Errorf("got %+v, want the register once for each period", got)
	}
}
