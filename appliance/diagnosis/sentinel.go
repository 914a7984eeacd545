package diagnosis

import (
	"fmt"
	"math"

	"wellkeeper.internal/appliance/esp"
)

// sentinelKind says which well-known value of a dead gauge or a wrong decoder a
// reading is.
type sentinelKind uint8

const (
	notSentinel sentinelKind = iota
	sentinelZero
	sentinelCold
	sentinelFull
	sentinelUnsigned
)

// Raw values at the end of a register. Half scale is not among them: 32767 is an
// ordinary pressure in steps of 0.1 kPa.
const (
	full16   = math.MaxUint16
	full32   = math.MaxUint32
	half32   = math.MaxInt32
	lowest16 = math.MinInt16
	lowest32 = math.MinInt32
)

// Temperatures that no well has at depth and dead gauges report: 0 °C (32 °F), the
// raw −10 of a disconnected sensor (30.2 °F) and 0 °F with rounding dust.
var coldValues = [...]float64{0, -1, -160.0 / 9}

const (
	coldTolerance     = 0.006 // °C: half a step of 0.01, dust of a float historian included
	unsignedTolerance = 0.02  // of a step, for recorded floats
)

// sentinel names the well-known value that r is, if any.
func (c *gateColumn) sentinel(r *esp.Reading) sentinelKind {
	gauge := c.signal.Group == esp.GaugeGroup
	switch {
	case gauge && c.shape == shapePressure && math.Abs(r.Value) < c.signal.Resolution():
		return sentinelZero
	case gauge && c.shape == shapeTemperature && cold(r.Value):
		return sentinelCold
	case !c.float && r.Quality != esp.AtLimit && fullScale(r.Raw):
		return sentinelFull
	case c.outOfRange(r.Value):
		if _, ok := c.asSigned(r); ok {
			return sentinelUnsigned
		}
		if !c.float && (r.Raw == math.MaxInt16 || r.Raw == math.MaxInt16+1) {
			return sentinelFull
		}
	case c.leaps(r):
		return sentinelUnsigned
	}
	return notSentinel
}

// leaps reports whether a pressure within its range went at once to what a small
// negative number is when it is read as unsigned: the top of the register, at twice or
// more of what it was.
func (c *gateColumn) leaps(r *esp.Reading) bool {
	if c.float || c.shape != shapePressure || c.at == 0 || c.number(r) < 2*c.good {
		return false
	}
	_, ok := c.asSigned(r)
	return ok
}

func cold(v float64) bool {
	for _, s := range coldValues {
		if math.Abs(v-s) <= coldTolerance {
			return true
		}
	}
	return false
}

func fullScale(raw int64) bool {
	return raw == full16 || raw == full32 || raw == half32 || raw == lowest16 || raw == lowest32
}

// asSigned is the small negative integer that a reading would be if its register
// were signed. Integer columns say so by their raw value; a recorded float is tried
// in the steps that gauges use.
func (c *gateColumn) asSigned(r *esp.Reading) (int64, bool) {
	if !c.float {
		return signed(float64(r.Raw), 0)
	}
	steps := [...]float64{10, 1, 0.1, 0.01, 0.1 * 6.894757293168361}
	for _, step := range steps {
		if n, ok := signed(r.Value/step, unsignedTolerance); ok {
			return n, true
		}
	}
	return 0, false
}

// signed reads n as the unsigned form of a small negative 16-bit integer: down to
// −5536, which is what a sensor below zero gives and a sensor at its top does not.
func signed(n, tolerance float64) (int64, bool) {
	whole := math.Round(n)
	if whole < 60000 || whole >= full16 || math.Abs(n-whole) > tolerance {
		return 0, false
	}
	return int64(whole) - (full16 + 1), true
}

// Explain says in one clause why a graded reading of column c is not good: for the
// page and the register tester. It is empty for a good reading.
func Explain(c *esp.Column, r esp.Reading) string {
	if r.Quality.Usable() || r.Quality == esp.NotDue {
		return ""
	}
	if r.Reason != esp.Sentinel || c.Signal == 0 {
		return reasonText(r.Reason)
	}
	info := c.Signal.Info()
	col := gateColumn{signal: info, shape: shapeOf(info), float: c.Float, scale: c.Scale}
	switch col.sentinel(&r) {
	case sentinelZero:
		return "exactly zero, which no pump sees at depth: a dead gauge"
	case sentinelCold:
		return fmt.Sprintf("%s, which dead gauges report", quantity(r.Value, info.Unit))
	case sentinelFull:
		return fmt.Sprintf("the register stands at full scale (raw %d): no value", r.Raw)
	case sentinelUnsigned:
		n, _ := col.asSigned(&r)
		return unsignedText(n)
	default:
	}
	if n, ok := col.asSigned(&r); ok {
		return unsignedText(n)
	}
	return reasonText(r.Reason)
}

func unsignedText(n int64) string {
	return fmt.Sprintf("raw %d is %d read as an unsigned number: make the point signed in the profile", n+full16+1, n)
}

func reasonText(r esp.Reason) string {
	switch r {
	case esp.OutOfRange:
		return "outside the plausible range"
	case esp.Sentinel:
		return "a value that dead gauges report"
	case esp.Frozen:
		return "the gauge repeats an old value"
	case esp.ImpossibleRate:
		return "changed faster than it can"
	case esp.Doubled:
		return "several values of the record are exactly twice the last good ones"
	case esp.Marker:
		return "the device says that it has no value"
	case esp.DeadGauge:
		return "several downhole values died together"
	default:
		return r.String()
	}
}
