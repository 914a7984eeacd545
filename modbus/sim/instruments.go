package sim

import (
	"math"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/pump"
)

// instruments are what measures the well: the drive's own values, the downhole gauge
// with its telemetry, and the panel at the wellhead. They hold values in stored units.
type instruments struct {
	values [256]float64 // by esp.SignalID; NaN: no value

	// Slow quantities that only the instruments know.
	heatsink, flowline, suction, outlet, hottest float64 // degC

	packet     int64 // number of the gauge's last transmission, in the calendar
	badPackets int64
}

// gaugePeriod is how often the gauge transmits; between transmissions the surface
// panel holds the last values.
const gaugePeriod = int64(4)

func newInstruments(now int64) instruments {
	in := instruments{packet: now/gaugePeriod - 1}
	in.badPackets = in.packet / 700 // so that the counter never falls when the well is made anew
	for i := range in.values {
		in.values[i] = math.NaN()
	}
	return in
}

// measure takes all readings; dt is the time since the last ones, s.
func (w *Well) measure(dt float64) {
	w.warmth(dt)
	w.measureDrive()
	w.measureSupply()
	w.measureWellhead()
	w.measureGauge()
	if w.panel != nil {
		w.panel.take(w.now, w.now/gaugePeriod, &w.instrum.values)
	}
}

// noise is a reading with a relative error.
func (w *Well) noise(value, share float64) float64 { return value * (1 + share*w.rng.NormFloat64()) }

func (w *Well) set(id esp.SignalID, value float64) { w.instrum.values[id] = value }

// warmth follows the temperatures that lag behind their causes.
func (w *Well) warmth(dt float64) {
	in, p := &w.instrum, &w.params
	flow := w.flow.pump
	suction := p[FluidTemperature]
	rise := 0.0
	if w.drive.frequency > 0 && w.stages.head > 0 {
		suction += min(pump.RiseAtMotor(w.duty.Loss, flow, liquidDensity, pump.HeatCapacity), 8)
		stage := w.plan.stage.At(flow, w.drive.frequency)
		efficiency := pump.HydraulicEfficiency(flow, stage.Head, pump.WaterDensity, stage.Power)
		efficiency *= w.stages.head / w.stages.power
		rise = min(pump.RiseInPump(stageCount*stage.Head*w.stages.head, efficiency, pump.HeatCapacity), 20)
	}
	heatsink := p[AmbientTemperature] + 9 + 0.75*w.duty.Input/p[DriveCooling]
	flowline := p[AmbientTemperature] + (p[FluidTemperature]-25-p[AmbientTemperature])*w.flow.surface/(w.flow.surface+15)
	if w.flow.surface <= 0 {
		flowline = p[AmbientTemperature]
	}
	if in.heatsink == 0 { // the first reading: as it has been for long
		in.heatsink, in.flowline, in.suction, in.outlet = heatsink, flowline, suction, suction+rise
	}
	follow := func(x *float64, goal, seconds float64) { *x += (goal - *x) * (1 - math.Exp(-dt/seconds)) }
	follow(&in.heatsink, heatsink, 900)
	follow(&in.flowline, flowline, 1500)
	follow(&in.suction, suction, 600)
	follow(&in.outlet, in.suction+rise, 420)
	in.hottest = max(in.hottest, w.motor)
}

// dcBus is the voltage of the drive's intermediate circuit: the peak of the supply
// less a drop under load, V.
func (w *Well) dcBus() float64 {
	return math.Sqrt2*w.params[SupplyVoltage]*0.985 - 0.25*w.duty.Input
}

// driveOutput is the power that leaves the drive, kW: the motor's and the losses of
// cable and transformer.
func (w *Well) driveOutput() float64 {
	_, loss := w.plan.cable.Drop(w.duty.Current, w.duty.PowerFactor, 60)
	return (w.duty.Input + loss) * 1.015
}

func (w *Well) measureDrive() {
	d, duty := &w.drive, &w.duty
	w.set(esp.DriveFrequency, d.frequency)
	w.set(esp.FrequencySetpoint, math.Round(w.params[Setpoint]*100)/100)

	motor := w.noise(duty.Current, 0.004)
	a, b, c := w.noise(motor*1.008, 0.002), w.noise(motor*0.990, 0.002), w.noise(motor*1.002, 0.002)
	motor = (a + b + c) / 3
	w.set(esp.MotorCurrent, motor)
	w.set(esp.OutputCurrent, motor*transformer)
	w.set(esp.OutputCurrentA, a*transformer)
	w.set(esp.OutputCurrentB, b*transformer)
	w.set(esp.OutputCurrentC, c*transformer)
	w.set(esp.CurrentUnbalance, 100*pump.Unbalance(a, b, c))

	drop, _ := w.plan.cable.Drop(duty.Current, duty.PowerFactor, 60)
	volts := w.noise(duty.Voltage+drop, 0.0015)
	w.set(esp.MotorVoltage, volts)
	w.set(esp.OutputVoltage, volts/transformer)
	power, factor := w.driveOutput(), 0.0
	if kVA, _ := pump.ThreePhasePower(duty.Voltage+drop, duty.Current, 1); kVA > 0 {
		factor = min(power/kVA, 1) // seen from the drive: cable and transformer included
	}
	w.set(esp.OutputPower, w.noise(power, 0.004))
	w.set(esp.PowerFactor, factor)
	w.set(esp.Torque, w.noise(100*duty.Load, 0.004))
	w.set(esp.MotorLoad, w.noise(100*duty.Load*d.frequency/baseFrequency, 0.004))
	distortion := 0.0
	if d.frequency > 0 {
		distortion = w.noise(6.5, 0.03)
	}
	w.set(esp.CurrentTHD, distortion)
	w.set(esp.VoltageTHD, distortion*0.62)
	w.set(esp.GroundCurrent, w.noise(0.018, 0.05)*min(d.frequency, 1))
	w.set(esp.DriveTemperature, w.instrum.heatsink+0.05*w.rng.NormFloat64())

	w.set(esp.RunState, float64(d.state))
	w.set(esp.ControlSource, 1) // remote
	rotation := 0.0             // forward; the drive knows what it sends, not how the cable is connected
	if w.params[RotationSetting] < 0 {
		rotation = 1
	}
	w.set(esp.PhaseRotation, rotation)
	w.set(esp.FaultCode, float64(d.fault))
	w.set(esp.WarningCode, float64(d.warning))
	w.set(esp.LastShutdownCode, float64(d.shutdown))
	w.set(esp.RestartRemaining, math.Ceil(max(d.waiting, 0)))
	w.set(esp.RestartsDone, float64(d.restarts))
	w.set(esp.Energy, math.Floor(d.energy))
	w.set(esp.RunHours, math.Floor(d.hours*100)/100)
	w.set(esp.StartCount, d.starts)
}

func (w *Well) measureSupply() {
	volts := w.noise(w.params[SupplyVoltage], 0.001)
	w.set(esp.InputVoltage, volts)
	w.set(esp.InputVoltageUnbalance, math.Abs(w.noise(0.6, 0.15)))
	w.set(esp.InputFrequency, 60+0.015*w.rng.NormFloat64())
	in := w.driveOutput()/0.965 + 0.25 // kW: the drive's efficiency and its own needs
	w.set(esp.InputCurrent, in*1000/(math.Sqrt(3)*volts*0.94))
	w.set(esp.DCBusVoltage, w.noise(w.dcBus(), 0.0015))
	w.set(esp.AmbientTemperature, w.params[AmbientTemperature])
}

func (w *Well) measureWellhead() {
	p, f := &w.params, &w.flow
	slug := 2 * p[Slugging] * p[ChokeOpening] * p[WingValve] // nothing slugs through a shut valve
	w.set(esp.TubingHeadPressure, 100*(p[LinePressure]+(f.wellhead-p[LinePressure])*(1+slug))+0.8*w.rng.NormFloat64())
	w.set(esp.CasingPressure, 100*p[CasingPressure]+0.8*w.rng.NormFloat64())
	w.set(esp.FlowlinePressure, 100*p[LinePressure]-25+0.8*w.rng.NormFloat64())
	w.set(esp.FlowlineTemperature, w.instrum.flowline+0.05*w.rng.NormFloat64())
	rate := max(w.noise(f.surface, 0.004)*(1+p[Slugging]), 0)
	w.set(esp.LiquidRate, rate)
	w.set(esp.GasRate, max(w.noise(rate*(1-p[WaterCut])*p[GasOilRatio], 0.006), 0))
	w.set(esp.WaterCut, 100*p[WaterCut]+0.15*w.rng.NormFloat64())
	ratio := w.noise(p[GasOilRatio], 0.006)
	if rate < 1 { // nothing to divide by
		ratio = math.NaN()
	}
	w.set(esp.GasOilRatio, ratio)
	w.set(esp.Choke, 100*p[ChokeOpening])
}

// measureGauge lets the gauge transmit where it is time; a damaged transmission
// leaves the panel with the values that it had.
func (w *Well) measureGauge() {
	in := &w.instrum
	packet := w.now / gaugePeriod
	if packet == in.packet {
		return
	}
	sent := packet - in.packet
	in.packet = packet
	damaged := w.rng.Float64() < 0.0012
	if damaged {
		in.badPackets += sent
	}
	w.set(esp.GaugePackets, float64(packet%65536))
	w.set(esp.GaugeBadPackets, float64(in.badPackets%65536))
	w.set(esp.GaugeSignalQuality, min(max(97.5+0.7*w.rng.NormFloat64(), 0), 100))
	w.set(esp.GaugeCurrent, w.noise(18.4, 0.002))
	w.set(esp.GaugeVoltage, w.noise(112, 0.0008))
	if damaged && !math.IsNaN(in.values[esp.IntakePressure]) {
		return
	}
	reading := func(id esp.SignalID, value, deviation, resolution float64) {
		w.set(id, math.Round((value+deviation*w.rng.NormFloat64())/resolution)*resolution)
	}
	reading(esp.IntakePressure, 100*w.intake, 1.2, 0.1)
	reading(esp.DischargePressure, 100*w.outlet, 3, 0.1)
	reading(esp.IntakeTemperature, in.suction, 0.02, 0.01)
	reading(esp.DischargeTemperature, in.outlet, 0.02, 0.01)
	reading(esp.MotorTemperature, w.motor, 0.05, 0.01)
	reading(esp.MotorTemperatureMax, in.hottest, 0, 0.01)
	reading(esp.GaugeTemperature, in.suction+1.4, 0.02, 0.01)
	x, y, z := w.vibration()
	reading(esp.VibrationX, x, 0.004, 0.001)
	reading(esp.VibrationY, y, 0.004, 0.001)
	reading(esp.VibrationZ, z, 0.002, 0.001)
	leakage := w.params[Leakage]
	reading(esp.LeakageCurrent, leakage, 0.001, 0.001)
	reading(esp.InsulationResistance, 112/max(leakage, 0.001)/1000, 0.002, 0.01)
	reading(esp.Inclination, 12.4, 0.02, 0.1)
}

// vibration grows with the distance from the best efficiency, with gas and with
// whatever is wrong with the stages, g.
func (w *Well) vibration() (x, y, z float64) {
	if w.drive.frequency <= 0 {
		return 0, 0, 0
	}
	ratio := w.drive.frequency / baseFrequency
	if w.params[ShaftTurns] < 1 { // only the motor turns
		return w.noise(0.03, 0.05), w.noise(0.03, 0.05), w.noise(0.02, 0.05)
	}
	off := w.flow.pump/(w.plan.stage.Best*ratio) - 1
	gas := w.gas.fraction
	if w.gas.locked {
		gas = 0.22 + 0.08*math.Abs(w.gas.flutter)
	}
	p := &w.params
	level := (0.055 + 0.12*off*off + 0.45*gas + 0.35*p[Wear] + 0.3*p[Scale] + 0.25*p[Drag] + w.stages.shake) * ratio * ratio
	return w.noise(level, 0.05), w.noise(0.87*level, 0.05), w.noise(0.4*level, 0.05)
}
