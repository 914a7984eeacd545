package tap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A frame of Modbus TCP (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3):
// transaction, protocol and length of two bytes each, the unit, then function and data.
// The length counts from the unit on.
const (
	headerBytes = 7
	pduLimit    = 253
	frameLimit  = headerBytes + pduLimit
)

// request is one request; pdu is valid until the next is read.
type request struct {
	transaction uint16
	unit        uint8
	pdu         []byte // function and data, at least the function
}

// errNoFrame says that what came is no Modbus frame.
var errNoFrame = errors.New("no Modbus frame")

// readFrame reads one request into buffer, which holds frameLimit bytes. After an error
// it is not known where the next one begins.
func readFrame(r io.Reader, buffer []byte) (request, error) {
	if _, err := io.ReadFull(r, buffer[:headerBytes]); err != nil {
		return request{}, fmt.Errorf("read header: %w", err)
	}
	protocol, length := binary.BigEndian.Uint16(buffer[2:]), int(binary.BigEndian.Uint16(buffer[4:]))
	if protocol != 0 || length < 2 || length > pduLimit+1 {
		return request{}, fmt.Errorf("%w: protocol %d, length %d", errNoFrame, protocol, length)
	}
	end := headerBytes + length - 1
	if _, err := io.ReadFull(r, buffer[headerBytes:end]); err != nil {
		return request{}, fmt.Errorf("read request: %w", err)
	}
	return request{binary.BigEndian.Uint16(buffer), buffer[6], buffer[headerBytes:end]}, nil
}

// begin appends the header of the answer to r; finish completes it.
func begin(dst []byte, r *request) []byte {
	dst = binary.BigEndian.AppendUint16(dst, r.transaction)
	return append(dst, 0, 0, 0, 0, r.unit)
}

func finish(frame []byte) []byte {
	binary.BigEndian.PutUint16(frame[4:], uint16(len(frame)-headerBytes+1))
	return frame
}
