package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

// Figures of the live stream.
const (
	maxStreams   = 128
	beatInterval = 2 * time.Second
	// leastGap is the shortest time between two changes. It is a little less than the
	// shortest polling period that a person needs to see, so that the jitter of a 1 s
	// poll does not make every other one wait.
	leastGap = 900 * time.Millisecond
	// reviewInterval is how often ages are looked at when nothing else happens.
	reviewInterval = 2 * time.Second
	// writeDeadline bounds the writing of one event: a client that does not read is
	// dropped within 5 s of its buffers being full.
	writeDeadline = 4 * time.Second
	// clientBuffer is how many events may wait for one client.
	clientBuffer = 8
	// socketBuffer keeps little in the kernel for a client that does not read.
	socketBuffer = 32 << 10
)

// allWells is the feed over all wells; no well has this id.
const allWells esp.WellID = ""

// hub has one feed per well and one over all that somebody listens to. A feed begins
// with its first listener and ends with its last; all its listeners share the bytes
// it makes.
type hub struct {
	server *Server
	stop   chan struct{} // closed by Run when it ends
	work   sync.WaitGroup

	mu    sync.Mutex      // guards what follows
	life  context.Context //nolint:containedctx // of the feeds; nil before Run and after
	feeds map[esp.WellID]*feed

	count   atomic.Int64  // of clients; changed under mu
	dropped atomic.Uint64 // clients that were too slow
}

// feed is the stream of one well.
type feed struct {
	well    esp.WellID
	end     context.CancelFunc
	members int           // clients that have not left; guarded by the hub
	wake    chan struct{} // one waiting token: somebody has come

	mu      sync.Mutex // guards what follows
	clients map[*client]struct{}
	dropped *atomic.Uint64 // of the hub
	frame   *liveFrame
	seq     uint64
}

// client is one listener. Its channel is closed by the feed when it is too slow.
type client struct {
	events chan []byte
	parts  string // which pieces of the page it wants too: 1 for all, head, or none
	closed bool   // guarded by the feed
}

func newHub(s *Server) *hub {
	return &hub{server: s, stop: make(chan struct{}), feeds: make(map[esp.WellID]*feed)}
}

// start lets feeds work until ctx is done.
func (h *hub) start(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.life = ctx
}

// wait is for the end of the feeds; the context of start must be done.
func (h *hub) wait() {
	h.mu.Lock()
	h.life = nil
	h.mu.Unlock()
	h.work.Wait()
}

// feed finds the feed of a well or begins it. The lock is held.
func (h *hub) feed(well esp.WellID) (*feed, error) {
	if f, ok := h.feeds[well]; ok {
		return f, nil
	}
	if h.life == nil {
		return nil, errNotServing
	}
	is := func(s Summary) bool { return s.ID == well }
	if well != allWells && !slices.ContainsFunc(h.server.cfg.Wells.Wells(h.life), is) {
		return nil, ErrNoWell
	}
	ctx, end := context.WithCancel(h.life)
	f := &feed{well: well, end: end, wake: make(chan struct{}, 1), clients: make(map[*client]struct{}), dropped: &h.dropped}
	h.feeds[well] = f
	h.work.Go(func() { h.follow(ctx, f) })
	return f, nil
}

// follow shows what is new to the listeners of f, at most once per leastGap.
func (h *hub) follow(ctx context.Context, f *feed) {
	gap := time.NewTimer(leastGap)
	defer gap.Stop()
	review := time.NewTimer(reviewInterval)
	defer review.Stop()
	for {
		var changed <-chan struct{} // of all wells: looked at every reviewInterval only
		if f.well != allWells {
			changed = h.server.cfg.Changes.Changed(f.well)
		}
		h.show(ctx, f)
		gap.Reset(leastGap)
		select {
		case <-ctx.Done():
			return
		case <-gap.C:
		}
		review.Reset(reviewInterval - leastGap)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-f.wake:
		case <-review.C:
		}
	}
}

// show makes a frame and hands what is new to the listeners; those who have none yet
// get all of it.
func (h *hub) show(ctx context.Context, f *feed) {
	frame, err := h.server.frame(ctx, f.well)
	if errors.Is(err, ErrNoWell) { // it was taken out of the configuration
		err = f.dismiss(h.server.cfg.Now())
	}
	if err != nil {
		if ctx.Err() == nil {
			h.server.log.Error().Err(err).Str("well", string(f.well)).Msg("live frame not made")
		}
		return
	}
	if frame == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frame == nil || !frame.sameShape(f.frame) {
		f.seq++
		f.frame = frame
		f.broadcast(h.server, "snapshot", frame.snapshot(f.seq, frame.time))
		return
	}
	doc, ok := frame.changes(f.frame, f.seq+1)
	f.frame = frame
	if ok {
		f.seq++
		f.broadcast(h.server, "change", doc)
	}
}

func (s *Server) frame(ctx context.Context, well esp.WellID) (*liveFrame, error) {
	if well == allWells {
		return s.wellsFrame(s.cfg.Wells.Wells(ctx), s.cfg.Now())
	}
	o, err := s.cfg.Wells.Overview(ctx, well)
	if err != nil {
		return nil, err
	}
	return s.wellFrame(o)
}

// broadcast encodes doc once for each choice of parts. The lock is held.
func (f *feed) broadcast(s *Server, kind string, doc liveDoc) {
	encoded := make(map[string][]byte, 1)
	for c := range f.clients {
		b, ok := encoded[c.parts]
		if !ok {
			var err error
			if b, err = event(kind, f.seq, doc.only(c.parts)); err != nil {
				s.log.Error().Err(err).Msg("live event not encoded")
				return
			}
			encoded[c.parts] = b
		}
		f.offer(c, b)
	}
}

// partsOfHead are the pieces that every page of a well has: the banner and the count of
// alarms.
const partsOfHead = "head"

// only is d with the pieces of the page that were asked for.
func (d liveDoc) only(parts string) liveDoc {
	all := d.Parts
	if parts == "1" {
		return d
	}
	d.Parts = nil
	if parts != partsOfHead {
		return d
	}
	for _, name := range []string{"banner", "count"} {
		if html, ok := all[name]; ok {
			if d.Parts == nil {
				d.Parts = make(map[string]string, 2)
			}
			d.Parts[name] = html
		}
	}
	return d
}

// offer hands an event to a client; one that is too far behind is dropped and will
// come back for a snapshot. The lock is held.
func (f *feed) offer(c *client, b []byte) {
	select {
	case c.events <- b:
	default:
		f.drop(c)
		f.dropped.Add(1)
	}
}

// drop ends the stream of a client. The lock is held.
func (f *feed) drop(c *client) {
	delete(f.clients, c)
	c.closed = true
	close(c.events)
}

// dismiss tells all listeners of the feed that the well is gone and ends their
// streams; who comes back is told that there is no such well.
func (f *feed) dismiss(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frame = nil
	f.seq++
	b, err := event("gone", f.seq, liveDoc{Seq: f.seq, Time: now.UnixMilli(), Well: f.well})
	if err != nil {
		return err
	}
	for c := range f.clients {
		f.offer(c, b)
		if !c.closed {
			f.drop(c)
		}
	}
	return nil
}

var (
	errTooMany    = errors.New("too many live streams")
	errNotServing = errors.New("the server is starting or ending")
)

// join adds a client. The first thing it gets is a snapshot: of the present frame, or
// where there is none the next that is made.
func (h *hub) join(well esp.WellID, parts string) (*feed, *client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count.Load() >= maxStreams {
		return nil, nil, errTooMany
	}
	f, err := h.feed(well)
	if err != nil {
		return nil, nil, err
	}
	c := &client{events: make(chan []byte, clientBuffer), parts: parts}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frame != nil {
		b, err := event("snapshot", f.seq, f.frame.snapshot(f.seq, h.server.cfg.Now()).only(parts))
		if err != nil {
			h.release(f)
			return nil, nil, err
		}
		c.events <- b
	}
	f.clients[c] = struct{}{}
	f.members++
	h.count.Add(1)
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return f, c, nil
}

// Live tells how many live streams are open, and how many were ended since the start
// because their reader was too slow.
func (s *Server) Live() (streams int, dropped uint64) {
	return int(s.hub.count.Load()), s.hub.dropped.Load()
}

func (h *hub) leave(f *feed, c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count.Add(-1)
	f.members--
	h.release(f)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !c.closed {
		delete(f.clients, c)
	}
}

// release ends a feed that nobody listens to. The lock is held.
func (h *hub) release(f *feed) {
	if f.members == 0 {
		delete(h.feeds, f.well)
		f.end()
	}
}

func (f *feed) sequence() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

// connKey is the context key of the connection of a request.
type connKey struct{}

// partsAsked is a choice of parts; what is none of them is none.
func partsAsked(s string) string {
	if s == "1" || s == partsOfHead {
		return s
	}
	return ""
}

// live is GET /api/v1/live?well=ID&parts=1: a stream of server-sent events. Without
// well it is over all wells.
func (s *Server) live(c echo.Context) error {
	f, cl, err := s.hub.join(esp.WellID(c.QueryParam("well")), partsAsked(c.QueryParam("parts")))
	switch {
	case errors.Is(err, ErrNoWell):
		return errNotFound("no such well")
	case errors.Is(err, errTooMany), errors.Is(err, errNotServing):
		c.Response().Header().Set("Retry-After", "5")
		return &apiError{status: http.StatusServiceUnavailable, code: "busy", message: err.Error()}
	case err != nil:
		return err
	}
	defer s.hub.leave(f, cl)

	if conn, ok := c.Request().Context().Value(connKey{}).(*net.TCPConn); ok {
		if err := conn.SetWriteBuffer(socketBuffer); err != nil {
			s.log.Debug().Err(err).Msg("socket buffer not set")
		}
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	w := &eventWriter{rc: http.NewResponseController(c.Response()), w: c.Response()}
	if err := w.write([]byte("retry: 2000\n\n")); err != nil {
		return nil // the client has gone; there is nobody to tell
	}
	beat := time.NewTicker(beatInterval)
	defer beat.Stop()
	for {
		var b []byte
		select {
		case <-c.Request().Context().Done():
			return nil
		case <-s.hub.stop:
			return nil
		case b = <-cl.events:
			if b == nil { // too slow: dropped by the feed
				return nil
			}
		case <-beat.C:
			seq := f.sequence()
			b, err = event("beat", seq, map[string]any{"seq": seq, "time": s.cfg.Now().UnixMilli()})
			if err != nil {
				return err
			}
		}
		if err := w.write(b); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.hub.dropped.Add(1)
			}
			return nil // the client has gone or does not read
		}
	}
}

// eventWriter writes events with a deadline each.
type eventWriter struct {
	rc *http.ResponseController
	w  http.ResponseWriter
}

func (w *eventWriter) write(b []byte) error {
	if err := w.rc.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
		return err
	}
	if _, err := w.w.Write(b); err != nil {
		return err
	}
	return w.rc.Flush()
}
