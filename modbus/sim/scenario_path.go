package sim

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// pathScenarios are about the way up: tubing and wellhead.
func pathScenarios() []Scenario {
	return []Scenario{
		{
			Name:  "tubing-leak",
			Title: "The tubing leaks back into the annulus",
			Since: 4 * time.Hour,
			Calm:  8 * time.Hour,
			// Leaks recorded in the field raised the intake pressure by 5.7 to 24.6 bar in
			// their worst hour, which takes 60 to 100 % of the rate; the hole is washed out
			// further.
			Changes: []Change{
				{Param: TubingLeak, Kind: Ramp, Over: 2 * time.Minute, To: 42},
				{Param: TubingLeak, Kind: Ramp, After: 10 * time.Minute, Over: 3 * time.Hour, To: 62},
				{Param: TubingLeak, Kind: Noise, Over: 10 * time.Minute, To: 0.8, Memory: 5 * time.Minute},
			},
			Expect:     []esp.DiagnosisID{"tubing_leak"},
			NearMisses: []esp.DiagnosisID{"inflow_increase", "back_pressure", "plugged_intake", "pump_wear", "broken_shaft"},
		},
		{
			Name:  "closed-valve",
			Title: "A valve at the wellhead is shut while the pump runs",
			Since: 20 * time.Minute,
			Calm:  8 * time.Hour,
			// A wing valve behind the transmitter: the opening of the choke is still shown as
			// it was set. A gate valve weeps a little.
			Changes:    []Change{{Param: WingValve, Kind: Ramp, Over: 40 * time.Second, To: 0.01}},
			Expect:     []esp.DiagnosisID{"closed_valve"},
			NearMisses: []esp.DiagnosisID{"back_pressure", esp.GasLock, "pump_off", "broken_shaft"},
		},
	}
}
