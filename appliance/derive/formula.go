package derive

import (
	"math"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/pump"
)

// formula is how one signal follows from others.
type formula struct {
	signal esp.SignalID
	inputs []esp.SignalID
	fact   *fact // nil: none
	// text is the formula for people, with the inputs' names.
	text string
	// note says what the value is not; empty: nothing to say.
	note string
	// value computes it from the inputs in their stored units; NaN where it is not
	// defined, such as a share of nothing.
	value func(x []float64, fact float64) float64
}

// fact is a fact of the well that a formula needs.
type fact struct {
	key, words string // in the configuration; for people
	of         func(*esp.Facts) float64
}

// formulas are in the order of computing: what a formula needs may come from one before.
func formulas() []formula {
	ratio := &fact{"transformer_ratio", "transformer ratio", func(f *esp.Facts) float64 { return f.TransformerRatio }}
	density := &fact{"fluid_density", "density of the produced liquid", func(f *esp.Facts) float64 { return f.FluidDensity }}
	phases := []esp.SignalID{esp.OutputCurrentA, esp.OutputCurrentB, esp.OutputCurrentC}
	return []formula{
		{
			signal: esp.OutputCurrent, inputs: phases,
			text:  "(output_current_a + output_current_b + output_current_c) / 3",
			value: func(x []float64, _ float64) float64 { return (x[0] + x[1] + x[2]) / 3 },
		},
		{
			signal: esp.MotorCurrent, inputs: []esp.SignalID{esp.OutputCurrent}, fact: ratio,
			text:  "output_current / transformer_ratio",
			note:  "the magnetising current of the transformer and the current of a filter are in it",
			value: func(x []float64, ratio float64) float64 { return x[0] / ratio },
		},
		{
			signal: esp.CurrentUnbalance, inputs: phases,
			text:  "largest deviation of a phase from the mean of the three, in % of the mean",
			note:  "not defined while no current flows",
			value: func(x []float64, _ float64) float64 { return unbalance(x) },
		},
		{
			signal: esp.MotorVoltage, inputs: []esp.SignalID{esp.OutputVoltage}, fact: ratio,
			text:  "output_voltage × transformer_ratio",
			note:  "at the transformer: the voltage lost along the cable is not taken off",
			value: func(x []float64, ratio float64) float64 { return x[0] * ratio },
		},
		{
			signal: esp.OutputPower, inputs: []esp.SignalID{esp.OutputVoltage, esp.OutputCurrent, esp.PowerFactor},
			text: "√3 × output_voltage × output_current × power_factor / 1000",
			value: func(x []float64, _ float64) float64 {
				_, kW := pump.ThreePhasePower(x[0], x[1], x[2])
				return kW
			},
		},
		{
			signal: esp.PumpDP, inputs: []esp.SignalID{esp.DischargePressure, esp.IntakePressure},
			text:  "discharge_pressure − intake_pressure",
			value: func(x []float64, _ float64) float64 { return x[0] - x[1] },
		},
		{
			signal: esp.PumpHead, inputs: []esp.SignalID{esp.PumpDP}, fact: density,
			text:  "pump_dp / (fluid_density × 9.80665 m/s²)",
			note:  "for the density as entered: gas in the pump makes the true one lower",
			value: func(x []float64, density float64) float64 { return pump.Head(x[0]/kPaPerBar, density) },
		},
		{
			signal: esp.SpecificEnergy, inputs: []esp.SignalID{esp.OutputPower, esp.LiquidRate},
			text:  "output_power × 24 h / liquid_rate",
			note:  "at the output of the drive, for a measured rate; not defined without flow",
			value: func(x []float64, _ float64) float64 { return perVolume(x[0], x[1]) },
		},
	}
}

const kPaPerBar = 100

// leastCurrent is the mean of three currents, in A, below which their unbalance is that of
// their noise.
const leastCurrent = 1

func unbalance(x []float64) float64 {
	if x[0]+x[1]+x[2] < 3*leastCurrent {
		return math.NaN()
	}
	return 100 * pump.Unbalance(x[0], x[1], x[2])
}

// leastRate is the rate, in m³/d, below which energy for each volume says nothing.
const leastRate = 0.1

func perVolume(power, rate float64) float64 {
	if rate < leastRate {
		return math.NaN()
	}
	return power * 24 / rate
}
