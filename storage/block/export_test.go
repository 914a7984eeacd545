package block

import (
	"encoding/binary"
	"hash/crc32"
)

// Reseal gives damaged bytes correct checksums where their directory can be walked,
// so that a fuzzer reaches what lies behind them.
func Reseal(b []byte) []byte {
	if len(b) < minTotal {
		return b
	}
	copy(b, Magic)
	b[4] = version
	header := binary.BigEndian.Uint32(b[12:])
	if header < minTotal || uint64(header) > uint64(len(b)) {
		return b
	}
	body := b[header:]
	r := reader{b: b[fixedLen:header]}
	r.bytes(int(r.byte()))
	r.uvarint()
	for range r.count(2*MaxColumns + 1) {
		n := r.uvarint()
		sum := r.bytes(4)
		if r.bad || n > uint64(len(body)) {
			break
		}
		binary.BigEndian.PutUint32(sum, crc32.Checksum(body[:n], table()))
		body = body[n:]
	}
	binary.BigEndian.PutUint32(b[crcOffset:], headerCRC(b[:header]))
	return b
}
