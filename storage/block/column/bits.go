package column

import (
	"encoding/binary"
	"fmt"
)

// PackedLen is the number of bytes that n values of the width take.
func PackedLen(n int, width uint) int {
	whole, part := n/8, n%8 // apart, so that a large n cannot overflow
	return whole*int(width) + (part*int(width)+7)/8
}

// AppendBits appends the values to dst, each in width bits, most significant bit
// first, without holes; the last byte is filled up with zero bits. It panics when a
// value needs more bits or the width is beyond MaxWidth: both are our own mistakes.
func AppendBits(dst []byte, values []uint64, width uint) []byte {
	if need := MaxWidthOf(values); need > width || width > MaxWidth {
		panic(fmt.Sprintf("BUG: pack values of %d bits in %d", need, width))
	}
	var word uint64 // the bits not yet written, at the top
	var held uint
	for _, v := range values {
		if width == 0 {
			break
		}
		v <<= MaxWidth - width
		word |= v >> held
		if held+width < MaxWidth {
			held += width
			continue
		}
		dst = binary.BigEndian.AppendUint64(dst, word)
		used := MaxWidth - held // bits of v that went out
		word = v << used        // a shift by 64 gives 0
		held = width - used
	}
	for ; held > 0; held -= min(held, 8) {
		dst = append(dst, byte(word>>56))
		word <<= 8
	}
	return dst
}

// Bits reads len(dst) values of the width from the start of src and returns what
// follows them. The error wraps ErrMalformed when src is too short, the width is
// impossible or the filling bits of the last byte are not zero.
func Bits(dst []uint64, src []byte, width uint) (rest []byte, err error) {
	if width > MaxWidth {
		return nil, fmt.Errorf("%w: a width of %d bits", ErrMalformed, width)
	}
	need := PackedLen(len(dst), width)
	if need > len(src) {
		return nil, fmt.Errorf("%w: %d values of %d bits need %d bytes, there are %d", ErrMalformed, len(dst), width, need, len(src))
	}
	packed := src[:need]
	if fill := uint(need)*8 - uint(len(dst))*width; fill > 0 && packed[need-1]&(1<<fill-1) != 0 {
		return nil, fmt.Errorf("%w: the last byte is not filled with zero bits", ErrMalformed)
	}
	if width == 0 {
		clear(dst)
		return src, nil
	}
	unpack(dst, packed, width)
	return src[need:], nil
}

// unpack reads with one eight-byte load per value while eight bytes are left: a
// value of at most 57 bits lies within them wherever it starts.
func unpack(dst []uint64, packed []byte, width uint) {
	i, at := 0, uint(0)
	if width <= 57 {
		for ; i < len(dst); i++ {
			first := at >> 3
			if first+8 > uint(len(packed)) {
				break
			}
			dst[i] = binary.BigEndian.Uint64(packed[first:]) << (at & 7) >> (MaxWidth - width)
			at += width
		}
	}
	for ; i < len(dst); i++ {
		dst[i] = slowBits(packed, at, width)
		at += width
	}
}

func slowBits(packed []byte, at, width uint) uint64 {
	var v uint64
	for got := uint(0); got < width; {
		offset := at & 7
		take := min(8-offset, width-got)
		b := uint64(packed[at>>3]) >> (8 - offset - take) & (1<<take - 1)
		v = v<<take | b
		got += take
		at += take
	}
	return v
}
