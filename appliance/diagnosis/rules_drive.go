package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

var driveFault = rule{
	id: esp.DriveFault, version: 1,
	trigger:  []condition{{feature: feature{roleFrequency, tripped}, fixed: 0.5}},
	stay:     []condition{{feature: feature{roleFrequency, tripped}, fixed: 0.5}},
	onset:    onset{feature: feature{roleFrequency, tripped}},
	severity: esp.SeverityToday,
	title:    "Drive fault",
	text:     "The drive tripped.",
	note:     "Tripped, or waiting for its automatic restart, by its status word or, where it has none, its fault code. The drive's own code ranks first, in the words of its profile: polls of a second cannot order electrical events. The finding tells the values of the minute before, a dip of the supply around the trip, the time to the automatic restart, and the attempts used and allowed (`restarts_allowed` in the facts of the well). After overload, ground fault, short circuit, overcurrent, stall, unbalance and weak insulation the first step is this: " + stepNoRestart,
	source:   "the drive's own code, as its maker's manual words it; times between starts and number of restarts are common practice; proven by `TestElectricFindings` and `TestTrippedTellsEverything`",
	steps: []esp.Step{
		{Text: "Note the code and the fault history on the drive's own panel before anyone resets it: the first entry is the cause, later ones follow from it.", Who: esp.Technician},
		{Text: "Before a restart: wait out backspin, leave 30 to 60 min since the stop, check supply voltage on all phases, that the wellhead valves are open and that motor temperature has come down.", Who: esp.Technician},
		{Text: "After 3 automatic restarts leave it out and find the cause.", Who: esp.Engineer},
		{Text: stepCable, Who: esp.Technician},
	},
	over:  "The drive no longer stands on a fault.",
	facet: driveFacet,
	tell:  tellDrive,
}

var stall = rule{
	id: esp.Stall, version: 1,
	trigger: []condition{
		{feature: feature{roleCurrent, stalled}, fixed: 1, text: "the rotor stood under current for {value}"},
	},
	stay:     []condition{{feature: feature{roleCurrent, stalled}, fixed: 1}},
	onset:    onset{feature: feature{roleCurrent, stalled}},
	severity: esp.SeverityNow,
	title:    "Stall",
	text:     "The motor drew the current of a rotor that does not turn, for {value}: stuck by sand or scale, seized, or connected wrongly.",
	note:     "Twice the nameplate current for 2 s, or at least 1.1 times while the frequency stays below 15 % of base for 10 s. It is shown for 30 min. It needs the motor's nameplate current.",
	source:   sourceStall + " takes three times nameplate as typical; the lower limits here are our own, proven by `TestElectricFindings`",
	over:     "No stall was seen for 30 minutes.",
	steps: []esp.Step{
		{Text: "Stop it at the drive if it has not tripped. One attempt to rock it free by the drive's own function, then no further start.", Who: esp.Engineer},
		{Text: stepNoRestart, Who: esp.Technician},
		{Text: stepCable, Who: esp.Technician},
	},
	tell: tellStall,
}

var unbalancedCurrent = rule{
	id: esp.UnbalancedCurrent, version: 1, turning: true, after: 2 * time.Minute,
	trigger: []condition{
		{feature: feature{roleUnbalance, brief}, fixed: 10, text: "the phase currents differ by {value} from their mean, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleUnbalance, brief}, fixed: 8}},
	hold: 30 * time.Second, release: 5 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleUnbalance, level}, factor: 2, text: "usual here is {usual}"},
			weight:    1, against: "it was so before: it may be the way the cable is laid or the meter",
		},
		{
			condition: condition{feature: feature{roleSupplyUnbalance, brief}, below: true, fixed: 2, text: "the supply's voltages differ by {value} only: motor, cable or a connection"},
			weight:    1,
		},
	},
	exclude: []exclusion{{name: "supply_unbalance", all: []condition{
		{feature: feature{roleSupplyUnbalance, brief}, fixed: 2},
	}}},
	onset:    onset{feature: feature{roleUnbalance, level}, factor: 2},
	severity: esp.SeverityToday,
	grave:    []condition{{feature: feature{roleUnbalance, brief}, fixed: 30}},
	graver:   esp.SeverityNow,
	title:    "Current unbalance",
	text:     "The phase currents differ by {value} from their mean: a phase of motor, cable or connection is going, and the motor heats.",
	note:     "Given by the drive, or computed from the phases as the largest distance from their mean. Where the voltages differ too it is the supply and `voltage_unbalance` is told.",
	source:   sourceSoftStarter + " alarms at 30 %, the limit for now; 10 % is common practice at these pumps; proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: stepCable, Who: esp.Technician},
		{Text: "Check fuses, terminals, transformer taps and the wellhead connection for heat or looseness.", Who: esp.Technician},
		{Text: "Rotate all three leads by one place at the drive, keeping the direction of rotation: an unbalance that goes with the leads is motor or cable, one that stays is the drive or the supply.", Who: esp.Engineer},
		{Text: stepNoRestart, Who: esp.Technician},
	},
}

var voltageUnbalance = rule{
	id: esp.VoltageUnbalance, version: 1,
	trigger: []condition{
		{feature: feature{roleSupplyUnbalance, brief}, fixed: 2, text: "the supply's voltages differ by {value} from their mean, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleSupplyUnbalance, brief}, fixed: 1.5}},
	hold: 30 * time.Second, release: 5 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleSupplyUnbalance, level}, factor: 1.5, text: "usual here is {usual}"},
			weight:    1, against: "it was so before",
		},
	},
	onset:    onset{feature: feature{roleSupplyUnbalance, level}, factor: 1.5},
	severity: esp.SeverityPlan,
	grave:    []condition{{feature: feature{roleSupplyUnbalance, brief}, fixed: 5}},
	graver:   esp.SeverityToday,
	title:    "Voltage unbalance",
	text:     "The supply's voltages differ by {value} from their mean: the supply, not the pump.",
	source:   sourceMonitor + " warns at 1 %; 2 % is common practice at these pumps; proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: stepCable, Who: esp.Technician},
		{Text: "Check the supply's fuses and the transformer's taps; measure all phases at the drive's input.", Who: esp.Technician},
		{Text: stepSupply, Who: esp.Engineer},
	},
}

var insulation = rule{
	id: esp.Insulation, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleLeakage, level}, factor: 2, sigmas: 3, text: "leakage current is {value}, usual {usual}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleLeakage, level}, factor: 1.6, sigmas: 2}},
	hold: 10 * time.Minute, release: 30 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleInsulation, level}, below: true, factor: 0.7, text: "insulation resistance is down to {value}, usual {usual}, limit {limit}"},
			weight:    2, against: "the gauge's own insulation figure has not fallen",
		},
	},
	onset:    onset{feature: feature{roleLeakage, level}, factor: 1.5},
	severity: esp.SeverityPlan,
	grave:    []condition{{feature: feature{roleLeakage, level}, factor: 10}},
	graver:   esp.SeverityToday,
	tell:     tellInsulation,
	title:    "Insulation weakens",
	text:     "Leakage current of cable and motor has risen to {value} where {usual} is usual: the insulation weakens, and gauge readings may suffer with it.",
	note:     "There is no absolute limit: makers and methods differ. The usual value is that of the last 48 running hours, so a slower rise is not seen yet.",
	source:   "own: twice the usual leakage; proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: "Avoid stops and starts: no repeated restarts on weak insulation.", Who: esp.Technician},
		{Text: "At the next stop measure the insulation cold: isolate and lock out, prove dead, wait out backspin, disconnect drive and gauge panel first, and keep to the polarity and voltage that the gauge maker allows.", Who: esp.Technician},
		{Text: "Compare with the megger entries of the last months and plan the pull.", Who: esp.Engineer},
	},
}

var unstableDrive = rule{
	id: esp.UnstableDrive, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleFrequency, reversals}, fixed: 5, text: "the frequency turned back {value} times in 10 minutes, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleFrequency, reversals}, fixed: 3}},
	hold: time.Minute, release: 10 * time.Minute,
	exclude: []exclusion{{name: "supply", all: []condition{
		{feature: feature{roleSupply, restless}, fixed: 3},
	}}},
	severity: esp.SeverityPlan,
	title:    "Drive control unstable",
	text:     "The drive hunts: its frequency turned back {value} times in 10 minutes; current and pressures swing with it, and that is no gas.",
	note:     "A turn counts from 0.4 Hz or 0.75 % of the frequency on. The finding says whether the setpoint swings too: then what commands the drive hunts, and not the drive.",
	source:   "own, proven by `TestElectricFindings` and `TestEachGuardPreventsAFalseAlarm`",
	steps: []esp.Step{
		{Text: "Set the drive to a fixed frequency for half an hour and see whether the swings end.", Who: esp.Engineer},
		{Text: "Then retune its controller: less gain, a slower ramp, a filter on the measured value.", Who: esp.Engineer},
	},
	tell: tellHunting,
}

var excessStarts = rule{
	id: esp.ExcessStarts, version: 1,
	trigger:  []condition{{feature: feature{roleFrequency, starts}, fixed: 1}},
	stay:     []condition{{feature: feature{roleFrequency, starts}, fixed: 0.99}},
	severity: esp.SeverityToday,
	title:    "Too many starts",
	text:     "The pump was started too often.",
	note:     "By the drive's own counter where it has one. Equal intervals are told: they mean a well that pumps itself off.",
	source:   sourceStarts + " limits the starts of motors in general; 3 an hour and 6 a day are common practice at these pumps; proven by `TestElectricFindings`",
	over:     "The pump was not started too often any more.",
	steps: []esp.Step{
		{Text: "Find the cause before another start; block the automatic restart at the drive.", Who: esp.Technician},
		{Text: "Leave 30 to 60 min between starts: the motor has to cool and the liquid in the tubing to come to rest.", Who: esp.Technician},
		{Text: "Starts at equal intervals mean a well that pumps itself off: lower the speed instead of cycling.", Who: esp.Engineer},
	},
	tell: tellStarts,
}

var backspin = rule{
	id: esp.BackspinSeen, version: 1,
	trigger:  []condition{{feature: feature{roleFrequency, reversing}, fixed: 0.5, text: "the drive sees the motor turn without being driven"}},
	stay:     []condition{{feature: feature{roleFrequency, reversing}, fixed: 0.5}},
	onset:    onset{feature: feature{roleFrequency, reversing}},
	severity: esp.SeverityInfo,
	title:    "Backspin",
	text:     "Liquid that falls back turns the pump in reverse: never force a start, and stay away from the cable: a spinning motor makes lethal voltage.",
	note:     "By the drive's status.",
	source:   sourceBackspin + " for delay and observer; " + sourceStall + " for blocking the start; proven by `TestElectricFindings`",
	over:     "The pump no longer spins back.",
	steps: []esp.Step{
		{Text: "Wait until it stands. Do not start it, do not touch the cable.", Who: esp.Technician},
		{Text: "If it lasts longer than usual the check valve leaks: plan a longer restart delay.", Who: esp.Engineer},
	},
}
