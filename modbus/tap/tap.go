// Package tap lets other masters read what the poller has read anyway: a Modbus TCP
// server that answers from memory, so that a drive with one connection and a gauge on
// one line serve the site's SCADA too and see no request more.
//
// It serves what each device last said, under the unit, function code and addresses of
// the device, and registers of its own about the wells. A register that nobody read is
// refused, and so is one whose last reading is too old: what is served is what the
// device said a moment ago, or nothing. Nothing can be written: every function but the
// four reads and the identification is an illegal function, and nothing here knows a way
// to a device.
//
// It imports no other part of modbus and shares no code with the simulator. Only the
// appliance imports it.
package tap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Device is a device as other masters see it.
type Device struct {
	Image *Image // must not be nil
	// MaxAge is how old a register may be; 0: three of its periods.
	MaxAge time.Duration
}

// Settings are what may change while the server runs.
type Settings struct {
	// Devices by the unit under which they are served; must not be changed afterwards.
	Devices map[uint8]Device
	// Own is the unit of the registers of our own.
	Own uint8
	// Allow are the networks whose masters may read; nobody else may.
	Allow []netip.Prefix
	// Connections is how many clients are served at a time; more are closed at once.
	Connections int
	// Idle is how long a client may stay silent.
	Idle time.Duration
}

// Config configures a Server.
type Config struct {
	Listener net.Listener // must not be nil; Run closes it
	Settings Settings
	Version  string // of the program, for the identification
	Log      zerolog.Logger
}

const (
	// requestTime is how long one request or one answer may be under way.
	requestTime = 5 * time.Second
	// pace and burst bound what one client may ask: 200 requests a second on average, 40
	// at once. Without it a client that asks as fast as it can takes a processor.
	pace  = 5 * time.Millisecond
	burst = 40 * pace
)

// Server answers other masters.
type Server struct {
	listener net.Listener
	version  string
	log      zerolog.Logger
	settings atomic.Pointer[Settings]
	board    atomic.Pointer[published]
	counts   counts

	mu     sync.Mutex // guards the rest
	conns  map[net.Conn]netip.Addr
	warned time.Time // when it was last told that a client was turned away
	quiet  uint64    // how many were since, untold
}

// New makes a server; Run starts it.
func New(c Config) *Server {
	s := &Server{listener: c.Listener, version: c.Version, log: c.Log, conns: map[net.Conn]netip.Addr{}}
	s.settings.Store(&c.Settings)
	return s
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close lets go of a server that never ran.
func (s *Server) Close() error { return s.listener.Close() }

// Set replaces the settings. Clients that may not read any more are cut off.
func (s *Server) Set(settings Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings.Store(&settings)
	for conn, peer := range s.conns {
		if !settings.admits(peer) {
			_ = conn.Close()
		}
	}
}

func (s *Settings) admits(peer netip.Addr) bool {
	for _, network := range s.Allow {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}

// Run serves until ctx ends, then closes the listener and all connections, waits for
// their goroutines and returns nil. It returns an error when the listener fails.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer s.closeAll()                                                // their reads return
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() }) // Accept returns
	defer stop()
	defer func() { _ = s.listener.Close() }()

	failures := 0
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err != nil && failures < acceptRetries && !errors.Is(err, net.ErrClosed):
			failures++
			if wait(ctx, acceptPause) != nil {
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		failures = 0
		if why := s.admit(conn); why != "" {
			_ = conn.Close()
			s.turnedAway(conn, why)
			continue
		}
		clients.Go(func() {
			defer s.dismiss(conn)
			s.serve(ctx, conn)
		})
	}
}

// Accepting may fail for a while, for example for want of file descriptors.
const (
	acceptRetries = 200
	acceptPause   = 50 * time.Millisecond
)

// admit takes a connection in, or says why not.
func (s *Server) admit(conn net.Conn) (why string) {
	peer := addressOf(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	settings := s.settings.Load()
	switch {
	case !settings.admits(peer):
		s.counts.strangers.Add(1)
		return "its network is not allowed"
	case len(s.conns) >= settings.Connections:
		s.counts.crowded.Add(1)
		return "as many clients as allowed are connected"
	}
	s.counts.connections.Add(1)
	s.conns[conn] = peer
	return ""
}

// addressOf is the address of a peer; the zero address where it has none.
func addressOf(conn net.Conn) netip.Addr {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// tellEvery is how often the log says that clients are turned away.
const tellEvery = time.Minute

func (s *Server) turnedAway(conn net.Conn, why string) {
	s.mu.Lock()
	now, before := time.Now(), s.quiet
	if !s.warned.IsZero() && now.Sub(s.warned) < tellEvery {
		s.quiet++
		s.mu.Unlock()
		return
	}
	s.warned, s.quiet = now, 0
	s.mu.Unlock()
	s.log.Warn().Stringer("client", conn.RemoteAddr()).Str("reason", why).Uint64("before", before).Msg("a client was turned away")
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

// serve answers one client in the order of its requests, until it leaves, falls silent,
// takes too long over a request or an answer, or sends what is no frame.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	var buffer [frameLimit]byte
	in, out := bufio.NewReaderSize(conn, 2*frameLimit), make([]byte, 0, frameLimit)
	var due time.Time // when its next answer is, at the pace allowed
	for {
		if conn.SetReadDeadline(time.Now().Add(s.settings.Load().Idle)) != nil {
			return
		}
		if _, err := in.Peek(1); err != nil {
			return
		}
		if conn.SetDeadline(time.Now().Add(requestTime)) != nil {
			return
		}
		request, err := readFrame(in, buffer[:])
		if err != nil {
			if errors.Is(err, errNoFrame) || errors.Is(err, os.ErrDeadlineExceeded) {
				s.counts.malformed.Add(1)
			}
			return
		}
		out = s.respond(out[:0], &request)
		if _, err := conn.Write(out); err != nil {
			return
		}
		now := time.Now()
		if due = latest(due, now.Add(-burst)).Add(pace); due.After(now) && wait(ctx, due.Sub(now)) != nil {
			return
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wait waits for d or the end of ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// counts are since the start.
type counts struct {
	connections, strangers, crowded, malformed atomic.Uint64
	answered, refused, exceptions              atomic.Uint64
}

// Stats say what the server has done since its start.
type Stats struct {
	Clients     int    // connected now
	Connections uint64 // taken in
	// Strangers were turned away for their network, Crowded because the most clients
	// allowed were connected.
	Strangers, Crowded uint64
	Malformed          uint64 // connections that were cut for what is no Modbus frame, or an unfinished one
	Answered           uint64 // requests that got values
	Refused            uint64 // requests of a function that is not served, writes above all
	Exceptions         uint64 // requests for what is not there or too old
}

// Stats may be called at any time from any goroutine.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	clients := len(s.conns)
	s.mu.Unlock()
	c := &s.counts
	return Stats{
		Clients: clients, Connections: c.connections.Load(), Strangers: c.strangers.Load(), Crowded: c.crowded.Load(),
		Malformed: c.malformed.Load(), Answered: c.answered.Load(), Refused: c.refused.Load(), Exceptions: c.exceptions.Load(),
	}
}
