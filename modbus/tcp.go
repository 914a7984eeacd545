package modbus

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/goburrow/modbus"

	"wellkeeper.internal/appliance/esp"
)

const (
	mbapBytes     = 7   // transaction, protocol, length, unit
	longestFrame  = 260 // of Modbus TCP
	mostOldFrames = 64  // dropped in one exchange before the link is taken for confused
)

// tcpFraming speaks Modbus TCP on one connection.
type tcpFraming struct {
	packager *modbus.TCPClientHandler // only its packager is used
	zeroID   bool
	sent     int // requests on this connection, so that an old reply can be told from a wrong one
}

func newTCPFraming(zeroID bool) *tcpFraming {
	return &tcpFraming{packager: modbus.NewTCPClientHandler(""), zeroID: zeroID}
}

// exchange sends a request and reads until its reply is there. Replies to earlier
// requests of this connection are dropped. The caller ends the wait by closing conn.
func (t *tcpFraming) exchange(conn io.ReadWriter, r *request) ([]uint16, error) {
	t.packager.SlaveId = r.unit
	adu, err := t.packager.Encode(r.pdu())
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	if _, err := conn.Write(adu); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	earlier := t.sent
	t.sent++
	for range mostOldFrames {
		reply, err := readMBAP(conn)
		if err != nil {
			return nil, err
		}
		behind := binary.BigEndian.Uint16(adu) - binary.BigEndian.Uint16(reply)
		if behind != 0 && int(behind) <= earlier {
			continue
		}
		return t.accept(r, adu, reply)
	}
	return nil, failf(esp.BadFrame, "more than %d old replies", mostOldFrames)
}

func (t *tcpFraming) accept(r *request, adu, reply []byte) ([]uint16, error) {
	if t.zeroID && binary.BigEndian.Uint16(reply) == 0 {
		copy(reply, adu[:2])
	}
	if err := t.packager.Verify(adu, reply); err != nil {
		return nil, &RequestError{esp.BadFrame, err}
	}
	pdu, err := t.packager.Decode(reply)
	if err != nil {
		return nil, &RequestError{esp.BadFrame, err}
	}
	return r.words(pdu)
}

// readMBAP reads one frame. A header that cannot be one is an error at once: what
// follows it has no boundary.
func readMBAP(conn io.Reader) ([]byte, error) {
	var frame [longestFrame]byte
	if _, err := io.ReadFull(conn, frame[:mbapBytes]); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	if protocol := binary.BigEndian.Uint16(frame[2:]); protocol != 0 {
		return nil, failf(esp.BadFrame, "protocol id %d", protocol)
	}
	length := int(binary.BigEndian.Uint16(frame[4:])) // of unit and PDU
	total := mbapBytes - 1 + length
	if length < 3 || total > longestFrame {
		return nil, failf(esp.BadFrame, "frame length %d", length)
	}
	if _, err := io.ReadFull(conn, frame[mbapBytes:total]); err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	return frame[:total], nil
}
