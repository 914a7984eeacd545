package sim

import (
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Scenario is something that happens to a well, as data.
type Scenario struct {
	Name  string // as on the command line, for example "gas-lock"
	Title string
	// Since is how long before now the onset lies by default, so that what the
	// scenario leads to can be seen.
	Since time.Duration
	// Calm is how long before the onset the operator last changes the speed. Zero:
	// the operator goes on changing it.
	Calm time.Duration
	// Changes happen on top of what every well does (weather, slugs, drift).
	Changes []Change
	// Expect are the diagnoses that must be found while the scenario lasts; none may
	// be found where it is empty.
	Expect []esp.DiagnosisID
	// NearMisses are diagnoses that look alike and must not be the first choice.
	NearMisses []esp.DiagnosisID
}

// ChangeKind says how a parameter changes.
type ChangeKind uint8

// Kinds of change.
const (
	// Ramp takes the parameter to To within Over, and leaves it there; Over zero is a
	// step.
	Ramp ChangeKind = iota
	// Noise adds a random process of standard deviation To, which fades in within
	// Over. Memory is its correlation time; with a Period it swings with that period
	// and loses its phase within Memory.
	Noise
	// Wave adds a sine of amplitude To and the given Period. Its phase belongs to the
	// calendar, not to the onset.
	Wave
	// Rounds adds one of a few offsets between -To and +To, another one at two
	// unforeseen times of each day, as an operator does on his rounds.
	Rounds
)

// Change is one change of one parameter.
type Change struct {
	Param  Param
	Kind   ChangeKind
	After  time.Duration // since the onset
	Over   time.Duration
	To     float64 // in the parameter's unit
	Memory time.Duration
	Period time.Duration
	Phase  float64 // of a Wave, in periods
}

// Scenarios are the scenarios of this release, normal first.
func Scenarios() []Scenario {
	return []Scenario{
		{
			Name:  "normal",
			Title: "A well that works",
		},
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
			Expect:     []esp.DiagnosisID{esp.GasInterference, esp.GasLock},
			NearMisses: []esp.DiagnosisID{"broken_shaft", "pump_off", "closed_valve"},
		},
	}
}

// background is what every well does all the time.
func background() []Change {
	return []Change{
		{Param: ReservoirPressure, Kind: Wave, To: 0.8, Period: 9 * 24 * time.Hour},
		{Param: ReservoirPressure, Kind: Wave, To: 0.4, Period: 61 * time.Hour, Phase: 0.4},
		{Param: WaterCut, Kind: Noise, To: 0.004, Memory: 3 * time.Hour},
		{Param: GasOilRatio, Kind: Noise, To: 0.8, Memory: 40 * time.Minute},
		{Param: AmbientTemperature, Kind: Wave, To: 7, Period: 24 * time.Hour, Phase: 0.62},
		{Param: AmbientTemperature, Kind: Noise, To: 0.6, Memory: 20 * time.Minute},
		{Param: LinePressure, Kind: Noise, To: 0.12, Memory: 25 * time.Minute},
		{Param: CasingPressure, Kind: Noise, To: 0.04, Memory: 30 * time.Minute},
		{Param: SupplyVoltage, Kind: Wave, To: 4, Period: 12 * time.Hour},
		{Param: SupplyVoltage, Kind: Noise, To: 1.6, Memory: 3 * time.Minute},
		{Param: Slugging, Kind: Noise, To: 0.02, Memory: 8 * time.Minute, Period: 170 * time.Second},
		{Param: FluidTemperature, Kind: Noise, To: 0.08, Memory: 2 * time.Hour},
		{Param: Leakage, Kind: Noise, To: 0.004, Memory: 2 * time.Hour},
		{Param: Setpoint, Kind: Rounds, To: 0.6},
	}
}

// Find is the scenario of that name.
func Find(name string) (Scenario, bool) {
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return all[i], true
}
