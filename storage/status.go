package storage

import (
	"path/filepath"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Status is the health of the store, for pages and metrics. Sizes are in bytes.
type Status struct {
	Dir    string
	Epoch  uint64
	Opened time.Time
	// LastCommit is when scans were last made durable; zero when not since the start.
	LastCommit time.Time
	// Failed: the disk failed and nothing is acknowledged; Full: the disk is full and
	// readings wait in memory. LastError says more.
	Failed, Full bool
	LastError    string
	// Lost counts scans that were not stored since the start, RecordsFailed records.
	Lost, RecordsFailed uint64
	// TornTails, DamagedFrames and DamagedBlocks count what was found damaged since the
	// start; Quarantined are the files set aside in the folder.
	TornTails, DamagedFrames, DamagedBlocks int
	Quarantined                             []string

	JournalBytes, StateBytes, HistoryBytes int64
	Segments                               int
	// WrittenBytes counts what was written since the start: journal pages and blocks.
	WrittenBytes        uint64
	Commits             uint64
	SealedBlocks        uint64
	DiskFree, DiskTotal uint64
	// DaysLeft is how long the free space lasts at the rate of the stored history;
	// negative when that is not known yet.
	DaysLeft float64
	Wells    []WellStatus
}

// WellStatus is what is stored of one well.
type WellStatus struct {
	Well esp.WellID
	// Last is the highest number given in this epoch, Durable the highest durable one.
	Last, Durable uint64
	// Numbered are the scans that were given a number since the store was opened.
	Numbered uint64
	// Pending scans are in memory only.
	Pending int
	Blocks  int
	// Oldest and Newest are the times of the stored scans, zero when there are none, and
	// NewestDurable of those on the disk.
	Oldest, Newest, NewestDurable time.Time
}

// Status looks at the store. It reads file sizes, nothing else, from the disk.
func (s *Store) Status() Status {
	out := Status{Dir: s.cfg.Dir, Epoch: s.epoch.ID, DaysLeft: -1}
	out.JournalBytes = fileSize(filepath.Join(s.cfg.Dir, journalName))
	out.StateBytes = fileSize(s.state.path)
	names, _ := s.segments.names() // a folder that cannot be listed shows as no history
	out.Segments = len(names)
	for _, name := range names {
		out.HistoryBytes += fileSize(s.segments.path(name))
	}
	s.writing.Lock()
	out.WrittenBytes, out.Commits = s.journal.written, s.journal.commits
	s.writing.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.report
	out.Opened, out.LastCommit, out.LastError, out.Full = r.opened, r.lastCommit, r.lastError, r.full
	out.Failed = s.failed != nil
	out.Lost, out.RecordsFailed = r.lost, r.recordsFailed
	out.TornTails, out.DamagedFrames, out.DamagedBlocks = r.tornTails, r.damagedFrames, r.damagedBlocks
	out.Quarantined = slices.Clone(r.quarantined)
	out.WrittenBytes += r.sealedBytes
	out.SealedBlocks = r.sealedBlocks
	out.DiskFree, out.DiskTotal = r.diskFree, r.diskTotal
	var bytesPerDay float64
	for _, w := range s.wells {
		out.Wells = append(out.Wells, s.wellStatus(w))
		bytesPerDay += w.bytesPerDay()
	}
	slices.SortFunc(out.Wells, func(a, b WellStatus) int { return compareStrings(a.Well, b.Well) })
	if bytesPerDay > 0 {
		out.DaysLeft = float64(r.diskFree) / bytesPerDay
	}
	return out
}

// Well is what is stored of one well; ok is false where nothing ever was. It never waits
// for the disk.
func (s *Store) Well(id esp.WellID) (status WellStatus, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wells[id]
	if w == nil {
		return WellStatus{Well: id}, false
	}
	return s.wellStatus(w), true
}

func (s *Store) wellStatus(w *well) WellStatus {
	out := WellStatus{
		Well: w.id, Last: w.next - 1, Numbered: w.next - w.began,
		Durable: w.durableTo(s.epoch.ID), Pending: w.pending(), Blocks: len(w.blocks),
	}
	low, high := int64(maxTimeMs), int64(noTime)
	for _, p := range s.parts(w, false) {
		if w.correct(&p); p.loose {
			continue
		}
		low, high = min(low, p.minTime), max(high, p.maxTime)
	}
	if high != noTime {
		out.Oldest, out.Newest = time.UnixMilli(low).UTC(), time.UnixMilli(high).UTC()
	}
	if at := s.newestDurable(w); at != noTime {
		out.NewestDurable = time.UnixMilli(at).UTC()
	}
	return out
}

// newestDurable is the time of the newest scan of w on the disk; noTime when there is none.
func (s *Store) newestDurable(w *well) int64 {
	high := int64(noTime)
	for _, p := range s.parts(w, true) {
		if w.correct(&p); !p.loose {
			high = max(high, p.maxTime)
		}
	}
	return high
}

// bytesPerDay is the rate of the newest blocks, 168 of them at most: a week.
func (w *well) bytesPerDay() float64 {
	recent := w.blocks[max(0, len(w.blocks)-168):]
	bytes, ms := 0, int64(0)
	for i := range recent {
		bytes += recent[i].size
		ms += recent[i].maxTime - recent[i].minTime
	}
	if ms <= 0 {
		return 0
	}
	return float64(bytes) * float64(24*hourMs) / float64(ms)
}
