package modbus

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/goburrow/serial"
)

// serialPort reads and writes a serial port with deadlines. goburrow/serial sets the
// line up; its own Read cannot be interrupted, so the bytes go through a second file
// descriptor that the runtime polls.
type serialPort struct {
	setup serial.Port // keeps the line settings while it is open
	file  *os.File
	raw   syscall.RawConn
	once  sync.Once // Close comes from the owner and from its deadline
}

var _ deadliner = (*serialPort)(nil)

func openSerial(ep endpoint) (*serialPort, error) {
	file, err := os.OpenFile(ep.address, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open serial port: %w", err)
	}
	raw, err := file.SyscallConn()
	if err == nil {
		err = own(raw)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open serial port %s: %w", ep.address, err), file.Close())
	}
	setup, err := serial.Open(&serial.Config{
		Address: ep.address, BaudRate: ep.baud, DataBits: 8, StopBits: ep.stop, Parity: ep.parity,
		Timeout: time.Second, // of a Read that is never called
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open serial port: %w", err), file.Close())
	}
	return &serialPort{setup: setup, file: file, raw: raw}, nil
}

// own keeps other programs that ask away from the port, and us from theirs, until it is
// closed. Two masters on one line spoil each other's answers.
func own(raw syscall.RawConn) (err error) {
	controlErr := raw.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) })
	return errors.Join(err, controlErr)
}

// Read waits for at least one byte. The line is set up with VMIN 0, where a read of
// zero bytes means "nothing yet": os.File would take it for the end of the file.
func (p *serialPort) Read(b []byte) (n int, err error) {
	waitErr := p.raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), b)
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN) {
			n, err = 0, nil
		}
		return n > 0 || err != nil
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return max(n, 0), err
}

// Write sends all of b.
func (p *serialPort) Write(b []byte) (int, error) { return p.file.Write(b) }

// SetReadDeadline bounds the next reads.
func (p *serialPort) SetReadDeadline(t time.Time) error { return p.file.SetReadDeadline(t) }

// Close ends every pending call and gives the port back as it was found.
func (p *serialPort) Close() (err error) {
	p.once.Do(func() { err = errors.Join(p.file.Close(), p.setup.Close()) })
	return err
}
