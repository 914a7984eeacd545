package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage/block"
)

// errHalfFull means that the active half of the journal has no place for the next
// commit; a rotation makes place.
var errHalfFull = errors.New("the journal half is full")

// fresh are rows of one chunk that are to be written. The block shares them with the
// chunk; it is made under the lock, because appending moves the chunk's slices.
type fresh struct {
	chunk    *chunk
	from, to int
	block    *block.Block
}

// Sync makes every scan appended before it durable and returns when that is so. An
// error says that some are not: ErrFull, ErrFailed or ErrClosed.
func (s *Store) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.syncAll()
}

func (s *Store) syncAll() error {
	err := s.commit()
	if !errors.Is(err, errHalfFull) {
		return err
	}
	if err = s.rotate(); !isFull(err) {
		return err
	}
	// Sealing failed; what is asked for here may have gone to the other half all the same.
	if err = s.commit(); errors.Is(err, errHalfFull) {
		return s.noteError("commit", ErrFull)
	}
	return err
}

// commit writes what is in memory only to the journal.
func (s *Store) commit() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.commitLocked()
}

// commitLocked writes the rows that are not durable, and after a rotation those of open
// chunks that only the other half holds. s.writing is held.
func (s *Store) commitLocked() error {
	if err := s.usable(); err != nil {
		return err
	}
	rows, layouts, epoch := s.gather()
	if len(rows) == 0 {
		return nil
	}
	if err := s.saveLayouts(layouts); err != nil {
		return s.noteError("save layouts", err)
	}
	frames, err := s.appendFrames(rows, epoch)
	if err != nil {
		return err
	}
	if !s.journal.fits(len(s.buffer)) {
		return errHalfFull
	}
	if err := s.journal.write(s.buffer, frames); err != nil {
		s.journal.layouts = make(map[esp.LayoutID]bool) // what was to be written is not there
		return s.noteError("commit", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		r.chunk.durable = max(r.chunk.durable, r.to)
		r.chunk.old = r.chunk.old && r.from > 0
	}
	s.report.full = false
	s.report.lastCommit = s.cfg.Now()
	return nil
}

// gather takes the rows to write under the lock; rows are never changed, so they can be
// read without it.
func (s *Store) gather() (rows []fresh, unsaved []*esp.Layout, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wells {
		for _, c := range w.chunks {
			from := c.durable
			if c.old && !c.closed {
				from = 0
			}
			if from < c.rows() {
				rows = append(rows, fresh{c, from, c.rows(), c.part(w.id, from, c.rows())})
			}
		}
	}
	unsaved, s.unsaved = s.unsaved, nil
	return rows, unsaved, s.epoch.ID
}

// saveLayouts keeps new layouts in state.db; they are as good as never new.
func (s *Store) saveLayouts(layouts []*esp.Layout) error {
	if len(layouts) == 0 {
		return nil
	}
	err := s.state.update(func(tx *bbolt.Tx) error {
		for _, l := range layouts {
			if err := putLayout(tx, bucketLayouts, l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unsaved = append(s.unsaved, layouts...)
		if isFull(err) {
			return nil // the journal has them too, and state.db is tried again
		}
	}
	return err
}

// appendFrames encodes the rows to s.buffer.
func (s *Store) appendFrames(rows []fresh, epoch uint64) (frames int, err error) {
	s.buffer = s.buffer[:0]
	f := frame{generation: s.journal.generation, number: s.journal.number + 1, epoch: epoch}
	flush := func() {
		s.buffer = appendFrame(s.buffer, &f)
		f.number++
		f.scans, f.payload = 0, f.payload[:0]
		frames++
	}
	var body []byte
	for _, r := range rows {
		if id := r.chunk.layout.ID(); !s.journal.layouts[id] {
			text, err := json.Marshal(r.chunk.layout)
			if err != nil {
				return 0, fmt.Errorf("encode layout: %w", err)
			}
			f.payload = appendItem(f.payload, itemLayout, text)
			s.journal.layouts[id] = true
		}
		for from := 0; from < r.block.Rows; from += maxFrameRows {
			part := cut(r.block, from, min(from+maxFrameRows, r.block.Rows))
			if body, err = s.frames.Append(body[:0], part); err != nil {
				return 0, err
			}
			f.payload = appendItem(f.payload, itemBlock, body)
			f.scans += uint32(part.Rows)
			if len(f.payload) > maxFrame/2 {
				flush()
			}
		}
	}
	if len(f.payload) > 0 {
		flush()
	}
	return frames, nil
}

// noteError sorts an error of the disk: a full one is waited for, anything else means
// that nothing is acknowledged any more.
func (s *Store) noteError(operation string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.lastError = fmt.Sprintf("%s: %v", operation, err)
	if isFull(err) {
		if !s.report.full {
			s.log.Error().Err(err).Str("operation", operation).Msg("the disk is full; readings wait in memory")
		}
		s.report.full = true
		return fmt.Errorf("%s: %w: %w", operation, ErrFull, err)
	}
	if s.failed == nil {
		s.failed = fmt.Errorf("%s: %w: %w; restart the appliance; if it happens again, replace the disk", operation, ErrFailed, err)
		close(s.failing)
	}
	return s.failed
}

// writeGaps turns queued gaps into records, all in one transaction.
func (s *Store) writeGaps() error {
	s.mu.Lock()
	gaps := s.gaps
	s.gaps = nil
	s.mu.Unlock()
	if len(gaps) == 0 {
		return nil
	}
	records := make([]record.Record, 0, len(gaps))
	for _, g := range gaps {
		r, err := record.Gap(g)
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	if _, err := s.putRecords(records, nil); err != nil {
		s.mu.Lock()
		s.gaps = append(gaps, s.gaps...)
		s.mu.Unlock()
		return s.noteError("write gap records", err)
	}
	return nil
}

// watchDisk notes how much space is left.
func (s *Store) watchDisk() {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.cfg.Dir, &st); err != nil {
		return // only a figure
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.diskFree = st.Bavail * uint64(st.Bsize)
	s.report.diskTotal = st.Blocks * uint64(st.Bsize)
	s.lastDisk = s.cfg.Now()
}
