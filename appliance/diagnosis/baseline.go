package diagnosis

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Baselines: what is usual for this pump at this speed. Ten-minute summaries of the
// settled pump, the newest 48 running hours of them. They wait half an hour before
// they count, and those that wait are thrown away when a finding begins, so that a
// fault does not become normal by its own beginnings.
const (
	slots       = 288
	slotsLeast  = 3
	slotsWait   = 3
	regimeWidth = 0.5   // Hz
	regimeShare = 0.005 // of the frequency, for permanent-magnet speeds
	reachShare  = 0.12  // how far a baseline may be carried by the affinity laws
)

// baseline is the memory of one track.
type baseline struct {
	level, swing       [slots]float32
	waitLevel, waitSwg [slotsWait]float32
	cached             usual
	cachedFor          regimeKey
}

func (b *baseline) clear() {
	b.cachedFor = regimeKey{version: -1}
}

// slotClock is where the slots of all tracks stand, and their frequencies.
type slotClock struct {
	frequency [slots]float32
	waitFreq  [slotsWait]float32
	waiting   int
	count     int // ever stored
	version   int
}

// regimeKey says for what a cached baseline was computed.
type regimeKey struct {
	version   int
	frequency float64
}

// usual is what a signal does at a regime.
type usual struct {
	level float64 // median of the summaries
	noise float64 // how far a reading strays from it, one standard deviation
	swing float64 // the usual swing about the trend of ten minutes; NaN where it was never dense
	ok    bool
	far   bool // carried over from another speed by the affinity laws
}

// exponent of the affinity laws: how a signal follows speed.
func exponent(s esp.SignalID) float64 {
	switch s {
	case esp.DriveFrequency, esp.FrequencySetpoint, esp.OutputVoltage, esp.MotorVoltage, esp.LiquidRate:
		return 1
	case esp.MotorCurrent, esp.OutputCurrent, esp.OutputCurrentA, esp.OutputCurrentB, esp.OutputCurrentC,
		esp.PumpDP, esp.Torque:
		return 2
	case esp.OutputPower, esp.MotorLoad:
		return 3
	default:
		return 0
	}
}

// shelve puts the newest summary of every track in the waiting room and lets the
// oldest there into the baseline.
func (e *Engine) shelve(frequency float64) {
	c := &e.slots
	if c.waiting == slotsWait {
		at := c.count % slots
		c.frequency[at] = c.waitFreq[0]
		copy(c.waitFreq[:], c.waitFreq[1:])
		for _, t := range e.tracks {
			b := &t.baseline
			b.level[at], b.swing[at] = b.waitLevel[0], b.waitSwg[0]
			copy(b.waitLevel[:], b.waitLevel[1:])
			copy(b.waitSwg[:], b.waitSwg[1:])
		}
		c.count++
		c.version++
		c.waiting--
	}
	c.waitFreq[c.waiting] = float32(frequency)
	for _, t := range e.tracks {
		m := t.motion(&e.scratch, e.clock.pos, windowTicks)
		level, swing := float32(math.NaN()), float32(math.NaN())
		if m.ok {
			level = float32(m.level)
		}
		if m.dense {
			swing = float32(m.swing)
		}
		t.baseline.waitLevel[c.waiting], t.baseline.waitSwg[c.waiting] = level, swing
	}
	c.waiting++
}

// unlearn throws away what waits.
func (c *slotClock) unlearn() { c.waiting = 0 }

// usual is what track t does at frequency (NaN: unknown), from its baseline.
func (e *Engine) usual(t *track, frequency float64) usual {
	b := &t.baseline
	key := regimeKey{version: e.slots.version, frequency: frequency}
	if math.IsNaN(frequency) {
		key.frequency = 0
	}
	if b.cachedFor.version == key.version && math.Abs(b.cachedFor.frequency-key.frequency) < regimeWidth/2 {
		return b.cached
	}
	b.cachedFor = key
	b.cached = e.learned(t, frequency, max(regimeWidth, regimeShare*frequency))
	if !b.cached.ok && !math.IsNaN(frequency) {
		b.cached = e.learned(t, frequency, reachShare*frequency)
		b.cached.far = true
	}
	return b.cached
}

// learned computes the baseline from the slots within width of frequency, each
// carried to it by the affinity laws.
func (e *Engine) learned(t *track, frequency, width float64) usual {
	n := min(e.slots.count, slots)
	b, power := &t.baseline, exponent(t.signal)
	levels := e.scratch.learned[:0]
	for i := range n {
		f := float64(e.slots.frequency[i])
		if !near(f, frequency, width) || math.IsNaN(float64(b.level[i])) {
			continue
		}
		levels = append(levels, float64(b.level[i])*carry(frequency, f, power))
	}
	if len(levels) < slotsLeast {
		return usual{level: math.NaN(), noise: math.NaN(), swing: math.NaN()}
	}
	u := usual{level: median(levels), ok: true}
	between := spread(levels, u.level)
	swings := e.scratch.learned[:0]
	for i := range n {
		if v := float64(b.swing[i]); near(float64(e.slots.frequency[i]), frequency, width) && !math.IsNaN(v) {
			swings = append(swings, v)
		}
	}
	floor := t.resolution(u.level)
	u.swing = math.NaN()
	if len(swings) >= slotsLeast {
		u.swing = max(median(swings), floor)
	}
	u.noise = max(between, floor)
	if !math.IsNaN(u.swing) {
		u.noise = math.Hypot(u.noise, u.swing)
	}
	return u
}

// near reports whether a slot belongs to a regime; where the frequency is not known
// all slots without one do.
func near(f, frequency, width float64) bool {
	if math.IsNaN(f) || math.IsNaN(frequency) {
		return math.IsNaN(f) && math.IsNaN(frequency)
	}
	return math.Abs(f-frequency) <= width
}

func carry(to, from, power float64) float64 {
	if power == 0 || math.IsNaN(to) || from <= 0 {
		return 1
	}
	return math.Pow(to/from, power)
}
