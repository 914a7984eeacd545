package sim

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// inflowScenarios are about what arrives at the pump: gas, or too little liquid.
func inflowScenarios() []Scenario {
	return []Scenario{
		{
			Name:  "gas-lock",
			Title: "Gas breaks through, disturbs the pump and locks it",
			Since: 90 * time.Minute,
			Calm:  8 * time.Hour,
			// The casing's check valve to the flowline sticks, so gas that should go up the
			// annulus is dragged into the pump while the gas-oil ratio rises. It swings in
			// slugs of a few minutes (interference, from a quarter of an hour on) and fills
			// the stages after about an hour (lock).
			Changes: []Change{
				{Param: GasOilRatio, Kind: Ramp, Over: 50 * time.Minute, To: 185},
				{Param: GasOilRatio, Kind: Ramp, After: time.Hour, Over: 6 * time.Hour, To: 420},
				{Param: Separation, Kind: Ramp, Over: 40 * time.Minute, To: 0.58},
				{Param: CasingPressure, Kind: Ramp, Over: 2 * time.Hour, To: 13},
				{
					Param: GasSurge, Kind: Noise, Over: 25 * time.Minute, To: 0.045,
					Memory: 6 * time.Minute, Period: 190 * time.Second,
				},
				{Param: GasSurge, Kind: Noise, Over: 25 * time.Minute, To: 0.02, Memory: 12 * time.Second},
			},
			Expect:     []esp.DiagnosisID{esp.GasLock, esp.GasInterference},
			NearMisses: []esp.DiagnosisID{"broken_shaft", "pump_off", "closed_valve"},
		},
		{
			Name:  "pump-off",
			Title: "The inflow fails and the pump draws its well down",
			Since: 8 * time.Hour,
			Calm:  8 * time.Hour,
			// Sand covers the perforations within a few hours. The pump goes on taking what
			// stands in the annulus until the intake pressure has fallen so far that it can
			// hardly lift the column; then the flow falls to what still comes in. Gas that
			// the low pressure frees makes it unsteady.
			Changes: []Change{
				{Param: Productivity, Kind: Ramp, Over: 150 * time.Minute, To: 0.17},
				{
					Param: GasSurge, Kind: Noise, After: 3 * time.Hour, Over: 4 * time.Hour, To: 0.0025,
					Memory: 4 * time.Minute, Period: 150 * time.Second,
				},
				{Param: GasSurge, Kind: Noise, After: 5 * time.Hour, Over: 3 * time.Hour, To: 0.009, Memory: 8 * time.Second},
			},
			Expect:     []esp.DiagnosisID{"pump_off"},
			NearMisses: []esp.DiagnosisID{esp.GasLock, esp.GasInterference, "inflow_decrease", "underload"},
		},
	}
}
