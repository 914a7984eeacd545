package modbus_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// line is a serial line with one or more slaves. Bytes on their way outlive the port:
// a late reply reaches whoever has it open then.
type line struct {
	in     chan byte // to the master
	script func(l *line, a ask) bool
	device chan<- []byte // takes requests in place of script
	gone   func() bool   // nil: dead
	dead   atomic.Bool   // unplugged
	echo   atomic.Bool   // a two-wire adapter

	mu   sync.Mutex
	asks []ask
}

func newLine() *line { return &line{in: make(chan byte, 4096)} }

func (l *line) unplugged() bool { return l.dead.Load() || l.gone != nil && l.gone() }

func (l *line) send(b []byte) {
	for _, c := range b {
		l.in <- c
	}
}

func (l *line) dial(context.Context, string) (io.ReadWriteCloser, error) {
	if l.unplugged() {
		return nil, os.ErrNotExist
	}
	return &port{line: l, closed: make(chan struct{})}, nil
}

// port is an open line.
type port struct {
	line     *line
	mu       sync.Mutex
	deadline time.Time
	once     sync.Once
	closed   chan struct{}
}

func (p *port) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	return nil
}

func (p *port) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *port) Read(b []byte) (int, error) {
	p.mu.Lock()
	deadline := p.deadline
	p.mu.Unlock()
	var expired <-chan time.Time
	if !deadline.IsZero() {
		expired = time.After(time.Until(deadline))
	}
	if p.line.unplugged() {
		return 0, io.EOF
	}
	select {
	case c := <-p.line.in:
		b[0] = c
		return 1, nil
	case <-expired:
		return 0, os.ErrDeadlineExceeded
	case <-p.closed:
		return 0, os.ErrClosed
	}
}

func (p *port) Write(b []byte) (int, error) {
	if p.line.unplugged() {
		return 0, io.EOF
	}
	if p.line.echo.Load() {
		p.line.send(b)
	}
	if p.line.device != nil {
		p.line.device <- slices.Clone(b)
		return len(b), nil
	}
	a := ask{unit: b[0], fc: b[1], address: binary.BigEndian.Uint16(b[2:]), quantity: binary.BigEndian.Uint16(b[4:])}
	l := p.line
	l.mu.Lock()
	l.asks = append(l.asks, a)
	l.mu.Unlock()
	go func() {
		hold(2 * time.Millisecond)
		if l.script == nil || !l.script(l, a) {
			l.send(a.rtu())
		}
	}()
	return len(b), nil
}

func (a ask) rtu() []byte { return sealed(append([]byte{a.unit, a.fc}, a.data(time.Now())...)) }

func (a ask) rtuException(code uint8) []byte { return sealed([]byte{a.unit, a.fc | 0x80, code}) }

// sealed appends the CRC of the Modbus serial line specification.
func sealed(b []byte) []byte {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
	}
	return append(b, byte(crc), byte(crc>>8))
}

func rtuDevice(t *testing.T) modbus.Device {
	t.Helper()
	return modbus.Device{ID: "d", URL: "rtu:///dev/ttyX?baud=9600", Unit: 1, Profile: testProfile(t)}
}

type rtuFault struct {
	name   string
	answer func(rng *rand.Rand, l *line, a ask)
	clean  bool       // nothing may be lost
	reason esp.Reason // of all that is lost; NoReason: any
}

func rtuFaults() []rtuFault {
	changed := func(f func(b []byte) []byte) func(*rand.Rand, *line, ask) {
		return func(_ *rand.Rand, l *line, a ask) { l.send(f(a.rtu())) }
	}
	return []rtuFault{
		{name: "late by 1.4 timeouts", answer: func(_ *rand.Rand, l *line, a ask) {
			b := a.rtu()
			hold(700 * time.Millisecond)
			l.send(b)
		}},
		{name: "late by chance", answer: func(rng *rand.Rand, l *line, a ask) {
			b := a.rtu()
			hold(400*time.Millisecond + time.Duration(rng.Int64N(int64(600*time.Millisecond))))
			l.send(b)
		}},
		{name: "silence", answer: func(*rand.Rand, *line, ask) {}},
		{name: "CRC error", answer: changed(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
		{name: "noise before", answer: changed(func(b []byte) []byte { return append([]byte{0xFF, 0}, b...) })},
		{name: "noise after", answer: changed(func(b []byte) []byte { return append(b, 0xFF, 0) }), clean: true},
		{name: "missing byte", answer: changed(func(b []byte) []byte { return slices.Delete(b, 4, 5) })},
		{name: "doubled byte", answer: changed(func(b []byte) []byte { return slices.Insert(b, 4, b[4]) })},
		{name: "wrong unit", answer: func(_ *rand.Rand, l *line, a ask) { a.unit = 7; l.send(a.rtu()) }},
		{name: "two slaves answer", answer: func(_ *rand.Rand, l *line, a ask) {
			b := a.rtu()
			for _, c := range b {
				l.send([]byte{c, c ^ 0x11})
			}
		}},
		{name: "exception in two pieces", answer: func(_ *rand.Rand, l *line, a ask) {
			b := a.rtuException(4)
			l.send(b[:4])
			hold(30 * time.Millisecond)
			l.send(b[4:])
		}, reason: esp.DeviceException},
		{name: "slow characters", answer: func(_ *rand.Rand, l *line, a ask) {
			for _, c := range a.rtu() {
				l.send([]byte{c})
				hold(5 * time.Millisecond)
			}
		}, clean: true},
		{name: "reply twice", answer: func(_ *rand.Rand, l *line, a ask) { b := a.rtu(); l.send(append(slices.Clone(b), b...)) }, clean: true},
		{name: "another length", answer: func(_ *rand.Rand, l *line, a ask) { a.quantity++; l.send(a.rtu()) }},
		{name: "another function", answer: func(_ *rand.Rand, l *line, a ask) { a.fc = 4; l.send(a.rtu()) }},
	}
}

// On a line without transaction ids no late or damaged answer may be taken for
// another register, and the device is whole again within two polls.
func TestRTUFaults(t *testing.T) {
	for _, f := range rtuFaults() {
		t.Run(f.name, func(t *testing.T) {
			for seed := range seeds() {
				rng := rand.New(rand.NewPCG(seed, 3))
				from, length := 3+rng.IntN(3), 1+rng.IntN(4)
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					w := window{start.Add(time.Duration(from)*time.Second - 100*time.Millisecond), start.Add(time.Duration(from+length)*time.Second - 100*time.Millisecond)}
					l := newLine()
					l.script = func(l *line, a ask) bool {
						if w.now() {
							f.answer(rng, l, a)
							return true
						}
						return false
					}
					for i, o := range pollFor(t, l.dial, 14, rtuDevice(t)) {
						f.check(t, seed, w, i, o)
					}
				})
			}
		})
	}
}

func (f *rtuFault) check(t *testing.T, seed uint64, w window, i int, o outcome) {
	t.Helper()
	for _, text := range o.wrong {
		t.Errorf("seed %d: wrong value accepted: %s", seed, text)
	}
	for why := range o.lost {
		if f.reason != esp.NoReason && why != f.reason {
			t.Errorf("seed %d: scan %d: lost by %s, want %s", seed, i, why, f.reason)
		}
	}
	// A late answer also spoils the poll after the fault's end, and the first answer
	// after a resync is only suspect: whole again means the second poll.
	early := o.at.Before(w.from)
	late := !o.at.Before(w.to.Add(2 * time.Second))
	if all := len(testAddresses()); (early || late || f.clean) && o.good != all {
		t.Errorf("seed %d: scan %d at %s: %d good values, want all; suspect %d, lost %v", seed, i, o.at.Format("05"), o.good, o.suspect, o.lost)
	}
	if !early && !late && o.at.Before(w.to) && !f.clean && o.good == len(testAddresses()) && f.name != "late by chance" {
		t.Errorf("seed %d: scan %d: nothing lost while the fault is active", seed, i)
	}
}

// The first answer after a resync is marked.
func TestRTUResyncIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		n := 0
		l.script = func(*line, ask) bool { n++; return n == 3 } // the first request of the second poll
		got := pollFor(t, l.dial, 4, rtuDevice(t))
		if got[1].good != 0 || got[1].lost[esp.Timeout] != len(testAddresses()) {
			t.Errorf("poll with a timeout: %d good, lost %v", got[1].good, got[1].lost)
		}
		if got[2].suspect != 10 || got[2].good != 5 {
			t.Errorf("first poll after: %d suspect and %d good, want 10 and 5", got[2].suspect, got[2].good)
		}
		if got[3].good != len(testAddresses()) {
			t.Errorf("second poll after: %d good, want all", got[3].good)
		}
		if test := l.asks[3]; test.quantity == 10 || test.address != 0 {
			t.Errorf("question after a timeout: %+v, want another quantity than 10", test)
		}
	})
}

func TestRTUEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		l.echo.Store(true)
		for i, o := range pollFor(t, l.dial, 5, rtuDevice(t)) {
			if o.good != len(testAddresses()) || len(o.wrong) > 0 {
				t.Errorf("scan %d: %d good, lost %v, wrong %v", i, o.good, o.lost, o.wrong)
			}
		}
	})
}

func TestRTUUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		time.AfterFunc(3500*time.Millisecond, func() { l.dead.Store(true) })
		time.AfterFunc(7500*time.Millisecond, func() { l.dead.Store(false) })
		for i, o := range pollFor(t, l.dial, 12, rtuDevice(t)) {
			second := i + 1
			switch {
			case second >= 4 && second <= 7 && o.good > 0:
				t.Errorf("second %d: %d good values from a port that is not there", second, o.good)
			case (second < 4 || second > 9) && o.good != len(testAddresses()):
				t.Errorf("second %d: %d good values, want all; lost %v", second, o.good, o.lost)
			case second == 6 && o.lost[esp.Unreachable] != len(testAddresses()):
				t.Errorf("second %d: lost %v, want all unreachable", second, o.lost)
			}
		}
	})
}

// The late answer of one slave does not spoil the answer of the next one on the line.
func TestRTULateAnswerIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		n := 0
		l.script = func(l *line, a ask) bool {
			wait := 30 * time.Millisecond
			if a.unit == 2 {
				if n++; n == 3 {
					wait = 555 * time.Millisecond // into the answer to the next request
				}
			}
			b := a.rtu()
			hold(wait)
			l.send(b)
			return true
		}
		first := modbus.Device{ID: "a", URL: "rtu:///dev/ttyX?baud=9600", Unit: 2, Profile: mustParse(t, "{schema: esp-profile/1, id: b, kind: gauge, defaults: {base: 0}, points: [{name: x, ref: 2}]}")}
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{first, rtuDevice(t)}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: l.dial})})
		for i, s := range scans(t, p, 6) {
			if o := judge(&s, testAddresses(), 1); o.good != len(testAddresses()) {
				t.Errorf("scan %d: the other slave has %d good values, lost %v", i, o.good, o.lost)
			}
			if r := s.Readings[0]; (r.Reason == esp.Timeout) != (i == 2) {
				t.Errorf("scan %d: the late slave: %s %s", i, r.Quality, r.Reason)
			}
		}
	})
}

// The question after a timeout has another length than any request whose answer could
// still come.
func TestRTUResyncQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		n := 0
		l.script = func(*line, ask) bool { n++; return n == 4 } // the second block, of 9, in the second poll
		d := rtuDevice(t)
		var points strings.Builder
		for _, a := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 32, 33, 34, 35, 36, 37, 38} {
			fmt.Fprintf(&points, "{name: r%d, ref: %d}, ", a, a)
		}
		d.Profile = mustParse(t, "{schema: esp-profile/1, id: p, kind: drive, defaults: {base: 0}, points: ["+points.String()+"]}")
		pollFor(t, l.dial, 3, d)
		if diff := cmp.Diff([]string{"3:0+10", "3:30+9", "3:0+10", "3:30+9", "3:0+8", "3:0+10", "3:30+9"}, requests(l.asks)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// A single register has no shorter question: the twin function is asked.
func TestRTUResyncOfOneRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		n := 0
		l.script = func(l *line, a ask) bool {
			if a.fc == 4 {
				l.send(a.rtuException(1))
				return true
			}
			n++
			return n == 2
		}
		d := rtuDevice(t)
		d.Profile = mustParse(t, "{schema: esp-profile/1, id: p, kind: drive, defaults: {base: 0}, points: [{name: a, ref: 5}]}")
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: l.dial})})
		got := scans(t, p, 4)
		if got[1].Readings[0].Reason != esp.Timeout || got[2].Readings[0].Quality != esp.Suspect || got[3].Readings[0].Quality != esp.Good {
			t.Errorf("readings: %v %v %v, want lost, suspect, good", got[1].Readings, got[2].Readings, got[3].Readings)
		}
		if diff := cmp.Diff([]string{"3:5+1", "3:5+1", "4:5+1", "3:5+1", "3:5+1"}, requests(l.asks)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}
