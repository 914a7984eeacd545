package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Near misses: what looks like gas and is not. Each lasts from `begin` on.

// hunting: the drive's control loop swings, and everything follows its frequency.
func hunting(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	s := slug(at, 53)
	v["drive_frequency"] += 0.29 * s
	followSwing(v, s)
}

// followSwing makes the quantities that follow a disturbance swing.
func followSwing(v values, s float64) {
	v["motor_current"] *= 1 + 0.05*s
	v["output_power"] *= 1 + 0.05*s
	v["intake_pressure"] += 40 * s
	v["discharge_pressure"] += 120 * s
	v["liquid_rate"] *= 1 + 0.05*s
}

// weakSupply: the supply voltage swings and takes the current with it.
func weakSupply(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	s := slug(at, 53)
	v["dc_bus_voltage"] -= 25 * s
	followSwing(v, s)
}

// slugging: slugs in the flowline swing the wellhead and the load, not the intake.
func slugging(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	s := slug(at, 71)
	v["tubing_head_pressure"] += 260 * s
	v["discharge_pressure"] += 150 * s
	v["motor_current"] *= 1 + 0.03*s
	v["output_power"] *= 1 + 0.03*s
	v["liquid_rate"] *= 1 + 0.12*s
}

// closedValve: a valve downstream of the wellhead is shut within seconds.
func closedValve(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	m := (at - begin).Minutes()
	v["motor_current"] *= 0.84
	v["output_power"] *= 0.8
	v["discharge_pressure"] += 5400
	v["intake_pressure"] += math.Min(m*27, 3000)
	v["tubing_head_pressure"] += 5700
	v["motor_temperature"] += math.Min(m*1.2, 45)
	v["liquid_rate"] = 3
}

// brokenShaft: smooth current without load, no head any more.
func brokenShaft(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	m := (at - begin).Minutes()
	v["motor_current"] *= 0.51
	v["output_power"] *= 0.2
	v["intake_pressure"] += math.Min(m*27, 3000)
	v["discharge_pressure"] = v["intake_pressure"] + 60
	v["tubing_head_pressure"] -= 400
	v["motor_temperature"] += math.Min(m*0.3, 10)
	v["liquid_rate"] = 0
}

// pumpOff: the well gives less than the pump takes; current falls and gets restless
// while intake pressure sinks to its floor.
func pumpOff(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	m := (at - begin).Minutes()
	k := math.Min(m/60, 1)
	s := slug(at, 47)
	v["intake_pressure"] -= 6500*k + m*5
	v["motor_current"] *= 1 - 0.32*k + 0.05*k*s
	v["output_power"] *= 1 - 0.4*k
	v["tubing_head_pressure"] -= 300 * k
	v["liquid_rate"] *= 1 - 0.7*k
	v["motor_temperature"] += 12 * k
	v["vibration_x"] += 0.05 * k * (1 + s)
}

// throttled: restless low current at a pump that still builds its pressure, as with
// lighter liquid under a choke.
func throttled(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	k := math.Min((at-begin).Minutes()/20, 1)
	s := slug(at, 47)
	v["motor_current"] *= 1 - 0.30*k + 0.05*s
	v["output_power"] *= 1 - 0.36*k
	v["intake_pressure"] += 9 * math.Min((at-begin).Minutes(), 60)
	v["tubing_head_pressure"] -= 200 * k
	v["liquid_rate"] *= 1 - 0.6*k
	v["motor_temperature"] += 6 * k
}

// shutIn: as closedValve, with a current that falls further and restlessly.
func shutIn(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	k := math.Min((at-begin).Minutes()/10, 1)
	s := slug(at, 47)
	closedValve(at, v, nil)
	v["motor_current"] *= 1 - 0.22*k + 0.05*s
	v["vibration_x"] += 0.1 * (1 + s)
}

// brownOut: the supply sinks by a sixth, restlessly; the drive runs on what there is.
func brownOut(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	m := (at - begin).Minutes()
	k, s := math.Min(m/10, 1), slug(at, 47)
	v["dc_bus_voltage"] -= 110*k + 2*s
	v["motor_current"] *= 1 - 0.33*k + 0.05*s
	v["intake_pressure"] += 9 * math.Min(m, 60)
	v["discharge_pressure"] -= 6000 * k
	v["tubing_head_pressure"] -= 300 * k
	v["liquid_rate"] *= 1 - 0.6*k
}

// huntedLock: a pump filled with gas whose drive hunts after its load; the hunting says
// no gas, and the swings say no broken shaft.
func huntedLock(at time.Duration, v values, rng *rand.Rand) {
	lock(at, v, rng)
	if at >= begin {
		v["drive_frequency"] += 0.3 * slug(at, 80)
	}
}

// loose: control that hunts so far that the pump loses its head in between.
func loose(at time.Duration, v values, _ *rand.Rand) {
	if at < begin {
		return
	}
	m := (at - begin).Minutes()
	k, s := math.Min(m/10, 1), slug(at, 53)
	v["drive_frequency"] += 0.29 * s
	v["motor_current"] *= 1 - 0.33*k + 0.05*s
	v["intake_pressure"] += 9 * math.Min(m, 60)
	v["discharge_pressure"] -= 6000 * k
	v["tubing_head_pressure"] -= 300 * k
	v["liquid_rate"] *= 1 - 0.6*k
}

// speedChanges: up and down again, with the well following.
func speedChanges(at time.Duration, v values, _ *rand.Rand) {
	since := at - begin
	if since < 0 {
		return
	}
	var f float64
	switch step := int(since/(40*time.Minute)) % 4; step {
	case 0:
		f = 3
	case 2:
		f = -4
	}
	k := (52 + f) / 52
	v["drive_frequency"] *= k
	v["motor_current"] *= k * k
	v["output_power"] *= k * k * k
	v["discharge_pressure"] += 200 * f
	v["intake_pressure"] -= 60 * f
	v["liquid_rate"] *= k
}

// restart: a stop of 40 minutes and a start, with the transients that follow.
func restart(at time.Duration, v values, _ *rand.Rand) {
	up := begin + 40*time.Minute
	switch {
	case at < begin:
	case at < up:
		standing(v, esp.Stopped)
		m := (at - begin).Minutes()
		v["intake_pressure"] += 25 * m
		v["discharge_pressure"] -= 2000 * (1 - math.Exp(-m/20))
		v["motor_temperature"] -= 30 * (1 - math.Exp(-m/15))
	default:
		m := (at - up).Minutes()
		v["intake_pressure"] += 1000 * math.Exp(-m/45)
		v["motor_temperature"] -= 25 * math.Exp(-m/10)
		v["motor_current"] *= 1 + 0.08*math.Exp(-m/6)
		v["tubing_head_pressure"] -= 400 * math.Exp(-m/3)
		v["liquid_rate"] *= 1 - 0.6*math.Exp(-m/3)
		if t := (at - up).Seconds(); t < 20 {
			v["drive_frequency"] = 52 * t / 20
			v["run_state"] = float64(esp.Starting)
			v["motor_current"] *= 0.3 + 0.7*t/20
		}
	}
}

// roughStart: after a stop the empty tubing fills; for four minutes the pump has little
// head to lift and draws a low, restless current.
func roughStart(at time.Duration, v values, _ *rand.Rand) {
	up := begin + 10*time.Minute
	switch {
	case at < begin:
	case at < up:
		standing(v, esp.Stopped)
	case at < up+4*time.Minute:
		s := slug(at, 31)
		v["motor_current"] *= 0.6 + 0.06*s
		v["output_power"] *= 0.5
		v["discharge_pressure"] -= 7000
		v["tubing_head_pressure"] -= 400
		v["liquid_rate"] = 0
		v["vibration_x"] += 0.1 * (1 + s)
	}
}

// standing makes the drive's values those of a pump that does not turn.
func standing(v values, s esp.State) {
	v["run_state"] = float64(s)
	v["drive_frequency"], v["motor_current"], v["output_power"], v["liquid_rate"] = 0, 0, 0, 0
	v["vibration_x"] = 0.01
}
