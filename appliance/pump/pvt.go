package pump

import "math"

// Oil is what the black-oil correlations need to know of a crude and its gas.
type Oil struct {
	API        float64 // °API
	GasGravity float64 // of the gas, air = 1
}

// Gravity is the specific gravity of the stock-tank oil: 141.5/(131.5 + °API).
func (o Oil) Gravity() float64 { return 141.5 / (131.5 + o.API) }

// atmospherePSI is what gauge and absolute pressure differ by.
const atmospherePSI = 14.696

// SolutionGOR is the gas that the oil can hold in solution at a pressure in bar and a
// temperature in degC: m3 of gas at standard conditions per m3 of stock-tank oil. An
// oil with less gas than that is undersaturated: the caller takes the lesser.
//
// Standing (1947), Rs = γg·[(p/18.2 + 1.4)·10^(0.0125·API − 0.00091·T)]^(1/0.83), with
// p in psig as in pyResToolbox, whose numbers the tests carry. (Printed versions take
// p as psia; the bubble point then comes out one atmosphere lower.)
func (o Oil) SolutionGOR(bar, degC float64) float64 {
	p := bar/barPerPSI - atmospherePSI
	x := (p/18.2 + 1.4) * math.Pow(10, -o.exponent(degC))
	if x <= 0 {
		return 0
	}
	return o.GasGravity * math.Pow(x, 1/0.83) * gorPerField
}

// BubblePoint is the pressure, in bar, at which an oil with so much gas, in m3/m3,
// begins to release it: the inverse of SolutionGOR.
func (o Oil) BubblePoint(gor, degC float64) float64 {
	x := math.Pow(max(gor, 0)/gorPerField/o.GasGravity, 0.83) * math.Pow(10, o.exponent(degC))
	return (18.2*(x-1.4) + atmospherePSI) * barPerPSI
}

func (o Oil) exponent(degC float64) float64 { return 0.00091*fahrenheit(degC) - 0.0125*o.API }

// VolumeFactor is the volume of oil at reservoir conditions per volume of stock-tank
// oil (Bo), with the dissolved gas in m3/m3, at or below the bubble point.
//
// Standing, Bo = 0.9759 + 1.2e-4·F^1.2 with F = Rs·(γg/γo)^0.5 + 1.25·T. (A second
// published variant, 0.972 + 1.47e-4·F^1.175, gives 0.4 % more.)
func (o Oil) VolumeFactor(dissolved, degC float64) float64 {
	f := max(dissolved, 0)/gorPerField*math.Sqrt(o.GasGravity/o.Gravity()) + 1.25*fahrenheit(degC)
	return 0.9759 + 1.2e-4*math.Pow(max(f, 0), 1.2)
}

// PseudoCritical are the critical temperature, in °R, and pressure, in psia, of a
// natural gas of a given gravity.
//
// Sutton (1985), sweet gas: Tpc = 169.2 + 349.5γ − 74γ², Ppc = 756.8 − 131γ − 3.6γ².
func PseudoCritical(gasGravity float64) (rankine, psia float64) {
	return 169.2 + 349.5*gasGravity - 74*gasGravity*gasGravity, 756.8 - 131*gasGravity - 3.6*gasGravity*gasGravity
}

// ZFactor is the compressibility factor of a natural gas at a pressure in bar and a
// temperature in degC.
//
// Dranchuk and Abou-Kassem (1975) with Sutton's pseudo-criticals.
func ZFactor(bar, degC, gasGravity float64) float64 {
	tpc, ppc := PseudoCritical(gasGravity)
	return ZReduced(bar/barPerPSI/ppc, (fahrenheit(degC)+459.67)/tpc)
}

// ZReduced is the compressibility factor at a reduced pressure and temperature; fit
// for 1 < Tr ≤ 3 and reduced pressures up to 30.
//
// Dranchuk and Abou-Kassem (1975): with y = 0.27·Pr/(z·Tr),
// z = 1 + R1·y + R2·y² − R3·y⁵ + A10·(1 + A11·y²)·y²/Tr³·exp(−A11·y²),
// solved for y by Newton's method with bisection as its guard.
func ZReduced(reducedPressure, reducedTemperature float64) float64 {
	if reducedPressure <= 0 || reducedTemperature <= 0 {
		return 1
	}
	r := newDAK(reducedTemperature)
	goal := 0.27 * reducedPressure / reducedTemperature // = z·y
	low, high := 0.0, 1.0
	for r.zy(high) < goal {
		high *= 2
	}
	y := min(goal, high) // the ideal gas
	for range 60 {
		value, slope := r.zy(y)-goal, r.slope(y)
		if value > 0 {
			high = y
		} else {
			low = y
		}
		next := y - value/slope
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		if math.Abs(next-y) <= 1e-12*y {
			y = next
			break
		}
		y = next
	}
	return goal / y
}

// dak holds the coefficients of the equation at one temperature.
type dak struct{ r1, r2, r3, r4 float64 }

const dakA11 = 0.7210

func newDAK(tr float64) dak {
	t2, t3 := tr*tr, tr*tr*tr
	return dak{
		r1: 0.3265 - 1.0700/tr - 0.5339/t3 + 0.01569/(t3*tr) - 0.05165/(t3*t2),
		r2: 0.5475 - 0.7361/tr + 0.1844/t2,
		r3: 0.1056 * (-0.7361/tr + 0.1844/t2),
		r4: 0.6134 / t3,
	}
}

// zy is z(y)·y.
func (d dak) zy(y float64) float64 {
	y2 := y * y
	return y * (1 + d.r1*y + d.r2*y2 - d.r3*y2*y2*y + d.r4*y2*(1+dakA11*y2)*math.Exp(-dakA11*y2))
}

// slope is the derivative of zy.
func (d dak) slope(y float64) float64 {
	y2 := y * y
	u := dakA11 * y2
	return 1 + 2*d.r1*y + 3*d.r2*y2 - 6*d.r3*y2*y2*y + d.r4*y2*math.Exp(-u)*(3+3*u-2*u*u)
}

// GasVolumeFactor is the volume of gas at a pressure in bar and a temperature in degC
// per volume at standard conditions (Bg, m3/m3).
//
// Field form Bg = 5.04·z·T/p in bbl/Mscf with T = °F + 460; the rounded constants make
// it 0.12 % larger than the gas law with 14.696 psia and 60 °F.
func GasVolumeFactor(z, bar, degC float64) float64 {
	bblPerMscf := 5.04 * z * (fahrenheit(degC) + 460) / (bar / barPerPSI)
	return bblPerMscf / 1000 / gorPerField
}
