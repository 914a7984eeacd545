package storage

import (
	"context"
	"fmt"
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

// Times that fit the formats and the calendar of everything that reads them.
const (
	minTimeMs = -62135596800000 // year 1
	maxTimeMs = 253402300799999 // year 9999
)

// minGap is the least time that a stop must take to be worth a gap record; at slow
// polling it is three periods.
const minGap = 3 * time.Second

// Append numbers the scan, keeps a copy in memory and returns at once; Run makes it
// durable. It sets scan.Seq. When the disk has not taken anything for so long that
// Config.MaxPending scans of the well wait, the scan becomes the latest one but is
// not stored: its number is 0, and it is counted. The error wraps ErrInvalid when the
// scan does not fit its layout, or is ErrClosed.
func (s *Store) Append(_ context.Context, scan *esp.Scan) (seq uint64, err error) {
	if err := checkScan(scan); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	w := s.well(scan.Well)
	scan.Seq = 0
	if w.pending() >= s.cfg.MaxPending {
		w.lost++
		s.report.lost++
		w.setLatest(scan)
		return 0, nil
	}
	s.learnLayout(scan.Layout)
	s.explainGap(w, scan.Time)
	scan.Seq = s.push(w, scan)
	w.setLatest(scan)
	return scan.Seq, nil
}

func checkScan(scan *esp.Scan) error {
	switch {
	case scan.Layout == nil:
		return fmt.Errorf("append scan: %w: it has no layout", ErrInvalid)
	case scan.Well == "" || len(scan.Well) > block.MaxKey:
		return fmt.Errorf("append scan: %w: a well name of %d bytes", ErrInvalid, len(scan.Well))
	case len(scan.Readings) != len(scan.Layout.Columns) || len(scan.Readings) > block.MaxColumns:
		return fmt.Errorf("append scan: %w: %d readings for %d columns", ErrInvalid, len(scan.Readings), len(scan.Layout.Columns))
	}
	if ms := scan.Time.UnixMilli(); ms < minTimeMs || ms > maxTimeMs {
		return fmt.Errorf("append scan: %w: its time %v", ErrInvalid, scan.Time)
	}
	return nil
}

// push numbers the scan and puts it into the well's last chunk or a new one.
func (s *Store) push(w *well, scan *esp.Scan) uint64 {
	number := w.next
	at := scan.Time.UnixMilli()
	c := w.last()
	if c == nil || !c.takes(s.epoch.ID, scan.Layout.ID(), number, at) {
		if c != nil {
			c.closed = true
		}
		c = newChunk(s.epoch.ID, s.layouts[scan.Layout.ID()], number)
		w.chunks = append(w.chunks, c)
	}
	c.append(scan)
	w.next++
	return number
}

func (w *well) last() *chunk {
	if n := len(w.chunks); n > 0 {
		return w.chunks[n-1]
	}
	return nil
}

// pending is how many scans are in memory only.
func (w *well) pending() int {
	n := 0
	for _, c := range w.chunks {
		n += c.rows() - c.durable
	}
	return n
}

// setLatest keeps a copy in memory that it uses again.
func (w *well) setLatest(scan *esp.Scan) {
	kept := append(w.latest.Readings[:0], scan.Readings...)
	if w.latest.Layout != nil {
		w.period = scan.Time.Sub(w.latest.Time)
	}
	w.latest = *scan
	w.latest.Time = time.UnixMilli(scan.Time.UnixMilli()).UTC()
	w.latest.Readings = kept
}

func (s *Store) learnLayout(l *esp.Layout) {
	if s.layouts[l.ID()] == nil {
		s.layouts[l.ID()] = l
		s.unsaved = append(s.unsaved, l)
	}
}

// explainGap queues a gap record when this scan ends a time without stored scans that
// the store knows the reason of.
func (s *Store) explainGap(w *well, at time.Time) {
	gap := w.resume
	if w.lost > 0 {
		gap = &esp.Gap{Well: w.id, Reason: esp.GapStoreFailed, Lost: w.lost, Text: "the disk took no readings; polling went on"}
	}
	w.resume, w.lost = nil, 0
	from := w.stored
	w.stored = at
	if gap == nil || from.IsZero() {
		return
	}
	if gap.Lost == 0 && at.Sub(from) < max(minGap, 3*w.period) {
		return
	}
	gap.From, gap.To = from.UTC(), at.UTC()
	s.gaps = append(s.gaps, *gap)
}

// Latest is the newest scan of a well, whether it is durable or not; after a start it
// is the newest stored one, to be judged by its own time. The caller may keep it.
func (s *Store) Latest(id esp.WellID) (esp.Scan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wells[id]
	if w == nil || w.latest.Layout == nil {
		return esp.Scan{}, false
	}
	return w.latest.Clone(), true
}

// Durable is the highest number up to which every scan of the well that Append or
// Bulk numbered in this epoch and that was kept is on the disk; 0 when there is none.
func (s *Store) Durable(id esp.WellID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wells[id]
	if w == nil {
		return 0
	}
	return w.durableTo(s.epoch.ID)
}

func (w *well) durableTo(epoch uint64) uint64 {
	low := w.next
	for _, c := range w.chunks {
		if c.epoch == epoch && c.durable < c.rows() {
			low = min(low, c.first+uint64(c.durable))
		}
	}
	for _, r := range w.reserved {
		low = min(low, r.First)
	}
	highest := uint64(0)
	for i := len(w.blocks) - 1; i >= 0 && w.blocks[i].epoch == epoch && highest == 0; i-- {
		if b := &w.blocks[i]; b.first < low {
			highest = min(b.last, low-1)
		}
	}
	for _, c := range w.chunks {
		if c.epoch == epoch && c.durable > 0 && c.first < low {
			highest = max(highest, min(c.first+uint64(c.durable), low)-1)
		}
	}
	return highest
}

// Span is an interval of durable scans of a well within an epoch, both ends included.
type Span struct {
	Well        esp.WellID
	Epoch       uint64
	First, Last uint64
}

// Spans are all durable scans as intervals, by well, then epoch from the oldest on,
// then number. What lies between two intervals of an epoch is not stored.
func (s *Store) Spans() []Span {
	s.mu.Lock()
	var parts []Span
	for _, w := range s.wells {
		for _, p := range s.parts(w, true) {
			parts = append(parts, Span{w.id, p.epoch, p.first, p.last})
		}
	}
	s.mu.Unlock()
	return s.mergeSpans(parts)
}

// noTime is a time that no scan has.
const noTime = math.MinInt64
