package sim

import (
	"bufio"
	"fmt"
	"slices"
)

// An RTU frame, MODBUS over Serial Line 1.02 §2.5.1:
//
//	0  unit id          1
//	1  PDU              1 to 253: function code and data
//	n  check sum        2  CRC-16, low byte first
const (
	checkBytes  = 2
	rtuRead     = 8 // unit, function, address, quantity, check sum
	rtuIdentify = 7
)

// readRTU reads one request. What has no right check sum is passed over byte by byte,
// so that the next request is found behind noise without a clock. raw and the frame are
// valid until the next read.
func readRTU(r *bufio.Reader, room []byte) (f frame, raw []byte, err error) {
	for {
		head, err := r.Peek(2)
		if err != nil {
			return frame{}, nil, fmt.Errorf("read request: %w", err)
		}
		size := rtuRead
		if head[1] == encapsulated {
			size = rtuIdentify
		}
		b, err := r.Peek(size)
		if err != nil {
			return frame{}, nil, fmt.Errorf("read request: %w", err)
		}
		body := b[:size-checkBytes]
		if crc := checkSum(body); b[size-2] != byte(crc) || b[size-1] != byte(crc>>8) {
			_, _ = r.Discard(1) // it was peeked
			continue
		}
		raw = append(room[:0], b...)
		_, _ = r.Discard(size)
		return frame{unit: raw[0], pdu: raw[1 : size-checkBytes]}, raw, nil
	}
}

// appendRTU appends the frame as it goes over the line.
func appendRTU(dst []byte, unit uint8, pdu []byte) []byte {
	dst = slices.Grow(dst, 1+len(pdu)+checkBytes)
	from := len(dst)
	dst = append(append(dst, unit), pdu...)
	crc := checkSum(dst[from:])
	return append(dst, byte(crc), byte(crc>>8))
}

// checkSum is CRC-16 with the reversed polynomial A001h, §6.2.2.
func checkSum(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}
