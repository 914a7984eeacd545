package storage

import (
	"math"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

const (
	hourMs = int64(time.Hour / time.Millisecond)
	// maxChunkRows bounds a block of a well that is polled many times a second.
	maxChunkRows = 36000
	// minChunkRows keeps a clock that jumps to and fro from making a block per scan:
	// a chunk with fewer rows takes a scan of any hour.
	minChunkRows = 60
)

// chunk holds consecutive scans in the plain that are not sealed yet. Rows are only
// ever appended, so a slice of them taken under the lock may be read without it.
type chunk struct {
	epoch   uint64
	layout  *esp.Layout
	first   uint64
	times   []int64
	columns []block.Column
	// durable is how many rows the journal holds, synced.
	durable int
	// closed chunks take no more rows and wait for being sealed.
	closed bool
	// old marks rows that only the journal's older half holds.
	old bool
}

func newChunk(epoch uint64, layout *esp.Layout, first uint64) *chunk {
	c := &chunk{epoch: epoch, layout: layout, first: first, columns: make([]block.Column, len(layout.Columns))}
	for i := range c.columns {
		c.columns[i].Float = layout.Columns[i].Float
	}
	return c
}

// reserve makes room for rows.
func (c *chunk) reserve(rows int) {
	c.times = slices.Grow(c.times, rows)
	for i := range c.columns {
		c.columns[i].Raw = slices.Grow(c.columns[i].Raw, rows)
		c.columns[i].Status = slices.Grow(c.columns[i].Status, rows)
	}
}

func (c *chunk) rows() int    { return len(c.times) }
func (c *chunk) next() uint64 { return c.first + uint64(len(c.times)) }

// takes reports whether a scan with that layout, number and time continues c.
func (c *chunk) takes(epoch uint64, layout esp.LayoutID, number uint64, at int64) bool {
	if c.closed || c.epoch != epoch || c.layout.ID() != layout || c.next() != number {
		return false
	}
	if c.rows() < minChunkRows {
		return true
	}
	return c.rows() < maxChunkRows && floorHour(c.times[0]) == floorHour(at)
}

func floorHour(ms int64) int64 {
	h := ms / hourMs
	if ms%hourMs < 0 {
		h--
	}
	return h
}

func (c *chunk) append(scan *esp.Scan) {
	c.times = append(c.times, scan.Time.UnixMilli())
	for i := range scan.Readings {
		r := &scan.Readings[i]
		col := &c.columns[i]
		raw, mark := r.Raw, uint16(r.Quality)<<8|uint16(r.Reason)
		if r.Quality == esp.NotDue { // says nothing, so nothing is kept
			raw, mark = 0, 0
		}
		col.Raw = append(col.Raw, raw)
		col.Status = append(col.Status, mark)
	}
}

// appendRows copies rows from..to of b, which has the same layout.
func (c *chunk) appendRows(b *block.Block, from, to int) {
	c.times = append(c.times, b.Times[from:to]...)
	for i := range c.columns {
		c.columns[i].Raw = append(c.columns[i].Raw, b.Columns[i].Raw[from:to]...)
		c.columns[i].Status = append(c.columns[i].Status, b.Columns[i].Status[from:to]...)
	}
}

// part is the block of rows from..to, which it shares with c.
func (c *chunk) part(well esp.WellID, from, to int) *block.Block {
	whole := block.Block{
		Header:  block.Header{Key: string(well), Epoch: c.epoch, Layout: uint64(c.layout.ID()), First: c.first},
		Times:   c.times,
		Columns: c.columns,
	}
	return cut(&whole, from, to)
}

// cut is rows from..to of b, which it shares.
func cut(b *block.Block, from, to int) *block.Block {
	out := &block.Block{Header: b.Header, Times: b.Times[from:to:to], Columns: make([]block.Column, len(b.Columns))}
	out.First += uint64(from)
	out.Rows = to - from
	out.MinTime, out.MaxTime = span(out.Times)
	for i := range b.Columns {
		src := &b.Columns[i]
		out.Columns[i] = block.Column{Raw: src.Raw[from:to:to], Status: src.Status[from:to:to], Float: src.Float}
	}
	return out
}

func span(times []int64) (low, high int64) {
	low, high = math.MaxInt64, math.MinInt64
	for _, t := range times {
		low, high = min(low, t), max(high, t)
	}
	return low, high
}

// reading restores what was appended. The value is computed again from the raw
// integer; where the quality says that there is none, it is NaN.
func reading(column *esp.Column, raw int64, mark uint16) esp.Reading {
	r := esp.Reading{Raw: raw, Value: math.NaN(), Quality: esp.Quality(mark >> 8), Reason: esp.Reason(mark)}
	switch r.Quality {
	case esp.NotDue, esp.Invalid, esp.Lost:
	default:
		r.Value = column.Decode(raw)
	}
	return r
}
