package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block/column"
)

// Builder gathers scans of one layout and encodes them as one batch. It may be used
// again after Reset; it is not safe for concurrent use.
type Builder struct {
	mapping *Mapping
	header  Header

	times, numbers []int64
	cells          [][]cell // by column, then row

	packer     packer
	values     []int64
	notCarried int
}

type cell struct {
	n       int64
	code    Code
	present bool
}

// NewBuilder makes an empty builder.
func NewBuilder() *Builder { return &Builder{} }

// Reset starts a batch of scans of m's layout for the numbers first to last.
func (b *Builder) Reset(m *Mapping, epoch, first, last uint64) {
	b.mapping = m
	b.header = Header{Kind: KindReadings, Epoch: epoch, First: first, Last: last}
	b.times, b.numbers = b.times[:0], b.numbers[:0]
	b.notCarried = 0
	if cap(b.cells) < len(m.columns) {
		b.cells = make([][]cell, len(m.columns))
	}
	b.cells = b.cells[:len(m.columns)]
	for i := range b.cells {
		b.cells[i] = b.cells[i][:0]
	}
}

// Rows is the number of scans so far.
func (b *Builder) Rows() int { return len(b.times) }

// NotCarried is how many values of shown quality did not fit the batch (beyond 32 bits
// of range within it, or no number) and travel as their quality only.
func (b *Builder) NotCarried() int { return b.notCarried }

// Add takes a scan over; it keeps nothing of s. Scans come in the order of their
// numbers. The error wraps ErrLimits.
func (b *Builder) Add(s *esp.Scan) error {
	rows := len(b.numbers)
	switch {
	case s.Layout.ID() != b.mapping.layout.ID():
		return fmt.Errorf("%w: scan %d has another layout than the batch", ErrLimits, s.Seq)
	case s.Seq < b.header.First || s.Seq > b.header.Last:
		return fmt.Errorf("%w: scan %d is not between %d and %d", ErrLimits, s.Seq, b.header.First, b.header.Last)
	case rows > 0 && s.Seq <= b.header.First+uint64(b.numbers[rows-1]):
		return fmt.Errorf("%w: scan %d is not after the one before it", ErrLimits, s.Seq)
	case rows >= MaxRows:
		return fmt.Errorf("%w: more than %d scans", ErrLimits, MaxRows)
	}
	b.times = append(b.times, s.Time.UnixMilli())
	b.numbers = append(b.numbers, int64(s.Seq-b.header.First))
	for i := range b.cells {
		b.cells[i] = append(b.cells[i], b.cell(i, &s.Readings[i]))
	}
	return nil
}

func (b *Builder) cell(i int, r *esp.Reading) cell {
	c := cell{code: CodeOf(r.Quality, r.Reason)}
	if !carried(r.Quality) {
		return c
	}
	if c.n, c.present = b.mapping.integer(i, r.Raw); !c.present {
		b.notCarried++
	}
	return c
}

// Append encodes the batch and appends it to dst. The error wraps ErrLimits.
func (b *Builder) Append(dst []byte) ([]byte, error) {
	h := b.header
	h.Count = len(b.times)
	if err := h.check(); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrLimits, err)
	}
	from := len(dst)
	shifts := make([]int32, len(b.cells))
	for i := range b.cells {
		shifts[i] = b.fit(b.cells[i])
	}
	groups, bitmaps := b.groups()
	patterns, indexes := b.patterns()

	dst = h.append(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.mapping.layout.ID()))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(b.cells)))
	dst = b.appendTimes(dst)
	dst = b.appendNumbers(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(bitmaps)))
	for _, bitmap := range bitmaps {
		dst = append(dst, bitmap...)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(patterns)))
	for _, p := range patterns {
		dst = append(dst, p...)
	}
	dst = column.AppendBits(dst, indexes, column.Width(uint64(len(patterns))))
	last := groupAll
	for i, cells := range b.cells {
		dst = b.appendColumn(dst, cells, groups[i], last, shifts[i])
		last = groups[i]
	}
	if dst = seal(dst, from); len(dst)-from > MaxPayload {
		return dst[:from], fmt.Errorf("%w: %d bytes", ErrLimits, len(dst)-from)
	}
	return dst, nil
}

// fit finds the shift with which the numbers of a column fit four bytes, preferring
// the usable ones, and drops what does not fit. Register integers of 32 bits of either
// signedness always fit, and so do 64-bit counters over the range of one batch.
func (b *Builder) fit(cells []cell) int32 {
	lo, hi, ok := bounds(cells, func(c *cell) bool { return c.present && c.code.Quality().Usable() })
	if !ok {
		lo, hi, ok = bounds(cells, func(c *cell) bool { return c.present })
	}
	if !ok {
		return 0
	}
	var shift int64
	if lo < math.MinInt32 || hi > math.MaxInt32 {
		if shift = lo>>31 + 1; hi >= (shift+1)<<31 {
			shift = 0
		}
	}
	for i := range cells {
		c := &cells[i]
		if !c.present {
			continue
		}
		if n := c.n - shift<<31; n >= math.MinInt32 && n <= math.MaxInt32 {
			c.n = n
			continue
		}
		c.present = false
		b.notCarried++
	}
	return int32(shift)
}

func bounds(cells []cell, use func(*cell) bool) (lo, hi int64, ok bool) {
	for i := range cells {
		c := &cells[i]
		if !use(c) {
			continue
		}
		if !ok {
			lo, hi, ok = c.n, c.n, true
			continue
		}
		lo, hi = min(lo, c.n), max(hi, c.n)
	}
	return lo, hi, ok
}

// groups finds the presence bitmaps that differ: the columns of one device share one.
func (b *Builder) groups() (group []int, bitmaps [][]byte) {
	group = make([]int, len(b.cells))
	known := make(map[string]int)
	for i, cells := range b.cells {
		bitmap := make([]byte, (len(cells)+7)/8)
		present := 0
		for row := range cells {
			if cells[row].present {
				bitmap[row/8] |= 1 << (7 - row%8)
				present++
			}
		}
		switch present {
		case len(cells):
			group[i] = groupAll
			continue
		case 0:
			group[i] = groupNone
			continue
		}
		g, ok := known[string(bitmap)]
		if !ok {
			g = groupFirst + len(bitmaps)
			known[string(bitmap)] = g
			bitmaps = append(bitmaps, bitmap)
		}
		group[i] = g
	}
	return group, bitmaps
}

// patterns finds the rows whose qualities differ from the plain case (what has a value
// is good, what has none was not due) and the different ways in which they do: the
// signals of a device fail together.
func (b *Builder) patterns() (patterns [][]byte, indexes []uint64) {
	known := make(map[string]uint64)
	indexes = make([]uint64, len(b.times))
	codes := make([]byte, len(b.cells))
	for row := range b.times {
		plain := true
		for i := range b.cells {
			c := b.cells[i][row]
			codes[i] = byte(c.code)
			plain = plain && (c.present && c.code == good || !c.present && c.code == 0)
		}
		if plain {
			continue
		}
		index, ok := known[string(codes)]
		if !ok {
			patterns = append(patterns, append([]byte(nil), codes...))
			index = uint64(len(patterns))
			known[string(codes)] = index
		}
		indexes[row] = index
	}
	return patterns, indexes
}

// appendTimes writes the first time and the steps between them.
func (b *Builder) appendTimes(dst []byte) []byte {
	width, step := deltas(b.times)
	n := signedLen(step)
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.times[0]))
	dst = append(dst, byte(width), byte(n))
	dst = appendSigned(dst, step, n)
	return b.packer.appendDeltas(dst, b.times, step, width)
}

// appendNumbers writes the scan numbers, in one byte where none is missing.
func (b *Builder) appendNumbers(dst []byte) []byte {
	if uint64(len(b.numbers)) == b.header.Last-b.header.First+1 {
		return append(dst, 0)
	}
	width, step := deltas(b.numbers)
	dst = append(dst, byte(width)|1<<7)
	dst = binary.BigEndian.AppendUint32(dst, uint32(b.numbers[0]))
	dst = binary.BigEndian.AppendUint32(dst, uint32(step))
	return b.packer.appendDeltas(dst, b.numbers, step, width)
}

func (b *Builder) appendColumn(dst []byte, cells []cell, group, last int, shift int32) []byte {
	b.values = b.values[:0]
	for i := range cells {
		if cells[i].present {
			b.values = append(b.values, cells[i].n)
		}
	}
	if len(b.values) == 0 {
		return appendHead(dst, head{group: group}, last)
	}
	return b.packer.best(dst, b.values, group, last, shift)
}

// Readings is a decoded batch of scans.
type Readings struct {
	Header
	Layout  esp.LayoutID
	Times   []time.Time // UTC
	Numbers []uint64
	Columns []Carried
}

// Carried is one column of a decoded batch, by row.
type Carried struct {
	Shift   int64   // stored + Shift is the number that the mapping speaks of
	Stored  []int32 // 0 where there is none
	Present []bool
	Codes   []Code
}
