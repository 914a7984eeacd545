package modbus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/goburrow/modbus"

	"wellkeeper.internal/appliance/esp"
)

const (
	rtuRequestBytes   = 8 // unit, function, address, quantity, CRC
	rtuExceptionBytes = 5
	shortestSilence   = 20 * time.Millisecond
	longestNoise      = time.Second // a line that is never silent is broken
)

// deadliner is what a connection needs beside io.ReadWriteCloser to carry RTU frames:
// silence can only be waited for with a deadline.
type deadliner interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}

// rtuFraming speaks RTU frames. They carry no transaction id, so the line must be
// silent before each request: whatever comes later can only be its answer.
type rtuFraming struct {
	packager *modbus.RTUClientHandler // only its packager is used
	silence  time.Duration            // 3.5 characters, at least 20 ms
	asked    bool                     // in the present exchange: bytes of the request went out
}

func newRTUFraming(baud int) *rtuFraming {
	f := &rtuFraming{packager: modbus.NewRTUClientHandler(""), silence: shortestSilence}
	if baud > 0 {
		f.silence = max(f.silence, time.Duration(3.5*11*float64(time.Second)/float64(baud)))
	}
	return f
}

func (f *rtuFraming) exchange(conn deadliner, r *request) ([]uint16, error) {
	f.asked = false
	if err := drain(conn, max(f.silence, r.pace.guard)); err != nil {
		return nil, err
	}
	f.packager.SlaveId = r.unit
	adu, err := f.packager.Encode(r.pdu())
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	f.asked = true
	if _, err := conn.Write(adu); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	return f.receive(conn, r, adu)
}

// receive reads the reply. A two-wire adapter may send the request back first.
func (f *rtuFraming) receive(conn io.Reader, r *request, adu []byte) ([]uint16, error) {
	reply, err := readRTU(conn, r, adu)
	if errors.Is(err, errEcho) {
		reply, err = readRTU(io.MultiReader(bytes.NewReader(reply), conn), r, nil)
	}
	if err != nil {
		return nil, err
	}
	if err := f.packager.Verify(adu, reply); err != nil {
		return nil, &RequestError{esp.BadFrame, err}
	}
	pdu, err := f.packager.Decode(reply) // checks the CRC
	if err != nil {
		return nil, &RequestError{esp.BadFrame, err}
	}
	return r.words(pdu)
}

// drain waits until nothing has come for the given time.
func drain(conn deadliner, silence time.Duration) error {
	var waste [256]byte
	end := time.Now().Add(longestNoise)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return fmt.Errorf("set deadline: %w", err)
		}
		_, err := conn.Read(waste[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := conn.SetReadDeadline(time.Time{}); err != nil {
				return fmt.Errorf("clear deadline: %w", err)
			}
			return nil
		case err != nil:
			return fmt.Errorf("wait for silence: %w", err)
		case time.Now().After(end):
			return failf(esp.BadFrame, "the line is never silent")
		}
	}
}

// errEcho says that the bytes read were the request itself.
var errEcho = errors.New("own request received")

// readRTU reads one reply by the length that the request makes it have; an exception
// has five bytes in any case. With adu given, an echo of the request is recognised:
// then the error is errEcho and the result holds what was read beyond it.
func readRTU(conn io.Reader, r *request, adu []byte) ([]byte, error) {
	var frame [256 + rtuRequestBytes]byte
	if _, err := io.ReadFull(conn, frame[:3]); err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	total := 3 + r.dataBytes() + 2
	maybeEcho := len(adu) == rtuRequestBytes && bytes.Equal(frame[:3], adu[:3])
	switch {
	case frame[0] != r.unit:
		return nil, failf(esp.BadFrame, "reply of unit %d to unit %d", frame[0], r.unit)
	case frame[1] == byte(r.fc)|0x80:
		total = rtuExceptionBytes
	case frame[1] != byte(r.fc):
		return nil, failf(esp.BadFrame, "reply of function %d to function %d", frame[1], r.fc)
	case int(frame[2]) != r.dataBytes():
		if !maybeEcho {
			return nil, failf(esp.BadFrame, "reply of %d bytes where %d were asked for", frame[2], r.dataBytes())
		}
		total = rtuRequestBytes
	}
	if _, err := io.ReadFull(conn, frame[3:total]); err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	if !maybeEcho {
		return frame[:total], nil
	}
	return sortEcho(conn, frame[:], total, adu)
}

// sortEcho decides about a frame that begins like the request. A reply that happens
// to begin so differs from the request before its end.
func sortEcho(conn io.Reader, frame []byte, total int, adu []byte) ([]byte, error) {
	seen := min(total, rtuRequestBytes)
	if !bytes.Equal(frame[:seen], adu[:seen]) {
		return frame[:total], nil
	}
	if _, err := io.ReadFull(conn, frame[total:max(total, rtuRequestBytes)]); err != nil {
		return nil, fmt.Errorf("read echo: %w", err)
	}
	if !bytes.Equal(frame[:rtuRequestBytes], adu) {
		return nil, failf(esp.BadFrame, "reply is neither an answer nor an echo")
	}
	return frame[rtuRequestBytes:max(total, rtuRequestBytes)], errEcho
}
