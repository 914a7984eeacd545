package storage

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// tableCorrections is the store's own table: a correction by its number.
const tableCorrections = "storage.corrections"

// Correction says that scans First to Last of a well's epoch, both included, were
// stamped by a clock that was wrong: their true time is their stamp plus Offset. What
// is stored does not change; queries by time and Latest add the offsets of all
// corrections of a scan, while Scans gives it as it was stamped.
type Correction struct {
	Well        esp.WellID
	Epoch       uint64
	First, Last uint64
	Offset      time.Duration // whole milliseconds
}

// storedCorrection is the encoding of a Correction.
type storedCorrection struct {
	Well   esp.WellID `json:"well"`
	Epoch  uint64     `json:"epoch"`
	First  uint64     `json:"first"`
	Last   uint64     `json:"last"`
	Offset int64      `json:"offset_ms"`
}

// Correct takes corrections into effect, together with the records that tell of them:
// both are durable when it returns, or neither is.
func (s *Store) Correct(ctx context.Context, corrections []Correction, records []record.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("correct times: %w", err)
	}
	if err := s.usable(); err != nil {
		return fmt.Errorf("correct times: %w", err)
	}
	for _, c := range corrections {
		if c.First > c.Last || c.Offset%time.Millisecond != 0 {
			return fmt.Errorf("correct times: %w: scans %d to %d by %v", ErrInvalid, c.First, c.Last, c.Offset)
		}
	}
	_, err := s.putRecords(records, func(tx *bbolt.Tx) error { return putCorrections(tx, corrections) })
	if err != nil {
		return s.noteError("correct times", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range corrections {
		s.applyCorrection(c)
	}
	return nil
}

func putCorrections(tx *bbolt.Tx, corrections []Correction) error {
	b, err := tx.Bucket([]byte(bucketTables)).CreateBucketIfNotExists([]byte(tableCorrections))
	if err != nil {
		return err
	}
	for _, c := range corrections {
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		body, err := json.Marshal(storedCorrection{c.Well, c.Epoch, c.First, c.Last, c.Offset.Milliseconds()})
		if err != nil {
			return err
		}
		if err := b.Put(key64(n), sealValue(key64(n), body)); err != nil {
			return err
		}
	}
	return nil
}

// applyCorrection has the queries know a correction; s.mu is held.
func (s *Store) applyCorrection(c Correction) {
	w := s.well(c.Well)
	w.corrections = append(w.corrections, c)
	if n := w.latest.Seq; c.Epoch == s.epoch.ID && n >= c.First && n <= c.Last {
		w.latest.Time = w.latest.Time.Add(c.Offset)
		w.stored = w.stored.Add(c.Offset)
	}
}

// loadCorrections reads all corrections at a start.
func (s *Store) loadCorrections() error {
	return s.state.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketTables)).Bucket([]byte(tableCorrections))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			body, err := openValue(k, v)
			if err != nil {
				return err
			}
			var c storedCorrection
			if err := json.Unmarshal(body, &c); err != nil {
				return fmt.Errorf("%w: correction %d: %w", ErrDamaged, binary.BigEndian.Uint64(k), err)
			}
			w := s.well(c.Well)
			w.corrections = append(w.corrections, Correction{c.Well, c.Epoch, c.First, c.Last, time.Duration(c.Offset) * time.Millisecond})
			return nil
		})
	})
}

// shift is what corrections add to the stamps of a part.
type shift struct {
	first, last uint64
	ms          int64
}

// correct notes what the well's corrections say of a part, and moves its bounds: to
// where they are when each correction covers all of it; otherwise so far that no row
// lies outside them, and the part is loose. s.mu is held, or nothing else runs yet.
func (w *well) correct(p *part) {
	for _, c := range w.corrections {
		if c.Epoch != p.epoch || c.First > p.last || c.Last < p.first {
			continue
		}
		ms := c.Offset.Milliseconds()
		p.shifts = append(p.shifts, shift{c.First, c.Last, ms})
		if c.First <= p.first && c.Last >= p.last {
			p.minTime, p.maxTime = p.minTime+ms, p.maxTime+ms
			continue
		}
		p.loose = true
		p.minTime, p.maxTime = p.minTime+min(ms, 0), p.maxTime+max(ms, 0)
	}
	if p.loose && p.head != nil {
		p.loose = false
		p.minTime, p.maxTime = span(p.correct(nil, p.head.Times))
	}
}

// correct gives the times of the part's rows as the corrections say, in dst, which may
// be times.
func (p *part) correct(dst, times []int64) []int64 {
	dst = append(dst[:0], times...)
	for _, sh := range p.shifts {
		from := max(sh.first, p.first) - p.first
		to := min(sh.last, p.last) - p.first
		for i := from; i <= to && i < uint64(len(dst)); i++ {
			dst[i] += sh.ms
		}
	}
	return dst
}

// Corrections are all corrections of a well, in the order in which they were made.
func (s *Store) Corrections(id esp.WellID) []Correction {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.wells[id]; w != nil {
		return slices.Clone(w.corrections)
	}
	return nil
}
