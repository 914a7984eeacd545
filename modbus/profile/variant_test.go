package profile_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

const orderFromDrive = "schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {fc: 3, base: 0}\n" +
	"variants: {word_order: {from: {ref: 50}, map: {0: hilo, 1: lohi}, default: lohi}}\n" +
	"points: [{name: a, ref: 1, type: u32}, {name: b, ref: 3, type: u32, word_order: hilo}, {name: c, ref: 5}]\n" +
	"vectors: [{read: 1, raw: \"0001 0002\", gives: {a: 65538}, when: {word_order: hilo}}, {read: 1, raw: \"0001 0002\", gives: {a: 131073}, when: {word_order: lohi}}]\n"

// wordsAt gives registers from an address on; what is not there was not answered.
func wordsAt(first uint16, words ...uint16) profile.Words {
	return func(_ uint8, wire uint16) (uint16, esp.Reason) {
		if i := int(wire) - int(first); i >= 0 && i < len(words) {
			return words[i], esp.NoReason
		}
		return 0, esp.Timeout
	}
}

// with lays one register over others.
func with(words profile.Words, at, value uint16) profile.Words {
	return func(fc uint8, wire uint16) (uint16, esp.Reason) {
		if wire == at {
			return value, esp.NoReason
		}
		return words(fc, wire)
	}
}

// A drive whose word order is a setting: until it is known, what hangs on it has no value.
func TestWordOrderFromTheDevice(t *testing.T) {
	p := mustParse(t, orderFromDrive)
	words := wordsAt(1, 1, 2, 3, 4, 5)
	type short struct {
		Value   float64
		Quality esp.Quality
		Reason  esp.Reason
	}
	nan := math.NaN()
	cases := []struct {
		name  string
		words profile.Words
		want  short
	}{
		{"high word first", with(words, 50, 0), short{1<<16 + 2, esp.Good, esp.NoReason}},
		{"low word first", with(words, 50, 1), short{2<<16 + 1, esp.Good, esp.NoReason}},
		{"a setting that the manual does not list", with(words, 50, 2), short{nan, esp.Invalid, esp.Undecided}},
		{"not known", words, short{nan, esp.Lost, esp.Timeout}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := make([]esp.Reading, 3)
			p.Decode(c.words, got)
			a := short{got[0].Value, got[0].Quality, got[0].Reason}
			if same := a.Value == c.want.Value || math.IsNaN(a.Value) && math.IsNaN(c.want.Value); !same || a.Quality != c.want.Quality || a.Reason != c.want.Reason {
				t.Errorf("got %+v, want %+v", a, c.want)
			}
			if got[1].Value != 3<<16+4 || got[2].Value != 5 {
				t.Errorf("what does not hang on it: got %v and %v", got[1].Value, got[2].Value)
			}
		})
	}
	if at := p.Selectors(); len(at) != 1 || at[0].Wire != 50 || at[0].Every != profile.Once {
		t.Errorf("selectors: %+v", at)
	}
}

func TestWordOrderRoundTrip(t *testing.T) {
	p := mustParse(t, orderFromDrive)
	image := memory{}
	p.Encode(func(string) (float64, bool) { return 70000, true }, image.set)
	got := make([]esp.Reading, 3)
	p.Decode(image.words, got)
	if got[0].Value != 70000 || image[[2]int{3, 50}] != 1 {
		t.Errorf("got %+v with setting %d, want 70000 in the order of the factory", got[0], image[[2]int{3, 50}])
	}
}

// The operator's word stands above what the device says.
func TestOperatorChoosesTheWordOrder(t *testing.T) {
	p, err := mustParse(t, orderFromDrive).With(map[string]string{"word_order": "hilo"})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]esp.Reading, 3)
	p.Decode(with(wordsAt(1, 1, 2, 3, 4, 5), 50, 1), got)
	if got[0].Value != 1<<16+2 || len(p.Selectors()) != 0 {
		t.Errorf("got %v, selectors %v", got[0].Value, p.Selectors())
	}
	if p.Hash() == mustParse(t, orderFromDrive).Hash() {
		t.Error("the choice does not change the hash")
	}
}

const twoStatusWords = "schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {fc: 3, base: 0}\n" +
	"variants: {control: {choose: [fc, profidrive], text: \"parameter 8-10\"}}\n" +
	"points: [{name: a, ref: 1}, {name: b, ref: 2, when: {control: fc}}, {name: b, ref: 3, when: {control: profidrive}}]\n" +
	"status: [{ref: 9, running: {bit: 11}, when: {control: fc}}, {ref: 9, running: {bit: 2}, when: {control: profidrive}}]\n"

func TestChosenVariant(t *testing.T) {
	open := mustParse(t, twoStatusWords)
	words := func(_ uint8, wire uint16) (uint16, esp.Reason) {
		return map[uint16]uint16{1: 10, 2: 20, 3: 30, 9: 4}[wire], esp.NoReason
	}
	decode := func(p *profile.Profile) map[string]float64 {
		got := map[string]float64{}
		readings := make([]esp.Reading, len(p.Points))
		p.Decode(words, readings)
		for i, r := range readings {
			if r.Quality == esp.Good {
				got[p.Points[i].Name] = r.Value
			}
		}
		return got
	}
	if diff := cmp.Diff(map[string]float64{"a": 10}, decode(open)); diff != "" {
		t.Errorf("before the choice (-want +got):\n%s", diff)
	}
	if u := open.Undecided(); len(u) != 1 || u[0].Name != "control" || u[0].Text != "parameter 8-10" {
		t.Errorf("undecided: %+v", u)
	}
	for choice, want := range map[string]map[string]float64{
		"fc":         {"a": 10, "b": 20, "run_state": float64(esp.Stopped)},
		"profidrive": {"a": 10, "b": 30, "run_state": float64(esp.Running)},
	} {
		p, err := open.With(map[string]string{"control": choice})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, decode(p)); diff != "" || len(p.Undecided()) != 0 {
			t.Errorf("%s (-want +got):\n%s%v", choice, diff, p.Undecided())
		}
	}
	for _, wrong := range []map[string]string{{"control": "x"}, {"other": "fc"}} {
		if _, err := open.With(wrong); !errors.Is(err, profile.ErrChoice) {
			t.Errorf("%v: got %v", wrong, err)
		}
	}
}

// What stands beside the columns: who the device is, its last faults and its settings.
func TestBesideTheColumns(t *testing.T) {
	p := mustParse(t, drive("  - {name: alarms, ref: 1, type: bits, enum: {0: hot, 3: earth}}\n")+`
detect:
  - {ref: 10, kind: model, type: str, regs: 4}
  - {ref: 14, kind: serial, type: u32}
faults: {history: {ref: 20, count: 2}, table: {16: "Earth fault"}}
settings:
  - {name: drive_frequency, ref: 30, scale: 0.1, unit: Hz, text: "highest frequency"}
  - {name: restart, ref: 31, enum: choices}
enums: {choices: {0: never, 1: always}}
`)
	words := func(_ uint8, wire uint16) (uint16, esp.Reason) {
		w, ok := map[uint16]uint16{1: 0x000A, 10: 0x4143, 11: 0x5338, 12: 0x3830, 13: 0x2000, 14: 1, 15: 2, 20: 16, 30: 605, 31: 1}[wire]
		if !ok {
			return 0, esp.Timeout
		}
		return w, esp.NoReason
	}
	var got []string
	for _, list := range [][]profile.Point{p.AtConnect(), p.Settings} {
		for i := range list {
			r, text := list[i].Describe(words)
			got = append(got, list[i].Name+"="+text+" "+r.Quality.String())
		}
	}
	want := []string{"model=ACS880 good", "serial=65538 good", "fault_1=16 good", "fault_2= lost", "drive_frequency=60.5 Hz good", "restart=always good"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := p.Points[0].Text(0x000A); text != "bit 1, earth" {
		t.Errorf("bits: got %q", text)
	}
	if len(p.Columns("d")) != 1 {
		t.Errorf("columns: %v", p.Columns("d"))
	}
}
