package storage

import (
	"bytes"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// Tick is one turn of Run.
func Tick(s *Store) error { return s.tick() }

// Disk is what the journal writes through.
type Disk = disk

// WrapDisk puts something between a store and its journal file.
func WrapDisk(s *Store, wrap func(Disk) Disk) { s.journal.file = wrap(s.journal.file) }

// ScanHalf reads a half of a journal and takes its items apart; it gives the number of
// the last frame and of items.
func ScanHalf(b []byte) (number uint64, items int) {
	s, err := scanHalf(&window{file: bytes.NewReader(b), size: len(b)})
	if err != nil {
		panic(err) // of a reader in memory
	}
	r := replayed{next: make(map[esp.WellID]uint64)}
	r.add(&s, false)
	return s.number, len(r.pieces)
}

// MakeHalf is a half of a journal with these payloads in items of one kind.
func MakeHalf(payloads ...[]byte) []byte {
	b := appendHead(nil, &head{generation: 3, epoch: 5, half: 1 << 20, next: map[esp.WellID]uint64{"RB-114": 7}})
	for i, p := range payloads {
		b = appendFrame(b, &frame{generation: 3, number: uint64(i) + 1, epoch: 5, scans: 1, payload: appendItem(nil, itemBlock, p)})
	}
	return append(b, make([]byte, 2*pageSize)...)
}

// DecodeRecord reads a stored record whose seal is made right first.
func DecodeRecord(value []byte) (record.Record, error) {
	key := key64(1)
	return decodeRecord(key, sealValue(key, value))
}
