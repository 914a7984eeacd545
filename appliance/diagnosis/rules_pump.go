package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// pumpRules speak of the pump and the way up: intake pressure and head moved at one
// speed. Of them one is open, the first that explains the readings.
var pumpRules = []rule{closedValve, brokenShaft, reverseRotation, tubingLeak, backPressure, scaleDeposit, pumpWear, inflowIncrease}

const mechanicalRest = 14 * 24 * time.Hour

// What a pump without load draws, and one that still works: field practice calls 25 to
// 35 % of full load a broken shaft; of the usual current it is more, because hardly a
// motor runs fully loaded and its magnetising current stays.
const (
	unloadedCurrent = 0.75
	shaftBroken     = -0.25
)

var closedValve = rule{
	id: esp.ClosedValve, version: 1, group: groupLift, rank: 9, turning: true, after: 2 * time.Minute,
	needs: []role{roleOutlet},
	trigger: []condition{
		{feature: feature{roleOutlet, excess}, sigmas: 5, share: 0.05, fixed: 800, text: "pressure behind the pump is {value}, usual at this speed {usual}, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleOutlet, excess}, sigmas: 3, share: 0.025, fixed: 400},
	},
	hold: time.Minute, release: 2 * time.Minute,
	witnesses: []role{roleOutlet},
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.3, text: "liquid rate is down to {value}, usual {usual}, limit {limit}"},
			weight:    4, key: true, against: "liquid still flows at the surface",
		},
		{
			condition: condition{feature: feature{roleMotorTemperature, excess}, sigmas: 3, fixed: 3, text: "motor temperature is {value}, usual {usual}, limit {limit}"},
			weight:    3, against: "the motor is not hotter",
		},
		{
			condition: condition{feature: feature{roleIntake, change}, sigmas: 3, text: "intake pressure rose by {value} in 10 minutes, usual {usual}, limit {limit}"},
			weight:    1, against: "intake pressure does not rise",
		},
		{
			condition: condition{feature: feature{roleTubingHead, excess}, sigmas: 4, fixed: 300, text: "tubing head pressure is {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "tubing head pressure is not higher: the shut valve would be below the gauge at the wellhead",
		},
		{
			condition: condition{feature: feature{roleCurrent, excess}, below: true, sigmas: -3, share: -0.03, text: "current is down to {value}, usual {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	// A slug lifts all pressures of a pump that flows: without flow or heat it is one.
	confirmed: 0.45,
	exclude: []exclusion{
		{name: "flowing", all: []condition{
			{feature: feature{roleRate, level}, factor: 0.5},
		}},
	},
	rivals: []rival{
		{
			id: esp.BackPressure, unless: []condition{{feature: feature{roleRate, level}, below: true, factor: 0.3}},
			separate: "Liquid rate at the surface: nothing flows behind a shut valve, less than usual against back-pressure.",
		},
	},
	onset:    onset{feature: feature{roleOutlet, excess}, factor: 0.3},
	rests:    mechanicalRest,
	rested:   "the pump has stood for two weeks",
	severity: esp.SeverityNow,
	title:    "Closed valve",
	text:     "The pump works against a shut valve: the pressure behind it is {value} where {usual} is usual, and without flow the motor loses its cooling within minutes.",
	note:     "A slug lifts all pressures too, but then the pump flows and stays cool. Where more than half of the usual liquid still arrives it is back-pressure. A valve below the gauge at the wellhead is found by discharge pressure only.",
	source:   "own: heat of a pump that lifts nothing has nowhere to go; proven by `TestScenarioMatrix` and `TestEachGuardPreventsAFalseAlarm`",
	steps: []esp.Step{
		{Text: "Look at once whether a wing, master or line valve, a choke or an emergency valve is shut; open it slowly if nobody shut it on purpose. Keep clear of a line that may be blocked.", Who: esp.Technician},
		{Text: "Stop the pump at the drive if the valve cannot be opened within minutes or motor temperature nears its limit; then wait out backspin.", Who: esp.Technician},
		{Text: "Find why it shut, and check line and wellhead for what the pressure may have done, before the next start.", Who: esp.Engineer},
	},
}

var brokenShaft = rule{
	id: esp.BrokenShaft, version: 1, group: groupLift, rank: 8, turning: true,
	needs: []role{roleCurrent},
	trigger: []condition{
		{feature: feature{roleCurrent, excess}, below: true, sigmas: -5, share: shaftBroken, text: "current is down to {value}, usual at this speed {usual}, limit {limit}"},
		{feature: feature{roleCurrent, jump}, below: true, share: -0.15, text: "current moved by {value} within 3 minutes, limit {limit}"},
		{feature: feature{roleCurrent, swing}, below: true, factor: 4, text: "current is smooth, it swings by {value}, usual {usual}, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleCurrent, excess}, below: true, sigmas: -3, share: -0.15},
	},
	hold: 5 * time.Minute, release: 10 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleDP, level}, below: true, factor: 0.3, text: "the pump builds only {value}, usual {usual}, limit {limit}"},
			weight:    3, key: true, against: "the pump still builds pressure",
		},
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.2, text: "liquid rate is down to {value}, usual {usual}, limit {limit}"},
			weight:    2, against: "liquid still flows",
		},
		{
			condition: condition{feature: feature{roleIntake, excess}, sigmas: 3, text: "intake pressure is {value}, usual {usual}, limit {limit}"},
			weight:    2, against: "intake pressure has not risen",
		},
		{
			condition: condition{feature: feature{roleTubingHead, excess}, below: true, sigmas: -3, text: "tubing head pressure is down to {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "tubing head pressure is not lower",
		},
		{
			condition: condition{feature: feature{roleVibration, level}, below: true, factor: 0.6, text: "vibration is down to {value}, usual {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	confirmed: 0.4,
	exclude: []exclusion{
		{name: "pump_off", all: []condition{
			{feature: feature{roleIntake, excess}, below: true, sigmas: -3, share: -0.05},
		}},
	},
	rivals: []rival{
		{
			id:       esp.GasLock,
			separate: stepUnlock,
		},
	},
	// A locked pump is without load too, and its current may fall at once.
	yields:   []esp.DiagnosisID{esp.GasLock},
	onset:    onset{feature: feature{roleCurrent, level}, factor: 0.85},
	rests:    mechanicalRest,
	rested:   "the pump has stood for two weeks",
	severity: esp.SeverityToday,
	title:    "Broken shaft",
	text:     "The motor turns without load: current fell at once to {value} where {usual} is usual, smooth, and the pump does not lift. Motor temperature says nothing here: little is lost, and nothing cools.",
	note:     "A gas lock is restless, and an intake that plugs takes the load away slowly. Motor temperature says nothing here. Of full load a motor without its pump draws 25 to 35 %; of the usual current it is more, because hardly a motor runs fully loaded.",
	source:   sourcePeer + " for the smooth current; " + sourceNoLoad + " for what a motor draws without load; limits are our own, proven by `TestScenarioMatrix`",
	steps: []esp.Step{
		{Text: "Check that liquid has stopped at the wellhead, and that no valve is shut.", Who: esp.Technician},
		{Text: stepValve, Who: esp.Engineer},
		{Text: "Stop the pump if the test confirms it; running on can drop parts. No restarts. Plan the pull.", Who: esp.Engineer},
	},
}

var reverseRotation = rule{
	id: esp.ReverseRotation, version: 1, group: groupLift, rank: 7, turning: true, after: 15 * time.Minute,
	needs: []role{roleDP, roleCurrent},
	trigger: []condition{
		{feature: feature{roleDP, excess}, below: true, sigmas: -5, share: -0.12, text: "the pump builds only {value}, usual at this speed {usual}, limit {limit}"},
		{feature: feature{roleRunning, running}, below: true, fixed: 6 * 3600, text: "the pump was started {value} ago and has been so since"},
	},
	stay: []condition{
		{feature: feature{roleDP, excess}, below: true, sigmas: -3, share: -0.06},
	},
	hold: 10 * time.Minute, release: 10 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.85, text: "liquid rate is {value}, usual {usual}, limit {limit}"},
			weight:    3, key: true, against: "liquid rate is as usual",
		},
		{
			condition: condition{feature: feature{roleIntake, excess}, sigmas: 3, share: 0.03, text: "intake pressure is {value}, usual {usual}, limit {limit}"},
			weight:    2, against: "intake pressure is not higher",
		},
		{
			condition: condition{feature: feature{roleVibration, level}, factor: 1.15, text: "vibration is {value}, usual {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	confirmed: 0.4,
	exclude: []exclusion{
		{name: "unloaded", all: []condition{
			{feature: feature{roleCurrent, level}, below: true, factor: unloadedCurrent},
		}},
		{name: "filling", all: []condition{
			{feature: feature{roleDischarge, change}, sigmas: 4, fixed: 60},
		}},
	},
	rivals: []rival{
		{
			id:       esp.TubingLeak,
			separate: "Swap two phases at the drive's output, isolated and locked out, and start again: head and flow come back if it turned backwards.",
		},
	},
	onset:    onset{feature: feature{roleRunning, running}},
	rests:    mechanicalRest,
	rested:   "the pump has stood for two weeks",
	severity: esp.SeverityToday,
	title:    "Reverse rotation",
	text:     "Since its last start the pump builds {value} where {usual} is usual, at normal speed and current: it may turn backwards.",
	note:     "Only what has been so since a start that was seen: what begins while the pump runs is something else. An empty tubing that fills looks alike while discharge pressure still rises.",
	source:   "own, from field practice; proven by `TestScenarioMatrix` and `TestEachGuardPreventsAFalseAlarm`",
	steps: []esp.Step{
		{Text: "Ask whether anybody worked at the cable, the junction box, the transformer or the drive before the last start.", Who: esp.Technician},
		{Text: stepCable, Who: esp.Technician},
		{Text: "Swap two phases at the drive's output, or reverse the rotation in the drive's settings if it has that, then start once and compare head and flow.", Who: esp.Engineer},
	},
}

// A step of the intake pressure against its own past, as it is sharpened by what a well has beside its
// intake pressure.
const (
	leakShare = 0.035
	leakRise  = 100 // kPa
)

var tubingLeak = rule{
	id: esp.TubingLeak, version: 2, group: groupLift, rank: 6, turning: true, slowly: true,
	needs: []role{roleIntake},
	trigger: []condition{
		{feature: feature{roleIntake, shift}, sigmas: 6, share: leakShare, own: true, fixed: leakRise, text: "intake pressure is {value}, {percent} above the {usual} {since}, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleIntake, shift}, sigmas: 3, share: leakShare / 2, fixed: leakRise / 2},
	},
	hold: 5 * time.Minute, release: time.Hour,
	witnesses: []role{roleIntake, roleCurrent, roleFrequency},
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleDischarge, shift}, below: true, sigmas: -3, share: -0.002, text: "discharge pressure fell to {value} from {usual}, limit {limit}"},
			weight:    3, key: true, against: "discharge pressure has not fallen",
		},
		{
			condition: condition{feature: feature{roleRate, shift}, below: true, sigmas: -3, share: -0.04, text: "liquid rate fell to {value} from {usual}, limit {limit}"},
			weight:    3, against: "as much liquid arrives at the surface as before",
		},
		{
			condition: condition{feature: feature{roleTubingHead, shift}, below: true, sigmas: -3, share: -0.02, text: "tubing head pressure fell to {value} from {usual}, limit {limit}"},
			weight:    1, against: "tubing head pressure has not fallen",
		},
		{
			condition: condition{feature: feature{roleMotorTemperature, shift}, sigmas: 3, fixed: 3, text: "motor temperature rose to {value} from {usual}, limit {limit}"},
			weight:    1, bonus: true,
		},
	},
	confirmed: 0.4,
	exclude: []exclusion{
		{name: "back_pressure", all: []condition{
			{feature: feature{roleDischarge, shift}, sigmas: 3, share: 0.005},
		}},
		{name: "wellhead_shut", all: []condition{
			{feature: feature{roleTubingHead, shift}, sigmas: 4, share: 0.15},
		}},
		{name: "recovering", all: []condition{ // a hole does not close
			{feature: feature{roleDischarge, rebound}, sigmas: 4, share: 0.008},
		}},
		{name: "unloaded", all: []condition{
			{feature: feature{roleCurrent, level}, below: true, factor: unloadedCurrent},
		}},
		{name: "more_inflow", all: []condition{
			{feature: feature{roleRate, shift}, sigmas: 3, share: 0.03},
		}},
		{name: "gas", all: []condition{
			{feature: feature{roleCurrent, swing}, factor: swingsMore, share: swingShare},
		}},
	},
	rivals: []rival{
		{
			id: esp.BackPressure, unless: []condition{
				{feature: feature{roleDischarge, shift}, below: true, sigmas: -3, share: -0.002},
				{feature: feature{roleTubingHead, shift}, below: true, sigmas: -3, share: -0.02},
			},
			separate: "Tubing head pressure: it falls with a leak and rises with back-pressure.",
		},
		{
			id: esp.InflowIncrease, unless: []condition{
				{feature: feature{roleRate, shift}, below: true, sigmas: -3, share: -0.04},
				{feature: feature{roleDischarge, shift}, below: true, sigmas: -3, share: -0.002},
			},
			separate: "Liquid rate at the surface: less arrives with a leak, more with more inflow.",
		},
		{
			id:       esp.PumpWear,
			separate: "Pressure test of the tubing against a closed valve: a sound tubing holds it.",
		},
	},
	onset:    onset{feature: feature{roleIntake, shift}, factor: 0.1},
	rests:    mechanicalRest,
	rested:   "the pump has stood for two weeks",
	severity: esp.SeverityToday,
	title:    "Tubing leak",
	text:     "Liquid seems to run back into the well: intake pressure is {value}, {percent} above the {usual} {since}.",
	note:     "A hole does not close: discharge pressure that comes back was a slug of gas or dirt. A hotter motor is no condition: in recorded leaks it got hotter in a part of the wells only. Within 14 hours of a start, or of a change of speed of 2.5 to 10 %, what rises is measured from a coarser level too, so that a leak does not become usual; a small one is seen later then.",
	source:   "own, measured on recorded leaks; proven by `TestFieldALeaks` and `TestFieldBLeaks`",
	steps: []esp.Step{
		{Text: "Watch motor temperature. Stop the pump at the drive if it keeps rising or reaches its limit; then wait out backspin.", Who: esp.Technician},
		{Text: "Compare rate and tubing head pressure with yesterday's, and check that bleeder, drain and bypass valves are shut.", Who: esp.Technician},
		{Text: stepValve, Who: esp.Engineer},
		{Text: "With the pump standing: pressure test of the tubing within its limit. Plan the pull if it does not hold.", Who: esp.Engineer},
	},
}

var backPressure = rule{
	id: esp.BackPressure, version: 1, group: groupLift, rank: 5, turning: true, slowly: true,
	needs: []role{roleIntake, roleOutlet},
	trigger: []condition{
		{feature: feature{roleOutlet, shift}, sigmas: 5, share: 0.01, fixed: 200, text: "pressure behind the pump is {value}, it was {usual} in the half day before, limit {limit}"},
		{feature: feature{roleIntake, shift}, sigmas: 4, share: 0.02, fixed: 50, text: "intake pressure is {value}, it was {usual} in the half day before, limit {limit}"},
	},
	stay: []condition{
		{feature: feature{roleOutlet, shift}, sigmas: 2, share: 0.005, fixed: 100},
	},
	hold: time.Hour, release: 2 * time.Hour, // slugs pass
	witnesses: []role{roleIntake, roleCurrent, roleFrequency},
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleTubingHead, shift}, sigmas: 3, share: 0.05, text: "tubing head pressure rose to {value} from {usual}, limit {limit}"},
			weight:    2, key: true, against: "tubing head pressure has not risen",
		},
		{
			condition: condition{feature: feature{roleRate, shift}, below: true, sigmas: -3, share: -0.02, text: "liquid rate fell to {value} from {usual}, limit {limit}"},
			weight:    2, against: "as much liquid arrives as before",
		},
	},
	rivals: []rival{
		{
			id: esp.ClosedValve, unless: []condition{{feature: feature{roleRate, level}, factor: 0.3}},
			separate: "Liquid rate at the surface: nothing flows behind a shut valve.",
		},
	},
	onset:  onset{feature: feature{roleOutlet, shift}, factor: 0.2},
	rests:  mechanicalRest,
	rested: "the pump has stood for two weeks",
	// Pressures that swing by themselves do this from time to time; where the wellhead
	// shows it too somebody has to look.
	severity: esp.SeverityInfo,
	grave: []condition{
		{feature: feature{roleTubingHead, shift}, sigmas: 3, share: 0.05, text: "tubing head pressure rose to {value} from {usual}, limit {limit}"},
	},
	graver: esp.SeverityPlan,
	title:  "Back-pressure",
	text:   "Something at the surface holds the pump back: the pressure behind it is {value} where it was {usual}, and intake pressure rises with it.",
	note:   "Where only the pressures downhole rise it is information: in some wells all pressures swing by themselves.",
	source: "own, from recorded wells in which discharge pressure rose with intake pressure; proven by `TestSimulatedNearMisses` and `TestEachGuardPreventsAFalseAlarm`",
	steps: []esp.Step{
		{Text: "Compare tubing head, flowline and separator pressure with their usual values; look for a valve or choke that was moved, wax, hydrate or a full separator.", Who: esp.Technician},
		{Text: "Decide whether the pump stays within its range at this rate.", Who: esp.Engineer},
	},
}
