package diagnosis

import (
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// Trend is how a signal moves.
type Trend string

// Trends.
const (
	Steady   Trend = "steady"
	Rising   Trend = "rising"
	Falling  Trend = "falling"
	Swinging Trend = "swinging"
)

// usualSigmas is half the width of the usual band.
const usualSigmas = 3

// Usual is the band in which signal lies at this speed when all is well, in its
// stored unit; ok is false while it is not known.
func (e *Engine) Usual(signal esp.SignalID) (lo, hi float64, ok bool) {
	t := e.trackOf(signal)
	if t == nil {
		return math.NaN(), math.NaN(), false
	}
	frequency, _ := e.heldRole(roleFrequency)
	u := e.usual(t, frequency)
	if !u.ok || u.far && exponent(signal) == 0 {
		return math.NaN(), math.NaN(), false
	}
	return u.level - usualSigmas*u.noise, u.level + usualSigmas*u.noise, true
}

// trendSigmas is how far a trend has to move in its window, in usual swings; a
// signal that has no baseline is measured by its own.
const (
	trendSigmas = 3
	trendShare  = 0.005 // of the level
)

// Trend is how signal has moved in the last ten minutes; ok is false when too little of it was read.
func (e *Engine) Trend(signal esp.SignalID) (word Trend, ok bool) {
	t := e.trackOf(signal)
	if t == nil {
		return "", false
	}
	if _, ok := t.held(e.now); !ok {
		return "", false
	}
	m := t.motion(&e.scratch, e.clock.pos, windowTicks)
	if !m.ok {
		return "", false
	}
	frequency, _ := e.heldRole(roleFrequency)
	u := e.usual(t, frequency)
	floor := t.resolution(m.level)
	if m.dense && !math.IsNaN(u.swing) && m.swing > max(swingsMore*u.swing, swingShare*math.Abs(m.level)) {
		return Swinging, true
	}
	noise := m.swing
	if !math.IsNaN(u.swing) {
		noise = u.swing
	}
	least := max(trendSigmas*noise, trendShare*math.Abs(m.level), 2*floor)
	switch {
	case m.change > least:
		return Rising, true
	case m.change < -least:
		return Falling, true
	}
	return Steady, true
}

// Open lists the open findings, most urgent first, each as it was last told.
func (e *Engine) Open() []esp.Diagnosis {
	var open []esp.Diagnosis
	for i := range e.findings {
		if e.findings[i].open {
			open = append(open, e.findings[i].diagnosis)
		}
	}
	slices.SortStableFunc(open, func(a, b esp.Diagnosis) int {
		if d := urgency(a.Severity) - urgency(b.Severity); d != 0 {
			return d
		}
		return a.Onset.Compare(b.Onset)
	})
	return open
}

func urgency(s esp.Severity) int {
	switch s {
	case esp.SeverityNow:
		return 0
	case esp.SeverityToday:
		return 1
	case esp.SeverityPlan:
		return 2
	default:
		return 3
	}
}
