package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Modbus TCP frame, MODBUS Messaging on TCP/IP Implementation Guide 1.0b §3.1.3,
// big-endian:
//
//	0  transaction id   2
//	2  protocol id      2  always 0
//	4  length           2  of what follows: unit id and PDU, 2 to 254
//	6  unit id          1
//	7  PDU              1 to 253: function code and data
const (
	headerSize = 7
	frameLimit = 260
	pduLimit   = frameLimit - headerSize
)

// frame is a request or a reply; pdu is valid until the next read.
type frame struct {
	transaction uint16
	protocol    uint16
	unit        uint8
	pdu         []byte
}

// errLength is a header whose length no frame can have: where the next frame begins
// is then unknown.
var errLength = errors.New("impossible frame length")

// readFrame reads one frame into buf, which must hold frameLimit bytes.
func readFrame(r io.Reader, buf []byte) (frame, error) {
	if _, err := io.ReadFull(r, buf[:headerSize]); err != nil {
		return frame{}, fmt.Errorf("read header: %w", err)
	}
	length := int(binary.BigEndian.Uint16(buf[4:]))
	if length < 2 || length > pduLimit+1 {
		return frame{}, fmt.Errorf("%w: %d", errLength, length)
	}
	end := headerSize + length - 1
	if _, err := io.ReadFull(r, buf[headerSize:end]); err != nil {
		return frame{}, fmt.Errorf("read body: %w", err)
	}
	return frame{
		transaction: binary.BigEndian.Uint16(buf),
		protocol:    binary.BigEndian.Uint16(buf[2:]),
		unit:        buf[6],
		pdu:         buf[headerSize:end],
	}, nil
}

// appendFrame appends the frame as it goes over the wire.
func appendFrame(dst []byte, f frame) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.transaction)
	dst = binary.BigEndian.AppendUint16(dst, f.protocol)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(f.pdu)+1))
	dst = append(dst, f.unit)
	return append(dst, f.pdu...)
}
