package storage

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
)

// Buckets of state.db; FORMAT.md lists them.
const (
	bucketMeta    = "meta"
	bucketEpochs  = "epochs"
	bucketLayouts = "layouts"
	bucketRecords = "records"
	bucketTables  = "tables"
	bucketDamaged = "damaged"

	keyVersion   = "version"
	stateVersion = 1
)

// Epoch is one life of the store. Scan and record numbers are unique within it.
type Epoch struct {
	ID      uint64    `json:"id"`
	Created time.Time `json:"created"`
	// Reason says why a new life began.
	Reason string `json:"reason"`
	// FirstRecord is the number of the first record written in this epoch.
	FirstRecord uint64 `json:"first_record"`
}

// state is state.db. bbolt serialises its writers; every read is a short transaction
// that copies what it needs.
type state struct {
	db   *bbolt.DB
	path string
}

func stateBuckets() []string {
	return []string{bucketMeta, bucketEpochs, bucketLayouts, bucketRecords, bucketTables, bucketDamaged}
}

func createState(path string) error {
	return createBolt(path, func(tx *bbolt.Tx) error {
		for _, name := range stateBuckets() {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyVersion), sealValue([]byte(keyVersion), []byte{stateVersion}))
	})
}

// openState opens state.db and proves all of it, so that no damage in it is met later.
func openState(path string) (*state, error) {
	db, err := openBolt(path, stateMap)
	if err != nil {
		return nil, err
	}
	s := &state{db, path}
	if err := s.view(s.verify); err != nil {
		if !isDamage(err) {
			return nil, errors.Join(err, db.Close())
		}
		closing := guard(path, "closing", db.Close)
		return nil, errors.Join(damagedFile(path, "its content", err), closing)
	}
	return s, nil
}

func (s *state) verify(tx *bbolt.Tx) error {
	for _, name := range stateBuckets() {
		b := tx.Bucket([]byte(name))
		if b == nil {
			return fmt.Errorf("%w: bucket %s is missing", ErrDamaged, name)
		}
		if err := verifyBucket(b); err != nil {
			return err
		}
	}
	v, err := openValue([]byte(keyVersion), tx.Bucket([]byte(bucketMeta)).Get([]byte(keyVersion)))
	if err != nil {
		return err
	}
	if len(v) != 1 || v[0] != stateVersion {
		return fmt.Errorf("%s has format version %v, this release reads %d: use the release that wrote it, or a newer one", s.path, v, stateVersion)
	}
	return nil
}

func verifyBucket(b *bbolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return verifyBucket(b.Bucket(k))
		}
		_, err := openValue(k, v)
		return err
	})
}

func (s *state) view(fn func(*bbolt.Tx) error) error {
	return guard(s.path, "a read", func() error { return s.db.View(fn) })
}

func (s *state) update(fn func(*bbolt.Tx) error) error {
	return guard(s.path, "a write", func() error { return s.db.Update(fn) })
}

func key64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// epochs reads all epochs, oldest first.
func (s *state) epochs() (out []Epoch, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketEpochs)).ForEach(func(k, v []byte) error {
			body, err := openValue(k, v)
			if err != nil {
				return err
			}
			var e Epoch
			if err := json.Unmarshal(body, &e); err != nil {
				return fmt.Errorf("%w: epoch %x: %w", ErrDamaged, k, err)
			}
			out = append(out, e)
			return nil
		})
	})
	return out, err
}

// newEpoch begins a new life of the store.
func (s *state) newEpoch(now time.Time, reason string) (Epoch, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Epoch{}, fmt.Errorf("make epoch: %w", err)
	}
	// 63 bits, so that it is positive in a PostgreSQL bigint; 0 means none.
	e := Epoch{ID: max(binary.BigEndian.Uint64(random[:])>>1, 1), Created: now.UTC().Truncate(time.Millisecond), Reason: reason}
	err := s.update(func(tx *bbolt.Tx) error {
		e.FirstRecord = tx.Bucket([]byte(bucketRecords)).Sequence() + 1
		b := tx.Bucket([]byte(bucketEpochs))
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return b.Put(key64(n), sealValue(key64(n), body))
	})
	if err != nil {
		return Epoch{}, fmt.Errorf("begin epoch: %w", err)
	}
	return e, nil
}

// putLayout keeps the description of a layout for good.
func putLayout(tx *bbolt.Tx, bucket string, l *esp.Layout) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	key := key64(uint64(l.ID()))
	if b.Get(key) != nil {
		return nil
	}
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return b.Put(key, sealValue(key, body))
}

// eachLayout reads the layouts in a bucket, if it is there.
func eachLayout(tx *bbolt.Tx, bucket string, fn func(*esp.Layout)) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		body, err := openValue(k, v)
		if err != nil {
			return err
		}
		l, err := esp.ParseLayout(body)
		if err != nil {
			return fmt.Errorf("%w: layout %x: %w", ErrDamaged, k, err)
		}
		fn(l)
		return nil
	})
}

// stateExists reports whether dir held a store before.
func stateExists(dir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, stateName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
