package block

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/fse"
	"github.com/klauspost/compress/huff0"
)

// Tokens: a residual below direct is its own token; above, the token says its number
// of bits and the bit after the leading one, and the rest follow as extra bits.
const (
	direct     = 64
	directBits = 6
	tokenCount = direct + 2*(64-directBits) // 180
)

// Coders of the token bytes. Only append.
const (
	coderRaw = iota
	coderSame
	coderHuffman
	coderFSE
)

func token(u uint64) (t byte, extra uint) {
	if u < direct {
		return byte(u), 0
	}
	length := uint(bits.Len64(u))
	return byte(direct + (length-directBits-1)*2 + uint(u>>(length-2))&1), length - 2
}

// tokenBits estimates the coded size of the residuals in bits: the entropy of their
// tokens plus the extra bits.
func (e *Encoder) tokenBits(u []uint64) float64 {
	var counts [tokenCount]int
	extras := uint(0)
	for _, v := range u {
		t, extra := token(v)
		counts[t]++
		extras += extra
	}
	total := math.Log2(float64(len(u)))
	sum := float64(extras)
	for _, c := range counts {
		if c > 0 {
			sum += float64(c) * (total - math.Log2(float64(c)))
		}
	}
	return sum
}

func (e *Encoder) appendTokens(dst []byte, u []uint64) []byte {
	tokens := slices.Grow(e.tokenBytes[:0], len(u))[:len(u)]
	e.tokenBytes = tokens
	w := bitWriter{dst: e.extras[:0]}
	for i, v := range u {
		t, extra := token(v)
		tokens[i] = t
		w.write(v&(1<<extra-1), extra)
	}
	e.extras = w.finish()
	coder, coded := e.entropy(tokens)
	dst = append(dst, coder)
	dst = binary.AppendUvarint(dst, uint64(len(coded)))
	dst = append(dst, coded...)
	return append(dst, e.extras...)
}

// entropy codes the tokens in the smallest way.
func (e *Encoder) entropy(tokens []byte) (coder byte, coded []byte) {
	coder, coded = coderRaw, tokens
	same := true
	for _, t := range tokens {
		if t != tokens[0] {
			same = false
			break
		}
	}
	if same {
		return coderSame, tokens[:1]
	}
	e.huffman.Reuse = huff0.ReusePolicyNone
	if out, _, err := huff0.Compress1X(tokens, &e.huffman); err == nil && len(out) < len(coded) {
		coder, coded = coderHuffman, out
	}
	if out, err := fse.Compress(tokens, &e.fse); err == nil && len(out) < len(coded) {
		coder, coded = coderFSE, out
	}
	return coder, coded
}

func (d *Decoder) fromTokens(u []uint64, b []byte) error {
	r := reader{b: b}
	coder := r.byte()
	coded := r.bytes(r.count(len(r.b)))
	if r.bad {
		return damaged("the head of the tokens")
	}
	tokens, err := d.tokens(coder, coded, len(u))
	if err != nil {
		return err
	}
	if len(tokens) != len(u) {
		return damaged("%d tokens for %d values", len(tokens), len(u))
	}
	extras := bitReader{b: r.b}
	for i, t := range tokens {
		if t < direct {
			u[i] = uint64(t)
			continue
		}
		if t >= tokenCount {
			return damaged("token %d", t)
		}
		k := uint(t-direct)/2 + directBits - 1 // extra bits
		u[i] = (2|uint64(t)&1)<<k | extras.read(k)
	}
	if extras.over > 0 || len(extras.b) > 0 || extras.held > 7 {
		return damaged("the extra bits do not fit the tokens")
	}
	return nil
}

// tokens decodes n token bytes; the result is valid until the next call.
func (d *Decoder) tokens(coder byte, coded []byte, n int) ([]byte, error) {
	switch coder {
	case coderRaw:
		return coded, nil
	case coderSame:
		if len(coded) != 1 {
			return nil, damaged("%d bytes for one token", len(coded))
		}
		out := slices.Grow(d.tokenBytes[:0], n)[:n]
		d.tokenBytes = out
		for i := range out {
			out[i] = coded[0]
		}
		return out, nil
	case coderHuffman:
		return d.huffmanTokens(coded, n)
	case coderFSE:
		d.fse.DecompressLimit = n
		out, err := fse.Decompress(coded, &d.fse)
		if err != nil {
			return nil, damaged("FSE: %v", err)
		}
		return out, nil
	default:
		return nil, damaged("token coder %d is not known", coder)
	}
}

func (d *Decoder) huffmanTokens(coded []byte, n int) ([]byte, error) {
	d.huffman.MaxDecodedSize = n
	_, rest, err := huff0.ReadTable(coded, &d.huffman)
	if err != nil {
		return nil, damaged("Huffman table: %v", err)
	}
	out, err := d.huffman.Decoder().Decompress1X(slices.Grow(d.tokenBytes[:0], n)[:0:n], rest)
	if err != nil {
		return nil, damaged("Huffman: %v", err)
	}
	d.tokenBytes = out
	return out, nil
}
