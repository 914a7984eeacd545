package sim

import (
	"math"
	"math/rand/v2"

	"wellkeeper.internal/appliance/pump"
)

// gasState is the gas in the pump. Beyond a share of gas the stages fill and stay
// full, because gas that does not move is not swept out: the pump is locked until
// much less gas arrives.
type gasState struct {
	fraction float64 // now, at the intake, surges included
	fill     float64 // how full the stages are, 0 to 1
	locked   bool
	flutter  float64 // standard normal, what little liquid the locked stages still catch
}

const (
	lockAbove    = 0.28 // gas fraction; the field sees locks at 25 to 35 %
	releaseBelow = 0.10
	fillSeconds  = 20.0
	clearSeconds = 90.0
	flutterTime  = 14.0 // s
)

// step advances the gas in the pump and gives the share of its head that it keeps.
func (g *gasState) step(fraction, dt float64, turning bool, rng *rand.Rand) float64 {
	g.fraction = min(max(fraction, 0), 0.8)
	switch {
	case !turning:
		g.fill = max(g.fill-dt/clearSeconds, 0) // gas rises out of a pump that stands
	case g.fraction > lockAbove:
		g.fill = min(g.fill+dt/fillSeconds, 1)
	case !g.locked || g.fraction < releaseBelow:
		g.fill = max(g.fill-dt/clearSeconds, 0)
	}
	switch {
	case g.fill >= 1:
		g.locked = true
	case g.fill <= 0:
		g.locked = false
	}
	keep := math.Exp(-dt / flutterTime)
	g.flutter = keep*g.flutter + math.Sqrt(1-keep*keep)*rng.NormFloat64()
	if g.locked {
		return min(max(0.32+0.10*g.flutter, 0.05), 0.5)
	}
	// Beyond the lock's threshold the head is gone within a few percent more gas.
	collapse := 1 / (1 + math.Exp((g.fraction-0.31)/0.015))
	return pump.GasHeadFactor(g.fraction) * collapse
}

// churn is what the locked stages take from the motor beyond its idling, as a share of
// that: liquid that they catch and lose again.
func (g *gasState) churn() float64 {
	if !g.locked {
		return 0
	}
	return min(0.2*math.Exp(0.75*g.flutter), 0.9)
}
