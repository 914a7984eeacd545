package storage

import (
	"encoding/binary"
	"hash/crc32"

	"wellkeeper.internal/appliance/esp"
)

// The journal's frames; FORMAT.md draws them.
const (
	frameMagic   = "WKJF"
	headMagic    = "WKJH"
	journalV1    = 1
	frameHeader  = 64
	maxFrame     = 1 << 20 // a longer payload is split into several frames
	itemLayout   = 1
	itemBlock    = 2
	itemHeader   = 5
	headFixed    = 48
	maxFrameRows = 512
)

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// frame is the header of one commit in the journal.
type frame struct {
	generation uint64 // of the half that holds it
	number     uint64 // from 1, within the generation
	epoch      uint64
	scans      uint32
	payload    []byte
}

func pages(n int) int { return (n + pageSize - 1) / pageSize * pageSize }

// appendFrame appends f, filled up with zeros to whole pages, so that no durable page
// is ever written again.
func appendFrame(dst []byte, f *frame) []byte {
	at := len(dst)
	dst = append(dst, frameMagic...)
	dst = append(dst, journalV1, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.payload)))
	dst = binary.BigEndian.AppendUint32(dst, castagnoli(f.payload))
	dst = binary.BigEndian.AppendUint64(dst, f.generation)
	dst = binary.BigEndian.AppendUint64(dst, f.number)
	dst = binary.BigEndian.AppendUint64(dst, f.epoch)
	dst = binary.BigEndian.AppendUint32(dst, f.scans)
	dst = append(dst, make([]byte, frameHeader-4-(len(dst)-at))...)
	dst = binary.BigEndian.AppendUint32(dst, castagnoli(dst[at:]))
	dst = append(dst, f.payload...)
	return append(dst, make([]byte, pages(len(dst)-at)-(len(dst)-at))...)
}

// parseFrame reads the frame at the start of b. headerOK says that at least its
// header is what was written; ok that all of it is.
func parseFrame(b []byte) (f frame, headerOK, ok bool) {
	if len(b) < frameHeader || string(b[:4]) != frameMagic || b[4] != journalV1 {
		return f, false, false
	}
	if castagnoli(b[:frameHeader-4]) != binary.BigEndian.Uint32(b[frameHeader-4:]) {
		return f, false, false
	}
	f = frame{
		generation: binary.BigEndian.Uint64(b[16:]),
		number:     binary.BigEndian.Uint64(b[24:]),
		epoch:      binary.BigEndian.Uint64(b[32:]),
		scans:      binary.BigEndian.Uint32(b[40:]),
	}
	length := uint64(binary.BigEndian.Uint32(b[8:]))
	if length > uint64(len(b)-frameHeader) {
		return f, true, false
	}
	f.payload = b[frameHeader : frameHeader+length]
	return f, true, castagnoli(f.payload) == binary.BigEndian.Uint32(b[12:])
}

// frameLength is how long the frame says to be whose header is at the start of b; the
// length of a header where that is not whole.
func frameLength(b []byte) int {
	if _, headerOK, _ := parseFrame(b); !headerOK {
		return frameHeader
	}
	return frameHeader + int(binary.BigEndian.Uint32(b[8:]))
}

func appendItem(dst []byte, kind byte, body []byte) []byte {
	dst = append(dst, kind)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	return append(dst, body...)
}

// cutItem takes the first item off the payload.
func cutItem(payload []byte) (kind byte, body, rest []byte, ok bool) {
	if len(payload) < itemHeader {
		return 0, nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(payload[1:]))
	if n > uint64(len(payload)-itemHeader) {
		return 0, nil, nil, false
	}
	return payload[0], payload[itemHeader : itemHeader+n], payload[itemHeader+n:], true
}

// head begins a half of the journal. It keeps each well's next number, so that no
// number is given twice even when nothing else of the well is left.
type head struct {
	generation uint64
	epoch      uint64
	half       uint64 // length of a half in bytes
	next       map[esp.WellID]uint64
}

func appendHead(dst []byte, h *head) []byte {
	at := len(dst)
	dst = append(dst, headMagic...)
	dst = append(dst, journalV1, 0, 0, 0)
	dst = append(dst, make([]byte, 8)...) // length and checksum, below
	dst = binary.BigEndian.AppendUint64(dst, h.generation)
	dst = binary.BigEndian.AppendUint64(dst, h.epoch)
	dst = binary.BigEndian.AppendUint64(dst, h.half)
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(h.next)))
	for well, next := range h.next {
		dst = append(dst, byte(len(well)))
		dst = append(dst, well...)
		dst = binary.BigEndian.AppendUint64(dst, next)
	}
	binary.BigEndian.PutUint32(dst[at+8:], uint32(len(dst)-at))
	binary.BigEndian.PutUint32(dst[at+12:], castagnoli(dst[at+16:]))
	return append(dst, make([]byte, pages(len(dst)-at)-(len(dst)-at))...)
}

// parseHead reads the head at the start of a half and how many bytes it takes.
func parseHead(b []byte) (h head, size int, ok bool) {
	if len(b) < headFixed || string(b[:4]) != headMagic || b[4] != journalV1 {
		return h, 0, false
	}
	length := uint64(binary.BigEndian.Uint32(b[8:]))
	if length < headFixed || length > uint64(len(b)) || castagnoli(b[16:length]) != binary.BigEndian.Uint32(b[12:]) {
		return h, 0, false
	}
	h = head{
		generation: binary.BigEndian.Uint64(b[16:]),
		epoch:      binary.BigEndian.Uint64(b[24:]),
		half:       binary.BigEndian.Uint64(b[32:]),
		next:       make(map[esp.WellID]uint64),
	}
	count, rest := binary.BigEndian.Uint64(b[40:]), b[headFixed:length]
	for ; count > 0; count-- {
		if len(rest) == 0 || len(rest) < 1+int(rest[0])+8 {
			return h, 0, false
		}
		n := 1 + int(rest[0])
		h.next[esp.WellID(rest[1:n])] = binary.BigEndian.Uint64(rest[n:])
		rest = rest[n+8:]
	}
	return h, pages(int(length)), len(rest) == 0
}
