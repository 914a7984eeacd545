package appliance

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"wellkeeper.internal/appliance/clock"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/uplink"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/web"
)

// forwarder is the way to headquarters while it runs.
type forwarder struct {
	*uplink.Uplink

	life *stage // nil until it is started
}

// newForwarder joins the store to the central database. It connects to nothing.
func newForwarder(a *App, c config.Central) (*forwarder, error) {
	sink, err := central.New(central.Config{
		DSN: c.DSN, Wells: a.wellIDs, Software: "wellkeeper " + a.version,
		Insecure: c.Insecure, Log: component(a.log, "central"),
	})
	if err != nil {
		return nil, fmt.Errorf("central.dsn: %w", err)
	}
	up, err := uplink.New(uplink.Config{
		Outbox: outbox{a.store}, Sink: timedSink{sink, a}, State: uplinkState{a.store.Table("uplink")}, Log: component(a.log, "uplink"),
	})
	if err != nil {
		return nil, err
	}
	return &forwarder{Uplink: up}, nil
}

// timedSink takes the time from headquarters' greeting.
type timedSink struct {
	uplink.Sink

	app *App
}

// maxGreeting is how long a greeting may take for its time to be worth anything.
const maxGreeting = 20 * time.Second

// Hello asks what the centre has, and what time it is there.
func (s timedSink) Hello(ctx context.Context, epochs []uint64) (wire.Greeting, error) {
	began := time.Now()
	g, err := s.Sink.Hello(ctx, epochs)
	took := time.Since(began)
	if err == nil && !g.ServerTime.IsZero() && took < maxGreeting && *s.app.config.Load().Clock.FromCentral {
		s.app.takeTime(g.ServerTime.Add(took/2), clock.Centre, centreSlack)
	}
	return g, err
}

// start begins to send, until stop is called.
func (f *forwarder) start(life *stage) {
	f.life = life
	life.start("uplink", f.Run)
}

// stop sends what is left, within a bound. It may be called for one that is not there.
func (f *forwarder) stop() {
	if f != nil && f.life != nil {
		f.life.stop()
	}
}

// wakeUplink has records looked at before the next poll: an alarm should not wait.
func (a *App) wakeUplink() {
	if f := a.uplink.Load(); f != nil {
		f.Wake()
	}
}

// outbox is the store as the uplink sees it.
type outbox struct{ store *storage.Store }

var _ uplink.Outbox = outbox{}

// Spans lists the durable scans of every well and, under no well, the records. The
// records of all epochs are numbered through, so an epoch's run ends where the next
// begins.
func (o outbox) Spans(ctx context.Context) ([]uplink.Span, error) {
	var spans []uplink.Span
	for _, s := range o.store.Spans() {
		spans = append(spans, uplink.Span(s))
	}
	last, err := o.lastRecord(ctx)
	if err != nil {
		return nil, err
	}
	epochs := o.store.Epochs()
	for i, e := range epochs {
		end := last
		if i+1 < len(epochs) {
			end = epochs[i+1].FirstRecord - 1
		}
		if end >= e.FirstRecord {
			spans = append(spans, uplink.Span{Epoch: e.ID, First: e.FirstRecord, Last: end})
		}
	}
	return spans, nil
}

func (o outbox) lastRecord(ctx context.Context) (uint64, error) {
	for r, err := range o.store.Records(ctx, storage.RecordQuery{Newest: true, Limit: 1}) {
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return 0, fmt.Errorf("find the newest record: %w", err)
		}
		return r.Seq, nil
	}
	return 0, nil
}

// Scans gives the scans of a range; what turns out damaged is left out.
func (o outbox) Scans(ctx context.Context, well esp.WellID, epoch, first, last uint64) iter.Seq2[*esp.Scan, error] {
	return undamaged(o.store.Scans(ctx, well, epoch, first, last))
}

// Records gives the records of a range; what turns out damaged is left out. Numbers
// run through all epochs, so the epoch needs no filter.
func (o outbox) Records(ctx context.Context, _, first, last uint64) iter.Seq2[record.Record, error] {
	query := storage.RecordQuery{AfterSeq: first - 1, Limit: int(last - first + 1)}
	return undamaged(o.store.Records(ctx, query))
}

// undamaged passes over what the store says is damaged: it is counted there, and the
// rest must go on.
func undamaged[T any](items iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			if errors.Is(err, storage.ErrDamaged) {
				continue
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// uplinkState keeps the uplink's plans in a table of the store.
type uplinkState struct{ table *storage.Table }

var _ uplink.State = uplinkState{}

func (s uplinkState) Get(_ context.Context, key string) ([]byte, error) {
	return s.table.Get([]byte(key))
}

func (s uplinkState) Put(_ context.Context, key string, value []byte) error {
	return s.table.Put([]byte(key), value)
}

// uplinkView is the state of the way to headquarters in the page's words; nil where
// none is configured.
func (a *App) uplinkView() *web.Uplink {
	f := a.uplink.Load()
	if f == nil {
		return nil
	}
	s := f.Status()
	v := &web.Uplink{
		State: string(s.State), Waiting: s.WaitingScans + s.WaitingRecords, Oldest: s.OldestWaiting,
		LastSuccess: s.LastSuccess, Quarantined: uint64(len(s.Quarantined)),
	}
	if s.LastError != nil {
		v.Error = s.LastError.Text
	}
	for _, h := range s.Held {
		if v.Error == "" {
			v.Error = fmt.Sprintf("well %s: %s (tried again %s)", h.Well, h.Text, h.Until.UTC().Format(time.TimeOnly))
		}
	}
	return v
}
