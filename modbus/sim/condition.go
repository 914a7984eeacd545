package sim

import "math"

// condition is what is left of the pump: shares of the head and of the power that
// sound stages would have at the same flow and speed, and the vibration that it adds.
type condition struct {
	head, power float64
	shake       float64 // g at base frequency
}

const (
	// scaleLoss is the power that deposits add per share of head that they cost.
	// Rough and narrowed channels lose head and still turn the same liquid round, so
	// efficiency falls at unchanged or higher power: the early phase of scale,
	// current up; it falls only once the flow does.
	scaleLoss = 0.55
	// A centrifugal stage turned backwards still pumps forwards, because the diffuser
	// collects whatever the vanes throw out, but with the wrong inlet and outlet angles:
	// tests of radial pumps give half to two thirds of the head at a power near the
	// usual one.
	reverseHead  = 0.64
	reversePower = 1.07
	reverseShake = 0.035
)

// condition of the stages when the gas leaves them a share of their head. Worn
// clearances let liquid run back: head and power fall alike.
func (p *params) condition(gas float64) condition {
	sound := (1 - p[Wear]) * gas
	c := condition{head: sound * (1 - p[Scale]) * p[ShaftTurns], power: sound * (1 + scaleLoss*p[Scale]) * p[ShaftTurns]}
	if p[PhaseOrder]*p[RotationSetting] < 0 {
		c.head *= reverseHead
		c.power *= reversePower
		c.shake = reverseShake
	}
	return c
}

// aloneHeat is what a motor that turns nothing but itself loses as heat, a share of its
// rated power: iron and friction, three to four percent in catalogues. The rest of what
// it draws then goes into seal section and thrust bearing.
const aloneHeat = 0.034

// heat is what warms the motor, kW.
func (w *Well) heat() float64 {
	if w.params[ShaftTurns] >= 1 {
		return w.duty.Loss
	}
	return min(w.duty.Loss, aloneHeat*motorRatedPower*w.drive.frequency/baseFrequency)
}

// sag is what a low intermediate circuit does to the motor. An inverter cannot give
// more than the circuit has, √2 of it between two phases; with less voltage the motor
// draws more current for the same power, and more of it is lost.
func (w *Well) sag() {
	d := &w.duty
	most := w.dcBus() / math.Sqrt2 * transformer
	if d.Voltage <= most || most <= 0 {
		return
	}
	share := most / d.Voltage
	d.Voltage = most
	d.Current /= share
	extra := d.Loss * (1/share - 1)
	d.Loss += extra
	d.Input += extra
	d.Efficiency = (d.Input - d.Loss) / d.Input
}
