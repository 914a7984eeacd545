package command

import (
	"fmt"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// units are the ways in which people write the units that profiles know.
var units = map[string]string{
	"°c": "degC", "c": "degC", "deg c": "degC", "degc": "degC", "celsius": "degC", "℃": "degC", "ºc": "degC",
	"°f": "degF", "f": "degF", "deg f": "degF", "degf": "degF", "fahrenheit": "degF", "ºf": "degF",
	"psi": "psi", "psig": "psi", "bar": "bar", "barg": "bar", "kpa": "kPa", "mpa": "MPa", "atm": "atm",
	"a": "A", "amp": "A", "amps": "A", "ampere": "A", "amperes": "A", "ma": "mA",
	"v": "V", "volt": "V", "volts": "V", "hz": "Hz", "hertz": "Hz", "kw": "kW", "w": "W", "hp": "hp", "kwh": "kWh",
	"%": "%", "percent": "%", "pct": "%", "g": "g", "rpm": "rpm", "nm": "Nm", "n·m": "Nm",
	"mohm": "MOhm", "mω": "MOhm", "megohm": "MOhm", "kohm": "kOhm",
	"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "s": "s", "sec": "s", "seconds": "s", "min": "min", "minutes": "min",
	"deg": "deg", "°": "deg", "degrees": "deg", "m": "m", "ft": "ft",
	"bpd": "bbl/d", "bbl/d": "bbl/d", "bbl/day": "bbl/d", "stb/d": "bbl/d", "m3/d": "m3/d", "m³/d": "m3/d", "m3/day": "m3/d",
	"-": "", "none": "", "n/a": "", "na": "", "1": "",
}

// unitOf is the unit as profiles write it; an unknown one stays as it is. MW and mW, M
// and m differ, so only what is listed is taken regardless of case.
func unitOf(text string) string {
	if u, ok := units[strings.ToLower(text)]; ok && text != "MA" && text != "MW" {
		return u
	}
	return text
}

// certain are names that mean one signal and nothing else. "Motor current" is not among
// them: it may be before or after the transformer.
var certain = map[string]esp.SignalID{
	"output frequency": esp.DriveFrequency, "drive frequency": esp.DriveFrequency, "output freq": esp.DriveFrequency,
	"frequency setpoint": esp.FrequencySetpoint, "frequency reference": esp.FrequencySetpoint, "set frequency": esp.FrequencySetpoint,
	"output current": esp.OutputCurrent, "drive output current": esp.OutputCurrent,
	"output voltage": esp.OutputVoltage, "output power": esp.OutputPower, "power factor": esp.PowerFactor,
	"dc bus voltage": esp.DCBusVoltage, "dc link voltage": esp.DCBusVoltage, "dc voltage": esp.DCBusVoltage, "dc bus": esp.DCBusVoltage,
	"input voltage": esp.InputVoltage, "supply voltage": esp.InputVoltage, "input current": esp.InputCurrent,
	"drive temperature": esp.DriveTemperature, "heatsink temperature": esp.DriveTemperature, "heat sink temperature": esp.DriveTemperature,
	"torque": esp.Torque, "fault code": esp.FaultCode, "warning code": esp.WarningCode, "run hours": esp.RunHours, "running hours": esp.RunHours,
	"number of starts": esp.StartCount, "start count": esp.StartCount,
	"intake pressure": esp.IntakePressure, "pump intake pressure": esp.IntakePressure, "pip": esp.IntakePressure,
	"discharge pressure": esp.DischargePressure, "pump discharge pressure": esp.DischargePressure, "pdp": esp.DischargePressure,
	"intake temperature": esp.IntakeTemperature, "pump intake temperature": esp.IntakeTemperature, "intake temp": esp.IntakeTemperature,
	"discharge temperature": esp.DischargeTemperature, "discharge temp": esp.DischargeTemperature,
	"motor temperature": esp.MotorTemperature, "motor winding temperature": esp.MotorTemperature, "motor temp": esp.MotorTemperature,
	"vibration x": esp.VibrationX, "vibration y": esp.VibrationY, "vibration z": esp.VibrationZ,
	"x vibration": esp.VibrationX, "y vibration": esp.VibrationY, "z vibration": esp.VibrationZ,
	"leakage current": esp.LeakageCurrent, "insulation resistance": esp.InsulationResistance,
	"tubing head pressure": esp.TubingHeadPressure, "tubing pressure": esp.TubingHeadPressure, "thp": esp.TubingHeadPressure,
	"casing pressure": esp.CasingPressure, "chp": esp.CasingPressure, "flowline pressure": esp.FlowlinePressure,
}

// christen gives a row its name: that of a signal where it is certainly one and its unit
// fits, else its own.
func (l *registerList) christen(r *registerRow) {
	words := plain(r.title)
	id, ok := certain[words]
	if !ok && strings.TrimSpace(r.title) == strings.ReplaceAll(words, " ", "_") { // written as the name of a signal
		id, _ = esp.Lookup(r.title)
	}
	own := ownName(words)
	switch why := l.unfit(id, r.unit); {
	case id == 0:
		l.note(r.line, fmt.Sprintf("%q is kept as a name of its own, %s", oneLine(r.title), l.free(own, r)))
	case why != "":
		l.note(r.line, fmt.Sprintf("%q is kept as a name of its own, %s: %s", oneLine(r.title), l.free(own, r), why))
	default:
		r.name = id.String()
		l.names[r.name] = true
		l.note(r.line, fmt.Sprintf("%q is the signal %s", oneLine(r.title), r.name))
	}
}

// unfit says why a row cannot be the signal; empty: it can.
func (l *registerList) unfit(id esp.SignalID, unit string) string {
	if id == 0 {
		return ""
	}
	info := id.Info()
	_, err := esp.Convert(esp.Unit(unit), info.Unit)
	switch {
	case l.names[info.Name]:
		return info.Name + " comes from another line already"
	case id == esp.RunState:
		return "say under status, or with an enum, which value is which state"
	case info.Group == esp.DerivedGroup:
		return info.Name + " is computed by this program"
	case err != nil && unit == "":
		return fmt.Sprintf("%s needs a unit that becomes %s", info.Name, info.Unit)
	case err != nil:
		return fmt.Sprintf("its unit %q does not become %q", unit, string(info.Unit))
	}
	return ""
}

// free sets a name that no other row and no signal has.
func (l *registerList) free(own string, r *registerRow) string {
	if _, signal := esp.Lookup(own); signal || own == "warning" {
		own += "_own"
	}
	r.name = own
	for n := 2; l.names[r.name]; n++ {
		r.name = own + "_" + strconv.Itoa(n)
	}
	l.names[r.name] = true
	return r.name
}

// ownName is a name as profiles allow it.
func ownName(words string) string {
	name := strings.ReplaceAll(words, " ", "_")
	if name == "" || name == "null" || name[0] < 'a' || name[0] > 'z' {
		name = "r_" + name
	}
	return strings.Trim(name[:min(len(name), 52)], "_")
}
