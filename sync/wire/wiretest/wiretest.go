// Package wiretest makes scans for the tests of the uplink: a realistic trace of a
// producing well at 1 Hz, and unruly batches that use every corner of the format.
//
// It is meant for tests only.
package wiretest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Start is the time of the first scan of a trace: shortly before the end of a month,
// so that batches cross it.
func Start() time.Time { return time.Date(2026, 3, 31, 23, 50, 0, 0, time.UTC) }

// Rand is a source of numbers that a seed repeats.
func Rand(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test wants to repeat it
}

// column is one signal of the trace: where it lies, how it moves. Its register step is
// the resolution of the signal.
type column struct {
	name  string
	level float64 // in the unit
	noise float64 // standard deviation from scan to scan, in the unit
	slow  float64 // standard deviation of the wander per scan
	rate  float64 // rise per second, for counters
}

// columns of the trace: 40 signals of a drive, a gauge and the surface, with noise as
// such devices show it.
func columns() []column {
	return []column{
		{"drive_frequency", 50, 0.004, 0, 0},
		{"frequency_setpoint", 50, 0, 0, 0},
		{"output_current", 62, 0.25, 0.01, 0},
		{"output_current_a", 62.4, 0.3, 0.01, 0},
		{"output_current_b", 61.7, 0.3, 0.01, 0},
		{"output_current_c", 61.9, 0.3, 0.01, 0},
		{"motor_current", 31, 0.15, 0.005, 0},
		{"current_unbalance", 0.8, 0.1, 0, 0},
		{"output_voltage", 380, 0.6, 0.01, 0},
		{"motor_voltage", 2210, 3, 0.05, 0},
		{"dc_bus_voltage", 540, 1.2, 0.02, 0},
		{"input_voltage", 401, 0.8, 0.05, 0},
		{"input_current", 58, 0.3, 0.01, 0},
		{"input_frequency", 50, 0.01, 0, 0},
		{"output_power", 41.2, 0.15, 0.005, 0},
		{"power_factor", 0.86, 0.001, 0, 0},
		{"torque", 71, 0.4, 0.01, 0},
		{"motor_load", 74, 0.4, 0.01, 0},
		{"drive_temperature", 48, 0.02, 0.003, 0},
		{"ambient_temperature", 21, 0.02, 0.002, 0},
		{"run_state", 4, 0, 0, 0},
		{"fault_code", 0, 0, 0, 0},
		{"warning_code", 0, 0, 0, 0},
		{"energy", 812345, 0, 0, 41.0 / 3600},
		{"run_hours", 9123.4, 0, 0, 1.0 / 3600},
		{"start_count", 17, 0, 0, 0},
		{"intake_pressure", 5120, 1.5, 0.2, 0},
		{"discharge_pressure", 14050, 3, 0.3, 0},
		{"intake_temperature", 71.2, 0.01, 0.001, 0},
		{"motor_temperature", 96.4, 0.02, 0.003, 0},
		{"vibration_x", 0.12, 0.006, 0, 0},
		{"vibration_y", 0.11, 0.006, 0, 0},
		{"leakage_current", 0.21, 0.001, 0, 0},
		{"gauge_packets", 88123, 0, 0, 1},
		{"tubing_head_pressure", 1480, 2, 0.05, 0},
		{"casing_pressure", 610, 0.5, 0.02, 0},
		{"flowline_pressure", 1210, 2, 0.05, 0},
		{"flowline_temperature", 38, 0.03, 0.002, 0},
		{"liquid_rate", 82, 0.5, 0.03, 0},
		{"water_cut", 61, 0.2, 0.01, 0},
	}
}

// Trace makes the scans of one well, one a second, in the order of their numbers.
type Trace struct {
	Layout *esp.Layout

	rng     *rand.Rand
	columns []column
	levels  []float64
	seq     uint64
	scan    esp.Scan
}

// NewTrace starts a trace of a well.
func NewTrace(well esp.WellID, seed uint64) *Trace {
	t := &Trace{rng: Rand(seed), columns: columns()}
	layout := make([]esp.Column, len(t.columns))
	for i, c := range t.columns {
		id, ok := esp.Lookup(c.name)
		if !ok {
			panic("BUG: " + c.name + " is no signal")
		}
		layout[i] = esp.Column{Name: c.name, Device: "drive", Unit: id.Info().Unit, Scale: esp.Scale(id.Info().Resolution())}
		t.levels = append(t.levels, c.level)
	}
	l, err := esp.NewLayout(well, layout, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	t.Layout = l
	t.scan = esp.Scan{Well: well, Layout: l, Readings: make([]esp.Reading, len(layout))}
	return t
}

// Next is the next scan; it is valid until the one after.
func (t *Trace) Next() *esp.Scan {
	t.scan.Time = Start().Add(time.Duration(t.seq) * time.Second)
	t.seq++
	t.scan.Seq = t.seq
	for i := range t.columns {
		c := &t.columns[i]
		t.levels[i] += c.rate + t.rng.NormFloat64()*c.slow
		raw := int64(math.Round(t.Layout.Columns[i].Scale.Invert(t.levels[i] + t.rng.NormFloat64()*c.noise)))
		t.scan.Readings[i] = esp.Reading{Raw: raw, Value: t.Layout.Columns[i].Decode(raw), Quality: esp.Good}
	}
	return &t.scan
}

// Batch is an unruly batch: scans of one layout with everything that can happen to them.
type Batch struct {
	Layout      *esp.Layout
	Epoch       uint64
	First, Last uint64
	Scans       []esp.Scan
}

// Unruly makes a batch of up to rows scans and up to columns columns, some canonical,
// some known to the vendor only, some floats: irregular times, missing numbers, lost
// devices, odd qualities, slow signals, the extremes of 32 and 64 bits.
func Unruly(rng *rand.Rand, well esp.WellID, rows, columns int) Batch {
	b := Batch{Layout: unrulyLayout(rng, well, columns), Epoch: rng.Uint64(), First: 1 + rng.Uint64N(1<<40)}
	kinds := make([]int, columns)
	for i := range kinds {
		kinds[i] = rng.IntN(kindCount)
	}
	at := Start().Add(time.Duration(rng.IntN(1200)-600) * time.Second)
	seq := b.First
	if rng.IntN(4) == 0 {
		seq += rng.Uint64N(5)
	}
	holes, steady := rng.IntN(3) == 0, rng.IntN(2) == 0
	for row := range rows {
		if row > 0 {
			at = at.Add(step(rng, steady))
			seq++
			if holes {
				seq += rng.Uint64N(3)
			}
		}
		s := esp.Scan{Well: well, Time: at, Layout: b.Layout, Seq: seq, Readings: make([]esp.Reading, columns)}
		silent := rng.IntN(20) == 0 // a device does not answer
		for i := range s.Readings {
			s.Readings[i] = unrulyReading(rng, b.Layout, kinds[i], i, row)
			if silent && i < columns/2 {
				s.Readings[i] = esp.LostReading(esp.Timeout)
			}
		}
		b.Scans = append(b.Scans, s)
	}
	b.Last = seq
	if holes {
		b.Last += rng.Uint64N(4)
	}
	return b
}

// step is the time from one scan to the next: a second or nearly so, rarely years when
// the clock is corrected.
func step(rng *rand.Rand, steady bool) time.Duration {
	d := time.Second
	if !steady {
		d += time.Duration(rng.IntN(3000)-500) * time.Millisecond
	}
	if rng.IntN(500) == 0 {
		d += time.Duration(rng.IntN(4000)-2000) * 24 * time.Hour
	}
	return d
}

func unrulyLayout(rng *rand.Rand, well esp.WellID, columns int) *esp.Layout {
	table := esp.Signals()
	order := rng.Perm(len(table))
	layout := make([]esp.Column, columns)
	for i := range layout {
		scale := esp.Linear{Mul: float64(1 + rng.IntN(7)), Div: math.Pow10(rng.IntN(4))}
		if rng.IntN(4) == 0 {
			scale.Offset = rng.NormFloat64() * 100
		}
		c := esp.Column{Name: fmt.Sprintf("vendor_%d", i), Device: "drive", Unit: "widgets", Scale: scale, Float: rng.IntN(5) == 0}
		if i < len(table) && rng.IntN(6) > 0 {
			c.Name, c.Unit = table[order[i]].Name, table[order[i]].Unit
		}
		layout[i] = c
	}
	l, err := esp.NewLayout(well, layout, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return l
}

// Kinds of columns of an unruly batch.
const (
	constant = iota
	counter
	noisy
	negative
	extreme32
	unsigned32
	wide64
	slow
	rare
	kindCount
)

func unrulyReading(rng *rand.Rand, l *esp.Layout, kind, i, row int) esp.Reading {
	var raw int64
	switch kind {
	case constant:
		raw = int64(i) * 37
	case counter:
		raw = int64(row)*int64(i+1) + 1000
	case noisy:
		raw = 5000 + int64(rng.NormFloat64()*40)
	case negative:
		raw = -700 + int64(rng.NormFloat64()*300)
	case extreme32:
		raw = []int64{math.MinInt32, -1, 0, 1, math.MaxInt32}[rng.IntN(5)]
	case unsigned32:
		raw = []int64{0, 1, math.MaxInt32 + 1, math.MaxUint32 - 1, math.MaxUint32}[rng.IntN(5)]
	case wide64:
		raw = 1<<40 + int64(row)*1000 + rng.Int64N(1<<20)
	case slow:
		if row%5 > 0 {
			return esp.Reading{Value: math.NaN()}
		}
		raw = int64(rng.IntN(100))
	case rare:
		if rng.IntN(3) == 0 {
			return esp.Reading{Value: math.NaN()}
		}
		raw = int64(rng.IntN(1 << 20))
	}
	if l.Columns[i].Float {
		f := float64(raw) / 16
		if f >= 1<<27 || f <= -1<<27 || kind == extreme32 || kind == unsigned32 { // a single-precision float that stays one
			f = []float64{0, -0.5, 1.0 / 3, 1e-40, 3e38, -1234.5}[rng.IntN(6)]
			if l.Columns[i].Signal != 0 { // what the signal's resolution can hold in four bytes
				f = math.Mod(f, 1e4)
			}
		}
		raw = int64(math.Float64bits(float64(float32(f))))
	}
	r := esp.Reading{Raw: raw, Quality: esp.Good}
	if rng.IntN(40) == 0 {
		r.Quality, r.Reason = esp.Quality(1+rng.IntN(7)), esp.Reason(rng.IntN(18))
	}
	r.Value = l.Columns[i].Decode(raw)
	if r.Quality == esp.Lost {
		r.Raw, r.Value = 0, math.NaN()
	}
	return r
}
