package block_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/storage/block"
	"wellkeeper.internal/storage/storagetest"
)

const good = 1 << 8 // quality good, no reason

// series are the columns that have broken codecs before: each is made for n rows.
func series() map[string]func(r *rand.Rand, n int) []int64 {
	each := func(f func(r *rand.Rand, i int) int64) func(*rand.Rand, int) []int64 {
		return func(r *rand.Rand, n int) []int64 {
			out := make([]int64, n)
			for i := range out {
				out[i] = f(r, i)
			}
			return out
		}
	}
	extremes := []int64{math.MinInt64, math.MaxInt64, 0, -1, 1, math.MinInt64 + 1}
	floats := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, -math.MaxFloat64, 1.5}
	return map[string]func(*rand.Rand, int) []int64{
		"zero":           each(func(*rand.Rand, int) int64 { return 0 }),
		"constant":       each(func(*rand.Rand, int) int64 { return math.MinInt64 }),
		"counter":        each(func(_ *rand.Rand, i int) int64 { return int64(i) }),
		"counter wraps":  each(func(_ *rand.Rand, i int) int64 { return int64(uint16(65000 + 7*i)) }),
		"in tens":        each(func(r *rand.Rand, _ int) int64 { return int64(10 * r.IntN(50)) }),
		"noise":          each(func(r *rand.Rand, _ int) int64 { return int64(math.Round(5000 + 3*r.NormFloat64())) }),
		"coarse noise":   each(func(r *rand.Rand, _ int) int64 { return int64(math.Round(5000 + 3e6*r.NormFloat64())) }),
		"held":           each(func(_ *rand.Rand, i int) int64 { return int64(i/4) * 13 }),
		"steps":          each(func(_ *rand.Rand, i int) int64 { return int64(i/700) * 1000 }),
		"one spike":      each(func(_ *rand.Rand, i int) int64 { return map[bool]int64{true: math.MaxInt64}[i == 3] }),
		"extremes":       each(func(r *rand.Rand, _ int) int64 { return extremes[r.IntN(len(extremes))] }),
		"random":         each(func(r *rand.Rand, _ int) int64 { return int64(r.Uint64()) }),
		"two far values": each(func(_ *rand.Rand, i int) int64 { return extremes[i%2] }),
		"odd floats":     each(func(r *rand.Rand, _ int) int64 { return int64(math.Float64bits(floats[r.IntN(len(floats))])) }),
		"float32": each(func(r *rand.Rand, _ int) int64 {
			return int64(math.Float64bits(float64(float32(20 + r.Float64()))))
		}),
		"powers": each(func(_ *rand.Rand, i int) int64 { return int64(uint64(1) << (i % 64)) }),
	}
}

// marks are patterns of qualities; a mark that takes the value away zeroes it.
func marks() map[string]func(r *rand.Rand, raw []int64) []uint16 {
	each := func(f func(r *rand.Rand, i int, raw *int64) uint16) func(*rand.Rand, []int64) []uint16 {
		return func(r *rand.Rand, raw []int64) []uint16 {
			out := make([]uint16, len(raw))
			for i := range out {
				out[i] = f(r, i, &raw[i])
			}
			return out
		}
	}
	return map[string]func(*rand.Rand, []int64) []uint16{
		"all good": each(func(*rand.Rand, int, *int64) uint16 { return good }),
		"every fourth": each(func(_ *rand.Rand, i int, raw *int64) uint16 {
			if i%4 != 0 {
				*raw = 0
				return 0
			}
			return good
		}),
		"all lost": each(func(_ *rand.Rand, _ int, raw *int64) uint16 { *raw = 0; return 7<<8 | 1 }),
		"all kinds": each(func(r *rand.Rand, _ int, raw *int64) uint16 {
			q := uint16(r.IntN(8))
			if q == 0 || q == 7 && r.IntN(2) == 0 {
				*raw = 0
			}
			return q<<8 | uint16(r.IntN(18))
		}),
		"every mark": each(func(_ *rand.Rand, i int, _ *int64) uint16 { return uint16(i) }),
		"an outage": each(func(_ *rand.Rand, i int, raw *int64) uint16 {
			if i > 3 && i < 9 {
				*raw = 0
				return 7<<8 | 2
			}
			return good
		}),
	}
}

func times(r *rand.Rand, n, kind int) []int64 {
	out := make([]int64, n)
	at := time.Date(2025, 11, 24, 13, 0, 0, 0, time.UTC).UnixMilli()
	for i := range out {
		switch kind % 4 {
		case 0:
			at += 1000
		case 1:
			at += 1000 + int64(r.IntN(5)-2)
		case 2:
			at += int64(r.IntN(1e6)) - 5e5 // a clock that is set again and again
		case 3:
			at = []int64{math.MinInt64, math.MaxInt64, 0}[r.IntN(3)]
		}
		out[i] = at
	}
	return out
}

func sample(r *rand.Rand, rows, kind int) *block.Block {
	b := &block.Block{Header: block.Header{Key: "RB-114", Epoch: r.Uint64(), Layout: r.Uint64(), First: r.Uint64() >> 1}}
	b.Times = times(r, rows, kind)
	for _, makeRaw := range series() {
		for _, makeMarks := range marks() {
			raw := makeRaw(r, rows)
			b.Columns = append(b.Columns, block.Column{Status: makeMarks(r, raw), Raw: raw, Float: r.IntN(2) == 0})
		}
	}
	return b
}

func mustEncode(tb testing.TB, b *block.Block) []byte {
	tb.Helper()
	var e block.Encoder
	out, err := e.Append(nil, b)
	if err != nil {
		tb.Fatalf("encode: %v", err)
	}
	return out
}

// Whatever the columns hold comes back bit by bit.
func TestRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("WELLKEEPER_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("WELLKEEPER_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var e block.Encoder
	var d block.Decoder
	var got block.Block
	for kind, rows := range []int{1, 2, 3, 5, 47, 48, 49, 127, 128, 129, 600, 3600, 3601} {
		want := sample(r, rows, kind)
		encoded, err := e.Append([]byte("before"), want)
		if err != nil {
			t.Fatalf("%d rows: encode: %v", rows, err)
		}
		encoded = encoded[len("before"):]
		v, err := block.Parse(append(encoded, "after"...))
		if err != nil {
			t.Fatalf("%d rows: parse: %v", rows, err)
		}
		if err := d.Decode(&got, v); err != nil {
			t.Fatalf("%d rows: decode: %v", rows, err)
		}
		want.Rows, want.MinTime, want.MaxTime = rows, want.Times[0], want.Times[0]
		for _, at := range want.Times {
			want.MinTime, want.MaxTime = min(want.MinTime, at), max(want.MaxTime, at)
		}
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Fatalf("%d rows (-want +got):\n%.2000s", rows, diff)
		}
	}
}

// A decoder that is used by turns for two blocks gives each its own statuses.
func TestOneDecoderForTwoBlocks(t *testing.T) {
	var d block.Decoder
	var views []*block.View
	var plain []*block.Block
	for kind := range 2 {
		b := sample(rand.New(rand.NewPCG(uint64(kind), 9)), 100+kind, kind)
		v, err := block.Parse(mustEncode(t, b))
		if err != nil {
			t.Fatal(err)
		}
		views, plain = append(views, v), append(plain, b)
	}
	var got block.Column
	for i := range min(views[0].Columns(), views[1].Columns()) {
		for k, v := range views {
			if err := d.Column(&got, v, i); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain[k].Columns[i], got); diff != "" {
				t.Errorf("block %d, column %d (-want +got):\n%s", k, i, diff)
			}
		}
	}
}

func TestEncodeRefusesWhatIsBeyondTheLimits(t *testing.T) {
	one := block.Column{Raw: []int64{1}, Status: []uint16{good}}
	tests := map[string]block.Block{
		"no rows":          {},
		"too many rows":    {Times: make([]int64, block.MaxRows+1)},
		"too many columns": {Times: []int64{1}, Columns: make([]block.Column, block.MaxColumns+1)},
		"a short column":   {Times: []int64{1, 2}, Columns: []block.Column{one}},
		"a long key":       {Header: block.Header{Key: string(make([]byte, 256))}, Times: []int64{1}},
		"numbers run out":  {Header: block.Header{First: math.MaxUint64}, Times: []int64{1, 2}},
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			var e block.Encoder
			if _, err := e.Append(nil, &b); err == nil {
				t.Error("no error")
			}
		})
	}
}

// A damaged byte anywhere is found: in the header by Parse, elsewhere by whoever
// reads that stream, and a column next to it can still be read.
func TestEveryFlippedBitIsFound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	b := &block.Block{Header: block.Header{Key: "w", First: 1}, Times: times(r, 60, 1)}
	for _, name := range []string{"noise", "constant", "held"} {
		raw := series()[name](r, 60)
		b.Columns = append(b.Columns, block.Column{Raw: raw, Status: marks()["all good"](r, raw)})
	}
	encoded := mustEncode(t, b)
	readable := 0
	for i := range encoded {
		for bit := range 8 {
			bad := bytes.Clone(encoded)
			bad[i] ^= 1 << bit
			v, err := block.Parse(bad)
			if err != nil {
				if !errors.Is(err, block.ErrDamaged) {
					t.Fatalf("byte %d: error %v is not ErrDamaged", i, err)
				}
				continue
			}
			if err := v.Verify(); !errors.Is(err, block.ErrDamaged) {
				t.Fatalf("byte %d bit %d: a flipped bit was not found (%v)", i, bit, err)
			}
			var d block.Decoder
			for c := range b.Columns {
				var got block.Column
				if err := d.Column(&got, v, c); err == nil {
					readable++
					if diff := cmp.Diff(b.Columns[c], got); diff != "" {
						t.Fatalf("byte %d: silently wrong (-want +got):\n%s", i, diff)
					}
				}
			}
		}
	}
	if readable == 0 {
		t.Error("no column beside a damaged one could be read")
	}
	for n := range encoded {
		if _, err := block.Parse(encoded[:n]); !errors.Is(err, block.ErrDamaged) {
			t.Fatalf("cut to %d bytes: error %v, want ErrDamaged", n, err)
		}
	}
}

// The codec alone is at 0.6 bytes per sample or better on a realistic trace.
func TestSizeOfARealisticHour(t *testing.T) {
	encoded := mustEncode(t, hour(3600))
	perSample := float64(len(encoded)) / (3600 * storagetest.Columns)
	t.Logf("%.3f B/sample", perSample)
	if perSample > 0.6 {
		t.Errorf("%.3f B/sample, want at most 0.6", perSample)
	}
}

func hour(rows int) *block.Block {
	trace := storagetest.NewTrace(1)
	b := &block.Block{Header: block.Header{Key: "RB-114", First: 1}, Columns: make([]block.Column, storagetest.Columns)}
	start := time.Date(2025, 11, 24, 13, 0, 0, 0, time.UTC).UnixMilli()
	raw := make([]int64, storagetest.Columns)
	for i := range rows {
		trace.Next(raw)
		b.Times = append(b.Times, start+int64(i)*1000)
		for c := range b.Columns {
			b.Columns[c].Raw = append(b.Columns[c].Raw, raw[c])
			b.Columns[c].Status = append(b.Columns[c].Status, good)
			b.Columns[c].Float = c >= 36
		}
	}
	return b
}

// The decoder survives anything, checksums aside: it is fed damaged bytes under
// correct checksums. What it accepts has the shape that the header says.
func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 5))
	for kind, rows := range []int{1, 3, 50, 130} {
		whole := sample(r, rows, kind)
		for columns := range slices.Chunk(whole.Columns, 5) { // small inputs are mutated faster
			part := *whole
			part.Columns = columns
			f.Add(mustEncode(f, &part))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := block.Parse(block.Reseal(bytes.Clone(b)))
		if err != nil {
			if !errors.Is(err, block.ErrDamaged) {
				t.Fatalf("parse: %v is not ErrDamaged", err)
			}
			return
		}
		var d block.Decoder
		var out block.Block
		if err := d.Decode(&out, v); err != nil {
			if !errors.Is(err, block.ErrDamaged) {
				t.Fatalf("decode: %v is not ErrDamaged", err)
			}
			return
		}
		for i, c := range out.Columns {
			if len(c.Raw) != v.Rows || len(c.Status) != v.Rows {
				t.Fatalf("column %d has %d values, %d statuses for %d rows", i, len(c.Raw), len(c.Status), v.Rows)
			}
		}
	})
}

// What is encoded decodes to itself, for columns made of arbitrary bytes.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, uint8(2), false)
	f.Add(bytes.Repeat([]byte{0xff, 0, 7, 0x80}, 200), uint8(8), true)
	f.Fuzz(func(t *testing.T, data []byte, size uint8, float bool) {
		step := int(size%8) + 1
		want := block.Block{Columns: []block.Column{{Float: float}}}
		for ; len(data) >= step && len(want.Times) < 4000; data = data[step:] {
			var word [8]byte
			copy(word[8-step:], data[:step])
			v := int64(binary.BigEndian.Uint64(word[:]))
			want.Times = append(want.Times, v)
			want.Columns[0].Raw = append(want.Columns[0].Raw, v)
			want.Columns[0].Status = append(want.Columns[0].Status, uint16(v)&0x0707)
		}
		if len(want.Times) == 0 {
			return
		}
		v, err := block.Parse(mustEncode(t, &want))
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		var d block.Decoder
		var got block.Block
		if err := d.Decode(&got, v); err != nil {
			t.Fatalf("decode: %v", err)
		}
		if diff := cmp.Diff(want.Times, got.Times); diff != "" {
			t.Errorf("times (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want.Columns, got.Columns); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkEncodeHour(b *testing.B) {
	want := hour(3600)
	var e block.Encoder
	var out []byte
	for b.Loop() {
		var err error
		if out, err = e.Append(out[:0], want); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(out))
}

func BenchmarkDecodeHour(b *testing.B) {
	encoded := mustEncode(b, hour(3600))
	var d block.Decoder
	var out block.Block
	for b.Loop() {
		v, err := block.Parse(encoded)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Decode(&out, v); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(encoded))
}

func report(b *testing.B, size int) {
	b.Helper()
	const samples = 3600 * storagetest.Columns
	b.ReportMetric(float64(size)/samples, "B/sample")
	b.ReportMetric(samples*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}
