package esp

import (
	"encoding/json"
	"math"
	"time"
)

// Number is a float64 that JSON writes as null where there is none (NaN).
type Number float64

// NoNumber is the absent number.
func NoNumber() Number { return Number(math.NaN()) }

// MarshalJSON writes null for NaN and the infinities.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = NoNumber()
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Severity of a diagnosis, by time to damage: now (minutes), today (hours), plan
// (days), info (never an alarm).
type Severity string

// Severities.
const (
	SeverityNow   Severity = "now"
	SeverityToday Severity = "today"
	SeverityPlan  Severity = "plan"
	SeverityInfo  Severity = "info"
)

// Priority is the alarm priority that goes with s: 1 for now, 2 for today, 3 for plan,
// and 0 for information, which is never an alarm.
func (s Severity) Priority() int {
	switch s {
	case SeverityNow:
		return 1
	case SeverityToday:
		return 2
	case SeverityPlan:
		return 3
	case SeverityInfo:
	}
	return 0
}

// Confidence in a diagnosis, in words; never a percentage.
type Confidence string

// Confidences.
const (
	Likely   Confidence = "likely"
	Possible Confidence = "possible"
	Weak     Confidence = "weak"
)

// Change says what happened to an alarm or a diagnosis.
type Change string

// Changes.
const (
	Raised  Change = "raised"
	Updated Change = "updated" // still open, with other severity, confidence or text
	Cleared Change = "cleared"
)

// DiagnosisID names a diagnosis, for example "gas_lock". The ids are stable: stored,
// forwarded and used in queries.
type DiagnosisID string

// Diagnosis ids that this release can find.
const (
	GasInterference   DiagnosisID = "gas_interference"
	GasLock           DiagnosisID = "gas_lock"
	TubingLeak        DiagnosisID = "tubing_leak"
	BackPressure      DiagnosisID = "back_pressure"
	InflowDecrease    DiagnosisID = "inflow_decrease"
	InflowIncrease    DiagnosisID = "inflow_increase"
	PumpOff           DiagnosisID = "pump_off"
	LowIntakePressure DiagnosisID = "low_intake_pressure"
	ClosedValve       DiagnosisID = "closed_valve"
	BrokenShaft       DiagnosisID = "broken_shaft"
	PumpWear          DiagnosisID = "pump_wear"
	ScaleDeposit      DiagnosisID = "scale"
	ReverseRotation   DiagnosisID = "reverse_rotation"
	CommunicationLost DiagnosisID = "communication_lost"
	GaugeFault        DiagnosisID = "gauge_fault"
	PowerDip          DiagnosisID = "power_dip"
	PowerFluctuation  DiagnosisID = "power_fluctuation"
	Undervoltage      DiagnosisID = "undervoltage"
	Overload          DiagnosisID = "overload"
	Underload         DiagnosisID = "underload"
	MotorOverheating  DiagnosisID = "motor_overheating"
	WindingRise       DiagnosisID = "winding_rise"
	UnbalancedCurrent DiagnosisID = "current_unbalance"
	VoltageUnbalance  DiagnosisID = "voltage_unbalance"
	Insulation        DiagnosisID = "insulation"
	UnstableDrive     DiagnosisID = "unstable_drive"
	ExcessStarts      DiagnosisID = "excess_starts"
	Stall             DiagnosisID = "stall"
	BackspinSeen      DiagnosisID = "backspin"
	DriveFault        DiagnosisID = "drive_fault"
)

// Evidence is one number that a diagnosis rests on.
type Evidence struct {
	Signal   string `json:"signal"` // canonical name, or a feature of it such as motor_current_swing
	Text     string `json:"text"`   // one clause for people, numbers included, stored units
	Unit     Unit   `json:"unit"`
	Value    Number `json:"value"`
	Baseline Number `json:"baseline"` // what is usual for this pump; null where not known
	Limit    Number `json:"limit"`    // what it is judged against; null where there is none
}

// Who may do a step.
type Who string

// Who may do a step.
const (
	Technician Who = "technician"
	Engineer   Who = "engineer" // an engineer decides
)

// Step is one thing to do, and who may do it.
type Step struct {
	Text string `json:"text"`
	Who  Who    `json:"who"`
}

// Diagnosis is one change of one finding, complete in itself.
type Diagnosis struct {
	Well        WellID      `json:"well"`
	Time        time.Time   `json:"time"`
	ID          DiagnosisID `json:"id"`
	Change      Change      `json:"state"`
	Severity    Severity    `json:"severity"`
	Confidence  Confidence  `json:"confidence"`
	Onset       time.Time   `json:"onset"`
	Title       string      `json:"title"` // a few words: "Gas interference likely"
	Text        string      `json:"text"`  // one sentence
	Evidence    []Evidence  `json:"evidence"`
	Against     []string    `json:"against,omitempty"`      // what argues against it
	NotAssessed []string    `json:"not_assessed,omitempty"` // canonical names that were missing
	Steps       []Step      `json:"steps"`                  // the first is what to do first
	// RunnerUp is what the readings may mean instead, and Separate what to measure to
	// tell the two apart; both are empty where nothing else explains the readings.
	RunnerUp    DiagnosisID `json:"runner_up,omitempty"`
	Separate    string      `json:"separate,omitempty"`
	Rule        string      `json:"rule"`
	RuleVersion int         `json:"rule_version"`
}

// AlarmState is the ISA-18.2 state of an alarm.
type AlarmState string

// Alarm states.
const (
	AlarmNormal         AlarmState = "normal"
	AlarmUnacknowledged AlarmState = "unacknowledged"
	AlarmAcknowledged   AlarmState = "acknowledged"
	AlarmReturned       AlarmState = "returned_unacknowledged"
	AlarmShelved        AlarmState = "shelved"
	AlarmSuppressed     AlarmState = "suppressed"
	AlarmOutOfService   AlarmState = "out_of_service"
)

// Alarm is one change of one alarm, complete in itself.
type Alarm struct {
	Well     WellID     `json:"well"`
	Time     time.Time  `json:"time"`
	ID       string     `json:"id"` // for a limit signal_low or signal_high; else the diagnosis id
	Change   Change     `json:"change"`
	State    AlarmState `json:"state"`
	Priority int        `json:"priority"` // 1 (highest) to 3
	Since    time.Time  `json:"since"`    // when the condition began
	Signal   string     `json:"signal,omitempty"`
	Unit     Unit       `json:"unit,omitempty"`
	Value    Number     `json:"value"`
	Limit    Number     `json:"limit"`
	Title    string     `json:"title"` // "Intake pressure low"
	Text     string     `json:"text"`
}

// Event is something that happened and asks for nothing.
type Event struct {
	Well WellID    `json:"well,omitempty"`
	Time time.Time `json:"time"`
	ID   string    `json:"id"` // state_changed, appliance_started, configuration_changed, …
	Text string    `json:"text"`
	From State     `json:"from,omitempty"`
	To   State     `json:"to,omitempty"`
}

// Gap says why samples are missing between two scans.
type Gap struct {
	Well   WellID    `json:"well"`
	From   time.Time `json:"from"` // last sample before
	To     time.Time `json:"to"`   // first sample after
	Reason GapReason `json:"reason"`
	Lost   uint64    `json:"lost,omitempty"` // samples known to have been lost, where counted
	Text   string    `json:"text,omitempty"`
}

// GapReason says why samples are missing.
type GapReason string

// Gap reasons.
const (
	GapApplianceOff GapReason = "appliance_off"
	GapTornTail     GapReason = "torn_tail"    // the last interval before a power cut was not complete on disk
	GapStoreFailed  GapReason = "store_failed" // polling went on, the disk did not take the readings
	GapTrimmed      GapReason = "trimmed"
	GapDamaged      GapReason = "damaged"
)
