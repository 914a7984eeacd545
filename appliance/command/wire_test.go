package command_test

import (
	"bufio"
	"bytes"
	endian "encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// capture is a file that packet analysers read (pcap, https://www.tcpdump.org/manpages/pcap-savefile.5.txt).
// It is written by the proxies below, so that no right to watch an interface is needed.
type capture struct {
	file string

	mu      sync.Mutex // guards the rest
	out     bytes.Buffer
	packets int
}

// Link types of https://www.tcpdump.org/linktypes.html.
const (
	rawIP      = 101
	rtacSerial = 250
)

func newCapture(t *testing.T, name string, linkType uint32) *capture {
	t.Helper()
	c := &capture{file: filepath.Join(t.TempDir(), name)}
	for _, word := range []uint32{0xA1B2C3D4, 2<<16 | 4, 0, 0, 65535, linkType} { // version 2.4
		c.out.Write(endian.BigEndian.AppendUint32(nil, word))
	}
	return c
}

func (c *capture) packet(data []byte) {
	now := time.Now()
	header := endian.BigEndian.AppendUint32(nil, uint32(now.Unix()))
	header = endian.BigEndian.AppendUint32(header, uint32(now.Nanosecond()/1000))
	header = endian.BigEndian.AppendUint32(header, uint32(len(data)))
	header = endian.BigEndian.AppendUint32(header, uint32(len(data)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Write(append(header, data...))
	c.packets++
}

// decode is what tshark says of the capture, one line of fields for each packet.
func (c *capture) decode(t *testing.T, args ...string) [][]string {
	t.Helper()
	c.mu.Lock()
	err := os.WriteFile(c.file, c.out.Bytes(), 0o600)
	packets := c.packets
	c.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-r", c.file, "-T", "fields", "-E", "separator=;", "-e", "modbus.func_code", "-e", "_ws.malformed", "-e", "frame.protocols"}, args...)
	out, err := exec.CommandContext(t.Context(), "tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var lines [][]string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Split(strings.TrimSpace(line), ";"))
	}
	if len(lines) != packets {
		t.Fatalf("tshark sees %d packets of %d", len(lines), packets)
	}
	return lines
}

// conversation writes one TCP connection into a capture, as between 10.0.0.1 and port
// 502 of 10.0.0.2.
type conversation struct {
	*capture

	port uint16

	mu   sync.Mutex
	sent [2]uint32 // bytes so far, by direction
}

func (c *conversation) note(toDevice bool, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, to, way := [2]uint16{1, c.port}, [2]uint16{2, 502}, 0
	if !toDevice {
		from, to, way = to, from, 1
	}
	b := []byte{0x45, 0}
	b = endian.BigEndian.AppendUint16(b, uint16(40+len(data)))
	b = append(b, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, byte(from[0]), 10, 0, 0, byte(to[0]))
	b = endian.BigEndian.AppendUint16(b, from[1])
	b = endian.BigEndian.AppendUint16(b, to[1])
	b = endian.BigEndian.AppendUint32(b, 1+c.sent[way])
	b = endian.BigEndian.AppendUint32(b, 1+c.sent[1-way])
	b = append(b, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0)
	c.sent[way] += uint32(len(data))
	c.packet(append(b, data...))
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

// accept serves each connection of a listener until the test ends.
func accept(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { listener.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return listener.Addr().String()
}

// recorded leads to a device over Modbus TCP and writes down every byte.
func recorded(t *testing.T, c *capture, device string) string {
	t.Helper()
	var ports sync.Mutex
	next := uint16(40000)
	return accept(t, func(near net.Conn) {
		far, err := net.Dial("tcp", device)
		if err != nil {
			return
		}
		ports.Lock()
		talk := &conversation{capture: c, port: next}
		next++
		ports.Unlock()
		var back sync.WaitGroup
		back.Go(func() { pass(near, far, func(b []byte) { talk.note(false, b) }); near.Close() })
		pass(far, near, func(b []byte) { talk.note(true, b) })
		far.Close()
		back.Wait()
	})
}

func pass(to io.Writer, from io.Reader, note func([]byte)) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		note(b[:n])
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// serialGateway takes RTU frames, asks a device over Modbus TCP, and writes the frames
// down as a serial analyser does.
func serialGateway(t *testing.T, c *capture, device string) string {
	t.Helper()
	note := func(event byte, frame []byte) {
		now := time.Now()
		b := endian.BigEndian.AppendUint32(nil, uint32(now.Unix()))
		b = endian.BigEndian.AppendUint32(b, uint32(now.Nanosecond()/1000))
		c.packet(append(append(b, event, 0, 0, 0), frame...))
	}
	return accept(t, func(near net.Conn) {
		far, err := net.Dial("tcp", device)
		if err != nil {
			return
		}
		defer far.Close()
		in := bufio.NewReader(near)
		for {
			ask := make([]byte, 8) // each read is of this length, and nothing else passes
			if _, err := io.ReadFull(in, ask); err != nil {
				return
			}
			note(1, ask)
			if _, err := far.Write(append([]byte{0, 1, 0, 0, 0, 6}, ask[:6]...)); err != nil {
				return
			}
			var header [6]byte
			if _, err := io.ReadFull(far, header[:]); err != nil {
				return
			}
			answer := make([]byte, endian.BigEndian.Uint16(header[4:]))
			if _, err := io.ReadFull(far, answer); err != nil {
				return
			}
			answer = endian.LittleEndian.AppendUint16(answer, crc(answer))
			note(2, answer)
			if _, err := near.Write(answer); err != nil {
				return
			}
		}
	})
}

// crc is that of Modbus over serial line V1.02, 6.2.2.
func crc(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			odd := sum&1 != 0
			if sum >>= 1; odd {
				sum ^= 0xA001
			}
		}
	}
	return sum
}

// The whole program, polling over TCP and in RTU frames, probed, and with masters that
// try to write through its tap, puts nothing on the wire but reads: the judge is another
// program's decoder.
func TestTheWireShowsOnlyReads(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		missing(t, "tshark")
	}
	simulator := launch(t, "simulate", "--listen", "127.0.0.1:0")
	device := strings.TrimPrefix(simulator.url, "tcp://")
	tcp, rtu := newCapture(t, "tcp.pcap", rawIP), newCapture(t, "rtu.pcap", rtacSerial)
	drive, gauge := recorded(t, tcp, device), serialGateway(t, rtu, device)
	tap := freeAddress(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "wellkeeper.yaml")
	write(t, filepath.Join(dir, "bits.yaml"), `{schema: esp-profile/1, id: bits, kind: controller, defaults: {base: 0}, points: [
  {name: a_coil, ref: 3, fc: 1}, {name: an_input, ref: 3, fc: 2}, {name: a_word, ref: 7, fc: 4}, {name: nowhere, ref: 60000, fc: 3}]}`)
	write(t, file, fmt.Sprintf(`
data: %s
web: {listen: 127.0.0.1:0, tls: off}
tap: {listen: %s, units: [{well: W-1, device: bits, unit: 30}]}
wells:
  - id: W-1
    devices:
      - {name: drive, url: "tcp://%[3]s", unit: 1, profile: simulated-drive, period: 500ms}
      - {name: bits, url: "tcp://%[3]s", unit: 1, profile: ./bits.yaml, period: 500ms}
      - {name: gauge, url: "rtutcp://%s", unit: 10, profile: simulated-gauge, period: 500ms}
`, filepath.Join(dir, "data"), tap, drive, gauge))
	p := launch(t, "run", "-c", file)
	for _, d := range [][3]string{{"tcp://" + drive, "1", "simulated-drive"}, {"rtutcp://" + gauge, "10", "simulated-gauge"}} {
		if out, err := exec.CommandContext(t.Context(), binary, "probe", "--device", d[0], "--unit", d[1], "--profile", d[2]).CombinedOutput(); err != nil {
			t.Errorf("probe: %v\n%s", err, out)
		}
	}
	begin := time.Now()
	for tries := 0; time.Since(begin) < 4*time.Second; tries++ {
		conn, err := net.Dial("tcp", tap)
		if err != nil {
			t.Fatal(err)
		}
		for _, pdu := range [][]byte{{5, 0, 100, 0xFF, 0}, {6, 0, 100, 0, 9}, {16, 0, 100, 0, 1, 2, 0, 9}, {22, 0, 100, 0, 0, 0, 9}} {
			got := make([]byte, 9)
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := conn.Write(append([]byte{0, 1, 0, 0, 0, byte(1 + len(pdu)), 1}, pdu...)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, got); err != nil || got[7] != pdu[0]|0x80 || got[8] != 1 {
				t.Errorf("a write through the tap is answered with % x (%v)", got, err)
			}
		}
		conn.Close()
		time.Sleep(200 * time.Millisecond)
	}
	p.stop()

	// A write would have been seen.
	control := newCapture(t, "control.pcap", rawIP)
	(&conversation{capture: control, port: 40000}).note(true, []byte{0, 1, 0, 0, 0, 6, 1, 6, 0, 100, 0, 9})
	if lines := control.decode(t); lines[0][0] != "6" {
		t.Fatalf("tshark sees a write as %q", lines[0])
	}
	if diff := cmp.Diff(map[string]bool{"1": true, "2": true, "3": true, "4": true}, functions(t, tcp.decode(t))); diff != "" {
		t.Errorf("functions over TCP (-want +got):\n%s", diff)
	}
	serial := functions(t, rtu.decode(t, "-d", "rtacser.data,mbrtu"))
	if diff := cmp.Diff(map[string]bool{"3": true}, serial); diff != "" {
		t.Errorf("functions in RTU frames (-want +got):\n%s", diff)
	}
}

// functions are the function codes in what tshark decoded. What it cannot decode as
// Modbus fails the test.
func functions(t *testing.T, packets [][]string) map[string]bool {
	t.Helper()
	if len(packets) < 16 {
		t.Errorf("only %d packets", len(packets))
	}
	seen := map[string]bool{}
	for i, p := range packets {
		if len(p) != 3 || p[0] == "" || p[1] != "" || !strings.HasSuffix(p[2], "modbus") {
			t.Fatalf("packet %d is no Modbus frame: %q", i, p)
		}
		for code := range strings.SplitSeq(p[0], ",") {
			if n, err := strconv.Atoi(code); err != nil || n < 1 || n > 4 {
				t.Errorf("packet %d has function %s", i, code)
			}
			seen[code] = true
		}
	}
	return seen
}
