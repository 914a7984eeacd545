package tap_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/tap"
)

// wire is a listener whose connections are in memory and come from an address.
type wire struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), done: make(chan struct{})} }

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.done) })
	return nil
}

func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

type from struct {
	net.Conn
	peer net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.peer }

// dial connects from an address.
func (w *wire) dial(t *testing.T, address string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	w.conns <- from{far, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}
	t.Cleanup(func() { near.Close() })
	return near
}

const here = "127.0.0.1:50000"

func settings(devices map[uint8]tap.Device) tap.Settings {
	return tap.Settings{
		Devices: devices, Own: 247, Connections: 2, Idle: time.Minute,
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	}
}

// serve runs a server until the test ends.
func serve(t *testing.T, s tap.Settings) (*tap.Server, *wire) {
	t.Helper()
	w := newWire()
	server := tap.New(tap.Config{Listener: w, Settings: s, Version: "1.2.3", Log: zerolog.Nop()})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return server, w
}

// ask sends a PDU to a unit and gives the PDU of the answer; nil where the connection
// was closed instead.
func ask(t *testing.T, conn net.Conn, unit uint8, pdu ...byte) []byte {
	t.Helper()
	frame := append([]byte{0x12, 0x34, 0, 0, 0, byte(len(pdu) + 1), unit}, pdu...)
	if _, err := conn.Write(frame); err != nil {
		return nil
	}
	var header [7]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil
	}
	length := int(binary.BigEndian.Uint16(header[4:]))
	if want := []byte{0x12, 0x34, 0, 0}; !cmp.Equal(want, header[:4]) || header[6] != unit || length < 3 {
		t.Fatalf("header % x", header)
	}
	answer := make([]byte, length-1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatalf("answer is cut: %v", err)
	}
	return answer
}

func TestReads(t *testing.T) {
	t.Parallel()
	image := tap.NewImage(time.Second, map[tap.Register]time.Duration{{Function: 4, Address: 50}: time.Minute})
	image.Observe(3, 254, 4, []byte{0, 1, 0, 2, 0xFE, 0xDC, 0, 4})
	image.Observe(4, 50, 1, []byte{0, 9})
	image.Observe(1, 7, 10, []byte{0b10000001, 0b11111110}) // 7, 14 and 16; what stands beyond was not asked for
	_, w := serve(t, settings(map[uint8]tap.Device{5: {Image: image}, 6: {Image: tap.NewImage(time.Second, nil)}}))
	conn := w.dial(t, here)
	for _, c := range []struct {
		name string
		unit uint8
		pdu  []byte
		want []byte
	}{
		{"holding registers across a page", 5, []byte{3, 0, 254, 0, 4}, []byte{3, 8, 0, 1, 0, 2, 0xFE, 0xDC, 0, 4}},
		{"part of what was read", 5, []byte{3, 1, 0, 0, 1}, []byte{3, 2, 0xFE, 0xDC}},
		{"input register", 5, []byte{4, 0, 50, 0, 1}, []byte{4, 2, 0, 9}},
		{"coils", 5, []byte{1, 0, 7, 0, 10}, []byte{1, 2, 0b10000001, 0b10}},
		{"part of the coils", 5, []byte{1, 0, 14, 0, 3}, []byte{1, 1, 0b101}},
		{"a coil that was not asked for", 5, []byte{1, 0, 17, 0, 1}, []byte{0x81, 2}},
		{"another function", 5, []byte{4, 1, 0, 0, 1}, []byte{0x84, 2}},
		{"beyond what was read", 5, []byte{3, 1, 1, 0, 2}, []byte{0x83, 2}},
		{"another page", 5, []byte{3, 9, 0, 0, 1}, []byte{0x83, 2}},
		{"a device that never answered", 6, []byte{3, 0, 0, 0, 1}, []byte{0x83, 11}},
		{"no such unit", 7, []byte{3, 0, 0, 0, 1}, []byte{0x83, 10}},
		{"unit 0", 0, []byte{3, 0, 0, 0, 1}, []byte{0x83, 10}},
		{"nothing asked", 5, []byte{3, 0, 0, 0, 0}, []byte{0x83, 3}},
		{"126 registers", 5, []byte{3, 0, 0, 0, 126}, []byte{0x83, 3}},
		{"2001 coils", 5, []byte{1, 0, 0, 7, 0xD1}, []byte{0x81, 3}},
		{"beyond the last address", 5, []byte{3, 0xFF, 0xFF, 0, 2}, []byte{0x83, 2}},
		{"a short request", 5, []byte{3, 0, 0, 0}, []byte{0x83, 3}},
		{"a long request", 5, []byte{3, 0, 0, 0, 1, 0}, []byte{0x83, 3}},
		{"nothing published yet", 247, []byte{3, 0, 0, 0, 1}, []byte{0x83, 4}},
	} {
		if diff := cmp.Diff(c.want, ask(t, conn, c.unit, c.pdu...)); diff != "" {
			t.Errorf("%s: answer (-want +got):\n%s", c.name, diff)
		}
	}
}

// Every function but the four reads is illegal, in each unit, whatever follows it.
func TestWritesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // 2,000 requests at the pace allowed
		image := tap.NewImage(time.Hour, nil)
		image.Observe(3, 0, 1, []byte{0x11, 0x22})
		server, w := serve(t, settings(map[uint8]tap.Device{5: {Image: image}}))
		refused := uint64(0)
		for _, unit := range []uint8{5, 247, 9} {
			conn := w.dial(t, here)
			for function := range 256 {
				if f := uint8(function); f >= 1 && f <= 4 || f == 43 && unit == 247 {
					continue
				}
				for _, data := range [][]byte{{}, {0, 0, 0xFF, 0}, {0, 0, 0, 1, 2, 0, 7}} {
					got := ask(t, conn, unit, append([]byte{byte(function)}, data...)...)
					if diff := cmp.Diff([]byte{byte(function) | 0x80, 1}, got); diff != "" {
						t.Fatalf("function %d of unit %d: answer (-want +got):\n%s", function, unit, diff)
					}
					refused++
				}
			}
			conn.Close()
		}
		if got := ask(t, w.dial(t, here), 5, 3, 0, 0, 0, 1); !cmp.Equal(got, []byte{3, 2, 0x11, 0x22}) {
			t.Errorf("after all that the register reads % x", got)
		}
		if got := server.Stats().Refused; got != refused {
			t.Errorf("refused: got %d, want %d", got, refused)
		}
	})
}

// A reading is served as long as it is fresh: three periods of its own, or what is set.
func TestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		image := tap.NewImage(time.Second, map[tap.Register]time.Duration{{Function: 3, Address: 10}: 10 * time.Second})
		image.Observe(3, 0, 2, []byte{0, 1, 0, 2})
		image.Observe(3, 10, 2, []byte{0, 3, 0, 4})
		server, w := serve(t, settings(map[uint8]tap.Device{5: {Image: image}, 6: {Image: image, MaxAge: time.Minute}}))
		conn := w.dial(t, here)
		fresh := func(unit, address uint8) bool {
			got := ask(t, conn, unit, 3, 0, address, 0, 1)
			if got[0] == 0x83 && got[1] != 11 {
				t.Fatalf("register %d: exception %d", address, got[1])
			}
			return got[0] == 3
		}
		look := func() [4]bool { return [4]bool{fresh(5, 1), fresh(5, 10), fresh(5, 11), fresh(6, 1)} }
		for _, c := range []struct {
			wait time.Duration
			want [4]bool
		}{
			{3 * time.Second, [4]bool{true, true, true, true}},
			{time.Second, [4]bool{false, true, true, true}},
			{26 * time.Second, [4]bool{false, true, true, true}},
			{time.Second, [4]bool{false, false, false, true}},
			{29 * time.Second, [4]bool{false, false, false, true}},
			{time.Second, [4]bool{false, false, false, false}},
		} {
			time.Sleep(c.wait - 40*time.Millisecond)
			if diff := cmp.Diff(c.want, look()); diff != "" {
				t.Errorf("after %s (-want +got):\n%s", c.wait, diff)
			}
			time.Sleep(40 * time.Millisecond)
			if age, ok := image.Age(); !ok || age <= 0 {
				t.Errorf("age %s, %t", age, ok)
			}
			if !fresh(6, 1) && c.want[3] {
				t.Error("not fresh within the age that is set")
			}
		}
		image.Observe(3, 0, 2, []byte{0, 1, 0, 2})
		server.Publish(&tap.Board{})
		if !fresh(5, 0) {
			t.Error("not fresh after a reading")
		}
		// A block that is partly too old is refused whole.
		image.Observe(3, 2, 1, []byte{0, 9})
		time.Sleep(2 * time.Second)
		image.Observe(3, 0, 1, []byte{0, 9})
		time.Sleep(2 * time.Second)
		if got := ask(t, conn, 5, 3, 0, 0, 0, 3); !cmp.Equal(got, []byte{0x83, 11}) {
			t.Errorf("partly too old: % x", got)
		}
	})
}

// Our own registers are refused when nobody renews them.
func TestOwnRegistersAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, w := serve(t, settings(nil))
		server.Publish(&tap.Board{Heartbeat: 77})
		conn := w.dial(t, here)
		if got := ask(t, conn, 247, 3, 0, 1, 0, 1); !cmp.Equal(got, []byte{3, 2, 0, 77}) {
			t.Errorf("heartbeat: % x", got)
		}
		if got := ask(t, conn, 247, 4, 0, 1, 0, 1); !cmp.Equal(got, []byte{4, 2, 0, 77}) {
			t.Errorf("heartbeat as input register: % x", got)
		}
		if got := ask(t, conn, 247, 3, 0, 99, 0, 2); !cmp.Equal(got, []byte{0x83, 2}) {
			t.Errorf("beyond the registers: % x", got)
		}
		if got := ask(t, conn, 247, 1, 0, 0, 0, 1); !cmp.Equal(got, []byte{0x81, 2}) {
			t.Errorf("coil: % x", got)
		}
		time.Sleep(6 * time.Second)
		if got := ask(t, conn, 247, 3, 0, 1, 0, 1); !cmp.Equal(got, []byte{0x83, 4}) {
			t.Errorf("not renewed: % x", got)
		}
	})
}

func TestIdentification(t *testing.T) {
	t.Parallel()
	server, w := serve(t, settings(nil))
	conn := w.dial(t, here)
	basic := "\x00\x0aWellkeeper\x01\x0awellkeeper\x02\x051.2.3"
	for _, c := range []struct {
		name string
		pdu  []byte
		want string
	}{
		{"basic", []byte{43, 14, 1, 0}, "\x2b\x0e\x01\x82\x00\x00\x03" + basic},
		{"regular", []byte{43, 14, 2, 0}, "\x2b\x0e\x02\x82\x00\x00\x04" + basic + "\x04\x18Wellkeeper read-only tap"},
		{"extended", []byte{43, 14, 3, 4}, "\x2b\x0e\x03\x82\x00\x00\x01\x04\x18Wellkeeper read-only tap"},
		{"from an unknown object", []byte{43, 14, 1, 9}, "\x2b\x0e\x01\x82\x00\x00\x03" + basic},
		{"one", []byte{43, 14, 4, 2}, "\x2b\x0e\x04\x82\x00\x00\x01\x02\x051.2.3"},
		{"one that is not there", []byte{43, 14, 4, 3}, "\xab\x02"},
		{"no such level", []byte{43, 14, 5, 0}, "\xab\x03"},
		{"another MEI type", []byte{43, 13, 1, 0}, "\xab\x01"},
		{"cut", []byte{43, 14, 1}, "\xab\x03"},
	} {
		if diff := cmp.Diff(c.want, string(ask(t, conn, 247, c.pdu...))); diff != "" {
			t.Errorf("%s: answer (-want +got):\n%s", c.name, diff)
		}
	}
	if s := server.Stats(); s.Answered != 5 || s.Exceptions != 3 || s.Refused != 1 || s.Clients != 1 || s.Connections != 1 {
		t.Errorf("stats: %+v", s)
	}
}

func TestWhoMayConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, w := serve(t, settings(nil))
		server.Publish(&tap.Board{})
		served := func(c net.Conn) bool { return ask(t, c, 247, 3, 0, 0, 0, 1) != nil }
		if served(w.dial(t, "10.0.0.9:1000")) {
			t.Error("a stranger is served")
		}
		if served(w.dial(t, "[::ffff:10.0.0.9]:1000")) {
			t.Error("a stranger in IPv6's clothes is served")
		}
		one, two := w.dial(t, "[fd00::1]:1000"), w.dial(t, "[::ffff:127.0.0.1]:1000")
		if !served(one) || !served(two) {
			t.Error("those allowed are not served")
		}
		if served(w.dial(t, here)) {
			t.Error("a third client is served")
		}
		one.Close()
		synctest.Wait()
		three := w.dial(t, here)
		if !served(three) {
			t.Error("nobody is served in the place of one that left")
		}
		if s := server.Stats(); s.Strangers != 2 || s.Crowded != 1 || s.Clients != 2 || s.Connections != 3 {
			t.Errorf("stats: %+v", s)
		}
		narrow := settings(nil)
		narrow.Allow = narrow.Allow[1:]
		server.Set(narrow)
		synctest.Wait()
		if served(two) || served(three) {
			t.Error("who may not read any more is still served")
		}
	})
}

// A client that is silent, that never finishes a request, never reads its answers or
// sends what is no frame is cut off, and in the meantime nobody waits for it.
func TestBadClients(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(conn net.Conn)
		within time.Duration
	}{
		"silent":           {func(net.Conn) {}, time.Minute},
		"half a header":    {func(c net.Conn) { _, _ = c.Write([]byte{0, 1, 0}) }, 5 * time.Second},
		"half a request":   {func(c net.Conn) { _, _ = c.Write([]byte{0, 1, 0, 0, 0, 6, 247, 3}) }, 5 * time.Second},
		"never reads":      {func(c net.Conn) { _, _ = c.Write([]byte{0, 1, 0, 0, 0, 6, 247, 3, 0, 0, 0, 1}) }, 5 * time.Second},
		"another protocol": {func(c net.Conn) { _, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n")[:7]) }, 0},
		"length 0":         {func(c net.Conn) { _, _ = c.Write([]byte{0, 1, 0, 0, 0, 0, 247}) }, 0},
		"length 1":         {func(c net.Conn) { _, _ = c.Write([]byte{0, 1, 0, 0, 0, 1, 247}) }, 0},
		"length 65535":     {func(c net.Conn) { _, _ = c.Write([]byte{0, 1, 0, 0, 0xFF, 0xFF, 247}) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				image := tap.NewImage(time.Second, nil)
				image.Observe(3, 0, 1, []byte{0, 1})
				server, w := serve(t, settings(map[uint8]tap.Device{5: {Image: image}}))
				server.Publish(&tap.Board{})
				bad, good := w.dial(t, here), w.dial(t, here)
				c.do(bad)
				image.Observe(3, 0, 1, []byte{0, 2})
				if got := ask(t, good, 5, 3, 0, 0, 0, 1); !cmp.Equal(got, []byte{3, 2, 0, 2}) {
					t.Errorf("another client gets % x", got)
				}
				good.Close()
				if c.within > 0 {
					time.Sleep(c.within - time.Millisecond)
					synctest.Wait()
					if server.Stats().Clients != 1 {
						t.Error("cut off too early")
					}
					time.Sleep(2 * time.Millisecond)
				}
				synctest.Wait()
				if server.Stats().Clients != 0 {
					t.Error("not cut off")
				}
			})
		})
	}
}

// A client that asks as fast as it can gets 200 answers a second.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, w := serve(t, settings(nil))
		conn := w.dial(t, here)
		start, answers := time.Now(), 0
		for time.Since(start) < 10*time.Second {
			server.Publish(&tap.Board{})
			ask(t, conn, 247, 3, 0, 0, 0, 1)
			answers++
		}
		if answers < 2000 || answers > 2060 {
			t.Errorf("%d answers in 10 s", answers)
		}
	})
}

func FuzzServe(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 6, 5, 3, 0, 0, 0, 2})
	f.Add([]byte{0, 1, 0, 0, 0, 5, 247, 43, 14, 4, 2, 0, 2, 0, 0, 0, 6, 247, 3, 0, 100, 0, 125})
	f.Add([]byte{0, 1, 0, 0, 0, 11, 5, 16, 0, 0, 0, 2, 4, 0, 1, 0, 2})
	f.Add([]byte{0, 1, 0, 0, 0, 6, 5, 1, 0xFF, 0xF0, 0, 16})
	image := tap.NewImage(time.Hour, nil)
	image.Observe(3, 0, 4, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	image.Observe(1, 0xFFF0, 16, []byte{0xAA, 0x55})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := settings(map[uint8]tap.Device{5: {Image: image}})
		server := tap.New(tap.Config{Listener: newWire(), Settings: s, Version: strings.Repeat("v", len(b)%100), Log: zerolog.Nop()})
		server.Publish(&tap.Board{Wells: []tap.Well{{ID: esp.WellID(strings.Repeat("w", len(b)%80))}}})
		for out := server.Feed(t.Context(), b); len(out) > 0; {
			length := 0
			if len(out) >= 8 {
				length = int(binary.BigEndian.Uint16(out[4:]))
			}
			if length < 3 || length > 254 || len(out) < 6+length || out[2] != 0 || out[3] != 0 {
				t.Fatalf("no frame: % x", out)
			}
			function := out[7]
			if f := function &^ 0x80; function < 0x80 && (f < 1 || f > 4) && f != 43 {
				t.Fatalf("function %d is answered: % x", function, out)
			}
			out = out[6+length:]
		}
	})
}
