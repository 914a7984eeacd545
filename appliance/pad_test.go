package appliance_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/fstest"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// answerTime is how long the gateway takes for an answer, so that a reload often comes
// while a poll is under way.
const answerTime = 15 * time.Millisecond

// slow is a listener whose connections take their time to answer.
type slow struct{ net.Listener }

func (l slow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return slowConn{c}, err
}

type slowConn struct{ net.Conn }

func (c slowConn) Write(b []byte) (int, error) {
	time.Sleep(answerTime)
	return c.Conn.Write(b)
}

// gateway serves the registers of a simulated well as units 1 to 9.
func gateway(t *testing.T) string {
	t.Helper()
	p, err := profile.Parse("d.yaml", []byte(driveProfile))
	if err != nil {
		t.Fatal(err)
	}
	units := map[uint8]*profile.Profile{}
	for unit := range uint8(9) {
		units[unit+1] = p
	}
	simulated, err := sim.NewWell(sim.Config{Seed: 1, Start: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	simulated.Advance(time.Now())
	bank := sim.NewBank(units)
	bank.Load(simulated)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sim.NewServer(sim.ServerConfig{Listener: slow{listener}, Bank: bank}).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

const pollEvery = 100 * time.Millisecond

// pad makes configurations of wells W-1, W-2, … behind one gateway.
type pad struct {
	t        *testing.T
	data     string
	address  string
	profiles fstest.MapFS
}

func newPad(t *testing.T) *pad {
	t.Helper()
	return &pad{t: t, data: t.TempDir(), address: gateway(t), profiles: fstest.MapFS{"profiles/d.yaml": {Data: []byte(driveProfile)}}}
}

func (p *pad) config(wells int, change func(*config.Config)) *config.Config {
	p.t.Helper()
	c := &config.Config{Data: p.data, Web: config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}}}
	for i := range wells {
		c.Wells = append(c.Wells, p.well(i+1))
	}
	if change != nil {
		change(c)
	}
	c, err := config.Complete(c, config.Options{Profiles: p.profiles})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *pad) well(number int) config.Well {
	return config.Well{
		ID:      fmt.Sprintf("W-%d", number),
		Devices: []config.Device{{Name: "drive", URL: "tcp://" + p.address, Unit: new(uint8(number)), Profile: "d", Period: pollEvery}},
		Limits:  []config.Limit{{Signal: "intake_pressure", Low: &config.Quantity{Value: 1}, Priority: 2}},
	}
}
