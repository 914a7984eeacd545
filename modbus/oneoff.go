package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Errors of a one-off read that no device was asked for.
var (
	ErrNoDevice  = errors.New("no such device")
	ErrNotPolled = errors.New("the well is not being polled at this moment")
)

// ReadError says that a one-off read must not be made as it was asked for.
type ReadError struct{ Message string }

// Error is the sentence for people.
func (e *ReadError) Error() string { return e.Message }

// One-off reads of a link stand at least so far apart: one may come between two polls,
// and none between the requests of one poll that another has been waiting for.
const (
	shortestOneOff = time.Second
	longestOneOff  = 5 * time.Second
)

// oneOffGate lets one one-off read at a time through to a link.
type oneOffGate struct {
	turn chan struct{} // held by the one
	next time.Time     // earliest start of another; of who holds turn
}

func newOneOffGate() oneOffGate { return oneOffGate{turn: make(chan struct{}, 1)} }

// pass waits for the turn, and for the pause after the last one. The caller calls done
// after its request.
func (g *oneOffGate) pass(ctx context.Context, apart time.Duration) (done func(), err error) {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the line: %w", context.Cause(ctx))
	}
	if err := pause(ctx, time.Until(g.next)); err != nil {
		<-g.turn
		return nil, err
	}
	return func() {
		g.next = time.Now().Add(apart)
		<-g.turn
	}, nil
}

// Read asks a device of the well for registers (function codes 3 and 4) or bits (1 and
// 2) beside the polls: through the owner of its link, one such request at a time, a
// second apart or more, so that a poll waits for one of them at most. It gives the bytes
// of the values as they stand in the reply: two per register, high byte first, or eight
// bits per byte, the lowest first.
//
// The error is a *ReadError for what must not be asked (another function code, a length
// that the device cannot give, a register that its profile forbids to read), ErrNoDevice,
// ErrNotPolled while Run does not run, and else what came of the request, which
// ReasonOf puts into a class. It may be called from any goroutine.
func (p *Poller) Read(ctx context.Context, device esp.DeviceID, fc uint8, address, quantity uint16) ([]byte, error) {
	var s *session
	for _, of := range p.sessions {
		if of.device.ID == device {
			s = of
		}
	}
	if s == nil {
		return nil, fmt.Errorf("%s: %w", device, ErrNoDevice)
	}
	if err := allowed(s.device.Profile, readFunction(fc), address, quantity); err != nil {
		return nil, err
	}
	l := p.links.polled(s.endpoint)
	if l == nil {
		return nil, ErrNotPolled
	}
	done, err := l.oneOff.pass(ctx, min(max(p.tick, shortestOneOff), longestOneOff))
	if err != nil {
		return nil, err
	}
	defer done()
	link := &s.device.Profile.Link
	answer := l.askOnce(ctx, request{
		unit: s.device.Unit, fc: readFunction(fc), address: address, quantity: quantity, timeout: s.device.Timeout,
		pace: pace{link.Between, link.PauseAfterConnect, link.Guard},
	})
	if answer.err != nil {
		return nil, fmt.Errorf("read %d from address %d of %s, function code %d: %w", quantity, address, device, fc, answer.err)
	}
	return packed(readFunction(fc), answer.words), nil
}

// allowed says what is wrong with a request before anything is asked.
func allowed(p *profile.Profile, fc readFunction, address, quantity uint16) error {
	refuse := func(format string, args ...any) error { return &ReadError{fmt.Sprintf(format, args...)} }
	most := p.Link.MaxRegs
	last := int(address) + int(quantity) - 1
	switch {
	case !fc.valid():
		return refuse("function code %d does not read: choose 1, 2, 3 or 4", fc)
	case quantity == 0:
		return refuse("a length of at least 1 is needed")
	case int(quantity) > most:
		return refuse("the profile %s allows at most %d at once, not %d", p.ID, most, quantity)
	case last > 0xFFFF:
		return refuse("addresses end at 65535; %d from %d on goes beyond", quantity, address)
	}
	for _, s := range p.NeverRead {
		if int(s.Last) >= int(address) && int(s.First) <= last {
			return refuse("the profile %s forbids to read the addresses %d to %d: reading them disturbs the device. Nothing was asked", p.ID, s.First, s.Last)
		}
	}
	return nil
}

// askOnce hands a request to the owner of the link. Once the owner has it the end of ctx
// changes nothing: cutting an exchange off would cost the polls their connection.
func (l *sharedLink) askOnce(ctx context.Context, r request) reply {
	done := make(chan reply, 1)
	select {
	case l.jobs <- job{context.WithoutCancel(ctx), r, done}:
	case <-l.ended:
		return reply{err: ErrNotPolled}
	case <-ctx.Done():
		return reply{err: context.Cause(ctx)}
	}
	select {
	case answer := <-done:
		return answer
	case <-l.ended:
		return reply{err: ErrNotPolled}
	}
}

// polled is the open link to ep; nil while nobody polls over it.
func (s *Links) polled(ep endpoint) *sharedLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[ep.key()]
}

func packed(fc readFunction, words []uint16) []byte {
	if !fc.bits() {
		out := make([]byte, 0, 2*len(words))
		for _, w := range words {
			out = binary.BigEndian.AppendUint16(out, w)
		}
		return out
	}
	out := make([]byte, (len(words)+7)/8)
	for i, w := range words {
		out[i/8] |= byte(w&1) << (i % 8)
	}
	return out
}
