package diagnosis

import (
	"math"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// quantity writes a number with its unit, with as many digits as a person needs.
func quantity(v float64, u esp.Unit) string {
	if math.IsNaN(v) {
		return "unknown"
	}
	digits := 2
	switch a := math.Abs(v); {
	case a >= 100:
		digits = 0
	case a >= 10:
		digits = 1
	case a == 0:
		digits = 0
	case a < 0.1:
		digits = 3
	}
	return u.Label(strconv.FormatFloat(v, 'f', digits, 64))
}

// span writes a number of seconds as people say it.
func span(seconds float64) string {
	return esp.Span(time.Duration(math.Round(seconds)) * time.Second)
}

// rounded to one digit below the signal's resolution, so that no noise of arithmetic
// is stored as evidence.
func rounded(v float64, id esp.SignalID) float64 {
	if math.IsNaN(v) {
		return v
	}
	scale := 10 / id.Info().Resolution()
	return math.Round(v*scale) / scale
}

// fill puts the numbers of an outcome into a text.
func fill(text string, f feature, o *outcome, unit esp.Unit) string {
	write := func(v float64) string {
		switch f.measure {
		case silence, running:
			return span(v)
		case stalled:
			return span(v)
		case restless, erratic, sags, reversals, starts, tripped, reversing, trouble:
			return strconv.Itoa(int(math.Floor(v)))
		default:
			return quantity(v, unit)
		}
	}
	x := o.absolute(f.measure)
	usual := "not known"
	if o.based {
		usual = write(x.usual)
	}
	rated := "not entered"
	if o.rated > 0 {
		rated = write(o.rated)
	}
	return strings.NewReplacer("{value}", write(x.value), "{usual}", usual, "{limit}", write(x.limit),
		"{rated}", rated, "{by}", write(math.Abs(o.value)), "{percent}", percent(o), "{since}", o.since.String()).Replace(text)
}

// percent is by how much a relative measure differs from its level.
func percent(o *outcome) string {
	if !o.based || o.level == 0 || math.IsNaN(o.level) {
		return "unknown"
	}
	return strconv.FormatFloat(100*math.Abs(o.value/o.level), 'f', 0, 64) + " %"
}

// measureSuffix names a measure of a signal in evidence.
func measureSuffix(m measure) string {
	switch m {
	case swing:
		return "_swing"
	case change:
		return "_change"
	case restless, erratic:
		return "_restless_minutes"
	case silence:
		return "_silence"
	case climb:
		return "_rate"
	case heat:
		return "_rise"
	case sag:
		return "_dip"
	case sags:
		return "_dips"
	case reversals:
		return "_reversals"
	case trending:
		return "_trend"
	case beyond:
		return "_beyond_range"
	case jump:
		return "_jump"
	case rebound:
		return "_rebound"
	default:
		return ""
	}
}
