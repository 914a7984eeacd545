package diagnosis_test

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/alarm"
	"wellkeeper.internal/appliance/diagnosis"
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
	step   time.Duration
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
	s := &simStream{well: w, at: epoch, step: time.Second, units: []uint8{1, 10}}
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
	s.at = s.at.Add(s.step)
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

// told is what a simulated well made the engine and the alarms say.
type told struct {
	result
	alarms []esp.Alarm
}

func (s *simStream) play(e *diagnosis.Engine, m *alarm.Manager, d time.Duration) told {
	g := diagnosis.NewGate(s.layout)
	var out told
	for end := s.at.Add(d); s.at.Before(end); {
		scan := s.next()
		g.Grade(scan)
		o := e.Observe(scan)
		state, _ := e.State()
		out.events = append(out.events, o.Events...)
		out.found = append(out.found, o.Diagnoses...)
		out.alarms = append(out.alarms, m.Observe(scan, state, o.Diagnoses)...)
	}
	return out
}

func simWell(tb testing.TB) (*diagnosis.Engine, *alarm.Manager) {
	tb.Helper()
	return diagnosis.New(simConfig(tb)), alarm.New(alarm.Config{Well: "T-1", Limits: sim.Limits()})
}

func TestSimulatedGasLock(t *testing.T) {
	const onset = 4 * time.Hour
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			e, m := simWell(t)
			out := newSimStream(t, findScenario(t, "gas-lock"), seed, onset).play(e, m, onset+90*time.Minute)
			interference, lock := out.first(esp.GasInterference, esp.Raised), out.first(esp.GasLock, esp.Raised)
			if interference == nil || lock == nil || out.found[0].ID != esp.GasInterference {
				t.Fatalf("found %v", out.names())
			}
			// gas slugs from about a quarter of an hour on, the lock within the first hour
			if at := interference.Time.Sub(epoch.Add(onset)); at > 40*time.Minute {
				t.Errorf("interference raised %v after the onset", at)
			}
			if at := lock.Time.Sub(epoch.Add(onset)); at > 75*time.Minute {
				t.Errorf("lock raised %v after the onset", at)
			}
			open := e.Open()
			if len(open) != 1 || open[0].ID != esp.GasLock || open[0].Severity != esp.SeverityNow {
				t.Errorf("open at the end: %s", mustJSON(t, open))
			}
			first := lock.Evidence[0]
			if first.Signal != "motor_current" || first.Value > 18 || first.Value < 11 || first.Baseline < 22 || first.Baseline > 25 {
				t.Errorf("evidence %s", mustJSON(t, first))
			}
			if active := m.Active(); len(active) == 0 || active[0].Priority != 1 {
				t.Errorf("active alarms %s", mustJSON(t, active))
			}
		})
	}
}

// What happens to a simulated well beside its scenarios: found by its own name or not
// at all, and never called gas.
func TestSimulatedNearMisses(t *testing.T) {
	const onset = 4 * time.Hour
	tests := map[string]struct {
		changes []sim.Change
		want    []string
	}{
		"stop and start":    {[]sim.Change{{Param: sim.RunCommand, To: 0}, {Param: sim.RunCommand, To: 1, After: time.Hour}}, nil},
		"choked":            {[]sim.Change{{Param: sim.ChokeOpening, To: 0.3, Over: time.Minute}}, []string{"back_pressure"}},
		"weak inflow":       {[]sim.Change{{Param: sim.Productivity, To: 0.2, Over: 2 * time.Hour}, {Param: sim.GasOilRatio, To: 3}}, []string{"low_intake_pressure", "pump_off"}},
		"faster":            {[]sim.Change{{Param: sim.Setpoint, To: 56}}, nil},
		"slower":            {[]sim.Change{{Param: sim.Setpoint, To: 45}}, nil},
		"slugging wellhead": {[]sim.Change{{Param: sim.Slugging, Kind: sim.Noise, To: 0.12, Memory: 8 * time.Minute, Period: 5 * time.Minute}}, nil},
		"noisy supply":      {[]sim.Change{{Param: sim.SupplyVoltage, Kind: sim.Noise, To: 15, Memory: 20 * time.Second}}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, m := simWell(t)
			sc := sim.Scenario{Name: "test", Calm: 2 * time.Hour, Changes: tt.changes}
			s := newSimStream(t, sc, 2, onset)
			s.step = 2 * time.Second
			out := s.play(e, m, onset+3*time.Hour)
			for _, n := range of(out.names(), wellFaults...) {
				if _, id, _ := strings.Cut(n, " "); !slices.Contains(tt.want, id) {
					t.Errorf("%s: %v", n, out.names())
				}
			}
		})
	}
}
