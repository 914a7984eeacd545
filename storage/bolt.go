package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	stateMap   = 256 << 20 // address space, not memory: beyond the planned size a reader could block the writer
	segmentMap = 64 << 20
	allocSize  = 256 << 10
)

func boltOptions(mapSize int) *bbolt.Options {
	return &bbolt.Options{
		Timeout:         time.Second, // the folder's lock already keeps others out
		InitialMmapSize: mapSize,
		FreelistType:    bbolt.FreelistMapType,
		NoStatistics:    true,
	}
}

// createBolt makes a bbolt file under a temporary name, so that a first start cut
// short leaves nothing half made.
func createBolt(path string, setup func(*bbolt.Tx) error) error {
	temp := path + tempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := bbolt.Open(temp, fileMode, boltOptions(0))
	if err == nil {
		db.AllocSize = allocSize
		err = errors.Join(db.Update(setup), db.Sync(), db.Close())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("create %s: %w", path, err), os.Remove(temp))
	}
	return install(temp, path)
}

// openBolt opens a file that exists, after proving that it is at least as long as its
// meta pages say: touching a page beyond the end would be a bus error.
func openBolt(path string, mapSize int) (*bbolt.DB, error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	var db *bbolt.DB
	err := guard(path, "its head", func() (err error) {
		db, err = bbolt.Open(path, fileMode, boltOptions(mapSize))
		return err
	})
	if err != nil {
		return nil, openError(path, err)
	}
	db.AllocSize = allocSize
	return db, nil
}

// openError tells a damaged file from one that this process may not open.
func openError(path string, err error) error {
	if isDamage(err) || errors.Is(err, os.ErrPermission) || errors.Is(err, bolterrors.ErrTimeout) {
		return err
	}
	if _, isPath := errors.AsType[*os.PathError](err); isPath || isFull(err) {
		return err
	}
	return damagedFile(path, "its head", err)
}

// Layout of bbolt's meta page, which is stable across its versions 1 and 2.
const (
	boltMagic    = 0xED0CDAED
	metaAt       = 16 // after the page header
	metaPageSize = metaAt + 8
	metaHigh     = metaAt + 40
	metaTx       = metaAt + 48
	metaLen      = metaAt + 64
)

func checkLength(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var high, newest uint64
	for _, at := range []int64{0, pageSize} {
		b := make([]byte, metaLen)
		if _, err := f.ReadAt(b, at); err != nil || binary.LittleEndian.Uint32(b[metaAt:]) != boltMagic {
			continue
		}
		size, tx := uint64(binary.LittleEndian.Uint32(b[metaPageSize:])), binary.LittleEndian.Uint64(b[metaTx:])
		if tx >= newest && size == pageSize {
			newest, high = tx, binary.LittleEndian.Uint64(b[metaHigh:])*size
		}
	}
	if high == 0 {
		return damagedFile(path, "both meta pages", fmt.Errorf("no head in %d bytes", info.Size()))
	}
	if high > uint64(info.Size()) {
		return damagedFile(path, "its end", fmt.Errorf("%d bytes, %d are missing", info.Size(), high-uint64(info.Size())))
	}
	return nil
}

// seal puts a checksum of key and value in front of the value: bbolt has none.
func sealValue(key, value []byte) []byte {
	out := make([]byte, 4, 4+len(value))
	binary.BigEndian.PutUint32(out, castagnoli(key))
	out = append(out, value...)
	binary.BigEndian.PutUint32(out, castagnoli(out))
	return out
}

// openValue proves a sealed value and returns a copy of what was sealed.
func openValue(key, sealed []byte) ([]byte, error) {
	if len(sealed) < 4 {
		return nil, fmt.Errorf("%w: a value of %d bytes at key %x", ErrDamaged, len(sealed), key)
	}
	check := make([]byte, len(sealed))
	binary.BigEndian.PutUint32(check, castagnoli(key))
	copy(check[4:], sealed[4:])
	if castagnoli(check) != binary.BigEndian.Uint32(sealed) {
		return nil, fmt.Errorf("%w: the checksum of the value at key %x", ErrDamaged, key)
	}
	return check[4:], nil
}
