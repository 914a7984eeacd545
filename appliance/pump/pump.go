// Package pump is the physics of an electric submersible pump: stage curves and the
// affinity laws, what gas does at the intake, the motor and its cable, and the
// conversions between head and pressure.
//
// Every function is pure and total: no state, no I/O, no clock, and a finite answer
// for any finite argument within the stated range. Pressures are absolute, in bar;
// temperatures degC; flows m3/d; heads m; powers kW; densities kg/m3, unless a name
// says otherwise. The correlations are those of the field and are written in psi, °F
// and scf/bbl; they are converted at the edge of each function, so that the published
// constants can be recognised in the code.
//
// It is a leaf: it imports the standard library only, and both the simulator and the
// diagnosis may import it.
package pump

// Gravity is the standard acceleration of free fall, m/s².
const Gravity = 9.80665

// WaterDensity is the density that a specific gravity of 1 stands for, kg/m3.
const WaterDensity = 1000.0

const (
	secondsPerDay = 86400.0
	pascalPerBar  = 1e5
	barPerPSI     = 0.06894757293168361 // 4.4482216152605 N / (0.0254 m)², in bar
	// m3/m3 per scf/bbl: 0.028316846592 m3 per 0.158987294928 m3.
	gorPerField = 0.028316846592 / 0.158987294928
)

func fahrenheit(degC float64) float64 { return degC*1.8 + 32 }

// Head is the height of liquid, in m, that a pressure difference in bar holds up.
//
// Hydrostatics, h = Δp/(ρg): 10.19716 m per bar at 1,000 kg/m3.
func Head(bar, density float64) float64 { return bar * pascalPerBar / (density * Gravity) }

// Pressure is the pressure difference, in bar, under a head in m: the inverse of Head.
func Pressure(head, density float64) float64 { return head * density * Gravity / pascalPerBar }

// HydraulicPower is the power, in kW, that the flow of a liquid takes up against a
// pressure difference in bar.
//
// P = Q·Δp; in field units hp = bbl/d · psi / 58,775.5.
func HydraulicPower(flow, bar float64) float64 {
	return flow / secondsPerDay * bar * pascalPerBar / 1000
}

// HydraulicEfficiency is the share of the shaft power, in kW, that leaves a pump as
// flow times head; 0 where no power is taken.
//
// η = ρgQH/P.
func HydraulicEfficiency(flow, head, density, shaft float64) float64 {
	if shaft <= 0 {
		return 0
	}
	return HydraulicPower(flow, Pressure(head, density)) / shaft
}
