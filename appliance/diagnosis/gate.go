package diagnosis

import (
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Checks that a gate makes, as bits so that tests can take one away and see the
// false alarm that it prevents.
type check uint8

const (
	checkRange check = 1 << iota
	checkSentinel
	checkDoubled
	checkFrozen
	checkPackets
	checkRate
	checkDeath

	allChecks = checkRange | checkSentinel | checkDoubled | checkFrozen | checkPackets | checkRate | checkDeath
)

// Gate grades the readings of one well's scans before anything else sees them. It
// changes Quality and Reason only: raw and value stay what the device sent. It never
// improves a quality that the decoder gave.
type Gate struct {
	layout  *esp.Layout
	checks  check
	columns []gateColumn
	devices []gateDevice
	turns   turningColumns
	last    int64 // time of the scan before, by the gate's own clock
	offset  int64 // of that clock to the scans' times, ms
}

// gateColumn is what the gate knows of one position of the layout.
type gateColumn struct {
	signal *esp.Signal // nil for a vendor-only signal: nothing to judge it by
	shape  shape
	device int
	float  bool
	scale  esp.Linear

	raw     int64 // last raw seen, to notice change
	seen    bool
	good    float64 // last good reading as the device's own number, before the scale
	value   float64 // the same in the signal's unit
	at      int64   // when that was; 0: none yet
	suspect suspect
	highest float64 // good frequency of the drive so far
	goods   int     // how many there were while it turned
}

// shape groups signals that die, double and move alike.
type shape uint8

const (
	shapeOther shape = iota
	shapePressure
	shapeTemperature
	shapeGauge // other downhole quantities
	shapeNone  // status, counter, vendor-only: never judged
)

// gateDevice is what the gate knows of one device of the layout.
type gateDevice struct {
	gauge   []int // analog downhole columns
	all     []int // every judged column
	packets packetWatch
	still   stillWatch
}

// turningColumns tell whether the pump turns; −1 where the layout has none.
type turningColumns struct{ frequency, current, motor, intake int }

// NewGate makes a gate for scans of layout. A scan with another layout makes it
// start afresh for that one.
func NewGate(layout *esp.Layout) *Gate {
	g := &Gate{checks: allChecks}
	g.bind(layout)
	return g
}

func (g *Gate) bind(layout *esp.Layout) {
	g.layout = layout
	g.last = 0
	g.columns = make([]gateColumn, len(layout.Columns))
	g.devices = g.devices[:0]
	g.turns = turningColumns{
		frequency: layout.Index(esp.DriveFrequency), current: layout.Index(esp.MotorCurrent),
		motor: layout.Index(esp.MotorTemperature), intake: layout.Index(esp.IntakeTemperature),
	}
	index := make(map[esp.DeviceID]int)
	for i := range layout.Columns {
		c := &layout.Columns[i]
		d, known := index[c.Device]
		if !known {
			d = len(g.devices)
			index[c.Device] = d
			g.devices = append(g.devices, gateDevice{packets: packetWatch{column: -1}})
		}
		col := &g.columns[i]
		*col = gateColumn{device: d, float: c.Float, scale: c.Scale, shape: shapeNone}
		if c.Signal == 0 {
			continue
		}
		col.signal = c.Signal.Info()
		col.shape = shapeOf(col.signal)
		if c.Signal == esp.GaugePackets {
			g.devices[d].packets.column = i
		}
		if col.shape == shapeNone {
			continue
		}
		g.devices[d].all = append(g.devices[d].all, i)
		if col.signal.Group == esp.GaugeGroup && col.shape != shapeOther {
			g.devices[d].gauge = append(g.devices[d].gauge, i)
		}
	}
}

func shapeOf(s *esp.Signal) shape {
	switch {
	case s.Kind == esp.Status || s.Kind == esp.Counter:
		return shapeNone
	case s.Group != esp.GaugeGroup:
		return shapeOther
	case s.ID == esp.GaugeSignalQuality || s.ID == esp.Inclination || s.ID == esp.GaugeVoltage:
		return shapeOther // flat in a healthy gauge: no evidence of life or death
	case s.Unit == esp.KPa:
		return shapePressure
	case s.Unit == esp.Celsius:
		return shapeTemperature
	}
	return shapeGauge
}

// Grade sets the qualities of a scan in place. It allocates nothing once it knows
// the layout.
func (g *Gate) Grade(s *esp.Scan) {
	if s.Layout != g.layout && (g.layout == nil || s.Layout.ID() != g.layout.ID()) {
		g.bind(s.Layout)
	}
	now := s.Time.UnixMilli() + g.offset
	if now < g.last {
		g.rewind()
	}
	g.last = now
	for d := range g.devices {
		dev := &g.devices[d]
		if g.checks&checkDoubled != 0 {
			g.gradeDoubled(dev, s.Readings)
		}
		g.gradeValues(dev, s.Readings)
		if g.checks&checkDeath != 0 {
			g.gradeDeath(dev, s.Readings)
		}
		if g.checks&(checkPackets|checkFrozen) != 0 {
			g.gradeStale(dev, s.Readings, now)
		}
		if g.checks&checkRate != 0 {
			g.gradeRate(dev, s.Readings, now)
			g.gradeFrequency(dev, s.Readings, now)
		}
		g.remember(dev, s.Readings, now)
	}
}

// ClockStepped says that the clock that stamps the scans was set by step between the
// last scan and the next: no time has passed.
func (g *Gate) ClockStepped(step time.Duration) { g.offset -= step.Milliseconds() }

// rewind forgets every time after the clock was set back; the values stay.
func (g *Gate) rewind() {
	for i := range g.columns {
		g.columns[i].at = 0
		g.columns[i].suspect = suspect{}
	}
	for d := range g.devices {
		g.devices[d].packets.restart()
		g.devices[d].still = stillWatch{}
	}
}

// answered reports whether a reading holds something that the device sent.
func answered(q esp.Quality) bool { return q == esp.Good || q == esp.AtLimit || q == esp.Suspect }

// number is a reading in the device's own unit: what doubles when a record doubles,
// where a temperature in °C would not.
func (c *gateColumn) number(r *esp.Reading) float64 {
	if c.float {
		return math.Float64frombits(uint64(r.Raw))
	}
	return float64(r.Raw)
}

func (g *Gate) gradeValues(dev *gateDevice, readings []esp.Reading) {
	for _, i := range dev.all {
		r, c := &readings[i], &g.columns[i]
		decoded := r.Quality == esp.Implausible && r.Reason == esp.OutOfRange // by the profile's own bounds
		if (!answered(r.Quality) && !decoded) || r.Reason == esp.Doubled {
			continue
		}
		switch {
		case math.IsNaN(r.Value) || math.IsInf(r.Value, 0):
			r.Quality, r.Reason = esp.Invalid, esp.NotANumber
		case g.checks&checkSentinel != 0 && c.sentinel(r) != notSentinel:
			r.Quality, r.Reason = esp.Invalid, esp.Sentinel
		case g.checks&checkRange != 0 && c.outOfRange(r.Value):
			r.Quality, r.Reason = esp.Implausible, esp.OutOfRange
		}
	}
}

func (c *gateColumn) outOfRange(v float64) bool {
	return c.signal.Bounded() && (v < c.signal.Min || v > c.signal.Max)
}

// Of a doubled record: how exactly two values have to be twice the last good ones.
// Both were doubled by the historian from current values, so they carry a poll's
// worth of real change.
const (
	doubledTolerance = 0.01
	doubledLeast     = 2
)

// gradeDoubled finds records in which several downhole values are exactly twice the
// last good ones. Vibration does not count as evidence: in steps of 0.1 g it doubles
// all the time. Drive signals do not either: frequency and voltage double together in
// an honest ramp.
func (g *Gate) gradeDoubled(dev *gateDevice, readings []esp.Reading) {
	found := 0
	for _, i := range dev.gauge {
		c := &g.columns[i]
		if c.shape == shapeGauge || !answered(readings[i].Quality) {
			continue
		}
		if ratio := c.ratio(&readings[i]); math.Abs(ratio-2) <= 2*doubledTolerance {
			found++
		}
	}
	if found < doubledLeast {
		return
	}
	for _, i := range dev.all {
		c := &g.columns[i]
		near := 0.5
		if c.signal.Group == esp.DriveGroup {
			near = 2 * doubledTolerance
		}
		if ratio := c.ratio(&readings[i]); answered(readings[i].Quality) && math.Abs(ratio-2) <= near {
			readings[i].Quality, readings[i].Reason = esp.Suspect, esp.Doubled
		}
	}
}

// ratio of a reading to the last good one; 0 where there is none.
func (c *gateColumn) ratio(r *esp.Reading) float64 {
	if c.at == 0 || c.good <= 0 {
		return 0
	}
	return c.number(r) / c.good
}

// gradeDeath marks what is left of a gauge whose pressures and temperatures died
// together: the rest of the record comes from the same dead telemetry.
func (g *Gate) gradeDeath(dev *gateDevice, readings []esp.Reading) {
	dead, due := 0, 0
	pressures, deadPressures := 0, 0
	for _, i := range dev.gauge {
		if g.columns[i].shape == shapeGauge || readings[i].Quality == esp.NotDue {
			continue
		}
		due++
		pressure := g.columns[i].shape == shapePressure
		if pressure {
			pressures++
		}
		if q := readings[i]; q.Reason == esp.Sentinel || q.Reason == esp.Marker {
			dead++
			if pressure {
				deadPressures++
			}
		}
	}
	if dead < 2 || 2*dead < due {
		return
	}
	if pressures > 0 && deadPressures == 0 && g.goesOn(dev, readings) {
		return // its temperature channels are dead, and nothing else
	}
	for _, i := range dev.gauge {
		if r := &readings[i]; r.Quality == esp.Good || r.Quality == esp.AtLimit {
			r.Quality, r.Reason = esp.Suspect, esp.DeadGauge
		}
	}
}

// Pressures that go on where they were speak for a gauge that is alive.
const goesOnShare = 0.05

func (g *Gate) goesOn(dev *gateDevice, readings []esp.Reading) bool {
	for _, i := range dev.gauge {
		c, r := &g.columns[i], &readings[i]
		if c.shape != shapePressure || r.Quality == esp.NotDue {
			continue
		}
		if !r.Quality.Usable() || c.at == 0 || math.Abs(r.Value-c.value) > goesOnShare*math.Abs(c.value) {
			return false
		}
	}
	return true
}

func (g *Gate) remember(dev *gateDevice, readings []esp.Reading, now int64) {
	for _, i := range dev.all {
		r, c := &readings[i], &g.columns[i]
		if r.Quality != esp.NotDue && r.Quality != esp.Lost {
			c.raw, c.seen = r.Raw, true
		}
		if r.Quality.Usable() {
			c.good, c.value, c.at = c.number(r), r.Value, now
			if c.signal.ID == esp.DriveFrequency && r.Value > turningHertz {
				c.highest, c.goods = max(c.highest, r.Value), c.goods+1
			}
		}
	}
}
