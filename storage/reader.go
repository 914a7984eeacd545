package storage

import (
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

// part is a stretch of consecutive scans of a well: a sealed block or rows of a chunk.
type part struct {
	well             esp.WellID
	epoch            uint64
	first, last      uint64
	minTime, maxTime int64
	layout           esp.LayoutID
	entry            entry        // of a sealed block
	head             *block.Block // of a chunk; nil for a sealed block
	shifts           []shift      // of the stamps, where they were corrected
	loose            bool         // its bounds may be wider than its rows
}

// parts lists what is stored of a well; s.mu is held. With durableOnly it leaves out
// rows that are in memory only.
func (s *Store) parts(w *well, durableOnly bool) []part {
	out := make([]part, 0, len(w.blocks)+len(w.chunks))
	for _, e := range w.blocks {
		out = append(out, part{well: w.id, epoch: e.epoch, first: e.first, last: e.last, minTime: e.minTime, maxTime: e.maxTime, layout: e.layout, entry: e})
	}
	for _, c := range w.chunks {
		to := c.rows()
		if durableOnly {
			to = c.durable
		}
		if to == 0 {
			continue
		}
		b := c.part(w.id, 0, to)
		out = append(out, part{
			well: w.id, epoch: c.epoch, first: c.first, last: c.first + uint64(to) - 1,
			minTime: b.MinTime, maxTime: b.MaxTime, layout: c.layout.ID(), head: b,
		})
	}
	return out
}

// mergeSpans joins neighbouring intervals.
func (s *Store) mergeSpans(parts []Span) []Span {
	slices.SortFunc(parts, func(a, b Span) int {
		switch {
		case a.Well != b.Well:
			return compareStrings(a.Well, b.Well)
		case a.Epoch != b.Epoch:
			return s.epochAge(a.Epoch) - s.epochAge(b.Epoch)
		}
		return compare(a.First, b.First)
	})
	var out []Span
	for _, p := range parts {
		if n := len(out); n > 0 && out[n-1].Well == p.Well && out[n-1].Epoch == p.Epoch && p.First <= out[n-1].Last+1 {
			out[n-1].Last = max(out[n-1].Last, p.Last)
			continue
		}
		out = append(out, p)
	}
	return out
}

func compareStrings(a, b esp.WellID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// rows are the decoded columns of one part, in the order in which they were asked for.
type rows struct {
	part    *part
	layout  *esp.Layout
	times   []int64
	index   []int // of each column in the layout, -1 where it has none
	columns []block.Column
}

// reader decodes parts, one after the other, into memory that it uses again.
type reader struct {
	decoder block.Decoder
	times   []int64
	columns []block.Column
}

// load reads the named columns of a part, or all of them when names is nil. The
// result is valid until the next call. A damaged block gives a DamageError.
func (q *reader) load(s *Store, p *part, names []string) (*rows, error) {
	out := &rows{part: p}
	var known bool
	if out.layout, known = s.Layout(p.layout); !known {
		return nil, s.segments.blockError(p.well, &p.entry, ErrDamaged)
	}
	out.index = columnIndex(out.layout, names)
	if p.head != nil {
		out.times = p.head.Times
		if len(p.shifts) > 0 {
			q.times = p.correct(q.times, p.head.Times)
			out.times = q.times
		}
		out.columns = make([]block.Column, len(out.index))
		for i, c := range out.index {
			if c >= 0 {
				out.columns[i] = p.head.Columns[c]
			}
		}
		return out, nil
	}
	v, err := s.segments.read(p.well, &p.entry)
	if err != nil {
		return nil, err
	}
	if v.Columns() != len(out.layout.Columns) {
		return nil, s.segments.blockError(p.well, &p.entry, ErrDamaged)
	}
	if q.times, err = q.decoder.Times(q.times, v); err != nil {
		return nil, s.segments.blockError(p.well, &p.entry, err)
	}
	for len(q.columns) < len(out.index) {
		q.columns = append(q.columns, block.Column{})
	}
	q.times = p.correct(q.times, q.times)
	out.times, out.columns = q.times, q.columns[:len(out.index)]
	for i, c := range out.index {
		if c < 0 {
			continue
		}
		if err := q.decoder.Column(&out.columns[i], v, c); err != nil {
			return nil, s.segments.blockError(p.well, &p.entry, err)
		}
	}
	return out, nil
}

func columnIndex(l *esp.Layout, names []string) []int {
	if names == nil {
		out := make([]int, len(l.Columns))
		for i := range out {
			out[i] = i
		}
		return out
	}
	out := make([]int, len(names))
	for i, name := range names {
		out[i] = slices.IndexFunc(l.Columns, func(c esp.Column) bool { return c.Name == name })
	}
	return out
}

// reading is the value of asked column i in row k; not due where the layout has none.
func (r *rows) reading(i, k int) esp.Reading {
	c := r.index[i]
	if c < 0 {
		return reading(&esp.Column{}, 0, 0)
	}
	return reading(&r.layout.Columns[c], r.columns[i].Raw[k], r.columns[i].Status[k])
}

// scan is row k as a scan that the caller may keep. All columns must be loaded.
func (r *rows) scan(k int) esp.Scan {
	var out esp.Scan
	r.fill(&out, k)
	return out
}

// fill makes row k a scan in memory that is used again.
func (r *rows) fill(dst *esp.Scan, k int) {
	readings := slices.Grow(dst.Readings[:0], len(r.index))[:len(r.index)]
	for i := range readings {
		readings[i] = r.reading(i, k)
	}
	*dst = esp.Scan{
		Well: r.part.well, Time: time.UnixMilli(r.times[k]).UTC(), Layout: r.layout,
		Readings: readings, Seq: r.part.first + uint64(k),
	}
}

// noteDamage takes a block that cannot be read out of the catalogue for good and says
// so in a gap record. Its neighbours are not touched.
func (s *Store) noteDamage(p *part, damage error) {
	s.log.Error().Err(damage).Str("well", string(p.well)).Msg("a damaged block was left out")
	remembering := s.rememberDamage(p.well, &p.entry)
	if remembering != nil {
		s.log.Error().Err(remembering).Msg("a damaged block could not be noted")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.well(p.well)
	n := len(w.blocks)
	w.blocks = slices.DeleteFunc(w.blocks, func(e entry) bool {
		return e.epoch == p.epoch && e.first == p.first && e.last == p.last
	})
	if len(w.blocks) < n {
		s.report.damagedBlocks++
		s.gaps = append(s.gaps, damageGap(p.well, &p.entry, p.entry.segment))
	}
}
