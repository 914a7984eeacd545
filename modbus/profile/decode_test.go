package profile_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// one decodes one point from words at its address.
func one(t *testing.T, point string, words ...uint16) esp.Reading {
	t.Helper()
	p := mustParse(t, drive("  - {ref: 7, "+point+"}\n"))
	got := make([]esp.Reading, 1)
	p.Decode(func(_ uint8, wire uint16) (uint16, esp.Reason) {
		if i := int(wire) - 7; i >= 0 && i < len(words) {
			return words[i], esp.NoReason
		}
		return 0, esp.BackedOff
	}, got)
	return got[0]
}

func TestDecode(t *testing.T) {
	floatBits := func(f float64) int64 { return int64(math.Float64bits(f)) }
	nan := math.NaN()
	cases := []struct {
		name, point string
		words       []uint16
		want        esp.Reading
	}{
		{"u16", "name: a, type: u16", []uint16{0xFFFF}, esp.Reading{Raw: 65535, Value: 65535, Quality: esp.Good}},
		{"s16", "name: a, type: s16", []uint16{0xFFFF}, esp.Reading{Raw: -1, Value: -1, Quality: esp.Good}},
		{"u8l", "name: a, type: u8l", []uint16{0x12FE}, esp.Reading{Raw: 0xFE, Value: 0xFE, Quality: esp.Good}},
		{"u8h", "name: a, type: u8h", []uint16{0x12FE}, esp.Reading{Raw: 0x12, Value: 0x12, Quality: esp.Good}},
		{"u32", "name: a, type: u32", []uint16{1, 2}, esp.Reading{Raw: 65538, Value: 65538, Quality: esp.Good}},
		{"u32 low word first", "name: a, type: u32, word_order: lohi", []uint16{1, 2}, esp.Reading{Raw: 131073, Value: 131073, Quality: esp.Good}},
		{"u32 bytes swapped", "name: a, type: u32, byte_order: little", []uint16{0x0100, 0x0200}, esp.Reading{Raw: 65538, Value: 65538, Quality: esp.Good}},
		{"u32 all swapped", "name: a, type: u32, byte_order: little, word_order: lohi", []uint16{0x0100, 0x0200}, esp.Reading{Raw: 131073, Value: 131073, Quality: esp.Good}},
		{"s32", "name: a, type: s32", []uint16{0xFFFF, 0xFFFE}, esp.Reading{Raw: -2, Value: -2, Quality: esp.Good}},
		{"u64", "name: a, type: u64", []uint16{0, 1, 0, 2}, esp.Reading{Raw: 1<<32 + 2, Value: 1<<32 + 2, Quality: esp.Good}},
		{"u64 low word first", "name: a, type: u64, word_order: lohi", []uint16{2, 0, 1, 0}, esp.Reading{Raw: 1<<32 + 2, Value: 1<<32 + 2, Quality: esp.Good}},
		{"s64", "name: a, type: s64", []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFD}, esp.Reading{Raw: -3, Value: -3, Quality: esp.Good}},
		{"u64 too large for the store", "name: a, type: u64", []uint16{0x8000, 0, 0, 0}, esp.Reading{Raw: math.MinInt64, Value: nan, Quality: esp.Invalid, Reason: esp.NotANumber}},
		{"f32", "name: a, type: f32", []uint16{0x4248, 0}, esp.Reading{Raw: floatBits(50), Value: 50, Quality: esp.Good}},
		{"f32 scaled", "name: a, type: f32, scale: 0.1", []uint16{0x4248, 0}, esp.Reading{Raw: floatBits(50), Value: 5, Quality: esp.Good}},
		{"f32 infinite", "name: a, type: f32", []uint16{0xFF80, 0}, esp.Reading{Raw: floatBits(math.Inf(-1)), Value: nan, Quality: esp.Invalid, Reason: esp.NotANumber}},
		{"f64", "name: a, type: f64", []uint16{0x4049, 0, 0, 0}, esp.Reading{Raw: floatBits(50), Value: 50, Quality: esp.Good}},
		{"f64 overflowing its scale", "name: a, type: f64, scale: 1000", []uint16{0x7FEF, 0xFFFF, 0, 0}, esp.Reading{Raw: 0x7FEFFFFF00000000, Value: nan, Quality: esp.Invalid, Reason: esp.NotANumber}},
		{"bcd16", "name: a, type: bcd16", []uint16{0x1234}, esp.Reading{Raw: 1234, Value: 1234, Quality: esp.Good}},
		{"bcd32", "name: a, type: bcd32", []uint16{0x1234, 0x5678}, esp.Reading{Raw: 12345678, Value: 12345678, Quality: esp.Good}},
		{"no bcd", "name: a, type: bcd16", []uint16{0x12A4}, esp.Reading{Raw: 0x12A4, Value: nan, Quality: esp.Invalid, Reason: esp.NotANumber}},
		{"mask", "name: a, mask: 0x0FF0, shift: 4", []uint16{0x1234}, esp.Reading{Raw: 0x23, Value: 0x23, Quality: esp.Good}},
		{"shift alone", "name: a, shift: 12", []uint16{0x1234}, esp.Reading{Raw: 1, Value: 1, Quality: esp.Good}},
		{"decimal scale is exact", "name: a, scale: 0.1", []uint16{703}, esp.Reading{Raw: 703, Value: 70.3, Quality: esp.Good}},
		{"offset", "name: a, scale: 0.5, offset: -40", []uint16{703}, esp.Reading{Raw: 703, Value: 311.5, Quality: esp.Good}},
		{"unit converted", "name: intake_pressure, scale: 0.1, unit: psi", []uint16{10000}, esp.Reading{Raw: 10000, Value: 6894.757293168361, Quality: esp.Good}},
		{"marker", "name: a, invalid: 0xFFFF", []uint16{0xFFFF}, esp.Reading{Raw: 65535, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"marker of a signed by its pattern", "name: a, type: s16, invalid: 0x8000", []uint16{0x8000}, esp.Reading{Raw: -32768, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"marker of a signed by its number", "name: a, type: s16, invalid: -9999", []uint16{0xD8F1}, esp.Reading{Raw: -9999, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"marker range", "name: a, invalid: [{ge: 65000}]", []uint16{65000}, esp.Reading{Raw: 65000, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"below the marker range", "name: a, invalid: [{gt: 64999}]", []uint16{64999}, esp.Reading{Raw: 64999, Value: 64999, Quality: esp.Good}},
		{"marker below", "name: a, type: s16, invalid: [{lt: -100}]", []uint16{0xFF9B}, esp.Reading{Raw: -101, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"marker at", "name: a, type: s16, invalid: [{le: -100}]", []uint16{0xFF9C}, esp.Reading{Raw: -100, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"float marker", "name: a, type: f32, invalid: [-999.25]", []uint16{0xC479, 0xD000}, esp.Reading{Raw: floatBits(-999.25), Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"u64 marker", "name: a, type: s64, invalid: 0xFFFFFFFFFFFFFFFF", []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, esp.Reading{Raw: -1, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
		{"saturated", "name: a, type: s16, saturates: {max: 32767}", []uint16{0x7FFF}, esp.Reading{Raw: 32767, Value: 32767, Quality: esp.AtLimit, Reason: esp.Saturated}},
		{"saturated low", "name: a, type: s16, saturates: {min: -5}", []uint16{0xFFFB}, esp.Reading{Raw: -5, Value: -5, Quality: esp.AtLimit, Reason: esp.Saturated}},
		{"not saturated", "name: a, type: s16, saturates: {max: 32767}", []uint16{0x7FFE}, esp.Reading{Raw: 32766, Value: 32766, Quality: esp.Good}},
		{"implausible by the profile", "name: a, scale: 0.1, plausible: [0, 100]", []uint16{1001}, esp.Reading{Raw: 1001, Value: 100.1, Quality: esp.Implausible, Reason: esp.OutOfRange}},
		{"plausible at the end", "name: a, scale: 0.1, plausible: [0, 100]", []uint16{1000}, esp.Reading{Raw: 1000, Value: 100, Quality: esp.Good}},
		{"implausible by the table", "name: drive_frequency, unit: Hz", []uint16{500}, esp.Reading{Raw: 500, Value: 500, Quality: esp.Implausible, Reason: esp.OutOfRange}},
		{"zero pressure is implausible, not good", "name: intake_pressure, unit: psi", []uint16{0}, esp.Reading{Raw: 0, Value: 0, Quality: esp.Implausible, Reason: esp.OutOfRange}},
		{"a word missing", "name: a, type: u32", []uint16{5}, esp.Reading{Value: nan, Quality: esp.Lost, Reason: esp.BackedOff}},
		{"state", "name: run_state, enum: {4: stopped, 5: running}", []uint16{5}, esp.Reading{Raw: int64(esp.Running), Value: float64(esp.Running), Quality: esp.Good}},
		{"state of an unlisted value", "name: run_state, enum: {4: stopped, 5: running}", []uint16{6}, esp.Reading{Raw: 0, Value: 0, Quality: esp.Good}},
		{"state masked", "name: run_state, mask: 0xF0, shift: 4, enum: {1: stopped, 2: tripped}", []uint16{0xA2B}, esp.Reading{Raw: int64(esp.Tripped), Value: float64(esp.Tripped), Quality: esp.Good}},
		{"state absent", "name: run_state, invalid: 0xFFFF, enum: {1: stopped, 2: tripped}", []uint16{0xFFFF}, esp.Reading{Raw: 65535, Value: nan, Quality: esp.Invalid, Reason: esp.Marker}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := one(t, c.point, c.words...)
			same := got.Value == c.want.Value || (math.IsNaN(got.Value) && math.IsNaN(c.want.Value))
			if got.Raw != c.want.Raw || !same || got.Quality != c.want.Quality || got.Reason != c.want.Reason {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// The value of a reading is what its column makes of its raw number: the store keeps
// the raw number and the layout only.
func TestValueFollowsFromRawAndColumn(t *testing.T) {
	p := mustShipped(t, "simulated-drive")
	columns := p.Columns("d")
	got := make([]esp.Reading, len(columns))
	for _, word := range []uint16{0, 1, 5203, 0x7FFF, 0x8001, 0xFFFE} {
		p.Decode(func(uint8, uint16) (uint16, esp.Reason) { return word, esp.NoReason }, got)
		for i, r := range got {
			if r.Quality.Shown() && columns[i].Decode(r.Raw) != r.Value {
				t.Errorf("%s: raw %d gives %v by the column, %v by the profile", columns[i].Name, r.Raw, columns[i].Decode(r.Raw), r.Value)
			}
		}
	}
}

func TestStatusWord(t *testing.T) {
	p := mustParse(t, drive("  - {name: a, ref: 1}\n")+`
status:
  ref: 3
  running: {mask: 0x0004, is: 0x0004}
  faulted: {mask: 0x0008, is: 0x0008}
  warning: {bit: 7, active: 0}
`)
	cases := []struct {
		word    uint16
		state   esp.State
		warning float64
	}{
		{0x0080, esp.Stopped, 0},
		{0x0084, esp.Running, 0},
		{0x0004, esp.Running, 1},
		{0x008C, esp.Tripped, 0}, // a fault with the running bit still set
		{0x0088, esp.Tripped, 0},
	}
	for _, c := range cases {
		got := make([]esp.Reading, 3)
		p.Decode(func(uint8, uint16) (uint16, esp.Reason) { return c.word, esp.NoReason }, got)
		if esp.State(got[1].Raw) != c.state || got[2].Value != c.warning {
			t.Errorf("word %#04x: got %s, warning %v; want %s, %v", c.word, esp.State(got[1].Raw), got[2].Value, c.state, c.warning)
		}
	}
}

// Whatever state and warning are encoded, they come back.
func TestStatusRoundTrip(t *testing.T) {
	p := mustShipped(t, "simulated-drive")
	for _, st := range []esp.State{esp.Stopped, esp.Starting, esp.Running, esp.Ramping, esp.Tripped, esp.RestartWait, esp.Backspin, esp.Settling} {
		for _, warns := range []float64{0, 1} {
			image := memory{}
			p.Encode(func(name string) (float64, bool) {
				switch name {
				case "run_state":
					return float64(st), true
				case "warning_code":
					return warns * 7, true
				}
				return 0, false
			}, image.set)
			got := make([]esp.Reading, len(p.Points))
			p.Decode(image.words, got)
			want := st
			if st == esp.Settling { // the drive does not know it
				want = esp.Running
			}
			for i := range p.Points {
				switch p.Points[i].Name {
				case "run_state":
					if esp.State(got[i].Raw) != want {
						t.Errorf("%s: got %s", st, esp.State(got[i].Raw))
					}
				case "warning":
					if got[i].Value != warns {
						t.Errorf("%s: warning %v, want %v", st, got[i].Value, warns)
					}
				}
			}
		}
	}
}

// Bits that are active at 0 need setting where they are not meant.
func TestInvertedStatusRoundTrip(t *testing.T) {
	p := mustParse(t, "schema: esp-profile/1\nid: p\nkind: drive\npoints: [{name: a, wire: 9}]\nstatus: {wire: 0, tripped: {bit: 3, active: 0}, running: {bit: 0, active: 0}, warning: {bit: 5, active: 0}}\n")
	for _, st := range []esp.State{esp.Stopped, esp.Running, esp.Tripped} {
		image := memory{}
		p.Encode(func(name string) (float64, bool) { return float64(st), name == "run_state" }, image.set)
		got := make([]esp.Reading, 3)
		p.Decode(image.words, got)
		if esp.State(got[1].Raw) != st || got[2].Value != 0 {
			t.Errorf("%s: got %s, warning %v", st, esp.State(got[1].Raw), got[2].Value)
		}
	}
}

func TestEncodeRounds(t *testing.T) {
	p := mustParse(t, drive("  - {name: a, ref: 1, scale: 0.01}\n"))
	for _, v := range []float64{0.29, 0.58, 1.15, 52.03} { // 0.29 · 100 is 28.999999999999996
		image := memory{}
		p.Encode(func(string) (float64, bool) { return v, true }, image.set)
		if got := image[[2]int{3, 1}]; float64(got)/100 != v {
			t.Errorf("%v: got register %d", v, got)
		}
	}
}

// What has no value is encoded as the marker, what is out of range as the register's
// end, and never as each other.
func TestEncodeEnds(t *testing.T) {
	p := mustParse(t, drive("  - {name: a, ref: 1, invalid: 0xFFFF}\n  - {name: b, ref: 2, type: s16, invalid: 0x8000}\n  - {name: c, ref: 3}\n  - {name: f, ref: 4, type: f32}\n  - {name: d, ref: 6, type: bcd16}\n"))
	cases := []struct {
		name  string
		value func(string) (float64, bool)
		want  string
	}{
		{"missing", func(string) (float64, bool) { return 0, false }, "ffff 8000 0000 7fc0 0000 0000"},
		{"not a number", func(string) (float64, bool) { return math.NaN(), true }, "ffff 8000 0000 7fc0 0000 0000"},
		{"too large", func(string) (float64, bool) { return 1e9, true }, "fffe 7fff ffff 4e6e 6b28 9999"},
		{"too small", func(string) (float64, bool) { return -1e9, true }, "0000 8001 0000 ce6e 6b28 0000"},
	}
	for _, c := range cases {
		image := memory{}
		p.Encode(c.value, image.set)
		var got strings.Builder
		for wire := range 6 {
			fmt.Fprintf(&got, " %04x", image[[2]int{3, wire + 1}])
		}
		if got.String()[1:] != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got.String()[1:], c.want)
		}
	}
}

// FuzzParse: no file makes the parser panic, and what it accepts decodes any words.
func FuzzParse(f *testing.F) {
	f.Add([]byte(drive("  - {name: a, ref: 1, type: u32, scale: 0.1, invalid: [0xFFFF, {ge: 9}], plausible: [1, 2]}\n")), uint16(7))
	f.Add([]byte(drive("  - {name: run_state, ref: 1, enum: {0: stopped}}\nfaults: {code: {ref: 5}}\nvectors: [{read: 1, raw: \"0000\", gives: {run_state: stopped}}]\n")), uint16(0))
	for _, id := range []string{"simulated-drive", "simulated-gauge"} {
		body, err := os.ReadFile(filepath.Join("..", "..", "configs", "profiles", id+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, uint16(0xFFFF))
	}
	f.Fuzz(func(t *testing.T, body []byte, word uint16) {
		p, err := profile.Parse("fuzz.yaml", body)
		if err != nil {
			return
		}
		got := make([]esp.Reading, len(p.Columns("d")))
		p.Decode(func(uint8, uint16) (uint16, esp.Reason) { return word, esp.NoReason }, got)
		for i, r := range got {
			if r.Quality.Usable() && (math.IsNaN(r.Value) || math.IsInf(r.Value, 0)) {
				t.Errorf("%s: %v is %s", p.Points[i].Name, r.Value, r.Quality)
			}
		}
		p.Encode(func(string) (float64, bool) { return float64(word), true }, func(fc uint8, wire, _ uint16) {
			if fc < 1 || fc > 4 {
				t.Errorf("register %d of function %d", wire, fc)
			}
		})
	})
}

// BenchmarkDecode decodes the simulated drive's scan.
func BenchmarkDecode(b *testing.B) {
	p := mustShipped(b, "simulated-drive")
	words := [128]uint16{}
	for i := range words {
		words[i] = uint16(i * 13)
	}
	got := make([]esp.Reading, len(p.Points))
	b.ReportMetric(float64(len(got)), "points")
	for b.Loop() {
		p.Decode(func(_ uint8, wire uint16) (uint16, esp.Reason) { return words[wire&127], esp.NoReason }, got)
	}
}

func BenchmarkEncode(b *testing.B) {
	p := mustShipped(b, "simulated-drive")
	for b.Loop() {
		p.Encode(func(string) (float64, bool) { return 17, true }, func(uint8, uint16, uint16) {})
	}
}
