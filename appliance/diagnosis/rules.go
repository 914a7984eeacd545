package diagnosis

import "slices"

// Limits that more than one rule uses.
const (
	swingsMore   = 3.0    // times the own baseline
	swingsStay   = 2.0    // hysteresis of the same
	swingShare   = 0.012  // of the level: quieter than this is no disturbance at all
	quietShare   = 0.001  // the same for downhole pressures
	huntingShare = 0.0025 // spread of frequency of a hunting drive; more than 1 % is a change of speed
)

// Texts for work at the well. "Vent" does not occur: gas may carry H2S, and packers
// and check valves decide what the casing can do.
const (
	stepCasing = "Check that the casing valve to the flowline is open and its check valve free; compare casing pressure with its usual value. Keep the gas in the line: it may contain H2S."
	stepValve  = "Closed-valve test: shut the wing valve with the pump running for at most 2 min, and open it at once at the pressure limit that the engineer has set for tubing, wellhead and line. A sound pump and tubing raise tubing head pressure steadily to the shut-in head; a leak or a pump without head does not."
	stepUnlock = "Lower the speed by about 10 % for 15 min, if the engineer agrees: a gas lock lets go and the head comes back, a broken shaft answers to nothing."
	stepCable  = "Before any work at the drive or the cable: isolate and lock out, prove dead, wait out backspin. A spinning permanent-magnet motor makes lethal voltage."
)

// rules is the catalogue of this release, docs/diagnosis.md in data: one list for each
// family of faults. Of a group the rule with the highest rank stands first.
var rules = slices.Concat(gasRules, pumpRules, inflowRules, electricRules, gaugeRules, linkRules)
