// Package wire is version 1 of the batch format between an appliance and the centre:
// up to an hour of scans of one well, packed by column, or a run of records. FORMAT.md
// beside this file draws the bytes; esp.ingest at the centre reads them in SQL.
//
// It also holds the few words that both ends of the uplink share: intervals of
// numbers, how a layout maps to the centre's columns, and what the centre answers. It
// does no I/O and keeps no state. It imports appliance/esp and the bit packing of
// storage/block/column; sync/uplink and sync/central import it.
package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"wellkeeper.internal/appliance/esp"
)

// Limits of a batch. The centre refuses what is beyond them, so that one batch can
// never hold its memory or its time.
const (
	MaxRows    = 3600
	MaxColumns = 512
	MaxRecords = 1000
	MaxPayload = 4 << 20 // bytes
	// MaxSpan bounds last - first: numbers that the store has lost leave holes.
	MaxSpan = 1 << 30
)

// Kind says what a batch carries.
type Kind uint8

// Kinds of batches.
const (
	KindReadings Kind = 1
	KindRecords  Kind = 2
)

// ErrMalformed is the error of the decoders for bytes that are no batch of version 1.
var ErrMalformed = errors.New("malformed batch")

// ErrLimits says that what was to be sent is beyond the limits of a batch.
var ErrLimits = errors.New("beyond the limits of a batch")

const (
	magic       = "WKB"
	version     = 1
	headerSize  = 27 // the part that both kinds share
	trailerSize = 4
)

// Header is what both kinds of batches begin with.
type Header struct {
	Kind        Kind
	Epoch       uint64 // random id of the store's life in which the numbers were given
	First, Last uint64 // the numbers that this batch stands for, both included
	Count       int    // scans or records that are really there, at least 1
}

func (h Header) check() error {
	most := MaxRows
	if h.Kind == KindRecords {
		most = MaxRecords
	}
	switch {
	case h.Kind != KindReadings && h.Kind != KindRecords:
		return fmt.Errorf("kind %d", h.Kind)
	case h.First == 0 || h.Last < h.First || h.Last-h.First >= MaxSpan || h.Last >= 1<<62:
		return fmt.Errorf("numbers %d to %d", h.First, h.Last)
	case h.Count < 1 || h.Count > most || uint64(h.Count) > h.Last-h.First+1:
		return fmt.Errorf("%d rows for numbers %d to %d", h.Count, h.First, h.Last)
	}
	return nil
}

func (h Header) append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = append(dst, version, byte(h.Kind))
	dst = binary.BigEndian.AppendUint64(dst, h.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, h.First)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Last-h.First))
	return binary.BigEndian.AppendUint16(dst, uint16(h.Count))
}

// ParseHeader checks the check sum, the magic, the version and the limits of a batch and
// returns its header and the body between header and check sum. The error wraps
// ErrMalformed.
func ParseHeader(payload []byte) (h Header, body []byte, err error) {
	switch {
	case len(payload) < headerSize+trailerSize || len(payload) > MaxPayload:
		return h, nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(payload))
	case string(payload[:3]) != magic:
		return h, nil, fmt.Errorf("%w: it begins with % x", ErrMalformed, payload[:3])
	case payload[3] != version:
		return h, nil, fmt.Errorf("%w: version %d, this release reads %d", ErrMalformed, payload[3], version)
	}
	end := len(payload) - trailerSize
	if sum := checkSum(payload[:end]); sum != [trailerSize]byte(payload[end:]) {
		return h, nil, fmt.Errorf("%w: check sum % x, computed % x", ErrMalformed, payload[end:], sum)
	}
	h = Header{
		Kind:  Kind(payload[4]),
		Epoch: binary.BigEndian.Uint64(payload[5:]),
		First: binary.BigEndian.Uint64(payload[13:]),
		Count: int(binary.BigEndian.Uint16(payload[25:])),
	}
	if h.First < 1<<63 {
		h.Last = h.First + uint64(binary.BigEndian.Uint32(payload[21:]))
	}
	if err := h.check(); err != nil {
		return Header{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return h, payload[headerSize:end], nil
}

// checkSum is the first four bytes of SHA-256: PostgreSQL computes it natively, where
// a CRC would be a loop over every byte.
func checkSum(b []byte) (sum [trailerSize]byte) {
	whole := sha256.Sum256(b)
	copy(sum[:], whole[:])
	return sum
}

// seal appends the check sum to the batch that begins at dst[from].
func seal(dst []byte, from int) []byte {
	sum := checkSum(dst[from:])
	return append(dst, sum[:]...)
}

// Code is a quality with its reason in one byte: quality in the upper three bits,
// reason in the lower five. 0 is esp.NotDue.
type Code uint8

// unknownReason stands for reasons that a later release may add beyond five bits.
const unknownReason = 31

const good = Code(esp.Good) << 5

// CodeOf packs a quality and a reason.
func CodeOf(q esp.Quality, r esp.Reason) Code {
	if q == esp.NotDue {
		return 0
	}
	return Code(q)<<5 | Code(min(r, unknownReason))
}

// Quality is the quality in c.
func (c Code) Quality() esp.Quality { return esp.Quality(c >> 5) }

// Reason is the reason in c.
func (c Code) Reason() esp.Reason { return esp.Reason(c & 31) }

// carried reports whether a value of quality q is sent. Beside invalid and lost there
// must never be a number at the centre.
func carried(q esp.Quality) bool { return q >= esp.Good && q <= esp.Stale && q != esp.Invalid }
