package diagnosis

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// gaugeRules speak of what measures downhole.
var gaugeRules = []rule{gaugeFault}

// gaugeFault is fed by the gate: what it does not let pass, one finding for all of it.
var gaugeFault = rule{
	id: esp.GaugeFault, version: 1,
	trigger:  []condition{{feature: feature{roleIntake, trouble}, fixed: 0.9}},
	stay:     []condition{{feature: feature{roleIntake, trouble}, fixed: 0.1}},
	release:  30 * time.Second,
	onset:    onset{feature: feature{roleIntake, trouble}},
	severity: esp.SeverityPlan,
	title:    "Gauge fault",
	text:     "The downhole gauge gives no usable values.",
	over:     "The downhole gauge gives usable values again.",
	steps: []esp.Step{
		{Text: "Keep the pump running: it is judged by drive and wellhead. Check that the drive's own overload, underload and motor limits are set, because no downhole limit protects it now.", Who: esp.Technician},
		{Text: "Compare with the gauge panel's own display: where it shows good values, the line or the profile is wrong; where it shows the same, the gauge or its path is.", Who: esp.Technician},
		{Text: "Check the panel's supply and fuses and its connection to the drive's star point, as the gauge maker says. " + stepCable, Who: esp.Technician},
		{Text: "Measure insulation only with drive and gauge panel disconnected, and with the polarity and voltage that the gauge maker allows: a megger destroys gauges.", Who: esp.Technician},
	},
	facet: (*Engine).gaugeFacet,
	tell:  tellGauge,
}

// gaugeRemedies come first where the pattern says what to do.
var gaugeRemedies = map[pattern]esp.Step{
	patternUnsigned: {Text: "Make the point signed (type s16 in place of u16) in the device's profile: the register holds a small negative number. The gauge may be dead behind it: it then reports a value below zero.", Who: esp.Engineer},
	patternSilent:   {Text: "Check the gauge panel's supply and the line to it: plugs, address, converter.", Who: esp.Technician},
	patternDoubled:  {Text: "Look at what writes the record between gauge and appliance (gateway, historian): it has written some values twice over.", Who: esp.Engineer},
	patternRange:    {Text: "Compare one value with the panel's display: a wrong scale or word order in the profile gives values that no well has.", Who: esp.Engineer},
}
