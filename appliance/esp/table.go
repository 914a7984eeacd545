package esp

// Canonical signals, in the order of the table.
const (
	DriveFrequency SignalID = iota + 1
	FrequencySetpoint
	OutputCurrent
	OutputCurrentA
	OutputCurrentB
	OutputCurrentC
	MotorCurrent
	CurrentUnbalance
	OutputVoltage
	MotorVoltage
	DCBusVoltage
	InputVoltage
	InputCurrent
	InputVoltageUnbalance
	InputFrequency
	OutputPower
	PowerFactor
	Torque
	MotorLoad
	DriveTemperature
	AmbientTemperature
	GroundCurrent
	CurrentTHD
	VoltageTHD
	RunState
	ControlSource
	PhaseRotation
	FaultCode
	WarningCode
	LastShutdownCode
	RestartRemaining
	RestartsDone
	Energy
	RunHours
	StartCount
	IntakePressure
	DischargePressure
	IntakeTemperature
	DischargeTemperature
	MotorTemperature
	MotorTemperature2
	MotorTemperatureMax
	GaugeTemperature
	VibrationX
	VibrationY
	VibrationZ
	LeakageCurrent
	InsulationResistance
	GaugeCurrent
	GaugeVoltage
	GaugeSignalQuality
	GaugePackets
	GaugeBadPackets
	Inclination
	TubingHeadPressure
	CasingPressure
	FlowlinePressure
	FlowlineTemperature
	LiquidRate
	GasRate
	WaterCut
	GasOilRatio
	Choke
	PumpDP
	PumpHead
	LiquidRateEstimated
	SpecificEnergy
	IntakeGasFraction
	WearIndex
	LiquidRateVariance
)

// signals is the table of canonical signals. Plausible ranges are wide on purpose: they
// prompt a look at the decoding and are never trip limits.
var signals = [...]Signal{
	{DriveFrequency, "drive_frequency", "Drive frequency", "", Hertz, 2, Analog, DriveGroup, 0, 400},
	{FrequencySetpoint, "frequency_setpoint", "Frequency setpoint", "", Hertz, 2, Analog, DriveGroup, 0, 400},
	{OutputCurrent, "output_current", "Drive output current", "", Ampere, 2, Analog, DriveGroup, 0, 3000},
	{OutputCurrentA, "output_current_a", "Drive output current A", "", Ampere, 2, Analog, DriveGroup, 0, 3000},
	{OutputCurrentB, "output_current_b", "Drive output current B", "", Ampere, 2, Analog, DriveGroup, 0, 3000},
	{OutputCurrentC, "output_current_c", "Drive output current C", "", Ampere, 2, Analog, DriveGroup, 0, 3000},
	{MotorCurrent, "motor_current", "Motor current", "", Ampere, 2, Analog, DriveGroup, 0, 500},
	{CurrentUnbalance, "current_unbalance", "Current unbalance", "", Percent, 1, Analog, DriveGroup, 0, 100},
	{OutputVoltage, "output_voltage", "Drive output voltage", "", Volt, 1, Analog, DriveGroup, 0, 8000},
	{MotorVoltage, "motor_voltage", "Motor voltage", "", Volt, 1, Analog, DriveGroup, 0, 8000},
	{DCBusVoltage, "dc_bus_voltage", "DC bus voltage", "", Volt, 1, Analog, DriveGroup, 0, 12000},
	{InputVoltage, "input_voltage", "Supply voltage", "", Volt, 1, Analog, DriveGroup, 0, 15000},
	{InputCurrent, "input_current", "Supply current", "", Ampere, 2, Analog, DriveGroup, 0, 3000},
	{InputVoltageUnbalance, "input_voltage_unbalance", "Supply voltage unbalance", "", Percent, 1, Analog, DriveGroup, 0, 100},
	{InputFrequency, "input_frequency", "Supply frequency", "", Hertz, 2, Analog, DriveGroup, 0, 80},
	{OutputPower, "output_power", "Drive output power", "", Kilowatt, 2, Analog, DriveGroup, 0, 3000},
	{PowerFactor, "power_factor", "Power factor", "", None, 3, Analog, DriveGroup, -1, 1},
	{Torque, "torque", "Torque", "", Percent, 1, Analog, DriveGroup, -300, 300},
	{MotorLoad, "motor_load", "Motor load, % of nameplate", "", Percent, 1, Analog, DriveGroup, 0, 300},
	{DriveTemperature, "drive_temperature", "Drive temperature", "", Celsius, 1, Analog, DriveGroup, -60, 150},
	{AmbientTemperature, "ambient_temperature", "Ambient temperature", "", Celsius, 1, Analog, DriveGroup, -60, 70},
	{GroundCurrent, "ground_current", "Ground current", "", Ampere, 3, Analog, DriveGroup, 0, 100},
	{CurrentTHD, "current_thd", "Current distortion (THD)", "", Percent, 1, Analog, DriveGroup, 0, 200},
	{VoltageTHD, "voltage_thd", "Voltage distortion (THD)", "", Percent, 1, Analog, DriveGroup, 0, 100},
	{RunState, "run_state", "Run state", "", None, 0, Status, DriveGroup, 0, 8},
	{ControlSource, "control_source", "Control source", "", None, 0, Status, DriveGroup, 0, 0},
	{PhaseRotation, "phase_rotation", "Phase rotation", "", None, 0, Status, DriveGroup, 0, 0},
	{FaultCode, "fault_code", "Drive fault code", "", None, 0, Status, DriveGroup, 0, 0},
	{WarningCode, "warning_code", "Drive warning code", "", None, 0, Status, DriveGroup, 0, 0},
	{LastShutdownCode, "last_shutdown_code", "Last shutdown code", "", None, 0, Status, DriveGroup, 0, 0},
	{RestartRemaining, "restart_remaining", "Time to automatic restart", "", Second, 0, Analog, DriveGroup, 0, 86400},
	{RestartsDone, "restarts_done", "Automatic restarts done", "", None, 0, Counter, DriveGroup, 0, 0},
	{Energy, "energy", "Energy", "", KWh, 0, Counter, DriveGroup, 0, 0},
	{RunHours, "run_hours", "Run hours", "", Hour, 2, Counter, DriveGroup, 0, 0},
	{StartCount, "start_count", "Starts", "", None, 0, Counter, DriveGroup, 0, 0},
	{IntakePressure, "intake_pressure", "Intake pressure", "PIP", KPa, 1, Analog, GaugeGroup, 1, 70000},
	{DischargePressure, "discharge_pressure", "Discharge pressure", "PDP", KPa, 1, Analog, GaugeGroup, 1, 70000},
	{IntakeTemperature, "intake_temperature", "Intake temperature", "", Celsius, 2, Analog, GaugeGroup, -40, 250},
	{DischargeTemperature, "discharge_temperature", "Discharge temperature", "", Celsius, 2, Analog, GaugeGroup, -40, 250},
	{MotorTemperature, "motor_temperature", "Motor temperature", "", Celsius, 2, Analog, GaugeGroup, -40, 300},
	{MotorTemperature2, "motor_temperature_2", "Motor temperature 2", "", Celsius, 2, Analog, GaugeGroup, -40, 300},
	{MotorTemperatureMax, "motor_temperature_max", "Highest motor temperature", "", Celsius, 2, Analog, GaugeGroup, -40, 300},
	{GaugeTemperature, "gauge_temperature", "Gauge electronics temperature", "", Celsius, 2, Analog, GaugeGroup, -40, 250},
	{VibrationX, "vibration_x", "Vibration X", "", Gravity, 3, Analog, GaugeGroup, -30, 30},
	{VibrationY, "vibration_y", "Vibration Y", "", Gravity, 3, Analog, GaugeGroup, -30, 30},
	{VibrationZ, "vibration_z", "Vibration Z", "", Gravity, 3, Analog, GaugeGroup, -30, 30},
	{LeakageCurrent, "leakage_current", "Leakage current", "", Milliamp, 3, Analog, GaugeGroup, 0, 100},
	{InsulationResistance, "insulation_resistance", "Insulation resistance", "", MegaOhm, 2, Analog, GaugeGroup, 0, 10000},
	{GaugeCurrent, "gauge_current", "Gauge current", "", Milliamp, 2, Analog, GaugeGroup, 0, 100},
	{GaugeVoltage, "gauge_voltage", "Gauge voltage", "", Volt, 1, Analog, GaugeGroup, 0, 300},
	{GaugeSignalQuality, "gauge_signal_quality", "Gauge signal quality", "", Percent, 1, Analog, GaugeGroup, 0, 100},
	{GaugePackets, "gauge_packets", "Gauge packets", "", None, 0, Counter, GaugeGroup, 0, 0},
	{GaugeBadPackets, "gauge_bad_packets", "Gauge packets damaged", "", None, 0, Counter, GaugeGroup, 0, 0},
	{Inclination, "inclination", "Inclination", "", Degree, 1, Analog, GaugeGroup, -180, 180},
	{TubingHeadPressure, "tubing_head_pressure", "Tubing head pressure", "THP", KPa, 1, Analog, SurfaceGroup, -100, 70000},
	{CasingPressure, "casing_pressure", "Casing pressure", "CHP", KPa, 1, Analog, SurfaceGroup, -100, 70000},
	{FlowlinePressure, "flowline_pressure", "Flowline pressure", "", KPa, 1, Analog, SurfaceGroup, -100, 70000},
	{FlowlineTemperature, "flowline_temperature", "Flowline temperature", "", Celsius, 2, Analog, SurfaceGroup, -60, 200},
	{LiquidRate, "liquid_rate", "Liquid rate", "", M3PerDay, 2, Analog, SurfaceGroup, 0, 20000},
	{GasRate, "gas_rate", "Gas rate", "", M3PerDay, 1, Analog, SurfaceGroup, 0, 5000000},
	{WaterCut, "water_cut", "Water cut", "", Percent, 1, Analog, SurfaceGroup, 0, 100},
	{GasOilRatio, "gas_oil_ratio", "Gas-oil ratio", "GOR", M3PerM3, 2, Analog, SurfaceGroup, 0, 20000},
	{Choke, "choke", "Choke opening", "", Percent, 1, Analog, SurfaceGroup, 0, 100},
	{PumpDP, "pump_dp", "Pump differential pressure", "", KPa, 1, Derived, DerivedGroup, -70000, 70000},
	{PumpHead, "pump_head", "Pump head", "", Metre, 1, Derived, DerivedGroup, -7000, 7000},
	{LiquidRateEstimated, "liquid_rate_estimated", "Liquid rate (estimated)", "", M3PerDay, 2, Derived, DerivedGroup, 0, 20000},
	{SpecificEnergy, "specific_energy", "Specific energy", "", KWhPerM3, 3, Derived, DerivedGroup, 0, 1000},
	{IntakeGasFraction, "intake_gas_fraction", "Gas fraction at the intake", "", Percent, 1, Derived, DerivedGroup, 0, 100},
	{WearIndex, "wear_index", "Wear index", "", None, 3, Derived, DerivedGroup, 0, 10},
	{LiquidRateVariance, "liquid_rate_variance", "Liquid rate variance", "", None, 3, Derived, DerivedGroup, 0, 0},
}

var signalsByName = func() map[string]SignalID {
	m := make(map[string]SignalID, len(signals))
	for i := range signals {
		m[signals[i].Name] = signals[i].ID
	}
	return m
}()
