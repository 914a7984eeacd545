package diagnosis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// roleWords names the roles for people.
var roleWords = [roleCount]string{
	roleCurrent:           "motor current",
	roleFrequency:         "the drive's frequency",
	rolePower:             "power",
	roleSupply:            "supply voltage",
	roleIntake:            "intake pressure",
	roleDischarge:         "discharge pressure",
	roleDP:                "the pressure that the pump builds",
	roleMotorTemperature:  "motor temperature",
	roleVibration:         "vibration",
	roleTubingHead:        "tubing head pressure",
	roleRate:              "liquid rate",
	roleInput:             "voltage at the drive's input",
	roleIntakeTemperature: "intake temperature",
	roleLeakage:           "leakage current",
	roleInsulation:        "insulation resistance",
	roleUnbalance:         "unbalance of the phase currents",
	roleSupplyUnbalance:   "unbalance of the supply's voltages",
	roleSetpoint:          "the frequency setpoint",
	roleOutlet:            "the pressure behind the pump",
	roleRunning:           "run time",
}

// saying is how a measure is said. %s of a clause stands for the role, %l for the limits.
type saying struct {
	name       string // of the measure of a role, for the onset and the glossary
	above      string // the clause of a value beyond its limits
	below      string
	notBelow   string // of a movement that is not beyond a negative limit
	notAbove   string
	spread     string // what a noise is
	unit       string // of a fixed limit, where it is not the unit of the role
	what       string // the measure, for the glossary
	atLeastOne bool   // a count: the limit is told as the first whole number beyond it
}

const (
	deviations = "standard deviations"
	swings     = "usual swings"
)

// measureWords says the measures.
var measureWords = [measureCount]saying{
	level:    {name: "%s", above: "%s is above %l", below: "%s is below %l", spread: deviations, what: "median of the last two minutes, against what is usual at this speed"},
	brief:    {name: "%s of half a minute", above: "%s of the last half minute is above %l", below: "%s of the last half minute is below %l", spread: deviations, what: "median of the last half minute, against what is usual at this speed"},
	excess:   {name: "%s", above: "%s is above usual at this speed by more than %l", below: "%s is below usual at this speed by more than %l", notBelow: "%s is not below usual by more than %l", spread: deviations, what: "what the last two minutes are more than usual at this speed"},
	swing:    {name: "the swing of %s", above: "%s swings by more than %l", below: "%s swings by less than %l", spread: swings, what: "scaled median deviation about the trend of ten minutes; usual is that of this well"},
	change:   {name: "the change of %s", above: "%s has risen in 10 minutes by more than %l", below: "%s has fallen in 10 minutes by more than %l", spread: swings, what: "what the trend of ten minutes moved"},
	restless: {name: "%s", above: "%s was restless in more than %l of the last 10 minutes", unit: " ", what: "minutes in which the value left its trend by twice its usual swing: a single step does so in one or two"},
	erratic:  {name: "%s", above: "%s was restless in more than %l of the last 30 minutes", unit: " "},
	shift:    {name: "%s", above: "%s has shifted up by more than %l", below: "%s has shifted down by more than %l", notBelow: "%s has not shifted down by more than %l", spread: deviations, what: "the last five minutes less the twelve hours before the last hour ([above](#what-is-usual))"},
	drift:    {name: "%s", above: "%s has drifted up by more than %l", below: "%s has drifted down by more than %l", notBelow: "%s has not drifted down by more than %l", spread: deviations, what: "the last three hours less the older half of the week, at this speed"},
	trending: {name: "%s", above: "the trend of %s over three days is up by more than %l", below: "the trend of %s over three days is down by more than %l", what: "the slope of Theil and Sen over three days, none unless Mann and Kendall are sure of it"},
	beyond:   {name: "%s", above: "that trend of %s, and its last eight hours, lie above all that it was in the older half of the week by more than %l", below: "that trend of %s, and its last eight hours, lie below all that it was in the older half of the week by more than %l", what: "by how much the line of the trend ends, and the last eight hours lie, outside of all that the older half of the week was for as long"},
	jump:     {name: "%s", above: "%s has risen by more than %l within 3 minutes of the last 30", below: "%s has fallen by more than %l within 3 minutes of the last 30", spread: deviations},
	rebound:  {name: "%s", above: "%s stands above the lowest five minutes of the last two hours by more than %l", spread: deviations},
	heat:     {name: "%s", above: "the motor is warmer than the liquid at the intake by more than %l", spread: deviations},
	climb:    {name: "%s", above: "%s rises by more than %l", unit: "°C per hour", what: "how fast it rises, over 20 minutes or six polls"},
	sag:      {name: "%s", below: "%s fell in a dip below %l before it"},
	sags:     {above: "the supply dipped at least %l times in an hour", unit: " ", atLeastOne: true},
	reversals: {
		above: "%s turned back more than %l times in 10 minutes", unit: " ",
	},
	silence:   {above: "the drive has not answered for longer than %l"},
	running:   {below: "the pump was started less than %l ago"},
	stalled:   {above: "a rotor was seen that does not turn"},
	tripped:   {above: "the drive stands on a fault"},
	reversing: {above: "the drive sees the motor turn without being driven"},
	trouble:   {above: "a downhole signal cannot be used"},
}

// say puts a condition in words.
func (c *condition) say() string {
	m := c.feature.measure
	w := &measureWords[m]
	switch m {
	case starts:
		return fmt.Sprintf("there were more than %d starts in an hour or %d in a day", startsHour, startsDay)
	case silence:
		if c.factor == 0 {
			return "the drive does not answer"
		}
		return fill2(w.above, c.feature.role, fmt.Sprintf("%s and %s polls", spanOf(c.fixed), plain(c.factor)))
	case running:
		return fill2(w.below, c.feature.role, spanOf(c.fixed))
	default:
	}
	sign, clause := 1.0, w.above
	if c.below {
		clause = w.below
	}
	if !c.needsUsual() && c.rated == 0 && w.atLeastOne {
		return fill2(clause, c.feature.role, plain(math.Floor(c.fixed)+1))
	}
	if m.movement() {
		if c.negative() != c.below {
			clause = w.notAbove
			if !c.below {
				clause = w.notBelow
			}
		}
		if c.negative() {
			sign = -1
		}
	}
	if clause == "" {
		panic(fmt.Sprintf("no words for %+v", *c))
	}
	return fill2(clause, c.feature.role, c.limits(sign))
}

// movement reports whether a measure is a difference, so that usual is none.
func (m measure) movement() bool {
	return m.relative() || m == change || m == trending || m == beyond || m == jump || m == rebound
}

// negative reports whether a condition's limits are below none; they have one sign.
func (c *condition) negative() bool {
	up, down := false, false
	for _, v := range []float64{c.sigmas, c.share, c.fixed} {
		up, down = up || v > 0, down || v < 0
	}
	if up && down {
		panic(fmt.Sprintf("limits of both signs: %+v", *c))
	}
	return down
}

// limits puts the terms of a limit in words; a value is beyond all of them.
func (c *condition) limits(sign float64) string {
	w := &measureWords[c.feature.measure]
	var terms []string
	add := func(s string) { terms = append(terms, s) }
	if c.share != 0 {
		of := ""
		if !c.feature.measure.movement() {
			of = " of its level"
		}
		add(percentOf(sign*c.share) + of)
	}
	if c.fixed != 0 {
		add(c.amount(sign * c.fixed))
	}
	switch {
	case c.feature.measure.movement():
		if c.sigmas != 0 {
			add(plain(sign*c.sigmas) + " " + w.spread)
		}
	case c.factor != 0 || c.sigmas != 0:
		add2 := func(tail string) { add(strings.TrimSpace(usualTimes(c.factor, c.feature.measure) + tail)) }
		if c.sigmas != 0 {
			add2(fmt.Sprintf(" %s %s %s", moreOrLess(c.sigmas), plain(math.Abs(c.sigmas)), w.spread))
		} else if c.offset == 0 {
			add2("")
		}
		if c.offset != 0 {
			add2(fmt.Sprintf(" %s %s", moreOrLess(c.offset), c.amount(math.Abs(c.offset))))
		}
	default:
	}
	if c.own {
		add("what the well [does by itself](#what-is-usual)")
	}
	if c.rated != 0 {
		add(nameplate(c.rated))
	}
	return listOf(terms)
}

// amount is a fixed limit with its unit.
func (c *condition) amount(v float64) string {
	if u := measureWords[c.feature.measure].unit; u != "" {
		return strings.TrimSpace(plain(v) + " " + u)
	}
	return roleSignals[c.feature.role][0].Info().Unit.Label(plain(v))
}

func moreOrLess(v float64) string {
	if v < 0 {
		return "less"
	}
	return "plus"
}

// usualTimes is a multiple of the usual value.
func usualTimes(factor float64, m measure) string {
	what := "usual"
	if m == sag {
		what = "the voltage"
	}
	switch {
	case factor == 1:
		return what
	case factor >= 2:
		return plain(factor) + " times " + what
	default:
		return percentOf(factor) + " of " + what
	}
}

func nameplate(share float64) string {
	if share == 1 {
		return "the nameplate"
	}
	return percentOf(share) + " of the nameplate"
}

func fill2(clause string, r role, limits string) string {
	return strings.NewReplacer("%s", roleWords[r], "%l", limits).Replace(clause)
}

// plain writes a number as short as it is.
func plain(v float64) string { return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64) }

func percentOf(share float64) string { return plain(share*100) + " %" }

func spanOf(seconds float64) string { return esp.Span(time.Duration(seconds * float64(time.Second))) }

func listOf(terms []string) string {
	if n := len(terms); n > 1 {
		return strings.Join(terms[:n-1], ", ") + " and " + terms[n-1]
	}
	return strings.Join(terms, "")
}

// sayAll puts conditions that hold together in words.
func sayAll(all []condition) string {
	var out []string
	for i := range all {
		out = append(out, all[i].say())
	}
	return strings.Join(out, "; and ")
}
