// Package trip keeps the readings of the last minute in memory and makes the record of a
// trip of them: what happened before and after it, at the rate at which it was read.
//
// It is pure: no I/O, no clock, no goroutine; time is the time of the scans. Package
// appliance imports it.
package trip

import (
	"cmp"
	"math"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// Recorder keeps the latest readings of one well. One goroutine at a time uses it.
type Recorder struct {
	before, after time.Duration
	layout        *esp.Layout
	columns       []history
	newest        int64
	open          *record.Trip // a trip whose time after is not over
}

// history is one signal's latest samples, oldest first.
type history struct {
	index   int // column of the layout
	samples []sample
}

type sample struct {
	at    int64   // ms
	value float64 // NaN: asked for, none to be shown
}

// most bounds the samples of one signal: four minutes at the shortest fast period.
const most = 4 * 60 * 10

// New makes a recorder for records of so much time before and after a trip.
func New(before, after time.Duration) *Recorder { return &Recorder{before: before, after: after} }

// Observe takes a scan, be it a whole one or one between two polls. In the steady state
// it allocates nothing.
func (r *Recorder) Observe(s *esp.Scan) {
	now := s.Time.UnixMilli()
	if r.layout == nil || r.layout.ID() != s.Layout.ID() && len(s.Readings) >= len(r.layout.Columns) {
		r.bind(s.Layout)
	}
	if now < r.newest { // the clock was set back: what was before is not in order with it
		r.clear()
	}
	r.newest = now
	keep := now - r.before.Milliseconds()
	if r.open != nil {
		keep = r.open.Time.UnixMilli() - r.before.Milliseconds()
	}
	for i := range r.columns {
		h := &r.columns[i]
		if h.index >= len(s.Readings) || s.Readings[h.index].Quality == esp.NotDue {
			continue
		}
		reading := &s.Readings[h.index]
		v := math.NaN()
		if reading.Quality.Shown() {
			v = reading.Value
		}
		h.add(sample{now, v}, keep)
	}
}

func (h *history) add(s sample, keep int64) {
	if len(h.samples) == cap(h.samples) && len(h.samples) > 0 { // make room before it grows
		old := 0
		for old < len(h.samples) && (h.samples[old].at < keep || len(h.samples)-old >= most) {
			old++
		}
		h.samples = h.samples[:copy(h.samples, h.samples[old:])]
		if len(h.samples) > cap(h.samples)*3/4 {
			h.samples = slices.Grow(h.samples, len(h.samples)/2+16)
		}
	}
	h.samples = append(h.samples, s)
}

// bind makes ready for a layout; what is known of another one is forgotten.
func (r *Recorder) bind(layout *esp.Layout) {
	r.layout, r.columns = layout, nil
	for i := range layout.Columns {
		if id := layout.Columns[i].Signal; id != 0 && id.Info().Kind != esp.Counter {
			r.columns = append(r.columns, history{index: i})
		}
	}
}

func (r *Recorder) clear() {
	for i := range r.columns {
		r.columns[i].samples = r.columns[i].samples[:0]
	}
}

// Shift moves what is kept by a step of the clock: no time has passed.
func (r *Recorder) Shift(step time.Duration) {
	r.newest += step.Milliseconds()
	for i := range r.columns {
		for k := range r.columns[i].samples {
			r.columns[i].samples[k].at += step.Milliseconds()
		}
	}
	if r.open != nil {
		r.open.Time = r.open.Time.Add(step)
	}
}

// Begin opens the record of a trip and gives it with what is known so far. A record that
// is still open is given too, as it is.
func (r *Recorder) Begin(t record.Trip) (now record.Trip, cut *record.Trip) {
	if r.open != nil {
		cut = new(r.fill(*r.open))
	}
	r.open = &t
	return r.fill(t), cut
}

// Ends reports whether the time after the open trip is over.
func (r *Recorder) Ends() bool {
	return r.open != nil && r.newest >= r.open.Time.Add(r.after).UnixMilli()
}

// End closes the open record and gives it; ok is false where none is open.
func (r *Recorder) End() (t record.Trip, ok bool) {
	if r.open == nil {
		return record.Trip{}, false
	}
	whole := r.Ends()
	t = r.fill(*r.open)
	t.Complete = whole
	r.open = nil
	return t, true
}

// fill puts the samples around a trip into its record.
func (r *Recorder) fill(t record.Trip) record.Trip {
	at := t.Time.UnixMilli()
	from, to := at-r.before.Milliseconds(), at+r.after.Milliseconds()
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	t.Signals, t.Order = []record.TripSignal{}, []record.TripChange{}
	for i := range r.columns {
		h := &r.columns[i]
		column := &r.layout.Columns[h.index]
		s := record.TripSignal{Name: column.Name, Device: column.Device, Unit: column.Unit}
		var within []sample
		for _, one := range h.samples {
			if one.at < from || one.at > to {
				continue
			}
			within = append(within, one)
			s.Offset = append(s.Offset, one.at-at)
			s.Value = append(s.Value, rounded(one.value, column.Signal.Info()))
			first, last = min(first, one.at), max(last, one.at)
		}
		if len(within) == 0 {
			continue
		}
		t.Signals = append(t.Signals, s)
		if c, changed := departure(within, at-min(departureAhead, r.before/2).Milliseconds(), at, column.Signal.Info()); changed {
			t.Order = append(t.Order, c)
		}
	}
	slices.SortStableFunc(t.Order, func(a, b record.TripChange) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Since, b.Since))
	})
	if len(t.Signals) > 0 {
		t.From, t.To = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
	}
	return t
}

func rounded(v float64, s *esp.Signal) esp.Number {
	step := s.Resolution()
	if math.IsNaN(v) {
		return esp.NoNumber()
	}
	return esp.Number(math.Round(v/step) / math.Round(1/step))
}

// What counts as a departure: an analog signal by this share of what it was, and by
// several steps of its resolution; a status by any change. It is looked for around the
// trip, half of the record's time before it at the most, and what was is the median of
// the time before that.
const (
	departureShare = 0.10
	departureSteps = 5
	departureAhead = 10 * time.Second
)

// departure finds where a signal first left, from begin on, what it was before.
func departure(samples []sample, begin, at int64, info *esp.Signal) (c record.TripChange, ok bool) {
	var past []float64
	for _, s := range samples {
		if s.at < begin && !math.IsNaN(s.value) {
			past = append(past, s.value)
		}
	}
	if len(past) == 0 {
		return c, false
	}
	slices.Sort(past)
	was := past[len(past)/2]
	limit := max(departureShare*math.Abs(was), departureSteps*info.Resolution())
	if info.Kind == esp.Status {
		limit = 0
	}
	before := begin
	for _, s := range samples {
		if math.IsNaN(s.value) {
			continue
		}
		if s.at >= begin && math.Abs(s.value-was) > limit {
			return record.TripChange{
				Name: info.Name, Offset: s.at - at, Since: before - at, Was: rounded(was, info), Is: rounded(s.value, info),
			}, true
		}
		before = s.at
	}
	return c, false
}
