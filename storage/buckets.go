package storage

import (
	"context"
	"fmt"
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// maxBuckets bounds what one query may ask for, per signal.
const maxBuckets = 100_000

// BucketQuery asks for a chart: the time From..To cut into pieces of Width.
type BucketQuery struct {
	Well    esp.WellID
	Signals []string
	// From is included, To is not; both are needed.
	From, To time.Time
	// Width of a bucket, at least a millisecond. The last one may be cut short by To.
	Width time.Duration
}

// Bucket sums up one signal over one piece of time. Values are in the column's unit.
type Bucket struct {
	Start time.Time
	// Min, Max, Mean, First and Last are of the usable values (good or at a limit);
	// NaN when there are none: a gap.
	Min, Max, Mean, First, Last float64
	// Count is how many usable values there are, Doubtful how many suspect, implausible
	// or stale ones, Bad how many invalid or lost ones. All zero: nothing was due, or
	// nothing is stored.
	Count, Doubtful, Bad int
}

// Series is the answer for one signal.
type Series struct {
	Signal string
	// Unit of the values: that of the newest layout with the signal.
	Unit    esp.Unit
	Buckets []Bucket // one for each piece of time, gaps included
}

// Buckets sums up signals for a chart, scans that are not durable yet included.
// Damaged blocks are left out, like in Range.
func (s *Store) Buckets(ctx context.Context, q BucketQuery) ([]Series, error) {
	if err := s.readable(); err != nil {
		return nil, fmt.Errorf("buckets: %w", err)
	}
	from, to, width := ceilMilli(q.From), ceilMilli(q.To), q.Width.Milliseconds()
	if q.From.IsZero() || width < 1 || to <= from || (to-from)/width > maxBuckets {
		return nil, fmt.Errorf("buckets: %w: %v to %v in pieces of %v", ErrInvalid, q.From, q.To, q.Width)
	}
	c := chart{names: q.Signals, units: make([]esp.Unit, len(q.Signals)), sums: make([]sum, len(q.Signals)), to: to}
	if c.names == nil {
		c.names = []string{} // nil would ask for all columns
	}
	n := int((to - from + width - 1) / width)
	for i := range c.sums {
		c.sums[i] = newSum(from, width, n)
	}
	for _, group := range s.overlapping(q.Well, from, to) {
		for i := range group {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("buckets: %w", err)
			}
			if err := c.add(s, &group[i]); err != nil {
				return nil, fmt.Errorf("buckets: %w", err)
			}
		}
	}
	out := make([]Series, len(c.names))
	for k, name := range c.names {
		out[k] = Series{Signal: name, Unit: c.units[k], Buckets: c.sums[k].finish()}
	}
	return out, nil
}

// chart is a BucketQuery under way.
type chart struct {
	reader
	names []string
	units []esp.Unit
	sums  []sum
	to    int64
}

// add sums up one part; a damaged one is left out.
func (c *chart) add(s *Store, p *part) error {
	loaded, err := c.load(s, p, c.names)
	if err != nil && isDamage(err) {
		s.noteDamage(p, err)
		return nil
	}
	if err != nil {
		return err
	}
	for k := range c.sums {
		if i := loaded.index[k]; i >= 0 {
			c.units[k] = loaded.layout.Columns[i].Unit
			c.sums[k].add(loaded, k, c.to)
		}
	}
	return nil
}

// sum gathers the buckets of one signal.
type sum struct {
	from, width int64
	buckets     []Bucket
	// firstAt and lastAt are the times of each bucket's First and Last: parts may
	// overlap in time where the clock was set back.
	firstAt, lastAt []int64
}

func newSum(from, width int64, n int) sum {
	s := sum{from: from, width: width, buckets: make([]Bucket, n), firstAt: make([]int64, n), lastAt: make([]int64, n)}
	for i := range s.buckets {
		s.firstAt[i], s.lastAt[i] = math.MaxInt64, noTime
	}
	return s
}

func (s *sum) add(r *rows, k int, to int64) {
	column := &r.layout.Columns[r.index[k]]
	raw, status := r.columns[k].Raw, r.columns[k].Status
	for i, at := range r.times {
		if at < s.from || at >= to {
			continue
		}
		slot := (at - s.from) / s.width
		b := &s.buckets[slot]
		switch q := esp.Quality(status[i] >> 8); {
		case q.Usable():
			value := column.Decode(raw[i])
			if math.IsNaN(value) {
				b.Bad++
				continue
			}
			if b.Count == 0 {
				b.Min, b.Max = value, value
			}
			b.Count++
			b.Min, b.Max = min(b.Min, value), max(b.Max, value)
			b.Mean += value // the sum until finish
			if at < s.firstAt[slot] {
				s.firstAt[slot], b.First = at, value
			}
			if at >= s.lastAt[slot] {
				s.lastAt[slot], b.Last = at, value
			}
		case q == esp.NotDue:
		case q == esp.Invalid || q == esp.Lost:
			b.Bad++
		default:
			b.Doubtful++
		}
	}
}

func (s *sum) finish() []Bucket {
	for i := range s.buckets {
		b := &s.buckets[i]
		b.Start = time.UnixMilli(s.from + int64(i)*s.width).UTC()
		if b.Count > 0 {
			b.Mean /= float64(b.Count)
			continue
		}
		none := math.NaN()
		b.Min, b.Max, b.Mean, b.First, b.Last = none, none, none, none, none
	}
	return s.buckets
}
