package wire

import (
	"encoding/binary"
	"fmt"

	"wellkeeper.internal/storage/block/column"
)

// maxDeltaWidth keeps packed steps within a positive int4, whose running sum
// PostgreSQL forms in int8; sums of int8 would go through numeric.
const maxDeltaWidth = 31

// packer packs runs of integers, each in the smaller of two forms: every value as its
// distance from the smallest (frame of reference), or every step as its distance from
// the smallest step (delta), which fits counters and ramps. It keeps its buffer between
// runs.
type packer struct{ buf []uint64 }

// frame finds the smallest value and the width of the others above it.
func frame(values []int64) (width uint, base int64) {
	base, top := values[0], values[0]
	for _, v := range values[1:] {
		base, top = min(base, v), max(top, v)
	}
	return column.Width(uint64(top - base)), base
}

// deltas finds the smallest step and the width of the others above it.
func deltas(values []int64) (width uint, step int64) {
	if len(values) < 2 {
		return 0, 0
	}
	step = values[1] - values[0]
	top := step
	for i := 2; i < len(values); i++ {
		d := values[i] - values[i-1]
		step, top = min(step, d), max(top, d)
	}
	return column.Width(uint64(top - step)), step
}

// best appends the smaller of the two forms to dst, after the head that describes it.
// Values fit an int4.
func (p *packer) best(dst []byte, values []int64, group, last int, shift int32) []byte {
	width, base := frame(values)
	deltaWidth, step := deltas(values)
	n := len(values)
	asFrame := signedLen(base) + column.PackedLen(n, width)
	asDelta := signedLen(values[0]) + signedLen(step) + column.PackedLen(n-1, deltaWidth)
	if deltaWidth <= maxDeltaWidth && asDelta < asFrame {
		dst = appendHead(dst, head{delta: true, width: deltaWidth, base: values[0], step: step, shift: shift, group: group}, last)
		return p.appendDeltas(dst, values, step, deltaWidth)
	}
	dst = appendHead(dst, head{width: width, base: base, shift: shift, group: group}, last)
	p.buf = p.buf[:0]
	for _, v := range values {
		p.buf = append(p.buf, uint64(v-base))
	}
	return column.AppendBits(dst, p.buf, width)
}

func (p *packer) appendDeltas(dst []byte, values []int64, step int64, width uint) []byte {
	p.buf = p.buf[:0]
	for i := 1; i < len(values); i++ {
		p.buf = append(p.buf, uint64(values[i]-values[i-1]-step))
	}
	return column.AppendBits(dst, p.buf, width)
}

// unpackFrame is the inverse of the frame of reference.
func unpackFrame(src []byte, n int, width uint, base int64) (values []int64, rest []byte, err error) {
	packed := make([]uint64, n)
	if rest, err = column.Bits(packed, src, width); err != nil {
		return nil, nil, err
	}
	values = make([]int64, n)
	for i, u := range packed {
		values[i] = base + int64(u)
	}
	return values, rest, nil
}

// unpackDeltas is the inverse of the delta form; n is at least 1.
func unpackDeltas(src []byte, n int, width uint, base, step int64) (values []int64, rest []byte, err error) {
	packed := make([]uint64, n-1)
	if rest, err = column.Bits(packed, src, width); err != nil {
		return nil, nil, err
	}
	values = make([]int64, n)
	values[0] = base
	for i, u := range packed {
		values[i+1] = values[i] + step + int64(u)
	}
	return values, rest, nil
}

// head describes the stream of one column. Its bytes are drawn in FORMAT.md.
type head struct {
	delta bool
	width uint
	base  int64
	step  int64
	shift int32 // the column's numbers are stored + shift·2^31
	group int   // which presence bitmap
}

// Groups that need no bitmap.
const (
	groupAll   = 0 // every row has a value
	groupNone  = 1 // no row has one
	groupFirst = 2 // the first that has a bitmap
)

// groupByNumber says that the number of the group follows.
const groupByNumber = 3

// groupSame says that the group is the one of the column before.
const groupSame = 2

func appendHead(dst []byte, h head, lastGroup int) []byte {
	first := byte(h.width)
	if h.delta {
		first |= 1 << 7
	}
	if h.shift != 0 {
		first |= 1 << 6
	}
	code := h.group
	if h.group >= groupFirst {
		code = groupByNumber
		if h.group == lastGroup {
			code = groupSame
		}
	}
	baseLen, stepLen := signedLen(h.base), signedLen(h.step)
	dst = append(dst, first, byte(code<<6|baseLen<<3|stepLen))
	if code == groupByNumber {
		dst = binary.BigEndian.AppendUint16(dst, uint16(h.group))
	}
	if h.shift != 0 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(h.shift))
	}
	dst = appendSigned(dst, h.base, baseLen)
	return appendSigned(dst, h.step, stepLen)
}

func parseHead(src []byte, lastGroup int) (h head, rest []byte, err error) {
	if len(src) < 2 {
		return h, nil, errShort("column head")
	}
	h.delta, h.width = src[0]&(1<<7) != 0, uint(src[0]&63)
	shifted := src[0]&(1<<6) != 0
	code, baseLen, stepLen := int(src[1]>>6), int(src[1]>>3&7), int(src[1]&7)
	src = src[2:]
	if h.width > 32 || h.delta && h.width > maxDeltaWidth || baseLen > 4 || stepLen > 5 || !h.delta && stepLen > 0 {
		return h, nil, fmt.Errorf("%w: column head with width %d, lengths %d and %d", ErrMalformed, h.width, baseLen, stepLen)
	}
	need := baseLen + stepLen
	if code == groupByNumber {
		need += 2
	}
	if shifted {
		need += 4
	}
	if len(src) < need {
		return h, nil, errShort("column head")
	}
	h.group = code
	switch code {
	case groupByNumber:
		h.group, src = int(binary.BigEndian.Uint16(src)), src[2:]
	case groupSame:
		h.group = lastGroup
	}
	if shifted {
		h.shift, src = int32(binary.BigEndian.Uint32(src)), src[4:]
	}
	h.base, src = signed(src[:baseLen]), src[baseLen:]
	h.step, src = signed(src[:stepLen]), src[stepLen:]
	return h, src, nil
}

// signedLen is the number of bytes of v in two's complement; 0 for 0.
func signedLen(v int64) int {
	if v == 0 {
		return 0
	}
	return int(column.Width(column.Zigzag(v))+7) / 8
}

// appendSigned appends v big-endian in n bytes.
func appendSigned(dst []byte, v int64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// signed reads a big-endian number in two's complement of at most 8 bytes.
func signed(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v
}

func errShort(what string) error { return fmt.Errorf("%w: it ends within the %s", ErrMalformed, what) }
