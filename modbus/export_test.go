package modbus

import (
	"context"
	"errors"
	"io"
	"net"

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
