package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

// Store is the data folder of one appliance. All methods may be called from any
// goroutine.
//
// Three locks, always taken in this order: sealing (one sealing, bulk write or
// rotation at a time), writing (the journal), mu (memory). No I/O happens under mu.
type Store struct {
	cfg      Config
	log      zerolog.Logger
	lock     *os.File
	state    *state
	segments *segments
	epoch    Epoch
	epochs   []Epoch

	sealing sync.Mutex
	// encoder is guarded by sealing.
	encoder block.Encoder

	turns atomic.Uint64 // of Run

	writing sync.Mutex
	journal *journal // guarded by writing, like the three below
	frames  block.Encoder
	buffer  []byte
	// otherFree: everything in the journal's other half is sealed.
	otherFree bool

	mu      sync.Mutex // guards everything below
	wells   map[esp.WellID]*well
	layouts map[esp.LayoutID]*esp.Layout
	// unsaved layouts are not in state.db yet.
	unsaved []*esp.Layout
	// gaps wait for being written as records.
	gaps   []esp.Gap
	closed bool
	// failed is the first error after which nothing is acknowledged any more.
	failed error
	// failing is closed when failed is set, so that Run ends at once.
	failing  chan struct{}
	report   report
	sealedAt time.Time
	lastDisk time.Time
}

// report is what Status tells beside the sizes.
type report struct {
	opened        time.Time
	lastCommit    time.Time
	lastError     string
	full          bool
	lost          uint64
	tornTails     int
	damagedFrames int
	damagedBlocks int
	quarantined   []string
	sealedBlocks  uint64
	sealedBytes   uint64
	recordsFailed uint64
	diskFree      uint64
	diskTotal     uint64
}

// well is what is in memory of one well.
type well struct {
	id   esp.WellID
	next uint64 // number of the next scan
	// began is what next was when the store was opened.
	began uint64
	// chunks are not sealed yet, in the order of their numbers.
	chunks []*chunk
	// blocks are sealed, in the order of epochs' ages and numbers.
	blocks []entry
	// reserved are numbers that a bulk is writing.
	reserved []Span
	latest   esp.Scan
	// live is the highest number that the journal held at start: a bulk may have given
	// higher ones to older scans.
	live uint64
	// stored is the time of the newest scan that was accepted.
	stored time.Time
	// resume explains the time between the last stored scan and the first new one;
	// nil once that is done.
	resume *esp.Gap
	period time.Duration // between the last two scans
	lost   uint64        // scans refused since the disk stopped taking them
	// corrections of its stamps, in the order in which they were made.
	corrections []Correction
	bulk        bool // a bulk is under way
}

// Open opens the data folder, or makes it, and brings back what was in memory. It
// starts no goroutine. The errors of a folder that is full, not writable or in use
// say what to do. ctx ends a long start early.
func Open(ctx context.Context, config Config) (*Store, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, folderMode); err != nil {
		return nil, explain(cfg.Dir, err)
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return nil, explain(cfg.Dir, err)
	}
	s := &Store{
		cfg: cfg, log: cfg.Log, lock: lock,
		failing: make(chan struct{}), wells: make(map[esp.WellID]*well), layouts: make(map[esp.LayoutID]*esp.Layout),
		segments: &segments{dir: filepath.Join(cfg.Dir, historyName), open: make(map[string]*segment)},
	}
	s.report.opened, s.sealedAt = cfg.Now(), cfg.Now()
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(explain(cfg.Dir, err), s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := prepare(s.cfg.Dir); err != nil {
		return err
	}
	renew, err := s.openState()
	if err != nil {
		return err
	}
	damaged, err := s.openHistory(ctx)
	if err != nil {
		return err
	}
	if damaged {
		renew = "a damaged history file was set aside"
	}
	r, because, err := s.openJournal()
	if err != nil {
		return err
	}
	if because != "" && renew == "" {
		renew = because
	}
	// Numbers that were given once must not be given again. When something that knew
	// them is gone, a new epoch begins, in which all numbers are free.
	if len(s.epochs) == 0 || renew != "" {
		if len(s.epochs) == 0 && renew == "" {
			renew = "first start"
		}
		e, err := s.state.newEpoch(s.cfg.Now(), renew)
		if err != nil {
			return err
		}
		s.epochs = append(s.epochs, e)
	}
	s.epoch = s.epochs[len(s.epochs)-1]
	if s.journal == nil {
		if err := s.makeJournal(); err != nil {
			return err
		}
	}
	if r != nil {
		s.restore(r)
	}
	s.watchDisk()
	return s.restoreLatest()
}

// openState opens state.db, or makes it. The result says why a new epoch is needed,
// if it is.
func (s *Store) openState() (renew string, err error) {
	path := filepath.Join(s.cfg.Dir, stateName)
	exists, err := stateExists(s.cfg.Dir)
	if err != nil {
		return "", err
	}
	if exists {
		s.state, err = openState(path)
		if err != nil && isDamage(err) {
			exists, renew = false, "a damaged state.db was set aside"
			err = s.setAside(path, err)
		}
		if err != nil {
			return "", err
		}
	}
	if !exists {
		if err := createState(path); err != nil {
			return "", err
		}
		if s.state, err = openState(path); err != nil {
			return "", err
		}
	}
	if s.epochs, err = s.state.epochs(); err != nil {
		return "", err
	}
	if err := s.loadCorrections(); err != nil {
		return "", err
	}
	return renew, s.state.view(s.loadLayouts)
}

// setAside quarantines a damaged file and notes it.
func (s *Store) setAside(path string, damage error) error {
	aside, err := quarantine(path, s.cfg.Now())
	if err != nil {
		return errors.Join(damage, err)
	}
	s.noteQuarantine(aside, damage)
	return nil
}

func (s *Store) noteQuarantine(aside string, damage error) {
	s.log.Error().Err(damage).Str("set_aside_as", aside).Msg("a damaged file was set aside")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.quarantined = append(s.report.quarantined, filepath.Base(aside))
}

// openHistory reads the catalogue of all segments. Damaged ones are set aside.
func (s *Store) openHistory(ctx context.Context) (damaged bool, err error) {
	known, err := s.knownDamage()
	if err != nil {
		return false, err
	}
	names, err := s.segments.names()
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return damaged, fmt.Errorf("open history: %w", err)
		}
		found := make(map[esp.WellID][]entry)
		err := s.segments.list(name, func(id esp.WellID, e entry) {
			if !known[damageKey(id, &e)] {
				found[id] = append(found[id], e)
			}
		}, s.keepLayout)
		if err != nil {
			if !isDamage(err) {
				return damaged, err
			}
			aside, moving := s.segments.setAside(name, s.cfg.Now())
			if moving != nil {
				return damaged, errors.Join(err, moving)
			}
			s.noteQuarantine(aside, err)
			damaged = true
			continue
		}
		for id, entries := range found {
			w := s.well(id)
			w.blocks = append(w.blocks, entries...)
		}
	}
	for _, w := range s.wells {
		s.sortBlocks(w)
	}
	return damaged, nil
}

// sortBlocks orders by the age of the epoch, then by number.
func (s *Store) sortBlocks(w *well) {
	slices.SortFunc(w.blocks, func(a, b entry) int {
		if a.epoch != b.epoch {
			return s.epochAge(a.epoch) - s.epochAge(b.epoch)
		}
		return compare(a.first, b.first)
	})
}

// epochAge is the position of an epoch, oldest first; unknown ones come before all.
func (s *Store) epochAge(id uint64) int {
	return slices.IndexFunc(s.epochs, func(e Epoch) bool { return e.ID == id })
}

// openJournal opens the journal. Where it is missing in a store that had one, or
// damaged as a whole, the result says why a new epoch is needed.
func (s *Store) openJournal() (r *replayed, renew string, err error) {
	path := filepath.Join(s.cfg.Dir, journalName)
	s.journal, r, err = openJournal(path)
	switch {
	case err == nil:
		return r, "", nil
	case errors.Is(err, os.ErrNotExist):
		if len(s.epochs) > 0 {
			return nil, "the journal was missing", nil
		}
		return nil, "", nil
	case isDamage(err):
		return nil, "a damaged journal was set aside", s.setAside(path, err)
	}
	return nil, "", err
}

func (s *Store) makeJournal() error {
	path := filepath.Join(s.cfg.Dir, journalName)
	if err := createJournal(path, s.cfg.JournalBytes, s.epoch.ID); err != nil {
		return err
	}
	var err error
	if s.journal, _, err = openJournal(path); err != nil {
		return err
	}
	s.otherFree = true
	return nil
}

// well finds or makes the memory of a well; s.mu is held, or nobody else is there.
func (s *Store) well(id esp.WellID) *well {
	w := s.wells[id]
	if w == nil {
		w = &well{id: id, next: 1, began: 1}
		s.wells[id] = w
	}
	return w
}

func (s *Store) keepLayout(l *esp.Layout) {
	if s.layouts[l.ID()] == nil {
		s.layouts[l.ID()] = l
	}
}

// Epoch is the store's current life: a random positive number of 63 bits.
func (s *Store) Epoch() uint64 { return s.epoch.ID }

// Epochs are all lives of the store, oldest first.
func (s *Store) Epochs() []Epoch { return slices.Clone(s.epochs) }

// Layout is a layout that any stored scan was taken with.
func (s *Store) Layout(id esp.LayoutID) (*esp.Layout, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.layouts[id]
	return l, ok
}

// Wells are the wells of which there is anything, in order of their names.
func (s *Store) Wells() []esp.WellID {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]esp.WellID, 0, len(s.wells))
	for id := range s.wells {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Close makes everything durable and closes the files. Call it when Run and all users
// have returned; a second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil
	}
	err := errors.Join(s.syncAll(), s.writeGaps())
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.sealing.Lock()
	defer s.sealing.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	return errors.Join(err, s.release())
}

// release closes whatever is open; the lock goes last.
func (s *Store) release() error {
	var err error
	if s.journal != nil {
		err = s.journal.close()
	}
	err = errors.Join(err, s.segments.close())
	if s.state != nil {
		err = errors.Join(err, guard(s.state.path, "closing", s.state.db.Close))
	}
	return errors.Join(err, s.lock.Close())
}

// usable is nil while the store may write.
func (s *Store) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.failed
}
