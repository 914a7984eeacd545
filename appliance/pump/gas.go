package pump

import "math"

// Inflow is what arrives at the pump's intake.
type Inflow struct {
	Oil         Oil
	Liquid      float64 // m3/d at stock-tank conditions, oil and water
	WaterCut    float64 // share of water in Liquid, 0 to 1
	GOR         float64 // all gas that comes with the oil, m3/m3
	Dissolved   float64 // of it in solution at the intake, m3/m3
	Pressure    float64 // bar
	Temperature float64 // degC
}

// InSitu are the volume flows at the intake: free gas and liquid, m3/d. Water counts
// with a volume factor of 1.
func (in *Inflow) InSitu() (gas, liquid float64) {
	oil := in.Liquid * (1 - in.WaterCut)
	z := ZFactor(in.Pressure, in.Temperature, in.Oil.GasGravity)
	free := max(in.GOR-in.Dissolved, 0)
	gas = oil * free * GasVolumeFactor(z, in.Pressure, in.Temperature)
	liquid = oil*in.Oil.VolumeFactor(min(in.Dissolved, in.GOR), in.Temperature) + in.Liquid*in.WaterCut
	return gas, liquid
}

// GasFraction is the volume share of gas in what enters the pump when a share of the
// gas, the separation (0 to 1), goes up the annulus instead; 0 where nothing flows.
//
// GVF = qg(1 − sep)/(qg(1 − sep) + qo·Bo + qw).
func GasFraction(gas, liquid, separation float64) float64 {
	enters := gas * (1 - separation)
	if enters+liquid <= 0 {
		return 0
	}
	return enters / (enters + liquid)
}

// BubbleRise is the velocity, in m/s, at which gas bubbles rise in a standing liquid;
// densities in kg/m3, surface tension in N/m.
//
// Harmathy (1960): v∞ = √2·[σg(ρl − ρg)/ρl²]^¼, as used for separation in unifloc_py.
func BubbleRise(tension, liquid, gas float64) float64 {
	return math.Sqrt2 * math.Pow(tension*Gravity*max(liquid-gas, 0)/(liquid*liquid), 0.25)
}

// NaturalSeparation is the share of free gas that passes the intake and goes up the
// annulus, 0 to 1, for the ratio of the liquid's superficial velocity in the annulus
// beside the intake to BubbleRise.
//
// Marquez (2004) as coded in unifloc_py: M = (ab + c·r^d)/(b + r^d),
// E = [(1 + M)^272 + r^272]^(1/272) − r.
func NaturalSeparation(ratio float64) float64 {
	const a, b, c, d, n = -0.0093, 57.758, 34.4, 1.308, 272
	r := max(ratio, 0)
	p := math.Pow(r, d)
	m := 1 + (a*b+c*p)/(b+p)
	// The larger term is taken out of the root: 10^272 is near the end of float64.
	larger, smaller := max(m, r), min(m, r)
	e := larger*math.Pow(1+math.Pow(smaller/larger, n), 1.0/n) - r
	return min(max(e, 0), 1)
}

// GasHeadFactor is the share of its head that a pump keeps with a share of gas
// (0 to 1) in what it pumps.
//
// 1 − 0.5·GVF − 2·GVF², NeqSim's default for a pump without gas handler (0.82 at 20 %);
// never below 0.
func GasHeadFactor(gasFraction float64) float64 {
	g := min(max(gasFraction, 0), 1)
	return max(1-0.5*g-2*g*g, 0)
}
