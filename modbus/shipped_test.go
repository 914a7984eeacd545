package modbus_test

import (
	"context"
	"io/fs"
	"math"
	"net"
	"path"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// Every profile that the program carries is polled over Modbus TCP, in requests that
// keep to its own limits, from a device that is made from it; what arrives is what the
// well has. That a profile is true of a real device no test can say.
func TestShippedProfilesOverModbus(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(configs.Profiles, "profiles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("profiles: %v, %v", files, err)
	}
	well, err := sim.NewWell(sim.Config{Seed: 1, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	well.Advance(well.Time().Add(time.Hour))
	for _, file := range files {
		t.Run(path.Base(file), func(t *testing.T) {
			content, err := fs.ReadFile(configs.Profiles, file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := profile.Parse(file, content)
			if err != nil {
				t.Fatal(err)
			}
			checkAgainstWell(t, p, well)
		})
	}
}

func checkAgainstWell(t *testing.T, p *profile.Profile, well *sim.Well) {
	t.Helper()
	bank := sim.NewBank(map[uint8]*profile.Profile{1: p})
	bank.Load(well)
	result, err := modbus.Probe(t.Context(), modbus.Device{
		ID: "d", URL: "tcp://" + mustServe(t, bank), Unit: 1, Profile: p, Timeout: 5 * time.Second,
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for i := range result.Rows {
		row, point := &result.Rows[i], &p.Points[i]
		if row.Quality == esp.Lost {
			t.Errorf("%s is lost (%s)", row.Name, row.Reason)
		}
		want, known := well.Value(row.Name)
		if !known || point.Signal == 0 || row.Quality != esp.Good || row.Name == "run_state" {
			continue
		}
		step := math.Abs(point.Scale.Apply(1) - point.Scale.Apply(0))
		if row.Value == nil || math.Abs(*row.Value-want) > max(step, 1e-3) {
			t.Errorf("%s: got %v, the well has %v", row.Name, row.Value, want)
		}
	}
}

func mustServe(t *testing.T, bank *sim.Bank) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sim.NewServer(sim.ServerConfig{Listener: listener, Bank: bank}).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}
