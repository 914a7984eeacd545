package block

import (
	"slices"

	"github.com/klauspost/compress/fse"
	"github.com/klauspost/compress/huff0"

	"wellkeeper.internal/storage/block/column"
)

// Decoder reads blocks. Its zero value is ready; it keeps working memory between
// calls and must not be used by two goroutines at once.
type Decoder struct {
	huffman    huff0.Scratch
	fse        fse.Scratch
	work       []uint64
	tokenBytes []byte
	values     []int64
	// marks are the statuses of stream marksAt of marksOf; nil: none.
	marks   statuses
	marksOf *View
	marksAt int
}

// Times reads the rows' times in Unix milliseconds into dst, which it grows. Errors
// wrap ErrDamaged.
func (d *Decoder) Times(dst []int64, v *View) ([]int64, error) {
	b, err := v.stream(0)
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst[:0], v.Rows)[:v.Rows]
	if err := d.series(dst, b, 0); err != nil {
		return nil, err
	}
	return dst, nil
}

// Column reads column i of v into dst, whose slices it grows, and touches no other
// column. Errors wrap ErrDamaged.
func (d *Decoder) Column(dst *Column, v *View, i int) error {
	entry := v.columns[i]
	s, err := d.statusesOf(v, entry.status)
	if err != nil {
		return err
	}
	dst.Float = entry.float
	dst.Raw = slices.Grow(dst.Raw[:0], v.Rows)[:v.Rows]
	dst.Status = slices.Grow(dst.Status[:0], v.Rows)[:v.Rows]
	present := 0
	s.each(entry.absent, func(from, to int, mark uint16, has bool) {
		for k := range dst.Status[from:to] {
			dst.Status[from+k] = mark
		}
		if has {
			present += to - from
		}
	})
	b, err := v.stream(1 + i)
	if err != nil {
		return err
	}
	if present == v.Rows {
		err = d.series(dst.Raw, b, 0)
	} else {
		err = d.sparse(dst.Raw, b, s, entry.absent, present)
	}
	if err == nil && entry.float {
		for k, raw := range dst.Raw {
			dst.Raw[k] = column.OrderedFloat(raw)
		}
	}
	return err
}

// sparse spreads the coded values over the rows that have one. The others hold the
// zero of either map, so that OrderedFloat leaves them alone.
func (d *Decoder) sparse(dst []int64, b []byte, s *statuses, absent uint64, present int) error {
	values := slices.Grow(d.values[:0], present)[:present]
	d.values = values
	if err := d.series(values, b, 0); err != nil {
		return err
	}
	s.each(absent, func(from, to int, _ uint16, has bool) {
		if !has {
			clear(dst[from:to])
			return
		}
		n := copy(dst[from:to], values)
		values = values[n:]
	})
	return nil
}

// Decode reads the whole block into dst.
func (d *Decoder) Decode(dst *Block, v *View) error {
	dst.Header = v.Header
	times, err := d.Times(dst.Times, v)
	if err != nil {
		return err
	}
	dst.Times = times
	for len(dst.Columns) < v.Columns() {
		dst.Columns = append(dst.Columns, Column{})
	}
	dst.Columns = dst.Columns[:v.Columns()]
	for i := range dst.Columns {
		if err := d.Column(&dst.Columns[i], v, i); err != nil {
			return err
		}
	}
	return nil
}
