package block

import "encoding/binary"

// reader takes fields off the front of b. After the first mistake everything reads
// as zero and bad stays set, so that one check at the end is enough.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if out := r.bytes(1); len(out) == 1 {
		return out[0]
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if out := r.bytes(4); len(out) == 4 {
		return binary.BigEndian.Uint32(out)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	if r.bad {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number that must lie within the limit.
func (r *reader) count(limit int) int {
	v := r.uvarint()
	if v > uint64(limit) {
		r.bad = true
		return 0
	}
	return int(v)
}

// bitWriter appends fields of different widths, most significant bit first.
type bitWriter struct {
	dst  []byte
	word uint64
	held uint
}

// write appends the low width (up to 62) bits of v, whose other bits are zero.
func (w *bitWriter) write(v uint64, width uint) {
	if width == 0 {
		return
	}
	v <<= 64 - width
	w.word |= v >> w.held
	if w.held+width < 64 {
		w.held += width
		return
	}
	w.dst = binary.BigEndian.AppendUint64(w.dst, w.word)
	used := 64 - w.held
	w.word = v << used
	w.held = width - used
}

func (w *bitWriter) finish() []byte {
	for ; w.held > 0; w.held -= min(w.held, 8) {
		w.dst = append(w.dst, byte(w.word>>56))
		w.word <<= 8
	}
	return w.dst
}

// bitReader reads what bitWriter wrote. Beyond the end it reads zeros and counts
// them, so that the caller checks once.
type bitReader struct {
	b    []byte
	word uint64 // unread bits, at the top
	held uint
	over int // bits read beyond the end
}

func (r *bitReader) fill() {
	if len(r.b) >= 8 {
		take := (64 - r.held) / 8
		r.word |= binary.BigEndian.Uint64(r.b) >> (64 - 8*take) << (64 - 8*take) >> r.held
		r.b = r.b[take:]
		r.held += 8 * take
		return
	}
	for len(r.b) > 0 && r.held <= 56 {
		r.word |= uint64(r.b[0]) << (56 - r.held)
		r.b = r.b[1:]
		r.held += 8
	}
}

func (r *bitReader) read(width uint) uint64 {
	if width == 0 {
		return 0
	}
	if width > 32 { // fill guarantees only 57 bits
		high := r.read(width - 32)
		return high<<32 | r.read(32)
	}
	if r.held < width {
		r.fill()
	}
	v := r.word >> (64 - width)
	r.word <<= width
	if r.held < width {
		r.over += int(width - r.held)
		r.held = 0
		return v
	}
	r.held -= width
	return v
}
