package sim

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Cable is a serial line: a pseudo-terminal under a path of one's choice, a symbolic
// link as /dev/serial/by-id has them. While a fault of the bank has it unplugged, the
// path is not there; plugged in again it leads to another terminal. It gives its one
// connection like a listener.
type Cable struct {
	bank *Bank
	path string
	done chan struct{}
	once sync.Once
	end  *cableEnd // of Accept
}

var _ net.Listener = (*Cable)(nil)

// OpenCable plugs a serial line in at a path where nothing or an old symbolic link is.
func OpenCable(path string, bank *Bank) (*Cable, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink == 0 {
		return nil, fmt.Errorf("serial line at %s: something else has this name; choose a free path", path)
	}
	c := &Cable{bank: bank, path: path, done: make(chan struct{})}
	if err := c.plug(); err != nil {
		return nil, err
	}
	return c, nil
}

// Accept gives the connection, and another one when the one before has ended.
func (c *Cable) Accept() (net.Conn, error) {
	if c.end != nil && !c.end.given {
		c.end.given = true
		return c.end, nil
	}
	if !c.watch() {
		return nil, net.ErrClosed
	}
	if err := c.plug(); err != nil {
		return nil, err
	}
	c.end.given = true
	return c.end, nil
}

// watch pulls the cable when a fault says so, and returns when it is to be plugged in
// again; false: it was closed.
func (c *Cable) watch() bool {
	for {
		unplugged := c.bank.Suffers(Unplugged)
		if unplugged {
			_ = c.end.Close()
			_ = os.Remove(c.path)
		}
		if c.end.isClosed() && !unplugged {
			return true
		}
		if !wait(c.done, watchEvery) {
			return false
		}
	}
}

func (c *Cable) plug() error {
	master, far, err := openPTY()
	if err != nil {
		return fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	fresh := c.path + ".new"
	_ = os.Remove(fresh) // of a run that was cut
	err = os.Symlink(far.Name(), fresh)
	if err == nil {
		err = os.Rename(fresh, c.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("serial line: %w", err), master.Close(), far.Close())
	}
	c.end = &cableEnd{File: master, far: far, path: c.path, gone: make(chan struct{})}
	return nil
}

// Close unplugs the cable for good. Its connection ends on its own.
func (c *Cable) Close() error {
	c.once.Do(func() {
		close(c.done)
		_ = os.Remove(c.path)
	})
	return nil
}

// Addr is the path.
func (c *Cable) Addr() net.Addr { return pathAddr(c.path) }

type pathAddr string

func (pathAddr) Network() string  { return "serial" }
func (p pathAddr) String() string { return string(p) }

// cableEnd is the device's end of a cable.
type cableEnd struct {
	*os.File

	far   *os.File // kept open, so that the line does not hang up when a client leaves
	path  string
	given bool
	once  sync.Once
	gone  chan struct{}
}

var _ net.Conn = (*cableEnd)(nil)

// lineBuffer is how long a device waits for a line that nobody reads; then the bytes
// are lost, as on a wire.
const lineBuffer = 100 * time.Millisecond

// Write sends all of b or loses it.
func (e *cableEnd) Write(b []byte) (int, error) {
	if err := e.SetWriteDeadline(time.Now().Add(lineBuffer)); err != nil {
		return 0, err
	}
	n, err := e.File.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return len(b), nil
	}
	return n, err
}

// Close takes the terminal away from whoever has it open.
func (e *cableEnd) Close() (err error) {
	e.once.Do(func() {
		err = errors.Join(e.File.Close(), e.far.Close())
		close(e.gone)
	})
	return err
}

func (e *cableEnd) isClosed() bool {
	select {
	case <-e.gone:
		return true
	default:
		return false
	}
}

// LocalAddr is the path.
func (e *cableEnd) LocalAddr() net.Addr { return pathAddr(e.path) }

// RemoteAddr is the path as well.
func (e *cableEnd) RemoteAddr() net.Addr { return pathAddr(e.path) }

// openPTY gives both ends of a pseudo-terminal that changes no byte and echoes none.
func openPTY() (master, far *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unlockPTY(master)
	if err == nil {
		far, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		raw := unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL}
		if err = unix.IoctlSetTermios(int(far.Fd()), unix.TCSETS, &raw); err != nil {
			_ = far.Close()
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, far, nil
}

// unlockPTY lets the far end be opened and says which one it is.
func unlockPTY(master *os.File) (number int, err error) {
	conn, err := master.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	return number, errors.Join(err, controlErr)
}
