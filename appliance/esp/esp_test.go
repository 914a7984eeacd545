package esp_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
)

func TestSignalTable(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range esp.Signals() {
		if int(s.ID) != i+1 {
			t.Errorf("%s: id %d at position %d", s.Name, s.ID, i+1)
		}
		if seen[s.Name] {
			t.Errorf("%s stands twice", s.Name)
		}
		seen[s.Name] = true
		if id, ok := esp.Lookup(s.Name); !ok || id != s.ID || id.Info().Name != s.Name {
			t.Errorf("Lookup(%q) = %d, %v; want %d", s.Name, id, ok, s.ID)
		}
		if s.Label == "" || s.Min > s.Max {
			t.Errorf("%s: label %q, range %g to %g", s.Name, s.Label, s.Min, s.Max)
		}
	}
	for name, want := range map[string]float64{"drive_frequency": 0.01, "power_factor": 0.001, "fault_code": 1} {
		id, _ := esp.Lookup(name)
		if got := id.Info().Resolution(); got != want {
			t.Errorf("%s: resolution %g, want %g", name, got, want)
		}
	}
}

func TestScaleDividesExactly(t *testing.T) {
	tests := []struct {
		factor float64
		raw    float64
		want   float64
	}{
		{0.01, 5400, 54},
		{0.1, 3, 0.3}, // 3·0.1 is 0.30000000000000004
		{0.001, 1234, 1.234},
		{1, 7, 7},
		{10, 7, 70},
		{2.5, 3, 7.5},
		{1e-30, 1, 1e-30},
	}
	for _, tt := range tests {
		if got := esp.Scale(tt.factor).Apply(tt.raw); got != tt.want {
			t.Errorf("Scale(%g).Apply(%g) = %v, want %v", tt.factor, tt.raw, got, tt.want)
		}
	}
}

// Reference values from NIST SP 811, appendix B.
func TestConvert(t *testing.T) {
	tests := []struct {
		from, to esp.Unit
		x, want  float64
	}{
		{"psi", "kPa", 1000, 6894.757293168361},
		{"kPa", "psi", 6894.757293168361, 1000},
		{"bar", "psi", 1, 14.503773773020923},
		{"degF", "degC", 212, 100},
		{"degF", "degC", 32, 0},
		{"degC", "degF", 100, 212},
		{"K", "degC", 373.15, 100},
		{"bbl/d", "m3/d", 100, 15.8987294928},
		{"scf/bbl", "m3/m3", 100, 17.810760667903525},
		{"hp", "kW", 1, 0.7456998715822702},
		{"A", "mA", 0.02, 20},
		{"ft", "m", 7484, 2281.1232},
		{"Hz", "Hz", 54, 54},
	}
	for _, tt := range tests {
		l, err := esp.Convert(tt.from, tt.to)
		if err != nil {
			t.Errorf("Convert(%s, %s): %v", tt.from, tt.to, err)
			continue
		}
		if got := l.Apply(tt.x); math.Abs(got-tt.want) > 1e-9*math.Max(1, math.Abs(tt.want)) {
			t.Errorf("%g %s = %v %s, want %v", tt.x, tt.from, got, tt.to, tt.want)
		}
		if back := l.Invert(l.Apply(tt.x)); math.Abs(back-tt.x) > 1e-9*math.Max(1, math.Abs(tt.x)) {
			t.Errorf("%s: %v comes back as %v", tt.from, tt.x, back)
		}
	}
	if _, err := esp.Convert("psi", "degC"); err == nil {
		t.Error("psi converts to degC")
	}
}

func TestLinearThen(t *testing.T) {
	toF, err := esp.Convert("degC", "degF")
	if err != nil {
		t.Fatal(err)
	}
	l := esp.Scale(0.01).Then(toF)
	if got := l.Apply(10000); got != 212 {
		t.Errorf("10000·0.01 °C = %v °F, want 212", got)
	}
}

func TestLayoutIdentity(t *testing.T) {
	columns := func(scale float64) []esp.Column {
		return []esp.Column{
			{Name: "drive_frequency", Device: "drive", Unit: esp.Hertz, Scale: esp.Scale(scale)},
			{Name: "vendor_thing", Device: "drive", Scale: esp.Identity()},
		}
	}
	a, err := esp.NewLayout("W-1", columns(0.01), map[esp.DeviceID]string{"drive": "p@1"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	b, err := esp.ParseLayout(body)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID() != b.ID() || int64(a.ID()) <= 0 {
		t.Errorf("id %d comes back as %d", a.ID(), b.ID())
	}
	if diff := cmp.Diff(a.Columns, b.Columns); diff != "" {
		t.Errorf("columns differ (-want +got):\n%s", diff)
	}
	if b.Index(esp.DriveFrequency) != 0 || b.Index(esp.IntakePressure) != -1 {
		t.Errorf("index of drive_frequency %d, of intake_pressure %d; want 0, -1", b.Index(esp.DriveFrequency), b.Index(esp.IntakePressure))
	}
	c, err := esp.NewLayout("W-1", columns(0.1), map[esp.DeviceID]string{"drive": "p@1"})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID() == a.ID() {
		t.Error("another scale has the same layout id")
	}
}

func TestLayoutRefusesTwoSources(t *testing.T) {
	_, err := esp.NewLayout("W-1", []esp.Column{
		{Name: "motor_current", Device: "drive", Scale: esp.Identity()},
		{Name: "motor_current", Device: "gauge", Scale: esp.Identity()},
	}, nil)
	if err == nil {
		t.Error("a signal with two sources was accepted")
	}
}

func TestScanGet(t *testing.T) {
	l, err := esp.NewLayout("W-1", []esp.Column{
		{Name: "drive_frequency", Scale: esp.Scale(0.01)},
		{Name: "intake_pressure", Scale: esp.Identity()},
		{Name: "motor_current", Scale: esp.Identity()},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := esp.Scan{Well: "W-1", Time: time.UnixMilli(0), Layout: l, Readings: []esp.Reading{
		{Raw: 5400, Value: 54, Quality: esp.Good}, esp.LostReading(esp.Timeout), {},
	}}
	if v, ok := s.Usable(esp.DriveFrequency); !ok || v != 54 {
		t.Errorf("drive_frequency = %v, %v; want 54, true", v, ok)
	}
	if v, ok := s.Usable(esp.IntakePressure); ok || !math.IsNaN(v) {
		t.Errorf("a lost value is usable: %v", v)
	}
	if r, ok := s.Get(esp.IntakePressure); !ok || r.Quality != esp.Lost || r.Reason != esp.Timeout {
		t.Errorf("intake_pressure = %+v, %v; want lost by timeout", r, ok)
	}
	if _, ok := s.Get(esp.MotorCurrent); ok {
		t.Error("a signal that was not due was given")
	}
	if _, ok := s.Get(esp.CasingPressure); ok {
		t.Error("a signal that the layout lacks was given")
	}
	c := s.Clone()
	c.Readings[0].Value = 1
	if s.Readings[0].Value != 54 {
		t.Error("a clone shares its readings")
	}
}

func TestQualityClasses(t *testing.T) {
	tests := []struct {
		q       esp.Quality
		class   string
		usable  bool
		asShown bool
	}{
		{esp.NotDue, "", false, false},
		{esp.Good, "good", true, true},
		{esp.AtLimit, "good", true, true},
		{esp.Suspect, "suspect", false, true},
		{esp.Implausible, "suspect", false, true},
		{esp.Invalid, "bad", false, false},
		{esp.Stale, "stale", false, false},
		{esp.Lost, "bad", false, false},
	}
	for _, tt := range tests {
		if tt.q.Class() != tt.class || tt.q.Usable() != tt.usable || tt.q.Shown() != tt.asShown {
			t.Errorf("%s: class %q usable %v shown %v; want %q %v %v", tt.q, tt.q.Class(), tt.q.Usable(), tt.q.Shown(), tt.class, tt.usable, tt.asShown)
		}
	}
}

func TestNumberJSON(t *testing.T) {
	body, err := json.Marshal(esp.Evidence{Signal: "intake_pressure", Value: 412.5, Baseline: esp.NoNumber(), Limit: 450})
	if err != nil {
		t.Fatal(err)
	}
	var e esp.Evidence
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	if e.Value != 412.5 || !math.IsNaN(float64(e.Baseline)) || e.Limit != 450 {
		t.Errorf("%s comes back as %+v", body, e)
	}
}

func TestStateNames(t *testing.T) {
	for s := esp.StateUnknown; s <= esp.Backspin; s++ {
		if got, ok := esp.ParseState(s.String()); !ok || got != s {
			t.Errorf("%s comes back as %s", s, got)
		}
	}
	if _, ok := esp.ParseState("no such state"); ok {
		t.Error("an unknown state was parsed")
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                  "0 s",
		59 * time.Second:              "59 s",
		252 * time.Second:             "4 min 12 s",
		87 * time.Minute:              "1 h 27 min",
		(12*24 + 4) * time.Hour:       "12 d 4 h",
		2 * time.Hour:                 "2 h",
		24*time.Hour + 59*time.Minute: "1 d",
	} {
		if got := esp.Span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
