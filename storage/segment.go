package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage/block"
)

const (
	bucketBlocks = "blocks"
	segmentExt   = ".db"
	maxOpen      = 8 // segments kept open
	keyLen       = 60
)

// entry is one sealed block in the catalogue.
type entry struct {
	epoch, first, last uint64
	minTime, maxTime   int64
	layout             esp.LayoutID
	size               int
	segment            string
}

// entryKey is the name of the block's own bucket. It holds what the catalogue needs,
// so that a start reads no block, and a checksum over it and the well.
func entryKey(well esp.WellID, e *entry) []byte {
	k := make([]byte, 0, keyLen)
	k = binary.BigEndian.AppendUint64(k, e.epoch)
	k = binary.BigEndian.AppendUint64(k, e.first)
	k = binary.BigEndian.AppendUint64(k, e.last)
	k = binary.BigEndian.AppendUint64(k, uint64(e.minTime))
	k = binary.BigEndian.AppendUint64(k, uint64(e.maxTime))
	k = binary.BigEndian.AppendUint64(k, uint64(e.layout))
	k = binary.BigEndian.AppendUint64(k, uint64(e.size))
	return binary.BigEndian.AppendUint32(k, castagnoli(append([]byte(well), k...)))
}

func parseEntryKey(well esp.WellID, k []byte) (entry, bool) {
	if len(k) != keyLen {
		return entry{}, false
	}
	e := entry{
		epoch: binary.BigEndian.Uint64(k), first: binary.BigEndian.Uint64(k[8:]), last: binary.BigEndian.Uint64(k[16:]),
		minTime: int64(binary.BigEndian.Uint64(k[24:])), maxTime: int64(binary.BigEndian.Uint64(k[32:])),
		layout: esp.LayoutID(binary.BigEndian.Uint64(k[40:])), size: int(binary.BigEndian.Uint64(k[48:])),
	}
	return e, bytes.Equal(k, entryKey(well, &e)) && e.first <= e.last
}

// segmentName is the file of the ISO week of a time.
func segmentName(ms int64) string {
	year, week := time.UnixMilli(ms).UTC().ISOWeek()
	return fmt.Sprintf("%04d-W%02d%s", year, week, segmentExt)
}

// segments are the files in history/. A file is opened when it is needed and closed
// when too many are open and nobody uses it.
type segments struct {
	dir string

	mu       sync.Mutex // guards the fields below; opening a file happens under it
	open     map[string]*segment
	tick     uint64
	shutDown bool
}

type segment struct {
	db   *bbolt.DB
	refs int
	used uint64
	// aside: the file was set aside; the last user closes it.
	aside bool
}

func (g *segments) path(name string) string { return filepath.Join(g.dir, name) }

// names lists the files, oldest week first.
func (g *segments) names() ([]string, error) {
	files, err := os.ReadDir(g.dir)
	if err != nil {
		return nil, fmt.Errorf("list history: %w", err)
	}
	var out []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), segmentExt) {
			out = append(out, f.Name())
		}
	}
	return out, nil
}

// with runs fn on the segment; create makes the file where there is none.
func (g *segments) with(name string, create bool, fn func(*bbolt.DB) error) error {
	s, err := g.acquire(name, create)
	if err != nil {
		return err
	}
	defer g.release(s)
	return guard(g.path(name), "its pages", func() error { return fn(s.db) })
}

func (g *segments) acquire(name string, create bool) (*segment, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shutDown {
		return nil, ErrClosed
	}
	g.tick++
	s := g.open[name]
	if s == nil {
		db, err := openBolt(g.path(name), segmentMap)
		if create && errors.Is(err, os.ErrNotExist) {
			if err := createBolt(g.path(name), createBlocks); err != nil {
				return nil, err
			}
			db, err = openBolt(g.path(name), segmentMap)
		}
		if err != nil {
			return nil, fmt.Errorf("open segment: %w", err)
		}
		s = &segment{db: db}
		g.open[name] = s
	}
	s.refs++
	s.used = g.tick
	return s, nil
}

func createBlocks(tx *bbolt.Tx) error {
	_, err := tx.CreateBucket([]byte(bucketBlocks))
	return err
}

func (g *segments) release(s *segment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.refs--
	if s.aside && s.refs == 0 {
		_ = guard(s.db.Path(), "closing", s.db.Close) // nothing more can be done about a file that is set aside
	}
	for len(g.open) > maxOpen {
		oldest, least := "", uint64(math.MaxUint64)
		for name, other := range g.open {
			if other.refs == 0 && other.used < least {
				oldest, least = name, other.used
			}
		}
		if oldest == "" || g.shut(oldest) != nil {
			return
		}
	}
}

// shut closes one open segment; g.mu is held.
func (g *segments) shut(name string) error {
	s := g.open[name]
	if s == nil {
		return nil
	}
	delete(g.open, name)
	return guard(g.path(name), "closing", s.db.Close)
}

func (g *segments) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shutDown = true
	var err error
	for name := range g.open {
		err = errors.Join(err, g.shut(name))
	}
	return err
}

// setAside closes a damaged segment and renames it. Readers that still use it see
// errors, which they report like any damage.
func (g *segments) setAside(name string, now time.Time) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.open[name]; s != nil && s.refs > 0 {
		s.aside = true
		delete(g.open, name)
	} else if err := g.shut(name); err != nil && !isDamage(err) {
		return "", err
	}
	return quarantine(g.path(name), now)
}

// list reads the catalogue and the layouts of one segment.
func (g *segments) list(name string, found func(esp.WellID, entry), layout func(*esp.Layout)) error {
	err := g.with(name, false, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			if err := eachLayout(tx, bucketLayouts, layout); err != nil {
				return err
			}
			blocks := tx.Bucket([]byte(bucketBlocks))
			if blocks == nil {
				return fmt.Errorf("%w: no bucket of blocks", ErrDamaged)
			}
			return blocks.ForEachBucket(func(k []byte) error {
				well := esp.WellID(k)
				return blocks.Bucket(k).ForEachBucket(func(k []byte) error {
					e, ok := parseEntryKey(well, k)
					if !ok {
						return fmt.Errorf("%w: the key of a block of well %s", ErrDamaged, well)
					}
					e.segment = name
					found(well, e)
					return nil
				})
			})
		})
	})
	if err != nil && isDamage(err) {
		return damagedFile(g.path(name), "its catalogue", err)
	}
	return err
}

// sealed is an encoded block on its way to a segment.
type sealed struct {
	well  esp.WellID
	entry entry
	bytes []byte
	chunk *chunk // nil when it came from a bulk
}

// put writes blocks of one segment in one transaction. Writing a block again changes
// nothing: the same scans always give the same bytes.
func (g *segments) put(name string, blocks []sealed, layouts []*esp.Layout) error {
	return g.with(name, true, func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			for _, l := range layouts {
				if err := putLayout(tx, bucketLayouts, l); err != nil {
					return err
				}
			}
			for i := range blocks {
				if err := putBlock(tx, &blocks[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// putBlock gives each block a bucket of its own with one value: a leaf of a few large
// values would be written again at each Put.
func putBlock(tx *bbolt.Tx, b *sealed) error {
	root := tx.Bucket([]byte(bucketBlocks))
	if root == nil {
		return fmt.Errorf("%w: no bucket of blocks", ErrDamaged)
	}
	well, err := root.CreateBucketIfNotExists([]byte(b.well))
	if err != nil {
		return err
	}
	well.FillPercent = 0.9 // keys come in order
	own, err := well.CreateBucketIfNotExists(entryKey(b.well, &b.entry))
	if err != nil {
		return err
	}
	return own.Put([]byte("b"), b.bytes)
}

// read copies a block out and parses it; its streams are not proved yet.
func (g *segments) read(well esp.WellID, e *entry) (*block.View, error) {
	var b []byte
	err := g.with(e.segment, false, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			bucket := tx.Bucket([]byte(bucketBlocks))
			for _, k := range [][]byte{[]byte(well), entryKey(well, e)} {
				if bucket == nil {
					break
				}
				bucket = bucket.Bucket(k)
			}
			if bucket == nil {
				return fmt.Errorf("%w: the block is gone", ErrDamaged)
			}
			b = slices.Clone(bucket.Get([]byte("b")))
			return nil
		})
	})
	if err != nil {
		return nil, g.blockError(well, e, err)
	}
	v, err := block.Parse(b)
	if err != nil {
		return nil, g.blockError(well, e, err)
	}
	if v.Key != string(well) || v.Epoch != e.epoch || v.First != e.first || v.Last() != e.last || v.Layout != uint64(e.layout) {
		return nil, g.blockError(well, e, fmt.Errorf("%w: another block stands in its place", ErrDamaged))
	}
	return v, nil
}

func (g *segments) blockError(well esp.WellID, e *entry, err error) error {
	if !isDamage(err) && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read block: %w", err)
	}
	return damagedFile(g.path(e.segment), fmt.Sprintf("well %s, scans %d to %d", well, e.first, e.last), err)
}
