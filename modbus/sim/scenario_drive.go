package sim

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// driveScenarios are about the motor's load, its drive and the supply.
func driveScenarios() []Scenario {
	return []Scenario{
		{
			Name:  "power-dip",
			Title: "The supply dips for seconds; the drive rides through",
			Since: 2 * time.Minute,
			Calm:  8 * time.Hour,
			// A far fault in the grid, cleared on the second attempt: 83 % and 77 % of the
			// usual voltage. The drive trips when its circuit is below 480 V for 2 s.
			Changes: []Change{
				{Param: SupplyVoltage, To: 398, Lasts: 3 * time.Second},
				{Param: SupplyVoltage, After: 9 * time.Second, To: 368, Lasts: 5 * time.Second},
				{Param: SupplyVoltage, After: 14 * time.Second, To: 440, Lasts: 4 * time.Second},
			},
			Expect:     []esp.DiagnosisID{"power_dip"},
			NearMisses: []esp.DiagnosisID{"undervoltage", "overload", "drive_fault", "unstable_drive"},
		},
		{
			Name:  "overload",
			Title: "Solids load the pump beyond the motor's rated current",
			Since: 10 * time.Minute,
			Calm:  8 * time.Hour,
			// A slug of sand: what rubs takes torque within minutes, in spikes. The drive warns
			// above its rated current and trips when it lasts half an hour and more.
			Changes: []Change{
				{Param: Drag, Kind: Ramp, Over: 4 * time.Minute, To: 0.49},
				{Param: Drag, Kind: Ramp, After: 15 * time.Minute, Over: 30 * time.Minute, To: 0.66},
				{Param: Drag, Kind: Spikes, Over: 3 * time.Minute, To: 0.02, Memory: 3 * time.Second},
				{Param: Wear, Kind: Ramp, Over: 10 * time.Minute, To: 0.02},
			},
			Expect:     []esp.DiagnosisID{"overload"},
			NearMisses: []esp.DiagnosisID{"stall", "viscosity_rise", "scale", "undervoltage"},
		},
		{
			Name:  "tripped",
			Title: "The drive's fan fails; it trips on its temperature, restarts and trips again",
			Since: 38 * time.Minute,
			Calm:  8 * time.Hour,
			// Without its fan the drive is too hot within minutes. Its automatic restart comes
			// after a quarter of an hour, when it has cooled, and helps for minutes only. The
			// second trip lies some twelve minutes back, one of three restarts is used.
			Changes:    []Change{{Param: DriveCooling, To: 0.15}},
			Expect:     []esp.DiagnosisID{"drive_fault"},
			NearMisses: []esp.DiagnosisID{"overload", "motor_overheating", "undervoltage", "excess_starts"},
		},
	}
}
