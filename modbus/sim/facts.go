package sim

import (
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Facts are the facts of the simulated well, as an operator would enter them.
func Facts() esp.Facts {
	return esp.Facts{
		Motor:            esp.Induction,
		RatedPower:       motorRatedPower,
		RatedCurrent:     ratedCurrent,
		RatedVoltage:     motorRatedVolts,
		BaseFrequency:    baseFrequency,
		TransformerRatio: transformer,
		PumpDepth:        pumpDepth,
		PerforationDepth: perforations,
		FluidDensity:     liquidDensity,
		RestartsAllowed:  restartsAllowed,
	}
}

// Limits are alarm limits that suit the simulated well: a well that works stays
// clear of them, gas-lock does not.
func Limits() []esp.Limit {
	low := func(s esp.SignalID, value, deadband float64, delay time.Duration, priority int) esp.Limit {
		return esp.Limit{Signal: s, Value: value, Deadband: deadband, Delay: delay, OffDelay: 2 * delay, Priority: priority, Running: true}
	}
	high := func(s esp.SignalID, value, deadband float64, delay time.Duration, priority int) esp.Limit {
		l := low(s, value, deadband, delay, priority)
		l.High = true
		return l
	}
	limits := []esp.Limit{
		high(esp.MotorTemperature, 135, 3, 2*time.Minute, 1),
		low(esp.IntakePressure, 5500, 200, time.Minute, 2),
		high(esp.IntakePressure, 9800, 300, 5*time.Minute, 3),
		high(esp.DischargePressure, 24000, 500, time.Minute, 1),
		low(esp.MotorCurrent, 17.5, 1, time.Minute, 2),
		high(esp.MotorCurrent, 33, 1, 15*time.Second, 2),
		high(esp.DriveTemperature, 75, 3, 2*time.Minute, 3),
	}
	limits[0].Running = false // a motor that stops hot is still hot
	return limits
}

// validate refuses data that the course cannot play.
func (s *Scenario) validate() error {
	for i, c := range s.Changes {
		switch {
		case c.Param >= paramCount:
			return fmt.Errorf("scenario %s: change %d: no parameter %d", s.Name, i, c.Param)
		case c.Kind > Spikes:
			return fmt.Errorf("scenario %s: change %d: no kind %d", s.Name, i, c.Kind)
		case (c.Kind == Noise || c.Kind == Spikes) && c.Memory <= 0:
			return fmt.Errorf("scenario %s: change %d: noise needs a memory", s.Name, i)
		case c.Kind == Spikes && c.Period != 0:
			return fmt.Errorf("scenario %s: change %d: spikes have no period", s.Name, i)
		case c.Kind == Wave && c.Period < time.Second:
			return fmt.Errorf("scenario %s: change %d: a wave needs a period of a second or more", s.Name, i)
		}
	}
	return nil
}
