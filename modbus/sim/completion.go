package sim

import (
	"math"

	"wellkeeper.internal/appliance/pump"
)

// The well of the simulator's design: what does not change while it produces.
const (
	stageCount      = 380
	pumpDepth       = 2250.0 // m
	perforations    = 2350.0 // m
	annulusArea     = 0.0157 // m2: 7" casing around 2 7/8" tubing
	intakeArea      = 0.0118 // m2: 7" casing around a 400 series pump
	tubingArea      = 0.00302
	liquidDensity   = 956.0 // kg/m3, annulus and pump
	columnDensity   = 900.0 // kg/m3, tubing: lighter by the gas that comes out of solution
	frictionLoss    = 5.0   // bar in the tubing at ratedFlow
	chokeLoss       = 7.0   // bar across the open choke and wellhead at ratedFlow
	ratedFlow       = 87.0  // m3/d
	bubblePressure  = 70.0  // bar
	solutionGas     = 60.0  // m3/m3 in solution above the bubble point
	noLoad          = 0.18  // share of the rated torque that turns the motor and an empty pump
	motorHeat       = 1.3e5 // J/K
	motorCooling    = 230.0 // W/K at ratedFlow
	surfaceTension  = 0.03  // N/m
	motorRatedPower = 45.0  // kW at 60 Hz
	motorRatedVolts = 1150.0
	baseFrequency   = 60.0
	transformer     = 2.6 // drive current ÷ motor current
)

// ratedCurrent is the motor's nameplate current, A.
const ratedCurrent = 35.8

// completion is the pump in its well; it has no state.
type completion struct {
	stage pump.Stage
	motor pump.Motor
	cable pump.Cable
	oil   pump.Oil
	// dissolve calibrates Standing's correlation to the measured bubble point.
	dissolve float64
	rise     float64 // m/s, of gas bubbles
}

func newCompletion() completion {
	c := completion{
		stage: pump.AN550(),
		motor: pump.Motor{Power: motorRatedPower, Voltage: motorRatedVolts, Frequency: baseFrequency},
		cable: pump.Cable{Length: pumpDepth + 60, Resistance: 0.85e-3, Reactance: 0.16e-3}, // AWG 4, and 60 m at surface
		oil:   pump.Oil{API: 32, GasGravity: 0.7},
		rise:  pump.BubbleRise(surfaceTension, liquidDensity, 60),
	}
	c.dissolve = solutionGas / c.oil.SolutionGOR(bubblePressure, usual()[FluidTemperature])
	return c
}

// inflow is what the reservoir gives, m3/d, at a pressure in bar at the intake.
// Straight above the bubble point, Vogel below it.
func inflow(p *params, intake float64) float64 {
	bottom := intake + pump.Pressure(perforations-pumpDepth, liquidDensity)
	pr, j := p[ReservoirPressure], p[Productivity]
	if bottom >= bubblePressure || pr <= bubblePressure {
		return j * (pr - bottom)
	}
	r := max(bottom, 0) / bubblePressure
	return j*(pr-bubblePressure) + j*bubblePressure/1.8*(1-0.2*r-0.8*r*r)
}

// gasFraction is the share of gas in what enters the pump, without surges.
func (c *completion) gasFraction(p *params, intake, liquid float64) float64 {
	if liquid <= 0 {
		return 0
	}
	in := pump.Inflow{
		Oil: c.oil, Liquid: liquid, WaterCut: p[WaterCut], GOR: p[GasOilRatio],
		Dissolved: solutionGas, Pressure: intake, Temperature: p[FluidTemperature],
	}
	if intake < bubblePressure {
		in.Dissolved = min(solutionGas, c.dissolve*c.oil.SolutionGOR(intake, p[FluidTemperature]))
	}
	gas, situ := in.InSitu()
	velocity := situ / secondsOfDay / intakeArea
	separated := pump.NaturalSeparation(velocity/c.rise) * p[Separation]
	return pump.GasFraction(gas, situ, separated)
}

// lift is one question to pump and tubing: how much goes up.
type lift struct {
	frequency float64 // Hz; 0: the pump does not turn
	factor    float64 // share of its head that the pump has
	effort    float64 // share of its power that the pump takes
	drag      float64 // torque of what rubs, a share of the rated one
	intake    float64 // bar
	gas       float64 // gas fraction in pump and tubing
	slug      float64 // what slugs add, a share
	column    float64 // m of liquid in the tubing
	churn     float64 // what locked stages take beyond idling, a share of that
	guess     float64 // m3/d, the last answer
}

// flows is the answer.
type flows struct {
	pump      float64 // m3/d through the pump
	surface   float64 // m3/d at the wellhead
	discharge float64 // bar
	wellhead  float64 // bar
}

func (l *lift) full() bool { return l.column >= pumpDepth }

// boost is the pressure, in bar, that the pump adds at a flow in m3/d.
func (c *completion) boost(l *lift, flow float64) float64 {
	return pump.Pressure(stageCount*c.stage.At(flow, l.frequency).Head*l.factor, liquidDensity)
}

// system is what stands against the pump at a flow in m3/d.
func (c *completion) system(p *params, l *lift, flow float64) flows {
	static := pump.Pressure(l.column, columnDensity*(1-0.15*l.gas-0.15*l.slug))
	f := flows{pump: flow, wellhead: p[LinePressure]}
	friction := flow / ratedFlow
	if l.full() {
		f.surface = flow - p[TubingLeak]
		x := f.surface / ratedFlow
		opening := p[ChokeOpening] * p[WingValve]
		f.wellhead += chokeLoss * x * math.Abs(x) / (opening * opening)
	}
	f.discharge = f.wellhead + static + frictionLoss*friction*math.Abs(friction)
	return f
}

// solve finds the flow at which the pump's curve meets the system's: the larger
// root, from above, by Newton's method guarded by bisection. Without one nothing
// flows and the check valve is shut; the discharge is then what the pump holds.
func (c *completion) solve(p *params, l *lift) (flows, bool) {
	excess := func(q float64) float64 {
		return l.intake + c.boost(l, q) - c.system(p, l, q).discharge
	}
	if l.frequency <= 0 || l.factor <= 0 || excess(0) <= 0 {
		f := c.system(p, l, 0)
		f.surface, f.wellhead = 0, p[LinePressure]
		f.discharge = l.intake + c.boost(l, 0)
		return f, false
	}
	low, high := 0.0, 150.0*l.frequency/baseFrequency
	q := l.guess
	if !(q > low && q < high) {
		q = high / 2
	}
	for range 60 {
		e := excess(q)
		if e > 0 {
			low = q
		} else {
			high = q
		}
		if high-low < 1e-7 || math.Abs(e) < 1e-7 {
			break
		}
		const dq = 1e-4
		next := q - e*dq/(excess(q+dq)-e)
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		q = next
	}
	return c.system(p, l, q), true
}

// shaft is the power that the pump takes, kW.
func (c *completion) shaft(p *params, l *lift, flow float64) float64 {
	if l.frequency <= 0 {
		return 0
	}
	idle := noLoad * motorRatedPower * l.frequency / baseFrequency
	if p[ShaftTurns] < 1 {
		return idle
	}
	stages := stageCount * c.stage.At(flow, l.frequency).Power * liquidDensity / pump.WaterDensity
	return max(idle, stages*l.effort) + idle*l.churn + l.drag*motorRatedPower*l.frequency/baseFrequency
}

// cooling is the heat that the passing fluid carries from the motor, W/K.
func cooling(flow float64) float64 {
	return motorCooling * (0.2 + 0.8*math.Pow(max(flow, 0)/ratedFlow, 0.8))
}
