package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// recordHead is the size of a record without its kind, well and body.
const recordHead = 4 + 8 + 1 + 1 + 2 + 4

// RecordSize is how many bytes r takes in a batch.
func RecordSize(r *record.Record) int { return recordHead + len(r.Kind) + len(r.Well) + len(r.Body) }

// AppendRecords encodes records as one batch for the numbers first to last and appends
// it to dst. Records come in the order of their numbers. The error wraps ErrLimits.
func AppendRecords(dst []byte, epoch, first, last uint64, records []record.Record) ([]byte, error) {
	h := Header{Kind: KindRecords, Epoch: epoch, First: first, Last: last, Count: len(records)}
	if err := h.check(); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrLimits, err)
	}
	from := len(dst)
	dst = h.append(dst)
	before := first - 1
	for i := range records {
		r := &records[i]
		if r.Seq <= before || r.Seq > last || len(r.Kind) == 0 || len(r.Kind) > 255 || len(r.Well) > 255 {
			return dst[:from], fmt.Errorf("%w: record %d of kind %q after %d", ErrLimits, r.Seq, r.Kind, before)
		}
		before = r.Seq
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.Seq-first))
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.Time.UnixMilli()))
		dst = append(dst, byte(len(r.Kind)), byte(len(r.Well)))
		dst = binary.BigEndian.AppendUint16(dst, r.Version)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Body)))
		dst = append(dst, r.Kind...)
		dst = append(dst, r.Well...)
		dst = append(dst, r.Body...)
	}
	if dst = seal(dst, from); len(dst)-from > MaxPayload {
		return dst[:from], fmt.Errorf("%w: %d bytes", ErrLimits, len(dst)-from)
	}
	return dst, nil
}

// DecodeRecords reads a batch of records. Bodies are copies. The error wraps
// ErrMalformed.
func DecodeRecords(payload []byte) (Header, []record.Record, error) {
	h, body, err := ParseHeader(payload)
	if err != nil {
		return h, nil, err
	}
	if h.Kind != KindRecords {
		return h, nil, fmt.Errorf("%w: it carries no records", ErrMalformed)
	}
	d := &decoder{rest: body}
	out := make([]record.Record, h.Count)
	before := h.First - 1
	for i := range out {
		if err := d.record(&out[i], h.First); err != nil {
			return h, nil, err
		}
		if out[i].Seq <= before || out[i].Seq > h.Last {
			return h, nil, fmt.Errorf("%w: record %d after %d in %d to %d", ErrMalformed, out[i].Seq, before, h.First, h.Last)
		}
		before = out[i].Seq
	}
	if len(d.rest) > 0 {
		return h, nil, fmt.Errorf("%w: %d bytes left over", ErrMalformed, len(d.rest))
	}
	return h, out, nil
}

func (d *decoder) record(r *record.Record, first uint64) error {
	b, err := d.take(recordHead, "record")
	if err != nil {
		return err
	}
	kind, well, body := int(b[12]), int(b[13]), int(binary.BigEndian.Uint32(b[16:]))
	if kind == 0 || body > MaxPayload {
		return fmt.Errorf("%w: record with lengths %d, %d, %d", ErrMalformed, kind, well, body)
	}
	text, err := d.take(kind+well+body, "record")
	if err != nil {
		return err
	}
	*r = record.Record{
		Seq:     first + uint64(binary.BigEndian.Uint32(b)),
		Time:    time.UnixMilli(int64(binary.BigEndian.Uint64(b[4:]))).UTC(),
		Version: binary.BigEndian.Uint16(b[14:]),
		Kind:    record.Kind(text[:kind]),
		Well:    esp.WellID(text[kind : kind+well]),
		Body:    append([]byte(nil), text[kind+well:]...),
	}
	return nil
}
