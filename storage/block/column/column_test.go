package column_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/storage/block/column"
)

// The bytes are part of two formats (and of a decoder in SQL), so they are fixed here.
func TestAppendBitsIsMostSignificantBitFirst(t *testing.T) {
	tests := map[string]struct {
		values []uint64
		width  uint
		want   []byte
	}{
		"nothing":          {nil, 5, nil},
		"width zero":       {[]uint64{0, 0, 0}, 0, nil},
		"one bit":          {[]uint64{1, 0, 1}, 1, []byte{0b1010_0000}},
		"three bits":       {[]uint64{1, 2, 3, 4}, 3, []byte{0b0010_1001, 0b1100_0000}},
		"bytes":            {[]uint64{0xab, 0xcd}, 8, []byte{0xab, 0xcd}},
		"twelve bits":      {[]uint64{0xabc, 0xdef}, 12, []byte{0xab, 0xcd, 0xef}},
		"across a word":    {[]uint64{1<<63 - 1, 1}, 63, slices.Concat(bytes.Repeat([]byte{0xff}, 7), []byte{0xfe}, make([]byte, 7), []byte{0x04})},
		"a whole word":     {[]uint64{math.MaxUint64}, 64, bytes.Repeat([]byte{0xff}, 8)},
		"two whole words":  {[]uint64{1, 2}, 64, []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}},
		"appends to a dst": {[]uint64{3}, 2, []byte{0b1100_0000}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := column.AppendBits([]byte{0x55}, tt.values, tt.width)
			if diff := cmp.Diff(append([]byte{0x55}, tt.want...), got); diff != "" {
				t.Errorf("packed bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// The packed form read as a string of binary digits is the values' digits one after
// the other: what a SQL bit string sees.
func TestBitsAgreeWithABitString(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for width := uint(1); width <= column.MaxWidth; width++ {
		values := make([]uint64, random.IntN(40))
		var digits strings.Builder
		for i := range values {
			values[i] = random.Uint64() >> (column.MaxWidth - width)
			s := strconv.FormatUint(values[i], 2)
			digits.WriteString(strings.Repeat("0", int(width)-len(s)) + s)
		}
		packed := column.AppendBits(nil, values, width)
		var got strings.Builder
		for _, b := range packed {
			s := strconv.FormatUint(uint64(b), 2)
			got.WriteString(strings.Repeat("0", 8-len(s)) + s)
		}
		if !strings.HasPrefix(got.String(), digits.String()) {
			t.Fatalf("width %d: packed %s, want prefix %s", width, got.String(), digits.String())
		}
		if len(packed) != column.PackedLen(len(values), width) {
			t.Fatalf("width %d, %d values: %d bytes, PackedLen says %d", width, len(values), len(packed), column.PackedLen(len(values), width))
		}
		back := make([]uint64, len(values))
		rest, err := column.Bits(back, append(packed, 7, 8), width)
		if err != nil || !bytes.Equal(rest, []byte{7, 8}) {
			t.Fatalf("width %d: rest %v, error %v", width, rest, err)
		}
		if !slices.Equal(values, back) {
			t.Fatalf("width %d: got %v, want %v", width, back, values)
		}
	}
}

func TestBitsRefusesBadInput(t *testing.T) {
	tests := map[string]struct {
		n     int
		src   []byte
		width uint
	}{
		"too short":          {3, []byte{1, 2}, 8},
		"empty":              {1, nil, 1},
		"width beyond 64":    {1, make([]byte, 100), 65},
		"bits in the filler": {3, []byte{0b1010_0001}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := column.Bits(make([]uint64, tt.n), tt.src, tt.width); !errors.Is(err, column.ErrMalformed) {
				t.Errorf("error %v, want ErrMalformed", err)
			}
		})
	}
}

func TestAppendBitsPanicsOnAValueThatDoesNotFit(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("packing 4 in 2 bits did not panic")
		}
	}()
	column.AppendBits(nil, []uint64{4}, 2)
}

func TestZigzag(t *testing.T) {
	for want, v := range []int64{0, -1, 1, -2, 2, -3} {
		if got := column.Zigzag(v); got != uint64(want) {
			t.Errorf("Zigzag(%d) = %d, want %d", v, got, want)
		}
	}
	for _, v := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 123456789} {
		if got := column.Unzigzag(column.Zigzag(v)); got != v {
			t.Errorf("there and back: got %d, want %d", got, v)
		}
	}
}

func TestWidth(t *testing.T) {
	for v, want := range map[uint64]uint{0: 0, 1: 1, 2: 2, 3: 2, 255: 8, 256: 9, math.MaxUint64: 64} {
		if got := column.Width(v); got != want {
			t.Errorf("Width(%d) = %d, want %d", v, got, want)
		}
	}
	if got := column.MaxWidthOf([]uint64{1, 8, 4}); got != 4 {
		t.Errorf("MaxWidthOf(1, 8, 4) = %d, want 4", got)
	}
}

func TestOrderedFloatKeepsTheOrder(t *testing.T) {
	ordered := []float64{math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, 1, math.MaxFloat64, math.Inf(1), math.NaN()}
	var last int64 = math.MinInt64
	for _, f := range ordered {
		bits := int64(math.Float64bits(f))
		key := column.OrderedFloat(bits)
		if key <= last {
			t.Errorf("key of %v is %d, not above %d", f, key, last)
		}
		if back := column.OrderedFloat(key); back != bits {
			t.Errorf("%v: there and back gives bits %x, want %x", f, back, bits)
		}
		last = key
	}
}

func FuzzBits(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, uint8(13), uint8(5))
	f.Add([]byte{0xff}, uint8(1), uint8(8))
	f.Fuzz(func(t *testing.T, src []byte, width, n uint8) {
		values := make([]uint64, n)
		rest, err := column.Bits(values, src, uint(width))
		if err != nil {
			return
		}
		again := column.AppendBits(nil, values, uint(width))
		if !bytes.Equal(append(again, rest...), src) {
			t.Errorf("width %d: %x unpacks and packs to %x", width, src, again)
		}
	})
}

func BenchmarkBits(b *testing.B) {
	values := make([]uint64, 3600)
	for i := range values {
		values[i] = uint64(i) & 0x7ff
	}
	packed := column.AppendBits(nil, values, 11)
	b.SetBytes(int64(len(values) * 8))
	for b.Loop() {
		if _, err := column.Bits(values, packed, 11); err != nil {
			b.Fatal(err)
		}
	}
}
