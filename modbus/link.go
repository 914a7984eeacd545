package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
)

const (
	idleClose      = 15 * time.Second // below the idle limit of devices, which starts at 30 s
	firstReconnect = 250 * time.Millisecond
	lastReconnect  = time.Second // between attempts, so that a link is back within two polls of one second
	// A port that another master has held for a minute is asked for less often.
	turnedAwayLong = 60
	politePause    = 5 * time.Second
)

// reply is what a link gives for a request.
type reply struct {
	words []uint16
	// resynced says that this is the first answer after a fault that could have
	// shifted answers (RTU only).
	resynced bool
	// held is how long the link was occupied.
	held time.Duration
	err  error
}

type job struct {
	ctx     context.Context //nolint:containedctx // one request on its way to the owner
	request request
	done    chan<- reply // buffered: the owner never waits for who asked
}

// link is one physical connection. One goroutine, run, owns everything below jobs;
// requests of several devices and wells reach it in turn.
type link struct {
	endpoint endpoint
	dial     func(context.Context) (io.ReadWriteCloser, error)
	log      zerolog.Logger
	jobs     chan job

	roll roll // of the units behind it

	conn     io.ReadWriteCloser // nil: closed
	tcp      *tcpFraming        // of conn
	rtu      *rtuFraming
	fault    rtuFault
	lastUse  time.Time // end of the last exchange
	heard    bool      // anything on conn
	failures int       // in a row: dials, and connections closed before the first answer
	nextDial time.Time
	dialErr  error
}

func newLink(ep endpoint, open Dialer, log zerolog.Logger) *link {
	l := &link{
		endpoint: ep, jobs: make(chan job),
		log: log.With().Str("component", "modbus").Str("link", ep.key()).Logger(),
	}
	l.dial = func(ctx context.Context) (io.ReadWriteCloser, error) { return dial(ctx, ep) }
	if open != nil {
		l.dial = func(ctx context.Context) (io.ReadWriteCloser, error) { return open(ctx, ep.String()) }
	}
	if ep.rtu() {
		l.rtu = newRTUFraming(ep.baud)
	}
	return l
}

// do hands a request to the owner and waits for the reply or the end of ctx.
func (l *link) do(ctx context.Context, r request) reply {
	done := make(chan reply, 1)
	select {
	case l.jobs <- job{ctx, r, done}:
	case <-ctx.Done():
		return reply{err: context.Cause(ctx)}
	}
	select {
	case answer := <-done:
		return answer
	case <-ctx.Done():
		return reply{err: context.Cause(ctx)}
	}
}

// run serves requests until ctx ends.
func (l *link) run(ctx context.Context) {
	defer l.drop()
	idle := time.NewTimer(idleClose)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-l.jobs:
			start := time.Now()
			answer := l.serve(j.ctx, &j.request) //nolint:contextcheck // of who asked; the owner outlives it
			answer.held = time.Since(start)
			code, exception := exceptionCode(answer.err)
			l.roll.note(j.request.unit, answer.err == nil || exception && !absent(code))
			j.done <- answer
			idle.Reset(idleClose)
		case <-idle.C:
			l.drop()
		}
	}
}

// serve makes one exchange, on a new connection where there is none. A connection
// that was in use before may have been closed by the device in the meantime, so its
// end costs one redial and not a value.
func (l *link) serve(ctx context.Context, r *request) reply {
	if err := pause(ctx, time.Until(l.lastUse.Add(r.pace.between))); err != nil {
		return reply{err: err}
	}
	var end time.Time
	for {
		reused := l.conn != nil
		if err := l.connect(ctx, r); err != nil {
			return reply{err: err}
		}
		if end.IsZero() {
			end = time.Now().Add(r.timeout)
		}
		words, resynced, err := l.exchange(ctx, r, time.Until(end))
		l.lastUse = time.Now()
		if _, valid := exceptionCode(err); valid || err == nil {
			l.failures = 0
			return reply{words: words, resynced: resynced, err: err}
		}
		l.drop()
		switch {
		case !hungUp(err) || ctx.Err() != nil:
		case reused && time.Now().Before(end):
			continue
		case !reused && !l.heard:
			err = l.turnedAway(err)
		}
		return reply{err: err}
	}
}

// turnedAway takes a new connection that the other side closed before it said anything.
// Where that goes on the port is in use by another master, whom knocking at it in each
// poll would disturb: the link waits as after a failed dial.
func (l *link) turnedAway(err error) error {
	err = &RequestError{esp.Unreachable, fmt.Errorf("the device closes each new connection: another master may hold the port: %w", err)}
	if l.failures > 0 {
		wait := reconnectDelay(l.failures)
		if l.failures > turnedAwayLong {
			wait = politePause
		}
		l.dialErr, l.nextDial = err, time.Now().Add(wait)
	}
	l.failures++
	return err
}

// exchange sends r and waits for its reply, at most for limit. Closing the connection
// is what ends the wait, at the deadline or when ctx ends: after either the answer
// could still come, and nothing but a new connection keeps it away.
func (l *link) exchange(ctx context.Context, r *request, limit time.Duration) (words []uint16, resynced bool, err error) {
	if l.endpoint.rtu() {
		if resynced, err = l.resync(ctx, r); err != nil {
			return nil, false, err
		}
	}
	words, err = l.bounded(ctx, r, limit)
	if l.endpoint.rtu() && l.rtu.asked { // what was not asked cannot be answered late
		l.fault.note(r, err)
	}
	return words, resynced, err
}

// bounded makes one exchange that ends with the deadline.
func (l *link) bounded(ctx context.Context, r *request, limit time.Duration) ([]uint16, error) {
	start := time.Now()
	if l.endpoint.rtu() {
		apart := *r
		apart.pace.guard = max(l.rtu.silence, r.pace.guard, l.fault.apart(r, l.lastUse))
		limit += apart.pace.guard
		r = &apart
	}
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn := l.conn
	stop := context.AfterFunc(bound, func() { _ = conn.Close() }) // the reader sees the error
	words, err := l.send(r)
	if !stop() { // closed in the moment of success
		l.drop()
	}
	if err == nil {
		l.fault.last = doubt{r.unit, r.fc, r.quantity}
		l.fault.slowest = max(l.fault.slowest*63/64, time.Since(start))
		return words, nil
	}
	if _, valid := exceptionCode(err); valid {
		return nil, err
	}
	return nil, broken(bound, err)
}

func (l *link) send(r *request) ([]uint16, error) {
	if l.tcp != nil {
		return l.tcp.exchange(l.conn, r)
	}
	line, ok := l.conn.(deadliner)
	if !ok {
		return nil, failf(esp.Unreachable, "a connection without read deadlines cannot carry RTU frames")
	}
	return l.rtu.exchange(line, r)
}

// connect opens the connection where it is closed. After a failure it waits longer
// from time to time before it tries again; requests in between fail at once.
func (l *link) connect(ctx context.Context, r *request) error {
	if l.conn != nil {
		return nil
	}
	if time.Now().Before(l.nextDial) {
		return &RequestError{esp.Unreachable, l.dialErr}
	}
	if err := l.fault.quarantine(ctx); err != nil {
		return err
	}
	start := time.Now()
	bound, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	conn, err := l.dial(bound)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.dialErr = portInUse(err)
		l.nextDial = start.Add(reconnectDelay(l.failures))
		l.failures++
		return &RequestError{esp.Unreachable, l.dialErr}
	}
	l.conn, l.nextDial, l.heard = l.listenTo(conn), time.Time{}, false
	if !l.endpoint.rtu() {
		l.tcp = newTCPFraming(l.endpoint.zeroID)
	}
	if err := pause(ctx, r.pace.afterConnect); err != nil {
		l.drop()
		return err
	}
	return nil
}

// listenTo notes when anything comes over a connection.
func (l *link) listenTo(conn io.ReadWriteCloser) io.ReadWriteCloser {
	if d, ok := conn.(deadliner); ok {
		return &heardConn{d, &l.heard}
	}
	return conn
}

type heardConn struct {
	deadliner

	heard *bool
}

func (c *heardConn) Read(b []byte) (int, error) {
	n, err := c.deadliner.Read(b)
	*c.heard = *c.heard || n > 0
	return n, err
}

// reconnectDelay doubles from a quarter of a second and is shortened at random, so
// that several appliances behind one switch do not knock in step.
func reconnectDelay(failures int) time.Duration {
	d := min(firstReconnect<<min(failures, 10), lastReconnect)
	return d - rand.N(d/5) //nolint:gosec // jitter, not a secret
}

// drop closes the connection.
func (l *link) drop() {
	if l.conn == nil {
		return
	}
	if err := l.conn.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		l.log.Debug().Err(err).Msg("close link")
	}
	l.conn, l.tcp = nil, nil
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", context.Cause(ctx))
	}
}
