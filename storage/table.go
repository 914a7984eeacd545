package storage

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"wellkeeper.internal/appliance/esp"
)

// Table is a small durable table of bytes by key, for whoever needs to remember
// something: the uplink's batches, users, the last run of a job. The store does not
// look inside. A name needs no declaration; all methods may be called concurrently.
type Table struct {
	store *Store
	name  string
}

// Table is the table of that name.
func (s *Store) Table(name string) *Table { return &Table{s, name} }

// Tx is one transaction on a table; it must not be kept.
type Tx struct{ b *bbolt.Bucket }

// Get is a copy of the value of key, nil where there is none. The error wraps
// ErrDamaged.
func (t *Tx) Get(key []byte) ([]byte, error) {
	if t.b == nil {
		return nil, nil
	}
	v := t.b.Get(key)
	if v == nil {
		return nil, nil
	}
	return openValue(key, v)
}

// Put sets the value of key.
func (t *Tx) Put(key, value []byte) error { return t.b.Put(key, sealValue(key, value)) }

// Delete removes key, if it is there.
func (t *Tx) Delete(key []byte) error { return t.b.Delete(key) }

// ForEach calls fn for every key in order, with copies. fn must not change the table.
func (t *Tx) ForEach(fn func(key, value []byte) error) error {
	if t.b == nil {
		return nil
	}
	return t.b.ForEach(func(k, v []byte) error {
		value, err := openValue(k, v)
		if err != nil {
			return err
		}
		return fn(slices.Clone(k), value)
	})
}

// Update runs fn in one transaction that is durable when Update returns nil, and
// without any effect otherwise. It must be short: it holds up every other writer.
func (t *Table) Update(fn func(*Tx) error) error {
	if err := t.store.usable(); err != nil {
		return fmt.Errorf("table %s: %w", t.name, err)
	}
	var own error
	err := t.store.state.update(func(tx *bbolt.Tx) error {
		b, err := tx.Bucket([]byte(bucketTables)).CreateBucketIfNotExists([]byte(t.name))
		if err != nil {
			return err
		}
		own = fn(&Tx{b})
		return own
	})
	switch {
	case own != nil:
		return own
	case err != nil:
		return t.store.noteError("table "+t.name, err)
	}
	return nil
}

// View runs fn in one reading transaction. It must be short: the file grows as long
// as it lasts.
func (t *Table) View(fn func(*Tx) error) error {
	if err := t.store.readable(); err != nil {
		return fmt.Errorf("table %s: %w", t.name, err)
	}
	return t.store.state.view(func(tx *bbolt.Tx) error {
		return fn(&Tx{tx.Bucket([]byte(bucketTables)).Bucket([]byte(t.name))})
	})
}

// Get is a copy of the value of key, nil where there is none.
func (t *Table) Get(key []byte) (value []byte, err error) {
	err = t.View(func(tx *Tx) error {
		value, err = tx.Get(key)
		return err
	})
	return value, err
}

// Put sets the value of key, durable at return.
func (t *Table) Put(key, value []byte) error {
	return t.Update(func(tx *Tx) error { return tx.Put(key, value) })
}

// Delete removes key, durable at return.
func (t *Table) Delete(key []byte) error {
	return t.Update(func(tx *Tx) error { return tx.Delete(key) })
}

// ForEach calls fn for every key in order, on a copy of the whole table.
func (t *Table) ForEach(fn func(key, value []byte) error) error {
	var all []keyValue
	err := t.View(func(tx *Tx) error {
		return tx.ForEach(func(k, v []byte) error {
			all = append(all, keyValue{k, v})
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, kv := range all {
		if err := fn(kv.key, kv.value); err != nil {
			return err
		}
	}
	return nil
}

// readable is nil until Close.
func (s *Store) readable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return nil
}

// damageKey names a block in the list of damaged ones.
func damageKey(id esp.WellID, e *entry) string { return string(entryKey(id, e)) + string(id) }

// rememberDamage notes a damaged block, so that the next start leaves it out too.
func (s *Store) rememberDamage(id esp.WellID, e *entry) error {
	key := []byte(damageKey(id, e))
	return s.state.update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketDamaged)).Put(key, sealValue(key, []byte(e.segment)))
	})
}

func (s *Store) knownDamage() (map[string]bool, error) {
	out := make(map[string]bool)
	err := s.state.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketDamaged)).ForEach(func(k, _ []byte) error {
			out[string(k)] = true
			return nil
		})
	})
	return out, err
}
