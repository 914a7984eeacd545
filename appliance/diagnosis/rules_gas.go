package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// gasRules speak of free gas in the pump.
var gasRules = []rule{gasLock, gasInterference}

const lockCurrent = 0.75 // of usual: between a gassy pump and one without load

var gasLock = rule{
	id: esp.GasLock, version: 1, group: groupGas, rank: 2, turning: true, after: 5 * time.Minute,
	needs: []role{roleCurrent},
	trigger: []condition{
		{feature: feature{roleCurrent, level}, below: true, factor: lockCurrent, text: "current is down to {value}, usual at this speed {usual}, limit {limit}"},
		{feature: feature{roleCurrent, erratic}, fixed: 2, text: "current was restless in {value} of the last 30 minutes, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleCurrent, level}, below: true, factor: 0.85},
	},
	hold: time.Minute, release: 10 * time.Minute, // the window of interference: or its recovery would be called gas again
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleDP, level}, below: true, factor: 0.80, text: "the pump builds only {value}, usual {usual}, limit {limit}"},
			weight:    3, key: true, against: "the pump still builds its usual pressure",
		},
		{
			condition: condition{feature: feature{roleIntake, change}, sigmas: 2, text: "intake pressure rose by {value} in 10 minutes, usual {usual}, limit {limit}"},
			weight:    2, against: "intake pressure does not rise",
		},
		{
			condition: condition{feature: feature{roleTubingHead, level}, below: true, factor: 0.95, sigmas: -2, text: "tubing head pressure is down to {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "tubing head pressure is not lower",
		},
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.6, text: "liquid rate is down to {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "liquid still flows",
		},
		{
			condition: condition{feature: feature{roleMotorTemperature, change}, sigmas: 2, text: "motor temperature rose by {value} in 10 minutes, usual {usual}, limit {limit}"},
			weight:    1,
		},
		{
			condition: condition{feature: feature{roleVibration, swing}, factor: 2, text: "vibration swings by {value}, usual {usual}, limit {limit}"},
			weight:    1,
		},
	},
	confirmed: 0.3,
	exclude: []exclusion{
		{name: "still_pumping", all: []condition{
			{feature: feature{roleDP, level}, factor: 0.85},
		}},
		{name: "pump_off", all: []condition{
			{feature: feature{roleIntake, level}, below: true, factor: 1, sigmas: -3},
			{feature: feature{roleIntake, change}, below: true, sigmas: -2},
		}},
		{name: "closed_valve", all: []condition{
			{feature: feature{roleDischarge, level}, factor: 1.03, sigmas: 3},
		}},
		{name: "wellhead_shut", all: []condition{
			{feature: feature{roleTubingHead, level}, factor: 1.3, sigmas: 3},
		}},
		{name: "supply", all: []condition{
			{feature: feature{roleSupply, level}, below: true, factor: 0.9},
		}},
		{name: "hunting", all: []condition{
			{feature: feature{roleFrequency, swing}, share: huntingShare},
		}},
	},
	rivals: []rival{
		{
			id: esp.BrokenShaft, unless: []condition{{feature: feature{roleCurrent, swing}, factor: 4}},
			separate: stepUnlock,
		},
	},
	onset:    onset{feature: feature{roleCurrent, level}, factor: lockCurrent},
	rests:    2 * time.Hour,
	rested:   "the pump has stood for 2 hours and the gas has had time to part",
	severity: esp.SeverityNow,
	title:    "Gas lock",
	text:     "The pump has filled with gas and hardly moves liquid: current is down to {value} where {usual} is usual, and the motor loses its cooling.",
	note:     "A broken shaft gives a low current too, but a smooth one: it was never restless.",
	source:   sourceChart + " for the course: current falls, turns erratic, then the drive trips; " + sourcePurge + " for breaking a lock by speed; limits are our own, proven by `TestFindings`, `TestScenarioMatrix` and `TestFieldB`",
	steps: []esp.Step{
		{Text: "Watch motor temperature. Stop the pump at the drive if it keeps rising or reaches its limit; then wait out backspin and leave 30 to 60 min before a start.", Who: esp.Technician},
		{Text: "Lower the frequency by about 10 %, hold for 10 to 15 min so that the gas can pass, then go back up slowly. Do not speed up against the lock.", Who: esp.Engineer},
		{Text: stepCasing, Who: esp.Technician},
		{Text: "After two attempts without success stop the pump and let the liquid in the tubing fall back before the next start; at most 3 restarts, then find the cause.", Who: esp.Engineer},
	},
}

var gasInterference = rule{
	id: esp.GasInterference, version: 1, group: groupGas, rank: 1, turning: true,
	needs: []role{roleCurrent},
	trigger: []condition{
		{feature: feature{roleCurrent, swing}, factor: swingsMore, share: swingShare, text: "current swings by {value}, usual {usual}, limit {limit}"},
		{feature: feature{roleCurrent, restless}, fixed: 3, text: "current was restless in {value} of the last 10 minutes, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleCurrent, swing}, factor: swingsStay, share: swingShare * swingsStay / swingsMore},
	},
	hold: 2 * time.Minute, release: 10 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleIntake, swing}, factor: 2, share: quietShare, text: "intake pressure swings by {value}, usual {usual}, limit {limit}"},
			weight:    3, key: true, against: "intake pressure does not swing with the current",
		},
		{
			condition: condition{feature: feature{roleDP, swing}, factor: 2, share: quietShare, text: "pump differential pressure swings by {value}, usual {usual}, limit {limit}"},
			weight:    2, against: "the pump's differential pressure is steady",
		},
		{
			condition: condition{feature: feature{roleRate, swing}, factor: 2, share: swingShare, text: "liquid rate swings by {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "liquid rate is steady",
		},
		{
			condition: condition{feature: feature{roleVibration, level}, factor: 1, sigmas: 2, text: "vibration is {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "vibration is not higher",
		},
		{
			condition: condition{feature: feature{roleMotorTemperature, change}, sigmas: 2, text: "motor temperature rose by {value} in 10 minutes, usual {usual}, limit {limit}"},
			weight:    0.5,
		},
	},
	confirmed: 0.3,
	exclude: []exclusion{
		{name: "hunting", all: []condition{
			{feature: feature{roleFrequency, swing}, share: huntingShare},
		}},
		{name: "supply", all: []condition{
			{feature: feature{roleSupply, swing}, factor: 3, share: 0.01},
		}},
		{name: "slugging", all: []condition{
			{feature: feature{roleTubingHead, swing}, factor: 3, share: 0.05},
			{feature: feature{roleIntake, swing}, below: true, factor: 2},
		}},
	},
	onset:    onset{feature: feature{roleCurrent, swing}, factor: 2},
	rests:    2 * time.Hour,
	rested:   "the pump has stood for 2 hours and the gas has had time to part",
	severity: esp.SeverityToday,
	title:    "Gas interference",
	text:     "Free gas disturbs the pump: current swings by {value} where {usual} is usual at this speed.",
	note:     "A swing is what is left about the trend of ten minutes, so a slow change is none. Where nothing but the drive is measured the finding is *possible* at most.",
	source:   sourcePeer + " for what swings with gas and not with a broken shaft; " + sourceGas + " for how much free gas a pump bears; limits are our own, proven by `TestFindings` and `TestFieldB`",
	steps: []esp.Step{
		{Text: stepCasing, Who: esp.Technician},
		{Text: "Do not speed the pump up.", Who: esp.Technician},
		{Text: "Raise intake pressure: lower the frequency by 1 to 2 Hz (about 3 %) or pinch the choke a little, one change at a time, and watch for 30 min whether the swings calm down.", Who: esp.Engineer},
	},
}
