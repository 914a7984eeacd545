package appliance_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
)

// master is a client of Modbus TCP.
type master struct {
	t    *testing.T
	conn net.Conn
}

func connect(t *testing.T, address string) *master {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &master{t, conn}
}

// ask sends a PDU to a unit and gives the PDU of the answer; nil where the connection
// was closed instead.
func (m *master) ask(unit uint8, pdu ...byte) []byte {
	m.t.Helper()
	_ = m.conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := m.conn.Write(append([]byte{0, 7, 0, 0, 0, byte(len(pdu) + 1), unit}, pdu...)); err != nil {
		return nil
	}
	var header [7]byte
	if _, err := io.ReadFull(m.conn, header[:]); err != nil {
		return nil
	}
	answer := make([]byte, binary.BigEndian.Uint16(header[4:])-1)
	if _, err := io.ReadFull(m.conn, answer); err != nil {
		m.t.Errorf("answer is cut: %v", err)
	}
	return answer
}

// words reads holding registers; nil where the answer is an exception or none.
func (m *master) words(unit uint8, first, quantity uint16) []uint16 {
	m.t.Helper()
	pdu := binary.BigEndian.AppendUint16([]byte{3}, first)
	got := m.ask(unit, binary.BigEndian.AppendUint16(pdu, quantity)...)
	if len(got) != 2+2*int(quantity) || got[0] != 3 {
		return nil
	}
	words := make([]uint16, quantity)
	for i := range words {
		words[i] = binary.BigEndian.Uint16(got[2+2*i:])
	}
	return words
}

// until waits for something, for at most ten seconds.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 10 s: %s", what)
		}
	}
}

// line stands between the poller and the devices and counts what passes.
type line struct {
	address string

	mu    sync.Mutex
	asked map[[2]uint8]int // requests by unit and function
}

// newLine leads to the devices at an address.
func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{address: listener.Addr().String(), asked: map[[2]uint8]int{}}
	var running sync.WaitGroup
	t.Cleanup(func() { listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			running.Go(func() { _, _ = io.Copy(near, far); near.Close() })
			running.Go(func() { l.carry(far, near); far.Close() })
		}
	})
	return l
}

// carry passes requests on and notes them.
func (l *line) carry(to io.Writer, from io.Reader) {
	for {
		var header [8]byte
		if _, err := io.ReadFull(from, header[:]); err != nil {
			return
		}
		rest := make([]byte, int(binary.BigEndian.Uint16(header[4:]))-2)
		if _, err := io.ReadFull(from, rest); err != nil {
			return
		}
		l.mu.Lock()
		l.asked[[2]uint8{header[6], header[7]}]++
		l.mu.Unlock()
		if _, err := to.Write(append(header[:], rest...)); err != nil {
			return
		}
	}
}

// count is how many requests of any function have passed.
func (l *line) count() (requests int, functions map[uint8]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	functions = map[uint8]int{}
	for key, n := range l.asked {
		functions[key[1]] += n
		requests += n
	}
	return requests, functions
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// tapped gives a configuration of the pad a tap on loopback.
func tapped(address string) func(*config.Config) {
	return func(c *config.Config) { c.Tap.Listen = address }
}

// Many masters at once read what the devices say, each with its unit, while the line
// sees the poller's requests only and none that writes.
func TestTapServesWhatWasRead(t *testing.T) {
	p := newPad(t)
	devices := connect(t, p.address)
	wire := newLine(t, p.address)
	p.address = wire.address
	r := start(t, appliance.Options{Config: p.config(3, tapped("127.0.0.1:0")), Version: "test"})
	address := r.app.TapAddress()
	first := connect(t, address)
	until(t, "all wells are served", func() bool {
		return first.words(1, 0, 3) != nil && first.words(2, 0, 3) != nil && first.words(3, 0, 3) != nil
	})
	want := devices.words(2, 0, 3)
	begin := time.Now()
	before, _ := wire.count()

	var masters sync.WaitGroup
	for range 6 {
		m := connect(t, address)
		masters.Go(func() {
			for time.Since(begin) < 2*time.Second {
				if diff := cmp.Diff(want, m.words(2, 0, 3)); diff != "" {
					t.Errorf("registers (-want +got):\n%s", diff)
					return
				}
				for _, write := range [][]byte{{5, 0, 1, 0xFF, 0}, {6, 0, 0, 0, 9}, {15, 0, 0, 0, 1, 1, 1}, {16, 0, 0, 0, 1, 2, 0, 9}, {22, 0, 0, 0, 0, 0, 9}, {23, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 9}} {
					if got := m.ask(2, write...); !cmp.Equal(got, []byte{write[0] | 0x80, 1}) {
						t.Errorf("function %d is answered with % x", write[0], got)
					}
				}
			}
		})
	}
	masters.Wait()
	after, functions := wire.count()
	polls := int(time.Since(begin)/pollEvery+2) * 3
	if n := after - before; n > polls || n < polls/3 {
		t.Errorf("the line saw %d requests, want at most one per poll, %d", n, polls)
	}
	if len(functions) != 1 || functions[3] == 0 {
		t.Errorf("functions on the line: %v, want reads of holding registers only", functions)
	}

	board := first.words(247, 0, 16)
	well := first.words(247, 200, 26)
	if board == nil || board[0] != 1 || board[4] != 3 || well == nil {
		t.Fatalf("our own registers: %v, %v", board, well)
	}
	if well[19] > 1 || well[20] > 1 || well[25] != 1 {
		t.Errorf("ages of well 2: scan %d s, drive %d s; devices %d", well[19], well[20], well[25])
	}
	if id := first.words(247, 264, 2); !cmp.Equal(id, []uint16{'W'<<8 | '-', '2' << 8}) {
		t.Errorf("id of well 2: %x", id)
	}
	if d := first.words(247, 232, 4); d[0] != 2 || d[1] != 1 || d[2] > 1 {
		t.Errorf("device of well 2: %v", d)
	}
	beat := board[1]
	until(t, "the heartbeat moves", func() bool { return first.words(247, 1, 1)[0] != beat })
}

// The heartbeat stands still when no scan goes through, and old words are not served.
func TestTapTellsThatNothingMoves(t *testing.T) {
	p := newPad(t)
	r := start(t, appliance.Options{Config: p.config(1, tapped("127.0.0.1:0")), Version: "test"})
	m := connect(t, r.app.TapAddress())
	until(t, "the well is served", func() bool { return m.words(1, 0, 3) != nil })
	until(t, "the heartbeat moves", func() bool { b := m.words(247, 1, 1); return b != nil && b[0] > 0 })
	r.app.Stall("W-1")
	until(t, "old words are refused as of a silent device", func() bool { return cmp.Equal(m.ask(1, 3, 0, 0, 0, 3), []byte{0x83, 11}) })
	stands := 0
	last := m.words(247, 1, 1)[0]
	until(t, "the heartbeat stands still", func() bool {
		time.Sleep(500 * time.Millisecond)
		now := m.words(247, 1, 1)[0]
		if stands++; now != last {
			stands, last = 0, now
		}
		return stands >= 4
	})
	if age := m.words(247, 119, 2); age[0] < 2 || age[1] < 2 {
		t.Errorf("ages of scan and drive: %v s", age)
	}
}

// A reload opens the tap, moves units and limits of connected masters, and closes it.
func TestTapReload(t *testing.T) {
	p := newPad(t)
	r := start(t, appliance.Options{Config: p.config(2, nil), Version: "test"})
	if r.app.TapAddress() != "" {
		t.Fatal("a tap that is off serves")
	}
	address := freeAddress(t)
	report := r.reload(p.config(2, tapped(address)))
	if diff := cmp.Diff([]string{"tap.listen"}, report.Settings); diff != "" {
		t.Errorf("settings that took effect (-want +got):\n%s", diff)
	}
	m := connect(t, address)
	until(t, "both wells are served", func() bool { return m.words(1, 0, 3) != nil && m.words(2, 0, 3) != nil })
	r.reload(p.config(2, func(c *config.Config) {
		c.Tap.Listen, c.Tap.Units = address, []config.TapUnit{{Well: "W-2", Device: "drive", Unit: 42}}
	}))
	if got := m.ask(2, 3, 0, 0, 0, 3); !cmp.Equal(got, []byte{0x83, 10}) || m.words(42, 0, 3) == nil || m.words(1, 0, 3) == nil {
		t.Errorf("after the move unit 2 answers % x", got)
	}
	// A well that is polled anew keeps the words of devices that are the same.
	r.reload(p.config(2, func(c *config.Config) {
		c.Tap.Listen = address
		c.Wells[0].Devices[0].Timeout = 300 * time.Millisecond
		extra := c.Wells[1].Devices[0]
		extra.Name, extra.Unit, extra.Profile = "second", new(uint8(9)), "e"
		p.profiles["profiles/e.yaml"] = &fstest.MapFile{Data: []byte(`{schema: esp-profile/1, id: e, kind: controller,
  defaults: {fc: 3, base: 0}, points: [{name: torque, ref: 1, type: u16, unit: "%"}]}`)}
		c.Wells[1].Devices = append(c.Wells[1].Devices, extra)
	}))
	if m.words(2, 0, 3) == nil {
		t.Error("well 2 is not served after another device was added to it")
	}
	until(t, "the added device and the one polled anew are served", func() bool { return m.words(9, 1, 1) != nil && m.words(1, 0, 3) != nil })

	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer occupied.Close()
	if _, err := r.app.Reload(t.Context(), p.config(2, tapped(occupied.Addr().String()))); err == nil {
		t.Error("a reload takes an address that is in use")
	}
	if m.words(1, 0, 3) == nil {
		t.Error("a reload that was refused closed the tap")
	}
	// Another host at the same port can only be opened after the old one is closed.
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	r.reload(p.config(2, tapped("localhost:"+port)))
	until(t, "the tap is open at the other host", func() bool { return r.app.TapAddress() != "" })
	m = connect(t, r.app.TapAddress())
	until(t, "well 1 is served there", func() bool { return m.words(1, 0, 3) != nil })
	r.reload(p.config(2, nil))
	if m.words(1, 0, 3) != nil || r.app.TapAddress() != "" {
		t.Error("a tap that is off serves")
	}
}

// An address that is in use at the start is no reason not to poll: it is told, and
// opened when it is free.
func TestTapAddressInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the next try")
	}
	p := newPad(t)
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := occupied.Addr().String()
	r := start(t, appliance.Options{Config: p.config(1, tapped(address)), Version: "test"})
	r.polled("W-1", time.Time{})
	occupied.Close()
	deadline := time.Now().Add(20 * time.Second)
	for r.app.TapAddress() == "" && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	m := connect(t, address)
	until(t, "the well is served", func() bool { return m.words(1, 0, 3) != nil })
}
