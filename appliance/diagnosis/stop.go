package diagnosis

import (
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Stop is what is known of the last time the pump stopped.
type Stop struct {
	At time.Time // when it was seen to stand
	// LastTurning is when it was last seen turning: earlier than At where the drive was
	// silent in between.
	LastTurning time.Time
	State       esp.State // what it became: stopped, tripped, restart_wait or backspin
	// Fault is the drive's fault code in effect, or its last shutdown code; HasFault is
	// false where the drive gave none.
	Fault    int64
	HasFault bool
	// Before holds the values of the minute before, in stored units, in a fixed order;
	// what was not known is missing.
	Before []Before
	// Open names the findings that were open when it stopped.
	Open []esp.DiagnosisID
	// Restarted is when it turned again; zero while it stands.
	Restarted time.Time
	// Automatic is true when the drive restarted it by itself.
	Automatic bool
}

// Before is the value of one signal before a stop.
type Before struct {
	Signal esp.SignalID
	Value  float64
}

// Down is how long the pump stood, or has stood by now.
func (s *Stop) Down(now time.Time) time.Duration {
	if s.Restarted.IsZero() {
		return now.Sub(s.At)
	}
	return s.Restarted.Sub(s.At)
}

// beforeSignals are looked up before a stop, in this order.
var beforeSignals = [...]esp.SignalID{
	esp.DriveFrequency, esp.MotorCurrent, esp.OutputCurrent, esp.OutputPower, esp.InputVoltage, esp.DCBusVoltage,
	esp.IntakePressure, esp.DischargePressure, esp.MotorTemperature, esp.VibrationX, esp.TubingHeadPressure,
}

// noteStop records a change from turning to standing.
func (e *Engine) noteStop(now int64) {
	s := Stop{At: e.wall(now), LastTurning: e.wall(e.machine.turnedAt), State: e.machine.state}
	for _, id := range beforeSignals {
		t := e.trackOf(id)
		if t == nil {
			continue
		}
		if v, ok := t.recent(&e.scratch, e.clock.pos, minuteTicks); ok {
			s.Before = append(s.Before, Before{Signal: id, Value: rounded(v, id)})
		}
	}
	for i := range e.findings {
		if e.findings[i].open {
			s.Open = append(s.Open, e.rules[i].id)
		}
	}
	e.stop, e.stopped = s, true
	e.restarts = e.code(esp.RestartsDone)
	e.noteFault()
}

// noteFault takes the drive's code, which can come a poll later than the stop.
func (e *Engine) noteFault() {
	if !e.stopped || e.stop.HasFault || !e.stop.Restarted.IsZero() || e.machine.state.Turning() {
		return
	}
	c := e.code(esp.FaultCode)
	if c <= 0 && (e.machine.state == esp.Tripped || e.machine.state == esp.RestartWait) {
		c = e.code(esp.LastShutdownCode) // after an operator's stop it still names the one before
	}
	if c > 0 {
		e.stop.Fault, e.stop.HasFault = c, true
	}
}

// noteStart completes the record of the last stop.
func (e *Engine) noteStart(from esp.State, now int64) {
	if e.machine.sawStart && e.electric.starts.counter < 0 {
		e.electric.starts.note(now)
	}
	if !e.stopped || !e.stop.Restarted.IsZero() {
		return
	}
	e.stop.Restarted = e.wall(now)
	e.stop.Automatic = from == esp.RestartWait || (e.restarts >= 0 && e.code(esp.RestartsDone) > e.restarts)
}

// LastStop is the last stop that was seen; ok is false where there was none.
func (e *Engine) LastStop() (s Stop, ok bool) { return e.stop, e.stopped }

// stateText tells a change of state in one sentence.
func (e *Engine) stateText(from, to esp.State) string {
	switch to {
	case esp.StateUnknown:
		return "The drive does not answer: the state of the pump is not known."
	case esp.Stopped:
		return "Pump stopped" + e.faultText() + "."
	case esp.Tripped:
		return "Drive tripped" + e.faultText() + "."
	case esp.RestartWait:
		return "Pump stopped" + e.faultText() + "; the drive waits to restart it."
	case esp.Backspin:
		return "Pump stopped; liquid falling back turns it in reverse. Do not start it before it stands."
	case esp.Starting:
		return "Pump starts."
	case esp.Settling:
		return "Pump started; it warms up and draws the well down."
	case esp.Ramping:
		return "Pump changes speed."
	default:
	}
	switch from {
	case esp.Settling:
		return "Pump runs settled."
	case esp.Ramping:
		if f, ok := e.heldRole(roleFrequency); ok {
			return fmt.Sprintf("Pump runs at its new speed, %s.", quantity(f, esp.Hertz))
		}
		return "Pump runs at its new speed."
	default:
		return "Pump runs."
	}
}

func (e *Engine) faultText() string {
	if !e.stopped || !e.stop.HasFault {
		return ""
	}
	if f := e.faultOf(e.stop.Fault); f.Text != "" {
		return ", " + lowerFirst(e.codeWords(e.stop.Fault))
	}
	return fmt.Sprintf(", drive code %d", e.stop.Fault)
}
