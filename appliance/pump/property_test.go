package pump_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"wellkeeper.internal/appliance/pump"
)

// rises fails unless f never falls from one of n points to the next.
func rises(t *testing.T, what string, from, to float64, f func(float64) float64) {
	t.Helper()
	const n = 2000
	last := f(from)
	for i := 1; i <= n; i++ {
		x := from + (to-from)*float64(i)/n
		y := f(x)
		if math.IsNaN(y) || math.IsInf(y, 0) {
			t.Fatalf("%s(%g) = %g", what, x, y)
		}
		if y < last-1e-12*math.Abs(last) {
			t.Fatalf("%s falls at %g: %g after %g", what, x, y, last)
		}
		last = y
	}
}

func falls(t *testing.T, what string, from, to float64, f func(float64) float64) {
	t.Helper()
	rises(t, "minus "+what, from, to, func(x float64) float64 { return -f(x) })
}

func TestStageIsMonotone(t *testing.T) {
	t.Parallel()
	s := pump.AN550()
	falls(t, "head", 5, 400, func(q float64) float64 { return s.At(q, 60).Head })
	rises(t, "head over frequency", 0, 70, func(f float64) float64 { return s.At(60*f/60, f).Head })
	rises(t, "power from 20 m3/d to its peak", 20, 79, func(q float64) float64 { return s.At(q, 60).Power })
	if p := s.At(50, 0); p.Head != 0 || p.Power != 0 {
		t.Errorf("a pump that stands: %+v", p)
	}
	if got, want := s.At(-10, 60).Head, s.At(0, 60).Head; got != want {
		t.Errorf("negative flow: head %g, want %g", got, want)
	}
	if got, want := s.At(130.0001, 60).Head, s.At(130, 60).Head; math.Abs(got-want) > 1e-3 {
		t.Errorf("a step at the end of the measured range: %g to %g", want, got)
	}
	best, at := 0.0, 0.0
	for q := 50.0; q < 120; q += 0.05 {
		p := s.At(q, 60)
		if e := pump.HydraulicEfficiency(q, p.Head, 1000, p.Power); e > best {
			best, at = e, q
		}
	}
	if math.Abs(at-s.Best) > 0.1 {
		t.Errorf("best efficiency at %.2f m3/d, the stage says %.2f", at, s.Best)
	}
}

func TestAffinityIsAGroup(t *testing.T) {
	t.Parallel()
	p := pump.Point{Flow: 80, Head: 5, Power: 0.1}
	q := p.Affine(1.3).Affine(1 / 1.3)
	if math.Abs(q.Flow-p.Flow) > 1e-12 || math.Abs(q.Head-p.Head) > 1e-12 || math.Abs(q.Power-p.Power) > 1e-12 {
		t.Errorf("there and back: %+v, want %+v", q, p)
	}
}

func TestOilProperties(t *testing.T) {
	t.Parallel()
	oil := pump.Oil{API: 32, GasGravity: 0.7}
	rises(t, "Rs over pressure", 0, 400, func(p float64) float64 { return oil.SolutionGOR(p, 85) })
	falls(t, "Rs over temperature", 20, 150, func(c float64) float64 { return oil.SolutionGOR(100, c) })
	rises(t, "Bo over gas", -1, 300, func(rs float64) float64 { return oil.VolumeFactor(rs, 85) })
	for gor := 10.0; gor < 300; gor += 10 {
		if got := oil.SolutionGOR(oil.BubblePoint(gor, 85), 85); math.Abs(got-gor) > 1e-9*gor {
			t.Errorf("Rs at the bubble point of %g: %g", gor, got)
		}
	}
	if got := oil.SolutionGOR(0, 85); got < 0 || got > 2 {
		t.Errorf("Rs in vacuum: %g", got)
	}
}

func TestZFactorProperties(t *testing.T) {
	t.Parallel()
	if got := pump.ZReduced(0, 1.5); got != 1 {
		t.Errorf("z at no pressure: %g", got)
	}
	if got := pump.ZReduced(1e-6, 1.5); math.Abs(got-1) > 1e-6 {
		t.Errorf("z near no pressure: %g", got)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		pr, tr := 15*rng.Float64(), 1.05+1.95*rng.Float64()
		z := pump.ZReduced(pr, tr)
		if math.IsNaN(z) || z < 0.2 || z > 2 {
			t.Fatalf("z(%g, %g) = %g", pr, tr, z)
		}
		// Density must rise with pressure at constant temperature.
		if rho := pr / z; (pr+0.01)/pump.ZReduced(pr+0.01, tr) <= rho {
			t.Fatalf("density falls at %g, %g", pr, tr)
		}
	}
}

func TestGasProperties(t *testing.T) {
	t.Parallel()
	falls(t, "separation", 0, 50, pump.NaturalSeparation)
	if e := pump.NaturalSeparation(0); math.Abs(e-0.9907) > 1e-4 {
		t.Errorf("separation in standing liquid: %g", e)
	}
	if e := pump.NaturalSeparation(1000); e != 0 {
		t.Errorf("separation in a very fast stream: %g", e)
	}
	falls(t, "head factor", -0.1, 1.1, pump.GasHeadFactor)
	if f := pump.GasHeadFactor(0); f != 1 {
		t.Errorf("head factor without gas: %g", f)
	}
	rises(t, "gas fraction over gas", 0, 1000, func(g float64) float64 { return pump.GasFraction(g, 50, 0.3) })
	falls(t, "gas fraction over separation", 0, 1, func(s float64) float64 { return pump.GasFraction(40, 50, s) })
	if got := pump.GasFraction(0, 0, 0); got != 0 {
		t.Errorf("gas fraction of nothing: %g", got)
	}
	// 0.03 N/m, oil and gas at depth: a quarter of a metre per second.
	if v := pump.BubbleRise(0.03, 900, 60); v < 0.15 || v > 0.3 {
		t.Errorf("bubbles rise at %g m/s", v)
	}
	in := pump.Inflow{Oil: pump.Oil{API: 32, GasGravity: 0.7}, Liquid: 70, WaterCut: 0.6, GOR: 60, Dissolved: 80, Pressure: 90, Temperature: 85}
	if gas, liquid := in.InSitu(); gas != 0 || liquid <= 70 {
		t.Errorf("undersaturated oil: %g m3/d gas, %g m3/d liquid", gas, liquid)
	}
}

func TestMotorProperties(t *testing.T) {
	t.Parallel()
	m := pump.Motor{Power: 45, Voltage: 1150, Frequency: 60}
	rises(t, "current over power", 0.01, 70, func(p float64) float64 { return m.At(p, 52).Current })
	rises(t, "efficiency over power", 0.01, 70, func(p float64) float64 { return m.At(p, 52).Efficiency })
	rises(t, "power factor over power", 0.01, 70, func(p float64) float64 { return m.At(p, 52).PowerFactor })
	if d := m.At(0, 52); d != (pump.Duty{}) {
		t.Errorf("no load asked: %+v", d)
	}
	d := m.At(30, 52)
	if math.Abs(d.Input-d.Loss-30) > 1e-9 {
		t.Errorf("input %g less loss %g is not the shaft's 30 kW", d.Input, d.Loss)
	}
	if _, kW := pump.ThreePhasePower(d.Voltage, d.Current, d.PowerFactor); math.Abs(kW-d.Input) > 1e-9 {
		t.Errorf("P = √3·U·I·cos φ gives %g kW, the duty %g", kW, d.Input)
	}
	if got := pump.Unbalance(0, 0, 0); got != 0 {
		t.Errorf("unbalance of nothing: %g", got)
	}
}
