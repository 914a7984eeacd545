package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// linkRules speak of what does not answer.
var linkRules = []rule{communicationLost}

var communicationLost = rule{
	id: esp.CommunicationLost, version: 1,
	trigger: []condition{
		{feature: feature{roleFrequency, silence}, factor: 5, fixed: 30, text: "the drive has not answered for {value}, usual {usual}, limit {limit}"},
	},
	stay:    []condition{{feature: feature{roleFrequency, silence}, fixed: 0.001}},
	release: 10 * time.Second,
	onset:   onset{feature: feature{roleFrequency, silence}},

	severity: esp.SeverityToday,
	over:     "Contact with the drive is back.",
	title:    "No contact with the drive",
	text:     "The drive has not answered for {value}: what the pump does is not known here. The drive goes on protecting it.",
	note:     "The state of the pump is *unknown* after 10 s (or three polls). Other findings stay as they are meanwhile.",
	source:   "own, proven by `TestCommunicationLost`",
	steps: []esp.Step{
		{Text: "Look at the drive's own panel: is the pump running?", Who: esp.Technician},
		{Text: stepCable, Who: esp.Technician},
		{Text: "Check the supply of the drive's control part and the line between drive and appliance: plugs, converter, gateway, radio.", Who: esp.Technician},
	},
}
