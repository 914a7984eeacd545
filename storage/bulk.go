package storage

import (
	"context"
	"errors"
	"fmt"

	"wellkeeper.internal/appliance/esp"
)

// ErrBusy means that a bulk of the same well is under way.
var ErrBusy = errors.New("a bulk of this well is under way")

// bulkBlocks is how many blocks a bulk writes in one transaction.
const bulkBlocks = 24

// Bulk takes scans of the past, or of a simulated one, as fast as the machine goes:
// fn calls its argument for each scan, in order of time, and the scans go into hour
// blocks without passing through the journal. They are durable when Bulk returns.
// Append may go on meanwhile. After a crash in the middle, or when fn returns an
// error or ctx ends, whole blocks up to some scan are there and the rest is not; the
// numbers of the others are not used again. Latest changes only if a scan of the bulk
// is newer.
func (s *Store) Bulk(ctx context.Context, id esp.WellID, fn func(push func(*esp.Scan) error) error) error {
	if err := s.beginBulk(id); err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	b := &bulk{store: s, well: id}
	err := fn(func(scan *esp.Scan) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return b.add(scan)
	})
	b.finish()
	err = errors.Join(err, b.flush(), s.writeGaps())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wells[id].bulk = false
	if err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	return nil
}

func (s *Store) beginBulk(id esp.WellID) error {
	if err := s.usable(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.well(id)
	if w.bulk {
		return ErrBusy
	}
	w.bulk = true
	return nil
}

// bulk is one import under way.
type bulk struct {
	store *Store
	well  esp.WellID
	chunk *chunk // numbered from 0 until it is complete
	done  []*chunk
	err   error
}

func (b *bulk) add(scan *esp.Scan) error {
	if b.err != nil {
		return b.err
	}
	if err := checkScan(scan); err != nil {
		return err
	}
	if scan.Well != b.well {
		return fmt.Errorf("append scan: %w: it is of well %s, the bulk is of %s", ErrInvalid, scan.Well, b.well)
	}
	s := b.store
	if b.chunk != nil && !b.chunk.takes(s.epoch.ID, scan.Layout.ID(), b.chunk.next(), scan.Time.UnixMilli()) {
		b.finish()
	}
	if b.chunk == nil {
		s.mu.Lock()
		s.learnLayout(scan.Layout)
		s.mu.Unlock()
		b.chunk = newChunk(s.epoch.ID, scan.Layout, 0)
	}
	b.chunk.append(scan)
	s.mu.Lock()
	w := s.wells[b.well]
	if scan.Time.After(w.stored) {
		s.explainGap(w, scan.Time)
	}
	if w.latest.Layout == nil || scan.Time.After(w.latest.Time) {
		w.setLatest(scan)
	}
	s.mu.Unlock()
	if len(b.done) >= bulkBlocks {
		b.err = b.flush()
	}
	return b.err
}

// finish gives the chunk under way its numbers. Until they are stored they hold
// Durable back.
func (b *bulk) finish() {
	if b.chunk == nil {
		return
	}
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wells[b.well]
	b.chunk.first = w.next
	w.next += uint64(b.chunk.rows())
	w.reserved = append(w.reserved, Span{b.well, s.epoch.ID, b.chunk.first, w.next - 1})
	if w.latest.Seq == 0 && w.latest.Time.UnixMilli() == b.chunk.times[b.chunk.rows()-1] {
		w.latest.Seq = w.next - 1
	}
	b.done = append(b.done, b.chunk)
	b.chunk = nil
}

// flush stores the finished chunks and lets their numbers go.
func (b *bulk) flush() error {
	if len(b.done) == 0 {
		return nil
	}
	s := b.store
	s.sealing.Lock()
	defer s.sealing.Unlock()
	err := s.usable()
	batch := make([]sealed, 0, len(b.done))
	for _, c := range b.done {
		if err != nil {
			break
		}
		var one sealed
		if one, err = s.encode(c.part(b.well, 0, c.rows())); err == nil {
			batch = append(batch, one)
		}
	}
	if err == nil {
		err = s.store(batch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wells[b.well]
	for _, c := range b.done {
		for i, r := range w.reserved {
			if r.First == c.first {
				w.reserved = append(w.reserved[:i], w.reserved[i+1:]...)
				break
			}
		}
	}
	b.done = nil
	return err
}
