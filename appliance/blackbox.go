package appliance

import (
	"context"
	"sync"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/appliance/trip"
)

// blackBox makes the records of trips from what is read.
type blackBox struct {
	mu       sync.Mutex // guards those below: what is read and what is concluded meet here
	recorder *trip.Recorder
	shift    time.Duration // from the time of the poller to that of the appliance's clock
}

func newBlackBox(before, after time.Duration) *blackBox {
	return &blackBox{recorder: trip.New(before, after)}
}

// take keeps a whole scan, which the poller had stamped with another time.
func (b *blackBox) take(s *esp.Scan, stamped time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shift = s.Time.Sub(stamped)
	b.recorder.Observe(s)
}

// fast keeps what was read between two polls.
func (b *blackBox) fast(s *esp.Scan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Time = s.Time.Add(b.shift)
	b.recorder.Observe(s)
}

// stepped goes along with a step of the clock.
func (b *blackBox) stepped(step time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recorder.Shift(step)
}

// isTrip reports whether an event says that the pump tripped.
func isTrip(e *esp.Event) bool {
	return e.To == esp.Tripped && e.From != esp.RestartWait || e.To == esp.RestartWait && e.From.Turning()
}

// began opens the record of a trip and makes what is known of it durable at once: power
// is often what is lost next.
func (p *pipeline) began(ctx context.Context, e *esp.Event) {
	t := record.Trip{Well: p.well, Time: e.Time, Before: e.From, State: e.To}
	p.explain(&t)
	p.box.mu.Lock()
	now, cut := p.box.recorder.Begin(t)
	p.box.mu.Unlock()
	if cut != nil {
		p.writeTrip(ctx, cut)
	}
	p.writeTrip(ctx, &now)
}

// ended writes the record of a trip when the time after it is over; at once where the
// well is not polled any longer.
func (p *pipeline) ended(ctx context.Context, atOnce bool) {
	p.box.mu.Lock()
	if !atOnce && !p.box.recorder.Ends() {
		p.box.mu.Unlock()
		return
	}
	t, ok := p.box.recorder.End()
	p.box.mu.Unlock()
	if !ok {
		return
	}
	p.explain(&t) // the code may have come a poll later than the trip
	p.writeTrip(ctx, &t)
}

// explain adds the drive's code.
func (p *pipeline) explain(t *record.Trip) {
	p.work.Lock()
	defer p.work.Unlock()
	if stop, ok := p.engine.LastStop(); ok && stop.HasFault && !stop.At.Before(t.Time.Add(-time.Minute)) {
		t.Code, t.Text = new(stop.Fault), p.faults(stop.Fault).Text
	}
}

func (p *pipeline) writeTrip(ctx context.Context, t *record.Trip) {
	r, err := record.OfTrip(*t)
	if err != nil {
		p.log.Error().Err(err).Msg("a record could not be encoded")
		return
	}
	p.write(ctx, []record.Record{r})
}
