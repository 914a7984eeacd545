package block

import (
	"encoding/binary"
	"slices"
)

// maxAbsent is how many statuses of a dictionary can be marked as having no values.
const maxAbsent = 64

// statuses is a column's status in dictionary form: runs of equal marks.
type statuses struct {
	dictionary []uint16
	runs       []int64 // index into the dictionary
	lengths    []int64
}

func gather(status []uint16) statuses {
	var s statuses
	index := make(map[uint16]int64, 4)
	for i, mark := range status {
		if i > 0 && mark == status[i-1] {
			s.lengths[len(s.lengths)-1]++
			continue
		}
		k, known := index[mark]
		if !known {
			k = int64(len(s.dictionary))
			index[mark] = k
			s.dictionary = append(s.dictionary, mark)
		}
		s.runs, s.lengths = append(s.runs, k), append(s.lengths, 1)
	}
	return s
}

// absent is the set of statuses whose rows all hold zero: their values are not coded.
func (s *statuses) absent(raw []int64) uint64 {
	all := ^uint64(0)
	if n := len(s.dictionary); n < maxAbsent {
		all = 1<<n - 1
	}
	i := 0
	for r, k := range s.runs {
		for _, v := range raw[i : i+int(s.lengths[r])] {
			if v != 0 && k < maxAbsent {
				all &^= 1 << k
				break
			}
		}
		i += int(s.lengths[r])
	}
	return all
}

// each calls fn for every run in order with its rows and whether they have values.
func (s *statuses) each(absent uint64, fn func(from, to int, mark uint16, present bool)) {
	from := 0
	for r, k := range s.runs {
		to := from + int(s.lengths[r])
		fn(from, to, s.dictionary[k], k >= maxAbsent || absent>>k&1 == 0)
		from = to
	}
}

func (e *Encoder) appendStatuses(dst []byte, s *statuses) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s.dictionary)))
	for _, mark := range s.dictionary {
		dst = binary.BigEndian.AppendUint16(dst, mark)
	}
	if len(s.dictionary) == 1 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.runs)))
	runs := e.appendSeries(nil, s.runs, 1)
	dst = binary.AppendUvarint(dst, uint64(len(runs)))
	dst = append(dst, runs...)
	return e.appendSeries(dst, s.lengths, 1)
}

// statusesOf gives the decoded status stream i of v. Columns share streams, so the
// last one is kept.
func (d *Decoder) statusesOf(v *View, i int) (*statuses, error) {
	if d.marksOf == v && d.marksAt == i {
		return &d.marks, nil
	}
	d.marksOf = nil
	b, err := v.stream(i)
	if err != nil {
		return nil, err
	}
	if err := d.statuses(&d.marks, b, v.Rows); err != nil {
		return nil, err
	}
	d.marksOf, d.marksAt = v, i
	return &d.marks, nil
}

// statuses decodes a status stream of the given number of rows into s, whose slices it
// uses again.
func (d *Decoder) statuses(s *statuses, b []byte, rows int) error {
	r := reader{b: b}
	s.dictionary = s.dictionary[:0]
	for range r.count(min(rows, len(b)/2)) {
		if mark := r.bytes(2); len(mark) == 2 {
			s.dictionary = append(s.dictionary, binary.BigEndian.Uint16(mark))
		}
	}
	if r.bad || len(s.dictionary) == 0 {
		return damaged("the dictionary of a status stream")
	}
	if len(s.dictionary) == 1 {
		if len(r.b) != 0 {
			return damaged("%d bytes after a constant status", len(r.b))
		}
		s.runs, s.lengths = append(s.runs[:0], 0), append(s.lengths[:0], int64(rows))
		return nil
	}
	n := r.count(rows)
	first := r.bytes(r.count(len(r.b)))
	if r.bad {
		return damaged("the head of a status stream")
	}
	s.runs, s.lengths = slices.Grow(s.runs[:0], n)[:n], slices.Grow(s.lengths[:0], n)[:n]
	if err := d.series(s.runs, first, 1); err != nil {
		return err
	}
	if err := d.series(s.lengths, r.b, 1); err != nil {
		return err
	}
	missing := int64(rows)
	for i, k := range s.runs {
		if k < 0 || k >= int64(len(s.dictionary)) || s.lengths[i] < 1 || s.lengths[i] > missing {
			return damaged("run %d of a status stream", i)
		}
		missing -= s.lengths[i]
	}
	if missing != 0 {
		return damaged("a status stream ends %d rows early", missing)
	}
	return nil
}
