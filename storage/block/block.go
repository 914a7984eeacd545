// Package block is the codec of the store: it turns some minutes or an hour of scans
// of one well into one compact, checksummed block, column by column, and back. The
// bytes are drawn in FORMAT.md.
//
// Values are integers as the device sent them; the codec is lossless for every
// int64, whatever it means. A block can be found in a damaged file by its magic and
// is proved whole by its checksums, so it carries everything that salvage needs: the
// key of its well, epoch, layout and sequence numbers. One column can be read
// without decoding the others.
//
// The package does no I/O and knows nothing of wells or signals. The store imports
// it, nobody else does. Limits: MaxRows rows, MaxColumns columns, MaxKey bytes of key.
package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Limits of one block. Decoders refuse what lies beyond them before they allocate.
const (
	MaxRows    = 1 << 16
	MaxColumns = 1 << 12
	MaxKey     = 255
)

// ErrDamaged is wrapped by every error of a decoder: the bytes are not those that an
// encoder wrote. The block cannot be used; its neighbours can.
var ErrDamaged = errors.New("damaged block")

// Magic begins every block.
const Magic = "WKBk"

const (
	version   = 1
	fixedLen  = 64 // the part of the header before the key
	crcOffset = 16
	minTotal  = fixedLen + 1
)

// Header says what a block holds.
type Header struct {
	Key    string // whose scans: the well
	Epoch  uint64
	Layout uint64 // which columns
	First  uint64 // sequence number of the first row; the others follow without a hole
	Rows   int
	// MinTime and MaxTime bound the rows' times, in Unix milliseconds. Rows are in
	// order of sequence; their times may run backwards where the clock did.
	MinTime, MaxTime int64
}

// Last is the sequence number of the last row.
func (h *Header) Last() uint64 { return h.First + uint64(h.Rows) - 1 }

// Column is one column in the plain.
type Column struct {
	// Raw holds one value per row.
	Raw []int64
	// Status holds one opaque mark per row: the quality and the reason.
	Status []uint16
	// Float marks Raw as IEEE 754 bits, which are coded in their numeric order.
	Float bool
}

// Block is a block in the plain. Its header's Rows, MinTime and MaxTime are computed
// by the encoder.
type Block struct {
	Header
	Times   []int64 // Unix milliseconds
	Columns []Column
}

type stream struct {
	bytes []byte
	crc   uint32
}

type columnEntry struct {
	float  bool
	status int    // which stream
	absent uint64 // statuses of the dictionary whose rows have no value: they are all zero
}

// View is a block whose header and directory are proved; its streams are proved when
// they are read. It aliases the bytes it was parsed from.
type View struct {
	Header
	streams []stream // times, one per column, then the status streams
	columns []columnEntry
}

// Columns is the number of columns.
func (v *View) Columns() int { return len(v.columns) }

func table() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// headerCRC covers the header but the field that holds the sum.
func headerCRC(header []byte) uint32 {
	sum := crc32.Update(0, table(), header[:crcOffset])
	return crc32.Update(sum, table(), header[crcOffset+4:])
}

// Parse reads the header and the directory of the block at the start of b, which may
// be longer. Errors wrap ErrDamaged.
func Parse(b []byte) (*View, error) {
	if len(b) < fixedLen || string(b[:4]) != Magic {
		return nil, damaged("no block begins here")
	}
	if b[4] != version {
		return nil, damaged("version %d, this release reads version %d", b[4], version)
	}
	total, header := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	if uint64(total) > uint64(len(b)) || header > total || header < minTotal {
		return nil, damaged("length %d with a header of %d in %d bytes", total, header, len(b))
	}
	if got, want := headerCRC(b[:header]), binary.BigEndian.Uint32(b[crcOffset:]); got != want {
		return nil, damaged("checksum of the header is %08x, not %08x", got, want)
	}
	v := &View{Header: Header{
		Epoch:   binary.BigEndian.Uint64(b[20:]),
		Layout:  binary.BigEndian.Uint64(b[28:]),
		First:   binary.BigEndian.Uint64(b[36:]),
		Rows:    int(binary.BigEndian.Uint32(b[44:])),
		MinTime: int64(binary.BigEndian.Uint64(b[48:])),
		MaxTime: int64(binary.BigEndian.Uint64(b[56:])),
	}}
	if v.Rows < 1 || v.Rows > MaxRows || v.First+uint64(v.Rows) < v.First {
		return nil, damaged("%d rows from number %d", v.Rows, v.First)
	}
	r := reader{b: b[fixedLen:header]}
	v.Key = string(r.bytes(int(r.byte())))
	v.directory(&r, b[header:total])
	if r.bad || len(r.b) != 0 {
		return nil, damaged("the directory does not fill its place")
	}
	return v, nil
}

// directory reads the lists of streams and columns; a mistake is left in r.
func (v *View) directory(r *reader, body []byte) {
	columns, streams := r.uvarint(), r.uvarint()
	if columns > MaxColumns || streams < columns+1 || streams > 2*columns+1 {
		r.bad = true
		return
	}
	v.streams = make([]stream, 0, streams)
	for range streams {
		n := r.uvarint()
		crc := r.uint32()
		if n > uint64(len(body)) || r.bad {
			r.bad = true
			return
		}
		v.streams = append(v.streams, stream{body[:n], crc})
		body = body[n:]
	}
	v.columns = make([]columnEntry, 0, columns)
	for range columns {
		flags, status, absent := r.byte(), r.uvarint(), r.uvarint()
		if flags > 1 || status <= columns || status >= streams {
			r.bad = true
			return
		}
		v.columns = append(v.columns, columnEntry{flags&1 != 0, int(status), absent})
	}
	r.bad = r.bad || len(body) != 0
}

// stream proves the checksum of stream i and returns its bytes.
func (v *View) stream(i int) ([]byte, error) {
	s := v.streams[i]
	if got := crc32.Checksum(s.bytes, table()); got != s.crc {
		return nil, damaged("checksum of stream %d is %08x, not %08x", i, got, s.crc)
	}
	return s.bytes, nil
}

// Verify proves every byte of the block without decoding it.
func (v *View) Verify() error {
	for i := range v.streams {
		if _, err := v.stream(i); err != nil {
			return err
		}
	}
	return nil
}
