// Package uplink carries durable scans and records from the store to the centre:
// records first, then the newest minute of each well, then the backlog behind it, so
// that headquarters sees what happens now while the past fills in.
//
// A batch is a range of numbers. It is planned and persisted before it is first sent
// and never cut anew under its number; what the centre has is a set of intervals, and
// a repeat changes nothing there. So an unknown outcome is resolved by asking again.
// Nothing connects before there is something to send, and nothing stops while the
// centre is away.
//
// The package does no I/O of its own: store, state and link are the interfaces Outbox,
// State and Sink. The composition root imports it and joins them.
package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/wire"
)

// Config of an uplink. Outbox, Sink and State are required; the rest has defaults.
type Config struct {
	Outbox Outbox
	Sink   Sink
	State  State
	Log    zerolog.Logger

	// LiveEvery is how often the newest scans of a well are sent; default 10 s. Longer
	// saves bytes: a batch of 60 s takes some 0.6 bytes per value, one of 10 s some 1.0.
	LiveEvery time.Duration
	// LiveSpan is how much of the newest data counts as live; default 60 s.
	LiveSpan time.Duration
	// BacklogSpan is how much a batch of the backlog holds; default 10 min.
	BacklogSpan time.Duration
	// Poll is how often the outbox is asked for news; default 1 s.
	Poll time.Duration
	// RetryMin and RetryMax bound the pause after a failure, which doubles from one to the
	// other; default 1 s and 60 s.
	RetryMin, RetryMax time.Duration
	// Tries is how often a batch that the centre refuses is sent before it is set aside;
	// default 5.
	Tries int
	// QuarantineRetry is when a batch that was set aside is tried once more; default 1 h,
	// doubling up to a day.
	QuarantineRetry time.Duration
	// Finish bounds what is still sent after the context has ended; default 2 s.
	Finish time.Duration
}

// maxQuarantine bounds the list of batches set aside. Beyond it the uplink waits at
// the next one instead: then it is not the batches that are wrong.
const maxQuarantine = 1000

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.LiveEvery, 10 * time.Second},
		{&c.LiveSpan, time.Minute},
		{&c.BacklogSpan, 10 * time.Minute},
		{&c.Poll, time.Second},
		{&c.RetryMin, time.Second},
		{&c.RetryMax, time.Minute},
		{&c.QuarantineRetry, time.Hour},
		{&c.Finish, 2 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	c.RetryMax = max(c.RetryMax, c.RetryMin)
	if c.Tries <= 0 {
		c.Tries = 5
	}
}

// Uplink sends what the outbox holds. One goroutine runs Run; Status, Wake and
// RetryQuarantined may be called from any.
type Uplink struct {
	config  Config
	builder *wire.Builder
	wake    chan struct{}

	// Of Run's goroutine alone.
	progress  progress
	mappings  map[esp.LayoutID]*wire.Mapping
	greeted   bool
	schema    int                      // version of the centre's schema, 0 before the first greeting
	lastLive  map[esp.WellID]time.Time // when the newest scans of a well were last planned
	liveStart map[logKey]uint64        // numbers from here on belong to live batches
	held      map[esp.WellID]Held      // wells that the centre does not take
	turn      int                      // whose turn it is in the backlog
	failures  int                      // in a row
	oldest    oldestCache

	mu     sync.Mutex // guards what follows
	status Status
	retry  bool // RetryQuarantined was called
}

// New makes an uplink; it starts nothing and connects to nothing.
func New(c Config) (*Uplink, error) {
	if c.Outbox == nil || c.Sink == nil || c.State == nil {
		return nil, errors.New("BUG: an uplink needs an outbox, a sink and a state")
	}
	c.setDefaults()
	return &Uplink{
		config:    c,
		builder:   wire.NewBuilder(),
		wake:      make(chan struct{}, 1),
		mappings:  make(map[esp.LayoutID]*wire.Mapping),
		lastLive:  make(map[esp.WellID]time.Time),
		liveStart: make(map[logKey]uint64),
		held:      make(map[esp.WellID]Held),
		status:    Status{State: Idle, Errors: make(map[wire.Class]uint64)},
	}, nil
}

// Wake says that something new is durable, so that it is looked at before the next
// poll.
func (u *Uplink) Wake() {
	select {
	case u.wake <- struct{}{}:
	default: // a wake is pending already
	}
}

// RetryQuarantined asks for every batch that was set aside to be sent once more.
func (u *Uplink) RetryQuarantined() {
	u.mu.Lock()
	u.retry = true
	u.mu.Unlock()
	u.Wake()
}

// Run sends until ctx ends; then it finishes within Config.Finish and returns nil. An
// error means that the persisted state cannot be read.
func (u *Uplink) Run(ctx context.Context) error {
	if err := u.load(ctx); err != nil {
		return err
	}
	calls, release := u.graceful(ctx)
	defer release()
	defer u.config.Sink.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		sent, err := u.step(ctx, calls, false)
		switch {
		case err != nil:
			u.pause(ctx, u.backoff())
		case !sent:
			u.set(Idle)
			u.pause(ctx, u.config.Poll)
		}
	}
	u.finish(calls)
	return nil
}

// graceful is a context for calls to the centre that outlives ctx by Config.Finish.
func (u *Uplink) graceful(ctx context.Context) (calls context.Context, release func()) {
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(u.config.Finish, cancel)
		context.AfterFunc(calls, func() { timer.Stop() })
	})
	return calls, func() {
		stop()
		cancel()
	}
}

// finish sends what is new since the last batch, provided that the link works.
func (u *Uplink) finish(calls context.Context) {
	for u.failures == 0 && calls.Err() == nil {
		sent, err := u.step(calls, calls, true)
		if err != nil || !sent {
			break
		}
	}
	if err := u.save(context.WithoutCancel(calls)); err != nil {
		u.config.Log.Error().Err(err).Msg("state of the uplink not saved")
	}
}

// step sends one batch, if there is one to send. The outbox is read under ctx, the
// centre is called under calls. With last, the newest scans are due at once and the
// backlog is left.
func (u *Uplink) step(ctx, calls context.Context, last bool) (sent bool, err error) {
	p, err := u.next(ctx, calls, last)
	if err == nil && p != nil {
		err = u.deliver(ctx, calls, p)
	}
	if err != nil {
		if ctx.Err() == nil { // else it is the end that broke the call
			u.failed(err)
		}
		return false, err
	}
	if p != nil {
		u.succeeded()
	}
	return p != nil, nil
}

func (u *Uplink) succeeded() {
	if u.failures > 0 {
		u.config.Log.Info().Int("failures", u.failures).Msg("uplink works again")
	}
	u.failures = 0
}

// failed notes an error. A lasting fault is one line at its start; its end is another.
func (u *Uplink) failed(err error) {
	class, text := classify(err)
	u.failures++
	if u.failures == 1 {
		u.config.Log.Warn().Err(err).Str("class", string(class)).Msg("uplink waits")
	}
	if class != wire.BadBatch {
		u.greeted = false // what the centre has may be different when it is back
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status.Errors[class]++
	u.status.LastError = &Failure{Class: class, Text: text, Time: time.Now()}
	u.status.State = Waiting
	if class == wire.NotReady {
		u.status.State = Refused
	}
}

// backoff is the pause after the latest failure in a row, with jitter so that a fleet
// does not come back in one moment.
func (u *Uplink) backoff() time.Duration {
	d := u.config.RetryMax
	if n := u.failures - 1; n < 20 {
		d = min(d, u.config.RetryMin<<max(n, 0))
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter needs no secret
}

// pause waits for d, a wake or the end of ctx. A wake does not shorten the pause after
// a failure. What is waiting is counted meanwhile, for the page.
func (u *Uplink) pause(ctx context.Context, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(u.config.Poll)
	defer tick.Stop()
	for {
		wake := u.wake
		if u.failures > 0 {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-wake:
			return
		case <-tick.C:
			if spans, err := u.config.Outbox.Spans(ctx); err == nil {
				u.count(ctx, spans)
			}
		}
	}
}

// classify is the class and the text of an error of any origin.
func classify(err error) (class wire.Class, text string) {
	if r, ok := errors.AsType[*wire.Refusal](err); ok {
		return r.Class, r.Error()
	}
	return storeFault, err.Error()
}

// storeFault is the class of errors of this side: the outbox or the state could not be
// read or written.
const storeFault wire.Class = "store"

func errStore(operation string, err error) error { return fmt.Errorf("%s: %w", operation, err) }
