package appliance

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/health"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/tap"
)

// tapping is the tap while it runs. That its address cannot be opened is no reason to
// end: it is tried again, and a condition says so.
type tapping struct {
	app    *App
	listen string
	server atomic.Pointer[tap.Server] // nil until the address is open
	failed atomic.Pointer[string]     // why it is not; nil: it is, or was not tried
	life   *stage                     // nil until it is started
}

// newTap opens the tap's address. With an error the tap opens it later, when it runs.
func newTap(ctx context.Context, a *App, c *config.Tap) (*tapping, error) {
	t := &tapping{app: a, listen: c.Listen}
	return t, t.open(ctx)
}

// open opens the address.
func (t *tapping) open(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", t.listen)
	if err != nil {
		err = fmt.Errorf("serve the tap: %w; choose another address with tap.listen", err)
		t.failed.Store(new(err.Error()))
		return err
	}
	log := component(t.app.log, "tap")
	server := tap.New(tap.Config{Listener: listener, Settings: t.app.tapSettings(), Version: t.app.version, Log: log})
	t.server.Store(server)
	server.Set(t.app.tapSettings()) // a reload may have come between
	t.failed.Store(nil)
	log.Info().Stringer("address", listener.Addr()).Msg("other masters may read")
	return nil
}

// samePort reports whether two addresses have the same port.
func samePort(a, b string) bool {
	_, one, errOne := net.SplitHostPort(a)
	_, other, errOther := net.SplitHostPort(b)
	return errOne == nil && errOther == nil && one == other
}

// start serves until the stage is stopped.
func (t *tapping) start(life *stage) {
	t.life = life
	life.start("tap", t.run)
}

// stop ends it. It may be called for one that is not there or was never started.
func (t *tapping) stop() {
	switch {
	case t == nil:
	case t.life != nil:
		t.life.stop()
	default:
		if s := t.server.Load(); s != nil {
			_ = s.Close() // nothing was served
		}
	}
}

const (
	// tapRetry is how often an address that cannot be opened is tried again.
	tapRetry = 10 * time.Second
	// renewEvery is how often our own registers are renewed.
	renewEvery = time.Second
)

func (t *tapping) run(ctx context.Context) error {
	retry := time.NewTicker(tapRetry)
	defer retry.Stop()
	for told := false; t.server.Load() == nil; {
		if err := t.open(ctx); err == nil {
			break
		} else if !told {
			t.app.log.Error().Str("component", "tap").Err(err).Msg("other masters cannot read; it is tried again")
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var renewing sync.WaitGroup
	renewing.Go(func() { t.renew(ctx) })
	err := t.server.Load().Run(ctx)
	cancel()
	renewing.Wait()
	return err
}

// renew makes our own registers anew each second.
func (t *tapping) renew(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		t.server.Load().Publish(t.app.tapBoard())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tapSettings are those of the configuration and the wells that run now.
func (a *App) tapSettings() tap.Settings {
	c := &a.config.Load().Tap
	s := tap.Settings{Devices: map[uint8]tap.Device{}, Own: c.Unit, Allow: c.Networks, Connections: c.Connections, Idle: c.Idle}
	units := a.tapUnits()
	for _, w := range a.wells() {
		for i := range w.devices {
			id := w.devices[i].ID
			s.Devices[units[deviceOf{w.esp.ID, id}]] = tap.Device{Image: w.images[id], MaxAge: c.MaxAge}
		}
	}
	return s
}

type deviceOf struct {
	well   esp.WellID
	device esp.DeviceID
}

// tapUnits are the units under which the devices are served.
func (a *App) tapUnits() map[deviceOf]uint8 {
	cfg := a.config.Load()
	units := map[deviceOf]uint8{}
	for i := range cfg.Wells {
		w := &cfg.Wells[i]
		for k := range w.Devices {
			d := &w.Devices[k]
			units[deviceOf{esp.WellID(w.ID), esp.DeviceID(d.Name)}] = cfg.Tap.UnitOf(w.ID, d)
		}
	}
	return units
}

// retap puts the tap of a configuration that was just taken in where the old one was.
// next is nil where the address stays, or nothing is served.
func (a *App) retap(next *tapping, moved bool) {
	if moved {
		a.tap.Load().stop()
		a.tap.Store(next)
		if next != nil {
			next.start(a.newStage())
		}
	}
	if t := a.tap.Load(); t != nil {
		if s := t.server.Load(); s != nil {
			s.Set(a.tapSettings())
		}
	}
}

// tapFacts are what the tap has done; nil where it is off.
func (a *App) tapFacts() *health.Tap {
	t := a.tap.Load()
	if t == nil {
		return nil
	}
	f := &health.Tap{}
	if why := t.failed.Load(); why != nil {
		f.Error = *why
	}
	if s := t.server.Load(); s != nil {
		n := s.Stats()
		f.Clients, f.Connections, f.Strangers, f.Crowded, f.Malformed = n.Clients, n.Connections, n.Strangers, n.Crowded, n.Malformed
		f.Answered, f.Refused, f.Exceptions = n.Answered, n.Refused, n.Exceptions
	}
	return f
}

// tapBoard is what our own registers say now.
func (a *App) tapBoard() *tap.Board {
	now, wells := time.Now(), a.wells()
	report := a.monitor.Report()
	b := &tap.Board{Health: healthNumber(report.Status), Conditions: len(report.Conditions), Time: now}
	if up := a.uplinkFacts(); up != nil {
		b.Uplink = &tap.Uplink{Scans: up.WaitingScans, Records: up.WaitingRecords, Failing: up.Error != ""}
		if !up.Oldest.IsZero() {
			b.Uplink.Oldest = max(now.Sub(up.Oldest), 0)
		}
	}
	units, polls, alive := a.tapUnits(), longestPoll(wells), true
	for _, w := range wells {
		handled := w.pipeline.snapshot().Handled
		alive = alive && !handled.IsZero() && now.Sub(handled) < w.period+polls
		b.Wells = append(b.Wells, w.tapWell(now, units))
	}
	if alive && len(wells) > 0 {
		a.heartbeat.Add(1)
	}
	b.Heartbeat = uint16(a.heartbeat.Load())
	return b
}

func healthNumber(s health.Status) tap.Health {
	switch s {
	case health.OK:
		return tap.HealthOK
	case health.Degraded:
		return tap.HealthDegraded
	case health.Failed:
	}
	return tap.HealthFailed
}

// unknownAge stands for the age of what never came.
const unknownAge = -1

// tapWell is a well as our own registers show it.
func (w *well) tapWell(now time.Time, units map[deviceOf]uint8) tap.Well {
	p := w.pipeline.snapshot()
	out := tap.Well{
		ID: w.esp.ID, State: p.State, Since: sinceTime(now, p.Since), Scans: p.Tally.Scans, Scan: sinceTime(now, p.Handled),
		Drive: unknownAge, Gauge: unknownAge, Alarms: w.tapAlarms(p.Alarms),
	}
	faulty := false
	for i := range p.Findings {
		f := &p.Findings[i]
		faulty = faulty || f.ID == esp.GaugeFault
		out.Findings = append(out.Findings, tap.Finding{ID: f.ID, Severity: f.Severity, Confidence: f.Confidence, Open: sinceTime(now, f.Onset)})
	}
	gauge := w.gauge()
	for i, s := range w.poller.Status() {
		age := sinceTime(now, s.LastOK)
		if s.Device == w.drive {
			out.Drive = age
		}
		if s.Device == gauge {
			out.Gauge, out.GaugeHealth = age, gaugeHealth(faulty, age, &w.devices[i])
		}
		out.Devices = append(out.Devices, tap.DeviceState{
			Unit: units[deviceOf{w.esp.ID, s.Device}], Answers: s.State == modbus.StateOK, Age: age, Polls: s.Polls,
		})
	}
	return out
}

// sinceTime is how long ago something was; unknownAge where it never was.
func sinceTime(now, then time.Time) time.Duration {
	if then.IsZero() {
		return unknownAge
	}
	return max(now.Sub(then), 0)
}

// gauge is the device that gives what is measured in the well: a gauge, or else whatever
// device gives the intake pressure; empty where none does.
func (w *well) gauge() esp.DeviceID {
	for i := range w.devices {
		if w.devices[i].Profile.Kind == "gauge" {
			return w.devices[i].ID
		}
	}
	layout := w.poller.Layout()
	if i := layout.Index(esp.IntakePressure); i >= 0 {
		return layout.Columns[i].Device
	}
	return ""
}

// gaugeSilentAfter is how many periods a gauge may give nothing before it counts as silent.
const gaugeSilentAfter = 3

func gaugeHealth(faulty bool, age time.Duration, d *modbus.Device) tap.GaugeHealth {
	timeout := cmp.Or(d.Timeout, d.Profile.Link.Timeout, time.Second)
	switch {
	case age == unknownAge || age > gaugeSilentAfter*d.Period+pollTimeouts*timeout:
		return tap.GaugeSilent
	case faulty:
		return tap.GaugeFaulty
	}
	return tap.GaugeGood
}

// tapAlarms tells what the alarms are about.
func (w *well) tapAlarms(alarms []esp.Alarm) []tap.Alarm {
	limits := map[string]int{} // place by the id of the alarm
	for i := range w.esp.Limits {
		l := &w.esp.Limits[i]
		id := l.Signal.String() + "_low"
		if l.High {
			id = l.Signal.String() + "_high"
		}
		for n, first := 2, id; limits[id] != 0; n++ { // a second limit on the same side
			id = first + "_" + strconv.Itoa(n)
		}
		limits[id] = i + 1
	}
	list := make([]tap.Alarm, len(alarms))
	for i := range alarms {
		a := &alarms[i]
		list[i] = tap.Alarm{
			Priority: a.Priority, Present: a.State != esp.AlarmReturned, Limit: limits[a.ID], Diagnosis: esp.DiagnosisID(a.ID),
			Unacknowledged: a.State == esp.AlarmUnacknowledged || a.State == esp.AlarmReturned,
		}
	}
	return list
}

// images are what the devices of a well last said, for other masters.
type images map[esp.DeviceID]*tap.Image

func newImages(devices []modbus.Device) images {
	all := images{}
	for i := range devices {
		d := &devices[i]
		slow := map[tap.Register]time.Duration{}
		for k := range d.Profile.Points {
			p := &d.Profile.Points[k]
			for n := range p.Registers() {
				at := tap.Register{Function: p.FC, Address: p.Wire + uint16(n)}
				slow[at] = max(slow[at], p.Every)
			}
		}
		all[d.ID] = tap.NewImage(d.Period, slow)
	}
	return all
}

// observe is told what the poller reads.
func (m images) observe(device esp.DeviceID, fc uint8, address, quantity uint16, data []byte, _ time.Time) {
	m[device].Observe(fc, address, quantity, data)
}

// keep takes over the images of devices that are polled as before.
func (m images) keep(now []modbus.Device, old *well) {
	for i := range now {
		for k := range old.devices {
			if sameDevices(now[i:i+1], old.devices[k:k+1]) {
				m[now[i].ID] = old.images[now[i].ID]
			}
		}
	}
}
