package block

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/fse"
	"github.com/klauspost/compress/huff0"

	"wellkeeper.internal/storage/block/column"
)

// Encoder writes blocks. Its zero value is ready; it keeps working memory between
// blocks and must not be used by two goroutines at once.
type Encoder struct {
	huffman    huff0.Scratch
	fse        fse.Scratch
	scaled     []int64
	work       []uint64
	tokenBytes []byte
	extras     []byte
	tokens     []byte
	runs       []byte
	nested     []byte
	plain      [2][]byte
	values     []int64
}

// Append appends the encoded block to dst. It fails on a block beyond the limits of
// the package or with columns of different length, which is a mistake of the caller.
func (e *Encoder) Append(dst []byte, b *Block) ([]byte, error) {
	rows := len(b.Times)
	if err := check(b); err != nil {
		return nil, err
	}
	var streams [][]byte
	streams = append(streams, e.appendSeries(nil, b.Times, 0))
	var statusStreams [][]byte
	entries := make([]columnEntry, len(b.Columns))
	for i := range b.Columns {
		c := &b.Columns[i]
		s := gather(c.Status)
		coded := e.appendStatuses(nil, &s)
		k := slices.IndexFunc(statusStreams, func(other []byte) bool { return slices.Equal(coded, other) })
		if k < 0 {
			k = len(statusStreams)
			statusStreams = append(statusStreams, coded)
		}
		entries[i] = columnEntry{c.Float, 1 + len(b.Columns) + k, s.absent(c.Raw)}
		streams = append(streams, e.appendValues(nil, c, &s, entries[i].absent))
	}
	streams = append(streams, statusStreams...)

	at := len(dst)
	dst = append(dst, Magic...)
	dst = append(dst, version, 0, 0, 0)
	dst = append(dst, make([]byte, 12)...) // lengths and checksum, below
	for _, v := range []uint64{b.Epoch, b.Layout, b.First} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(rows))
	dst = binary.BigEndian.AppendUint64(dst, uint64(slices.Min(b.Times)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(slices.Max(b.Times)))
	dst = append(dst, byte(len(b.Key)))
	dst = append(dst, b.Key...)
	dst = appendDirectory(dst, streams, entries)
	header := dst[at:]
	total := len(header)
	for _, s := range streams {
		total += len(s)
	}
	binary.BigEndian.PutUint32(header[8:], uint32(total))
	binary.BigEndian.PutUint32(header[12:], uint32(len(header)))
	binary.BigEndian.PutUint32(header[crcOffset:], headerCRC(header))
	for _, s := range streams {
		dst = append(dst, s...)
	}
	return dst, nil
}

func check(b *Block) error {
	rows := len(b.Times)
	switch {
	case rows == 0 || rows > MaxRows:
		return fmt.Errorf("encode block: %d rows, the limit is %d", rows, MaxRows)
	case len(b.Columns) > MaxColumns:
		return fmt.Errorf("encode block: %d columns, the limit is %d", len(b.Columns), MaxColumns)
	case len(b.Key) > MaxKey:
		return fmt.Errorf("encode block: a key of %d bytes, the limit is %d", len(b.Key), MaxKey)
	case b.First+uint64(rows) < b.First:
		return fmt.Errorf("encode block: %d rows from number %d leave the numbers", rows, b.First)
	}
	for i, c := range b.Columns {
		if len(c.Raw) != rows || len(c.Status) != rows {
			return fmt.Errorf("encode block: column %d has %d values and %d statuses for %d rows", i, len(c.Raw), len(c.Status), rows)
		}
	}
	return nil
}

func appendDirectory(dst []byte, streams [][]byte, entries []columnEntry) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	dst = binary.AppendUvarint(dst, uint64(len(streams)))
	for _, s := range streams {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(s, table()))
	}
	for _, c := range entries {
		var flags byte
		if c.float {
			flags = 1
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(c.status))
		dst = binary.AppendUvarint(dst, c.absent)
	}
	return dst
}

// appendValues writes the values of the rows that have one.
func (e *Encoder) appendValues(dst []byte, c *Column, s *statuses, absent uint64) []byte {
	values := e.values[:0]
	s.each(absent, func(from, to int, _ uint16, present bool) {
		if present {
			values = append(values, c.Raw[from:to]...)
		}
	})
	e.values = values
	if c.Float {
		for i, v := range values {
			values[i] = column.OrderedFloat(v)
		}
	}
	return e.appendSeries(dst, values, 0)
}
