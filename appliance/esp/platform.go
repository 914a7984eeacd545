package esp

// PlatformType is the type under which the platform at headquarters files a diagnosis;
// an empty id, nothing open, is NORMAL. The view esp.diagnostic_results says the same.
func (id DiagnosisID) PlatformType() string {
	switch id {
	case "":
		return "NORMAL"
	case GasInterference, GasLock:
		return "GAS_LOCK"
	case PumpWear, ScaleDeposit, TubingLeak, BrokenShaft, "solids":
		return "PUMP_WEAR"
	case MotorOverheating, WindingRise, Overload, Stall, Insulation, UnbalancedCurrent:
		return "MOTOR_ISSUE"
	case DriveFault, VoltageUnbalance, Undervoltage, PowerDip, PowerFluctuation, UnstableDrive, CommunicationLost:
		return "VSD_ISSUE"
	case "downthrust", "upthrust":
		return "VIBRATION_ISSUE"
	case PumpOff, LowIntakePressure, ClosedValve, "plugged_intake", InflowDecrease, Underload:
		return "LOW_FLOW"
	case BackPressure, InflowIncrease, ReverseRotation, GaugeFault, ExcessStarts, BackspinSeen:
	}
	return "UNKNOWN"
}
