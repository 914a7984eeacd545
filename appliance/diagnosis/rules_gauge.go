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
	note:     gaugeNote,
	source:   "own, from the dead gauges and doubled records of recorded wells; proven by `TestFieldBGaugeFaults` and `TestGaugeFaultPatterns`",
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

const gaugeNote = "Found by the gate: whatever it does not let pass of the downhole signals is one finding, not one for each: after 10 s, at once for a signal that is polled more rarely than every minute. It names the signals, the pattern in words, and since when (a frozen gauge since its last change):\n\n" +
	"| Pattern | What stands behind it |\n|---|---|\n" +
	"| negative number read as unsigned | the profile is wrong: a register holds a small negative number and is read as unsigned (65436 for −100); make the point signed (`s16`) |\n" +
	"| no answer, no values | the panel is not read, or says itself that it has nothing from downhole |\n" +
	"| zero pressure, dead temperature, full scale | what dead gauges and panels write |\n" +
	"| frozen | packet counter or all values stand still |\n" +
	"| doubled values | a gateway or historian has written a record twice over |\n" +
	"| implausible values, impossible jumps | wrong scale or word order, a bad connection |\n" +
	"| dead | the rest of a record whose pressures and temperatures died |\n" +
	"| comes and goes | three times in an hour, or more than 15 % of the readings |\n" +
	"| damaged transmissions | good values when they come, but many are lost on the way |\n\n" +
	"A sensor that has never given anything but the \"no value\" marker is taken as not fitted. While it lasts, findings that need the gauge are listed as not assessed, what is still watched from drive and wellhead is listed too, an open finding that can no longer be seen stays as it is, and the separate alarms for the lost signals give way to this one."

// gaugeRemedies come first where the pattern says what to do.
var gaugeRemedies = map[pattern]esp.Step{
	patternUnsigned: {Text: "Make the point signed (type s16 in place of u16) in the device's profile: the register holds a small negative number. The gauge may be dead behind it: it then reports a value below zero.", Who: esp.Engineer},
	patternSilent:   {Text: "Check the gauge panel's supply and the line to it: plugs, address, converter.", Who: esp.Technician},
	patternDoubled:  {Text: "Look at what writes the record between gauge and appliance (gateway, historian): it has written some values twice over.", Who: esp.Engineer},
	patternRange:    {Text: "Compare one value with the panel's display: a wrong scale or word order in the profile gives values that no well has.", Who: esp.Engineer},
}
