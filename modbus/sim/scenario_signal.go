package sim

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// signalScenarios are about what is known of a well that works: a gauge fault or a
// link fault and nothing else.
func signalScenarios() []Scenario {
	return []Scenario{
		{
			Name:        "dead-gauge",
			Title:       "The downhole gauge dies; the pump runs on",
			Since:       30 * time.Minute,
			Calm:        8 * time.Hour,
			GaugeFaults: []GaugeFault{mustFault(FindGaugeFault("dead"))},
			Expect:      []esp.DiagnosisID{"gauge_fault"},
			NearMisses:  []esp.DiagnosisID{"pump_off", "tubing_leak", "broken_shaft", esp.CommunicationLost},
		},
		{
			Name:       "drive-lost",
			Title:      "The drive does not answer; the gauge does",
			Since:      3 * time.Minute,
			Calm:       8 * time.Hour,
			LinkFaults: []LinkFault{mustFault(FindLinkFault("unit-lost"))},
			Expect:     []esp.DiagnosisID{esp.CommunicationLost},
			NearMisses: []esp.DiagnosisID{"gauge_fault", "drive_fault", "underload"},
		},
	}
}

func mustFault[T any](f T, ok bool) T {
	if !ok {
		panic("BUG: a scenario names a fault that does not exist")
	}
	return f
}
