package block

import (
	"encoding/binary"
	"slices"

	"wellkeeper.internal/storage/block/column"
)

// Schemes of a series, its first byte. Only append.
const (
	schemeConstant = iota
	schemePacked   // residuals, bit-packed in groups
	schemeTokens   // residuals as entropy-coded tokens with raw extra bits
	schemeRuns     // runs of equal values
)

const (
	group      = 128 // values that share a width in schemePacked
	tokensFrom = 48  // fewer values do not pay for the tables of an entropy coder
)

// appendSeries appends the values in the smallest of the schemes. The count is not
// stored; the decoder knows it.
func (e *Encoder) appendSeries(dst []byte, values []int64, depth int) []byte {
	low, high, changes := survey(values)
	if low == high {
		return appendConstant(dst, values)
	}
	e.plain[depth] = e.appendResiduals(e.plain[depth][:0], values, low)
	best := e.plain[depth]
	if depth == 0 && changes*2 < len(values) {
		e.runs = e.appendRuns(e.runs[:0], values, changes)
		if len(e.runs) < len(best) {
			best = e.runs
		}
	}
	return append(dst, best...)
}

func survey(values []int64) (low, high int64, changes int) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	low, high = values[0], values[0]
	last := low
	for _, v := range values {
		low, high = min(low, v), max(high, v)
		if v != last {
			changes++
			last = v
		}
	}
	return low, high, changes
}

func appendConstant(dst []byte, values []int64) []byte {
	dst = append(dst, schemeConstant)
	if len(values) == 0 {
		return dst
	}
	return binary.AppendVarint(dst, values[0])
}

func (e *Encoder) appendRuns(dst []byte, values []int64, changes int) []byte {
	runValues, lengths := make([]int64, 0, changes+1), make([]int64, 0, changes+1)
	for i, v := range values {
		if i == 0 || v != values[i-1] {
			runValues, lengths = append(runValues, v), append(lengths, 0)
		}
		lengths[len(lengths)-1]++
	}
	dst = append(dst, schemeRuns)
	dst = binary.AppendUvarint(dst, uint64(len(runValues)))
	e.nested = e.appendSeries(e.nested[:0], runValues, 1)
	dst = binary.AppendUvarint(dst, uint64(len(e.nested)))
	dst = append(dst, e.nested...)
	return e.appendSeries(dst, lengths, 1)
}

// appendResiduals writes the values less their least, divided by their common
// divisor (registers that move in tens, floats that were float32), as residuals of
// the predictor that leaves the fewest bits.
func (e *Encoder) appendResiduals(dst []byte, values []int64, low int64) []byte {
	n := len(values)
	divisor := commonDivisor(values, low)
	scaled := slices.Grow(e.scaled[:0], n)[:n]
	e.scaled = scaled
	for i, v := range values {
		if divisor == 1 {
			scaled[i] = v - low
		} else {
			scaled[i] = int64(uint64(v-low) / divisor)
		}
	}
	predictor, start := e.choose(scaled)
	u := e.work[:n]
	residuals(u, scaled, predictor, start)
	head := func(scheme byte) []byte {
		dst = append(dst[:0], scheme, byte(predictor))
		dst = binary.AppendVarint(dst, low)
		dst = binary.AppendUvarint(dst, divisor)
		return binary.AppendUvarint(dst, uint64(start))
	}
	if n >= tokensFrom {
		e.tokens = e.appendTokens(e.tokens[:0], u)
		if len(e.tokens) < packedLen(u) {
			return append(head(schemeTokens), e.tokens...)
		}
	}
	return appendPacked(head(schemePacked), u)
}

func commonDivisor(values []int64, low int64) uint64 {
	var divisor uint64
	for _, v := range values {
		a, b := uint64(v-low), divisor
		for b != 0 {
			a, b = b, a%b
		}
		if divisor = a; divisor == 1 {
			break
		}
	}
	return max(divisor, 1)
}

// choose finds the predictor that leaves the fewest bits. Few values are packed, so
// for them the widths count; many are entropy-coded, so for them the entropy does.
func (e *Encoder) choose(values []int64) (predictor int, start int64) {
	n := len(values)
	u := slices.Grow(e.work[:0], n)[:n]
	e.work = u
	best := -1.0
	for p := range predictors {
		from := values[0]
		if p == predictLevel {
			from = middle(values)
		}
		residuals(u, values, p, from)
		var cost float64
		if n < tokensFrom {
			cost = float64(packedLen(u))
		} else {
			cost = e.tokenBits(u)
		}
		if best < 0 || cost < best {
			best, predictor, start = cost, p, from
		}
	}
	return predictor, start
}

// middle is a level in the midst of the values: the mean of their least and their
// greatest would be drawn by a single outlier, so it is a mean.
func middle(values []int64) int64 {
	var sum float64
	for _, v := range values {
		sum += float64(uint64(v))
	}
	if mean := sum / float64(len(values)); mean < 1<<63 {
		return int64(mean)
	}
	return values[0]
}

func packedLen(u []uint64) int {
	size := 0
	for part := range slices.Chunk(u, group) {
		size += 1 + column.PackedLen(len(part), column.MaxWidthOf(part))
	}
	return size
}

func appendPacked(dst []byte, u []uint64) []byte {
	for part := range slices.Chunk(u, group) {
		width := column.MaxWidthOf(part)
		dst = append(dst, byte(width))
		dst = column.AppendBits(dst, part, width)
	}
	return dst
}

// series decodes len(dst) values. The whole of b must be used.
func (d *Decoder) series(dst []int64, b []byte, depth int) error {
	r := reader{b: b}
	switch scheme := r.byte(); {
	case r.bad:
		return damaged("an empty series")
	case scheme == schemeConstant:
		return constant(dst, r.b)
	case scheme == schemePacked || scheme == schemeTokens:
		return d.fromResiduals(dst, &r, scheme)
	case scheme == schemeRuns && depth == 0:
		return d.fromRuns(dst, &r)
	default:
		return damaged("scheme %d of a series is not known", scheme)
	}
}

func constant(dst []int64, b []byte) error {
	if len(dst) == 0 && len(b) == 0 {
		return nil
	}
	v, n := binary.Varint(b)
	if n <= 0 || n != len(b) {
		return damaged("a constant of %d bytes", len(b))
	}
	for i := range dst {
		dst[i] = v
	}
	return nil
}

func (d *Decoder) fromResiduals(dst []int64, r *reader, scheme byte) error {
	predictor := int(r.byte())
	low := column.Unzigzag(r.uvarint())
	divisor, start := r.uvarint(), int64(r.uvarint())
	if r.bad || predictor >= predictors || divisor == 0 {
		return damaged("the head of a series: predictor %d, divisor %d", predictor, divisor)
	}
	u := slices.Grow(d.work[:0], len(dst))[:len(dst)]
	d.work = u
	var err error
	if scheme == schemePacked {
		err = unpackGroups(u, r.b)
	} else {
		err = d.fromTokens(u, r.b)
	}
	if err != nil {
		return err
	}
	restore(dst, u, predictor, start)
	if divisor == 1 {
		for i := range dst {
			dst[i] += low
		}
		return nil
	}
	for i := range dst {
		dst[i] = low + int64(uint64(dst[i])*divisor)
	}
	return nil
}

func unpackGroups(u []uint64, b []byte) error {
	for part := range slices.Chunk(u, group) {
		if len(b) == 0 {
			return damaged("packed values end early")
		}
		rest, err := column.Bits(part, b[1:], uint(b[0]))
		if err != nil {
			return damaged("%v", err)
		}
		b = rest
	}
	if len(b) != 0 {
		return damaged("%d bytes after the packed values", len(b))
	}
	return nil
}

func (d *Decoder) fromRuns(dst []int64, r *reader) error {
	n := r.count(len(dst))
	first := r.bytes(r.count(len(r.b)))
	if r.bad || n == 0 {
		return damaged("the head of the runs")
	}
	both := make([]int64, 2*n)
	values, lengths := both[:n], both[n:]
	if err := d.series(values, first, 1); err != nil {
		return err
	}
	if err := d.series(lengths, r.b, 1); err != nil {
		return err
	}
	for i, length := range lengths {
		if length < 1 || length > int64(len(dst)) {
			return damaged("a run of %d values, %d are missing", length, len(dst))
		}
		for k := range dst[:length] {
			dst[k] = values[i]
		}
		dst = dst[length:]
	}
	if len(dst) != 0 {
		return damaged("the runs end %d values early", len(dst))
	}
	return nil
}
