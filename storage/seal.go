package storage

import (
	"errors"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

// rotate gives the journal its other half, after sealing what is left in it. On a full
// disk, where nothing can be sealed, a free half is used all the same: it needs no
// space, and holds some more hours.
func (s *Store) rotate() error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	sealing := s.sealClosed()
	if sealing == nil && !s.mayOverwrite() {
		// A carry-over failed before: what only the other half holds goes to history.
		s.closeChunks(0)
		sealing = s.sealClosed()
	}
	if sealing != nil && (!isFull(sealing) || !s.mayOverwrite()) {
		return sealing
	}
	err := s.switchHalves()
	if errors.Is(err, errHalfFull) {
		// More than a whole half holds: it goes to history directly.
		s.closeChunks(0)
		err = nil
	}
	if sealing == nil {
		sealing = s.sealClosed()
	}
	return errors.Join(err, sealing)
}

// carried is up to how many durable rows of an open chunk are copied to the new half
// instead of being sealed as a short block.
const carried = 60

// closeChunks closes the chunks with more than so many durable rows.
func (s *Store) closeChunks(durable int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wells {
		for _, c := range w.chunks {
			c.closed = c.closed || c.durable > durable || durable == 0
		}
	}
}

func (s *Store) switchHalves() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.otherFree {
		return s.noteError("rotate journal", ErrFull)
	}
	s.closeChunks(carried)
	s.mu.Lock()
	next := make(map[esp.WellID]uint64, len(s.wells))
	for _, w := range s.wells {
		next[w.id] = w.next
	}
	s.mu.Unlock()
	if err := s.journal.begin(s.epoch.ID, next); err != nil {
		return s.noteError("rotate journal", err)
	}
	s.otherFree = false
	s.mu.Lock()
	for _, w := range s.wells {
		for _, c := range w.chunks {
			c.old = c.durable > 0
		}
	}
	s.mu.Unlock()
	return s.commitLocked()
}

// sealClosed seals all closed chunks and frees the journal's other half when nothing
// is left that only it holds. s.sealing is held.
func (s *Store) sealClosed() error {
	s.mu.Lock()
	var todo []fresh
	for _, w := range s.wells {
		for _, c := range w.chunks {
			if c.closed {
				todo = append(todo, fresh{c, 0, c.rows(), c.part(w.id, 0, c.rows())})
			}
		}
	}
	s.mu.Unlock()
	batch := make([]sealed, 0, len(todo))
	for _, r := range todo {
		b, err := s.encode(r.block)
		if err != nil {
			return s.noteError("seal block", err)
		}
		b.chunk = r.chunk
		batch = append(batch, b)
	}
	if err := s.store(batch); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.otherFree = s.otherFree || s.nothingOld()
	return nil
}

// mayOverwrite reports whether the journal's other half holds nothing any more that is
// nowhere else.
func (s *Store) mayOverwrite() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.otherFree
}

func (s *Store) nothingOld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wells {
		for _, c := range w.chunks {
			if c.old {
				return false
			}
		}
	}
	return true
}

// encode makes the block of rows ready for its segment. s.sealing is held.
func (s *Store) encode(b *block.Block) (sealed, error) {
	bytes, err := s.encoder.Append(nil, b)
	if err != nil {
		return sealed{}, err
	}
	low, high := span(b.Times)
	return sealed{well: esp.WellID(b.Key), bytes: bytes, entry: entry{
		epoch: b.Epoch, first: b.First, last: b.First + uint64(len(b.Times)) - 1,
		minTime: low, maxTime: high, layout: esp.LayoutID(b.Layout), size: len(bytes), segment: segmentName(b.Times[0]),
	}}, nil
}

// store writes blocks to their segments, one transaction each, and moves them from
// the head to the catalogue. s.sealing is held.
func (s *Store) store(batch []sealed) error {
	bySegment := make(map[string][]sealed)
	for _, b := range batch {
		bySegment[b.entry.segment] = append(bySegment[b.entry.segment], b)
	}
	for name, blocks := range bySegment {
		var layouts []*esp.Layout
		for _, b := range blocks {
			if l, ok := s.Layout(b.entry.layout); ok {
				layouts = append(layouts, l)
			}
		}
		err := s.segments.put(name, blocks, layouts)
		if err != nil && isDamage(err) {
			err = s.replaceSegment(name, err, blocks, layouts)
		}
		if err != nil {
			return s.noteError("seal block", err)
		}
		s.moveToCatalogue(blocks)
	}
	return nil
}

// replaceSegment sets a damaged segment aside and begins a new one in its place.
func (s *Store) replaceSegment(name string, damage error, blocks []sealed, layouts []*esp.Layout) error {
	aside, err := s.segments.setAside(name, s.cfg.Now())
	if err != nil {
		return errors.Join(damage, err)
	}
	s.noteQuarantine(aside, damage)
	s.mu.Lock()
	for _, w := range s.wells {
		kept := w.blocks[:0:0]
		for _, e := range w.blocks {
			if e.segment != name {
				kept = append(kept, e)
				continue
			}
			s.gaps = append(s.gaps, damageGap(w.id, &e, aside))
		}
		w.blocks = kept
	}
	s.mu.Unlock()
	return s.segments.put(name, blocks, layouts)
}

func damageGap(id esp.WellID, e *entry, where string) esp.Gap {
	return esp.Gap{
		Well: id, From: time.UnixMilli(e.minTime).UTC(), To: time.UnixMilli(e.maxTime).UTC(),
		Reason: esp.GapDamaged, Lost: e.last - e.first + 1, Text: "damaged on the disk: " + where,
	}
}

func (s *Store) moveToCatalogue(blocks []sealed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	touched := make(map[*well]bool)
	for i := range blocks {
		b := &blocks[i]
		w := s.well(b.well)
		touched[w] = true
		w.blocks = append(w.blocks, b.entry)
		s.report.sealedBlocks++
		s.report.sealedBytes += uint64(len(b.bytes))
		for k, c := range w.chunks {
			if c == b.chunk {
				w.chunks = append(w.chunks[:k:k], w.chunks[k+1:]...)
				break
			}
		}
	}
	for w := range touched {
		s.sortBlocks(w)
	}
}
