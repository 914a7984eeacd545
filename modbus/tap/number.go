package tap

import "wellkeeper.internal/appliance/esp"

// unknownDiagnosis stands for a finding that has no number in this release.
const unknownDiagnosis = 65535

// Number is the stable number of a diagnosis in our registers, 1 to 64; 65535 where it
// has none. A number once given is never given to another diagnosis: SCADA systems have
// it in their tables.
func Number(id esp.DiagnosisID) uint16 {
	for i := range numbered {
		if numbered[i].id == id {
			return numbered[i].number
		}
	}
	return unknownDiagnosis
}

// numbered lists the numbers. Only append; those without a constant are not found by this
// release and keep their number.
var numbered = [...]struct {
	number uint16
	id     esp.DiagnosisID
}{
	{1, esp.GasInterference},
	{2, esp.GasLock},
	{3, esp.PumpOff},
	{4, esp.LowIntakePressure},
	{5, esp.BrokenShaft},
	{6, esp.PumpWear},
	{7, esp.TubingLeak},
	{8, "plugged_intake"},
	{9, esp.ClosedValve},
	{10, esp.ScaleDeposit},
	{11, "viscosity_rise"},
	{12, "solids"},
	{13, esp.InflowIncrease},
	{14, esp.InflowDecrease},
	{15, esp.BackPressure},
	{16, esp.MotorOverheating},
	{17, esp.WindingRise},
	{18, esp.Insulation},
	{19, esp.UnbalancedCurrent},
	{20, esp.VoltageUnbalance},
	{21, esp.Overload},
	{22, esp.Underload},
	{23, esp.Stall},
	{24, esp.Undervoltage},
	{25, esp.PowerDip},
	{26, esp.PowerFluctuation},
	{27, esp.BackspinSeen},
	{28, esp.ExcessStarts},
	{29, esp.GaugeFault},
	{30, esp.UnstableDrive},
	{31, "downthrust"},
	{32, "upthrust"},
	{33, "check_valve_leak"},
	{34, esp.ReverseRotation},
	{35, esp.DriveFault},
	{36, esp.CommunicationLost},
	{37, "clock_fault"},
}
