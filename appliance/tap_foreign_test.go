package appliance_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance"
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

// foreignAsk has a foreign client ask a server: unit, function, address, quantity each.
func foreignAsk(t *testing.T, library, address string, asks [][4]int) []any {
	t.Helper()
	body, err := json.Marshal(asks)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join("..", "scripts", "peers", "modbus_client.py")
	out, err := exec.CommandContext(t.Context(), python, script, "--library", library, "--port", port, string(body)).Output()
	if err != nil {
		t.Fatalf("%s: %v: %v", library, err, err)
	}
	var answers []any
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatalf("%s: %v in %s", library, err, out)
	}
	return answers
}

// Foreign masters read through the tap what they read from the device itself, are refused
// every write, and are told product and version.
func TestForeignMastersReadTheTap(t *testing.T) {
	modules := map[string]string{
		"pymodbus": "import pymodbus", "libmodbus": "import ctypes; ctypes.CDLL('libmodbus.so.5')",
	}
	p := newPad(t)
	device := p.address
	wire := newLine(t, p.address)
	p.address = wire.address
	r := start(t, appliance.Options{Config: p.config(2, tapped("127.0.0.1:0")), Version: "1.2.3"})
	address := r.app.TapAddress()
	m := connect(t, address)
	until(t, "both wells are served", func() bool {
		return m.words(1, 0, 3) != nil && m.words(2, 0, 3) != nil && m.words(247, 0, 1) != nil
	})
	reads := [][4]int{{1, 3, 0, 3}, {2, 3, 1, 2}}
	others := [][4]int{
		{2, 5, 0, 1},
		{2, 6, 0, 1},
		{2, 15, 0, 3},
		{2, 16, 0, 2},
		{2, 22, 0, 1},
		{2, 23, 0, 2},
		{247, 6, 1, 1},
		{1, 3, 500, 1},
		{1, 4, 0, 1},
		{1, 1, 0, 1},
		{99, 3, 0, 1},
		{247, 3, 0, 1},
		{247, 4, 6, 1},
	}
	want := []any{1., 1., 1., 1., 1., 1., 1., 2., 2., 2., 10., []any{1.}, []any{100.}}
	for library, module := range modules {
		t.Run(library, func(t *testing.T) {
			if exec.CommandContext(t.Context(), python, "-c", module).Run() != nil {
				missing(t, library)
			}
			if diff := cmp.Diff(foreignAsk(t, library, device, reads), foreignAsk(t, library, address, reads)); diff != "" {
				t.Errorf("device and tap differ (-device +tap):\n%s", diff)
			}
			if diff := cmp.Diff(want, foreignAsk(t, library, address, others)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			var many sync.WaitGroup
			for range 3 {
				many.Go(func() { foreignAsk(t, library, address, append(reads, others...)) })
			}
			many.Wait()
			if library == "pymodbus" {
				id := foreignAsk(t, library, address, [][4]int{{247, 43, 0, 0}, {1, 43, 0, 0}})
				if diff := cmp.Diff([]any{[]any{"Wellkeeper", "wellkeeper", "1.2.3", "Wellkeeper read-only tap"}, 1.}, id); diff != "" {
					t.Errorf("identification (-want +got):\n%s", diff)
				}
			}
		})
	}
	t.Run("mbpoll", func(t *testing.T) { mbpollReadsTheTap(t, address, m) })
	if _, functions := wire.count(); len(functions) != 1 || functions[3] == 0 {
		t.Errorf("functions on the line: %v, want reads of holding registers only", functions)
	}
}

func mbpollReadsTheTap(t *testing.T, address string, m *master) {
	t.Helper()
	mbpoll, err := exec.LookPath("mbpoll")
	if err != nil {
		missing(t, "mbpoll")
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, _ := exec.CommandContext(t.Context(), mbpoll, append([]string{"-m", "tcp", "-p", port, "-0", "-o", "2"}, args...)...).CombinedOutput()
		return string(out)
	}
	if out, want := run("-a", "1", "-r", "2", "-t", "4", "-1", "127.0.0.1"), fmt.Sprintf("[2]: \t%d", m.words(1, 2, 1)[0]); !strings.Contains(out, want) {
		t.Errorf("mbpoll says %q, want %q", out, want)
	}
	if out := run("-a", "1", "-r", "0", "-t", "4", "127.0.0.1", "17"); !strings.Contains(out, "Illegal function") {
		t.Errorf("mbpoll says of a write %q", out)
	}
	if out := run("-a", "1", "-r", "999", "-t", "4", "-1", "127.0.0.1"); !strings.Contains(out, "Illegal data address") {
		t.Errorf("mbpoll says of a register that is never read %q", out)
	}
}
