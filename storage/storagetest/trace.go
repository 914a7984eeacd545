// Package storagetest makes a realistic trace of one well for the tests and
// benchmarks of the store and its codec: 40 signals at 1 Hz, 36 of them register
// integers and four float32, with measurement noise, set points, a ramp each hour,
// slugging, counters, constants, and eight signals that the device refreshes only
// every fourth second. It is deterministic. Only tests import it.
package storagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Columns is the number of signals of the trace.
const Columns = 40

// Trace makes the readings of one second after the other.
type Trace struct {
	random *rand.Rand
	second int
	held   [8]int64
	walk   [Columns]float64
	count  [4]int64
}

// NewTrace starts a trace.
func NewTrace(seed uint64) *Trace {
	return &Trace{random: rand.New(rand.NewPCG(seed, 40))} //nolint:gosec // reproducible noise, no secret
}

// Layout is the layout of the trace for a well.
func Layout(well esp.WellID) (*esp.Layout, error) {
	columns := make([]esp.Column, Columns)
	for i := range columns {
		columns[i] = esp.Column{Name: name(i), Device: "drive", Scale: esp.Scale(0.1)}
		if i >= 36 {
			columns[i].Float, columns[i].Scale = true, esp.Identity()
		}
	}
	return esp.NewLayout(well, columns, nil)
}

func name(i int) string {
	named := []string{
		"drive_frequency", "output_current", "motor_current", "output_voltage", "output_power",
		"intake_pressure", "discharge_pressure", "motor_temperature", "vibration_x", "vibration_y",
	}
	if i < len(named) {
		return named[i]
	}
	return fmt.Sprintf("trace_%02d", i)
}

// Next fills dst, which has Columns places, with the raw values of the next second.
func (t *Trace) Next(dst []int64) {
	s := float64(t.second)
	frequency := 5000 + 300*math.Tanh(math.Sin(s/7200)*8)
	load := frequency/5000 + 0.02*math.Sin(s/35)
	for i := range dst {
		dst[i] = t.value(i, frequency, load)
	}
	t.second++
}

func (t *Trace) value(i int, frequency, load float64) int64 {
	noise := t.random.NormFloat64()
	switch {
	case i == 0: // output frequency: quiet, now and then one digit off
		return int64(math.Round(frequency + 0.3*noise))
	case i < 8: // currents, power, voltages: noise of some digits around a level
		return int64(math.Round(float64(400+100*i)*load + 1.2*noise))
	case i < 14: // slow quantities: a walk with little noise
		t.walk[i] += 0.05 * noise
		return int64(math.Round(1500 + t.walk[i]))
	case i < 22: // refreshed by the gauge every fourth second
		if t.second%4 == i%4 {
			t.held[i-14] = int64(math.Round(9000 + 40*math.Sin(float64(t.second)/300) + 2*noise))
		}
		return t.held[i-14]
	case i < 26: // counters
		if t.second%(7*(i-21)) == 0 {
			t.count[i-22]++
		}
		return t.count[i-22]
	case i < 34: // states, set points, codes
		return int64(i) * 17
	case i < 36: // temperatures: slower than their resolution
		t.walk[i] += 0.01 * noise
		return int64(math.Round(850 + t.walk[i]))
	default: // float registers: a walk of fine steps, given in float32
		t.walk[i] += 0.02 * noise
		if t.random.IntN(3) > 0 {
			t.walk[i] = math.Round(t.walk[i]*50) / 50
		}
		value := float32(math.Round((100+t.walk[i])*100) / 100)
		return int64(math.Float64bits(float64(value)))
	}
}

// Scan fills scan with the next second of the trace, at its time.
func (t *Trace) Scan(scan *esp.Scan, at time.Time) {
	if len(scan.Readings) != Columns {
		scan.Readings = make([]esp.Reading, Columns)
	}
	var raw [Columns]int64
	t.Next(raw[:])
	scan.Time = at
	for i, r := range raw {
		scan.Readings[i] = esp.Reading{Raw: r, Value: scan.Layout.Columns[i].Decode(r), Quality: esp.Good}
	}
}
