package web

import (
	"math"
	"sync"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// The small curves beside the evidence: 72 intervals of 75 s are 90 minutes.
const (
	curvePoints   = 72
	curveInterval = 75 * time.Second
)

// Board keeps the latest of each signal of one well for the page: it merges scans in
// which not everything was due, remembers the last value that could be shown, and
// keeps the last 90 minutes as small curves. It is safe for concurrent use: the
// pipeline of the well writes, viewers read.
type Board struct {
	mu      sync.Mutex // guards everything below; held for microseconds
	layout  *esp.Layout
	scan    time.Time
	signals []Signal
	curves  []curve
	changed chan struct{}
}

// NewBoard makes an empty board.
func NewBoard() *Board { return &Board{changed: make(chan struct{})} }

// Observe takes the next scan, in order of time. Scans that were stored before the
// start may be observed first, so that the curves are not empty. It wakes nobody:
// call Touch when everything about the scan is ready to be shown.
func (b *Board) Observe(s *esp.Scan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.layout == nil || b.layout.ID() != s.Layout.ID() {
		b.relayout(s.Layout)
	}
	b.scan = s.Time
	for i := range s.Readings {
		r := s.Readings[i]
		if r.Quality == esp.NotDue {
			continue
		}
		sig := &b.signals[i]
		sig.Reading, sig.Time = r, s.Time
		if r.Quality.Usable() && !math.IsNaN(r.Value) { // what a dying gauge sends last is no value
			sig.Last, sig.LastTime = r.Value, s.Time
		}
		b.curves[i].add(s.Time, r)
	}
}

// relayout starts over with another layout, carrying over what is known of signals
// that are in both.
func (b *Board) relayout(l *esp.Layout) {
	old := make(map[string]int, len(b.signals))
	for i := range b.signals {
		old[b.signals[i].Name] = i
	}
	signals, curves := make([]Signal, len(l.Columns)), make([]curve, len(l.Columns))
	for i := range l.Columns {
		c := &l.Columns[i]
		signals[i] = Signal{
			Name: c.Name, ID: c.Signal, Device: c.Device, Unit: c.Unit,
			Reading: esp.Reading{Value: math.NaN()}, Last: math.NaN(), UsualLow: math.NaN(), UsualHigh: math.NaN(),
		}
		if j, ok := old[c.Name]; ok && b.signals[j].Unit == c.Unit {
			prev := b.signals[j]
			signals[i].Last, signals[i].LastTime = prev.Last, prev.LastTime
			curves[i] = b.curves[j]
		}
	}
	b.layout, b.signals, b.curves = l, signals, curves
}

// Touch wakes those who wait for a change.
func (b *Board) Touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// Changed is closed at the next Touch.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// Latest copies the signals, without period, usual band and trend, which the board
// does not know, and gives the time of the latest scan (zero: none).
func (b *Board) Latest() (signals []Signal, scan time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	signals = make([]Signal, len(b.signals))
	copy(signals, b.signals)
	for i := range signals {
		signals[i].Points = b.curves[i].points()
	}
	return signals, b.scan
}

// curve is a ring of intervals of one signal. Only complete intervals are given
// out, so that a curve changes once per interval and not at every scan.
type curve struct {
	start time.Time // of the interval being filled; zero: none so far
	now   Point
	done  []Point // oldest first, at most curvePoints
}

func noPoint() Point { return Point{Min: math.NaN(), Max: math.NaN()} }

func (c *curve) add(t time.Time, r esp.Reading) {
	start := t.Truncate(curveInterval)
	switch {
	case c.start.IsZero():
		c.start, c.now = start, noPoint()
	case start.After(c.start):
		c.advance(start)
	}
	if !r.Quality.Usable() || math.IsNaN(r.Value) {
		return
	}
	if !(c.now.Min <= r.Value) { // true for NaN too
		c.now.Min = r.Value
	}
	if !(c.now.Max >= r.Value) {
		c.now.Max = r.Value
	}
}

func (c *curve) advance(to time.Time) {
	missed := int(to.Sub(c.start)/curveInterval) - 1
	c.done = append(c.done, c.now)
	for range min(missed, curvePoints) {
		c.done = append(c.done, noPoint())
	}
	if extra := len(c.done) - curvePoints; extra > 0 {
		c.done = append(c.done[:0:0], c.done[extra:]...)
	}
	c.start, c.now = to, noPoint()
}

func (c *curve) points() []Point {
	return append([]Point(nil), c.done...)
}
