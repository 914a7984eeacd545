// Package appliance puts the components together: it opens the store, makes a poller
// and a pipeline for each well, the page and the way to headquarters, runs them, and
// stops them in an order in which nothing is lost.
//
// It holds the composition and the adapters between components that must not know
// each other, and no rule of any of them. Only appliance/command imports it.
package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/clock"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/health"
	"wellkeeper.internal/appliance/schedule"
	"wellkeeper.internal/appliance/service"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/auth"
)

// syncTimeout bounds the last write to the disk on a stop.
const syncTimeout = 2 * time.Second

// Options say what to run.
type Options struct {
	// Config must have been checked by config.Load or config.Complete.
	Config  *config.Config
	Version string
	Log     zerolog.Logger
	// SetLogLevel changes the level of Log when a reload does; nil: it stays.
	SetLogLevel func(level string)
	// Refused is what was wrong with the configuration in whose place Config runs, which
	// was taken in at the time Kept; nil: nothing.
	Refused error
	Kept    time.Time
	// Past, when set, fills the past of every well before it is polled.
	Past *Past
	// Companions run beside the appliance and outlive its polling, such as the
	// simulator of a demo.
	Companions []Companion
	// Clock are the machine's clocks; those of this system where it has no Wall.
	Clock clock.Sources
}

// Companion is something that runs as long as the appliance does.
type Companion struct {
	Name string
	Run  func(context.Context) error
}

// App is an appliance that has everything open and nothing running.
type App struct {
	log      zerolog.Logger
	version  string
	store    *storage.Store
	clock    *clock.Clock
	links    *modbus.Links
	server   *web.Server
	users    *auth.Authority
	control  net.Listener // nil: it could not be made
	listener net.Listener
	jobs     *schedule.Scheduler
	service  *service.Manager
	past     *Past
	beside   []Companion

	config atomic.Pointer[config.Config] // as it runs: what waits for a restart is as it was
	live   atomic.Pointer[[]*well]       // in the order of the configuration; replaced, never changed
	uplink atomic.Pointer[forwarder]     // nil without a central database
	tap    atomic.Pointer[tapping]       // nil while it is off
	disk   atomic.Pointer[web.Storage]   // as last looked at
	stored atomic.Pointer[storeLook]     // likewise, all of it

	heartbeat   atomic.Uint32 // of the tap
	monitor     *health.Monitor
	began       time.Time
	unclean     bool   // the run before did not stop properly
	memoryLimit uint64 // 0: none

	refused     atomic.Pointer[refusal]  // nil: the configuration is good
	waiting     atomic.Pointer[[]string] // settings that take effect at the next restart
	setLogLevel func(string)
	certificate certificate // none with tls: off

	// applying is held while wells and the uplink are started, replaced or stopped.
	applying sync.Mutex
	newStage func() *stage // of a component that Run watches; nil while nothing runs; guarded by applying
	running  chan struct{} // closed when Run has started everything
}

// New opens the data folder and binds the page's address. It starts nothing and
// connects to nothing. An error names what is wrong and what to do.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{
		log: o.Log, version: o.Version, past: o.Past, beside: o.Companions, running: make(chan struct{}), setLogLevel: o.SetLogLevel,
		began: time.Now(),
	}
	if a.setLogLevel == nil {
		a.setLogLevel = func(string) {}
	}
	if o.Refused != nil {
		a.refused.Store(newRefusal(o.Refused, o.Kept))
	}
	a.config.Store(o.Config)
	a.store, err = storage.Open(ctx, storage.Config{
		Dir: o.Config.Data, CommitEvery: o.Config.Store.CommitEvery, Log: component(o.Log, "storage"),
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if o.Clock.Wall == nil {
		o.Clock = clock.System()
	}
	a.clock = openClock(o.Clock, a.store.Table(clockTable), &a.log)
	a.unclean, a.memoryLimit = a.wasRunning(), memoryLimit()
	a.service = service.New(component(o.Log, "service"))
	if a.jobs, err = newScheduler(a, o.Config); err != nil {
		return nil, err
	}
	a.lookAtDisk()
	a.links = modbus.NewLinks(modbus.LinksConfig{Log: o.Log})
	wells := make([]*well, len(o.Config.Wells))
	for i := range o.Config.Wells {
		if wells[i], err = newWell(&o.Config.Wells[i], a); err != nil {
			return nil, err
		}
	}
	a.live.Store(&wells)
	if o.Config.Central.DSN != "" {
		f, err := newForwarder(a, o.Config.Central)
		if err != nil {
			return nil, err
		}
		a.uplink.Store(f)
	}
	a.monitor = health.NewMonitor(a.facts)
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	a.openTap(ctx)
	if o.Refused == nil {
		a.keepGood(o.Config)
	}
	return a, nil
}

// openTap lets other masters read where the configuration says so.
func (a *App) openTap(ctx context.Context) {
	t := &a.config.Load().Tap
	if !t.On() {
		return
	}
	opened, err := newTap(ctx, a, t)
	if err != nil { // its network may not be up yet
		a.log.Warn().Str("component", "tap").Err(err).Msg("other masters cannot read yet")
	}
	a.tap.Store(opened)
}

// listen binds the page, and the socket by which the program on the box asks.
func (a *App) listen(ctx context.Context) error {
	cfg := a.config.Load()
	tlsConfig, err := serverTLS(cfg, &a.certificate)
	if err != nil {
		return err
	}
	if tlsConfig != nil {
		a.log.Info().Str("component", "web").Str("sha256", a.certificate.fingerprint()).Msg("the page's certificate")
	}
	a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Web.Listen)
	if err != nil {
		return fmt.Errorf("serve the page: %w; choose another address with web.listen", err)
	}
	a.openControl(ctx)
	if a.users, err = a.newUsers(); err != nil {
		return err
	}
	view := pages{a}
	kept := archive{a}
	a.server, err = web.New(web.Config{ //nolint:contextcheck // a request has its own
		Listener: a.listener, TLS: tlsConfig, AnonymousView: *cfg.Web.AnonymousView,
		Curves: kept, Notes: kept, Devices: instruments{a}, Auth: a.users,
		Wells: view, Changes: view, Health: view, Jobs: view, Telemetry: kept, Diagnoses: kept,
		Notices: func() []string { return a.banners("") }, Metrics: health.NewCollector(a.monitor.Report),
		Location: cfg.Site.Location, Units: web.Units(cfg.Web.Units), Version: a.version, Now: a.clock.Now, Clock: view, Log: component(a.log, "web"),
	})
	return err
}

// URL is where the page is.
func (a *App) URL() string {
	scheme := "https"
	if a.config.Load().Web.TLS.Mode == config.TLSOff {
		scheme = "http"
	}
	return scheme + "://" + a.listener.Addr().String() + "/"
}

// wells are the wells that are watched now, in the order of the configuration. The
// slice must not be changed.
func (a *App) wells() []*well { return *a.live.Load() }

// well is the well of that id; nil where there is none.
func (a *App) well(id esp.WellID) *well {
	for _, w := range a.wells() {
		if w.esp.ID == id {
			return w
		}
	}
	return nil
}

func (a *App) wellIDs() []esp.WellID {
	wells := a.wells()
	ids := make([]esp.WellID, len(wells))
	for i, w := range wells {
		ids[i] = w.esp.ID
	}
	return ids
}

// Run runs the appliance until ctx ends or a component cannot go on, and stops it: no
// more polls, the last readings on the disk, a bounded last word to headquarters, the
// page closed, the store closed. It returns nil on a clean stop.
func (a *App) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failures failures
	failed := func(err error) {
		failures.add(err)
		cancel()
	}
	keep, serve, beside := newStage(ctx, failed), newStage(ctx, failed), newStage(ctx, failed)
	keep.start("storage", a.store.Run)
	keep.start("disk", a.watchDisk)
	keep.start("clock", a.watchClock)
	keep.start("settings", a.watchSettings)
	keep.start("health", a.monitor.Run)
	serve.start("web", a.server.Run)
	serve.start("control", a.serveControl)
	for _, c := range a.beside {
		beside.start(c.Name, c.Run)
	}
	a.markRunning(true)
	a.started(ctx)
	a.begin(func() *stage { return newStage(ctx, failed) })
	beside.start("jobs", a.jobs.Run)
	serve.start("service", func(ctx context.Context) error { return a.service.Run(ctx, a.progress) })
	a.service.Ready()
	<-ctx.Done()
	a.service.Stopping()

	a.end()
	last, done := context.WithTimeout(context.WithoutCancel(ctx), syncTimeout)
	defer done()
	if err := a.store.Sync(last); err != nil {
		failures.add(fmt.Errorf("the last readings could not be forced to disk: %w", err))
	}
	a.uplink.Load().stop()
	beside.stop()
	serve.stop()
	keep.stop()
	a.markRunning(false)
	failures.add(a.close())
	return failures.err()
}

// begin starts the wells and the uplink. What starts later, by a reload, gets its
// stage from newStage too.
func (a *App) begin(newStage func() *stage) {
	a.applying.Lock()
	defer a.applying.Unlock()
	a.newStage = newStage
	for _, w := range a.wells() {
		w.start(newStage())
	}
	if f := a.uplink.Load(); f != nil {
		f.start(newStage())
	}
	if t := a.tap.Load(); t != nil {
		t.start(newStage())
	}
	close(a.running)
}

// end stops the wells at once, and with them every later reload.
func (a *App) end() {
	a.applying.Lock()
	defer a.applying.Unlock()
	a.newStage = nil
	var wait sync.WaitGroup
	for _, w := range a.wells() {
		wait.Go(w.life.stop)
	}
	wait.Go(a.tap.Load().stop)
	wait.Wait()
}

// started notes the start in the log of records.
func (a *App) started(ctx context.Context) {
	a.log.Info().Str("version", a.version).Str("page", a.URL()).Int("wells", len(a.wells())).Msg("started")
	a.event(ctx, "appliance_started", "Wellkeeper "+a.version+" started")
	if r := a.refused.Load(); r != nil {
		a.refuse(ctx, r)
	}
}

// close lets go of what New opened.
func (a *App) close() error {
	var errs []error
	if a.listener != nil {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.control != nil {
		if err := a.control.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, a.store.Close())...)
}

// failures collects errors from several goroutines.
type failures struct {
	mu   sync.Mutex // guards errs
	errs []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}

func component(log zerolog.Logger, name string) zerolog.Logger {
	return log.With().Str("component", name).Logger()
}
