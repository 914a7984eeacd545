package esp

import "time"

// State is what the pump is doing.
type State uint8

// States. The numbers are those of the run_state signal and are
// stored: only append.
const (
	StateUnknown State = iota
	Stopped
	Starting
	Settling
	Running
	Ramping
	Tripped
	RestartWait
	Backspin
)

var stateNames = [...]string{"unknown", "stopped", "starting", "settling", "running", "ramping", "tripped", "restart_wait", "backspin"}

// String is the stable outside name of s.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// ParseState is the state of that name.
func ParseState(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return StateUnknown, false
}

// MarshalText writes the stable name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the stable name; an unknown one is StateUnknown.
func (s *State) UnmarshalText(b []byte) error {
	*s, _ = ParseState(string(b))
	return nil
}

// Turning reports whether the motor is driven in state s.
func (s State) Turning() bool {
	return s == Starting || s == Settling || s == Running || s == Ramping
}

// MotorType decides what slip and frequency mean.
type MotorType string

// Motor types; the empty one means not entered.
const (
	Induction       MotorType = "induction"
	PermanentMagnet MotorType = "permanent_magnet"
)

// Facts are what is known of a well and does not come from a register. A zero field
// was not entered; what needs it is then not assessed, never guessed.
type Facts struct {
	Motor            MotorType `json:"motor,omitempty"`
	RatedPower       float64   `json:"rated_power,omitempty"`       // nameplate, kW at base frequency
	RatedCurrent     float64   `json:"rated_current,omitempty"`     // nameplate, A
	RatedVoltage     float64   `json:"rated_voltage,omitempty"`     // nameplate, V at base frequency
	BaseFrequency    float64   `json:"base_frequency,omitempty"`    // Hz
	TransformerRatio float64   `json:"transformer_ratio,omitempty"` // drive current ÷ motor current
	PumpDepth        float64   `json:"pump_depth,omitempty"`        // m measured depth of the intake
	PerforationDepth float64   `json:"perforation_depth,omitempty"` // m measured depth, mid
	FluidDensity     float64   `json:"fluid_density,omitempty"`     // kg/m³ of the produced liquid
	RestartsAllowed  int       `json:"restarts_allowed,omitempty"`  // automatic restarts by the drive before it stays out
}

// Limit is an alarm limit on one signal.
type Limit struct {
	Signal   SignalID
	High     bool    // true: alarm above Value; false: below
	Value    float64 // in the signal's stored unit
	Deadband float64 // how far it must come back before the alarm clears, same unit
	Delay    time.Duration
	// OffDelay is how long it must have come back.
	OffDelay time.Duration
	Priority int // 1 (highest) to 3
	// Running restricts the limit to a pump that runs or settles.
	Running bool
}

// Well is a well as it is configured.
type Well struct {
	ID     WellID
	Name   string
	Facts  Facts
	Limits []Limit
}
