package webtest

import (
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
)

type column struct {
	device     esp.DeviceID
	value      float64
	lo, hi     float64 // usual
	trend      string
	swing      float64 // how far the value moves from scan to scan
	curve      func(x float64) float64
	notLearned bool
}

// columns is the made-up well by signal, in stored units.
func columns() map[esp.SignalID]column {
	flat := func(float64) float64 { return 0 }
	return map[esp.SignalID]column{
		esp.DriveFrequency:       {device: "drive", value: 54, lo: 53.5, hi: 54.5, trend: "steady", curve: flat},
		esp.MotorCurrent:         {device: "drive", value: 41.8, lo: 38, hi: 46, trend: "swinging", swing: .4, curve: func(x float64) float64 { return 3 * math.Sin(55*x) * max(0, x-.5) }},
		esp.OutputPower:          {device: "drive", value: 118, lo: 110, hi: 128, trend: "steady", swing: .4, curve: flat},
		esp.MotorLoad:            {device: "drive", value: 78, lo: 70, hi: 84, trend: "steady", swing: .2, curve: flat},
		esp.DriveTemperature:     {device: "drive", value: 47.2, lo: 40, hi: 55, trend: "steady", curve: flat},
		esp.Torque:               {device: "drive", value: 74, lo: 68, hi: 82, trend: "steady", curve: flat},
		esp.RunState:             {device: "drive", value: float64(esp.Running), notLearned: true, curve: flat},
		esp.FaultCode:            {device: "drive", notLearned: true, curve: flat},
		esp.RestartRemaining:     {device: "drive", notLearned: true, curve: flat},
		esp.RestartsDone:         {device: "drive", notLearned: true, curve: flat},
		esp.IntakePressure:       {device: "gauge", value: 4350, lo: 3585.3, hi: 6205.3, trend: "steady", swing: 6, curve: func(x float64) float64 { return -660 * max(0, x-.4) / .6 }},
		esp.DischargePressure:    {device: "gauge", value: 17140, lo: 16547, hi: 19650, trend: "steady", swing: 8, curve: func(x float64) float64 { return -500 * max(0, x-.5) }},
		esp.IntakeTemperature:    {device: "gauge", value: 75.6, lo: 74, hi: 77, trend: "steady", curve: flat},
		esp.MotorTemperature:     {device: "gauge", value: 121.7, lo: 101.7, hi: 135, trend: "rising", swing: .05, curve: func(x float64) float64 { return 2 * x }},
		esp.VibrationX:           {device: "gauge", value: .18, lo: 0, hi: .35, trend: "steady", swing: .01, curve: flat},
		esp.LeakageCurrent:       {device: "gauge", value: .02, lo: 0, hi: .1, trend: "steady", curve: flat},
		esp.InsulationResistance: {device: "gauge", value: 9.4, lo: 8, hi: 11, trend: "steady", curve: flat},
		esp.TubingHeadPressure:   {device: "surface", value: 1461.7, lo: 1300, hi: 1600, trend: "steady", swing: 2, curve: flat},
		esp.CasingPressure:       {device: "surface", value: 661.9, lo: 600, hi: 750, trend: "steady", swing: 1, curve: flat},
		esp.LiquidRateEstimated:  {value: 271.9, lo: 262.3, hi: 341.8, trend: "steady", swing: .3, curve: flat},
		esp.GasOilRatio:          {device: "surface", value: 62.3, notLearned: true, curve: flat},
	}
}

// order is the order of the columns.
func order() []esp.SignalID {
	return []esp.SignalID{
		esp.DriveFrequency, esp.MotorCurrent, esp.OutputPower, esp.MotorLoad, esp.DriveTemperature, esp.Torque, esp.RunState,
		esp.FaultCode, esp.RestartRemaining, esp.RestartsDone,
		esp.IntakePressure, esp.DischargePressure, esp.IntakeTemperature, esp.MotorTemperature, esp.VibrationX,
		esp.LeakageCurrent, esp.InsulationResistance, esp.TubingHeadPressure, esp.CasingPressure, esp.GasOilRatio,
		esp.LiquidRateEstimated,
	}
}

func limits() []esp.Limit {
	return []esp.Limit{
		{Signal: esp.IntakePressure, Value: 3102.6, Priority: 2},
		{Signal: esp.IntakePressure, High: true, Value: 7239.5, Priority: 3},
		{Signal: esp.MotorCurrent, Value: 33, Priority: 2},
		{Signal: esp.MotorCurrent, High: true, Value: 52, Priority: 2},
		{Signal: esp.MotorTemperature, High: true, Value: 148.9, Priority: 1},
		{Signal: esp.DischargePressure, Value: 14134, Priority: 3},
		{Signal: esp.DischargePressure, High: true, Value: 21718, Priority: 2},
		{Signal: esp.VibrationX, High: true, Value: .6, Priority: 2},
	}
}

func (s *Source) overviewLocked(well esp.WellID) *web.Overview {
	now := s.now()
	o := &web.Overview{
		Well: esp.Well{
			ID: well, Name: string(well), Limits: limits(),
			Facts: esp.Facts{PumpDepth: 2266.5, PerforationDepth: 2301},
		},
		Time: now, State: esp.Running, Since: s.start.Add(-(12*24+4)*time.Hour - 12*time.Minute), Scan: now.Add(-120 * time.Millisecond), Number: 1000 + s.tick,
		Life:    web.Life{Since: s.start.Add(-7 * 24 * time.Hour), Turned: 160*time.Hour + 15*time.Minute, Stood: 7 * time.Hour, Unknown: 45 * time.Minute, Starts: 3, Trips: 2},
		Fault:   &web.Fault{},
		Storage: web.Storage{Free: 40 << 30, DaysLeft: 412.7},
		Uplink:  &web.Uplink{State: "online", LastSuccess: s.start.Add(-40 * time.Second)},
		Stop: &web.Stop{
			Time: s.start.Add(-(12*24+4)*time.Hour - 40*time.Minute), Trip: true, Fault: &web.Fault{Code: 12, Text: "undervoltage"},
			Restarted: s.start.Add(-(12*24+4)*time.Hour - 12*time.Minute), RestartedBy: "drive, attempt 2", RestartsDone: 2, RestartsAllowed: 3,
		},
	}
	if !s.still.IsZero() {
		o.Scan = s.still
	}
	for _, d := range []struct{ id, kind string }{{"drive", "drive"}, {"gauge", "gauge"}, {"surface", "surface"}} {
		o.Devices = append(o.Devices, web.Device{
			ID: esp.DeviceID(d.id), Kind: d.kind, URL: "tcp://127.0.0.1:5020", Unit: 1, Period: time.Second, State: "ok", LastOK: o.Scan, Polls: 4000,
		})
	}
	for _, id := range order() {
		o.Signals = append(o.Signals, s.signalLocked(id, o.Scan))
	}
	s.applyLocked(o, now)
	for name, v := range s.set {
		for i := range o.Signals {
			if sig := &o.Signals[i]; sig.Name == name && sig.Reading.Quality.Shown() {
				sig.Reading.Value, sig.Last = v, v
			}
		}
	}
	return o
}

func (s *Source) signalLocked(id esp.SignalID, at time.Time) web.Signal {
	c := columns()[id]
	info := id.Info()
	v := c.value + c.swing*math.Sin(float64(s.tick)*1.7+float64(id))
	if s.tick == 0 {
		v = c.value
	}
	raw := int64(math.Round(v * 100))
	if info.Kind == esp.Status {
		raw = int64(v)
	}
	sig := web.Signal{
		Name: info.Name, ID: id, Device: c.device, Unit: info.Unit, Reading: esp.Reading{Raw: raw, Value: v, Quality: esp.Good}, Time: at,
		Last: v, LastTime: at, Period: time.Second, UsualLow: c.lo, UsualHigh: c.hi, Trend: c.trend,
	}
	if c.notLearned {
		sig.UsualLow, sig.UsualHigh = math.NaN(), math.NaN()
	}
	for i := range 72 {
		x := float64(i) / 71
		mid := c.value + c.curve(x) - c.curve(1)
		half := math.Abs(c.swing) * (1 + .4*math.Sin(float64(i)*2.1))
		sig.Points = append(sig.Points, web.Point{Min: mid - half, Max: mid + half})
	}
	return sig
}

// applyLocked turns the running well into the chosen state.
func (s *Source) applyLocked(o *web.Overview, now time.Time) {
	switch s.state {
	case "gas":
		gas(o, s.start)
		o.Findings = []esp.Diagnosis{Gas(o.Well.ID, s.start)}
	case "gaslock":
		gas(o, s.start)
		o.Findings = []esp.Diagnosis{GasLock(o.Well.ID, s.start), Gas(o.Well.ID, s.start)}
	case "onelost":
		o.Signals = lose(o.Signals, s.start.Add(-12*time.Minute), func(sig *web.Signal) bool { return sig.ID == esp.CasingPressure || sig.ID == esp.DischargePressure })
	case "lost":
		gas(o, s.start)
		o.Findings = []esp.Diagnosis{Lost(o.Well.ID, s.frozen), Gas(o.Well.ID, s.frozen)}
		o.Signals = lose(o.Signals, s.frozen, func(*web.Signal) bool { return true })
		o.Fault = nil
		for i := range o.Devices {
			d := &o.Devices[i]
			d.State, d.LastOK, d.Error, d.ErrorText = "silent", s.frozen, "timeout", "no answer within 1 s"
		}
		o.Alarms = append([]esp.Alarm{{
			Well: o.Well.ID, ID: "communication_lost", State: esp.AlarmUnacknowledged, Priority: 2, Since: s.frozen,
			Value: esp.NoNumber(), Limit: esp.NoNumber(), Title: "Drive does not answer", Text: "Modbus timeout, unit 1",
		}}, o.Alarms...)
	case "tripped", "stopped":
		s.stand(o)
	case "filling":
		o.Filling = &web.Filling{Span: 24 * time.Hour, Done: .434}
		o.Uplink = nil
		for i := range o.Signals {
			o.Signals[i].Points, o.Signals[i].Trend = nil, ""
			o.Signals[i].UsualLow, o.Signals[i].UsualHigh = math.NaN(), math.NaN()
		}
	case "empty":
		*o = web.Overview{
			Well: o.Well, Time: now, Devices: []web.Device{{ID: "drive", Kind: "drive", URL: "tcp://10.0.0.9:502", Unit: 1, Period: time.Second}},
			Storage: web.Storage{DaysLeft: math.NaN()}, Uplink: &web.Uplink{State: "connecting"},
		}
	case "minimal":
		o.Signals = o.Signals[:1]
		o.Well.Limits, o.Well.Facts, o.Stop, o.Uplink, o.Fault = nil, esp.Facts{}, nil, nil, nil
		o.Devices = o.Devices[:1]
	}
}

// gas lowers the intake pressure below its limit.
func gas(o *web.Overview, now time.Time) {
	for i := range o.Signals {
		switch sig := &o.Signals[i]; sig.ID { //nolint:exhaustive // only what gas changes
		case esp.IntakePressure:
			sig.Reading.Value -= 1509.4
			sig.Last, sig.Trend = sig.Reading.Value, "falling"
			for j := range sig.Points {
				sig.Points[j].Min -= 1509.4
				sig.Points[j].Max -= 1509.4
			}
		case esp.DischargePressure, esp.LiquidRateEstimated:
			sig.Trend = "falling"
		}
	}
	o.Alarms = gasAlarms(o.Well.ID, now)
}

func gasAlarms(well esp.WellID, now time.Time) []esp.Alarm {
	return []esp.Alarm{
		{
			Well: well, ID: "intake_pressure_low", State: esp.AlarmUnacknowledged, Priority: 2, Since: now.Add(-87 * time.Minute), Signal: "intake_pressure",
			Unit: esp.KPa, Value: 2840.6, Limit: 3102.6, Title: "Intake pressure low", Text: "2840.6 kPa, limit 3102.6 kPa",
		},
		{
			Well: well, ID: "motor_current_unstable", State: esp.AlarmAcknowledged, Priority: 3, Since: now.Add(-12 * time.Minute),
			Value: esp.NoNumber(), Limit: esp.NoNumber(), Title: "Motor current unstable", Text: "swings 3.1 A, 4 times its usual",
		},
	}
}

func lose(signals []web.Signal, last time.Time, which func(*web.Signal) bool) []web.Signal {
	for i := range signals {
		if sig := &signals[i]; which(sig) {
			sig.Reading = esp.LostReading(esp.Timeout)
			sig.LastTime = last
		}
	}
	return signals
}

// stand makes the pump stand: tripped, or stopped by a person.
func (s *Source) stand(o *web.Overview) {
	since := s.start.Add(-28 * time.Minute)
	o.State, o.Since = esp.Stopped, since
	o.Stop = &web.Stop{
		Time: since, Fault: &web.Fault{}, RestartsDone: -1, RestartsAllowed: -1,
		Before: map[string]float64{"drive_frequency": 54, "motor_current": 41.8, "intake_pressure": 2840.6},
	}
	remaining, done := 0.0, 0.0
	if s.state == "tripped" {
		o.State = esp.RestartWait
		o.Fault = &web.Fault{Code: 12, Text: "undervoltage"}
		o.Stop.Trip, o.Stop.Fault, o.Stop.RestartsAllowed = true, o.Fault, 3
		o.Stop.Blocks = []string{"restart delay of the drive is running"}
		o.Stop.Call = "field electrician, +1 555 0100"
		remaining, done = 1325, 1
	}
	for i := range o.Signals {
		sig := &o.Signals[i]
		switch sig.ID { //nolint:exhaustive // only what a stop changes
		case esp.DriveFrequency, esp.MotorCurrent, esp.OutputPower, esp.MotorLoad, esp.Torque, esp.VibrationX, esp.LiquidRateEstimated:
			sig.Reading.Value, sig.Last, sig.Trend = 0, 0, "steady"
		case esp.RestartRemaining:
			sig.Reading.Value, sig.Last = remaining, remaining
		case esp.RestartsDone:
			sig.Reading.Value, sig.Last = done, done
		}
	}
}
