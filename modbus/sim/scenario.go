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
	// History is how much of the past before now the scenario needs to be understood,
	// where that is more than a day: what is usual has to be learned before the onset.
	History time.Duration
	// Calm is how long before the onset the operator last changes the speed. Zero:
	// the operator goes on changing it.
	Calm time.Duration
	// Changes happen on top of what every well does (weather, slugs, drift).
	Changes []Change
	// Faults of gauge and line that begin with it.
	GaugeFaults []GaugeFault
	LinkFaults  []LinkFault
	// Expect are the diagnoses that must be found while the scenario lasts, first the
	// one that stands open above all others after Since. None may be found where it is
	// empty, and none before the onset.
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
	// Spikes adds short peaks above nothing: To times the square of a Noise of deviation
	// 1, so To on average and now and then many times that. It fades in within Over and
	// has a Memory.
	Spikes
)

// Change is one change of one parameter.
type Change struct {
	Param  Param
	Kind   ChangeKind
	After  time.Duration // since the onset
	Over   time.Duration
	Lasts  time.Duration // after that nothing is left of the change; zero: for good
	To     float64       // in the parameter's unit
	Memory time.Duration
	Period time.Duration
	Phase  float64 // of a Wave, in periods
}

// Scenarios are the scenarios of this release, normal first.
func Scenarios() []Scenario {
	return slices.Concat(
		[]Scenario{{Name: "normal", Title: "A well that works"}},
		inflowScenarios(), pathScenarios(), pumpScenarios(), driveScenarios(), signalScenarios(),
	)
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
