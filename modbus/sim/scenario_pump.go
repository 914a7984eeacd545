package sim

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// pumpScenarios are about the pump itself.
func pumpScenarios() []Scenario {
	return []Scenario{
		{
			Name:       "broken-shaft",
			Title:      "The shaft breaks and the motor turns alone",
			Since:      45 * time.Minute,
			Calm:       8 * time.Hour,
			Changes:    []Change{{Param: ShaftTurns, To: 0}},
			Expect:     []esp.DiagnosisID{"broken_shaft"},
			NearMisses: []esp.DiagnosisID{esp.GasLock, "pump_off", "tubing_leak", "underload"},
		},
		{
			Name:    "wear",
			Title:   "The stages wear out, in two days instead of months",
			Since:   44 * time.Hour,
			History: 68 * time.Hour,
			Calm:    8 * time.Hour,
			// Sand opens the clearances: liquid runs back inside the pump, so head and power
			// fall alike. In the field it takes weeks to years.
			Changes:    []Change{{Param: Wear, Kind: Ramp, Over: 42 * time.Hour, To: 0.20}},
			Expect:     []esp.DiagnosisID{"pump_wear"},
			NearMisses: []esp.DiagnosisID{"scale", "tubing_leak", "plugged_intake", "inflow_increase"},
		},
		{
			Name:    "scale",
			Title:   "Scale grows in the stages, in two days instead of weeks",
			Since:   44 * time.Hour,
			History: 68 * time.Hour,
			Calm:    8 * time.Hour,
			// Deposits roughen and narrow the channels: head is lost and power is not saved.
			Changes:    []Change{{Param: Scale, Kind: Ramp, Over: 42 * time.Hour, To: 0.18}},
			Expect:     []esp.DiagnosisID{"scale"},
			NearMisses: []esp.DiagnosisID{"pump_wear", "viscosity_rise", "tubing_leak", "overload"},
		},
		{
			Name:  "reverse-rotation",
			Title: "Two phases swapped at cable work; the pump starts backwards",
			Since: 3 * time.Hour,
			Calm:  8 * time.Hour,
			// Stopped two hours for a new surface cable, then started with two phases swapped.
			// The drive cannot know: it still sends its phases in the order forward.
			Changes: []Change{
				{Param: RunCommand, To: 0, Lasts: 2 * time.Hour},
				{Param: PhaseOrder, After: time.Hour, To: -1},
			},
			Expect:     []esp.DiagnosisID{"reverse_rotation"},
			NearMisses: []esp.DiagnosisID{"pump_wear", "tubing_leak", "plugged_intake", "broken_shaft", "scale"},
		},
	}
}
