package profile_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// 0x42F6E979 is 123.456 as f32; 0xFFFF is -1 as s16.
func TestDecodingsStandSideBySide(t *testing.T) {
	got := profile.Decodings([]uint16{0x42F6, 0xE979}, esp.Linear{Mul: 1, Div: 10, Offset: 5})
	want := []profile.Decoding{
		{0, "u16", "", 17142, 1719.2},
		{0, "s16", "", 17142, 1719.2},
		{0, "u32", "hilo", 0x42F6E979, 0x42F6E979/10. + 5},
		{0, "u32", "lohi", 0xE97942F6, 0xE97942F6/10. + 5},
		{0, "s32", "hilo", 0x42F6E979, 0x42F6E979/10. + 5},
		{0, "s32", "lohi", 0xE97942F6 - 1<<32, (0xE97942F6-1<<32)/10. + 5},
		{0, "f32", "hilo", 123.456, 17.3456},
		{0, "f32", "lohi", float64(math.Float32frombits(0xE97942F6)), float64(math.Float32frombits(0xE97942F6))/10 + 5},
		{1, "u16", "", 59769, 5981.9},
		{1, "s16", "", -5767, -571.7},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeAs(t *testing.T) {
	words := []uint16{0x0001, 0x0002, 0x0003, 0x0004, 0x1234}
	for name, c := range map[string]struct {
		kind, order string
		want        []float64
		bad         bool
	}{
		"u16":            {kind: "u16", want: []float64{1, 2, 3, 4, 0x1234}},
		"order of one":   {kind: "u16", order: "lohi", want: []float64{1, 2, 3, 4, 0x1234}},
		"u32, rest left": {kind: "u32", want: []float64{0x10002, 0x30004}},
		"low word first": {kind: "u32", order: "lohi", want: []float64{0x20001, 0x40003}},
		"u64":            {kind: "u64", want: []float64{0x0001000200030004}},
		"unknown type":   {kind: "i16", bad: true},
		"unknown order":  {kind: "u16", order: "middle", bad: true},
	} {
		got, err := profile.DecodeAs(words, c.kind, c.order, esp.Identity())
		if (err != nil) != c.bad {
			t.Errorf("%s: error %v", name, err)
		}
		var values []float64
		for _, d := range got {
			values = append(values, d.Value)
		}
		if diff := cmp.Diff(c.want, values); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := profile.DecodeAs(words[:1], "f32", "", esp.Identity()); err == nil {
		t.Error("a float of one word was read")
	}
	nan, err := profile.DecodeAs([]uint16{0x7FC0, 0}, "f32", "", esp.Identity())
	if err != nil || !math.IsNaN(nan[0].Value) || !math.IsNaN(nan[0].Scaled) {
		t.Errorf("NaN: got %v, %v", nan, err)
	}
	if got := profile.ASCII([]uint16{0x4B31, 0x0041, 0x7F20}); got != "K1.A. " {
		t.Errorf("text: got %q", got)
	}
}
