package pump

import "math"

// Motor is the nameplate of an induction motor.
type Motor struct {
	Power     float64 // kW at base frequency
	Voltage   float64 // V at base frequency
	Frequency float64 // Hz, base
}

// Duty is what a motor does at one load.
type Duty struct {
	Load        float64 // shaft power as a share of the rated power at this frequency: the torque
	Voltage     float64 // V at the motor's terminals
	Current     float64 // A
	PowerFactor float64
	Efficiency  float64 // 0 to 1
	Input       float64 // kW, electrical
	Loss        float64 // kW, left in the motor as heat
}

// At is the motor at a frequency in Hz giving a shaft power in kW, its voltage held in
// proportion to the frequency. At a frequency or power that is not positive it does
// nothing. Below 8.5 % load it goes on drawing what it draws there.
//
// Saturating load curves of the simulator's design, η = 0.86·L/(L + 0.06) and
// cos φ = 0.87·L/(L + 0.12); P = √3·U·I·cos φ. They have the shape of catalogue curves
// (unifloc db_motor.csv), not the numbers of one motor. The current they give has its
// minimum at L = √(0.06·0.12); a motor's does not rise again as the load goes to zero.
func (m *Motor) At(shaft, frequency float64) Duty {
	if shaft <= 0 || frequency <= 0 {
		return Duty{}
	}
	ratio := frequency / m.Frequency
	load := shaft / (m.Power * ratio)
	drawn := max(load, idleLoad)
	d := Duty{Load: load, Voltage: m.Voltage * ratio, PowerFactor: 0.87 * drawn / (drawn + 0.12)}
	d.Input = m.Power * ratio * (drawn + 0.06) / 0.86
	d.Efficiency = shaft / d.Input
	d.Loss = d.Input - shaft
	d.Current = d.Input * 1000 / (math.Sqrt(3) * d.Voltage * d.PowerFactor)
	return d
}

const idleLoad = 0.08485281374238570 // √(0.06·0.12)

// ThreePhasePower are the apparent power in kVA and the active power in kW.
//
// S = √3·U·I, P = S·cos φ.
func ThreePhasePower(volt, ampere, powerFactor float64) (kVA, kW float64) {
	kVA = math.Sqrt(3) * volt * ampere / 1000
	return kVA, kVA * powerFactor
}

// Cable is a three-phase power cable.
type Cable struct {
	Length     float64 // m
	Resistance float64 // Ω per m and phase at 20 degC
	Reactance  float64 // Ω per m and phase
}

// Drop is the voltage lost along the cable, V between phases, and the heat in it, kW,
// with the conductor at a temperature in degC.
//
// ΔU = √3·I·(R·cos φ + X·sin φ)·L, copper's resistance +0.393 %/K from 20 degC.
func (c *Cable) Drop(ampere, powerFactor, degC float64) (volt, kW float64) {
	r := c.Resistance * (1 + 0.00393*(degC-20)) * c.Length
	sin := math.Sqrt(max(1-powerFactor*powerFactor, 0))
	volt = math.Sqrt(3) * ampere * (r*powerFactor + c.Reactance*c.Length*sin)
	return volt, 3 * ampere * ampere * r / 1000
}

// Unbalance is the largest deviation of three phases from their mean, as a share of
// the mean (0 to 1); 0 where the mean is.
//
// NEMA MG-1 definition of voltage unbalance, used for currents too.
func Unbalance(a, b, c float64) float64 {
	mean := (a + b + c) / 3
	if mean == 0 {
		return 0
	}
	return max(math.Abs(a-mean), math.Abs(b-mean), math.Abs(c-mean)) / math.Abs(mean)
}

// HeatCapacity of water, J/(kg·K).
const HeatCapacity = 4186.0

// RiseAtMotor is how much warmer, in K, the fluid gets by the motor's loss in kW; it
// has no bound as the flow goes to zero, so the caller bounds it.
//
// ΔT = P_loss/(ρQc), the heat balance of the stream that cools the motor.
func RiseAtMotor(loss, flow, density, heatCapacity float64) float64 {
	return loss * 1000 / (density * flow / secondsPerDay * heatCapacity)
}

// RiseInPump is how much warmer, in K, the fluid gets by the pump's losses; it has no
// bound as the efficiency (0 to 1) goes to zero, so the caller bounds it.
//
// ΔT = gH(1 − η)/(cη).
func RiseInPump(head, efficiency, heatCapacity float64) float64 {
	return Gravity * head * (1 - efficiency) / (heatCapacity * efficiency)
}
