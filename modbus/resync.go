package modbus

import (
	"context"
	"time"
)

// rtuFault remembers what went wrong on an RTU line. An RTU reply does not say which
// registers it holds: a late one would be taken for the answer to the next request of
// the same function and length. So after a fault the line is left alone for longer
// than its slowest reply took, opened anew, and then asked a question of another
// length; only when that is answered are answers of the unit trusted again.
type rtuFault struct {
	slowest time.Duration // reply seen on this link, slowly forgotten
	until   time.Time     // end of the quarantine
	doubted map[uint8]doubt
	last    doubt // answered
}

// doubt is the request whose reply may still come.
type doubt struct {
	unit     uint8
	fc       readFunction
	quantity uint16
}

const shortestQuarantine = 100 * time.Millisecond

// note takes the outcome of an exchange.
func (f *rtuFault) note(r *request, err error) {
	if err == nil {
		return
	}
	if _, valid := exceptionCode(err); valid {
		return
	}
	if f.doubted == nil {
		f.doubted = map[uint8]doubt{}
	}
	f.doubted[r.unit] = doubt{r.unit, r.fc, r.quantity}
	f.until = time.Now().Add(max(shortestQuarantine, 2*f.slowest, r.timeout/2))
}

// apart is the silence that keeps a request away from the one before where the two look
// alike: a slave or a gateway that answers twice would otherwise answer both.
func (f *rtuFault) apart(r *request, lastUse time.Time) time.Duration {
	if f.last != (doubt{r.unit, r.fc, r.quantity}) {
		return 0
	}
	return time.Until(lastUse.Add(min(2*f.slowest, shortestQuarantine)))
}

// quarantine waits until the line may be used again.
func (f *rtuFault) quarantine(ctx context.Context) error { return pause(ctx, time.Until(f.until)) }

// resync makes sure that the next reply of r's unit belongs to the next request. It
// reports whether there was anything to make sure of.
func (l *link) resync(ctx context.Context, r *request) (bool, error) {
	before, doubted := l.fault.doubted[r.unit]
	if !doubted {
		return false, nil
	}
	test := before.otherThan(r)
	if _, err := l.bounded(ctx, &test, r.timeout); err != nil {
		if _, valid := exceptionCode(err); !valid {
			if l.rtu.asked {
				l.fault.note(r, err)
			}
			return false, err
		}
		// The device may refuse a longer read. Its refusal has the shape of any other
		// one, so the line is left alone once more before it is believed.
		if err := pause(ctx, max(shortestQuarantine, 2*l.fault.slowest)); err != nil {
			return false, err
		}
	}
	delete(l.fault.doubted, r.unit)
	return true, nil
}

// otherThan is a question whose answer can be mistaken for no other one: shorter than
// the doubted request and than r, or of the twin function where there is no shorter
// one. It never asks for a register that r does not ask for.
func (d doubt) otherThan(r *request) request {
	test := *r
	for q := r.quantity; q > 1; {
		q--
		if q != d.quantity || r.fc != d.fc {
			test.quantity = q
			return test
		}
	}
	test.quantity = 1
	test.fc = ((r.fc - 1) ^ 1) + 1 // coils and discrete inputs, holding and input registers
	return test
}
