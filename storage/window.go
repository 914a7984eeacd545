package storage

import (
	"encoding/binary"
	"io"
)

// windowLen is how much of a half of the journal is in memory while it is read at
// start: reading all of it would touch a hundred times more memory than there are
// readings in it.
const windowLen = 256 << 10

// window reads a half of the journal piece by piece. What its methods give is valid
// until the next call.
type window struct {
	file io.ReaderAt
	base int64 // of the half in the file
	size int   // of the half
	from int   // of what is in b
	b    []byte
}

// bytes are n bytes of the half at a place, or what there is up to its end.
func (w *window) bytes(at, n int) ([]byte, error) {
	n = min(n, w.size-at)
	if at < w.from || at+n > w.from+len(w.b) {
		length := min(max(n, windowLen), w.size-at)
		if cap(w.b) < length {
			w.b = make([]byte, length)
		}
		w.b, w.from = w.b[:length], at
		if _, err := w.file.ReadAt(w.b, w.base+int64(at)); err != nil {
			w.b = w.b[:0]
			return nil, err
		}
	}
	return w.b[at-w.from:][:n], nil
}

// head is the half's head, as long as it says to be.
func (w *window) head() ([]byte, error) {
	b, err := w.bytes(0, pageSize)
	if err != nil || len(b) < headFixed || string(b[:4]) != headMagic {
		return b, err
	}
	return w.bytes(0, max(pageSize, int(min(uint64(binary.BigEndian.Uint32(b[8:])), uint64(w.size)))))
}

// frame is the frame at a place, as long as its header says.
func (w *window) frame(at int) ([]byte, error) {
	b, err := w.bytes(at, frameHeader)
	if err != nil {
		return nil, err
	}
	return w.bytes(at, frameLength(b))
}
