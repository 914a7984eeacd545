package uplink_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/sync/uplink"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

const epoch = 0xF00D000000000001 // with the top bit set: PostgreSQL has no unsigned integers

// signedEpoch is the epoch as PostgreSQL has it.
func signedEpoch() int64 {
	e := uint64(epoch)
	return int64(e)
}

// outbox is a store in memory.
type outbox struct {
	mu      sync.Mutex
	order   []esp.WellID
	scans   map[esp.WellID][]esp.Scan
	records []record.Record
	fail    error
}

func newOutbox() *outbox { return &outbox{scans: make(map[esp.WellID][]esp.Scan)} }

// add appends a scan that is durable at once.
func (o *outbox) add(s *esp.Scan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.scans[s.Well]; !ok {
		o.order = append(o.order, s.Well)
	}
	o.scans[s.Well] = append(o.scans[s.Well], s.Clone())
}

// fill appends n scans of a trace.
func (o *outbox) fill(t *wiretest.Trace, n int) {
	for range n {
		o.add(t.Next())
	}
}

// note appends a record.
func (o *outbox) note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(o.records, record.Record{
		Seq: uint64(len(o.records) + 1), Time: wiretest.Start(), Kind: record.KindEvent, Version: 1, Body: fmt.Appendf(nil, `{"text": %q}`, text),
	})
}

func (o *outbox) Spans(context.Context) ([]uplink.Span, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []uplink.Span
	if len(o.records) > 0 {
		out = append(out, uplink.Span{Epoch: epoch, First: 1, Last: uint64(len(o.records))})
	}
	for _, well := range o.order {
		s := o.scans[well]
		out = append(out, uplink.Span{Well: well, Epoch: epoch, First: s[0].Seq, Last: s[len(s)-1].Seq})
	}
	return out, o.fail
}

func (o *outbox) Scans(_ context.Context, well esp.WellID, _, first, last uint64) iter.Seq2[*esp.Scan, error] {
	return func(yield func(*esp.Scan, error) bool) {
		o.mu.Lock()
		scans := slices.Clone(o.scans[well])
		o.mu.Unlock()
		for i := range scans {
			if s := &scans[i]; s.Seq >= first && s.Seq <= last && !yield(s, nil) {
				return
			}
		}
	}
}

func (o *outbox) Records(_ context.Context, _, first, last uint64) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		o.mu.Lock()
		records := slices.Clone(o.records)
		o.mu.Unlock()
		for _, r := range records {
			if r.Seq >= first && r.Seq <= last && !yield(r, nil) {
				return
			}
		}
	}
}

// state keeps values in memory.
type state struct {
	mu     sync.Mutex
	values map[string][]byte
	fail   error
}

func (s *state) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], nil
}

func (s *state) Put(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if s.values == nil {
		s.values = make(map[string][]byte)
	}
	s.values[key] = slices.Clone(value)
	return nil
}

// sent is one batch as it came to the centre.
type sent struct {
	seq         uint64
	well        esp.WellID
	first, last uint64
	rows        int
	fresh       int
	at          time.Time
	payload     string
}

// centre is a centre in memory with the ledger of the real one.
type centre struct {
	mu      sync.Mutex
	layouts map[esp.LayoutID]esp.WellID
	applied map[esp.WellID]map[uint64]int // how often each number was applied; "" for records
	batches []sent
	hellos  int
	schema  int
	// before is asked first and may refuse; after is asked when the batch was applied and
	// may lose the answer.
	before, after func(ctx context.Context, s sent) error
	hello         func() error
}

func newCentre() *centre {
	return &centre{layouts: make(map[esp.LayoutID]esp.WellID), applied: make(map[esp.WellID]map[uint64]int), schema: 1}
}

var errAway = &wire.Refusal{Class: wire.Unreachable, Text: "connection lost"}

func (c *centre) Hello(_ context.Context, epochs []uint64) (wire.Greeting, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hellos++
	if c.hello != nil {
		if err := c.hello(); err != nil {
			return wire.Greeting{}, err
		}
	}
	g := wire.Greeting{Edge: "test", Schema: c.schema}
	if slices.Contains(epochs, epoch) {
		for well, numbers := range c.applied {
			a := wire.Applied{Well: well, Epoch: signedEpoch()}
			for n := range numbers {
				a.Ranges = a.Ranges.With(wire.Interval{First: n, Last: n})
			}
			g.Applied = append(g.Applied, a)
		}
	}
	return g, nil
}

func (c *centre) Register(_ context.Context, m *wire.Mapping) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.layouts[m.Layout().ID()] = m.Layout().Well
	return nil
}

func (c *centre) Ingest(ctx context.Context, seq uint64, payload []byte) (wire.Receipt, error) {
	h, _, err := wire.ParseHeader(payload)
	if err != nil {
		return wire.Receipt{}, &wire.Refusal{Class: wire.BadBatch, Text: err.Error()}
	}
	b := sent{seq: seq, first: h.First, last: h.Last, rows: h.Count, at: time.Now(), payload: string(payload)}
	var numbers []uint64
	if h.Kind == wire.KindReadings {
		r, err := wire.DecodeReadings(payload)
		if err != nil {
			return wire.Receipt{}, &wire.Refusal{Class: wire.BadBatch, Text: err.Error()}
		}
		c.mu.Lock()
		well, ok := c.layouts[r.Layout]
		c.mu.Unlock()
		if !ok {
			return wire.Receipt{}, &wire.Refusal{Class: wire.UnknownLayout, Text: "layout is not registered"}
		}
		b.well, numbers = well, r.Numbers
	} else {
		_, records, err := wire.DecodeRecords(payload)
		if err != nil {
			return wire.Receipt{}, &wire.Refusal{Class: wire.BadBatch, Text: err.Error()}
		}
		for _, r := range records {
			numbers = append(numbers, r.Seq)
		}
	}
	if c.before != nil {
		if err := c.before(ctx, b); err != nil {
			return wire.Receipt{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.applied[b.well] == nil {
		c.applied[b.well] = make(map[uint64]int)
	}
	for _, n := range numbers {
		if c.applied[b.well][n] == 0 {
			c.applied[b.well][n]++
			b.fresh++
		}
	}
	c.batches = append(c.batches, b)
	if c.after != nil {
		if err := c.after(ctx, b); err != nil {
			return wire.Receipt{}, err
		}
	}
	return wire.Receipt{Applied: uint64(b.fresh), Repeated: uint64(len(numbers) - b.fresh)}, nil
}

func (c *centre) Bytes() (sent, received uint64) { return 0, 0 }
func (c *centre) Close(context.Context) error    { return nil }
func (c *centre) greetings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hellos
}

func (c *centre) count(well esp.WellID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.applied[well])
}
func (c *centre) list() []sent { c.mu.Lock(); defer c.mu.Unlock(); return slices.Clone(c.batches) }
func (c *centre) set(before func(sent) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = func(_ context.Context, s sent) error { return before(s) }
}

// running is an uplink that runs.
type running struct {
	*uplink.Uplink
	stop func() error
}

// start runs an uplink until the test stops it.
func start(t *testing.T, c uplink.Config) running {
	t.Helper()
	c.Log = zerolog.Nop()
	u, err := uplink.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			return errors.New("Run does not end")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return running{u, stop}
}
