package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// The devices of the simulated well and the profiles that describe them.
var rigDevices = []struct {
	name    esp.DeviceID
	unit    uint8
	profile string
}{
	{"drive", sim.DriveUnit, "simulated-drive"},
	{"gauge", sim.GaugeUnit, "simulated-gauge"},
}

// rig is a simulated well and the Modbus server that shows it: what demo and simulate
// have in common.
type rig struct {
	well     *sim.Well
	bank     *sim.Bank
	server   *sim.Server
	listener net.Listener
	url      string // of the line, for a device of a site's configuration
	profiles map[esp.DeviceID]*profile.Profile

	// live is closed when the well has been played up to the present: from then on it
	// belongs to the clock.
	live   chan struct{}
	goLive sync.Once
}

type rigConfig struct {
	listen string
	rtu    bool   // RTU frames over TCP
	serial string // path of a serial line to make in place of a socket
	play   play
	start  time.Time // of the well's life
}

func newRig(ctx context.Context, c rigConfig) (*rig, error) {
	what, err := c.play.config(c.start, time.Now())
	if err != nil {
		return nil, err
	}
	well, err := sim.NewWell(what)
	if err != nil {
		return nil, fmt.Errorf("simulate the well: %w", err)
	}
	r := &rig{well: well, profiles: map[esp.DeviceID]*profile.Profile{}, live: make(chan struct{})}
	units := map[uint8]*profile.Profile{}
	for _, d := range rigDevices {
		p, err := config.LoadProfile(d.profile, "", configs.Profiles)
		if err != nil {
			return nil, err
		}
		r.profiles[d.name], units[d.unit] = p, p
	}
	r.bank = sim.NewBank(units)
	r.bank.Load(well)
	if err := r.open(ctx, c, what.LinkFaults); err != nil {
		return nil, err
	}
	return r, nil
}

// open makes the line and the server on it.
func (r *rig) open(ctx context.Context, c rigConfig, faults []sim.LinkFaultAt) (err error) {
	over, scheme := sim.OverTCP, "tcp"
	switch {
	case c.serial != "":
		over, scheme = sim.OverSerial, "rtu"
	case c.rtu:
		over, scheme = sim.OverRTU, "rtutcp"
	}
	for i := range faults {
		if f := &faults[i].Fault; !f.Happens(over) {
			return usageError{fmt.Errorf("--link-fault %s does not happen here; lines that know it: %s", f.Name, f.Over)}
		}
	}
	if c.serial != "" {
		r.listener, err = sim.OpenCable(c.serial, r.bank)
	} else {
		r.listener, err = sim.OpenDoor(ctx, c.listen, r.bank)
	}
	if err != nil {
		return fmt.Errorf("serve the simulated well: %w", err)
	}
	r.url = scheme + "://" + r.listener.Addr().String()
	if c.serial != "" {
		r.url += "?parity=N"
	}
	r.server = sim.NewServer(sim.ServerConfig{Listener: r.listener, Bank: r.bank, Over: over, SilentUnknown: over != sim.OverTCP})
	return nil
}

// goOn hands the well over to the clock.
func (r *rig) goOn() { r.goLive.Do(func() { close(r.live) }) }

// Run serves the registers, and once the well is live moves it with the clock.
func (r *rig) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var moving sync.WaitGroup
	moving.Go(func() { r.move(ctx) })
	err := r.server.Run(ctx)
	cancel()
	moving.Wait()
	return err
}

// move plays each second half a second before it comes, so that a poll at the whole
// second finds it.
func (r *rig) move(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-r.live:
	}
	for {
		next := time.Now().Add(time.Second / 2).Truncate(time.Second)
		r.well.Advance(next)
		r.bank.Load(r.well)
		timer := time.NewTimer(time.Until(next.Add(time.Second / 2)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Fill plays the well second by second between two times and hands over what a poll
// would have read: the same registers, decoded by the same profiles, or lost where a
// link fault hides the device.
func (r *rig) Fill(ctx context.Context, layout *esp.Layout, after, before time.Time, emit func(*esp.Scan) error) error {
	scan := esp.Scan{Well: layout.Well, Layout: layout, Readings: make([]esp.Reading, len(layout.Columns))}
	for t := after.Truncate(time.Second).Add(time.Second); t.Before(before); t = t.Add(time.Second) {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.well.Advance(t)
		r.bank.Load(r.well)
		rest := scan.Readings
		for _, d := range rigDevices {
			p := r.profiles[d.name]
			n := len(p.Points)
			p.Decode(r.bank.Words(d.unit), rest[:n])
			rest = rest[n:]
		}
		scan.Time = t.UTC()
		if err := emit(&scan); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of a rig that never ran.
func (r *rig) Close() error {
	err := r.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
