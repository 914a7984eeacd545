package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// electricRules speak of supply, drive and motor.
var electricRules = []rule{
	driveFault, stall, overload, undervoltage, powerFluctuation, powerDip,
	unbalancedCurrent, voltageUnbalance, insulation, motorOverheating, windingRise,
	unstableDrive, underload, excessStarts, backspin,
}

const (
	stepNoRestart = "Do NOT restart it before the electrical checks are done: isolate and lock out, prove dead, wait out backspin, disconnect drive and gauge panel, then measure insulation and phase resistance with the polarity and voltage that the gauge maker allows."
	stepSupply    = "Tell whoever supplies the power: time, depth and number of the dips; ask whether other wells on the line saw them."
)

// lowLoad are the findings that say why a pump draws little.
var lowLoad = []esp.DiagnosisID{
	esp.GasLock, esp.GasInterference, esp.PumpOff, esp.LowIntakePressure, esp.BrokenShaft, esp.ClosedValve,
	esp.TubingLeak, esp.PumpWear, esp.ScaleDeposit, esp.ReverseRotation, esp.Undervoltage,
}

// hot are the findings that say why a motor gets warm.
var hot = []esp.DiagnosisID{
	esp.GasLock, esp.PumpOff, esp.BrokenShaft, esp.ClosedValve, esp.Overload, esp.TubingLeak,
}

var powerDip = rule{
	id: esp.PowerDip, version: 1,
	trigger: []condition{
		{feature: feature{roleSupply, sag}, below: true, factor: dipShare, text: "voltage fell to {value}, before {usual}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleSupply, sag}, below: true, factor: dipShare}},
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleInput, sag}, below: true, factor: 0.95, text: "the supply at the drive's input fell to {value}, before {usual}"},
			weight:    1, against: "the voltage at the drive's input did not fall as far: look at the drive's fuses and rectifier too",
		},
	},
	yields:   []esp.DiagnosisID{esp.Undervoltage},
	onset:    onset{feature: feature{roleSupply, sag}},
	severity: esp.SeverityInfo,
	grave:    []condition{{feature: feature{roleSupply, sags}, fixed: 2.5}},
	graver:   esp.SeverityPlan,
	title:    "Power dip",
	text:     "The supply dipped for seconds: voltage fell to {value} where {usual} is usual; do not blame the pump for what followed.",
	note:     "A sag of seconds while the pump turns, looked for in every reading and not in every tick, until the voltage is back at 95 %. What lasts longer than 2 min is undervoltage. It is shown for 20 min. A dip between two polls is not seen.",
	source:   sourceSag + " for 90 % and for how long a sag lasts; number of dips our own; proven by `TestScenarioMatrix`",
	over:     "The supply has been steady for 20 minutes.",
	steps: []esp.Step{
		{Text: "Nothing to do at the pump. Note it; look whether other wells on the same line dipped at the same time.", Who: esp.Technician},
		{Text: stepSupply, Who: esp.Engineer},
	},
	facet: dipFacet,
	tell:  tellDip,
}

var powerFluctuation = rule{
	id: esp.PowerFluctuation, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleSupply, swing}, factor: swingsMore, share: 0.015, text: "voltage swings by {value}, usual {usual}, limit {limit}"},
		{feature: feature{roleSupply, restless}, fixed: 3, text: "voltage was restless in {value} of the last 10 minutes, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleSupply, swing}, factor: swingsStay, share: 0.01}},
	hold: 2 * time.Minute, release: 10 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleInput, swing}, factor: 2, share: 0.008, text: "the supply at the drive's input swings by {value}, usual {usual}"},
			weight:    2, against: "the voltage at the drive's input is steady: look at the drive's fuses, rectifier and load",
		},
		{
			condition: condition{feature: feature{roleCurrent, swing}, factor: 2, share: swingShare, text: "current swings by {value} with it, usual {usual}"},
			weight:    1,
		},
	},
	yields:   []esp.DiagnosisID{esp.Undervoltage},
	onset:    onset{feature: feature{roleSupply, swing}, factor: 2},
	severity: esp.SeverityPlan,
	title:    "Power fluctuation",
	text:     "The supply swings: voltage strays by {value} where {usual} is usual; current and pressures follow it.",
	note:     "Currents and pressures follow the supply: that is no gas.",
	source:   sourceSupply + " lists it among the causes of shutdowns; limits are our own, proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: "Do not change pump or choke for what current and pressures do meanwhile: they follow the supply.", Who: esp.Technician},
		{Text: "Look at the terminals and fuses of the supply for heat or looseness, from outside and without opening live parts.", Who: esp.Technician},
		{Text: stepSupply, Who: esp.Engineer},
		{Text: stepCable, Who: esp.Technician},
	},
}

var undervoltage = rule{
	id: esp.Undervoltage, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleSupply, brief}, below: true, factor: 0.90, text: "voltage is down to {value}, usual {usual}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleSupply, brief}, below: true, factor: 0.93}},
	hold: 20 * time.Second, release: 2 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleInput, brief}, below: true, factor: 0.93, text: "the supply at the drive's input is down to {value}, usual {usual}"},
			weight:    1, against: "the voltage at the drive's input is as usual: look at the drive's fuses and rectifier",
		},
	},
	onset:    onset{feature: feature{roleSupply, level}, factor: 0.92},
	severity: esp.SeverityToday,
	grave:    []condition{{feature: feature{roleSupply, brief}, below: true, factor: 0.80}},
	graver:   esp.SeverityNow,
	title:    "Undervoltage",
	text:     "The supply has sunk to {value} where {usual} is usual: the motor draws more current for the same load, and the drive trips when it goes on.",
	source:   sourceSupply + " lists it among the causes of shutdowns; " + sourceMonitor + " for a delay of the order of 10 s; limits are our own, proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: "Call whoever supplies the power. Do not blame the pump.", Who: esp.Technician},
		{Text: "Watch motor current and temperature; lower the speed while it lasts if either nears its limit.", Who: esp.Engineer},
		{Text: stepCable, Who: esp.Technician},
		{Text: "Check the transformer's tap and all phases.", Who: esp.Technician},
	},
}

var overload = rule{
	id: esp.Overload, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleCurrent, brief}, rated: 1.00, text: "current is {value}, nameplate {rated}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleCurrent, brief}, rated: 0.96}},
	hold: 20 * time.Second, release: 5 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleCurrent, brief}, rated: 1.05, text: "it is more than 5 % beyond the nameplate: {value}, limit {limit}"},
			weight:    4, against: "it is within 5 % of the nameplate",
		},
		{
			condition: condition{feature: feature{roleCurrent, brief}, factor: 1.10, sigmas: 3, text: "current is {value} where {usual} is usual at this speed, limit {limit}"},
			weight:    4, against: "the current is not above what is usual here: the motor may be small for the duty",
		},
		{
			condition: condition{feature: feature{rolePower, level}, factor: 1.08, sigmas: 3, text: "power is {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "power is not higher: look at voltage and phases",
		},
		{
			condition: condition{feature: feature{roleVibration, level}, factor: 1, sigmas: 3, text: "vibration is {value}, usual {usual}, limit {limit}"},
			weight:    0.5, against: "vibration is not higher",
		},
		{
			condition: condition{feature: feature{roleMotorTemperature, change}, sigmas: 2, text: "motor temperature rose by {value} in 10 minutes, usual {usual}, limit {limit}"},
			weight:    0.5,
		},
	},
	confirmed: 0.4, // a motor that always runs at its nameplate is loaded, and no more
	yields:    []esp.DiagnosisID{esp.Stall},
	onset:     onset{feature: feature{roleCurrent, level}, factor: 1},
	severity:  esp.SeverityToday,
	grave:     []condition{{feature: feature{roleCurrent, brief}, rated: 1.10}},
	graver:    esp.SeverityNow,
	title:     "Overload",
	text:      "The motor is overloaded: current is {value}, above its nameplate of {rated}; sand or other solids, a rubbing or sticking pump, or low voltage.",
	note:      "Not while the pump starts. Without the nameplate current it is not assessed, and `transformer_ratio` is needed where only the drive's output current is measured. A motor that always runs at its nameplate is loaded, and no more. The pump is never restarted before checks.",
	source:    sourceLoad + " for 10 % above nameplate and no restart after it; " + sourceSolids + " for clogging in new wells; proven by `TestScenarioMatrix` and `TestUsualLoadAgainstNameplate`",
	steps: []esp.Step{
		{Text: "If it trips or is stopped do NOT restart after overload before checks: solids settle on a pump that stands, and a damaged cable or motor is finished by the next start.", Who: esp.Technician},
		{Text: "Compare the voltages of all phases and the drive's own warning; take a sample of the liquid and look for sand.", Who: esp.Technician},
		{Text: "Lower the speed in small steps while the pump still turns, and watch whether the current follows; decide on a clean-out.", Who: esp.Engineer},
		{Text: stepNoRestart, Who: esp.Technician},
	},
	tell: tellLoad,
}

var underload = rule{
	id: esp.Underload, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleCurrent, level}, below: true, factor: 0.85, sigmas: -6, text: "current is down to {value}, usual at this speed {usual}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleCurrent, level}, below: true, factor: 0.90}},
	hold: 15 * time.Minute, release: 10 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{rolePower, level}, below: true, factor: 0.90, text: "power is down to {value}, usual {usual}, limit {limit}"},
			weight:    2, key: true, against: "power is not lower",
		},
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.90, text: "liquid rate is down to {value}, usual {usual}, limit {limit}"},
			weight:    1, against: "liquid rate is not lower",
		},
	},
	confirmed: 0.3,
	yields:    lowLoad,
	onset:     onset{feature: feature{roleCurrent, level}, factor: 0.88},
	severity:  esp.SeverityPlan,
	title:     "Underload",
	text:      "The pump draws less than it should: current is down to {value} where {usual} is usual at this speed, and no finding says why.",
	note:      "What is left when no other finding explains a low current.",
	source:    sourceLoad + " for 15 % below running current and for its causes; " + sourceStall + " for following the running current; proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: "Check rate, tubing head and casing pressure: low rate, gas, a pump that is too large for the well or a broken shaft all unload the motor.", Who: esp.Technician},
		{Text: "Measure the fluid level where no gauge gives intake pressure.", Who: esp.Technician},
		{Text: "Check the drive's underload limit against the present current before it trips the pump by itself.", Who: esp.Engineer},
	},
	tell: tellLoad,
}

var motorOverheating = rule{
	id: esp.MotorOverheating, version: 2, turning: true, witnesses: []role{roleMotorTemperature},
	trigger: []condition{
		{feature: feature{roleMotorTemperature, heat}, factor: 1, sigmas: 6, offset: 8, text: "the motor is {value} above the liquid at its intake, usual {usual}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleMotorTemperature, heat}, factor: 1, offset: 5}},
	hold: 10 * time.Minute, release: 15 * time.Minute,
	confirm: []confirmer{
		{
			condition: condition{feature: feature{roleRate, level}, below: true, factor: 0.92, text: "liquid rate is down to {value}, usual {usual}: less cooling"},
			weight:    1, against: "as much liquid flows past the motor as usual",
		},
		{
			condition: condition{feature: feature{roleCurrent, level}, factor: 1.05, sigmas: 3, text: "current is {value}, usual {usual}: more load"},
			weight:    1, against: "the motor is not loaded more",
		},
	},
	yields:   hot,
	awaits:   hot,
	onset:    onset{feature: feature{roleMotorTemperature, level}, factor: 1},
	severity: esp.SeverityToday,
	grave:    []condition{{feature: feature{roleMotorTemperature, climb}, fixed: 18}},
	graver:   esp.SeverityNow,
	title:    "Motor overheating",
	text:     "The motor is {value} warmer than the liquid at its intake, where {usual} is usual: it loses its cooling or carries more load.",
	note:     "Where another finding says why the motor is warm, that one is told instead. It is compared with what is usual at the highest speed of the last half hour, and has to be read twice.",
	source:   "own: 8 °C or six standard deviations above what is usual between motor and liquid; proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: "Watch motor temperature; stop the pump at the drive before it reaches its limit. Then wait out backspin and leave 30 to 60 min before a start.", Who: esp.Technician},
		{Text: "Check that liquid flows past the motor: rate, tubing head pressure, valves at the wellhead.", Who: esp.Technician},
		{Text: "Check load, voltage and gas; lower the speed a little and see whether the temperature follows.", Who: esp.Engineer},
	},
}

var windingRise = rule{
	id: esp.WindingRise, version: 1, turning: true,
	trigger: []condition{
		{feature: feature{roleMotorTemperature, climb}, fixed: 10, text: "motor temperature rises by {value} per hour, limit {limit} per hour"},
		{feature: feature{roleMotorTemperature, level}, factor: 1, sigmas: 4, text: "it is {value}, usual {usual}, limit {limit}"},
	},
	stay: []condition{{feature: feature{roleMotorTemperature, climb}, fixed: 5}},
	hold: 2 * time.Minute, release: time.Hour, // it may rise in waves
	yields:   append([]esp.DiagnosisID{esp.MotorOverheating}, hot...),
	awaits:   hot,
	onset:    onset{feature: feature{roleMotorTemperature, level}, factor: 1},
	severity: esp.SeverityToday,
	grave:    []condition{{feature: feature{roleMotorTemperature, climb}, fixed: 18}},
	graver:   esp.SeverityNow,
	title:    "Motor temperature rises fast",
	text:     "Motor temperature rises by {value} per hour: the rate comes before the level, and at 18 °C per hour the pump should stop.",
	note:     "The rate comes before the level. It is taken over 20 min (or six polls, if that is longer). A motor that warms up after a start is left out.",
	source:   "comments of experts on a recorded leak, whose motor rose by 18 to 20 °C per hour; the warning at 10 °C per hour is our own, proven by `TestElectricFindings`",
	steps: []esp.Step{
		{Text: "Look at rate and tubing head pressure now: does the pump still move liquid, are the valves open?", Who: esp.Technician},
		{Text: "Stop the pump at the drive before the motor reaches its limit, or at once where it rises by 18 °C per hour or more.", Who: esp.Technician},
		{Text: "Then wait out backspin and leave 30 to 60 min before a start.", Who: esp.Technician},
	},
}
