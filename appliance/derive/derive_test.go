package derive_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/derive"
	"wellkeeper.internal/appliance/esp"
)

// column is a column of a device and its reading in the scan.
type column struct {
	name  string
	scale float64
	raw   int64
	q     esp.Quality
	why   esp.Reason
}

func scanOf(tb testing.TB, columns ...column) *esp.Scan {
	tb.Helper()
	var cols []esp.Column
	var readings []esp.Reading
	for _, c := range columns {
		id, ok := esp.Lookup(c.name)
		if !ok {
			tb.Fatalf("no signal %s", c.name)
		}
		col := esp.Column{Name: c.name, Device: "drive", Unit: id.Info().Unit, Scale: esp.Scale(c.scale)}
		r := esp.Reading{Raw: c.raw, Value: col.Decode(c.raw), Quality: c.q, Reason: c.why}
		switch c.q {
		case esp.NotDue, esp.Invalid, esp.Lost:
			r.Value = math.NaN()
		default:
		}
		cols, readings = append(cols, col), append(readings, r)
	}
	layout, err := esp.NewLayout("W", cols, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &esp.Scan{Well: "W", Time: time.Unix(1795000000, 0).UTC(), Layout: layout, Readings: readings}
}

func good(name string, scale float64, raw int64) column {
	return column{name: name, scale: scale, raw: raw, q: esp.Good}
}

var entered = esp.Facts{TransformerRatio: 4, FluidDensity: 950}

// The worked numbers are those of the physics papers: 1,250 V, 32 A and 0.76 are
// 52.65 kW and, at 147 m³/d, 8.597 kWh/m³; 51, 46 and 53 A are unbalanced by 8 %; 2,000
// psi at 950 kg/m³ are 1,480.15 m.
func TestDerivedValues(t *testing.T) {
	cases := []struct {
		name        string
		columns     []column
		signal      string
		want        float64
		uncertainty float64
	}{
		{"motor current", []column{good("output_current", 0.1, 1284)}, "motor_current", 32.1, 0.05/4 + 0.005},
		{"motor voltage", []column{good("output_voltage", 1, 402)}, "motor_voltage", 1608, 0.5*4 + 0.05},
		{"mean of the phases", []column{good("output_current_a", 1, 51), good("output_current_b", 1, 46), good("output_current_c", 1, 53)}, "output_current", 50, 0.505},
		{"unbalance", []column{good("output_current_a", 1, 51), good("output_current_b", 1, 46), good("output_current_c", 1, 53)}, "current_unbalance", 8, math.NaN()},
		{"power", []column{good("output_voltage", 1, 1250), good("output_current", 1, 32), good("power_factor", 0.01, 76)}, "output_power", 52.65, math.NaN()},
		{"specific energy", []column{good("output_power", 0.01, 5265), good("liquid_rate", 1, 147)}, "specific_energy", 8.596, math.NaN()},
		{"specific energy of computed power", []column{good("output_voltage", 1, 1250), good("output_current", 1, 32), good("power_factor", 0.01, 76), good("liquid_rate", 1, 147)}, "specific_energy", 8.596, math.NaN()},
		{"pump pressure", []column{good("discharge_pressure", 10, 1800), good("intake_pressure", 1, 4211)}, "pump_dp", 13789, 5 + 0.5 + 0.05},
		{"head", []column{good("discharge_pressure", 0.1, 180000), good("intake_pressure", 0.1, 42105)}, "pump_head", 1480.1, math.NaN()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := scanOf(t, c.columns...)
			d := derive.New(entered, s.Layout)
			out := d.Extend(s)
			id, _ := esp.Lookup(c.signal)
			r, ok := out.Get(id)
			if !ok || r.Quality != esp.Good || math.Abs(r.Value-c.want) > id.Info().Resolution()*0.51 {
				t.Fatalf("%s is %v %s (%v), want %v", c.signal, r.Value, r.Quality, ok, c.want)
			}
			at := out.Layout.Index(id)
			if col := out.Layout.Columns[at]; col.Device != "" || col.Decode(r.Raw) != r.Value {
				t.Errorf("column %+v does not give %v from %d without a device", col, r.Value, r.Raw)
			}
			for _, one := range derive.Describe(entered, out.Layout, out.Readings) {
				if one.Signal == id && !math.IsNaN(c.uncertainty) && math.Abs(one.Uncertainty-c.uncertainty) > 1e-9 {
					t.Errorf("uncertainty %v, want %v", one.Uncertainty, c.uncertainty)
				}
				if one.Signal == id && !(one.Uncertainty > 0) {
					t.Errorf("uncertainty %v", one.Uncertainty)
				}
			}
		})
	}
}

func TestQualityIsTheWorstOfTheInputs(t *testing.T) {
	intake := func(q esp.Quality, why esp.Reason) column {
		return column{"intake_pressure", 1, 4000, q, why}
	}
	cases := []struct {
		name    string
		intake  column
		want    esp.Quality
		reason  esp.Reason
		isValue bool
	}{
		{"good", intake(esp.Good, 0), esp.Good, 0, true},
		{"at its limit", intake(esp.AtLimit, esp.Saturated), esp.AtLimit, esp.Saturated, true},
		{"suspect", intake(esp.Suspect, esp.Resync), esp.Suspect, esp.Resync, true},
		{"implausible", intake(esp.Implausible, esp.OutOfRange), esp.Implausible, esp.OutOfRange, true},
		{"no value", intake(esp.Invalid, esp.Marker), esp.Invalid, esp.Marker, false},
		{"lost", intake(esp.Lost, esp.Timeout), esp.Lost, esp.Timeout, false},
		{"not due", intake(esp.NotDue, 0), esp.NotDue, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := scanOf(t, good("discharge_pressure", 1, 18000), c.intake)
			out := derive.New(entered, s.Layout).Extend(s)
			r := out.Readings[out.Layout.Index(esp.PumpDP)]
			if r.Quality != c.want || r.Reason != c.reason || math.IsNaN(r.Value) == c.isValue {
				t.Errorf("pump_dp is %+v, want %s %s, a value: %v", r, c.want, c.reason, c.isValue)
			}
		})
	}
	t.Run("an old one is never shown", func(t *testing.T) {
		s := scanOf(t, good("discharge_pressure", 1, 18000), intake(esp.Stale, esp.Frozen))
		out := derive.New(entered, s.Layout).Extend(s)
		for _, id := range []esp.SignalID{esp.PumpDP, esp.PumpHead} {
			if r := out.Readings[out.Layout.Index(id)]; r.Quality != esp.Stale || r.Reason != esp.Frozen || r.Quality.Shown() {
				t.Errorf("%s is %s %s", id, r.Quality, r.Reason)
			}
		}
	})
}

// What nothing can be said about is not due: the unbalance of a motor that stands, the
// energy for the volume of a well that gives nothing.
func TestUndefinedIsNoStatement(t *testing.T) {
	s := scanOf(t, good("output_current_a", 0.1, 2), good("output_current_b", 0.1, 0), good("output_current_c", 0.1, 1),
		good("output_power", 1, 3), good("liquid_rate", 1, 0))
	out := derive.New(entered, s.Layout).Extend(s)
	for _, id := range []esp.SignalID{esp.CurrentUnbalance, esp.SpecificEnergy} {
		if r := out.Readings[out.Layout.Index(id)]; r.Quality != esp.NotDue || !math.IsNaN(r.Value) {
			t.Errorf("%s is %+v", id, r)
		}
	}
}

// What a device reads is not computed, and what lacks a fact is named, not guessed.
func TestWhatIsDerived(t *testing.T) {
	names := func(facts esp.Facts, s *esp.Scan) (there, missing []string) {
		out := derive.New(facts, s.Layout).Extend(s)
		for i := len(s.Readings); i < len(out.Readings); i++ {
			there = append(there, out.Layout.Columns[i].Name)
		}
		for _, d := range derive.Describe(facts, out.Layout, out.Readings) {
			if d.Missing != "" {
				missing = append(missing, d.Signal.String()+": "+d.Missing)
			}
		}
		return there, missing
	}
	all := scanOf(t, good("output_current", 1, 50), good("discharge_pressure", 1, 18000), good("intake_pressure", 1, 4000))
	there, missing := names(esp.Facts{}, all)
	if diff := cmp.Diff([]string{"pump_dp"}, there); diff != "" {
		t.Errorf("without facts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"motor_current: transformer ratio", "pump_head: density of the produced liquid"}, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if there, missing = names(entered, all); len(missing) > 0 || cmp.Diff([]string{"motor_current", "pump_dp", "pump_head"}, there) != "" {
		t.Errorf("with facts: %v, missing %v", there, missing)
	}
	read := scanOf(t, good("output_current", 1, 50), good("motor_current", 1, 12))
	if there, missing = names(entered, read); len(there)+len(missing) > 0 {
		t.Errorf("what is read is derived too: %v %v", there, missing)
	}
}

func TestExtendAllocatesNothing(t *testing.T) {
	s := scanOf(t, good("output_current_a", 1, 51), good("output_current_b", 1, 46), good("output_current_c", 1, 53), good("output_voltage", 1, 1250),
		good("power_factor", 0.01, 76), good("discharge_pressure", 1, 18000), good("intake_pressure", 1, 4000), good("liquid_rate", 1, 147))
	d := derive.New(entered, s.Layout)
	if n := testing.AllocsPerRun(100, func() { d.Extend(s) }); n > 0 {
		t.Errorf("%v allocations a scan", n)
	}
}

func BenchmarkExtend(b *testing.B) {
	s := scanOf(b, good("output_current_a", 1, 51), good("output_current_b", 1, 46), good("output_current_c", 1, 53), good("output_voltage", 1, 1250),
		good("power_factor", 0.01, 76), good("discharge_pressure", 1, 18000), good("intake_pressure", 1, 4000), good("liquid_rate", 1, 147))
	d := derive.New(entered, s.Layout)
	for b.Loop() {
		d.Extend(s)
	}
}
