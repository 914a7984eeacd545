package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// floatColumn is a column of a recorded float, as from a historian.
func floatColumn(name string, from esp.Unit, device esp.DeviceID) esp.Column {
	id, _ := esp.Lookup(name)
	l, err := esp.Convert(from, id.Info().Unit)
	if err != nil {
		panic(err)
	}
	return esp.Column{Name: name, Device: device, Unit: id.Info().Unit, Scale: l, Float: true}
}

func floatReading(c *esp.Column, x float64) esp.Reading {
	raw := int64(math.Float64bits(x))
	return esp.Reading{Raw: raw, Value: c.Decode(raw), Quality: esp.Good}
}

func mustLayout(tb testing.TB, cols ...esp.Column) *esp.Layout {
	tb.Helper()
	l, err := esp.NewLayout("T-1", cols, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func TestGateSingleValues(t *testing.T) {
	pressure16 := esp.Column{Name: "intake_pressure", Device: "g", Unit: esp.KPa, Scale: esp.Scale(10)} // 0.1 bar
	temp16 := esp.Column{Name: "motor_temperature", Device: "g", Unit: esp.Celsius, Scale: esp.Scale(0.1)}
	drive16 := esp.Column{Name: "drive_frequency", Device: "d", Unit: esp.Hertz, Scale: esp.Scale(0.01)}
	psi := floatColumn("intake_pressure", "psi", "g")
	fahrenheit := floatColumn("motor_temperature", "degF", "g")
	tests := []struct {
		name    string
		column  esp.Column
		reading esp.Reading
		quality esp.Quality
		reason  esp.Reason
	}{
		{"good pressure", pressure16, raw(833), esp.Good, esp.NoReason},
		{"zero pressure at depth", pressure16, raw(0), esp.Invalid, esp.Sentinel},
		{"negative pressure", pressure16, raw(-5), esp.Implausible, esp.OutOfRange},
		{"full scale", pressure16, raw(65535), esp.Invalid, esp.Sentinel},
		{"half scale out of range", pressure16, raw(32767), esp.Invalid, esp.Sentinel},
		{"int16 read as uint16", pressure16, raw(65436), esp.Invalid, esp.Sentinel},
		{"too high", pressure16, raw(7500), esp.Implausible, esp.OutOfRange},
		{"0 °C", temp16, raw(0), esp.Invalid, esp.Sentinel},
		{"-1 °C", temp16, raw(-10), esp.Invalid, esp.Sentinel},
		{"-1 °C read unsigned", temp16, raw(65526), esp.Invalid, esp.Sentinel},
		{"cold but real", temp16, raw(4), esp.Good, esp.NoReason},
		{"saturated stays as the decoder said", drive16, esp.Reading{Raw: 30000, Quality: esp.AtLimit, Reason: esp.Saturated}, esp.AtLimit, esp.Saturated},
		{"stopped drive", drive16, raw(0), esp.Good, esp.NoReason},
		{"full scale of a drive", drive16, raw(65535), esp.Invalid, esp.Sentinel},
		{"int32 full scale", drive16, raw(math.MaxUint32), esp.Invalid, esp.Sentinel},
		{"historian: 94906.898 psi", psi, floatReading(&psi, 94906.898), esp.Invalid, esp.Sentinel},
		{"historian: 0 psi", psi, floatReading(&psi, 0), esp.Invalid, esp.Sentinel},
		{"historian: 32.0 °F", fahrenheit, floatReading(&fahrenheit, 32), esp.Invalid, esp.Sentinel},
		{"historian: 30.2 °F", fahrenheit, floatReading(&fahrenheit, 30.200001), esp.Invalid, esp.Sentinel},
		{"historian: -1.5e-6 °F", fahrenheit, floatReading(&fahrenheit, -1.5258788999999998e-06), esp.Invalid, esp.Sentinel},
		{"historian: -3.1e-6 °F", fahrenheit, floatReading(&fahrenheit, -3.1e-06), esp.Invalid, esp.Sentinel},
		{"historian: 3763.9 °F", fahrenheit, floatReading(&fahrenheit, 3763.9), esp.Implausible, esp.OutOfRange},
		{"NaN in a float register", psi, floatReading(&psi, math.NaN()), esp.Invalid, esp.NotANumber},
		{"lost stays lost", psi, esp.Reading{Value: math.NaN(), Quality: esp.Lost, Reason: esp.Timeout}, esp.Lost, esp.Timeout},
		{"marker stays marker", pressure16, esp.Reading{Raw: 65535, Value: math.NaN(), Quality: esp.Invalid, Reason: esp.Marker}, esp.Invalid, esp.Marker},
		{"not due stays not due", pressure16, esp.Reading{}, esp.NotDue, esp.NoReason},
		{"resync is not improved", pressure16, esp.Reading{Raw: 833, Quality: esp.Suspect, Reason: esp.Resync}, esp.Suspect, esp.Resync},
		{"resync and out of range", pressure16, esp.Reading{Raw: 7500, Quality: esp.Suspect, Reason: esp.Resync}, esp.Implausible, esp.OutOfRange},
		{"vendor's own signal", esp.Column{Name: "vendor_x", Device: "g", Scale: esp.Identity()}, raw(65535), esp.Good, esp.NoReason},
		{"status is not judged", esp.Column{Name: "fault_code", Device: "d", Scale: esp.Identity()}, raw(65535), esp.Good, esp.NoReason},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := mustLayout(t, tt.column)
			r := tt.reading
			if !tt.column.Float && r.Quality != esp.NotDue && r.Quality != esp.Invalid && r.Quality != esp.Lost {
				r.Value = l.Columns[0].Decode(r.Raw)
			}
			s := esp.Scan{Well: "T-1", Time: epoch, Layout: l, Readings: []esp.Reading{r}}
			diagnosis.NewGate(l).Grade(&s)
			got := s.Readings[0]
			if got.Quality != tt.quality || got.Reason != tt.reason {
				t.Errorf("got %v (%v), want %v (%v)", got.Quality, got.Reason, tt.quality, tt.reason)
			}
			same := got.Raw == r.Raw && math.Float64bits(got.Value) == math.Float64bits(r.Value)
			if !same {
				t.Errorf("raw %d, value %v became %d, %v", r.Raw, r.Value, got.Raw, got.Value)
			}
			text := diagnosis.Explain(&l.Columns[0], got)
			if bad := !got.Quality.Usable() && got.Quality != esp.NotDue; bad == (text == "") {
				t.Errorf("%v explained as %q", got.Quality, text)
			}
		})
	}
}

func raw(n int64) esp.Reading { return esp.Reading{Raw: n, Quality: esp.Good} }

func TestExplainNamesTheWrongSign(t *testing.T) {
	c := floatColumn("intake_pressure", "psi", "g")
	l := mustLayout(t, c)
	r := floatReading(&c, 94906.898)
	r.Quality, r.Reason = esp.Invalid, esp.Sentinel
	want := "raw 65436 is -100 read as an unsigned number: make the point signed in the profile"
	if got := diagnosis.Explain(&l.Columns[0], r); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// bad makes a stream go bad in one way from a time on; what counts is the intake
// pressure (or the named column), which must not be usable then.
type badStream struct {
	name   string // of the check that finds it
	column string
	script script
	frozen func(time.Duration) bool
	cols   []esp.Column
	after  time.Duration // when it must be found
	reason esp.Reason
	also   []string // checks that would find it too
}

func badStreams() []badStream {
	from := 10 * time.Minute
	later := func(f func(values)) script {
		return func(at time.Duration, v values, _ *rand.Rand) {
			if at >= from {
				f(v)
			}
		}
	}
	return []badStream{
		{name: "range", column: "intake_pressure", script: later(func(v values) { v["intake_pressure"] = 90000 }), after: from, reason: esp.OutOfRange, also: []string{"rate"}},
		{name: "sentinel", column: "motor_temperature", script: later(func(v values) { v["motor_temperature"] = 0 }), after: from, reason: esp.Sentinel, also: []string{"rate"}},
		{name: "doubled", column: "intake_pressure", script: func(at time.Duration, v values, _ *rand.Rand) {
			if at >= from && at < from+4*time.Second {
				v["intake_pressure"] *= 2
				v["discharge_pressure"] *= 2
				v["motor_temperature"] *= 2
			}
		}, after: from, reason: esp.Doubled, also: []string{"rate"}},
		{name: "frozen", column: "intake_pressure", frozen: func(at time.Duration) bool { return at >= from }, cols: without("gauge_packets"), after: from + 31*time.Minute, reason: esp.Frozen},
		{name: "packets", column: "intake_pressure", frozen: func(at time.Duration) bool { return at >= from }, after: from + 30*time.Second, reason: esp.Frozen},
		{name: "rate", column: "motor_temperature", script: func(at time.Duration, v values, _ *rand.Rand) {
			if at >= from && at < from+4*time.Second {
				v["motor_temperature"] += 60
			}
		}, after: from, reason: esp.ImpossibleRate},
		{name: "death", column: "vibration_x", script: later(func(v values) {
			v["intake_pressure"], v["discharge_pressure"], v["motor_temperature"], v["intake_temperature"], v["vibration_x"] = 0, 0, 0, 0, 0
		}), after: from, reason: esp.DeadGauge},
	}
}

// Each check finds its own kind of bad data, and without it that data passes as good.
func TestEachGateCheckIsNeeded(t *testing.T) {
	cases := badStreams()
	if len(cases) != len(diagnosis.GateChecks) {
		t.Fatalf("%d cases for %d checks", len(cases), len(diagnosis.GateChecks))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			grade := func(without ...string) esp.Reading {
				cols := c.cols
				if cols == nil {
					cols = columns
				}
				s := newStream(t, 5, cols, c.script)
				s.frozen = c.frozen
				g := diagnosis.NewGate(s.layout).Without(without...)
				id, _ := esp.Lookup(c.column)
				for {
					scan := s.next()
					g.Grade(scan)
					if i := s.layout.Index(id); s.at > c.after+time.Second {
						return scan.Readings[i]
					} else if at := s.at; at < 9*time.Minute && !scan.Readings[i].Quality.Usable() {
						t.Fatalf("%s graded %v before anything happened", c.column, scan.Readings[i].Quality)
					}
				}
			}
			if got := grade(); got.Quality.Usable() || got.Reason != c.reason {
				t.Errorf("graded %v (%v), want reason %v", got.Quality, got.Reason, c.reason)
			}
			if got := grade(append(c.also, c.name)...); !got.Quality.Usable() {
				t.Errorf("without the check still %v (%v)", got.Quality, got.Reason)
			}
		})
	}
}

func TestGateAcceptsANewLevelThatStays(t *testing.T) {
	s := newStream(t, 5, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if at >= 10*time.Minute {
			v["motor_temperature"] += 60
		}
	})
	g := diagnosis.NewGate(s.layout)
	i := s.layout.Index(esp.MotorTemperature)
	suspect := 0
	for s.at < 20*time.Minute {
		scan := s.next()
		g.Grade(scan)
		if !scan.Readings[i].Quality.Usable() {
			suspect++
		}
	}
	if suspect == 0 || suspect > 30 {
		t.Errorf("%d readings of the new level were suspect", suspect)
	}
}

// A flat intake pressure alone is no frozen gauge, nor is a counter that never counts.
func TestGateLeavesLivingGaugesAlone(t *testing.T) {
	tests := map[string]*stream{}
	flat := newStream(t, 5, without("gauge_packets"), func(_ time.Duration, v values, _ *rand.Rand) { v["intake_pressure"] = 8330 })
	tests["flat intake pressure"] = flat
	liar := newStream(t, 5, columns, nil)
	liar.lose = func(time.Duration, *esp.Column) (esp.Quality, esp.Reason) { return esp.Good, esp.NoReason }
	tests["all well"] = liar
	for name, s := range tests {
		g := diagnosis.NewGate(s.layout)
		for s.at < 3*time.Hour {
			scan := s.next()
			if name == "all well" {
				scan.Readings[s.layout.Index(esp.GaugePackets)] = esp.Reading{Raw: 7, Value: 7, Quality: esp.Good}
			}
			g.Grade(scan)
			for i := range scan.Readings {
				if q := scan.Readings[i].Quality; !q.Usable() {
					t.Fatalf("%s: %s %v (%v) at %v", name, s.layout.Columns[i].Name, q, scan.Readings[i].Reason, s.at)
				}
			}
		}
	}
}

func TestGateRecoversFromAFrozenGauge(t *testing.T) {
	s := newStream(t, 5, columns, nil)
	s.frozen = func(at time.Duration) bool { return at >= 10*time.Minute && at < 20*time.Minute }
	g := diagnosis.NewGate(s.layout)
	i := s.layout.Index(esp.IntakePressure)
	for s.at < 21*time.Minute {
		g.Grade(s.next())
	}
	if q := s.scan.Readings[i].Quality; q != esp.Good {
		t.Errorf("a minute after the gauge lives again: %v", q)
	}
}

func TestGateTakesASetBackClockAndAnotherLayout(t *testing.T) {
	s := newStream(t, 5, columns, nil)
	g := diagnosis.NewGate(s.layout)
	for s.at < time.Hour {
		g.Grade(s.next())
	}
	scan := s.next()
	scan.Time = epoch.Add(-24 * time.Hour)
	g.Grade(scan)
	other := newStream(t, 5, without("motor_temperature"), nil)
	g.Grade(other.next())
	for _, sc := range []*esp.Scan{scan, &other.scan} {
		for i := range sc.Readings {
			if !sc.Readings[i].Quality.Usable() {
				t.Errorf("%s: %v (%v)", sc.Layout.Columns[i].Name, sc.Readings[i].Quality, sc.Readings[i].Reason)
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := newStream(t, 5, columns, nil)
	g, e := diagnosis.NewGate(s.layout), diagnosis.New(wellOf(facts))
	run(s, g, e, 3*time.Hour)
	scan := s.next()
	at := scan.Time
	n := testing.AllocsPerRun(3000, func() {
		at = at.Add(time.Second)
		scan.Time = at
		for i := range scan.Readings { // a gauge that lives
			scan.Readings[i].Raw++
		}
		g.Grade(scan)
		e.Observe(scan)
	})
	if d := cmp.Diff(0.0, n); d != "" {
		t.Errorf("allocations per scan (-want +got):\n%s", d)
	}
}

// Everything is flat in a well that stands: whether the drive says so or a motor as
// cool as the well.
func TestFlatValuesOfAStandingWell(t *testing.T) {
	tests := map[string][]esp.Column{
		"by the drive": without("gauge_packets"),
		"by a cool motor": without("gauge_packets", "run_state", "drive_frequency", "motor_current", "output_power",
			"dc_bus_voltage", "fault_code", "restart_remaining"),
	}
	for name, cols := range tests {
		s := newStream(t, 5, cols, func(_ time.Duration, v values, _ *rand.Rand) {
			standing(v, esp.Stopped)
			v["motor_temperature"] = 85.5
		})
		s.frozen = func(at time.Duration) bool { return at >= time.Minute }
		g := diagnosis.NewGate(s.layout)
		i := s.layout.Index(esp.IntakePressure)
		for s.at < 26*time.Hour {
			s.step = 10 * time.Second
			g.Grade(s.next())
			if q := s.scan.Readings[i].Quality; s.at < 23*time.Hour && q != esp.Good {
				t.Fatalf("%s: %v after %v", name, q, s.at)
			}
		}
		if q := s.scan.Readings[i].Quality; q != esp.Stale {
			t.Errorf("%s: %v after a day", name, q)
		}
	}
}

// A frequency that no reading before came near is a slip of the record; one that stays is
// a new speed.
func TestGateFrequencySlip(t *testing.T) {
	l := mustLayout(t, esp.Column{Name: "drive_frequency", Device: "d", Unit: esp.Hertz, Scale: esp.Scale(0.01)})
	g := diagnosis.NewGate(l)
	at := epoch
	grade := func(hz int64) esp.Quality {
		at = at.Add(20 * time.Minute)
		s := esp.Scan{Well: "T-1", Time: at, Layout: l, Readings: []esp.Reading{read(&l.Columns[0], float64(hz))}}
		g.Grade(&s)
		return s.Readings[0].Quality
	}
	for range 25 {
		if q := grade(0); q != esp.Good {
			t.Fatalf("0 Hz is %v", q)
		}
	}
	for range 25 {
		if q := grade(56); q != esp.Good {
			t.Fatalf("56 Hz is %v", q)
		}
	}
	for _, hz := range []int64{118, 56, 174, 0, 30, 56, 62} {
		want := esp.Good
		if hz > 100 {
			want = esp.Suspect
		}
		if q := grade(hz); q != want {
			t.Errorf("%d Hz is %v, want %v", hz, q, want)
		}
	}
	var last esp.Quality
	for range 4 {
		last = grade(115)
	}
	if last != esp.Good {
		t.Errorf("a new speed that stays is %v", last)
	}
}
