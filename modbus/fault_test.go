package modbus_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// fault is one behaviour of the TCP fault matrix.
type fault struct {
	name string
	// answer handles a request while the fault is active.
	answer func(rng *rand.Rand, conn net.Conn, a ask)
	refuse bool
	accept time.Duration // delay of accept
	maybe  bool          // values may also come through
	// reasons that the lost values may have; none: nothing may be lost.
	reasons []esp.Reason
}

func write(b func(a ask) []byte) func(*rand.Rand, net.Conn, ask) {
	return func(_ *rand.Rand, conn net.Conn, a ask) { _, _ = conn.Write(b(a)) }
}

func patched(at int, to ...byte) func(*rand.Rand, net.Conn, ask) {
	return write(func(a ask) []byte {
		b := a.reply()
		copy(b[at:], to)
		return b
	})
}

func excepted(code uint8) fault {
	return fault{
		name: fmt.Sprintf("exception %d", code), answer: write(func(a ask) []byte { return a.exception(code) }),
		reasons: []esp.Reason{esp.DeviceException},
	}
}

func faults() []fault {
	late := func(rng *rand.Rand, conn net.Conn, a ask) {
		b := a.reply()
		hold(500*time.Millisecond + time.Duration(rng.Int64N(int64(400*time.Millisecond))))
		_, _ = conn.Write(b)
	}
	timeout := []esp.Reason{esp.Timeout}
	frame := []esp.Reason{esp.BadFrame}
	closed := []esp.Reason{esp.Disconnected}
	all := []fault{
		{name: "late reply", answer: late, reasons: timeout},
		{name: "reply exactly at the deadline", answer: func(_ *rand.Rand, conn net.Conn, a ask) {
			b := a.reply()
			hold(500 * time.Millisecond)
			_, _ = conn.Write(b)
		}, reasons: timeout, maybe: true},
		{name: "split frame", answer: func(rng *rand.Rand, conn net.Conn, a ask) {
			b := a.reply()
			drip(conn, b, 3+rng.IntN(len(b)), 20*time.Millisecond)
		}},
		{name: "a byte every 5 ms", answer: func(_ *rand.Rand, conn net.Conn, a ask) { drip(conn, a.reply(), 1, 5*time.Millisecond) }},
		{name: "a byte every 60 ms", answer: func(_ *rand.Rand, conn net.Conn, a ask) { drip(conn, a.reply(), 1, 60*time.Millisecond) }, reasons: timeout},
		{name: "garbage before", answer: func(rng *rand.Rand, conn net.Conn, a ask) {
			_, _ = conn.Write(append(garbage(rng, 64), a.reply()...))
		}, reasons: []esp.Reason{esp.BadFrame, esp.Timeout}},
		{name: "length 0", answer: patched(4, 0, 0), reasons: frame},
		{name: "length 1", answer: patched(4, 0, 1), reasons: frame},
		{name: "length 65535", answer: patched(4, 0xFF, 0xFF), reasons: frame},
		{name: "FIN in the frame", answer: func(rng *rand.Rand, conn net.Conn, a ask) {
			b := a.reply()
			_, _ = conn.Write(b[:1+rng.IntN(len(b)-1)])
			conn.Close()
		}, reasons: closed},
		{name: "close after each reply", answer: func(_ *rand.Rand, conn net.Conn, a ask) {
			_, _ = conn.Write(a.reply())
			conn.Close()
		}},
		{name: "reply twice", answer: func(_ *rand.Rand, conn net.Conn, a ask) {
			b := a.reply()
			go func() { _, _ = conn.Write(append(slices.Clone(b), b...)) }()
			hold(time.Millisecond)
		}},
		{name: "wrong transaction", answer: func(rng *rand.Rand, conn net.Conn, a ask) {
			a.id += 1 + uint16(rng.IntN(60000))
			_, _ = conn.Write(a.reply())
		}, reasons: []esp.Reason{esp.BadFrame, esp.Timeout}},
		{name: "transaction always 0", answer: patched(0, 0, 0), reasons: []esp.Reason{esp.BadFrame, esp.Timeout}},
		{name: "wrong unit", answer: patched(6, 9), reasons: frame},
		{name: "unit 0", answer: patched(6, 0), reasons: frame},
		{name: "wrong protocol", answer: patched(2, 0, 7), reasons: frame},
		{name: "truncated frame", answer: write(func(a ask) []byte { b := a.reply(); return b[:len(b)-3] }), reasons: timeout},
		{name: "byte count short", answer: write(func(a ask) []byte { d := a.data(time.Now()); d[0] -= 2; return a.frame(a.fc, d[:len(d)-2]) }), reasons: frame},
		{name: "byte count long", answer: write(func(a ask) []byte {
			d := a.data(time.Now())
			d[0] += 2
			return a.frame(a.fc, append(d, 1, 2))
		}), reasons: frame},
		{name: "byte count 0", answer: write(func(a ask) []byte { return a.frame(a.fc, []byte{0}) }), reasons: frame},
		{name: "byte count odd", answer: write(func(a ask) []byte { d := a.data(time.Now()); d[0]--; return a.frame(a.fc, d[:len(d)-1]) }), reasons: frame},
		{name: "byte count lies", answer: patched(8, 2), reasons: frame},
		{name: "other function", answer: patched(7, 4), reasons: frame},
		{name: "exception of another function", answer: write(func(a ask) []byte { return a.frame(0x84, []byte{2}) }), reasons: frame},
		{name: "exception without code", answer: write(func(a ask) []byte { return a.frame(a.fc|0x80, nil) }), reasons: frame},
		{name: "exception of two bytes", answer: write(func(a ask) []byte { return a.frame(a.fc|0x80, []byte{4, 4}) }), reasons: frame},
		{name: "exception of unknown code", answer: write(func(a ask) []byte { return a.exception(99) }), reasons: frame},
		{name: "silence", answer: func(*rand.Rand, net.Conn, ask) {}, reasons: timeout},
		{name: "reads nothing", answer: func(_ *rand.Rand, _ net.Conn, _ ask) { hold(2 * time.Second) }, reasons: timeout},
		{name: "refused", refuse: true, reasons: []esp.Reason{esp.Unreachable}},
		{name: "slow accept", accept: 300 * time.Millisecond},
		{name: "no accept", accept: time.Hour, reasons: []esp.Reason{esp.Unreachable}},
	}
	for _, code := range []uint8{1, 4, 5, 6, 10, 11} {
		all = append(all, excepted(code))
	}
	return append(all,
		fault{name: "exception 2", answer: write(func(a ask) []byte { return a.exception(2) }), reasons: []esp.Reason{esp.NotSupported}},
		fault{name: "exception 3", answer: write(func(a ask) []byte { return a.exception(3) }), reasons: []esp.Reason{esp.NotSupported}},
	)
}

// seeds is how often each fault is played here; TestFaultMatrix plays more.
func seeds() uint64 { return 10 }

// Each fault lasts for a few seconds. No value may be accepted that was not there to
// be read at that moment, every lost value has a reason of its kind, and the device is
// whole again within two polls of the fault's end.
func TestLastingFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			for seed := range seeds() {
				rng := rand.New(rand.NewPCG(seed, 1))
				from, length := 3+rng.IntN(3), 1+rng.IntN(4)
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					w := window{start.Add(time.Duration(from)*time.Second - 100*time.Millisecond), start.Add(time.Duration(from+length)*time.Second - 100*time.Millisecond)}
					got := pollFor(t, f.peer(rng, w).dial, 14, tcpDevice(testProfile(t)))
					for i, o := range got {
						f.check(t, seed, w, i, o)
					}
				})
			}
		})
	}
}

func (f *fault) peer(rng *rand.Rand, w window) *peer {
	p := &peer{}
	if f.answer != nil {
		p.script = func(_ *peer, conn net.Conn, a ask) bool {
			if w.now() {
				f.answer(rng, conn, a)
				return true
			}
			return false
		}
	}
	if f.answer == nil { // a fault of the connection: what is open breaks first
		p.script = func(_ *peer, conn net.Conn, _ ask) bool {
			if w.now() && !f.keeps() {
				conn.Close()
				return true
			}
			return false
		}
	}
	p.refuse = func() error {
		if f.refuse && w.now() {
			return errRefused
		}
		return nil
	}
	p.slow = func() time.Duration {
		if w.now() {
			return f.accept
		}
		return 0
	}
	return p
}

// keeps says whether open connections go on during a fault of new ones.
func (f *fault) keeps() bool { return f.accept > 0 && f.accept < time.Second }

func (f *fault) check(t *testing.T, seed uint64, w window, i int, o outcome) {
	t.Helper()
	for _, text := range o.wrong {
		t.Errorf("seed %d: wrong value accepted: %s", seed, text)
	}
	for why, n := range o.lost {
		if !slices.Contains(f.reasons, why) {
			t.Errorf("seed %d: scan %d: %d values lost by %s, want one of %v", seed, i, n, why, f.reasons)
		}
	}
	inside := !o.at.Before(w.from) && o.at.Before(w.to)
	recovering := !inside && o.at.Before(w.to.Add(time.Second)) && !o.at.Before(w.from)
	switch {
	case !inside && !recovering && o.good != len(testAddresses()):
		t.Errorf("seed %d: scan %d at %s, outside the fault: %d good values, want all; lost %v", seed, i, o.at.Format("05"), o.good, o.lost)
	case inside && len(f.reasons) > 0 && len(o.lost) == 0 && !f.maybe:
		t.Errorf("seed %d: scan %d: nothing lost while the fault is active", seed, i)
	}
}

// A fault that strikes one request may cost at most the values of one poll.
func TestSingleFaultsCostOnePoll(t *testing.T) {
	for _, f := range faults() {
		if f.answer == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			for seed := range seeds() {
				rng := rand.New(rand.NewPCG(seed, 2))
				synctest.Test(t, func(t *testing.T) {
					strike := 6 + rng.IntN(4)
					p := &peer{script: func(p *peer, conn net.Conn, a ask) bool {
						if p.asked() != strike {
							return false
						}
						f.answer(rng, conn, a)
						return true
					}}
					bad := 0
					for _, o := range pollFor(t, p.dial, 12, tcpDevice(testProfile(t))) {
						for _, text := range o.wrong {
							t.Errorf("seed %d: wrong value accepted: %s", seed, text)
						}
						if o.good != len(testAddresses()) {
							bad++
						}
					}
					if bad > 1 {
						t.Errorf("seed %d: %d polls lost values, want at most 1", seed, bad)
					}
				})
			}
		})
	}
}

// A device that closes idle connections, before or after each answer, loses no poll.
func TestIdleCloseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{}
		p.script = func(_ *peer, conn net.Conn, a ask) bool {
			_, _ = conn.Write(a.reply())
			time.AfterFunc(300*time.Millisecond, func() { conn.Close() })
			return true
		}
		for i, o := range pollFor(t, p.dial, 20, tcpDevice(testProfile(t))) {
			if o.good != len(testAddresses()) {
				t.Errorf("scan %d: %d good values, want all; lost %v", i, o.good, o.lost)
			}
		}
		if p.mostOpen > 1 {
			t.Errorf("open connections: got %d at once, want 1", p.mostOpen)
		}
	})
}

// A gateway that always answers with transaction 0 is served where the URL says so.
func TestZeroTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
			a.id = 0
			_, _ = conn.Write(a.reply())
			return true
		}}
		d := tcpDevice(testProfile(t))
		d.URL += "?transaction=zero"
		for i, o := range pollFor(t, p.dial, 5, d) {
			if o.good != len(testAddresses()) || len(o.wrong) > 0 {
				t.Errorf("scan %d: %d good values, want all; lost %v", i, o.good, o.lost)
			}
		}
	})
}

// Only functions that read may be seen on the wire, whatever the device does.
func TestOnlyReadsOnTheWire(t *testing.T) {
	for _, f := range faults() {
		synctest.Test(t, func(t *testing.T) {
			w := window{time.Now(), time.Now().Add(4 * time.Second)}
			p := f.peer(rand.New(rand.NewPCG(1, 1)), w)
			pollFor(t, p.dial, 8, tcpDevice(testProfile(t)))
			for code, n := range p.codes {
				if code < 1 || code > 4 {
					t.Errorf("%s: function code %d seen %d times", f.name, code, n)
				}
			}
		})
	}
}

var _ modbus.Dialer = (*peer)(nil).dial
