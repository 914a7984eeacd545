package diagnosis_test

import (
	"io/fs"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// simStream makes scans of the simulated well through its registers, as the poller
// would, without a socket.
type simStream struct {
	well   *sim.Well
	bank   *sim.Bank
	units  []uint8
	parts  []*profile.Profile
	sizes  []int
	scan   esp.Scan
	at     time.Time
	layout *esp.Layout
}

func loadProfile(tb testing.TB, id string) *profile.Profile {
	tb.Helper()
	body, err := fs.ReadFile(configs.Profiles, "profiles/"+id+".yaml")
	if err != nil {
		tb.Fatal(err)
	}
	p, err := profile.Parse(id, body)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func findScenario(tb testing.TB, name string) sim.Scenario {
	tb.Helper()
	sc, ok := sim.Find(name)
	if !ok {
		tb.Fatalf("no scenario %s", name)
	}
	return sc
}

func newSimStream(tb testing.TB, sc sim.Scenario, seed uint64, onset time.Duration) *simStream {
	tb.Helper()
	w, err := sim.NewWell(sim.Config{Seed: seed, Start: epoch, Scenario: sc, Onset: epoch.Add(onset)})
	if err != nil {
		tb.Fatal(err)
	}
	s := &simStream{well: w, at: epoch, units: []uint8{1, 10}}
	byUnit := make(map[uint8]*profile.Profile)
	var cols []esp.Column
	for i, id := range []string{"simulated-drive", "simulated-gauge"} {
		p := loadProfile(tb, id)
		byUnit[s.units[i]] = p
		s.parts = append(s.parts, p)
		c := p.Columns(esp.DeviceID([]string{"drive", "gauge"}[i]))
		s.sizes = append(s.sizes, len(c))
		cols = append(cols, c...)
	}
	s.bank = sim.NewBank(byUnit)
	s.layout, err = esp.NewLayout("T-1", cols, nil)
	if err != nil {
		tb.Fatal(err)
	}
	s.scan = esp.Scan{Well: "T-1", Layout: s.layout, Readings: make([]esp.Reading, len(cols))}
	return s
}

func (s *simStream) next() *esp.Scan {
	s.at = s.at.Add(time.Second)
	s.well.Advance(s.at)
	s.bank.Load(s.well)
	s.scan.Time = s.at
	from := 0
	for i, p := range s.parts {
		p.Decode(s.bank.Words(s.units[i]), s.scan.Readings[from:from+s.sizes[i]])
		from += s.sizes[i]
	}
	return &s.scan
}
