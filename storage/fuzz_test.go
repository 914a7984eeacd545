package storage_test

import (
	"bytes"
	"errors"
	"testing"

	"wellkeeper.internal/storage"
)

// Whatever stands in a journal, reading it ends, within its bounds.
func FuzzJournal(f *testing.F) {
	trim := func(b []byte) []byte { return bytes.TrimRight(b, "\x00") } // large inputs are mutated slowly
	f.Add(trim(storage.MakeHalf()))
	f.Add(trim(storage.MakeHalf([]byte("one"), []byte("two"))))
	f.Fuzz(func(_ *testing.T, b []byte) {
		pages := append(bytes.Clone(b), make([]byte, (page-len(b)%page)%page+page)...)
		storage.ScanHalf(pages)
	})
}

func TestHalfOfAJournal(t *testing.T) {
	number, items := storage.ScanHalf(storage.MakeHalf([]byte("one"), bytes.Repeat([]byte{7}, 5000), []byte("three")))
	if number != 3 || items != 3 {
		t.Errorf("frame %d, %d items; want 3, 3", number, items)
	}
}

// Whatever stands in a record, reading it gives a record or ErrDamaged.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("\x01\x00\x01\x00\x00\x01\x93\x5e\x00\x00\x00\x05event\x06RB-114{}"))
	f.Add([]byte{1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := storage.DecodeRecord(b); err != nil && !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("error %v, want ErrDamaged", err)
		}
	})
}
