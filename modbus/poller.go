package modbus

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
)

// Config configures the poller of one well.
type Config struct {
	Well    esp.WellID
	Devices []Device // at least one; their columns follow each other in this order
	// Links is shared by the pollers whose devices share a gateway or a serial line;
	// nil makes a set of its own.
	Links *Links
	// Names says what a point of a device is called in the layout, where two devices give
	// the same signal; nil: as in its profile.
	Names func(device esp.DeviceID, name string) string
	// Fast is given what was read between two polls of the devices that have a Fast
	// period: a scan in which nothing else is due. It is called in Run's goroutine; the
	// scan is valid until it returns. nil: nothing is read between the polls.
	Fast func(*esp.Scan)
	// Observe is told each read that gave values; nil tells nobody.
	Observe Observer
	Log     zerolog.Logger
}

// Poller reads the devices of a well at a fixed rate.
type Poller struct {
	well     esp.WellID
	layout   *esp.Layout
	sessions []*session
	offsets  []int // first column of each session
	links    *Links
	tick     time.Duration

	fast     time.Duration // shortest fast period; 0: none
	onFast   func(*esp.Scan)
	fastScan esp.Scan

	last     time.Time     // the latest tick; of Run's goroutine
	stop     chan struct{} // closed by Stop
	stopOnce sync.Once
}

// NewPoller checks the devices and plans their requests; it opens and starts nothing.
func NewPoller(c Config) (*Poller, error) {
	if len(c.Devices) == 0 {
		return nil, fmt.Errorf("%w: well %s has no devices", ErrDevice, c.Well)
	}
	p := &Poller{well: c.Well, links: c.Links, stop: make(chan struct{})}
	if p.links == nil {
		p.links = NewLinks(LinksConfig{Log: c.Log})
	}
	log := c.Log.With().Str("well", string(c.Well)).Logger()
	var columns []esp.Column
	profiles := map[esp.DeviceID]string{}
	for _, d := range c.Devices {
		d, ep, err := d.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("well %s: %w", c.Well, err)
		}
		if _, twice := profiles[d.ID]; twice {
			return nil, fmt.Errorf("well %s: %w: two devices are named %q", c.Well, ErrDevice, d.ID)
		}
		profiles[d.ID] = d.Profile.ID + "@" + d.Profile.Hash()
		p.offsets = append(p.offsets, len(columns))
		session := newSession(d, ep, log)
		session.observer = c.Observe
		p.sessions = append(p.sessions, session)
		columns = append(columns, c.columns(&d)...)
		if p.tick == 0 || d.Period < p.tick {
			p.tick = d.Period
		}
		if c.Fast != nil && d.Fast > 0 && (p.fast == 0 || d.Fast < p.fast) {
			p.fast = d.Fast
		}
	}
	var err error
	if p.layout, err = esp.NewLayout(c.Well, columns, profiles); err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	p.onFast = c.Fast
	p.fastScan = esp.Scan{Well: c.Well, Layout: p.layout, Readings: make([]esp.Reading, len(columns))}
	return p, nil
}

// columns are those of a device as the layout names them.
func (c *Config) columns(d *Device) []esp.Column {
	columns := d.Profile.Columns(d.ID)
	if c.Names != nil {
		for i := range columns {
			columns[i].Name = c.Names(d.ID, columns[i].Name)
		}
	}
	return columns
}

// Layout is the layout of the scans: the columns of the devices, one after the other.
func (p *Poller) Layout() *esp.Layout { return p.layout }

// Status says how each device answers, in the order of the configuration. It may be
// called at any time from any goroutine.
func (p *Poller) Status() []DeviceStatus {
	all := make([]DeviceStatus, len(p.sessions))
	for i, s := range p.sessions {
		all[i] = s.state.snapshot()
	}
	return all
}

// Stop ends Run between two polls, when the scan of the poll under way has been
// handled, so that nothing that was asked for is thrown away. It does not wait. A
// poller that was stopped does not run again.
func (p *Poller) Stop() { p.stopOnce.Do(func() { close(p.stop) }) }

// Follow lets p take the place of a poller whose Run has returned: a tick that has just
// passed between the two is polled at once and not missed. It is called before Run.
func (p *Poller) Follow(before *Poller) { p.last = before.last }

// Run polls until ctx ends or Stop is called, and then returns nil. At each tick, a whole multiple of
// the smallest device period in wall time, it reads what is due and gives handle one
// scan, even where everything is lost. The scan is valid until handle returns. An
// error of handle ends Run and is returned.
func (p *Poller) Run(ctx context.Context, handle func(context.Context, *esp.Scan) error) error {
	groups, release, err := p.attach(ctx)
	if err != nil {
		return err
	}
	defer release()
	scan := &esp.Scan{Well: p.well, Layout: p.layout, Readings: make([]esp.Reading, len(p.layout.Columns))}
	clock := newTicker(p.tick, p.stop)
	clock.last = p.last
	for {
		at, missed, err := clock.wait(ctx)
		if err != nil {
			return nil // the context ended or Stop was called, which is how Run is stopped
		}
		p.last = at
		if missed > 0 {
			for _, s := range p.sessions {
				s.state.missed(missed)
			}
		}
		p.poll(ctx, groups, at)
		if ctx.Err() != nil {
			return nil
		}
		scan.Time, scan.Seq = at.UTC().Truncate(time.Millisecond), 0
		p.assemble(at, scan.Readings)
		if err := handle(ctx, scan); err != nil {
			if ctx.Err() != nil && ended(err) {
				return nil
			}
			return fmt.Errorf("handle scan: %w", err)
		}
		p.between(ctx, groups, clock)
	}
}

// assemble decodes the sessions' parts of a scan.
func (p *Poller) assemble(at time.Time, readings []esp.Reading) {
	for i, s := range p.sessions {
		part := readings[p.offsets[i] : p.offsets[i]+len(s.device.Profile.Points)]
		if s.isDue {
			s.decode(at, part)
			continue
		}
		for k := range part {
			part[k] = esp.Reading{Value: math.NaN()}
		}
	}
}

// group is the sessions of one link.
type group []*session

// attach opens the use of the links.
func (p *Poller) attach(ctx context.Context) (groups []group, release func(), err error) {
	var used []*sharedLink
	release = func() {
		for _, l := range used {
			p.links.detach(l)
		}
	}
	at := map[*sharedLink]int{}
	for _, s := range p.sessions {
		l, err := p.links.attach(ctx, s.endpoint)
		if err != nil {
			release()
			return nil, nil, fmt.Errorf("well %s: device %s: %w", p.well, s.device.ID, err)
		}
		used = append(used, l)
		s.link = l
		i, ok := at[l]
		if !ok {
			i = len(groups)
			at[l] = i
			groups = append(groups, nil)
		}
		s.slot = -1
		groups[i] = append(groups[i], s)
	}
	return groups, release, nil
}

// poll reads the devices that are due: at the same time over different links, in turn
// on one link, those that answer before those that do not.
func (p *Poller) poll(ctx context.Context, groups []group, at time.Time) {
	var wg sync.WaitGroup
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b *session) int { return cmp.Compare(a.rest.failures, b.rest.failures) })
		for _, s := range g {
			slot := at.UnixNano() / int64(s.device.Period)
			s.isDue = slot != s.slot
			s.slot = slot
		}
		if len(groups) == 1 {
			g.read(ctx, at)
			return
		}
		wg.Go(func() { g.read(ctx, at) })
	}
	wg.Wait()
}

func (g group) read(ctx context.Context, at time.Time) {
	for _, s := range g {
		if s.isDue && ctx.Err() == nil {
			s.poll(ctx, at)
		}
	}
}
