package modbus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
)

const python = "/usr/bin/python3"

// missing skips a test whose foreign peer is not there. Where a pipeline says that
// everything is installed, it fails.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing; run scripts/deps.sh", what)
	}
	t.Skipf("%s is missing: not compared with this foreign peer", what)
}

// registers of a foreign server: unit → function → address → value.
type registers map[uint8]map[uint8]map[uint16]uint16

func (r registers) set(unit, fc uint8, wire, word uint16) {
	if r[unit] == nil {
		r[unit] = map[uint8]map[uint16]uint16{}
	}
	if r[unit][fc] == nil {
		r[unit][fc] = map[uint16]uint16{}
	}
	r[unit][fc][wire] = word
}

// startPeer runs a server of scripts/peers and gives the words behind READY.
func startPeer(t *testing.T, script string, r registers, args ...string) []string {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "registers.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, append([]string{filepath.Join("..", "scripts", "peers", script), "--stdin", "--registers", file}, args...)...)
	cmd.Stderr = io.Discard
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait() // killed by its context or ended by its input
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 2 || words[0] != "READY" {
		t.Fatalf("%s said %q (%v)", script, line, err)
	}
	return words[1:]
}

func needPymodbus(t *testing.T) {
	t.Helper()
	if exec.CommandContext(t.Context(), python, "-c", "import pymodbus, serial_asyncio").Run() != nil {
		missing(t, "python3-pymodbus with python3-serial-asyncio")
	}
}

func needLibmodbus(t *testing.T) {
	t.Helper()
	if exec.CommandContext(t.Context(), python, "-c", "import ctypes; ctypes.CDLL('libmodbus.so.5')").Run() != nil {
		missing(t, "libmodbus5")
	}
}

func shipped(t *testing.T, id string) *profile.Profile {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "configs", "profiles", id+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(id+".yaml", body)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// every type of value, with all four functions
const everyType = `
schema: esp-profile/1
id: every-type
kind: controller
defaults: {base: 0, fc: 3, max_hole: 0}
points:
  - {name: a_u16, ref: 0, scale: 0.01, unit: Hz}
  - {name: a_s16, ref: 1, type: s16, scale: 0.1, unit: degC}
  - {name: a_u32, ref: 2, type: u32}
  - {name: a_s32_swapped, ref: 4, type: s32, word_order: lohi}
  - {name: a_f32, ref: 6, type: f32}
  - {name: a_f64, ref: 8, type: f64}
  - {name: a_high, ref: 12, type: u8h}
  - {name: a_low, ref: 12, type: u8l}
  - {name: a_bcd, ref: 13, type: bcd16}
  - {name: an_input, ref: 3, fc: 4, type: u16}
  - {name: a_coil, ref: 9, fc: 1}
  - {name: a_discrete, ref: 17, fc: 2}
`

func everyTypeRegisters() (registers, map[string]float64) {
	r := registers{}
	for i, w := range []uint16{5203, 0xFF85, 0x0001, 0x86A0, 0xFFFE, 0xFFFF, 0x4248, 0xF5C3, 0xC009, 0x21FB, 0x5444, 0x2D18, 0x1234, 0x9876} {
		r.set(1, 3, uint16(i), w)
	}
	r.set(1, 4, 3, 777)
	r.set(1, 1, 9, 1)
	r.set(1, 2, 17, 1)
	return r, map[string]float64{
		"a_u16": 52.03, "a_s16": -12.3, "a_u32": 100000, "a_s32_swapped": -2, "a_f32": float64(float32(50.24)),
		"a_f64": -math.Pi, "a_high": 0x12, "a_low": 0x34, "a_bcd": 9876, "an_input": 777, "a_coil": 1, "a_discrete": 1,
	}
}

func checkProbe(t *testing.T, url string, p *profile.Profile, unit uint8, want map[string]float64) {
	t.Helper()
	d := modbus.Device{ID: "d", URL: url, Unit: unit, Profile: p, Timeout: 2 * time.Second}
	result, err := modbus.Probe(t.Context(), d, zerolog.Nop())
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	if len(result.Rows) != len(want) {
		t.Errorf("rows: got %d, want %d", len(result.Rows), len(want))
	}
	for _, row := range result.Rows {
		if row.Quality != esp.Good || row.Value == nil || math.Abs(*row.Value-want[row.Name]) > 1e-9 {
			t.Errorf("%s: got %v (raw %s, %s %s), want %v", row.Name, deref(row.Value), row.Raw, row.Quality, row.Reason, want[row.Name])
		}
	}
}

func deref(f *float64) any {
	if f == nil {
		return nil
	}
	return *f
}

func TestForeignServers(t *testing.T) {
	t.Run("pymodbus", func(t *testing.T) {
		needPymodbus(t)
		r, want := everyTypeRegisters()
		at := startPeer(t, "pymodbus_server.py", r)
		checkProbe(t, "tcp://"+net.JoinHostPort(at[0], at[1]), mustParse(t, everyType), 1, want)
	})
	t.Run("libmodbus", func(t *testing.T) {
		needLibmodbus(t)
		r, want := everyTypeRegisters()
		at := startPeer(t, "libmodbus_server.py", r)
		checkProbe(t, "tcp://"+net.JoinHostPort(at[0], at[1]), mustParse(t, everyType), 1, want)
	})
	t.Run("pymodbus over a serial line", func(t *testing.T) {
		needPymodbus(t)
		r, want := everyTypeRegisters()
		at := startPeer(t, "pymodbus_server.py", r, "--pty")
		checkProbe(t, "rtu://"+at[0]+"?baud=19200&parity=N", mustParse(t, everyType), 1, want)
	})
}

// The simulated drive and gauge, served by a foreign server as two units of one
// gateway, polled as one well: every value one by one.
func TestForeignServerWithShippedProfiles(t *testing.T) {
	needPymodbus(t)
	drive, gauge := shipped(t, "simulated-drive"), shipped(t, "simulated-gauge")
	rng := rand.New(rand.NewPCG(1, 1))
	r, want := registers{}, map[string]float64{}
	for unit, p := range map[uint8]*profile.Profile{1: drive, 10: gauge} {
		for i := range p.Points {
			lo, hi := p.Points[i].Low, p.Points[i].High
			if math.IsNaN(lo) {
				lo, hi = 0, 2
			}
			want[p.Points[i].Name] = max(lo, 1) + rng.Float64()*min(hi-max(lo, 1), 50)
		}
		want["run_state"], want["warning"] = float64(esp.Tripped), 1
		p.Encode(func(name string) (float64, bool) { v, ok := want[name]; return v, ok && name != "status_word" }, func(fc uint8, wire, word uint16) { r.set(unit, fc, wire, word) })
	}
	delete(want, "status_word")
	at := startPeer(t, "pymodbus_server.py", r)
	url := "tcp://" + net.JoinHostPort(at[0], at[1])
	p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{
		{ID: "drive", URL: url, Profile: drive, Period: 200 * time.Millisecond, Timeout: 2 * time.Second},
		{ID: "gauge", URL: url, Profile: gauge, Period: 200 * time.Millisecond, Timeout: 2 * time.Second},
	}})
	for _, s := range scans(t, p, 3) {
		for i, c := range p.Layout().Columns {
			v, ok := want[c.Name]
			if !ok {
				continue
			}
			step := math.Abs(c.Scale.Apply(1) - c.Scale.Apply(0))
			if c.Float {
				step = 1e-4
			}
			if got := s.Readings[i]; got.Quality != esp.Good || math.Abs(got.Value-v) > max(step, 1e-9) {
				t.Errorf("%s: got %v (%s %s), want %v", c.Name, got.Value, got.Quality, got.Reason, v)
			}
		}
	}
	for _, s := range p.Status() {
		if s.State != modbus.StateOK || s.Failed != 0 || len(s.NotSupported) > 0 {
			t.Errorf("status: %+v", s)
		}
	}
}

// A register that the foreign server refuses loses only its own value.
func TestForeignServerRefusesARegister(t *testing.T) {
	needPymodbus(t)
	r, want := everyTypeRegisters()
	delete(r[1][3], 13)
	at := startPeer(t, "pymodbus_server.py", r)
	d := modbus.Device{ID: "d", URL: "tcp://" + net.JoinHostPort(at[0], at[1]), Profile: mustParse(t, everyType), Timeout: 2 * time.Second}
	result, err := modbus.Probe(t.Context(), d, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range result.Rows {
		switch {
		case row.Name == "a_bcd":
			if row.Quality != esp.Lost || row.Reason != esp.NotSupported || row.Value != nil {
				t.Errorf("refused register: %+v", row)
			}
		case row.Value == nil || math.Abs(*row.Value-want[row.Name]) > 1e-9:
			t.Errorf("%s: got %v, want %v", row.Name, deref(row.Value), want[row.Name])
		}
	}
}

// openPTY gives the master end of a pseudo-terminal and the path of the other.
func openPTY(t *testing.T) (*os.File, string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		missing(t, "a pseudo-terminal")
	}
	t.Cleanup(func() { master.Close() })
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	err = errors.Join(raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}), err)
	if err != nil {
		t.Fatal(err)
	}
	path := "/dev/pts/" + strconv.Itoa(number)
	// The far end stays open and without echo, so that the line does not hang up when
	// the port is closed and opened again.
	far, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if err := unix.IoctlSetTermios(int(far.Fd()), unix.TCSETS, &unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL}); err != nil {
		t.Fatal(err)
	}
	return master, path
}

// A slave on a real serial line whose answers come in pieces, late, damaged and not
// at all: no wrong value, and whole again after each.
func TestSerialLine(t *testing.T) {
	const tick = 250 * time.Millisecond
	master, path := openPTY(t)
	go func() {
		polls, struck := 0, map[int]bool{}
		var b [8]byte
		for {
			if _, err := io.ReadFull(master, b[:]); err != nil {
				return
			}
			a := ask{unit: b[0], fc: b[1], address: uint16(b[2])<<8 | uint16(b[3]), quantity: uint16(b[4])<<8 | uint16(b[5]), tick: tick}
			reply := a.rtu()
			if a.address == 0 && a.quantity == 10 {
				polls++
			}
			if a.address == 0 && !struck[polls] {
				struck[polls] = true
				switch polls {
				case 4: // in pieces
					for _, c := range reply {
						_, _ = master.Write([]byte{c})
						hold(time.Millisecond)
					}
					continue
				case 7: // late
					hold(140 * time.Millisecond)
				case 10: // damaged
					reply[4] ^= 1
				case 13: // not at all
					continue
				}
			}
			_, _ = master.Write(reply)
		}
	}()
	d := modbus.Device{ID: "d", URL: "rtu://" + path + "?baud=115200&parity=N", Unit: 1, Profile: testProfile(t), Period: tick, Timeout: 100 * time.Millisecond}
	p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}})
	good := 0
	for i, s := range scans(t, p, 18) {
		o := judgeTick(&s, testAddresses(), 0, tick, 2)
		for _, text := range o.wrong {
			t.Errorf("scan %d: wrong value accepted: %s", i, text)
		}
		if o.good == len(testAddresses()) {
			good++
		}
	}
	if good < 9 {
		t.Errorf("whole polls: got %d of 18, want at least 9", good)
	}
	if errs := p.Status()[0].Errors; errs[esp.Timeout] == 0 || errs[esp.BadFrame] == 0 {
		t.Errorf("errors: %v, want timeouts and a damaged frame", errs)
	}
}

// The end of the context ends a read of a serial port at once.
func TestSerialCancel(t *testing.T) {
	_, path := openPTY(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := modbus.Probe(ctx, modbus.Device{ID: "d", URL: "rtu://" + path + "?parity=N", Profile: testProfile(t), Timeout: 20 * time.Second}, zerolog.Nop())
	if took := time.Since(start); err == nil || took > 2*time.Second {
		t.Errorf("probe ended after %s with %v", took, err)
	}
}

func TestSerialPortMissing(t *testing.T) {
	result, err := modbus.Probe(t.Context(), modbus.Device{ID: "d", URL: "rtu:///dev/serial/by-id/none", Profile: testProfile(t)}, zerolog.Nop())
	if err == nil || len(result.Rows) != len(testAddresses()) || result.Rows[0].Reason != esp.Unreachable {
		t.Errorf("got %v and %+v, want unreachable", err, result)
	}
}

// The fault matrix in short over real sockets: resets and closes in the middle of a
// frame exist only there.
func TestFaultsOverSockets(t *testing.T) {
	const tick = 200 * time.Millisecond
	cases := map[string]func(conn *net.TCPConn, a ask){
		"RST in the frame": func(conn *net.TCPConn, a ask) {
			_, _ = conn.Write(a.reply()[:11])
			_ = conn.SetLinger(0)
			conn.Close()
		},
		"RST before the frame": func(conn *net.TCPConn, _ ask) { _ = conn.SetLinger(0); conn.Close() },
		"FIN in the frame":     func(conn *net.TCPConn, a ask) { _, _ = conn.Write(a.reply()[:11]); conn.Close() },
		"late":                 func(conn *net.TCPConn, a ask) { b := a.reply(); hold(170 * time.Millisecond); _, _ = conn.Write(b) },
		"silence":              func(*net.TCPConn, ask) {},
		"reply twice":          func(conn *net.TCPConn, a ask) { b := a.reply(); _, _ = conn.Write(append(b, b...)) },
		"garbage":              func(conn *net.TCPConn, a ask) { _, _ = conn.Write(append(make([]byte, 64), a.reply()...)) },
	}
	var wg sync.WaitGroup
	for name, answer := range cases {
		wg.Go(func() {
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			defer listener.Close()
			start := time.Now()
			w := window{start.Add(time.Second), start.Add(2 * time.Second)}
			p := &peer{tick: tick, script: func(_ *peer, conn net.Conn, a ask) bool {
				if !w.now() {
					return false
				}
				answer(conn.(*net.TCPConn), a) //nolint:forcetypeassert // the listener is TCP
				return true
			}}
			go p.listen(listener)
			d := modbus.Device{ID: "d", URL: "tcp://" + listener.Addr().String(), Unit: 1, Profile: testProfile(t), Period: tick, Timeout: 150 * time.Millisecond}
			poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}})
			whole := 0
			for i, s := range scans(t, poller, 18) {
				o := judgeTick(&s, testAddresses(), 0, tick, 2)
				for _, text := range o.wrong {
					t.Errorf("%s: scan %d: wrong value accepted: %s", name, i, text)
				}
				if s.Time.After(w.to.Add(2*tick)) && o.good == len(testAddresses()) {
					whole++
				}
			}
			if whole < 3 {
				t.Errorf("%s: %d whole polls after the fault, want nearly all of 6", name, whole)
			}
		})
	}
	wg.Wait()
}

func (p *peer) listen(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			p.serve(conn)
		}()
	}
}

// A device behind a half-open connection, which takes bytes and never answers, is
// found out by the timeout, and keepalive is set for the time between two polls.
func TestKeepAlive(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go (&peer{}).listen(listener)
	idle, interval, count, err := modbus.KeepAliveOf(t.Context(), "tcp://"+listener.Addr().String())
	if err != nil || idle != 2 || interval != 1 || count != 3 {
		t.Errorf("keepalive: idle %d s, interval %d s, %d probes (%v), want 2, 1, 3", idle, interval, count, err)
	}
}
