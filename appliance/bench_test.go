package appliance_test

import (
	"context"
	"testing"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
	"wellkeeper.internal/scripts/goal"
)

// BenchmarkPipeline takes a simulated day at one scan a second through decoding,
// quality, store, diagnosis and alarms, and gives what one scan costs. What the
// simulator takes is not counted.
func BenchmarkPipeline(b *testing.B) {
	var total time.Duration
	var scans int
	for b.Loop() {
		took, n := day(b)
		total += took
		scans += n
	}
	perScan := float64(total.Microseconds()) / float64(scans)
	b.ReportMetric(perScan, "µs/scan")
	goal.Timed(b, "app.pipeline-us-per-scan", perScan, "us", 120)
}

// day fills one day and returns what it took beyond the simulator, and the scans.
func day(b *testing.B) (time.Duration, int) {
	b.Helper()
	to := time.Now().Truncate(time.Second)
	from := to.Add(-24 * time.Hour)
	scenario, _ := sim.Find("gas-lock")
	simulated, err := sim.NewWell(sim.Config{Seed: 1, Start: from, Scenario: scenario, Onset: to.Add(-scenario.Since)})
	if err != nil {
		b.Fatal(err)
	}
	profiles := map[uint8]*profile.Profile{}
	for unit, name := range map[uint8]string{1: "simulated-drive", 10: "simulated-gauge"} {
		p, err := config.LoadProfile(name, "", configs.Profiles)
		if err != nil {
			b.Fatal(err)
		}
		profiles[unit] = p
	}
	bank := sim.NewBank(profiles)
	var simulating time.Duration
	var scans int
	filled := make(chan time.Time, 1)
	past := &appliance.Past{
		From: from,
		Done: func() { filled <- time.Now() },
		Fill: func(ctx context.Context, layout *esp.Layout, after, _ time.Time, emit func(*esp.Scan) error) error {
			scan := esp.Scan{Well: layout.Well, Layout: layout, Readings: make([]esp.Reading, len(layout.Columns))}
			for t := after.Truncate(time.Second).Add(time.Second); t.Before(to); t = t.Add(time.Second) {
				begin := time.Now()
				simulated.Advance(t)
				bank.Load(simulated)
				simulating += time.Since(begin)
				n := len(profiles[1].Points)
				profiles[1].Decode(bank.Words(1), scan.Readings[:n])
				profiles[10].Decode(bank.Words(10), scan.Readings[n:])
				scan.Time = t.UTC()
				if err := emit(&scan); err != nil {
					return err
				}
				scans++
			}
			return ctx.Err()
		},
	}
	app, err := appliance.New(b.Context(), appliance.Options{Config: simulatedConfig(b, b.TempDir()), Past: past})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	begin := time.Now()
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	took := (<-filled).Sub(begin) - simulating
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return took, scans
}

// simulatedConfig is a box with the simulated well's devices, which are not there.
func simulatedConfig(tb testing.TB, data string) *config.Config {
	tb.Helper()
	cfg, err := config.Complete(&config.Config{
		Data: data,
		Web:  config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
		Wells: []config.Well{{ID: "W-1", Devices: []config.Device{
			{Name: "drive", URL: "tcp://127.0.0.1:1", Profile: "simulated-drive"},
			{Name: "gauge", URL: "tcp://127.0.0.1:1", Profile: "simulated-gauge"},
		}}},
	}, config.Options{Profiles: configs.Profiles})
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}
