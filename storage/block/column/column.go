// Package column holds the leaf operations of columnar encodings: bit packing, the
// zigzag map and the order-preserving map of floats to integers. The block codec of
// the store and the batch format of the uplink are built from them.
//
// It does no I/O, keeps no state and imports nothing of ours. Bits are packed from
// the most significant bit of the first byte on, so that a decoder in SQL can cut
// values out of a bit string with substring.
package column

import (
	"errors"
	"math/bits"
)

// ErrMalformed is the error of every decoder of this package when its input is too
// short or impossible.
var ErrMalformed = errors.New("malformed column")

// MaxWidth is the largest width of a packed value, in bits.
const MaxWidth = 64

// Zigzag maps small integers of either sign to small unsigned ones: 0, -1, 1, -2 …
// become 0, 1, 2, 3 …
func Zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// Unzigzag is the inverse of Zigzag.
func Unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// Width is the number of bits that hold v; 0 for 0.
func Width(v uint64) uint { return uint(bits.Len64(v)) }

// MaxWidthOf is the width that holds every one of the values.
func MaxWidthOf(values []uint64) uint {
	var all uint64
	for _, v := range values {
		all |= v
	}
	return Width(all)
}

// OrderedFloat maps the IEEE 754 bits of a float64 to an integer of the same order:
// neighbouring floats become neighbouring integers. NaNs lie beyond the infinities.
// It is its own inverse.
func OrderedFloat(bits int64) int64 {
	return bits ^ int64(uint64(bits>>63)>>1)
}
