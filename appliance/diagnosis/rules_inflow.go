package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// inflowRules speak of what the reservoir gives.
var inflowRules = []rule{pumpOff, lowIntakePressure, inflowDecrease}

var pumpOff = rule{
	id: esp.PumpOff, version: 1, group: groupInflow, rank: 3, turning: true, slowly: true,
	needs: []role{roleIntake},
	trigger: []condition{
		{feature: feature{roleIntake, excess}, below: true, sigmas: -5, share: -0.35, text: "intake pressure is down to {value}, usual at this speed {usual}, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleIntake, excess}, below: true, sigmas: -3, share: -0.25},
	},
	hold: 5 * time.Minute, release: 30 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.85, text: "liquid rate is {value}, usual {usual}, limit {limit}"},
			weight:    3, against: "liquid rate is as usual",
		},
		{
			condition: condition{feature: feature{roleCurrent, excess}, below: true, sigmas: -2, share: -0.015, text: "current is down to {value}, usual {usual}, limit {limit}"},
			weight:    2, against: "current has not fallen",
		},
		{
			condition: condition{feature: feature{roleCurrent, swing}, factor: 2, share: swingShare / 2, text: "current swings by {value}, usual {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
		{
			condition: condition{feature: feature{roleMotorTemperature, excess}, sigmas: 3, fixed: 2, text: "motor temperature is {value}, usual {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	confirmed: 0.3,
	rivals: []rival{
		{
			id: esp.InflowDecrease, unless: []condition{{feature: feature{roleRate, level}, below: true, factor: 0.85}},
			separate: "Fluid level shot in the annulus: at the pump it is pumped off, above it the well only gives less.",
		},
		{
			id:       esp.GasInterference,
			separate: "Fluid level shot in the annulus, and casing pressure: gas lifts the casing pressure, a well that is pumped off has no level above the pump.",
		},
	},
	onset:    onset{feature: feature{roleIntake, excess}, factor: 0.1},
	rests:    24 * time.Hour,
	rested:   "the pump has stood for a day and the well has filled up",
	severity: esp.SeverityToday,
	title:    "Pump-off",
	text:     "The well gives less than the pump takes: intake pressure is down to {value} where {usual} is usual.",
	source:   sourceChart + " for the course: gradual fall, underload, restart, trip again; limits are our own, proven by `TestScenarioMatrix`",
	steps: []esp.Step{
		{Text: "Shoot the fluid level, and check that intake pressure and gauge agree with it.", Who: esp.Technician},
		{Text: "Lower the frequency by 1 to 3 Hz (2 to 5 %) or pinch the choke, and watch whether intake pressure recovers. Do not speed up.", Who: esp.Engineer},
		{Text: "If the drive trips on underload let the level recover before the next start; equal times between trips mean that it does not.", Who: esp.Technician},
	},
}

var lowIntakePressure = rule{
	id: esp.LowIntakePressure, version: 1, group: groupInflow, rank: 2, turning: true, slowly: true,
	needs: []role{roleIntake},
	trigger: []condition{
		{feature: feature{roleIntake, excess}, below: true, sigmas: -6, share: -0.22, text: "intake pressure is down to {value}, usual at this speed {usual}, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleIntake, excess}, below: true, sigmas: -3, share: -0.15},
	},
	hold: 15 * time.Minute, release: 30 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleDischarge, excess}, below: true, sigmas: -2, text: "discharge pressure follows: {value}, usual {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	rivals: []rival{
		{
			id:       esp.PumpOff,
			separate: "Fluid level shot in the annulus: at the pump it is pumped off.",
		},
	},
	onset:    onset{feature: feature{roleIntake, excess}, factor: 0.1},
	rests:    24 * time.Hour,
	rested:   "the pump has stood for a day and the well has filled up",
	severity: esp.SeverityPlan,
	title:    "Low intake pressure",
	text:     "Intake pressure is down to {value} where {usual} is usual at this speed; if it falls on, the pump runs dry or takes in gas.",
	note:     "The well may only be on its way to pump-off, or the speed too high for it.",
	source:   "own; proven only beside pump-off, before which it may stand in `TestScenarioMatrix`",
	steps: []esp.Step{
		{Text: "Shoot the fluid level and compare it with intake pressure.", Who: esp.Technician},
		{Text: "Set the speed to what the well gives: lower it by 1 to 3 Hz (2 to 5 %) if intake pressure falls on.", Who: esp.Engineer},
	},
}

const (
	inflowShare  = 0.005
	inflowTrend  = 0.02
	inflowBeyond = 0.0005
	// A trend of three days means something only beside what was before it: a well
	// swings by itself within days, by as much as inflow changes in the first ones.
	inflowHistory = 144 * time.Hour
)

var inflowDecrease = rule{
	id: esp.InflowDecrease, version: 2, group: groupInflow, rank: 1, turning: true, slowly: true, information: true,
	history: inflowHistory,
	needs:   []role{roleIntake},
	trigger: []condition{
		{feature: feature{roleIntake, drift}, below: true, share: -inflowShare, text: "intake pressure is {value}, it was {usual} at this speed, limit {limit}"},
		{feature: feature{roleIntake, trending}, below: true, share: -inflowTrend, text: "it moved by {value} along its trend, limit {limit}"},
		{feature: feature{roleIntake, beyond}, below: true, share: -inflowBeyond, text: "it lies {by} below all that it was days ago, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleIntake, drift}, below: true, share: -inflowShare / 2},
	},
	hold: time.Hour, release: 6 * time.Hour,
	rivals: []rival{
		{
			id: esp.PumpOff, unless: []condition{{feature: feature{roleIntake, drift}, share: -0.2}},
			separate: "Fluid level shot in the annulus.",
		},
	},
	onset:    onset{feature: feature{roleIntake, drift}, factor: 0.3},
	rests:    7 * 24 * time.Hour,
	rested:   "the pump has stood for a week",
	severity: esp.SeverityInfo,
	title:    "Inflow falls",
	text:     "The well gives less: intake pressure is {value} where it was {usual}, at the same speed. No fault of the pump.",
	note:     "Never an alarm. A trend of three days means something only beside what was before it: a well swings by itself within days.",
	source:   "own: slope of Theil and Sen with the test of Mann and Kendall; proven by `TestFieldALeaks` and `TestEachGuardPreventsAFalseAlarm`",
	steps: []esp.Step{
		{Text: "Set speed or choke to the new inflow at the next visit; no workover for this.", Who: esp.Engineer},
	},
}

var inflowIncrease = rule{
	id: esp.InflowIncrease, version: 2, group: groupLift, rank: 1, turning: true, slowly: true, information: true,
	history: inflowHistory,
	needs:   []role{roleIntake},
	trigger: []condition{
		{feature: feature{roleIntake, drift}, share: inflowShare, text: "intake pressure is {value}, it was {usual} at this speed, limit {limit}"},
		{feature: feature{roleIntake, trending}, share: inflowTrend, text: "it moved by {value} along its trend, limit {limit}"},
		{feature: feature{roleIntake, beyond}, share: inflowBeyond, text: "it lies {by} above all that it was days ago, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleIntake, drift}, share: inflowShare / 2},
	},
	hold: time.Hour, release: 6 * time.Hour,
	exclude: []exclusion{
		{name: "less_arrives", all: []condition{
			{feature: feature{roleRate, drift}, below: true, sigmas: -3, share: -0.02},
		}},
		{name: "back_pressure", all: []condition{
			{feature: feature{roleOutlet, drift}, sigmas: 3, share: 0.01},
		}},
	},
	rivals: []rival{
		{
			id: esp.PumpWear, unless: []condition{
				{feature: feature{roleRate, drift}, sigmas: 3, share: 0.02},
				{feature: feature{roleCurrent, drift}, share: -0.01},
			},
			separate: "Well test at this speed: more arrives with more inflow, less with a worn pump.",
		},
	},
	onset:    onset{feature: feature{roleIntake, drift}, factor: 0.3},
	rests:    7 * 24 * time.Hour,
	rested:   "the pump has stood for a week",
	severity: esp.SeverityInfo,
	title:    "Inflow rises",
	text:     "The well gives more: intake pressure is {value} where it was {usual}, at the same speed. No fault of the pump.",
	note:     "Never an alarm. Less liquid at the surface, or more pressure behind the pump, means something else.",
	source:   "own: slope of Theil and Sen with the test of Mann and Kendall; proven by `TestFieldALeaks` and `TestEachGuardPreventsAFalseAlarm`",
	steps: []esp.Step{
		{Text: "Set speed or choke to the new inflow at the next visit; no workover for this.", Who: esp.Engineer},
	},
}
