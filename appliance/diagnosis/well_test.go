package diagnosis_test

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// values are what a synthetic well shows, in stored units.
type values map[string]float64

// columns of the synthetic well, as a drive and a gauge would give them.
var columns = []esp.Column{
	{Name: "run_state", Device: "drive", Scale: esp.Identity()},
	{Name: "drive_frequency", Device: "drive", Unit: esp.Hertz, Scale: esp.Scale(0.01)},
	{Name: "motor_current", Device: "drive", Unit: esp.Ampere, Scale: esp.Scale(0.01)},
	{Name: "output_power", Device: "drive", Unit: esp.Kilowatt, Scale: esp.Scale(0.01)},
	{Name: "dc_bus_voltage", Device: "drive", Unit: esp.Volt, Scale: esp.Scale(0.1)},
	{Name: "fault_code", Device: "drive", Scale: esp.Identity()},
	{Name: "restart_remaining", Device: "drive", Unit: esp.Second, Scale: esp.Identity()},
	{Name: "intake_pressure", Device: "gauge", Unit: esp.KPa, Scale: esp.Scale(0.1)},
	{Name: "discharge_pressure", Device: "gauge", Unit: esp.KPa, Scale: esp.Scale(0.1)},
	{Name: "intake_temperature", Device: "gauge", Unit: esp.Celsius, Scale: esp.Scale(0.01)},
	{Name: "motor_temperature", Device: "gauge", Unit: esp.Celsius, Scale: esp.Scale(0.01)},
	{Name: "vibration_x", Device: "gauge", Unit: esp.Gravity, Scale: esp.Scale(0.001)},
	{Name: "gauge_packets", Device: "gauge", Scale: esp.Identity()},
	{Name: "tubing_head_pressure", Device: "wellhead", Unit: esp.KPa, Scale: esp.Scale(0.1)},
	{Name: "liquid_rate", Device: "wellhead", Unit: esp.M3PerDay, Scale: esp.Scale(0.01)},
}

// without is the layout of a well that lacks some signals.
func without(names ...string) []esp.Column {
	var kept []esp.Column
	for _, c := range columns {
		drop := false
		for _, n := range names {
			drop = drop || n == c.Name
		}
		if !drop {
			kept = append(kept, c)
		}
	}
	return kept
}

// stream makes scans of a synthetic well: a steady pump with noise, changed by a
// script.
type stream struct {
	layout *esp.Layout
	rng    *rand.Rand
	script func(at time.Duration, v values, rng *rand.Rand)
	lose   func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) // nil: nothing is lost
	frozen func(at time.Duration) bool                                     // the gauge repeats itself
	step   time.Duration
	at     time.Duration
	now    values
	held   values // by the gauge
	pkt    float64
	scan   esp.Scan
}

func newStream(tb testing.TB, seed uint64, cols []esp.Column, script func(time.Duration, values, *rand.Rand)) *stream {
	tb.Helper()
	layout, err := esp.NewLayout("T-1", append([]esp.Column(nil), cols...), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &stream{
		layout: layout, rng: rand.New(rand.NewPCG(seed, 7)), script: script, step: time.Second,
		now: values{}, held: values{},
		scan: esp.Scan{Well: "T-1", Layout: layout, Readings: make([]esp.Reading, len(cols))},
	}
}

func steady(v values, rng *rand.Rand) {
	n := rng.NormFloat64
	for _, x := range [...]struct {
		name  string
		value float64
	}{
		{"run_state", float64(esp.Running)},
		{"drive_frequency", 52},
		{"motor_current", 23.6 + 0.08*n()},
		{"output_power", 35 + 0.2*n()},
		{"dc_bus_voltage", 650 + n()},
		{"fault_code", 0},
		{"restart_remaining", 0},
		{"intake_pressure", 8330 + 3*n()},
		{"discharge_pressure", 21400 + 6*n()},
		{"intake_temperature", 85 + 0.02*n()},
		{"motor_temperature", 117 + 0.04*n()},
		{"vibration_x", 0.21 + 0.01*n()},
		{"tubing_head_pressure", 1250 + 5*n()},
		{"liquid_rate", 70 + 0.7*n()},
	} {
		v[x.name] = x.value
	}
}

// next is the next scan, valid until the one after.
func (s *stream) next() *esp.Scan {
	v := s.now
	steady(v, s.rng)
	if s.script != nil {
		s.script(s.at, v, s.rng)
	}
	first := len(s.held) == 0
	if first || int(s.at/time.Second)%4 == 0 { // the gauge refreshes every 4 s
		if first || s.frozen == nil || !s.frozen(s.at) {
			maps.Copy(s.held, v)
			s.pkt++
		}
	}
	s.scan.Time = epoch.Add(s.at)
	for i := range s.layout.Columns {
		c := &s.layout.Columns[i]
		x := v[c.Name]
		if c.Device == "gauge" {
			x = s.held[c.Name]
		}
		if c.Name == "gauge_packets" {
			x = s.pkt
		}
		s.scan.Readings[i] = read(c, x)
		if s.lose != nil {
			if q, why := s.lose(s.at, c); q != esp.Good {
				s.scan.Readings[i] = esp.Reading{Value: math.NaN(), Quality: q, Reason: why}
			}
		}
	}
	s.at += s.step
	return &s.scan
}

func read(c *esp.Column, x float64) esp.Reading {
	raw := int64(math.Round(c.Scale.Invert(x)))
	return esp.Reading{Raw: raw, Value: c.Decode(raw), Quality: esp.Good}
}

// facts of the synthetic well.
var facts = esp.Facts{Motor: esp.Induction, RatedPower: 45, RatedCurrent: 32, BaseFrequency: 60}

func wellOf(f esp.Facts) diagnosis.Config {
	return diagnosis.Config{Well: esp.Well{ID: "T-1", Facts: f}}
}

// result is what a run told.
type result struct {
	watched time.Duration // the pump was known to turn; of recorded wells
	events  []esp.Event
	found   []esp.Diagnosis
}

// names lists changes as "raised gas_lock".
func (r *result) names() []string {
	var out []string
	for i := range r.found {
		out = append(out, string(r.found[i].Change)+" "+string(r.found[i].ID))
	}
	return out
}

func (r *result) states() []string {
	var out []string
	for i := range r.events {
		out = append(out, r.events[i].To.String())
	}
	return out
}

func (r *result) first(id esp.DiagnosisID, c esp.Change) *esp.Diagnosis {
	for i := range r.found {
		if r.found[i].ID == id && r.found[i].Change == c {
			return &r.found[i]
		}
	}
	return nil
}

// run feeds a stream through a gate and an engine for a time.
func run(s *stream, g *diagnosis.Gate, e *diagnosis.Engine, d time.Duration) result {
	return runAll(s, g, d, e)[0]
}

// runAll feeds a stream through a gate and then each of some engines.
func runAll(s *stream, g *diagnosis.Gate, d time.Duration, engines ...*diagnosis.Engine) []result {
	r := make([]result, len(engines))
	for end := s.at + d; s.at < end; {
		scan := s.next()
		if g != nil {
			g.Grade(scan)
		}
		for i, e := range engines {
			out := e.Observe(scan)
			r[i].events = append(r[i].events, out.Events...)
			r[i].found = append(r[i].found, out.Diagnoses...)
		}
	}
	return r
}

func mustJSON(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// The scripts below change the steady pump from `begin` on.
const begin = 3 * time.Hour

// slug is a restless process: a sum of sines that no tick can lock to, −1 to 1.
func slug(at time.Duration, seconds float64) float64 {
	t := at.Seconds()
	return 0.6*math.Sin(2*math.Pi*t/seconds) + 0.4*math.Sin(2*math.Pi*t/(seconds*0.37))
}

func gassy(at time.Duration, v values, depth float64) {
	s := slug(at, 47)
	v["motor_current"] *= 1 - 0.02*depth + 0.06*depth*s
	v["output_power"] *= 1 - 0.02*depth + 0.06*depth*s
	v["intake_pressure"] += 60 * depth * slug(at, 61)
	v["discharge_pressure"] += 150 * depth * s
	v["vibration_x"] += 0.08 * depth
	v["liquid_rate"] *= 1 - 0.05*depth + 0.1*depth*s
}

func interference(at time.Duration, v values, _ *rand.Rand) {
	if at >= begin {
		gassy(at, v, 1)
	}
}

// lock: half an hour of interference, then the pump fills with gas.
func lock(at time.Duration, v values, _ *rand.Rand) {
	locked := begin + 30*time.Minute
	switch {
	case at >= locked:
		k := math.Min((at-locked).Minutes()/3, 1)
		s := slug(at, 47)
		v["motor_current"] *= 1 - 0.35*k + 0.05*s
		v["output_power"] *= 1 - 0.45*k + 0.05*s
		v["discharge_pressure"] -= 8000 * k
		v["intake_pressure"] += math.Min((at-locked).Minutes()*9, 900) + 40*slug(at, 61)
		v["motor_temperature"] += math.Min((at-locked).Minutes()*0.8, 25)
		v["tubing_head_pressure"] -= 350 * k
		v["liquid_rate"] *= 1 - 0.95*k
	case at >= begin:
		gassy(at, v, 1)
	}
}
