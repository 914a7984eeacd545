package sim_test

import (
	"context"
	"math"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// mustMbpoll finds the foreign client; without it the test is skipped, in CI it fails.
func mustMbpoll(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("mbpoll")
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatal("mbpoll is missing: apt-get install mbpoll")
	default:
		t.Skip("mbpoll is missing: apt-get install mbpoll")
	}
	return ""
}

var pollLine = regexp.MustCompile(`(?m)^\[(\d+)\]:\s+(\S+)`)

// poll runs mbpoll once and gives the values by reference, and all that it said.
func poll(t *testing.T, path string, port int, args ...string) (map[int]string, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	args = append([]string{"-m", "tcp", "-p", strconv.Itoa(port), "-1", "-0", "-o", "2"}, args...)
	out, _ := exec.CommandContext(ctx, path, append(args, "127.0.0.1")...).CombinedOutput()
	values := map[int]string{}
	for _, m := range pollLine.FindAllStringSubmatch(string(out), -1) {
		ref, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		values[ref] = m[2]
	}
	return values, string(out)
}

func TestMbpollReadsWhatTheWellHas(t *testing.T) {
	t.Parallel()
	path := mustMbpoll(t)
	bank, w := plainBank(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
	port := listener.Addr().(*net.TCPAddr).Port

	for _, c := range []struct {
		name string
		args []string
		ref  int
		want float64
		near float64
	}{
		{"holding register", []string{"-a", "1", "-t", "4", "-r", "100", "-c", "2"}, 100, 5200, 0},
		{"holding register in hex", []string{"-a", "1", "-t", "4:hex", "-r", "100"}, 100, 0x1450, 0},
		{"32-bit integer", []string{"-a", "1", "-t", "4:int", "-B", "-r", "102"}, 102, math.Round(value(t, w, "run_hours") * 3600), 0},
		{"32-bit float", []string{"-a", "1", "-t", "4:float", "-B", "-r", "104"}, 104, value(t, w, "output_power"), 1e-3},
		{"input register", []string{"-a", "1", "-t", "3", "-r", "7"}, 7, 100, 0},
		{"coil", []string{"-a", "1", "-t", "0", "-r", "3"}, 3, 1, 0},
		{"discrete input", []string{"-a", "1", "-t", "1", "-r", "30"}, 30, 1, 0},
		{"gauge, psi", []string{"-a", "9", "-t", "4", "-r", "0"}, 0, value(t, w, "intake_pressure") / 6.894757293168361 * 10, 0.5},
	} {
		values, out := poll(t, path, port, c.args...)
		text, ok := values[c.ref]
		if !ok {
			t.Errorf("%s: %s", c.name, out)
			continue
		}
		got, err := strconv.ParseFloat(text, 64)
		if hex, isHex := strings.CutPrefix(text, "0x"); isHex {
			var n uint64
			n, err = strconv.ParseUint(hex, 16, 16)
			got = float64(n)
		}
		if err != nil || math.Abs(got-c.want) > c.near {
			t.Errorf("%s: mbpoll reads %s, want %g (%v)", c.name, text, c.want, err)
		}
	}

	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no such register", []string{"-a", "1", "-t", "4", "-r", "5000"}, "Illegal data address"},
		{"no such unit", []string{"-a", "77", "-t", "4", "-r", "100"}, "Target device failed to respond"},
	} {
		if _, out := poll(t, path, port, c.args...); !strings.Contains(out, c.want) {
			t.Errorf("%s: mbpoll says %q, want %q", c.name, out, c.want)
		}
	}
	// A write, which takes its values after the host.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-m", "tcp", "-p", strconv.Itoa(port), "-a", "1", "-t", "4", "-0", "-r", "100", "127.0.0.1", "4700").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Illegal function") {
		t.Errorf("write: %v, %s", err, out)
	}
	if values, _ := poll(t, path, port, "-a", "1", "-t", "4", "-r", "100"); values[100] != "5200" {
		t.Errorf("after the write the register holds %q", values[100])
	}
}

func TestMbpollMeetsLinkFaults(t *testing.T) {
	t.Parallel()
	path := mustMbpoll(t)
	for name, says := range map[string]string{
		"exception-4":            "Slave device or server failure",
		"exception-6":            "Slave device or server is busy",
		"exception-11":           "Target device failed to respond",
		"silence":                "Connection timed out",
		"truncated-frame":        "Connection timed out",
		"reset-in-frame":         "",
		"split-frame":            "[100]: \t5200",
		"close-after-each-reply": "[100]: \t5200",
		"slow":                   "[100]: \t5200",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bank, w := faulted(t, 1, mustLinkFault(t, name))
			w.Advance(start.Add(linkOnset))
			bank.Load(w)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
			values, out := poll(t, path, listener.Addr().(*net.TCPAddr).Port, "-a", "1", "-t", "4", "-r", "100")
			if !strings.Contains(out, says) || mustLinkFault(t, name).Lost == esp.NoReason != (values[100] == "5200") {
				t.Errorf("mbpoll says %q, want %q", out, says)
			}
		})
	}
}
