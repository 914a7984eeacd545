package modbus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goburrow "github.com/goburrow/modbus"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/scripts/goal"
)

// answering serves a profile's registers, each holding 17, over loopback.
func answering(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { listener.Close() })
	p := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
		data := make([]byte, 1+2*a.quantity)
		data[0] = byte(2 * a.quantity)
		for i := range a.quantity {
			data[2+2*i] = 17
		}
		_, _ = conn.Write(a.frame(a.fc, data))
		return true
	}}
	go p.listen(listener)
	return "tcp://" + listener.Addr().String()
}

func simulatedDrive(tb testing.TB) *profile.Profile {
	tb.Helper()
	body, err := os.ReadFile("../configs/profiles/simulated-drive.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	p, err := profile.Parse("simulated-drive.yaml", body)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkPoll is one scan of the simulated drive (47 points, one request) over
// loopback TCP, the peer's share included. The poller would wait for ticks; a probe
// makes the same poll at once, with a connection of its own, which is the larger part.
func BenchmarkPoll(b *testing.B) {
	url, p := answering(b), simulatedDrive(b)
	for b.Loop() {
		r, err := modbus.Probe(b.Context(), modbus.Device{ID: "d", URL: url, Profile: p}, zerolog.Nop())
		if err != nil || len(r.Rows) == 0 {
			b.Fatal(err)
		}
	}
}

// constant is a device that answers every read with 17 in each register and makes no
// garbage, so that what is measured beside it is ours.
func constant(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var ask [12]byte
				var answer [260]byte
				for i := 10; i < len(answer); i += 2 {
					answer[i] = 17
				}
				for {
					if _, err := io.ReadFull(conn, ask[:]); err != nil {
						return
					}
					copy(answer[:8], ask[:8])
					size := 2 * int(ask[11])
					answer[5], answer[8] = byte(3+size), byte(size)
					if _, err := conn.Write(answer[:9+size]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func mustReader(tb testing.TB, address string) *modbus.Reader {
	tb.Helper()
	r, err := modbus.NewReader(tb.Context(), "tcp://"+address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r
}

// read200 reads 200 registers in two requests, as the standard's limit demands.
func read200(tb testing.TB, r *modbus.Reader) {
	tb.Helper()
	for _, first := range []uint16{0, 100} {
		if words, err := r.Read(tb.Context(), first, 100); err != nil || len(words) != 100 || words[99] != 17 {
			tb.Fatalf("read %v, %v", words, err)
		}
	}
}

// BenchmarkRead200 is 200 registers over loopback, the device's share included.
func BenchmarkRead200(b *testing.B) {
	r := mustReader(b, constant(b))
	read200(b, r)
	b.ReportAllocs()
	for b.Loop() {
		read200(b, r)
	}
}

// onlyForFigures skips a test whose figures are of the machine as much as of the program.
func onlyForFigures(t *testing.T) {
	t.Helper()
	if os.Getenv("WELLKEEPER_GOALS") == "" {
		t.Skip("WELLKEEPER_GOALS is not set: figures are taken by make bench")
	}
}

// libmodbusCycle is the time that libmodbus takes for 200 registers from the same device.
func libmodbusCycle(t *testing.T, address string, cycles int) time.Duration {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "../scripts/peers/modbus_client.py", "--library", "libmodbus",
		"--port", port, "--cycles", strconv.Itoa(cycles), "[[1,3,0,100],[1,3,100,100]]").Output()
	if err != nil {
		t.Fatal(err)
	}
	nanoseconds, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(nanoseconds)
}

// TestReadAgainstLibmodbus reads 200 registers over loopback with our link and with
// libmodbus by turns, from the same device in the same run; the best round of each counts.
func TestReadAgainstLibmodbus(t *testing.T) {
	onlyForFigures(t)
	needLibmodbus(t)
	address := constant(t)
	r := mustReader(t, address)
	const rounds, cycles = 5, 3000
	var ours, theirs []time.Duration
	for range rounds {
		theirs = append(theirs, libmodbusCycle(t, address, cycles))
		read200(t, r)
		begin := time.Now()
		for range cycles {
			read200(t, r)
		}
		ours = append(ours, time.Since(begin)/cycles)
	}
	t.Logf("200 registers: ours %s, libmodbus %s", slices.Min(ours), slices.Min(theirs))
	goal.Timed(t, "modbus.read-200-us", float64(slices.Min(ours))/float64(time.Microsecond), "us", 400)
	goal.Timed(t, "modbus.read-200-vs-libmodbus", float64(slices.Min(ours))/float64(slices.Min(theirs)), "ratio", 1.5)
}

// TestAllocations counts what one exchange allocates beyond goburrow's packager.
func TestAllocations(t *testing.T) {
	onlyForFigures(t)
	r := mustReader(t, constant(t))
	read := func() {
		if _, err := r.Read(t.Context(), 0, 100); err != nil {
			t.Fatal(err)
		}
	}
	read()
	all := testing.AllocsPerRun(2000, read)
	packager := goburrow.NewTCPClientHandler("")
	packager.SlaveId = 1
	reply := append([]byte{0, 0, 0, 0, 0, 203, 1, 3, 200}, make([]byte, 200)...)
	packaging := testing.AllocsPerRun(2000, func() {
		if err := modbus.Packaging(packager, reply); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("allocations of an exchange: %g, of which the packager's %g", all, packaging)
	goal.Exact(t, "modbus.allocs-per-request", all-packaging, "allocs", 16)
}

// TestJitter measures how far from its time a request reaches its device: eight devices
// on links of their own, polled once a second.
func TestJitter(t *testing.T) {
	onlyForFigures(t)
	const devices, ticks = 8, 30
	var mu sync.Mutex
	var late []time.Duration
	c := modbus.Config{Well: "w"}
	for i := range devices {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go (&peer{script: func(_ *peer, _ net.Conn, a ask) bool {
			mu.Lock()
			defer mu.Unlock()
			if !a.first { // the first on its connection waits for that
				late = append(late, a.at.Sub(a.at.Truncate(time.Second)))
			}
			return false
		}}).listen(listener)
		text := fmt.Sprintf("{schema: esp-profile/1, id: p, kind: controller, defaults: {base: 0, fc: 3}, points: [{name: a%d, ref: 0}, {name: b%d, ref: 9}]}", i, i)
		c.Devices = append(c.Devices, modbus.Device{ID: esp.DeviceID(strconv.Itoa(i)), URL: "tcp://" + listener.Addr().String(), Unit: 1, Profile: mustParse(t, text)})
	}
	p := mustPoller(t, c)
	scans(t, p, ticks)
	missed := uint64(0)
	for _, s := range p.Status() {
		missed += s.Missed
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(late)
	if len(late) < devices*(ticks-3) {
		t.Fatalf("%d requests arrived", len(late))
	}
	milliseconds := func(part int) float64 { return float64(late[len(late)*part/100]) / float64(time.Millisecond) }
	goal.Timed(t, "modbus.jitter-p50-ms", milliseconds(50), "ms", 2)
	goal.Timed(t, "modbus.jitter-p99-ms", milliseconds(99), "ms", 5)
	if missed > devices*ticks/20 {
		t.Errorf("missed %d ticks of %d", missed, devices*ticks)
	}
}

// TestProcessorTime measures what 1,000 readings cost from the request to the scan, with
// the device in another process.
func TestProcessorTime(t *testing.T) {
	onlyForFigures(t)
	needLibmodbus(t)
	p := simulatedDrive(t)
	registers := registers{}
	p.Encode(func(string) (float64, bool) { return 1, true }, func(fc uint8, wire, word uint16) { registers.set(1, fc, wire, word) })
	at := startPeer(t, "libmodbus_server.py", registers)
	poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{
		{ID: "d", URL: "tcp://" + net.JoinHostPort(at[0], at[1]), Unit: 1, Profile: p, Period: 10 * time.Millisecond, Timeout: time.Second},
	}})
	const polls = 1000
	readings, n := 0, 0
	var begin, end unix.Rusage
	err := poller.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
		if n++; n == 10 {
			return unix.Getrusage(unix.RUSAGE_SELF, &begin)
		}
		if n > 10 {
			readings += len(s.Readings)
		}
		if n == 10+polls {
			return errors.Join(unix.Getrusage(unix.RUSAGE_SELF, &end), errEnough)
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	used := time.Duration(end.Utime.Nano() + end.Stime.Nano() - begin.Utime.Nano() - begin.Stime.Nano())
	goal.Timed(t, "modbus.cpu-ms-per-1000-readings", float64(used)/float64(time.Millisecond)*1000/float64(readings), "ms", 15)
}
