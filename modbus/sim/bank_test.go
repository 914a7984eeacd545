package sim_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

const (
	driveUnit = 1
	gaugeUnit = 10
)

func mustBank(tb testing.TB) (*sim.Bank, map[uint8]*profile.Profile) {
	tb.Helper()
	profiles := map[uint8]*profile.Profile{
		driveUnit: mustProfile(tb, "simulated-drive"),
		gaugeUnit: mustProfile(tb, "simulated-gauge"),
	}
	return sim.NewBank(profiles), profiles
}

func TestRegistersDecodeToTheValuesOfTheWell(t *testing.T) {
	t.Parallel()
	bank, profiles := mustBank(t)
	w := mustWell(t, sim.Config{Seed: 4, Start: start, Scenario: mustFind(t, "gas-lock"), Onset: start})
	canonical := map[esp.SignalID]bool{}
	for _, after := range []time.Duration{0, 20 * time.Minute, 2 * time.Hour} {
		w.Advance(start.Add(after))
		bank.Load(w)
		for unit, p := range profiles {
			columns := p.Columns("device")
			readings := make([]esp.Reading, len(columns))
			p.Decode(bank.Words(unit), readings)
			for i, c := range columns {
				want, have := w.Value(c.Name)
				r := readings[i]
				switch id, known := esp.Lookup(c.Name); {
				case !known: // of the vendor: the warning bit
				case !have:
					if r.Quality.Usable() {
						t.Errorf("after %v: %s reads %g, the well has none", after, c.Name, r.Value)
					}
				case !r.Quality.Usable():
					t.Errorf("after %v: %s is %v (%v)", after, c.Name, r.Quality, r.Reason)
				case c.Float && math.Abs(r.Value-want) > 1e-6*math.Abs(want),
					!c.Float && math.Abs(r.Value-want) > 0.501*math.Abs(c.Scale.Apply(1)-c.Scale.Apply(0)):
					t.Errorf("after %v: %s reads %g, the well has %g", after, c.Name, r.Value, want)
				default:
					canonical[id] = true
				}
			}
		}
	}
	if len(canonical) < 55 {
		t.Errorf("%d canonical signals through the registers, want 55 or more", len(canonical))
	}
}

func TestWordsBeyondTheDevice(t *testing.T) {
	t.Parallel()
	bank, _ := mustBank(t)
	for _, c := range []struct {
		name string
		unit uint8
		fc   uint8
		wire uint16
		want esp.Reason
	}{
		{"a register", driveUnit, 3, 1, esp.NoReason},
		{"a small hole", driveUnit, 3, 39, esp.NoReason},
		{"past the end", driveUnit, 3, 60, esp.NotSupported},
		{"the other register table", driveUnit, 4, 1, esp.NotSupported},
		{"another unit", 77, 3, 1, esp.Timeout},
	} {
		if _, got := bank.Words(c.unit)(c.fc, c.wire); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Two counters of the well move together, ten minutes from one Load to the next: what
// is read at once must be from one of them.
func TestReaderNeverSeesTwoMomentsAtOnce(t *testing.T) {
	t.Parallel()
	content := `{schema: esp-profile/1, id: torn, kind: drive, defaults: {fc: 3, base: 0}, points: [
		{name: energy, ref: 0, type: u32, unit: kWh},
		{name: run_hours, ref: 2, type: u32, unit: h, scale: 0.01},
		{name: gauge_packets, ref: 4, type: u16}]}`
	p, err := profile.Parse("torn.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	bank := sim.NewBank(map[uint8]*profile.Profile{1: p})
	w := mustWell(t, sim.Config{Seed: 1, Start: start})
	bank.Load(w)

	var loading sync.WaitGroup
	stop := make(chan struct{})
	loading.Go(func() {
		for i := range 300 {
			w.Advance(start.Add(time.Duration(i) * 10 * time.Minute))
			for range 10 { // a writer that is mostly in Load
				bank.Load(w)
			}
		}
		close(stop)
	})
	defer loading.Wait()
	readings := make([]esp.Reading, 3)
	moments := map[float64]bool{}
	for {
		p.Decode(bank.Words(1), readings)
		hours, packets := readings[1].Value, readings[2].Value
		// Both come from the same calendar: run hours since commissioning and packets of 4 s.
		second := hours * 3600
		drift := math.Mod(packets*4-second, 65536*4)
		moments[math.Round(drift/60)] = true
		select {
		case <-stop:
			if len(moments) > 3 { // rounding of 0.01 h is 36 s
				t.Errorf("%d different distances between two counters that move together", len(moments))
			}
			return
		default:
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	bank, _ := mustBank(b)
	w := mustWell(b, sim.Config{Seed: 1, Start: start})
	for b.Loop() {
		bank.Load(w)
	}
}

// BenchmarkHistory is a second of demo history as far as the simulator goes: physics
// and registers.
func BenchmarkHistory(b *testing.B) {
	bank, _ := mustBank(b)
	w := mustWell(b, sim.Config{Seed: 1, Start: start, Scenario: mustFind(b, "gas-lock")})
	at := start
	for b.Loop() {
		at = at.Add(time.Second)
		w.Advance(at)
		bank.Load(w)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/step")
}
