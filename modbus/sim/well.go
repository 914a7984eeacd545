package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/pump"
)

// Config says which well to simulate.
type Config struct {
	Seed     uint64
	Start    time.Time // the well produces steadily at first; whole seconds count
	Scenario Scenario  // the zero Scenario is a well that works
	// Onset is when the scenario begins; zero means Start. An onset before Start is
	// played up to Start.
	Onset time.Time
	// Faults of gauge and line beside those of the scenario.
	GaugeFaults []GaugeFaultAt
	LinkFaults  []LinkFaultAt
}

// Well is a well with its pump, drive, gauge and wellhead instruments. It is not safe
// for use by several goroutines.
type Well struct {
	now    int64 // Unix seconds: the well's own grid
	course *course
	plan   completion
	params params
	drive  drive
	gas    gasState

	level   float64 // m of liquid over the intake
	column  float64 // m of liquid in the tubing
	motor   float64 // degC
	backs   float64 // m3/d back through the check valve
	intake  float64 // bar
	outlet  float64 // bar, discharge
	stages  condition
	flow    flows
	duty    pump.Duty
	instrum instruments
	panel   *panel // nil: the registers show what is measured
	lines   lines
	rng     *rand.Rand
}

// Steps: one second on the well's grid. A clock that jumps far is followed in coarser
// ones, and at most over memory: nothing in the well remembers longer.
const (
	fine   = int64(3600)
	coarse = int64(5)
	memory = int64(2 * secondsOfDay)
)

// NewWell makes a well that produces steadily at the start, or that has lived through
// its scenario up to it where the onset is earlier.
func NewWell(cfg Config) (*Well, error) {
	onset := cfg.Onset
	if onset.IsZero() {
		onset = cfg.Start
	}
	if err := cfg.Scenario.validate(); err != nil {
		return nil, err
	}
	gauge, link := cfg.faults(onset)
	w := &Well{
		now:    cfg.begin(onset, gauge),
		course: newCourse(cfg.Seed, &cfg.Scenario, onset),
		plan:   newCompletion(),
		panel:  newPanel(cfg.Seed, gauge),
		lines:  newLines(cfg.Seed, link),
		rng:    rand.New(rand.NewPCG(cfg.Seed, 0x4E6F697365)), //nolint:gosec // reproducible by seed is the point
	}
	w.drive = drive{watch: protections()}
	w.drive.history(w.now)
	w.instrum = newInstruments(w.now)
	w.settle()
	w.measure(1)
	w.Advance(cfg.Start)
	return w, nil
}

// faults are all that is wrong with gauge and line: what the scenario brings begins
// with it.
func (c *Config) faults(onset time.Time) ([]GaugeFaultAt, []LinkFaultAt) {
	gauge, link := slices.Clone(c.GaugeFaults), slices.Clone(c.LinkFaults)
	for _, f := range c.Scenario.GaugeFaults {
		gauge = append(gauge, GaugeFaultAt{Fault: f, Onset: onset})
	}
	for _, f := range c.Scenario.LinkFaults {
		link = append(link, LinkFaultAt{Fault: f, Onset: onset})
	}
	return gauge, link
}

// begin is where the play begins: at the start, or at whatever happens before it.
func (c *Config) begin(onset time.Time, gauge []GaugeFaultAt) int64 {
	begin := min(c.Start.Unix(), onset.Unix())
	for _, f := range gauge {
		begin = min(begin, f.Onset.Unix())
	}
	return begin
}

// Time is the time up to which the well has been advanced, in whole seconds.
func (w *Well) Time() time.Time { return time.Unix(w.now, 0).UTC() }

// Advance plays the well up to a time. The well moves in whole seconds; a time within
// the present second changes nothing, and a clock set back is followed without
// undoing anything. A jump of more than two days is played from two days before its
// end.
func (w *Well) Advance(to time.Time) {
	target := to.Unix()
	if target < w.now {
		w.now = target
		return
	}
	if gap := target - w.now; gap > memory {
		w.drive.skip(float64(gap-memory), w.duty.Input)
		w.now = target - memory
		w.settle()
	}
	for w.now < target {
		step := int64(1)
		if left := target - w.now; left > fine {
			step = min(coarse, left-fine)
		}
		w.now += step
		w.advance(step)
	}
}

// Value is a signal in its stored unit: what the device has at this moment, with its
// noise, its resolution and the gauge faults; link faults do not show in it. It is false for a signal that this well does not measure, or
// for which the device has no value now.
func (w *Well) Value(signal string) (float64, bool) {
	id, ok := esp.Lookup(signal)
	if !ok {
		return math.NaN(), false
	}
	return w.reading(id)
}

func (w *Well) reading(id esp.SignalID) (float64, bool) {
	v := w.instrum.values[id]
	if w.panel != nil && id.Info().Group == esp.GaugeGroup {
		v = w.panel.shown[id]
	}
	return v, !math.IsNaN(v)
}

// advance plays one step.
func (w *Well) advance(step int64) {
	dt := float64(step)
	w.params = w.course.at(w.now, step)
	p := &w.params
	w.drive.run(p, w.backs > 5, dt)

	w.intake = w.intakePressure()
	gives := inflow(p, w.intake)
	gas := w.plan.gasFraction(p, w.intake, gives) + p[GasSurge]
	keeps := w.gas.step(gas, dt, w.drive.frequency > 0, w.rng)
	w.stages = p.condition(keeps)

	q := lift{
		frequency: w.drive.frequency, factor: w.stages.head, effort: w.stages.power, drag: p[Drag], intake: w.intake,
		gas: w.gas.fraction, slug: p[Slugging], column: w.column, churn: w.gas.churn(), guess: w.flow.pump,
	}
	var open bool
	w.flow, open = w.plan.solve(p, &q)
	w.tubing(open, dt)
	leak := min(p[TubingLeak], w.flow.pump)
	w.level += (gives - w.flow.pump + leak + w.backs) / secondsOfDay / annulusArea * dt
	w.level = min(max(w.level, 0), pumpDepth)

	w.duty = w.plan.motor.At(w.plan.shaft(p, &q, w.flow.pump), w.drive.frequency)
	w.sag()
	w.motor += (w.heat()*1000 - cooling(w.flow.pump)*(w.motor-p[FluidTemperature])) / motorHeat * dt
	w.drive.energy += w.driveOutput() * dt / 3600
	w.drive.protect(&reading{
		current: w.duty.Current, temperature: w.motor, heatsink: w.instrum.heatsink,
		dcBus: w.dcBus(), leakage: p[Leakage],
	}, dt)
	w.measure(dt)
}

// intakePressure is the casing pressure and the liquid over the intake; passing slugs
// of liquid and gas show in it.
func (w *Well) intakePressure() float64 {
	p := &w.params
	return p[CasingPressure] + pump.Pressure(w.level, liquidDensity) + 6*p[Slugging] - 28*p[GasSurge]
}

// tubing moves the liquid column and lets the discharge pressure follow: at once
// while the check valve is open, within a minute once it has shut.
func (w *Well) tubing(open bool, dt float64) {
	w.backs = 0
	if open {
		w.outlet = w.flow.discharge
		if w.column < pumpDepth {
			w.column = min(w.column+w.flow.pump/secondsOfDay/tubingArea*dt, pumpDepth)
		}
		return
	}
	w.outlet += (w.flow.discharge - w.outlet) * (1 - math.Exp(-dt/60))
	above := w.params[LinePressure] + pump.Pressure(w.column, columnDensity)
	if leak := w.params[CheckValveLeak]; leak > 0 && above > w.flow.discharge {
		w.backs = min(leak*(above-w.flow.discharge), w.column*tubingArea*secondsOfDay/dt)
		w.column -= w.backs / secondsOfDay / tubingArea * dt
	}
}

// settle puts the well where it produces steadily with the parameters of this time.
func (w *Well) settle() {
	w.params = w.course.at(w.now, 1)
	p := &w.params
	w.column = pumpDepth
	w.gas = gasState{}
	if p[RunCommand] >= 0.5 {
		w.drive.state, w.drive.frequency = esp.Running, math.Round(p[Setpoint]*100)/100
	}
	q := lift{frequency: w.drive.frequency, column: w.column, drag: p[Drag]}
	low, high := p[CasingPressure], p[ReservoirPressure]
	for range 60 { // more pressure at the intake: less comes in, more goes up
		q.intake = (low + high) / 2
		gives := inflow(p, q.intake)
		q.gas = w.plan.gasFraction(p, q.intake, gives)
		w.stages = p.condition(pump.GasHeadFactor(q.gas))
		q.factor, q.effort = w.stages.head, w.stages.power
		w.flow, _ = w.plan.solve(p, &q)
		if gives > w.flow.pump-min(p[TubingLeak], w.flow.pump) {
			low = q.intake
		} else {
			high = q.intake
		}
	}
	w.level = min(max(pump.Head(q.intake-p[CasingPressure], liquidDensity), 0), pumpDepth)
	w.intake, w.outlet, w.gas.fraction = q.intake, w.flow.discharge, q.gas
	w.duty = w.plan.motor.At(w.plan.shaft(p, &q, w.flow.pump), w.drive.frequency)
	w.motor = p[FluidTemperature] + w.duty.Loss*1000/cooling(w.flow.pump)
}
