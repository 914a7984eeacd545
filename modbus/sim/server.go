package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ServerConfig says what a Server serves and how.
type ServerConfig struct {
	Listener net.Listener // must not be nil; Run closes it
	Bank     *Bank        // must not be nil
	// Over is what the connections carry: OverTCP, which is also the zero value, or RTU
	// frames, OverRTU from a socket and OverSerial from a serial line.
	Over Over
	// SilentUnknown: a request for a unit that the bank lacks gets no answer, as on a
	// serial line, instead of exception 11.
	SilentUnknown bool
	// Idle is how long a client may stay silent; 0 means five minutes, and on a serial
	// line for ever.
	Idle time.Duration
	// Clients is how many connections are served at a time; more are closed at once.
	// 0 means 32.
	Clients int
}

// Server answers Modbus reads from a Bank. It never writes: function codes other
// than 1 to 4 and 43/14 get exception 1.
type Server struct {
	cfg ServerConfig

	mu    sync.Mutex // guards conns
	conns map[net.Conn]struct{}
}

// NewServer makes a server; Run starts it.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Over == 0 {
		cfg.Over = OverTCP
	}
	if cfg.Idle <= 0 && cfg.Over != OverSerial {
		cfg.Idle = 5 * time.Minute
	}
	if cfg.Clients <= 0 {
		cfg.Clients = 32
	}
	return &Server{cfg: cfg, conns: make(map[net.Conn]struct{})}
}

// Run serves until ctx ends, then closes the listener and all connections, waits for
// their goroutines and returns nil. It returns an error when the listener fails.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer s.closeAll()                                                    // their reads return
	stop := context.AfterFunc(ctx, func() { _ = s.cfg.Listener.Close() }) // Accept returns
	defer stop()
	defer func() { _ = s.cfg.Listener.Close() }()

	failures := 0
	for {
		conn, err := s.cfg.Listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err != nil && failures < acceptRetries && !errors.Is(err, net.ErrClosed):
			failures++
			if !pause(ctx, 50*time.Millisecond) {
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		failures = 0
		if f := s.trouble().everywhere(SlowAccept); f != nil && !pause(ctx, f.Delay) || s.closed() || !s.admit(ctx, conn) {
			_ = conn.Close()
			continue
		}
		clients.Go(func() {
			defer s.dismiss(conn)
			s.serve(ctx, conn)
		})
	}
}

// acceptRetries is how often in turn accepting may fail, for example for want of file
// descriptors, before the listener counts as broken: ten seconds.
const acceptRetries = 200

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) admit(ctx context.Context, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.cfg.Clients || ctx.Err() != nil {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *Server) dismiss(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *Server) trouble() *trouble { return s.cfg.Bank.image.Load().trouble }

// closed reports whether a fault keeps clients out.
func (s *Server) closed() bool {
	t := s.trouble()
	return t.everywhere(Refused) != nil || t.everywhere(Taken) != nil
}

// serve answers one client, in the order of its requests, until it leaves, falls
// silent or sends what is no frame.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	l := newLine(conn, s.cfg.Over)
	for s.await(ctx, l) {
		request, err := l.read()
		if err != nil {
			return
		}
		image := s.cfg.Bank.image.Load()
		if !s.respond(l, image, request) {
			continue
		}
		if !l.suffer(ctx, image.trouble.strikes(request.unit, s.cfg.Over), image.trouble) {
			return
		}
	}
}

// await sets the deadline of the next request, and waits while a fault keeps the
// server from reading; it is false when the connection is of no more use.
func (s *Server) await(ctx context.Context, l *line) bool {
	for {
		t := s.trouble()
		hole := t.everywhere(Blackhole) != nil
		if !hole && t.everywhere(Unread) == nil {
			break
		}
		l.dead = l.dead || hole
		if !pause(ctx, 50*time.Millisecond) {
			return false
		}
	}
	if l.dead {
		reset(l.conn)
		return false
	}
	idle := s.cfg.Idle
	if s.trouble().everywhere(ShortIdle) != nil {
		idle = shortIdle
	}
	if idle == 0 {
		return true
	}
	return l.conn.SetDeadline(time.Now().Add(idle)) == nil
}

// respond makes the reply frame; there is none to another protocol, none to an unknown
// unit where silence is wanted, and none to a broadcast on a line.
func (s *Server) respond(l *line, image *picture, request frame) bool {
	if request.protocol != 0 || request.unit == 0 && l.over != OverTCP {
		return false
	}
	if _, known := image.units[request.unit]; !known && s.cfg.SilentUnknown {
		return false
	}
	l.answer = request
	l.answer.pdu = s.cfg.Bank.answer(l.pdu[:0], image, request.unit, request.pdu)
	return true
}
