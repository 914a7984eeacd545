package sim

import (
	"context"
	"encoding/binary"
	"net"
	"time"
)

// shortIdle is when a connection closes that knows ShortIdle.
const shortIdle = 300 * time.Millisecond

// garbageSize is how much noise comes before an answer.
const garbageSize = 64

// line is one connection as faults see it.
type line struct {
	conn   net.Conn
	out    []byte // the answer as it should be
	before []byte // the answer before
}

// suffer sends the answer the way the fault has it; false: the connection is over.
// What is random follows from the second and the answer alone.
func (l *line) suffer(ctx context.Context, f *LinkFault, second int64) bool {
	chance := hash(uint64(second), int64(binary.BigEndian.Uint16(l.out)), int64(f.Act))
	send := func(b []byte) bool {
		_, err := l.conn.Write(b)
		return err == nil
	}
	half := 1 + int(chance%uint64(len(l.out)-1))
	switch f.Act {
	case Silent, Unread:
		return true
	case Delayed:
		return pause(ctx, f.Delay+time.Duration(chance%uint64(f.Delay/2+1))) && send(l.out)
	case Exception:
		return send(appendFrame(nil, frame{
			transaction: binary.BigEndian.Uint16(l.out), unit: l.out[6],
			pdu: exception(nil, l.out[headerSize]&^0x80, f.Code),
		}))
	case WrongTransaction:
		binary.BigEndian.PutUint16(l.out, binary.BigEndian.Uint16(l.out)+1+uint16(chance%60000))
		return send(l.out)
	case Truncated:
		return send(l.out[:len(l.out)-min(3, len(l.out)-headerSize)])
	case Split:
		return send(l.out[:half]) && pause(ctx, f.Delay) && send(l.out[half:])
	case Garbage:
		return send(append(noise(chance), l.out...))
	case Stale:
		stale := append(l.before, l.out...)
		l.before = append(l.before[:0:0], l.out...)
		return send(stale)
	case Doubled:
		return send(append(l.out, l.out...))
	case Reset:
		_ = send(l.out[:half])
		if tcp, ok := l.conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // close with RST
		}
		return false
	case Closed:
		_ = send(l.out)
		return false
	case ShortIdle: // acts between requests
	}
	return send(l.out)
}

func noise(chance uint64) []byte {
	b := make([]byte, 0, garbageSize+frameLimit)
	for i := range int64(garbageSize / 8) {
		b = binary.BigEndian.AppendUint64(b, hash(chance, i, 0))
	}
	return b
}
