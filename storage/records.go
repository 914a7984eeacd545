package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

const (
	recordV1 = 1
	// recordPage is how many records one read transaction copies.
	recordPage = 256
	maxRecord  = 1 << 20
)

// AppendRecord numbers a record and returns when it is durable. Several at once are
// cheaper with AppendRecords.
func (s *Store) AppendRecord(ctx context.Context, r record.Record) (seq uint64, err error) {
	return s.AppendRecords(ctx, []record.Record{r})
}

// AppendRecords numbers the records in their order, sets their Seq and returns when
// all are durable, the number of the last being last; after an error none is stored.
// Numbers rise without holes.
func (s *Store) AppendRecords(ctx context.Context, records []record.Record) (last uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append records: %w", err)
	}
	if err := s.usable(); err != nil {
		return 0, fmt.Errorf("append records: %w", err)
	}
	if len(records) == 0 {
		return 0, nil
	}
	last, err = s.putRecords(records, nil)
	if err != nil {
		s.mu.Lock()
		s.report.recordsFailed += uint64(len(records))
		s.mu.Unlock()
		if errors.Is(err, ErrInvalid) {
			return 0, err
		}
		return 0, s.noteError("append records", err)
	}
	return last, nil
}

// putRecords writes records, and what else belongs into their transaction.
func (s *Store) putRecords(records []record.Record, beside func(*bbolt.Tx) error) (last uint64, err error) {
	values := make([][]byte, len(records))
	for i := range records {
		if values[i], err = encodeRecord(&records[i]); err != nil {
			return 0, err
		}
	}
	var first uint64
	err = s.state.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketRecords))
		b.FillPercent = 0.9 // keys come in order
		first = b.Sequence() + 1
		for i, v := range values {
			key := key64(first + uint64(i))
			if err := b.Put(key, sealValue(key, v)); err != nil {
				return err
			}
		}
		if err := b.SetSequence(first + uint64(len(values)) - 1); err != nil || beside == nil {
			return err
		}
		return beside(tx)
	})
	if err != nil {
		return 0, err
	}
	for i := range records {
		records[i].Seq = first + uint64(i)
	}
	return first + uint64(len(records)) - 1, nil
}

func encodeRecord(r *record.Record) ([]byte, error) {
	ms := r.Time.UnixMilli()
	if len(r.Kind) == 0 || len(r.Kind) > 255 || len(r.Well) > 255 || len(r.Body) > maxRecord || ms < minTimeMs || ms > maxTimeMs {
		return nil, fmt.Errorf("append records: %w: kind %q, well of %d bytes, body of %d bytes, time %v", ErrInvalid, r.Kind, len(r.Well), len(r.Body), r.Time)
	}
	out := []byte{recordV1}
	out = binary.BigEndian.AppendUint16(out, r.Version)
	out = binary.BigEndian.AppendUint64(out, uint64(ms))
	out = append(out, byte(len(r.Kind)))
	out = append(out, r.Kind...)
	out = append(out, byte(len(r.Well)))
	out = append(out, r.Well...)
	return append(out, r.Body...), nil
}

func decodeRecord(key, sealed []byte) (record.Record, error) {
	v, err := openValue(key, sealed)
	if err != nil {
		return record.Record{}, err
	}
	bad := fmt.Errorf("%w: the record at key %x", ErrDamaged, key)
	if len(key) != 8 || len(v) < 13 || v[0] != recordV1 {
		return record.Record{}, bad
	}
	r := record.Record{
		Seq: binary.BigEndian.Uint64(key), Version: binary.BigEndian.Uint16(v[1:]),
		Time: time.UnixMilli(int64(binary.BigEndian.Uint64(v[3:]))).UTC(),
	}
	rest := v[11:]
	for i := range 2 {
		n := 1 + int(rest[0])
		if len(rest) < n+1-i { // after the kind comes at least the well's length
			return record.Record{}, bad
		}
		if i == 0 {
			r.Kind = record.Kind(rest[1:n])
		} else {
			r.Well = esp.WellID(rest[1:n])
		}
		rest = rest[n:]
	}
	r.Body = rest
	return r, nil
}

// RecordQuery asks for records. Zero fields ask for all.
type RecordQuery struct {
	Well  esp.WellID
	Kinds []record.Kind
	// From and To bound the record's time, From included, To not.
	From, To time.Time
	// AfterSeq gives only records with higher numbers.
	AfterSeq uint64
	// Limit ends after so many records.
	Limit int
	// Newest gives the highest numbers first.
	Newest bool
}

// Records goes through the records in order of their numbers. The caller may keep
// them. A damaged record gives an error that wraps ErrDamaged; the caller may go on
// by continuing.
func (s *Store) Records(ctx context.Context, q RecordQuery) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		left := q.Limit
		var at []byte // the key to go on from, which was seen already
		for {
			page, err := s.recordPage(at, q.AfterSeq, q.Newest)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(record.Record{}, fmt.Errorf("records: %w", err))
				return
			}
			if !q.give(page, &left, yield) || len(page) < recordPage {
				return
			}
			at = page[len(page)-1].key
		}
	}
}

// give yields what matches of some records, up to left of them; more is false when
// no more are wanted.
func (q *RecordQuery) give(page []keyValue, left *int, yield func(record.Record, error) bool) (more bool) {
	for _, kv := range page {
		r, err := decodeRecord(kv.key, kv.value)
		if err != nil {
			if !yield(record.Record{}, fmt.Errorf("records: %w", err)) {
				return false
			}
			continue
		}
		if !q.matches(&r) {
			continue
		}
		*left--
		if !yield(r, nil) || *left == 0 {
			return false
		}
	}
	return true
}

func (q *RecordQuery) matches(r *record.Record) bool {
	from, to := bounds(q.From, q.To)
	ms := r.Time.UnixMilli()
	return (q.Well == "" || q.Well == r.Well) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) && from <= ms && ms < to
}

type keyValue struct{ key, value []byte }

// recordPage copies some records out, so that the transaction is short however slow
// the reader is.
func (s *Store) recordPage(at []byte, after uint64, newest bool) (out []keyValue, err error) {
	if err := s.readable(); err != nil {
		return nil, err
	}
	err = s.state.view(func(tx *bbolt.Tx) error {
		out = out[:0]
		c := tx.Bucket([]byte(bucketRecords)).Cursor()
		k, v := firstKey(c, at, after, newest)
		for ; k != nil && len(out) < recordPage; k, v = step(c, newest) {
			if len(k) == 8 && binary.BigEndian.Uint64(k) <= after {
				break
			}
			out = append(out, keyValue{slices.Clone(k), slices.Clone(v)})
		}
		return nil
	})
	return out, err
}

func firstKey(c *bbolt.Cursor, at []byte, after uint64, newest bool) (k, v []byte) {
	switch {
	case newest && at == nil:
		return c.Last()
	case newest:
		if k, _ := c.Seek(at); k == nil {
			return c.Last()
		}
		return c.Prev()
	case at == nil:
		at = key64(after)
	}
	k, v = c.Seek(at)
	if k != nil && slices.Equal(k, at) {
		return c.Next()
	}
	return k, v
}

func step(c *bbolt.Cursor, newest bool) (k, v []byte) {
	if newest {
		return c.Prev()
	}
	return c.Next()
}
