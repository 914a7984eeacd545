package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block/column"
)

// decoder reads a batch from front to back.
type decoder struct {
	rest []byte
	rows int
}

// DecodeReadings reads a batch of scans. Every length is checked before it is used;
// the error wraps ErrMalformed (or column.ErrMalformed). The centre decodes by itself
// in SQL: this is its twin for relays, carry files and tests.
func DecodeReadings(payload []byte) (*Readings, error) {
	h, body, err := ParseHeader(payload)
	if err != nil {
		return nil, err
	}
	if h.Kind != KindReadings {
		return nil, fmt.Errorf("%w: it carries no readings", ErrMalformed)
	}
	d := &decoder{rest: body, rows: h.Count}
	r := &Readings{Header: h}
	layout, err := d.uint(8, "layout")
	if err != nil {
		return nil, err
	}
	r.Layout = esp.LayoutID(layout)
	columns, err := d.uint(2, "number of columns")
	if err != nil {
		return nil, err
	}
	if columns < 1 || columns > MaxColumns {
		return nil, fmt.Errorf("%w: %d columns", ErrMalformed, columns)
	}
	if r.Times, err = d.times(); err != nil {
		return nil, err
	}
	if r.Numbers, err = d.numbers(h); err != nil {
		return nil, err
	}
	bitmaps, err := d.bitmaps(int(columns))
	if err != nil {
		return nil, err
	}
	codes, err := d.codes(int(columns))
	if err != nil {
		return nil, err
	}
	if r.Columns, err = d.columns(int(columns), bitmaps, codes); err != nil {
		return nil, err
	}
	if len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes left over", ErrMalformed, len(d.rest))
	}
	return r, nil
}

// take cuts n bytes off.
func (d *decoder) take(n int, what string) ([]byte, error) {
	if n > len(d.rest) {
		return nil, errShort(what)
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

// uint reads an unsigned big-endian number of n bytes.
func (d *decoder) uint(n int, what string) (uint64, error) {
	b, err := d.take(n, what)
	if err != nil {
		return 0, err
	}
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, nil
}

func (d *decoder) times() ([]time.Time, error) {
	b, err := d.take(10, "times")
	if err != nil {
		return nil, err
	}
	base, width, n := int64(binary.BigEndian.Uint64(b)), uint(b[8]), int(b[9])
	if width > 63 || n > 8 {
		return nil, fmt.Errorf("%w: times with width %d and length %d", ErrMalformed, width, n)
	}
	step, err := d.take(n, "times")
	if err != nil {
		return nil, err
	}
	ms, rest, err := unpackDeltas(d.rest, d.rows, width, base, signed(step))
	if err != nil {
		return nil, err
	}
	d.rest = rest
	out := make([]time.Time, d.rows)
	for i, v := range ms {
		out[i] = time.UnixMilli(v).UTC()
	}
	return out, nil
}

func (d *decoder) numbers(h Header) ([]uint64, error) {
	b, err := d.uint(1, "numbers")
	if err != nil {
		return nil, err
	}
	out := make([]uint64, d.rows)
	if b == 0 {
		if uint64(d.rows) != h.Last-h.First+1 {
			return nil, fmt.Errorf("%w: %d rows for the numbers %d to %d without holes", ErrMalformed, d.rows, h.First, h.Last)
		}
		for i := range out {
			out[i] = h.First + uint64(i)
		}
		return out, nil
	}
	width := uint(b & 127)
	if b&128 == 0 || width > maxDeltaWidth {
		return nil, fmt.Errorf("%w: numbers of form %d", ErrMalformed, b)
	}
	head, err := d.take(8, "numbers")
	if err != nil {
		return nil, err
	}
	base, step := int64(binary.BigEndian.Uint32(head)), int64(binary.BigEndian.Uint32(head[4:]))
	offsets, rest, err := unpackDeltas(d.rest, d.rows, width, base, step)
	if err != nil {
		return nil, err
	}
	d.rest = rest
	for i, offset := range offsets {
		out[i] = h.First + uint64(offset)
		if out[i] > h.Last || i > 0 && out[i] <= out[i-1] {
			return nil, fmt.Errorf("%w: number %d after %d in %d to %d", ErrMalformed, out[i], out[max(i-1, 0)], h.First, h.Last)
		}
	}
	return out, nil
}

// bitmaps reads the presence bitmaps; the first two groups need none.
func (d *decoder) bitmaps(columns int) ([][]bool, error) {
	n, err := d.uint(2, "number of bitmaps")
	if err != nil {
		return nil, err
	}
	if n > uint64(columns) {
		return nil, fmt.Errorf("%w: %d bitmaps for %d columns", ErrMalformed, n, columns)
	}
	all := make([]bool, d.rows)
	for i := range all {
		all[i] = true
	}
	out := [][]bool{groupAll: all, groupNone: make([]bool, d.rows)}
	packed := make([]uint64, d.rows)
	for range n {
		if d.rest, err = column.Bits(packed, d.rest, 1); err != nil {
			return nil, err
		}
		bitmap := make([]bool, d.rows)
		for i, bit := range packed {
			bitmap[i] = bit == 1
		}
		out = append(out, bitmap)
	}
	return out, nil
}

// codes reads the quality patterns and gives each row its own; nil for a plain row.
func (d *decoder) codes(columns int) ([][]byte, error) {
	n, err := d.uint(2, "number of patterns")
	if err != nil {
		return nil, err
	}
	if n > uint64(d.rows) {
		return nil, fmt.Errorf("%w: %d patterns for %d rows", ErrMalformed, n, d.rows)
	}
	patterns := make([][]byte, n+1)
	for i := range n {
		if patterns[i+1], err = d.take(columns, "patterns"); err != nil {
			return nil, err
		}
	}
	indexes := make([]uint64, d.rows)
	if d.rest, err = column.Bits(indexes, d.rest, column.Width(n)); err != nil {
		return nil, err
	}
	out := make([][]byte, d.rows)
	for row, index := range indexes {
		if index > n {
			return nil, fmt.Errorf("%w: pattern %d of %d", ErrMalformed, index, n)
		}
		out[row] = patterns[index]
	}
	return out, nil
}

func (d *decoder) columns(n int, bitmaps [][]bool, codes [][]byte) ([]Carried, error) {
	out := make([]Carried, n)
	last := groupAll
	for i := range out {
		h, rest, err := parseHead(d.rest, last)
		if err != nil {
			return nil, err
		}
		d.rest = rest
		if last = h.group; last >= len(bitmaps) {
			return nil, fmt.Errorf("%w: column %d has presence bitmap %d of %d", ErrMalformed, i, last, len(bitmaps))
		}
		present := bitmaps[last]
		values, err := d.column(h, present)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i, err)
		}
		c := Carried{Shift: int64(h.shift) << 31, Present: present, Stored: make([]int32, d.rows), Codes: make([]Code, d.rows)}
		for row := range d.rows {
			switch {
			case codes[row] != nil:
				c.Codes[row] = Code(codes[row][i])
			case present[row]:
				c.Codes[row] = good
			}
			if present[row] {
				c.Stored[row] = values[0]
				values = values[1:]
			}
		}
		out[i] = c
	}
	return out, nil
}

func (d *decoder) column(h head, present []bool) ([]int32, error) {
	n := 0
	for _, p := range present {
		if p {
			n++
		}
	}
	if n == 0 {
		return nil, nil
	}
	var values []int64
	var err error
	if h.delta {
		values, d.rest, err = unpackDeltas(d.rest, n, h.width, h.base, h.step)
	} else {
		values, d.rest, err = unpackFrame(d.rest, n, h.width, h.base)
	}
	if err != nil {
		return nil, err
	}
	out := make([]int32, n)
	for i, v := range values {
		if v < math.MinInt32 || v > math.MaxInt32 {
			return nil, fmt.Errorf("%w: %d does not fit four bytes", ErrMalformed, v)
		}
		out[i] = int32(v)
	}
	return out, nil
}
