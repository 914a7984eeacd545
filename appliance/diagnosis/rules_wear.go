package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// A pump that loses its head over days. The head of a sound pump rises when less
// flows; one that gives less of both has changed itself, whatever the curve.
const (
	headLost = -0.02
	rateLost = -0.04
)

// operatingPoint is a pump that is led to another point of its curve: more flows.
var operatingPoint = exclusion{name: "operating_point", all: []condition{
	{feature: feature{roleRate, drift}, sigmas: 3, share: 0.02},
}}

var scaleDeposit = rule{
	id: esp.ScaleDeposit, version: 1, group: groupLift, rank: 3, turning: true, slowly: true,
	needs: []role{roleDP, roleRate, roleCurrent},
	trigger: []condition{
		{feature: feature{roleDP, drift}, below: true, sigmas: -4, share: headLost, text: "the pump builds {value}, it was {usual} at this speed, limit {limit}"},
		{feature: feature{roleRate, drift}, below: true, sigmas: -3, share: rateLost, text: "liquid rate is {value}, it was {usual}, limit {limit}"},
		{feature: feature{roleCurrent, drift}, share: -0.01, text: "and yet current is {value}, it was {usual}: each cubic metre takes more power"},
	},
	stay: []condition{
		{feature: feature{roleDP, drift}, below: true, sigmas: -2, share: headLost / 2},
		{feature: feature{roleCurrent, drift}, share: -0.02},
	},
	hold: 30 * time.Minute, release: 6 * time.Hour,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleIntake, drift}, sigmas: 3, share: 0.02, text: "intake pressure rose to {value} from {usual}, limit {limit}"},
			weight:    2, against: "intake pressure has not risen",
		},
		{
			condition: condition{feature: feature{roleVibration, drift}, sigmas: 3, share: 0.1, text: "vibration rose to {value} from {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	confirmed: 0.3,
	rivals: []rival{
		{
			id:       esp.PumpWear,
			separate: "A well test with power: scale takes more power for each cubic metre and answers to acid or inhibitor, wear takes less and answers to nothing.",
		},
	},
	onset:    onset{feature: feature{roleDP, drift}, factor: 0.2},
	rests:    mechanicalRest,
	rested:   "the pump has stood for two weeks",
	severity: esp.SeverityPlan,
	title:    "Scale in the pump",
	text:     "The pump loses head and flow and its current does not follow: it builds {value} where it built {usual} at this speed. Deposits in the stages do that.",
	note:     "Each cubic metre takes more power. Only where it is measured what the pump builds and gives; late in its course scale takes load away and looks like wear.",
	source:   "own, from the comments of experts on recorded wells, which disagree with " + sourcePeer + " about the current; proven by `TestScenarioMatrix` (simulated only: no recorded case could be had)",
	steps: []esp.Step{
		{Text: "Take a water sample and look for deposits at the choke and wellhead.", Who: esp.Technician},
		{Text: "Well test at this speed: note rate, pressures and power for comparison.", Who: esp.Technician},
		{Text: "Decide on inhibitor or acid; after a treatment intake pressure should fall back and rate return.", Who: esp.Engineer},
	},
}

var pumpWear = rule{
	id: esp.PumpWear, version: 1, group: groupLift, rank: 2, turning: true, slowly: true,
	needs: []role{roleDP, roleCurrent},
	trigger: []condition{
		{feature: feature{roleDP, drift}, below: true, sigmas: -4, share: headLost, text: "the pump builds {value}, it was {usual} at this speed, limit {limit}"},
		{feature: feature{roleCurrent, drift}, below: true, sigmas: -3, share: -0.015, text: "current is {value}, it was {usual}, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleDP, drift}, below: true, sigmas: -2, share: headLost / 2},
	},
	hold: 30 * time.Minute, release: 6 * time.Hour,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleRate, drift}, below: true, sigmas: -3, share: rateLost, text: "liquid rate is {value}, it was {usual}, limit {limit}"},
			weight:    3, key: true, against: "liquid rate has not fallen",
		},
		{
			condition: condition{feature: feature{roleIntake, drift}, sigmas: 3, share: 0.02, text: "intake pressure rose to {value} from {usual}, limit {limit}"},
			weight:    2, against: "intake pressure has not risen",
		},
		{
			condition: condition{feature: feature{roleVibration, drift}, sigmas: 3, share: 0.1, text: "vibration rose to {value} from {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	confirmed: 0.4,
	exclude:   []exclusion{operatingPoint},
	rivals: []rival{
		{
			id: esp.ScaleDeposit, unless: []condition{{feature: feature{roleCurrent, drift}, below: true, sigmas: -3, share: -0.015}},
			separate: "A well test with power: scale takes more power for each cubic metre, wear does not.",
		},
		{
			id:       esp.TubingLeak,
			separate: "Pressure test of the tubing against a closed valve: a sound tubing holds it; a worn pump reaches less than its shut-in head.",
		},
	},
	onset:    onset{feature: feature{roleDP, drift}, factor: 0.2},
	rests:    mechanicalRest,
	rested:   "the pump has stood for two weeks",
	severity: esp.SeverityPlan,
	title:    "Pump wear",
	text:     "The pump loses head at the same speed: it builds {value} where it built {usual}, and takes less power.",
	note:     "The head of a sound pump rises when less flows; one that gives less of both has changed itself, whatever its curve. Where the current has not fallen it is scale.",
	source:   sourceHead + " calls 10 % less head a limit for maintenance; the earlier limits here are our own, proven by `TestScenarioMatrix`",
	steps: []esp.Step{
		{Text: "Well test at this speed; look for sand in the sample.", Who: esp.Technician},
		{Text: stepValve, Who: esp.Engineer},
		{Text: "Raise the speed within the limits of motor and cable to hold the rate, and plan the change of the pump.", Who: esp.Engineer},
	},
}
