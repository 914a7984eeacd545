package sim

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"time"
)

// shortIdle is when a connection closes that knows ShortIdle.
const shortIdle = 300 * time.Millisecond

// garbageSize is how much noise comes before an answer.
const garbageSize = 64

// mostPieces is in how many pieces a dripping answer comes at most.
const mostPieces = 60

// line is one connection as faults see it.
type line struct {
	conn  net.Conn
	over  Over
	in    *bufio.Reader // of RTU frames
	room  [frameLimit]byte
	pdu   [pduLimit]byte
	asked []byte // the request as it came; RTU only

	answer frame  // as it should be
	before []byte // the answer before
	count  int64  // requests
	dead   bool   // lost in a black hole: it never comes back
}

func newLine(conn net.Conn, over Over) *line {
	l := &line{conn: conn, over: over}
	if over != OverTCP {
		l.in = bufio.NewReaderSize(conn, frameLimit)
	}
	return l
}

// read takes the next request.
func (l *line) read() (f frame, err error) {
	if l.over == OverTCP {
		f, err = readFrame(l.conn, l.room[:])
	} else {
		f, l.asked, err = readRTU(l.in, l.room[:])
	}
	l.count++
	return f, err
}

// encode is a frame as this line carries it.
func (l *line) encode(f frame) []byte {
	if l.over == OverTCP {
		return appendFrame(nil, f)
	}
	return appendRTU(nil, f.unit, f.pdu)
}

func (l *line) send(b []byte) bool {
	_, err := l.conn.Write(b)
	return err == nil
}

// suffer sends the answer the way the fault has it; false: the connection is over.
// What is random follows from the seed, the second and the number of the request.
func (l *line) suffer(ctx context.Context, f *LinkFault, t *trouble) bool {
	if f == nil {
		return l.send(l.encode(l.answer))
	}
	chance := hash(t.seed, t.second, l.count<<8|int64(f.Act))
	switch f.Act {
	case Silent, Unread, Unplugged:
		return true
	case Blackhole:
		l.dead = true
		return true
	case Refused, Taken:
		return false
	case Stale:
		out := l.encode(l.answer)
		stale := append(l.before, out...)
		l.before = out
		return l.send(stale)
	default:
	}
	out := l.altered(f, chance)
	half := 1 + int(chance%uint64(len(out)-1))
	switch f.Act {
	case Delayed:
		return pause(ctx, f.Delay+time.Duration(chance%uint64(f.Spread+1))) && l.send(out)
	case Drip:
		return l.drip(ctx, out, f.Delay)
	case Split:
		return l.send(out[:half]) && pause(ctx, f.Delay) && l.send(out[half:])
	case SplitException:
		return l.send(out[:len(out)-1]) && pause(ctx, f.Delay) && l.send(out[len(out)-1:])
	case Reset, Finished:
		_ = l.send(out[:half])
		if f.Act == Reset {
			reset(l.conn)
		}
		return false
	case Closed:
		_ = l.send(out)
		return false
	default:
	}
	return l.send(out)
}

// reset makes closing a connection break it.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // close with RST
	}
}

func (l *line) drip(ctx context.Context, b []byte, gap time.Duration) bool {
	size := (len(b) + mostPieces - 1) / mostPieces
	for len(b) > size {
		if !l.send(b[:size]) || !pause(ctx, gap) {
			return false
		}
		b = b[size:]
	}
	return l.send(b)
}

func noise(chance uint64) []byte {
	b := make([]byte, 0, garbageSize+frameLimit)
	for i := range int64(garbageSize / 8) {
		b = binary.BigEndian.AppendUint64(b, hash(chance, i, 0))
	}
	return b
}
