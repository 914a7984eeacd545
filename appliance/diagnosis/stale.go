package diagnosis

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// How long downhole values may stand still. Gauges refresh in seconds to a minute and
// intake pressure is flat by nature, so time alone is judged over half an hour, over
// all values of the gauge together. In a well that stands everything is flat within
// the resolution of a gauge: there a day has to pass.
const (
	frozenAfter        = 30 * minute
	frozenAfterStopped = 24 * hour
	coolMotor          = 3.0 // °C above the intake: a motor that turns is warmer
	frozenSamples      = 6
	frozenColumns      = 2

	packetsFirst = 90 * second // before the gauge's own rhythm is known
	packetsLeast = 20 * second
	packetsMost  = 5 * minute
	packetsTimes = 5 // rhythms without a packet
)

// Durations of the package in milliseconds, the unit of all its times.
const (
	second int64 = 1000
	minute       = 60 * second
	hour         = 60 * minute
)

// packetWatch follows a gauge's packet counter.
type packetWatch struct {
	column  int // −1: the device has none
	raw     int64
	seen    bool
	moved   bool    // has it ever counted
	at      int64   // of the last packet
	rhythm  float64 // ms between packets
	changes int     // records with new values since the last packet: a counter that lies
}

func (p *packetWatch) restart() { *p = packetWatch{column: p.column} }

// observe takes a counter reading and reports whether the counter stands still.
func (p *packetWatch) observe(r *esp.Reading, now int64, changed bool) bool {
	if p.column < 0 {
		return false
	}
	if !r.Quality.Usable() {
		return false
	}
	switch {
	case !p.seen:
		p.seen, p.raw, p.at = true, r.Raw, now
	case r.Raw != p.raw:
		if p.moved {
			p.learn(float64(now - p.at))
		}
		p.raw, p.at, p.moved, p.changes = r.Raw, now, true, 0
	case changed:
		p.changes++
	}
	return now-p.at > p.limit() && p.changes < 3
}

func (p *packetWatch) learn(interval float64) {
	if p.rhythm == 0 {
		p.rhythm = interval
		return
	}
	p.rhythm += (math.Min(interval, float64(packetsMost)) - p.rhythm) / 8
}

func (p *packetWatch) limit() int64 {
	if p.rhythm == 0 {
		return packetsFirst
	}
	return min(max(int64(packetsTimes*p.rhythm), packetsLeast), packetsMost)
}

// stillWatch notices that no downhole value of a device changes any more.
type stillWatch struct {
	since   int64
	samples int
}

func (g *Gate) gradeStale(dev *gateDevice, readings []esp.Reading, now int64) {
	alive, changed := 0, false
	for _, i := range dev.gauge {
		c, r := &g.columns[i], &readings[i]
		if !answered(r.Quality) {
			continue
		}
		alive++
		changed = changed || !c.seen || c.raw != r.Raw
	}
	if alive == 0 {
		return
	}
	stale := false
	if p := &dev.packets; g.checks&checkPackets != 0 && p.column >= 0 {
		stale = p.observe(&readings[p.column], now, changed)
	}
	if changed || dev.still.since == 0 {
		dev.still = stillWatch{since: now, samples: 1}
	} else {
		dev.still.samples++
	}
	if g.checks&checkFrozen != 0 && alive >= frozenColumns && dev.still.samples >= frozenSamples {
		limit := frozenAfter
		if g.standing(readings) {
			limit = frozenAfterStopped
		}
		stale = stale || now-dev.still.since >= limit
	}
	if !stale {
		return
	}
	for _, i := range dev.gauge {
		if answered(readings[i].Quality) {
			readings[i].Quality, readings[i].Reason = esp.Stale, esp.Frozen
		}
	}
}

// standing reports whether the scan says that the pump does not turn: by the drive, or
// where that says nothing by a motor as cool as the well. What was last known of the
// temperatures counts, because in recorded data they come at other times.
func (g *Gate) standing(readings []esp.Reading) bool {
	said := false
	for _, i := range [...]int{g.turns.frequency, g.turns.current} {
		if i < 0 || !readings[i].Quality.Usable() {
			continue
		}
		if readings[i].Value <= 0 {
			return true
		}
		said = true
	}
	if said || g.turns.motor < 0 || g.turns.intake < 0 {
		return false
	}
	motor, intake := &g.columns[g.turns.motor], &g.columns[g.turns.intake]
	return motor.at != 0 && intake.at != 0 && motor.value-intake.value < coolMotor
}

// suspect is a jump that waits to be confirmed or forgotten.
type suspect struct {
	value   float64
	since   int64
	samples int
}

// How far a downhole value may move: a step that needs no time, a rate for half a
// minute, and a slower one beyond. A winding has the heat capacity of the motor.
// Discharge pressure may fall by the whole lift in seconds when a shaft breaks or gas
// locks the pump under a check valve, so only a leap beyond that is judged. A new
// level that stays is accepted.
type reach struct{ step, fast, slow float64 }

var (
	pressureReach    = reach{step: 12000, fast: 2000, slow: 2000} // kPa, kPa/s
	temperatureReach = reach{step: 8, fast: 1, slow: 0.1}         // °C, °C/s
)

const (
	fastSeconds   = 30.0
	acceptSamples = 4
	acceptAfter   = 15 * second
)

func (r *reach) within(seconds float64) float64 {
	return r.step + r.fast*math.Min(seconds, fastSeconds) + r.slow*math.Max(seconds-fastSeconds, 0)
}

func (g *Gate) gradeRate(dev *gateDevice, readings []esp.Reading, now int64) {
	for _, i := range dev.gauge {
		c, r := &g.columns[i], &readings[i]
		if c.shape == shapeGauge || !r.Quality.Usable() || c.at == 0 {
			continue
		}
		limit := &pressureReach
		if c.shape == shapeTemperature {
			limit = &temperatureReach
		}
		if math.Abs(r.Value-c.value) <= limit.within(float64(now-c.at)/1000) {
			c.suspect = suspect{}
			continue
		}
		if c.suspect.samples == 0 || math.Abs(r.Value-c.suspect.value) > limit.step {
			c.suspect = suspect{value: r.Value, since: now}
		}
		c.suspect.samples++
		if c.suspect.samples >= acceptSamples && now-c.suspect.since >= acceptAfter {
			c.suspect = suspect{}
			continue
		}
		r.Quality, r.Reason = esp.Suspect, esp.ImpossibleRate
	}
}

// A drive's frequency far above any that it had before is a slip of the record (118 Hz
// among 56), unless it stays. Its base frequency is not known here.
const (
	frequencyLeap = 1.3
	frequencyNear = 0.1 // share within which two readings are the same new speed
	frequencySeen = 20  // good readings before its range is known
)

func (g *Gate) gradeFrequency(dev *gateDevice, readings []esp.Reading, now int64) {
	i := g.turns.frequency
	if i < 0 || g.columns[i].device >= len(g.devices) || &g.devices[g.columns[i].device] != dev {
		return
	}
	c, r := &g.columns[i], &readings[i]
	if !r.Quality.Usable() || c.goods < frequencySeen {
		return
	}
	if r.Value <= frequencyLeap*c.highest {
		c.suspect = suspect{}
		return
	}
	if c.suspect.samples == 0 || math.Abs(r.Value-c.suspect.value) > frequencyNear*r.Value {
		c.suspect = suspect{value: r.Value, since: now}
	}
	c.suspect.samples++
	if c.suspect.samples >= acceptSamples && now-c.suspect.since >= acceptAfter {
		c.suspect = suspect{}
		return
	}
	r.Quality, r.Reason = esp.Suspect, esp.ImpossibleRate
}
