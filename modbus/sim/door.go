package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// watchEvery is how often a listener asks the bank whether its port is to be there.
const watchEvery = 50 * time.Millisecond

// Door is a TCP listener whose port is really closed while a fault of the bank refuses
// connections.
type Door struct {
	bank    *Bank
	listen  func(address string) (net.Listener, error)
	address string
	done    chan struct{}

	mu     sync.Mutex // guards inner
	inner  *net.TCPListener
	closed bool
}

var _ net.Listener = (*Door)(nil)

// OpenDoor listens at a TCP address.
func OpenDoor(ctx context.Context, address string, bank *Bank) (*Door, error) {
	d := &Door{bank: bank, address: address, done: make(chan struct{})}
	values := context.WithoutCancel(ctx) // it is opened again long after the caller's wait
	d.listen = func(address string) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(values, "tcp", address)
	}
	if err := d.open(); err != nil {
		return nil, err
	}
	d.address = d.inner.Addr().String() // where port 0 was asked for, it stays the same
	return d, nil
}

func (d *Door) open() error {
	l, err := d.listen(d.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.Join(net.ErrClosed, l.Close())
	}
	d.inner, _ = l.(*net.TCPListener)
	return nil
}

// Accept waits for a connection.
func (d *Door) Accept() (net.Conn, error) {
	for {
		if d.bank.Suffers(Refused) {
			if err := d.shut(); err != nil {
				return nil, err
			}
		}
		d.mu.Lock()
		inner := d.inner
		d.mu.Unlock()
		if err := inner.SetDeadline(time.Now().Add(watchEvery)); err != nil {
			return nil, fmt.Errorf("accept: %w", err)
		}
		conn, err := inner.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return conn, err
	}
}

// shut keeps the port closed until the fault ends.
func (d *Door) shut() error {
	d.mu.Lock()
	err := d.inner.Close()
	d.mu.Unlock()
	if err != nil {
		return err
	}
	for d.bank.Suffers(Refused) {
		if !wait(d.done, watchEvery) {
			return net.ErrClosed
		}
	}
	return d.open()
}

// wait is false when done is closed first.
func wait(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}

// Close closes the port for good.
func (d *Door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return net.ErrClosed
	}
	d.closed = true
	close(d.done)
	if err := d.inner.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// Addr is where it listens.
func (d *Door) Addr() net.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inner.Addr()
}
