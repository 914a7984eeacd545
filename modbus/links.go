package modbus

import (
	"context"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// LinksConfig configures a set of links. The zero value dials real sockets and serial
// ports and logs nothing.
type LinksConfig struct {
	// Dial opens a link in place of the network; for tests.
	Dial Dialer
	Log  zerolog.Logger
}

// Links is the set of physical links that pollers share: devices with the same host
// and port, or the same serial port, take turns on one connection. A link is opened
// by its first request and closed with its last poller.
type Links struct {
	config LinksConfig

	mu   sync.Mutex // guards open
	open map[string]*sharedLink
}

type sharedLink struct {
	*link

	users  int // pollers' devices; guarded by Links.mu
	oneOff oneOffGate
	stop   context.CancelFunc
	ended  chan struct{}
}

// NewLinks makes an empty set.
func NewLinks(c LinksConfig) *Links {
	return &Links{config: c, open: map[string]*sharedLink{}}
}

// attach gives the link to ep and starts its owner with the first user. ctx gives
// values only; the owner ends with the last detach.
func (s *Links) attach(ctx context.Context, ep endpoint) (*sharedLink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.open[ep.key()]
	if !ok {
		owner, stop := context.WithCancel(context.WithoutCancel(ctx))
		l = &sharedLink{link: newLink(ep, s.config.Dial, s.config.Log), stop: stop, ended: make(chan struct{}), oneOff: newOneOffGate()}
		s.open[ep.key()] = l
		go func() {
			defer close(l.ended)
			l.run(owner)
		}()
	}
	if l.endpoint != ep {
		return nil, fmt.Errorf("%w: %s and %s are one port with different settings", ErrDevice, l.endpoint, ep)
	}
	l.users++
	return l, nil
}

// detach gives the link back and waits for its owner where nobody else uses it.
func (s *Links) detach(l *sharedLink) {
	s.mu.Lock()
	l.users--
	last := l.users == 0
	if last {
		delete(s.open, l.endpoint.key())
	}
	s.mu.Unlock()
	if last {
		l.stop()
		<-l.ended
	}
}
