package diagnosis

import (
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// role is a quantity that rules speak of; which signal plays it depends on what the
// well has.
type role uint8

const (
	roleCurrent role = iota
	roleFrequency
	rolePower
	roleSupply
	roleIntake
	roleDischarge
	roleDP
	roleMotorTemperature
	roleVibration
	roleTubingHead
	roleRate
	roleInput
	roleIntakeTemperature
	roleLeakage
	roleInsulation
	roleUnbalance
	roleSupplyUnbalance
	roleSetpoint
	// roleOutlet is the pressure behind the pump, wherever it is measured.
	roleOutlet
	// roleRunning is the pump itself.
	roleRunning
	roleCount
)

// roleSignals lists, for each role, the signals that can play it, best first.
var roleSignals = [roleCount][]esp.SignalID{
	roleCurrent:           {esp.MotorCurrent, esp.OutputCurrent, esp.OutputCurrentA, esp.OutputCurrentB, esp.OutputCurrentC},
	roleFrequency:         {esp.DriveFrequency},
	rolePower:             {esp.OutputPower, esp.MotorLoad},
	roleSupply:            {esp.DCBusVoltage, esp.InputVoltage},
	roleIntake:            {esp.IntakePressure},
	roleDischarge:         {esp.DischargePressure},
	roleDP:                {esp.PumpDP},
	roleMotorTemperature:  {esp.MotorTemperature, esp.MotorTemperatureMax, esp.MotorTemperature2},
	roleVibration:         {esp.VibrationX, esp.VibrationY, esp.VibrationZ},
	roleTubingHead:        {esp.TubingHeadPressure},
	roleRate:              {esp.LiquidRate},
	roleInput:             {esp.InputVoltage},
	roleIntakeTemperature: {esp.IntakeTemperature},
	roleLeakage:           {esp.LeakageCurrent},
	roleInsulation:        {esp.InsulationResistance},
	roleUnbalance:         {esp.CurrentUnbalance},
	roleSupplyUnbalance:   {esp.InputVoltageUnbalance},
	roleSetpoint:          {esp.FrequencySetpoint},
	roleOutlet:            {esp.DischargePressure, esp.TubingHeadPressure},
	roleRunning:           {esp.RunHours},
}

// measure is what a condition looks at in a role.
type measure uint8

const (
	// level is the median of the last two minutes against the usual one.
	level measure = iota
	// swing is the scaled MAD about the trend of ten minutes against the usual one.
	swing
	// change is what the trend moved in ten minutes; usual is none.
	change
	// restless counts the minutes of the last ten in which the value left its trend by
	// twice its usual swing: a single step does so in one or two.
	restless
	// erratic is the same over the last thirty minutes.
	erratic
	// silence is how long the drive has not answered, in seconds; usual is one poll.
	silence
	// brief is the median of the last half minute against the usual one.
	brief
	// heat is how much warmer the motor is than the liquid at the intake.
	heat
	// climb is how fast a temperature rises, per hour.
	climb
	// sag is the lowest voltage of the last dip of the supply against the one before it.
	sag
	// sags counts the dips of the last hour.
	sags
	// reversals counts how often a value turned back in ten minutes.
	reversals
	// starts is the number of starts in an hour or in a day, in shares of what is allowed.
	starts
	// stalled is for how long a rotor was seen not to turn, in seconds.
	stalled
	// tripped is 1 while the drive stands on a fault.
	tripped
	// reversing is 1 while the liquid that falls back turns the pump.
	reversing
	// trouble is the number of downhole signals that cannot be used.
	trouble
	// excess is what the level is more than usual; usual is none.
	excess
	// shift is what the last five minutes are more than the twelve hours before the last
	// hour, or than what stands in for them after a start or a change of speed; usual is
	// none. A change of speed within them widens the limit.
	shift
	// drift is what the last hours are more than the older half of the last week, at
	// this speed; usual is none.
	drift
	// trending is by how much the last three days moved along their slope of Theil and
	// Sen, and none unless Mann and Kendall are sure that they moved.
	trending
	// beyond is by how much the line of the trend ends, and the last eight hours lie,
	// outside of all that the older half of the last week was for as long, at this speed:
	// none within it.
	beyond
	// jump is the largest change within three minutes of the last thirty; usual is none.
	jump
	// rebound is by how much the last five minutes stand above the lowest five of the
	// last two hours; usual is none.
	rebound
	// running is how long the pump runs since a start that was seen, in seconds.
	running
	measureCount
)

// ofRole reports whether a measure looks at the signal of its role; others look at
// the drive or the gauge as a whole.
func (m measure) ofRole() bool {
	switch m {
	case silence, running, starts, tripped, reversing, trouble:
		return false
	default:
		return true
	}
}

// own reports whether a measure has its own way to be computed, words and counts apart.
func (m measure) own() bool { return m >= brief && m <= trouble }

// relative reports whether a measure is a difference from the usual level, which
// people want to read as a level.
func (m measure) relative() bool { return m == excess || m == shift || m == drift }

type feature struct {
	role    role
	measure measure
}

// condition compares a feature with a limit. The limit is the largest (above) or the
// smallest (below) of the terms that are set:
//
//	factor·usual + sigmas·noise,  factor·usual + offset,  share·level,  own swell,  rated·nameplate,  fixed
//
// It is met beyond the limit; a condition whose feature, baseline or nameplate is
// missing is neither met nor failed.
type condition struct {
	feature feature
	below   bool
	factor  float64
	sigmas  float64
	offset  float64
	share   float64
	rated   float64
	fixed   float64
	own     bool // beyond what the well does by itself
	// text is the clause of evidence, with {value}, {usual} and {limit}; it says what
	// was found, not what was sought.
	text string
}

// confirmer is a condition that speaks for a finding without deciding it.
type confirmer struct {
	condition
	weight float64
	// key: without this signal the finding cannot be more than possible.
	key bool
	// against says what it means that the condition is not met; empty: nothing.
	against string
	// bonus: it counts where it is met and does not where it is not.
	bonus bool
}

// rival is another finding that the readings may mean.
type rival struct {
	id esp.DiagnosisID
	// unless refutes it: one of these that is met.
	unless []condition
	// separate says what to measure to tell the two apart.
	separate string
}

// exclusion is something else that looks the same; all its conditions met together
// speak for the other thing and against the rule.
type exclusion struct {
	name string
	all  []condition
}

// onset says how the beginning of a finding is read from the minutes before it was
// raised: backwards while the minute is beyond factor times usual; of what rises, by three
// standard deviations too.
type onset struct {
	feature feature // level, swing, shift or drift
	// factor is the part of usual for a level or swing, of the whole change for a shift
	// or drift, beyond which it had begun.
	factor float64
}

// group of rules of which one explains the readings.
type group uint8

const (
	alone       group = iota
	groupGas          // free gas
	groupLift         // more pressure before the pump or less head from it
	groupInflow       // less pressure before the pump
	groupCount
)

// rule is one row of the table.
type rule struct {
	id      esp.DiagnosisID
	version int
	// group: of the rules of one group at most one is open, the one with the highest
	// rank; it supersedes the others. Within the table they stand by rank.
	group group
	rank  int
	// slowly: it is enough to look every half minute.
	slowly bool
	// information: it is no fault; what is usual is learned on while it is open.
	information bool
	// witnesses have to be read again between the trigger and the raise where the well
	// has them: a pump that just stopped looks like a leak until its drive is polled.
	witnesses []role
	// turning: the rule speaks of a turning pump and waits while it stands.
	turning bool
	// after is how long after a start or change of speed the rule does not look.
	after time.Duration

	// history is how far back the first need has to be remembered.
	history time.Duration
	needs   []role // without these the rule is not assessed
	trigger []condition
	stay    []condition // an open finding stays while these are met; wider than trigger
	hold    time.Duration
	release time.Duration
	confirm []confirmer
	// confirmed is the share of the available confirming weight that has to speak for
	// it before it is raised.
	confirmed float64
	exclude   []exclusion
	rivals    []rival // the likeliest first
	// yields names findings that explain this one: while one of them is open it is not
	// raised, and ends. One cause, one finding.
	yields []esp.DiagnosisID
	// awaits names those among them that are waited for while they are about to be
	// raised, for as long as they hold: the cause stands first.
	awaits []esp.DiagnosisID
	onset  onset
	// rests is how long the finding waits for a pump that stands, two hours where it is
	// not set, and rested why it is over then.
	rests  time.Duration
	rested string

	severity esp.Severity
	// grave: one of these met makes the finding as urgent as graver says.
	grave  []condition
	graver esp.Severity
	over   string // the sentence with which it ends; empty: the usual one
	// facet numbers what the description depends on beside its numbers: another one is
	// told at once.
	facet func(e *Engine, now int64) uint64
	// tell completes the description by what is no number of a feature, such as the
	// words of a drive's code.
	tell  func(e *Engine, d *esp.Diagnosis, now int64)
	title string // "Gas lock"; the confidence is added
	text  string // one sentence with {value}, {usual} and {limit} of the first trigger
	// note is for docs/diagnosis.md: what a reader needs beside what the fields say.
	note string
	// source is where course and limits come from, and what proves those of our own.
	source string
	steps  []esp.Step
}

// finding is the life of one rule.
type finding struct {
	metAt      int64 // since when trigger and confirmation hold; 0: not
	goneAt     int64 // since when an open finding's conditions are gone; 0: not
	pausedAt   int64 // since when an open finding waits for the pump to turn; 0: not
	confAt     int64 // since when another confidence is seen; 0: not
	confNext   esp.Confidence
	suspicious bool // the trigger alone is met: nothing is learned
	open       bool
	facet      uint64 // of the description
	diagnosis  esp.Diagnosis
}

// reading is an evaluated feature.
type assessment struct {
	value, usual, noise, level float64
	rated                      float64 // by the nameplate; NaN where it was not entered
	slack, slackBelow          float64 // what the limit is widened by, upwards and downwards
	swell                      float64 // how far the well goes by itself; NaN where that is not asked for
	since                      since   // what a shift is measured from
	ok                         bool    // there is a value
	based                      bool    // there is a usual one
}

// outcome of a condition.
type outcome struct {
	assessment
	limit      float64
	met, known bool
}

func (c *condition) judge(a assessment) outcome {
	o := outcome{assessment: a, limit: math.NaN()}
	if !a.ok || (c.needsUsual() && !a.based) || (c.rated != 0 && !(a.rated > 0)) {
		return o
	}
	o.known = true
	o.limit = c.limit(&a)
	if c.below {
		o.limit -= a.slackBelow
		o.met = a.value < o.limit
	} else {
		o.limit += a.slack
		o.met = a.value > o.limit
	}
	return o
}

func (c *condition) needsUsual() bool {
	return c.factor != 0 || c.sigmas != 0 || c.share != 0 || c.offset != 0
}

func (c *condition) limit(a *assessment) float64 {
	pick := math.Max
	if c.below {
		pick = math.Min
	}
	limit := math.NaN()
	add := func(v float64) {
		if math.IsNaN(limit) {
			limit = v
			return
		}
		limit = pick(limit, v)
	}
	if c.factor != 0 || c.sigmas != 0 {
		v := c.factor * a.usual
		if c.sigmas != 0 {
			v += c.sigmas * a.noise
		}
		if c.sigmas != 0 || c.offset == 0 {
			add(v)
		}
	}
	if c.offset != 0 {
		add(c.factor*a.usual + c.offset)
	}
	if c.share != 0 {
		add(c.share * a.level)
	}
	if c.own && !math.IsNaN(a.swell) {
		add(a.swell)
	}
	if c.rated != 0 {
		add(c.rated * a.rated)
	}
	if c.fixed != 0 || math.IsNaN(limit) {
		add(c.fixed)
	}
	return limit
}

// absolute gives the numbers of a relative measure as levels, as people read them.
func (o *outcome) absolute(m measure) outcome {
	x := *o
	if m.relative() {
		x.value += o.level
		x.usual += o.level
		x.limit += o.level
	}
	return x
}
