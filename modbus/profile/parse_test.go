package profile_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

func mustParse(tb testing.TB, text string) *profile.Profile {
	tb.Helper()
	p, err := profile.Parse("test.yaml", []byte(text))
	if err != nil {
		tb.Fatalf("parse:\n%v", err)
	}
	return p
}

// drive is a profile with the given points.
func drive(points string) string {
	return "schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {fc: 3, base: 0}\npoints:\n" + points
}

func TestMinimalProfile(t *testing.T) {
	p := mustParse(t, `{schema: esp-profile/1, id: mydrive, kind: drive, defaults: {fc: 3, base: 0}, points: [{name: drive_frequency, ref: 100, type: u16, scale: 0.01, unit: Hz}]}`)
	want := []esp.Column{{Name: "drive_frequency", Signal: esp.DriveFrequency, Device: "vfd", Unit: esp.Hertz, Scale: esp.Linear{Mul: 1, Div: 100}}}
	if diff := cmp.Diff(want, p.Columns("vfd")); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	got := make([]esp.Reading, 1)
	p.Decode(func(fc uint8, wire uint16) (uint16, esp.Reason) {
		if fc != 3 || wire != 100 {
			t.Errorf("asked for function %d, wire %d", fc, wire)
		}
		return 5203, esp.NoReason
	}, got)
	if want := (esp.Reading{Raw: 5203, Value: 52.03, Quality: esp.Good}); got[0] != want {
		t.Errorf("reading: got %+v, want %+v", got[0], want)
	}
}

func TestWholeSchema(t *testing.T) {
	p := mustParse(t, `
schema: esp-profile/1
id: whole.1
vendor: V
model: M
kind: controller
firmware: {min: V57, max: 8.0, note: "three thermocouples"}
sources:
  - {doc: "Map", issue: 8.0, date: 2021-04, ref: "x", pages: "4-5", seen: excerpt}
verified: document
checks: [a]
link:
  rtu: {baud: 9600, parity: none, stop: 2, guard_us: 4000}
  tcp: {port: 5020, max_connections: 1, pause_after_connect_ms: 200}
  unit: 10
  timeout_ms: 700
  between_ms: 20
  busy_retries: 1
  close_on_error: true
defaults: {fc: 4, base: 30001, word_order: lohi, byte_order: big, max_regs: 16, max_hole: 2, type: u32}
never_read: [[100, 199], 600]
groups: {fast: 1s, slow: 30s}
points:
  - {name: a, ref: 30011, group: slow, confidence: A, counter: {wrap: 32}}
  - {name: b, wire: 0x20, fc: 3, type: u16, unit: rpm, fresh_by: a}
faults:
  code: {ref: 30021, type: u16}
  table: {1: "Overcurrent", "0x10": {text: "Earth fault", canonical: ground_fault, severity: trip, source: A}}
  unknown: "Fault {code}: see manual"
writes: forbidden
`)
	wantLink := profile.Link{
		Unit: 10, Timeout: 700 * time.Millisecond, Between: 20 * time.Millisecond, PauseAfterConnect: 200 * time.Millisecond,
		Guard: 4 * time.Millisecond, BusyRetries: 1, MaxRegs: 16, MaxHole: 2, Port: 5020, Baud: 9600, Parity: "N", StopBits: 2,
	}
	if diff := cmp.Diff(wantLink, p.Link); diff != "" {
		t.Errorf("link (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]profile.Span{{First: 100, Last: 199}, {First: 600, Last: 600}}, p.NeverRead); diff != "" {
		t.Errorf("never_read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]profile.Source{{Doc: "Map", Issue: "8.0", Date: "2021-04", Ref: "x", Pages: "4-5", Seen: "excerpt"}}, p.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if p.Firmware != (profile.Firmware{Min: "V57", Max: "8.0", Note: "three thermocouples"}) || p.Verified != "document" || p.Vendor != "V" || p.Model != "M" || p.Kind != "controller" {
		t.Errorf("head: %+v %s %s %s %s", p.Firmware, p.Verified, p.Vendor, p.Model, p.Kind)
	}
	a, _ := p.Point("a")
	if a == nil || a.FC != 4 || a.Wire != 10 || a.Ref != 30011 || a.Type != profile.U32 || a.Every != 30*time.Second || a.Wrap != 32 || a.Confidence != "A" || a.Address() != "30011 → wire 10, FC4" {
		t.Errorf("point a: %+v", a)
	}
	b, _ := p.Point("b")
	if b == nil || b.FC != 3 || b.Wire != 32 || b.Ref != -1 || b.Unit != "rpm" || b.FreshBy != "a" || b.Address() != "wire 32, FC3" {
		t.Errorf("point b: %+v", b)
	}
	for code, want := range map[int64]string{0: "", 1: "Overcurrent", 16: "Earth fault", 99: "Fault 99: see manual"} {
		if got := p.Faults.Text(code); got != want {
			t.Errorf("fault %d: got %q, want %q", code, got, want)
		}
	}
	if p.Faults.Table[16] != (profile.Fault{Text: "Earth fault", Canonical: "ground_fault", Severity: "trip", Source: "A"}) {
		t.Errorf("fault 16: %+v", p.Faults.Table[16])
	}
}

// places of all problems, line:column.
func places(t *testing.T, text string) []string {
	t.Helper()
	_, err := profile.Parse("bad.yaml", []byte(text))
	if err == nil {
		return nil
	}
	all, ok := errors.AsType[*profile.Error](err)
	if !ok {
		t.Fatalf("error is %T", err)
	}
	var got []string
	for _, p := range all.Problems {
		if p.File != "bad.yaml" || !strings.HasPrefix(p.String(), fmt.Sprintf("bad.yaml:%d:%d: ", p.Line, p.Column)) {
			t.Errorf("problem: %s", p)
		}
		got = append(got, fmt.Sprintf("%d:%d", p.Line, p.Column))
	}
	return got
}

// Every mistake of a file is reported at once, at its place.
func TestAllMistakesAtOnce(t *testing.T) {
	text := `schema: esp-profile/1
id: My Drive
kind: pump
verifed: bench
defaults: {fc: 6, base: 1, word_order: mid}
link: {timeout_ms: 1, tcp: {port: 0}, foo: 1}
never_read: [[9, 3], x]
points:
  - {name: drive_frequency, ref: 2, unit: psi, scale: 0}
  - {name: drive_frequency, ref: 0, unit: Hz}
  - {name: x, ref: 40, typ: u16}
writes: allowed
`
	want := []string{"2:5", "3:7", "4:1", "5:16", "5:40", "6:20", "6:35", "6:39", "7:14", "7:22", "9:43", "9:55", "10:12", "10:34", "11:24", "12:9"}
	got := places(t, text)
	if diff := cmp.Diff(want, got); diff != "" {
		_, err := profile.Parse("bad.yaml", []byte(text))
		t.Errorf("places (-want +got):\n%s\n%v", diff, err)
	}
}

func TestMistakes(t *testing.T) {
	cases := map[string]struct {
		text string
		want string // place of the one problem
	}{
		"empty":                     {"", "1:1"},
		"only a comment":            {"# nothing\n", "1:1"},
		"not YAML":                  {"a: [\n", "1:4"},
		"a list":                    {"- a\n", "1:1"},
		"other schema":              {"schema: esp-profile/2\nid: p\nkind: drive\npoints: [{name: a, wire: 1}]", "1:9"},
		"no schema":                 {"id: p\nkind: drive\npoints: [{name: a, wire: 1}]", "1:1"},
		"no points":                 {"schema: esp-profile/1\nid: p\nkind: drive", "1:1"},
		"empty points":              {"schema: esp-profile/1\nid: p\nkind: drive\npoints: []", "4:9"},
		"key twice":                 {"schema: esp-profile/1\nid: p\nid: q\nkind: drive\npoints: [{name: a, wire: 1}]", "3:1"},
		"two documents":             {drive("  - {name: a, ref: 1}\n---\na: 1\n"), "8:1"},
		"formula of nothing":        {drive("  - {name: a, ref: 1}\nformula: {base: 1}\n"), "7:10"},
		"formula of another letter": {drive("  - {name: a, ref: 1}\nformula: {p16: 100*n + i}\n"), "7:16"},
		"formula of no sum":         {drive("  - {name: a, ref: 1}\nformula: {p16: 100*g*i}\n"), "7:16"},
		"formula without index":     {drive("  - {name: a, ref: 1}\nformula: {p16: 100*g + 1}\n"), "7:16"},
		"parameter without formula": {drive("  - {name: a, p: 1.07}\n"), "6:18"},
		"parameter of one number":   {drive("  - {name: a, p: 107}\nformula: {p16: 100*g + i}\n"), "6:18"},
		"parameter and ref":         {drive("  - {name: a, p: 1.07, ref: 3}\nformula: {p16: 100*g + i}\n"), "6:18"},
		"parameter of 32 bits":      {drive("  - {name: a, p: 1.07, type: u32}\nformula: {p16: 100*g + i}\n"), "6:18"},
		"parameter below base":      {drive("  - {name: a, p: 1.07}\nformula: {base: 400001, p16: 100*g + i}\n"), "6:18"},
		"variant of nothing":        {drive("  - {name: a, ref: 1}\nvariants: {v: {}}\n"), "7:15"},
		"variant of one choice":     {drive("  - {name: a, ref: 1}\nvariants: {v: {choose: [x]}}\n"), "7:24"},
		"variant default":           {drive("  - {name: a, ref: 1}\nvariants: {v: {choose: [x, y], default: z}}\n"), "7:41"},
		"variant read of a word":    {drive("  - {name: a, ref: 1}\nvariants: {v: {from: {ref: 3}, map: {0: x}}}\n"), "7:22"},
		"order without map":         {drive("  - {name: a, ref: 1}\nvariants: {word_order: {from: {ref: 3}}}\n"), "7:24"},
		"order of another word":     {drive("  - {name: a, ref: 1}\nvariants: {word_order: {from: {ref: 3}, map: {0: big}}}\n"), "7:50"},
		"order twice":               {"schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {word_order: hilo}\npoints: [{name: a, wire: 1}]\nvariants: {word_order: {choose: [hilo, lohi]}}", "6:24"},
		"when of no variant":        {drive("  - {name: a, ref: 1, when: {v: x}}\n"), "6:33"},
		"when of no choice":         {drive("  - {name: a, ref: 1, when: {v: z}}\nvariants: {v: {choose: [x, y]}}\n"), "6:33"},
		"mistake in one variant":    {drive("  - {name: a, ref: 1, when: {v: x}}\n  - {name: a, ref: 2, when: {v: y}}\nvariants: {v: {choose: [x, y], default: x}}\nvectors: [{read: 2, raw: \"0001\", gives: {a: 2}, when: {v: y}}]\n"), "9:45"},
		"detect of no kind":         {drive("  - {name: a, ref: 1}\ndetect: [{ref: 5}]\n"), "7:10"},
		"detect of another kind":    {drive("  - {name: a, ref: 1}\ndetect: [{ref: 5, kind: colour}]\n"), "7:25"},
		"history without count":     {drive("  - {name: a, ref: 1}\nfaults: {history: {ref: 1}}\n"), "7:19"},
		"history beyond the end":    {drive("  - {name: a, ref: 1}\nfaults: {history: {ref: 65530, count: 8}}\n"), "7:39"},
		"setting that is polled":    {drive("  - {name: a, ref: 1}\nsettings: [{name: b, ref: 2, ordered: true, type: u32}]\n"), "7:39"},
		"setting twice":             {drive("  - {name: a, ref: 1}\nsettings: [{name: b, ref: 2}, {name: b, ref: 3}]\n"), "7:38"},
		"setting in never_read":     {drive("  - {name: a, ref: 1}\nsettings: [{name: b, ref: 5}]\nnever_read: [[4, 9]]\n"), "7:27"},
		"text without length":       {drive("  - {name: a, ref: 1}\nsettings: [{name: b, ref: 2, type: str}]\n"), "7:12"},
		"length of a number":        {drive("  - {name: a, ref: 1, regs: 2}\n"), "6:29"},
		"bit that is not there":     {drive("  - {name: a, ref: 1, type: bits, enum: {16: x}}\n"), "6:41"},
		"enum that is not there":    {drive("  - {name: a, ref: 1, enum: warnings}\n"), "6:29"},
		"enums of a name":           {drive("  - {name: a, ref: 1}\nenums: {a: b}\n"), "7:12"},
		"gap in the states":         {drive("  - {name: run_state, ref: 1, enum: {0: stopped, 2: running}}\n"), "6:37"},
		"scale_from without map":    {drive("  - {name: a, ref: 1, scale_from: {ref: 4}}\n"), "6:35"},
		"scale_from and scale":      {drive("  - {name: a, ref: 1, scale: 1, scale_from: {ref: 4, map: {1: 1}}}\n"), "6:45"},
		"scale_from of a float":     {drive("  - {name: a, ref: 1, type: f32, scale_from: {ref: 4, map: {1: 1}}}\n"), "6:46"},
		"scale_from two registers":  {drive("  - {name: a, ref: 1, scale_from: {ref: 4, type: u32, map: {1: 1}}}\n"), "6:50"},
		"scale_from a word":         {drive("  - {name: a, ref: 1, scale_from: {ref: 4, map: {one: 1}}}\n"), "6:55"},
		"scale_from no multiples":   {drive("  - {name: a, ref: 1, scale_from: {ref: 4, map: {1: 0.2, 2: 0.3}}}\n"), "6:61"},
		"scale_from zero":           {drive("  - {name: a, ref: 1, scale_from: {ref: 4, map: {1: 0}}}\n"), "6:53"},
		"scale_from in never_read":  {drive("  - {name: a, ref: 1, scale_from: {ref: 5, map: {1: 1}}}\nnever_read: [[4, 9]]\n"), "6:41"},
		"text as a reading":         {drive("  - {name: a, ref: 1, type: str, regs: 4}\n"), "6:29"},
		"unknown type":              {drive("  - {name: a, ref: 1, type: u12}\n"), "6:29"},
		"no name":                   {drive("  - {ref: 1}\n"), "6:5"},
		"bad name":                  {drive("  - {name: Motor Amps, ref: 1}\n"), "6:12"},
		"no address":                {drive("  - {name: a}\n"), "6:5"},
		"two addresses":             {drive("  - {name: a, ref: 1, wire: 1}\n"), "6:29"},
		"no base":                   {"schema: esp-profile/1\nid: p\nkind: drive\npoints: [{name: a, ref: 40001}]", "4:25"},
		"ref below base":            {drive("  - {name: a, ref: 1, base: 40001}\n"), "6:20"},
		"ref too far above base":    {drive("  - {name: a, ref: 400001}\n"), "6:20"},
		"octal":                     {drive("  - {name: a, ref: 0100}\n"), "6:20"},
		"beyond the address space":  {drive("  - {name: a, ref: 65535, type: u32}\n"), "6:20"},
		"function that writes":      {drive("  - {name: a, ref: 1, fc: 16}\n"), "6:27"},
		"type of a bit":             {drive("  - {name: a, ref: 1, fc: 1, type: s16}\n"), "6:36"},
		"scale 0":                   {drive("  - {name: a, ref: 1, scale: 0}\n"), "6:30"},
		"scale not a number":        {drive("  - {name: a, ref: 1, scale: ten}\n"), "6:30"},
		"scale infinite":            {drive("  - {name: a, ref: 1, scale: .inf}\n"), "6:30"},
		"unit missing":              {drive("  - {name: intake_pressure, ref: 1}\n"), "6:5"},
		"unit unknown":              {drive("  - {name: intake_pressure, ref: 1, unit: furlong}\n"), "6:43"},
		"unit of another quantity":  {drive("  - {name: intake_pressure, ref: 1, unit: degC}\n"), "6:43"},
		"unit where there is none":  {drive("  - {name: power_factor, ref: 1, unit: kW}\n"), "6:40"},
		"computed signal":           {drive("  - {name: pump_dp, ref: 1, unit: kPa}\n"), "6:12"},
		"mask too wide":             {drive("  - {name: a, ref: 1, mask: 0x10000}\n"), "6:29"},
		"mask of a signed type":     {drive("  - {name: a, ref: 1, type: s16, mask: 1}\n"), "6:40"},
		"shift leaves nothing":      {drive("  - {name: a, ref: 1, mask: 0xFF, shift: 8}\n"), "6:42"},
		"marker too large":          {drive("  - {name: a, ref: 1, invalid: [0xFFFF, 0x10000]}\n"), "6:41"},
		"marker of two conditions":  {drive("  - {name: a, ref: 1, invalid: [{ge: 1, le: 5}]}\n"), "6:33"},
		"marker of no condition":    {drive("  - {name: a, ref: 1, invalid: [{eq: 1}]}\n"), "6:34"},
		"saturates beyond the type": {drive("  - {name: a, ref: 1, type: s16, saturates: {max: 40000}}\n"), "6:45"},
		"plausible reversed":        {drive("  - {name: a, ref: 1, plausible: [5, 1]}\n"), "6:34"},
		"plausible of one":          {drive("  - {name: a, ref: 1, plausible: [5]}\n"), "6:34"},
		"run_state without enum":    {drive("  - {name: run_state, ref: 1}\n"), "6:5"},
		"no such state":             {drive("  - {name: run_state, ref: 1, enum: {0: stopped, 1: going}}\n"), "6:53"},
		"enum of a word":            {drive("  - {name: a, ref: 1, enum: {x: y}}\n"), "6:33"},
		"no such group":             {drive("  - {name: a, ref: 1, group: fast}\n"), "6:30"},
		"ordered single register":   {drive("  - {name: a, ref: 1, ordered: true}\n"), "6:32"},
		"ordered not a boolean":     {drive("  - {name: a, ref: 1, type: u32, ordered: 2}\n"), "6:43"},
		"fresh_by nothing":          {drive("  - {name: a, ref: 1, fresh_by: b}\n"), "6:33"},
		"fresh_by itself":           {drive("  - {name: a, ref: 1, fresh_by: a}\n"), "6:33"},
		"empty value":               {drive("  - {name: a, ref: 1, unit: }\n"), "6:23"},
		"name twice":                {drive("  - {name: a, ref: 1}\n  - {name: a, ref: 2}\n"), "7:12"},
		"overlap":                   {drive("  - {name: a, ref: 1, type: u32}\n  - {name: b, ref: 2}\n"), "7:20"},
		"overlap of one type":       {drive("  - {name: a, ref: 1, type: u32}\n  - {name: b, ref: 2, type: u32}\n"), "7:20"},
		"two types in one place":    {drive("  - {name: a, ref: 1, type: s16}\n  - {name: b, ref: 1}\n"), "7:20"},
		"in never_read":             {drive("  - {name: a, ref: 5}\nnever_read: [[4, 9]]\n"), "6:20"},
		"wider than max_regs":       {"schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {max_regs: 1}\npoints: [{name: a, wire: 1, type: f32}]", "5:26"},
		"checks nothing":            {drive("  - {name: a, ref: 1}\nchecks: [a, b]\n"), "7:13"},
		"bad group":                 {drive("  - {name: a, ref: 1}\ngroups: {g: 5}\n"), "7:13"},
		"keeps a broken link":       {drive("  - {name: a, ref: 1}\nlink: {close_on_error: false}\n"), "7:24"},
		"status twice":              {drive("  - {name: run_state, ref: 1, enum: {0: stopped}}\nstatus: {ref: 2, running: {bit: 1}}\n"), "7:9"},
		"status of nothing":         {drive("  - {name: a, ref: 1}\nstatus: {ref: 2}\n"), "7:9"},
		"status bit too high":       {drive("  - {name: a, ref: 1}\nstatus: {ref: 2, running: {bit: 16}}\n"), "7:33"},
		"status never true":         {drive("  - {name: a, ref: 1}\nstatus: {ref: 2, running: {mask: 1, is: 2}}\n"), "7:41"},
		"status signed":             {drive("  - {name: a, ref: 1}\nstatus: {ref: 2, type: s16, running: {bit: 1}}\n"), "7:24"},
		"fault without text":        {drive("  - {name: a, ref: 1}\nfaults: {table: {1: {severity: trip}}}\n"), "7:21"},
		"fault of a word":           {drive("  - {name: a, ref: 1}\nfaults: {table: {F30002: overvoltage}}\n"), "7:26"},
		"vector fails":              {drive("  - {name: a, ref: 1}\nvectors: [{read: 1, raw: \"0001\", gives: {a: 2}}]\n"), "7:45"},
		"vector of another point":   {drive("  - {name: a, ref: 1}\nvectors: [{read: 1, raw: \"0001\", gives: {b: 2}}]\n"), "7:45"},
		"vector does not reach":     {drive("  - {name: a, ref: 1}\nvectors: [{read: 2, raw: \"0001\", gives: {a: 1}}]\n"), "7:45"},
		"vector odd":                {drive("  - {name: a, ref: 1}\nvectors: [{read: 1, raw: \"001\", gives: {a: 1}}]\n"), "7:26"},
		"anchors":                   {drive("  - &x {name: a, ref: 1}\n"), "6:5"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := places(t, c.text)
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				_, err := profile.Parse("bad.yaml", []byte(c.text))
				t.Errorf("places (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestHashFollowsContent(t *testing.T) {
	a, b := mustParse(t, drive("  - {name: a, ref: 1}\n")), mustParse(t, drive("  - {name: a, ref: 2}\n"))
	if a.Hash() == b.Hash() || len(a.Hash()) != 16 || a.Hash() != mustParse(t, drive("  - {name: a, ref: 1}\n")).Hash() {
		t.Errorf("hashes: %q and %q", a.Hash(), b.Hash())
	}
}

func TestPlausibleRangeIsConverted(t *testing.T) {
	p := mustParse(t, drive("  - {name: intake_temperature, ref: 1, unit: degF, plausible: [32, 212]}\n  - {name: motor_temperature, ref: 2, unit: degC}\n  - {name: rpm, ref: 3, unit: rpm}\n"))
	if lo, hi := p.Points[0].Low, p.Points[0].High; math.Abs(lo) > 1e-9 || math.Abs(hi-100) > 1e-9 {
		t.Errorf("range in degC: got %v to %v, want 0 to 100", lo, hi)
	}
	if lo, hi := p.Points[1].Low, p.Points[1].High; lo != -40 || hi != 300 {
		t.Errorf("range of the signal table: got %v to %v", lo, hi)
	}
	if !math.IsNaN(p.Points[2].Low) || !math.IsNaN(p.Points[2].High) {
		t.Errorf("range of a vendor's signal: got %v to %v", p.Points[2].Low, p.Points[2].High)
	}
}
