package storage

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

func compare(a, b uint64) int { return cmp.Compare(a, b) }

// skipped is how many numbers of each well are left out after a torn or damaged tail:
// more than one commit holds, so that no number that may have been on the disk, and
// so may have been sent, is given a second time.
const skipped = 1 << 16

func (s *Store) loadLayouts(tx *bbolt.Tx) error {
	return eachLayout(tx, bucketLayouts, s.keepLayout)
}

// restore brings the journal's scans back to memory. Nothing in here can fail: what
// cannot be used is counted.
func (s *Store) restore(r *replayed) {
	for _, p := range r.pieces {
		if p.kind == itemLayout {
			s.restoreLayout(p.body)
		}
	}
	s.restoreRows(r)
	s.otherFree = s.nothingOld()
	for id, next := range r.next {
		w := s.well(id)
		w.next = max(w.next, next)
	}
	for _, w := range s.wells {
		w.next = max(w.next, w.given(s.epoch.ID)+1)
		if r.torn || r.damaged > 0 {
			w.next += skipped
		}
	}
	if r.torn {
		s.report.tornTails++
	}
	s.report.damagedFrames += r.damaged
	if r.torn || r.damaged > 0 {
		s.log.Warn().Bool("torn_tail", r.torn).Uint64("scans", r.lost).Int("damaged_frames", r.damaged).
			Msg("the journal was not complete")
	}
	s.explainStop(r)
}

func (s *Store) restoreLayout(body []byte) {
	l, err := esp.ParseLayout(body)
	if err != nil {
		return // its blocks are counted as damaged
	}
	s.learnLayout(l)
}

// given is the highest number of the epoch that is stored.
func (w *well) given(epoch uint64) uint64 {
	highest := uint64(0)
	for _, b := range w.blocks {
		if b.epoch == epoch {
			highest = max(highest, b.last)
		}
	}
	for _, c := range w.chunks {
		if c.epoch == epoch {
			highest = max(highest, c.next()-1)
		}
	}
	return highest
}

// found is one block of the journal.
type found struct {
	view *block.View
	old  bool
}

func (f *found) key() string { return fmt.Sprint(f.view.Epoch, f.view.Key) }

// restoreRows puts the rows that are not sealed into chunks.
func (s *Store) restoreRows(r *replayed) {
	all := s.unsealed(r)
	// Rows carried over at a rotation are in both halves; the newer copy counts.
	newer := make(map[string][]Span)
	for _, f := range all {
		if !f.old {
			newer[f.key()] = append(newer[f.key()], Span{First: f.view.First, Last: f.view.Last()})
		}
	}
	rows := make(map[string]int) // of each well, so that its memory is taken at once
	for _, f := range all {
		rows[f.view.Key] += f.view.Rows
	}
	var d block.Decoder
	var b block.Block // used again for each: the journal of an hour has hundreds of them
	for _, f := range all {
		have := s.well(esp.WellID(f.view.Key)).spansOver(&f.view.Header)
		if f.old {
			have = append(have, newer[f.key()]...)
		}
		if err := d.Decode(&b, f.view); err != nil {
			r.damaged++
			continue
		}
		s.restoreBlock(&b, f.old, have, rows[b.Key])
	}
	for _, w := range s.wells {
		for i, c := range w.chunks {
			c.durable = c.rows()
			// Only the last chunk of this life may go on.
			c.closed = c.closed || c.old || c.epoch != s.epoch.ID || i < len(w.chunks)-1
		}
	}
}

// unsealed lists the blocks of the journal that are not wholly in history, in order of
// wells, epochs and numbers.
func (s *Store) unsealed(r *replayed) []found {
	var all []found
	for _, p := range r.pieces {
		if p.kind != itemBlock {
			continue
		}
		v, err := block.Parse(p.body)
		if err == nil && v.Epoch == s.epoch.ID {
			w := s.well(esp.WellID(v.Key))
			w.live = max(w.live, v.Last())
		}
		if err == nil && s.wholly(v) {
			continue
		}
		var layout *esp.Layout
		if err == nil {
			layout = s.layouts[esp.LayoutID(v.Layout)]
		}
		if layout == nil || len(layout.Columns) != v.Columns() {
			r.damaged++
			continue
		}
		all = append(all, found{v, p.old})
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.view.Key, b.view.Key), cmp.Compare(a.view.Epoch, b.view.Epoch),
			cmp.Compare(a.view.First, b.view.First), boolOrder(a.old, b.old))
	})
	return all
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func within(spans []Span, number uint64) bool {
	return slices.ContainsFunc(spans, func(s Span) bool { return s.First <= number && number <= s.Last })
}

// restoreBlock puts the rows of b into chunks, but for those that are there already.
func (s *Store) restoreBlock(b *block.Block, old bool, have []Span, room int) {
	w := s.well(esp.WellID(b.Key))
	if len(have) == 0 && w.extend(b, old) {
		return
	}
	for i := range b.Times {
		if !within(have, b.First+uint64(i)) {
			s.restoreRow(w, b, i, old, room)
		}
	}
}

// extend appends the whole of b to the last chunk where all of it belongs there, as
// nearly every block of an hour does.
func (w *well) extend(b *block.Block, old bool) bool {
	if len(w.chunks) == 0 {
		return false
	}
	c := w.chunks[len(w.chunks)-1]
	if c.old != old || c.rows()+len(b.Times) > maxChunkRows || !c.takes(b.Epoch, esp.LayoutID(b.Layout), b.First, b.Times[0]) {
		return false
	}
	if hour := floorHour(c.times[0]); floorHour(b.MinTime) != hour || floorHour(b.MaxTime) != hour {
		return false
	}
	c.appendRows(b, 0, len(b.Times))
	return true
}

// restoreRow appends a row to the last chunk, or begins one: the first of the well with
// room for so many rows, an hour of one scan a second at the most.
func (s *Store) restoreRow(w *well, b *block.Block, i int, old bool, room int) {
	var last *chunk
	if n := len(w.chunks); n > 0 {
		last = w.chunks[n-1]
	}
	number := b.First + uint64(i)
	if last == nil || last.old != old || !last.takes(b.Epoch, esp.LayoutID(b.Layout), number, b.Times[i]) {
		last = newChunk(b.Epoch, s.layouts[esp.LayoutID(b.Layout)], number)
		last.old = old
		if len(w.chunks) == 0 {
			last.reserve(min(room, 3600))
		}
		w.chunks = append(w.chunks, last)
	}
	last.appendRows(b, i, i+1)
}

// wholly reports whether one sealed block holds all rows of v, as is usual for all but
// the last hour.
func (s *Store) wholly(v *block.View) bool {
	w := s.wells[esp.WellID(v.Key)]
	return w != nil && slices.ContainsFunc(w.blocks, func(e entry) bool {
		return e.epoch == v.Epoch && e.first <= v.First && v.Last() <= e.last
	})
}

// spansOver are the scans that blocks and chunks hold already, as far as they overlap
// those of b.
func (w *well) spansOver(b *block.Header) []Span {
	var out []Span
	add := func(epoch, first, last uint64) {
		if epoch == b.Epoch && first <= b.Last() && b.First <= last {
			out = append(out, Span{First: first, Last: last})
		}
	}
	for i := range w.blocks {
		add(w.blocks[i].epoch, w.blocks[i].first, w.blocks[i].last)
	}
	for _, c := range w.chunks {
		add(c.epoch, c.first, c.next()-1)
	}
	return out
}

// explainStop notes for each well why scans are missing between the last stored one
// and the next.
func (s *Store) explainStop(r *replayed) {
	for _, w := range s.wells {
		gap := &esp.Gap{Well: w.id, Reason: esp.GapApplianceOff, Text: "the appliance was off"}
		if r.torn || r.damaged > 0 {
			gap.Reason, gap.Lost = esp.GapTornTail, r.lost
			gap.Text = "the last interval before the stop was not complete on disk; then the appliance was off"
		}
		w.resume = gap
	}
}

// restoreLatest finds each well's newest stored scan: the one with the highest number
// of the youngest epoch, or the last live one if that is of a later time.
func (s *Store) restoreLatest() error {
	for _, w := range s.wells {
		if w.resume == nil {
			w.resume = &esp.Gap{Well: w.id, Reason: esp.GapApplianceOff, Text: "the appliance was off"}
		}
		highest, err := s.newest(w, math.MaxUint64)
		if err != nil {
			return err
		}
		live, err := s.newest(w, w.live)
		if err != nil {
			return err
		}
		if live.Layout != nil && live.Time.After(highest.Time) {
			highest = live
		}
		w.latest, w.stored, w.began = highest, highest.Time, w.next
		if highest.Layout == nil {
			w.resume = nil // nothing before, so nothing is missing
		}
	}
	return nil
}

// newest is the stored scan with the highest number up to a limit, of the youngest
// epoch; it has no layout where there is none. A block that cannot be read is passed over.
func (s *Store) newest(w *well, limit uint64) (esp.Scan, error) {
	for {
		parts := slices.DeleteFunc(s.parts(w, false), func(p part) bool {
			return p.first > limit || limit < math.MaxUint64 && p.epoch != s.epoch.ID
		})
		if len(parts) == 0 {
			return esp.Scan{}, nil
		}
		p := slices.MaxFunc(parts, func(a, b part) int { return s.byNumber(&a, &b) })
		w.correct(&p)
		var q reader
		rows, err := q.load(s, &p, nil)
		if err != nil && isDamage(err) {
			s.noteDamage(&p, err)
			continue
		}
		if err != nil {
			return esp.Scan{}, err
		}
		n := int(min(limit, p.last) - p.first)
		if n > 0 {
			w.period = time.Duration(max(rows.times[n]-rows.times[n-1], 0)) * time.Millisecond
		}
		return rows.scan(n), nil
	}
}
