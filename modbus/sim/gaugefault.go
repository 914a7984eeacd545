package sim

import (
	"math"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// GaugeFault is something that goes wrong between the sensors downhole and the
// registers of the surface panel, as data. It changes what the panel shows and never
// the well. It combines with any scenario and with other gauge faults.
type GaugeFault struct {
	Name  string // as on the command line, for example "frozen"
	Title string
	// Since is how long before now it begins by default.
	Since time.Duration
	// Effects apply to each transmission in this order.
	Effects []GaugeEffect
	// Shows says what the registers then show.
	Shows string
}

// GaugeEffectKind says what becomes of a value.
type GaugeEffectKind uint8

// Kinds of effect.
const (
	// Fixed shows To whatever is measured.
	Fixed GaugeEffectKind = iota
	// Held shows what stood there when the fault began.
	Held
	// Absent shows the register's marker for "no value".
	Absent
	// Multiplied shows the value times To.
	Multiplied
	// Shifted shows the value and To more; with Over it gets there slowly.
	Shifted
	// Scattered adds an error of standard deviation To, another in each transmission.
	Scattered
	// Damaged loses the transmission: the panel keeps its values and counts a bad
	// packet.
	Damaged
)

// GaugeEffect is what a fault does to some signals of the gauge.
type GaugeEffect struct {
	Kind    GaugeEffectKind
	Signals []esp.SignalID // a Damaged transmission has none: it concerns all
	To      float64        // in the signals' stored unit
	Over    time.Duration  // of Shifted; zero: at once
	// Share of the transmissions that are hit, by chance; zero: all.
	Share float64
	// Lone: of the signals only one is hit at a time, another by chance.
	Lone bool
	// Period and For: hit only during For at the beginning of each Period; zero: always.
	Period, For time.Duration
}

// GaugeFaults are the gauge faults of this release: those that recordings from
// the field hold, and what a cable does when its insulation goes.
func GaugeFaults() []GaugeFault {
	return append(deadGauges(), livingGauges()...)
}

// Of a 16-bit register in steps of 0.1 psi: what a panel that knows of no value
// writes as -100 and everyone reads as 65436.
const (
	kPaPerPSI      = 6.894757293168361
	unsignedCentum = (0x10000 - 100) * 0.1 * kPaPerPSI
)

// deadGauges are the ways in which a gauge is dead.
func deadGauges() []GaugeFault {
	silentTelemetry := []GaugeEffect{
		{Kind: Held, Signals: gaugeCounters()},
		{Kind: Fixed, Signals: gaugeTelemetry(), To: 0},
	}
	return []GaugeFault{
		{
			Name: "dead", Title: "The gauge is dead; the panel writes its sentinels",
			Since: 30 * time.Minute,
			Effects: slices.Concat([]GaugeEffect{
				{Kind: Fixed, Signals: gaugePressures(), To: unsignedCentum},
				{Kind: Fixed, Signals: gaugeTemperatures(), To: -1},
				{Kind: Fixed, Signals: gaugeRest(), To: 0},
			}, silentTelemetry),
			Shows: "pressures 65436 (-100 read as unsigned), temperatures -1.0 °C (30.2 °F), vibration 0, the packet counter stands",
		},
		{
			Name: "dead-zero", Title: "The gauge is dead; the panel writes zeros",
			Since: 30 * time.Minute,
			Effects: slices.Concat([]GaugeEffect{
				{Kind: Fixed, Signals: slices.Concat(gaugePressures(), gaugeTemperatures(), gaugeRest()), To: 0},
			}, silentTelemetry),
			Shows: "all values 0, so temperatures 0 °C (32 °F); the packet counter stands",
		},
		{
			Name: "no-signal", Title: "The panel says that it has no value from downhole",
			Since: 30 * time.Minute,
			Effects: slices.Concat([]GaugeEffect{
				{Kind: Absent, Signals: slices.Concat(gaugePressures(), gaugeTemperatures(), gaugeRest())},
			}, silentTelemetry),
			Shows: "the marker of each register; the packet counter stands",
		},
		{
			Name: "frozen", Title: "The panel repeats its last values for ever",
			Since:   45 * time.Minute,
			Effects: []GaugeEffect{{Kind: Held, Signals: gaugeAll()}},
			Shows:   "all values and the packet counter stand",
		},
	}
}

// livingGauges are faults of a gauge that still transmits.
func livingGauges() []GaugeFault {
	return []GaugeFault{
		{
			Name: "dead-temperatures", Title: "The temperature channels are dead, the rest lives",
			Since:   30 * time.Minute,
			Effects: []GaugeEffect{{Kind: Fixed, Signals: gaugeTemperatures(), To: 0}},
			Shows:   "temperatures 0 °C (32 °F), everything else is good",
		},
		{
			Name: "doubled", Title: "Now and then a whole record is exactly doubled",
			Since:   2 * time.Hour,
			Effects: []GaugeEffect{{Kind: Multiplied, Signals: slices.Concat(gaugePressures(), gaugeTemperatures()), To: 2, Share: 0.02}},
			Shows:   "pressures and temperatures twice what they are, in one of fifty transmissions",
		},
		{
			Name: "noisy-cable", Title: "The cable's insulation fails: bad packets, noise, leakage",
			Since: 3 * time.Hour,
			Effects: []GaugeEffect{
				{Kind: Shifted, Signals: []esp.SignalID{esp.LeakageCurrent}, To: 4, Over: 2 * time.Hour},
				{Kind: Multiplied, Signals: []esp.SignalID{esp.InsulationResistance}, To: 0.03},
				{Kind: Scattered, Signals: []esp.SignalID{esp.LeakageCurrent}, To: 0.4},
				{Kind: Shifted, Signals: []esp.SignalID{esp.GaugeSignalQuality}, To: -35, Over: time.Hour},
				{Kind: Scattered, Signals: []esp.SignalID{esp.GaugeSignalQuality}, To: 6},
				{Kind: Scattered, Signals: gaugePressures(), To: 25},
				{Kind: Scattered, Signals: gaugeTemperatures(), To: 0.3},
				{Kind: Damaged, Share: 0.25},
			},
			Shows: "one of four transmissions is lost and counted bad, the others scatter; signal quality down, leakage current up",
		},
		{
			Name: "drift", Title: "The intake pressure sensor drifts",
			Since:   12 * time.Hour,
			Effects: []GaugeEffect{{Kind: Shifted, Signals: []esp.SignalID{esp.IntakePressure}, To: 900, Over: 24 * time.Hour}},
			Shows:   "intake pressure rises by 0.4 bar per hour, which nothing else confirms",
		},
		{
			Name: "outliers", Title: "Lone wild values",
			Since: 2 * time.Hour,
			Effects: []GaugeEffect{
				{Kind: Multiplied, Signals: slices.Concat(gaugePressures(), gaugeTemperatures()), To: 1.9, Share: 0.006, Lone: true},
				{Kind: Multiplied, Signals: slices.Concat(gaugePressures(), gaugeTemperatures()), To: 0.07, Share: 0.006, Lone: true},
			},
			Shows: "one value of one transmission far off, once in some five minutes",
		},
		{
			Name: "intermittent", Title: "A loose connection: dead for two minutes in every nine",
			Since: 2 * time.Hour,
			Effects: []GaugeEffect{
				{Kind: Fixed, Signals: gaugePressures(), To: unsignedCentum, Period: 9 * time.Minute, For: 2 * time.Minute},
				{Kind: Fixed, Signals: gaugeTemperatures(), To: -1, Period: 9 * time.Minute, For: 2 * time.Minute},
				{Kind: Fixed, Signals: gaugeRest(), To: 0, Period: 9 * time.Minute, For: 2 * time.Minute},
				{Kind: Fixed, Signals: gaugeTelemetry(), To: 0, Period: 9 * time.Minute, For: 2 * time.Minute},
			},
			Shows: "the sentinels of a dead gauge for two minutes, then good values for seven",
		},
	}
}

func gaugePressures() []esp.SignalID {
	return []esp.SignalID{esp.IntakePressure, esp.DischargePressure}
}

func gaugeTemperatures() []esp.SignalID {
	return []esp.SignalID{
		esp.IntakeTemperature, esp.DischargeTemperature, esp.MotorTemperature, esp.MotorTemperatureMax, esp.GaugeTemperature,
	}
}

// gaugeRest are the other measured values.
func gaugeRest() []esp.SignalID {
	return []esp.SignalID{
		esp.VibrationX, esp.VibrationY, esp.VibrationZ, esp.LeakageCurrent, esp.InsulationResistance, esp.Inclination,
	}
}

func gaugeTelemetry() []esp.SignalID {
	return []esp.SignalID{esp.GaugeCurrent, esp.GaugeVoltage, esp.GaugeSignalQuality}
}

func gaugeCounters() []esp.SignalID { return []esp.SignalID{esp.GaugePackets, esp.GaugeBadPackets} }

func gaugeAll() []esp.SignalID {
	return slices.Concat(gaugePressures(), gaugeTemperatures(), gaugeRest(), gaugeTelemetry(), gaugeCounters())
}

// FindGaugeFault is the gauge fault of that name.
func FindGaugeFault(name string) (GaugeFault, bool) {
	all := GaugeFaults()
	i := slices.IndexFunc(all, func(f GaugeFault) bool { return f.Name == name })
	if i < 0 {
		return GaugeFault{}, false
	}
	return all[i], true
}

// GaugeFaultAt is a gauge fault with its time.
type GaugeFaultAt struct {
	Fault GaugeFault
	Onset time.Time
	Lasts time.Duration // zero: for good
}

// panel is the surface panel of a gauge with faults: what its registers show.
type panel struct {
	seed   uint64
	faults []panelFault
	shown  [256]float64 // by esp.SignalID
	packet int64
	bad    float64 // packets that faults damaged
}

type panelFault struct {
	effects     []GaugeEffect
	from, until int64 // Unix seconds
	began       bool
	held        [256]float64
}

func newPanel(seed uint64, faults []GaugeFaultAt) *panel {
	if len(faults) == 0 {
		return nil
	}
	p := &panel{seed: seed, packet: math.MinInt64}
	for _, f := range faults {
		from, until := span(f.Onset, f.Lasts)
		p.faults = append(p.faults, panelFault{effects: f.Fault.Effects, from: from, until: until})
	}
	return p
}

// span is a time and a duration in Unix seconds; a duration of zero never ends.
func span(onset time.Time, lasts time.Duration) (from, until int64) {
	from, until = onset.Unix(), math.MaxInt64
	if lasts > 0 {
		until = from + max(int64(lasts/time.Second), 1)
	}
	return from, until
}

// take lets the panel receive what the gauge measured, once per transmission.
func (p *panel) take(now, packet int64, measured *[256]float64) {
	if packet == p.packet {
		return
	}
	if p.packet == math.MinInt64 {
		p.shown = *measured
	}
	p.packet = packet
	next, damaged := *measured, false
	for i := range p.faults {
		f := &p.faults[i]
		if now < f.from || now >= f.until {
			f.began = false
			continue
		}
		if !f.began {
			f.began, f.held = true, p.shown
		}
		for k := range f.effects {
			damaged = p.strike(&f.effects[k], f, now, int64(k), &next) || damaged
		}
	}
	if damaged {
		p.bad++
	}
	next[esp.GaugeBadPackets] = math.Mod(next[esp.GaugeBadPackets]+p.bad, 65536)
	if damaged { // the panel keeps its values and counts
		for _, id := range gaugeCounters() {
			p.shown[id] = next[id]
		}
		return
	}
	p.shown = next
}

// strike applies one effect and reports whether it loses the transmission.
func (p *panel) strike(e *GaugeEffect, f *panelFault, now, k int64, next *[256]float64) bool {
	chance := hash(p.seed^0x6761756765, p.packet, k)
	switch {
	case e.Period > 0 && time.Duration(now-f.from)*time.Second%e.Period >= e.For:
		return false
	case e.Share > 0 && share(chance) >= e.Share:
		return false
	case e.Kind == Damaged:
		return true
	}
	signals := e.Signals
	if e.Lone {
		i := int(chance>>1) % len(signals)
		signals = signals[i : i+1]
	}
	for n, id := range signals {
		next[id] = e.apply(next[id], f, now, id, hash(chance, p.packet, int64(n)))
	}
	return false
}

func (e *GaugeEffect) apply(v float64, f *panelFault, now int64, id esp.SignalID, chance uint64) float64 {
	switch e.Kind {
	case Fixed:
		return e.To
	case Held:
		return f.held[id]
	case Absent:
		return math.NaN()
	case Multiplied:
		v *= e.To
	case Shifted:
		grown := 1.0
		if over := e.Over.Seconds(); over > 0 {
			grown = min(float64(now-f.from)/over, 1)
		}
		v += e.To * grown
	case Scattered:
		// Box and Muller (1958): two uniform numbers give a normal one.
		u, w := 1-share(chance), share(hash(chance, now, 1))
		v += e.To * math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*w)
	case Damaged:
	}
	if id.Info().Min >= 0 {
		v = max(v, 0)
	}
	return v
}

// share is a number from 0 up to 1 made of a hash.
func share(h uint64) float64 { return float64(h>>11) / (1 << 53) }
