package sim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// Two devices whose registers are known by heart: every table, every width.
const plainProfile = `{schema: esp-profile/1, id: plain, kind: drive, vendor: Wellkeeper, model: Plain, defaults: {base: 0}, points: [
	{name: drive_frequency, fc: 3, ref: 100, type: u16, scale: 0.01, unit: Hz},
	{name: run_hours, fc: 3, ref: 102, type: u32, unit: s},
	{name: output_power, fc: 3, ref: 104, type: f32, unit: kW},
	{name: choke, fc: 4, ref: 7, type: u16, unit: "%"},
	{name: control_source, fc: 1, ref: 3, type: u16},
	{name: start_count, fc: 2, ref: 30, type: u16}]}`

func plainBank(tb testing.TB) (*sim.Bank, *sim.Well) {
	tb.Helper()
	p, err := profile.Parse("plain.yaml", []byte(plainProfile))
	if err != nil {
		tb.Fatal(err)
	}
	bank := sim.NewBank(map[uint8]*profile.Profile{1: p, 9: mustProfile(tb, "simulated-gauge")})
	w := mustWell(tb, sim.Config{Seed: 1, Start: start, Scenario: sim.Scenario{
		Changes: []sim.Change{{Param: sim.Setpoint, To: 52}},
	}})
	w.Advance(start.Add(time.Minute))
	bank.Load(w)
	return bank, w
}

// pipes is a listener for connections in memory.
type pipes struct {
	dialled chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(tb testing.TB) net.Conn {
	tb.Helper()
	near, far := net.Pipe()
	select {
	case p.dialled <- far:
	case <-p.closed:
		tb.Fatal("the listener is closed")
	}
	return near
}

// serve runs a server until the test ends; Run must then return nil.
func serve(tb testing.TB, cfg sim.ServerConfig) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- sim.NewServer(cfg).Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				tb.Errorf("run: %v", err)
			}
		case <-time.After(10 * time.Second):
			tb.Error("the server does not stop")
		}
	})
}

func mustHex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// exchange sends bytes and reads exactly as many as are wanted.
func exchange(t *testing.T, c net.Conn, send, want string) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(mustHex(t, send))
		sent <- err
	}()
	expected := mustHex(t, want)
	got := make([]byte, len(expected))
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("%s: got % X, then %v; want % X", send, got[:n], err, expected)
	}
	if err := <-sent; err != nil {
		t.Fatalf("%s: %v", send, err)
	}
	if !bytes.Equal(got, expected) {
		t.Fatalf("%s:\n got % X\nwant % X", send, got, expected)
	}
}

func TestServerAnswersByteForByte(t *testing.T) {
	t.Parallel()
	bank, w := plainBank(t)
	listener := newPipes()
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
	c := listener.dial(t)
	defer c.Close()

	seconds := uint32(value(t, w, "run_hours")*3600 + 0.5)
	hours := hex.EncodeToString(binary.BigEndian.AppendUint32(nil, seconds))
	for _, x := range []struct{ name, send, want string }{
		{"holding register", "0001 0000 0006 01 03 0064 0001", "0001 0000 0005 01 03 02 1450"},
		{"with a hole and a long word", "0002 0000 0006 01 03 0064 0004", "0002 0000 000B 01 03 08 1450 0000" + hours},
		{"input register", "0003 0000 0006 01 04 0007 0001", "0003 0000 0005 01 04 02 0064"},
		{"coil", "0004 0000 0006 01 01 0003 0001", "0004 0000 0004 01 01 01 01"},
		{"discrete input", "0005 0000 0006 01 02 001E 0001", "0005 0000 0004 01 02 01 01"},
		{"the other table", "0006 0000 0006 01 04 0064 0001", "0006 0000 0003 01 84 02"},
		{"past the end", "0007 0000 0006 01 03 0064 0007", "0007 0000 0003 01 83 02"},
		{"past the last address", "0008 0000 0006 01 03 FFFF 0002", "0008 0000 0003 01 83 02"},
		{"none", "0009 0000 0006 01 03 0064 0000", "0009 0000 0003 01 83 03"},
		{"126 registers", "000A 0000 0006 01 03 0064 007E", "000A 0000 0003 01 83 03"},
		{"2001 bits", "000B 0000 0006 01 01 0003 07D1", "000B 0000 0003 01 81 03"},
		{"a request too short", "000C 0000 0005 01 03 0064 00", "000C 0000 0003 01 83 03"},
		{"a request too long", "000D 0000 0007 01 03 0064 0001 00", "000D 0000 0003 01 83 03"},
		{"function code alone", "000E 0000 0002 01 03", "000E 0000 0003 01 83 03"},
		{"write a coil", "000F 0000 0006 01 05 0003 FF00", "000F 0000 0003 01 85 01"},
		{"write a register", "0010 0000 0006 01 06 0064 0001", "0010 0000 0003 01 86 01"},
		{"write coils", "0011 0000 0008 01 0F 0003 0001 01 01", "0011 0000 0003 01 8F 01"},
		{"write registers", "0012 0000 0009 01 10 0064 0001 02 0000", "0012 0000 0003 01 90 01"},
		{"mask write", "0013 0000 0008 01 16 0064 0000 0000", "0013 0000 0003 01 96 01"},
		{"read and write", "0014 0000 000D 01 17 0064 0001 0064 0001 02 0000", "0014 0000 0003 01 97 01"},
		{"function 0", "0015 0000 0002 01 00", "0015 0000 0003 01 80 01"},
		{"unknown unit", "0016 0000 0006 4D 03 0064 0001", "0016 0000 0003 4D 83 0B"},
		{"broadcast unit", "0017 0000 0006 00 03 0064 0001", "0017 0000 0003 00 83 0B"},
		{"the second unit", "0018 0000 0006 09 03 0013 0001", "0018 0000 0005 09 03 02 0000"},
		{"other encapsulation", "0019 0000 0003 01 2B 0D", "0019 0000 0003 01 AB 01"},
		{"identification, individual", "001A 0000 0005 01 2B 0E 04 01", "001A 0000 000F 01 2B 0E 04 81 00 00 01 01 05 506C61696E"},
		{"identification, no such object", "001B 0000 0005 01 2B 0E 04 09", "001B 0000 0003 01 AB 02"},
		{"identification, no such code", "001C 0000 0005 01 2B 0E 05 00", "001C 0000 0003 01 AB 03"},
		{"identification, short", "001D 0000 0004 01 2B 0E 04", "001D 0000 0003 01 AB 03"},
		{"still there", "FFFF 0000 0006 01 03 0064 0001", "FFFF 0000 0005 01 03 02 1450"},
	} {
		t.Run(x.name, func(t *testing.T) { exchange(t, c, x.send, x.want) })
	}
}

func TestIdentificationAsAStream(t *testing.T) {
	t.Parallel()
	bank, _ := plainBank(t)
	listener := newPipes()
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
	c := listener.dial(t)
	defer c.Close()
	p, err := profile.Parse("plain.yaml", []byte(plainProfile))
	if err != nil {
		t.Fatal(err)
	}
	vendor, model, revision := hex.EncodeToString([]byte("Wellkeeper")), hex.EncodeToString([]byte("Plain")), hex.EncodeToString([]byte(p.Hash()))
	all := "01 2B 0E 01 81 00 00 03 00 0A" + vendor + "01 05" + model + "02 10" + revision
	exchange(t, c, "0001 0000 0005 01 2B 0E 01 00", "0001 0000 002D "+all)
	exchange(t, c, "0002 0000 0005 01 2B 0E 01 77", "0002 0000 002D "+all) // unknown object: from the start
	exchange(t, c, "0003 0000 0005 01 2B 0E 02 02", "0003 0000 001A 01 2B 0E 02 81 00 00 01 02 10"+revision)
}

func TestFraming(t *testing.T) {
	t.Parallel()
	const question, reply = "0001 0000 0006 01 03 0064 0001", "0001 0000 0005 01 03 02 1450"
	bank, _ := plainBank(t)
	listener := newPipes()
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank})

	t.Run("one byte at a time", func(t *testing.T) {
		t.Parallel()
		c := listener.dial(t)
		defer c.Close()
		bytes := mustHex(t, question)
		go func() {
			for i := range bytes {
				_, _ = c.Write(bytes[i : i+1])
			}
		}()
		exchange(t, c, "", reply)
	})
	t.Run("several in one write", func(t *testing.T) {
		t.Parallel()
		c := listener.dial(t)
		defer c.Close()
		exchange(t, c, question+"0002 0000 0006 01 04 0007 0001"+question, reply+"0002 0000 0005 01 04 02 0064"+reply)
	})
	t.Run("addresses do not go round", func(t *testing.T) {
		t.Parallel()
		ends, err := profile.Parse("ends.yaml", []byte(`{schema: esp-profile/1, id: ends, kind: drive, defaults: {fc: 3, base: 0},
			points: [{name: vendor_first, ref: 0, type: u16}, {name: vendor_last, ref: 65535, type: u16}]}`))
		if err != nil {
			t.Fatal(err)
		}
		l := newPipes()
		serve(t, sim.ServerConfig{Listener: l, Bank: sim.NewBank(map[uint8]*profile.Profile{1: ends})})
		c := l.dial(t)
		defer c.Close()
		exchange(t, c, "0001 0000 0006 01 03 FFFF 0001", "0001 0000 0005 01 03 02 0000")
		exchange(t, c, "0002 0000 0006 01 03 FFFF 0002", "0002 0000 0003 01 83 02")
	})
	t.Run("another protocol is ignored", func(t *testing.T) {
		t.Parallel()
		c := listener.dial(t)
		defer c.Close()
		exchange(t, c, "0007 0001 0006 01 03 0064 0001"+question, reply)
	})
	t.Run("the longest request", func(t *testing.T) {
		t.Parallel()
		c := listener.dial(t)
		defer c.Close()
		exchange(t, c, "0007 0000 00FE 01 10"+strings.Repeat("00", 252)+question, "0007 0000 0003 01 90 01"+reply)
	})
	t.Run("the longest reply", func(t *testing.T) {
		t.Parallel()
		wide, err := profile.Parse("wide.yaml", []byte(`{schema: esp-profile/1, id: wide, kind: drive, defaults: {fc: 3, base: 0},
			points: [`+widePoints()+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		l := newPipes()
		serve(t, sim.ServerConfig{Listener: l, Bank: sim.NewBank(map[uint8]*profile.Profile{1: wide})})
		c := l.dial(t)
		defer c.Close()
		exchange(t, c, "0001 0000 0006 01 03 0000 007D", "0001 0000 00FD 01 03 FA"+strings.Repeat("0000", 125))
	})
	for _, length := range []string{"0000", "0001", "00FF", "FFFF"} {
		t.Run("length "+length, func(t *testing.T) {
			t.Parallel()
			c := listener.dial(t)
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = c.Write(mustHex(t, "0001 0000 "+length+" 01"))
			if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("read %d bytes, %v; want the connection closed", n, err)
			}
		})
	}
}

func widePoints() string {
	var b strings.Builder
	for i := range 9 { // each 16 registers: the holes between answer too
		b.WriteString("{name: vendor_" + string(rune('a'+i)) + ", ref: " + itoa(16*i) + ", type: u16},")
	}
	return b.String()
}

func itoa(n int) string {
	return strings.TrimLeft(string([]byte{byte('0' + n/100), byte('0' + n/10%10)}), "0") + string(byte('0'+n%10))
}

func TestUnknownUnitMayBeSilent(t *testing.T) {
	t.Parallel()
	bank, _ := plainBank(t)
	listener := newPipes()
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank, SilentUnknown: true})
	c := listener.dial(t)
	defer c.Close()
	exchange(t, c, "0016 0000 0006 4D 03 0064 0001 0017 0000 0006 01 03 0064 0001", "0017 0000 0005 01 03 02 1450")
}

func TestIdleClientIsDropped(t *testing.T) {
	t.Parallel()
	bank, _ := plainBank(t)
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		serve(t, sim.ServerConfig{Listener: listener, Bank: bank, Idle: time.Minute})
		c := listener.dial(t)
		defer c.Close()
		for range 5 {
			time.Sleep(50 * time.Second)
			exchange(t, c, "0001 0000 0006 01 03 0064 0001", "0001 0000 0005 01 03 02 1450")
		}
		begin := time.Now()
		_ = c.SetDeadline(time.Time{})
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		if waited := time.Since(begin); waited != time.Minute {
			t.Errorf("dropped after %v, want a minute", waited)
		}
	})
}

func TestServerLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	bank, _ := plainBank(t)
	synctest.Test(t, func(t *testing.T) { // fails when a goroutine outlives it
		listener := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- sim.NewServer(sim.ServerConfig{Listener: listener, Bank: bank}).Run(ctx)
		}()
		var clients []net.Conn
		for range 5 {
			clients = append(clients, listener.dial(t))
		}
		_, _ = clients[0].Write([]byte{0, 1, 0}) // in the middle of a request
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		for i, c := range clients {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("client %d: %v", i, err)
			}
		}
	})
}

func TestTooManyClientsAreTurnedAway(t *testing.T) {
	t.Parallel()
	bank, _ := plainBank(t)
	listener := newPipes()
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank, Clients: 1})
	first := listener.dial(t)
	exchange(t, first, "0001 0000 0006 01 03 0064 0001", "0001 0000 0005 01 03 02 1450")
	second := listener.dial(t)
	_ = second.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the second client: %v", err)
	}
	exchange(t, first, "0002 0000 0006 01 03 0064 0001", "0002 0000 0005 01 03 02 1450")
}

func TestBrokenListenerEndsRun(t *testing.T) {
	t.Parallel()
	bank, _ := plainBank(t)
	listener := newPipes()
	_ = listener.Close()
	if err := sim.NewServer(sim.ServerConfig{Listener: listener, Bank: bank}).Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("run: %v", err)
	}
}

func TestSeveralClientsReadWhileTheWellGoesOn(t *testing.T) {
	t.Parallel()
	bank, w := plainBank(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			c, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			last := uint32(0)
			for i := range 500 {
				request := append([]byte{byte(i >> 8), byte(i)}, mustHex(t, "0000 0006 01 03 0066 0002")...)
				if _, err := c.Write(request); err != nil {
					t.Error(err)
					return
				}
				reply := make([]byte, 13)
				if _, err := io.ReadFull(c, reply); err != nil || !bytes.Equal(reply[:2], request[:2]) {
					t.Errorf("reply % X: %v", reply, err)
					return
				}
				now := binary.BigEndian.Uint32(reply[9:])
				if now < last {
					t.Errorf("run seconds went from %d to %d", last, now)
					return
				}
				last = now
			}
		})
	}
	for i := range 1000 {
		w.Advance(start.Add(time.Duration(i) * time.Minute))
		bank.Load(w)
	}
	clients.Wait()
}
