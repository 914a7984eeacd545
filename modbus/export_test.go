package modbus

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/goburrow/modbus"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"wellkeeper.internal/modbus/profile"
)

// KeepAliveOf dials as a link does and asks the kernel for the socket's settings.
func KeepAliveOf(ctx context.Context, url string) (idle, interval, count int, err error) {
	ep, err := parseEndpoint(url, profile.Link{})
	if err != nil {
		return 0, 0, 0, err
	}
	conn, err := dial(ctx, ep)
	if err != nil {
		return 0, 0, 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn() //nolint:forcetypeassert // what dial gives for tcp
	if err != nil {
		return 0, 0, 0, err
	}
	var errs [4]error
	err = raw.Control(func(fd uintptr) {
		var on int
		on, errs[0] = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		idle, errs[1] = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
		interval, errs[2] = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
		count, errs[3] = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
		idle *= on
	})
	return idle, interval, count, errors.Join(append(errs[:], err)...)
}

// ReadTCP and ReadRTU are the frame readers for fuzzing: they give the words that a
// reply would be taken for.
func ReadTCP(r io.Reader, fc uint8, quantity uint16) ([]uint16, error) {
	return newTCPFraming(false).exchange(readOnly{r}, &request{unit: 1, fc: readFunction(fc), quantity: quantity})
}

// ReadRTU is ReadTCP for RTU frames.
func ReadRTU(r io.Reader, fc uint8, quantity uint16) ([]uint16, error) {
	f := newRTUFraming(0)
	f.packager.SlaveId = 1
	q := &request{unit: 1, fc: readFunction(fc), quantity: quantity}
	adu, err := f.packager.Encode(q.pdu())
	if err != nil {
		return nil, err
	}
	return f.receive(r, q, adu)
}

type readOnly struct{ io.Reader }

func (readOnly) Write(b []byte) (int, error) { return len(b), nil }

// Reader makes exchanges on a link of its own, for benchmarks.
type Reader struct {
	link *link
	stop context.CancelFunc
	done chan struct{}
}

// NewReader opens a link.
func NewReader(ctx context.Context, url string) (*Reader, error) {
	ep, err := parseEndpoint(url, profile.Link{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Reader{newLink(ep, nil, zerolog.Nop()), cancel, make(chan struct{})}
	go func() {
		defer close(r.done)
		r.link.run(ctx)
	}()
	return r, nil
}

// Read reads holding registers of unit 1.
func (r *Reader) Read(ctx context.Context, first, quantity uint16) ([]uint16, error) {
	answer := r.link.do(ctx, request{unit: 1, fc: 3, address: first, quantity: quantity, timeout: time.Second})
	return answer.words, answer.err
}

// Close ends the link.
func (r *Reader) Close() { r.stop(); <-r.done }

// Packaging does what goburrow's packager does for one exchange of 100 registers.
func Packaging(packager *modbus.TCPClientHandler, reply []byte) error {
	adu, err := packager.Encode((&request{unit: 1, fc: 3, quantity: 100}).pdu())
	if err != nil {
		return err
	}
	copy(reply, adu[:2])
	if err := packager.Verify(adu, reply); err != nil {
		return err
	}
	_, err = packager.Decode(reply)
	return err
}
