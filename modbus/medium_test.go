package modbus_test

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/sim"
)

var (
	schemes = map[sim.Over]string{sim.OverTCP: "tcp", sim.OverRTU: "rtutcp", sim.OverSerial: "rtu"}
	urls    = map[sim.Over]string{sim.OverTCP: "tcp://peer:502", sim.OverRTU: "rtutcp://peer:502", sim.OverSerial: "rtu:///dev/ttyX?baud=9600&parity=N"}
)

// medium is a way in memory between a poller and the simulator's server: how to dial it,
// and what runs the server. What no server can do, a port that is closed or gone, it does
// itself.
func medium(over sim.Over, bank *sim.Bank) (dial modbus.Dialer, run func(context.Context) error) {
	serve := func(listener net.Listener) func(context.Context) error {
		return sim.NewServer(sim.ServerConfig{Listener: listener, Bank: bank, Over: over}).Run
	}
	if over == sim.OverSerial {
		toDevice := make(chan []byte, 64)
		l := newLine()
		l.device, l.gone = toDevice, func() bool { return bank.Suffers(sim.Unplugged) }
		end := &lineEnd{line: l, in: toDevice, closed: make(chan struct{})}
		return l.dial, serve(&oneConn{conn: end, done: make(chan struct{})})
	}
	listener := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	return func(ctx context.Context, url string) (io.ReadWriteCloser, error) {
		switch {
		case bank.Suffers(sim.Refused):
			return nil, errRefused
		case bank.Suffers(sim.Blackhole):
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return listener.dial(ctx, url)
	}, serve(listener)
}

// pipeListener hands connections in memory to the simulator's server.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipeListener) dial(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return roomy(near), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// roomy gives a pipe the receive buffer that a socket has: the other side never waits
// for us to read.
func roomy(c net.Conn) net.Conn {
	near, far := net.Pipe()
	arrived := make(chan []byte, 4096)
	go func() {
		defer close(arrived)
		for {
			b := make([]byte, 512)
			n, err := c.Read(b)
			if err != nil {
				return
			}
			arrived <- b[:n]
		}
	}()
	go func() {
		for b := range arrived {
			if _, err := far.Write(b); err != nil {
				_ = c.Close()
			}
		}
		_ = far.Close()
	}()
	go func() {
		_, _ = io.Copy(c, far)
		_ = c.Close()
	}()
	return near
}

// lineEnd is the device's end of a serial line.
type lineEnd struct {
	line   *line
	in     <-chan []byte
	rest   []byte
	once   sync.Once
	closed chan struct{}
}

var _ net.Conn = (*lineEnd)(nil)

func (e *lineEnd) Read(b []byte) (int, error) {
	if len(e.rest) == 0 {
		select {
		case e.rest = <-e.in:
		case <-e.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *lineEnd) Write(b []byte) (int, error) {
	e.line.send(b)
	return len(b), nil
}

func (e *lineEnd) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func (e *lineEnd) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (e *lineEnd) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (e *lineEnd) SetDeadline(time.Time) error      { return nil }
func (e *lineEnd) SetReadDeadline(time.Time) error  { return nil }
func (e *lineEnd) SetWriteDeadline(time.Time) error { return nil }

// oneConn is a listener with one connection.
type oneConn struct {
	conn  net.Conn
	given bool
	once  sync.Once
	done  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if !l.given {
		l.given = true
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }
