package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Slow scripts begin later: the half day before has to be known.
const (
	later = 12 * time.Hour
	slope = 5 * 24 * time.Hour // where scripts of days begin
)

// minutesIn is how long a script that begins at `from` has lasted; false before.
func minutesIn(at, from time.Duration) (m float64, on bool) { return (at - from).Minutes(), at >= from }

// leak: the tubing opens into the annulus.
func leak(at time.Duration, v values, _ *rand.Rand) {
	m, on := minutesIn(at, later)
	if !on {
		return
	}
	v["intake_pressure"] += math.Min(m*20, 3000)
	v["discharge_pressure"] -= 250 + math.Min(m, 200)
	v["tubing_head_pressure"] -= 120
	v["liquid_rate"] *= 0.6
	v["motor_current"] *= 1.02
}

// choked: something at the surface holds the pump back; the pressures rise together.
func choked(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later); on {
		k := math.Min(m/60, 1)
		v["intake_pressure"] += 900 * k
		v["discharge_pressure"] += 450 * k
		v["tubing_head_pressure"] += 70 * k
		v["liquid_rate"] *= 1 - 0.15*k
	}
}

// headPressed: the same, seen at the wellhead alone.
func headPressed(at time.Duration, v values, rng *rand.Rand) {
	choked(at, v, rng)
	if m, on := minutesIn(at, later); on {
		v["tubing_head_pressure"] += 330 * math.Min(m/60, 1)
	}
}

// slugged: a plug of gas or dirt passes the pump; its pressure falls and comes back.
func slugged(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later); on && m < 110 {
		v["intake_pressure"] += math.Min(m*20, 1500) * math.Min((110-m)/20, 1)
		v["discharge_pressure"] -= 900 - 400*math.Min(m/20, 1)
		v["motor_temperature"] += math.Min(m, 12)
		v["liquid_rate"] *= 0.8
	}
}

// unloading: the pump loses its load within hours, as when its intake plugs.
func unloading(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later); on {
		k := math.Min(m/90, 1)
		v["motor_current"] *= 1 - 0.36*k
		v["output_power"] *= 1 - 0.45*k
		v["intake_pressure"] += 1500 * math.Max(k-0.7, 0) / 0.3
		v["discharge_pressure"] -= 3000 * k
		v["tubing_head_pressure"] -= 300 * k
		v["liquid_rate"] *= 1 - 0.95*k
	}
}

// lighter: more and lighter liquid comes in.
func lighter(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later); on {
		k := math.Min(m/60, 1)
		v["intake_pressure"] += 800 * k
		v["discharge_pressure"] -= 300 * k
		v["tubing_head_pressure"] += 30 * k
		v["liquid_rate"] *= 1 + 0.05*k
	}
}

// gassyRise: gas disturbs the pump and pushes the intake pressure up.
func gassyRise(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later); on {
		gassy(at, v, 1)
		k := math.Min(m/60, 1)
		v["intake_pressure"] += 900 * k
		v["discharge_pressure"] -= 250 * k
		v["liquid_rate"] *= 1 - 0.2*k
	}
}

// heavy: heavier liquid fills the tubing; the well does not answer.
func heavy(at time.Duration, v values, _ *rand.Rand) {
	if m, on := minutesIn(at, later); on {
		v["discharge_pressure"] += 500 * math.Min(m/60, 1)
	}
}

// pinched: a choke is pinched far, and the motor gets warmer; liquid still flows.
func pinched(at time.Duration, v values, _ *rand.Rand) {
	m, on := minutesIn(at, begin)
	if !on {
		return
	}
	v["discharge_pressure"] += 1200
	v["tubing_head_pressure"] += 1250
	v["intake_pressure"] += math.Min(m*12, 900)
	v["motor_temperature"] += math.Min(m*0.4, 6)
	v["liquid_rate"] *= 0.72
}

// surge: a start that lifts a full, cold column.
func surge(at time.Duration, v values, rng *rand.Rand) {
	restart(at, v, rng)
	if m, on := minutesIn(at, begin+40*time.Minute); on && m < 1.9 {
		v["discharge_pressure"] += 1500
		v["tubing_head_pressure"] += 900
		v["motor_temperature"] += 4 * m
		v["liquid_rate"] = 0
	}
}

// dry: the well is empty at once; what little comes leaves the pump without load.
func dry(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	v["intake_pressure"] -= 1500
	v["motor_current"] *= 0.66
	v["output_power"] *= 0.5
	v["tubing_head_pressure"] -= 300
	v["liquid_rate"] *= 0.1
}

// restarted stops the pump for forty minutes and starts it; then tells what it does.
func restarted(after func(m float64, v values)) script {
	return func(at time.Duration, v values, _ *rand.Rand) {
		up := begin + 40*time.Minute
		switch m, on := minutesIn(at, up); {
		case at < begin:
		case !on:
			standing(v, esp.Stopped)
			v["intake_pressure"] += 25 * (at - begin).Minutes()
		default:
			v["intake_pressure"] += 1000 * math.Exp(-m/45)
			after(m, v)
		}
	}
}

// weak makes the pump give a share less than usual.
func weak(v values, share float64) {
	dp := v["discharge_pressure"] - v["intake_pressure"]
	v["intake_pressure"] += 900 * share
	v["discharge_pressure"] = v["intake_pressure"] + dp*(1-share)
	v["liquid_rate"] *= 1 - share
	v["vibration_x"] *= 1.3
}

var (
	// backwards: two phases are swapped while it stands.
	backwards = restarted(func(_ float64, v values) { weak(v, 0.3) })
	// shortFill: it takes twenty minutes to fill the top of the tubing.
	shortFill = restarted(func(m float64, v values) {
		if m < 20 {
			weak(v, 0.3)
		}
	})
	// longFill: the tubing has run empty and fills in two hours.
	longFill = restarted(func(m float64, v values) { weak(v, 0.4*math.Max(1-m/120, 0)) })
	// shaftAtStart: the shaft breaks at the start.
	shaftAtStart = restarted(func(_ float64, v values) {
		weak(v, 0.95)
		v["motor_current"] *= 0.5
		v["output_power"] *= 0.2
	})
)

// leaksSuddenly: as leak, from begin on and at once.
func leaksSuddenly(at time.Duration, v values, _ *rand.Rand) {
	if at >= begin {
		weak(v, 0.2)
	}
}

// days is how many days a slow script has lasted.
func days(at time.Duration) float64 { return math.Max((at-slope).Hours()/24, 0) }

// worn: the stages lose head and take less power; less flows.
func worn(at time.Duration, v values, _ *rand.Rand) {
	k := math.Min(days(at)/3, 1)
	v["intake_pressure"] += 700 * k
	v["discharge_pressure"] -= 150 * k
	v["liquid_rate"] *= 1 - 0.12*k
	v["motor_current"] *= 1 - 0.08*k
	v["output_power"] *= 1 - 0.09*k
	v["vibration_x"] *= 1 + 0.4*k
}

// scaled: the same, and the current does not fall.
func scaled(at time.Duration, v values, rng *rand.Rand) {
	worn(at, v, rng)
	k := math.Min(days(at)/3, 1)
	v["motor_current"] *= 1.01 / (1 - 0.08*k)
	v["output_power"] *= 1.01 / (1 - 0.09*k)
}

// fuller: the reservoir gives more; the pump is led to another point of its curve.
func fuller(at time.Duration, v values, _ *rand.Rand) {
	k := math.Min(days(at)/3, 1)
	v["intake_pressure"] += 600 * k
	v["liquid_rate"] *= 1 + 0.06*k
	v["motor_current"] *= 1 + 0.01*k
}

// thinner: the water cut falls: a lighter column, less load, more flow.
func thinner(at time.Duration, v values, _ *rand.Rand) {
	k := math.Min(days(at)/3, 1)
	v["intake_pressure"] += 450 * k
	v["discharge_pressure"] -= 300 * k
	v["liquid_rate"] *= 1 + 0.08*k
	v["motor_current"] *= 1 - 0.05*k
	v["output_power"] *= 1 - 0.05*k
}

// loaded: the pressure of the line rises from day to day.
func loaded(at time.Duration, v values, _ *rand.Rand) {
	k := math.Min(days(at)/3, 1)
	v["intake_pressure"] += 500 * k
	v["discharge_pressure"] += 900 * k
	v["tubing_head_pressure"] += 600 * k
}

// creeping moves the intake pressure by so many kPa in three days.
func creeping(by float64) script {
	return func(at time.Duration, v values, _ *rand.Rand) {
		v["intake_pressure"] += by * math.Min(days(at)/3, 1)
	}
}

// waving lets the intake pressure go to and fro by so many kPa, from week to week.
func waving(by float64) script {
	return func(at time.Duration, v values, _ *rand.Rand) {
		v["intake_pressure"] += by * math.Sin(2*math.Pi*at.Hours()/(6*24))
	}
}

// heaving lifts the intake pressure for an hour every six, one day higher than before.
func heaving(at time.Duration, v values, _ *rand.Rand) {
	if at%(6*time.Hour) < 5*time.Hour {
		return
	}
	by := 380.0
	if at > slope {
		by = 520
	}
	v["intake_pressure"] += by
}
