package modbus_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
)

// ask is a request as the peer reads it from the wire.
type ask struct {
	id       uint16
	unit     uint8
	fc       uint8
	address  uint16
	quantity uint16
	first    bool // on its connection
	at       time.Time
	tick     time.Duration // 0: a second
}

// peer is a scripted Modbus TCP device behind net.Pipe. The value of each register
// tells its address and the second in which it was asked for, so that a value from
// anywhere else, or of any other time, is recognised.
type peer struct {
	script func(p *peer, conn net.Conn, a ask) (handled bool) // nil: answer
	refuse func() error                                       // nil: accept
	slow   func() time.Duration                               // delay of accept

	tick time.Duration // between two values of a register; 0: a second

	mu       sync.Mutex
	open     int
	mostOpen int
	codes    map[uint8]int // function codes seen on the wire
	asks     []ask
}

// value is what a register holds at a time, when it is polled once a tick.
func value(address uint16, at time.Time, tick time.Duration) uint16 {
	return address<<8 | uint16(at.UnixNano()/int64(tick)&0xFF)
}

func (p *peer) dial(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
	if p.slow != nil {
		select {
		case <-time.After(p.slow()):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if p.refuse != nil {
		if err := p.refuse(); err != nil {
			return nil, err
		}
	}
	near, far := net.Pipe()
	p.mu.Lock()
	p.open++
	p.mostOpen = max(p.mostOpen, p.open)
	p.mu.Unlock()
	go func() {
		defer func() {
			far.Close()
			p.mu.Lock()
			p.open--
			p.mu.Unlock()
		}()
		p.serve(far)
	}()
	return near, nil
}

func (p *peer) serve(conn net.Conn) {
	for first := true; ; first = false {
		a, err := readAsk(conn)
		if err != nil {
			return
		}
		a.first, a.at, a.tick = first, time.Now(), p.tick
		p.mu.Lock()
		if p.codes == nil {
			p.codes = map[uint8]int{}
		}
		p.codes[a.fc]++
		p.asks = append(p.asks, a)
		p.mu.Unlock()
		if p.script != nil && p.script(p, conn, a) {
			continue
		}
		if _, err := conn.Write(a.reply()); err != nil {
			return
		}
	}
}

// asked is the number of requests seen.
func (p *peer) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asks)
}

func readAsk(r io.Reader) (ask, error) {
	var b [12]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return ask{}, err
	}
	if binary.BigEndian.Uint16(b[2:]) != 0 || binary.BigEndian.Uint16(b[4:]) != 6 {
		return ask{}, fmt.Errorf("not a read request: % x", b)
	}
	return ask{
		id: binary.BigEndian.Uint16(b[:]), unit: b[6], fc: b[7],
		address: binary.BigEndian.Uint16(b[8:]), quantity: binary.BigEndian.Uint16(b[10:]),
	}, nil
}

func (a ask) data(at time.Time) []byte {
	b := []byte{byte(2 * a.quantity)}
	for i := range a.quantity {
		b = binary.BigEndian.AppendUint16(b, value(a.address+i, at, cmp.Or(a.tick, time.Second)))
	}
	return b
}

func (a ask) reply() []byte { return a.frame(a.fc, a.data(time.Now())) }

func (a ask) exception(code uint8) []byte { return a.frame(a.fc|0x80, []byte{code}) }

func (a ask) frame(fc uint8, data []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, a.id)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(2+len(data)))
	return append(append(b, a.unit, fc), data...)
}

// testProfile has two blocks: registers 0 to 9 and 30 to 34.
func testProfile(tb testing.TB, extra ...string) *profile.Profile {
	tb.Helper()
	var b strings.Builder
	b.WriteString("schema: esp-profile/1\nid: test\nkind: drive\ndefaults: {fc: 3, base: 0}\n")
	for _, e := range extra {
		b.WriteString(e + "\n")
	}
	b.WriteString("points:\n")
	for _, a := range testAddresses() {
		fmt.Fprintf(&b, "  - {name: r%d, ref: %d}\n", a, a)
	}
	return mustParse(tb, b.String())
}

func testAddresses() []int { return []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 32, 33, 34} }

func mustParse(tb testing.TB, text string) *profile.Profile {
	tb.Helper()
	p, err := profile.Parse("test.yaml", []byte(text))
	if err != nil {
		tb.Fatalf("profile: %v", err)
	}
	return p
}

// outcome is what a scan held of the test profile.
type outcome struct {
	at      time.Time
	good    int
	wrong   []string // values that were not there to be read
	lost    map[esp.Reason]int
	suspect int
}

func judge(scan *esp.Scan, addresses []int, offset int) outcome {
	return judgeTick(scan, addresses, offset, time.Second, 0)
}

// judgeTick takes values of up to late ticks after the scan's own: on a busy machine a
// request may be sent late. A value of an earlier tick is always wrong.
func judgeTick(scan *esp.Scan, addresses []int, offset int, tick time.Duration, late uint8) outcome {
	o := outcome{at: scan.Time, lost: map[esp.Reason]int{}}
	for i, a := range addresses {
		r := scan.Readings[offset+i]
		switch r.Quality {
		case esp.Good, esp.Suspect:
			want := value(uint16(a), scan.Time, tick)
			if r.Raw>>8 != int64(want>>8) || uint8(r.Raw)-uint8(want) > late || r.Value != float64(r.Raw) {
				o.wrong = append(o.wrong, fmt.Sprintf("%s r%d: got %#x, want %#x", scan.Time.Format("05.000"), a, r.Raw, want))
			}
			if r.Quality == esp.Good {
				o.good++
			} else {
				o.suspect++
			}
		case esp.Lost:
			o.lost[r.Reason]++
		default:
			o.wrong = append(o.wrong, fmt.Sprintf("r%d: quality %s", a, r.Quality))
		}
	}
	return o
}

var errEnough = errors.New("enough")

// pollFor runs a poller over a dialer for a number of scans.
func pollFor(t *testing.T, dial modbus.Dialer, scans int, devices ...modbus.Device) []outcome {
	t.Helper()
	p, err := modbus.NewPoller(modbus.Config{
		Well: "w", Devices: devices, Links: modbus.NewLinks(modbus.LinksConfig{Dial: dial, Log: zerolog.Nop()}), Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	late := uint8(0)
	if strings.HasPrefix(devices[0].URL, "rtu:") { // a resync may take a poll beyond its second
		late = 1
	}
	var all []outcome
	err = p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
		all = append(all, judgeTick(s, testAddresses(), 0, time.Second, late))
		if len(all) == scans {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("run: %v", err)
	}
	return all
}

func tcpDevice(p *profile.Profile) modbus.Device {
	return modbus.Device{ID: "d", URL: "tcp://peer:502", Unit: 1, Profile: p}
}

// hold waits as a slow device does.
func hold(d time.Duration) { <-time.After(d) }

// window is the time in which a fault is active.
type window struct{ from, to time.Time }

func (w window) now() bool {
	n := time.Now()
	return !n.Before(w.from) && n.Before(w.to)
}

var errRefused = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}

// drip writes b in pieces.
func drip(conn net.Conn, b []byte, size int, gap time.Duration) {
	for len(b) > 0 {
		n := min(size, len(b))
		if _, err := conn.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
		if len(b) > 0 {
			hold(gap)
		}
	}
}

func garbage(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
