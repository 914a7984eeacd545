package appliance

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/alarm"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/derive"
	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/appliance/health"
	"wellkeeper.internal/web"
)

// history is what the pipeline needs of the store.
type history interface {
	// Append numbers a scan and takes it into the store; it does not wait for the disk.
	Append(ctx context.Context, s *esp.Scan) (seq uint64, err error)
	// AppendRecords makes records durable.
	AppendRecords(ctx context.Context, records []record.Record) (last uint64, err error)
	// Sync makes everything appended durable now.
	Sync(ctx context.Context) error
}

// pipeline takes the scans of one well through quality, store, diagnosis and alarms
// to the page: one chain of calls in one goroutine, so that nothing stands between
// the drive and the disk. Viewers read what it has published and never hold it up.
type pipeline struct {
	well  esp.WellID
	store history
	board *web.Board
	box   *blackBox
	wake  func() // tells the uplink that there is a record to send
	log   zerolog.Logger
	beats atomic.Uint64 // scans that went all the way, old ones too
	// stamps puts the appliance's time on live scans; nil leaves them as they are.
	stamps *stamps

	work    sync.Mutex // guards those below: scans come from one goroutine, a reload from another
	layout  *esp.Layout
	gate    *diagnosis.Gate
	deriver *derive.Deriver // of what is read
	past    *derive.Deriver // of what is relived, which goes on beside it
	engine  *diagnosis.Engine
	alarms  *alarm.Manager
	faults  faultWords

	// restored says that the stored past was relived; written and read while no other
	// goroutine runs the well.
	restored bool

	mu        sync.Mutex // guards published, awaiting and waiting
	published published
	awaiting  bool        // the past is being relived: live scans wait
	waiting   []*esp.Scan // in order
}

// published is what the page shows of a well beside its readings. The slices are
// replaced, never changed, so that a reader may keep them.
type published struct {
	Seq      uint64
	Scan     time.Time   // of the latest scan handled
	Layout   *esp.Layout // its layout
	State    esp.State
	Since    time.Time
	Life     diagnosis.Tally
	Findings []esp.Diagnosis
	Alarms   []esp.Alarm
	Stop     *diagnosis.Stop
	Bands    []band // per column of the layout
	// Blind are the findings that cannot be made now, as of Looked.
	Blind   []diagnosis.Unassessed
	Looked  time.Time
	Filling *web.Filling
	Handled time.Time // when the latest scan read was through, with the monotonic clock
	Tally   health.Tally
}

// band is what is usual of one column, and how it moves.
type band struct {
	known     bool
	low, high float64
	trend     diagnosis.Trend
}

// faultWords puts a drive's code in the words of its profile.
type faultWords = func(code int64) diagnosis.Fault

func newPipeline(well esp.Well, trip config.Trip, faults faultWords, layout *esp.Layout, store history, wake func(), log zerolog.Logger) *pipeline {
	return &pipeline{
		well:    well.ID,
		store:   store,
		layout:  layout,
		gate:    diagnosis.NewGate(layout),
		deriver: derive.New(well.Facts, layout),
		past:    derive.New(well.Facts, layout),
		engine:  diagnosis.New(diagnosis.Config{Well: well, Fault: faults}),
		alarms:  alarm.New(alarm.Config{Well: well.ID, Limits: well.Limits}),
		board:   web.NewBoard(),
		box:     newBlackBox(trip.Before, trip.After),
		faults:  faults,
		wake:    wake,
		log:     log,
	}
}

// live handles a scan that was just read. It fails only when the store is closed: a
// full or broken disk costs readings, which the store counts, and never the page or
// the alarms.
func (p *pipeline) live(ctx context.Context, s *esp.Scan) error {
	stamped := s.Time
	if p.stamps != nil {
		if step := p.stamps.stamp(s); step != 0 {
			p.clockStepped(step)
		}
	}
	s = p.grade(s)
	if _, err := p.store.Append(ctx, s); err != nil {
		return err
	}
	p.box.take(s, stamped)
	if p.stamps != nil && p.stamps.stored(ctx, s) {
		p.wake()
	}
	if p.waits(s) {
		p.count(s, 0)
		p.board.Observe(s)
	} else {
		begin := time.Now()
		changes := p.judge(s)
		p.count(s, time.Since(begin))
		p.tell(ctx, changes)
		p.publish(s)
	}
	p.ended(ctx, false)
	p.board.Touch()
	p.beats.Add(1)
	return nil
}

// clockStepped has all that measures time by scans go on as if nothing had happened: the
// clock was set, no time has passed.
func (p *pipeline) clockStepped(step time.Duration) {
	p.mu.Lock()
	for _, s := range p.waiting {
		s.Time = s.Time.Add(step)
	}
	awaiting := p.awaiting
	p.published.Looked = p.published.Looked.Add(step)
	p.mu.Unlock()
	p.box.stepped(step)
	p.work.Lock()
	defer p.work.Unlock()
	p.gate.ClockStepped(step)
	if !awaiting { // else they have seen nothing of this boot yet
		p.engine.ClockStepped(step)
		p.alarms.ClockStepped(step)
	}
}

// tell makes what changed durable, and the readings with it that a trip is explained by.
func (p *pipeline) tell(ctx context.Context, c changes) {
	p.keep(ctx, c)
	for i := range c.events {
		if isTrip(&c.events[i]) {
			p.began(ctx, &c.events[i])
		}
	}
	if !c.tripped {
		return
	}
	if err := p.store.Sync(ctx); err != nil {
		p.log.Warn().Err(err).Msg("the readings around a trip could not be forced to disk")
	}
}

// count notes that a scan was read and judged.
func (p *pipeline) count(s *esp.Scan, engine time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published.Tally.Add(s, engine)
	p.published.Handled = time.Now()
}

// relive lets the engine and the alarms see a stored scan again after a restart.
// Nothing of it is recorded again.
func (p *pipeline) relive(s *esp.Scan) {
	p.work.Lock()
	s = p.past.Extend(s) // what was stored before a fact was entered lacks what follows from it
	p.work.Unlock()
	p.conclude(s)
	p.beats.Add(1)
}

// changes is what one scan changed.
type changes struct {
	events    []esp.Event
	diagnoses []esp.Diagnosis
	alarms    []esp.Alarm
	tripped   bool
}

// grade judges the quality of each value and derives from them what no device gives.
// The result is valid until the next call.
func (p *pipeline) grade(s *esp.Scan) *esp.Scan {
	p.work.Lock()
	defer p.work.Unlock()
	p.gate.Grade(s)
	return p.deriver.Extend(s)
}

// judge has everything that looks at scans see one.
func (p *pipeline) judge(s *esp.Scan) changes {
	c := p.conclude(s)
	p.board.Observe(s)
	return c
}

// conclude is what engine and alarms make of a scan.
func (p *pipeline) conclude(s *esp.Scan) changes {
	p.work.Lock()
	defer p.work.Unlock()
	out := p.engine.Observe(s)
	state, _ := p.engine.State()
	c := changes{events: out.Events, diagnoses: out.Diagnoses}
	c.alarms = p.alarms.Observe(s, state, out.Diagnoses)
	for _, e := range out.Events {
		c.tripped = c.tripped || e.To == esp.Tripped
	}
	return c
}

// records encodes what changed, in the order in which it is told.
func (c *changes) records() ([]record.Record, error) {
	n := len(c.events) + len(c.diagnoses) + len(c.alarms)
	if n == 0 {
		return nil, nil
	}
	records := make([]record.Record, 0, n)
	var firstErr error
	add := func(r record.Record, err error) {
		if err != nil {
			firstErr = err
			return
		}
		records = append(records, r)
	}
	for _, e := range c.events {
		add(record.Event(e))
	}
	for _, d := range c.diagnoses {
		add(record.Diagnosis(d))
	}
	for _, a := range c.alarms {
		add(record.Alarm(a))
	}
	return records, firstErr
}

// keep makes the records of what changed durable.
func (p *pipeline) keep(ctx context.Context, c changes) {
	for _, d := range c.diagnoses {
		p.log.Info().Str("diagnosis", string(d.ID)).Str("change", string(d.Change)).Str("severity", string(d.Severity)).
			Time("onset", d.Onset).Msg("a diagnosis changed")
	}
	for _, a := range c.alarms {
		p.log.Info().Str("alarm", a.ID).Str("change", string(a.Change)).Int("priority", a.Priority).Msg("an alarm changed")
	}
	records, err := c.records()
	if err != nil {
		p.log.Error().Err(err).Msg("a record could not be encoded")
	}
	p.write(ctx, records)
}

// write stores records. What the disk refuses is counted by the store.
func (p *pipeline) write(ctx context.Context, records []record.Record) {
	if len(records) == 0 {
		return
	}
	if _, err := p.store.AppendRecords(ctx, records); err != nil {
		p.log.Error().Err(err).Int("records", len(records)).Msg("records could not be stored")
		return
	}
	p.wake()
}

// lookEvery is how often the page learns anew what cannot be assessed.
const lookEvery = 10 * time.Second

// publish copies what the page shows, so that viewers never touch the engine.
func (p *pipeline) publish(s *esp.Scan) {
	p.work.Lock()
	defer p.work.Unlock()
	state, since := p.engine.State()
	life := p.engine.Tally()
	bands := make([]band, len(s.Layout.Columns))
	for i := range bands {
		id := s.Layout.Columns[i].Signal
		if id == 0 {
			continue
		}
		b := &bands[i]
		b.low, b.high, b.known = p.engine.Usual(id)
		b.trend, _ = p.engine.Trend(id)
	}
	var stop *diagnosis.Stop
	if last, ok := p.engine.LastStop(); ok {
		stop = &last
	}
	findings, alarms := p.engine.Open(), p.alarms.Active()
	last := p.snapshot()
	blind, looked := last.Blind, last.Looked
	if d := s.Time.Sub(looked); d < 0 || d >= lookEvery {
		blind, looked = p.engine.NotAssessed(), s.Time
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	p.published.Blind, p.published.Looked = blind, looked
	if !p.awaiting || s.Seq >= p.published.Seq { // while scans wait, the newest of them stays
		p.published.Seq, p.published.Scan, p.published.Layout = s.Seq, s.Time, s.Layout
	}
	p.published.State, p.published.Since, p.published.Life = state, since, life
	p.published.Findings, p.published.Alarms = findings, alarms
	p.published.Bands, p.published.Stop = bands, stop
}

// filling tells viewers how far the past has come; nil when it is there.
func (p *pipeline) filling(f *web.Filling) {
	p.mu.Lock()
	p.published.Filling = f
	p.mu.Unlock()
	p.board.Touch()
}

// snapshot is what was last published.
func (p *pipeline) snapshot() published {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.published
}
