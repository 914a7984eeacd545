package storage

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Query asks for rows of one well by time.
type Query struct {
	Well esp.WellID
	// Signals are column names; nil asks for all columns of each row's layout.
	Signals []string
	// From and To bound the time, From included, To not. A zero time is no bound.
	From, To time.Time
	// Newest gives the newest rows first.
	Newest bool
	// Limit ends after so many rows; 0 is no limit.
	Limit int
}

// Row is one scan, or the asked part of one.
type Row struct {
	Epoch  uint64
	Seq    uint64
	Time   time.Time
	Layout *esp.Layout
	// Readings are in the order of Query.Signals, or of the layout's columns. A signal
	// that the layout does not have is not due.
	Readings []esp.Reading
}

// Range goes through a well's scans in order of time, scans of the same time in order
// of their numbers, those that are not durable yet included. The scans that are there
// when the iteration begins are given, whatever happens meanwhile. A row is valid until
// the next one. Blocks that turn out damaged are left out, with a gap record that says
// so; an error (the disk, ctx) ends the iteration.
func (s *Store) Range(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := s.readable(); err != nil {
			yield(Row{}, fmt.Errorf("range: %w", err))
			return
		}
		from, to := bounds(q.From, q.To)
		groups := s.overlapping(q.Well, from, to)
		if q.Newest {
			slices.Reverse(groups)
		}
		left := q.Limit
		for _, g := range groups {
			done, err := s.rangeGroup(ctx, &q, g, from, to, &left, yield)
			if err != nil {
				yield(Row{}, fmt.Errorf("range: %w", err))
				return
			}
			if done {
				return
			}
		}
	}
}

func bounds(from, to time.Time) (low, high int64) {
	low, high = minTimeMs, maxTimeMs+1
	if !from.IsZero() {
		low = ceilMilli(from)
	}
	if !to.IsZero() {
		high = ceilMilli(to)
	}
	return low, high
}

// ceilMilli is the first whole millisecond at or after t, so that a bound between two
// milliseconds parts them rightly.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// overlapping gives the parts that touch from..to, grouped so that parts of different
// groups do not overlap in time. As a rule each group is one part; where the clock was
// set back it holds all that must be merged.
func (s *Store) overlapping(id esp.WellID, from, to int64) [][]part {
	s.mu.Lock()
	var parts []part
	if w := s.wells[id]; w != nil {
		parts = s.parts(w, false)
		for i := range parts {
			w.correct(&parts[i])
		}
	}
	s.mu.Unlock()
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.maxTime < from || p.minTime >= to })
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.minTime, b.minTime), s.byNumber(&a, &b))
	})
	var groups [][]part
	var high int64
	for _, p := range parts {
		if n := len(groups); n > 0 && p.minTime <= high {
			groups[n-1] = append(groups[n-1], p)
			high = max(high, p.maxTime)
			continue
		}
		groups = append(groups, []part{p})
		high = p.maxTime
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b part) int { return s.byNumber(&a, &b) })
	}
	return groups
}

func (s *Store) byNumber(a, b *part) int {
	return cmp.Or(s.epochAge(a.epoch)-s.epochAge(b.epoch), cmp.Compare(a.first, b.first))
}

// rangeGroup yields the rows of one group. done says that the iteration is over.
func (s *Store) rangeGroup(ctx context.Context, q *Query, group []part, from, to int64, left *int, yield func(Row, error) bool) (done bool, err error) {
	type place struct {
		at  int64
		of  *rows
		row int
	}
	var places []place
	for i := range group {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		var fresh reader // the rows of a whole group are alive at once
		loaded, err := fresh.load(s, &group[i], q.Signals)
		if err != nil && isDamage(err) {
			s.noteDamage(&group[i], err)
			continue
		}
		if err != nil {
			return true, err
		}
		for k, at := range loaded.times {
			if at >= from && at < to {
				places = append(places, place{at, loaded, k})
			}
		}
	}
	// Stable: equal times stay in order of their numbers.
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	if q.Newest {
		slices.Reverse(places)
	}
	var row Row
	for _, p := range places {
		p.of.fillRow(&row, p.row)
		if !yield(row, nil) {
			return true, nil
		}
		if *left--; *left == 0 {
			return true, nil
		}
	}
	return false, nil
}

func (r *rows) fillRow(dst *Row, k int) {
	readings := slices.Grow(dst.Readings[:0], len(r.index))[:len(r.index)]
	for i := range readings {
		readings[i] = r.reading(i, k)
	}
	*dst = Row{
		Epoch: r.part.epoch, Seq: r.part.first + uint64(k), Time: time.UnixMilli(r.times[k]).UTC(),
		Layout: r.layout, Readings: readings,
	}
}

// Scans goes through the durable scans first to last of a well's epoch in order of
// their numbers; holes are passed over. A scan is valid until the next one. A damaged
// block gives an error that wraps ErrDamaged; the caller may go on with the scans
// after it by continuing.
func (s *Store) Scans(ctx context.Context, id esp.WellID, epoch, first, last uint64) iter.Seq2[*esp.Scan, error] {
	return func(yield func(*esp.Scan, error) bool) {
		if err := s.readable(); err != nil {
			yield(nil, fmt.Errorf("read scans: %w", err))
			return
		}
		s.mu.Lock()
		var parts []part
		if w := s.wells[id]; w != nil {
			parts = s.parts(w, true)
		}
		s.mu.Unlock()
		parts = slices.DeleteFunc(parts, func(p part) bool { return p.epoch != epoch || p.last < first || p.first > last })
		slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.first, b.first) })
		c := cursor{first: first, last: last}
		for i := range parts {
			more, err := c.give(ctx, s, &parts[i], yield)
			if err != nil {
				more = yield(nil, fmt.Errorf("read scans: %w", err)) && isDamage(err)
			}
			if !more {
				return
			}
		}
	}
}

// cursor is a call of Scans under way.
type cursor struct {
	reader
	scan        esp.Scan
	first, last uint64
}

// give yields the scans of one part; more is false when nobody wants any more.
func (c *cursor) give(ctx context.Context, s *Store, p *part, yield func(*esp.Scan, error) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	loaded, err := c.load(s, p, nil)
	if err != nil {
		if isDamage(err) {
			s.noteDamage(p, err)
		}
		return false, err
	}
	for n := max(c.first, p.first); n <= min(c.last, p.last); n++ {
		loaded.fill(&c.scan, int(n-p.first))
		if !yield(&c.scan, nil) {
			return false, nil
		}
	}
	return true, nil
}
