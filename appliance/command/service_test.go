package command_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unitFile = "../../configs/systemd/wellkeeper.service"

// unitValue is the value of a key of the unit.
func unitValue(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("the unit has no %s", key)
	}
	return string(m[1])
}

// manager takes the place of systemd: it hears what the service tells, with times.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, watchdog time.Duration) *manager {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	return &manager{t, conn}
}

// await reads until a line comes and says how long that took.
func (m *manager) await(line string, most time.Duration) time.Duration {
	m.t.Helper()
	begin := time.Now()
	if err := m.conn.SetReadDeadline(begin.Add(most)); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("%s did not come within %s: %v", line, most, err)
		}
		if slices.Contains(strings.Split(string(b[:n]), "\n"), line) {
			return time.Since(begin)
		}
	}
}

// The unit's own command is ready, feeds the watchdog in time with a drive that is
// gone, and says that it stops.
func TestTheUnitRuns(t *testing.T) {
	words := strings.Fields(unitValue(t, "ExecStart"))
	if words[0] != "/usr/bin/wellkeeper" || unitValue(t, "Type") != "notify" || unitValue(t, "NotifyAccess") != "main" {
		t.Fatalf("ExecStart is %q", words)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "wellkeeper.yaml")
	write(t, file, fmt.Sprintf(`data: %s/data
web: {listen: 127.0.0.1:0, tls: off}
store: {commit_every: 1s}
log: {file: box.log, max_total: 2 MB}
wells:
  - id: W-1
    devices: [{name: drive, url: "tcp://127.0.0.1:1", unit: 1, profile: simulated-drive, timeout: 100ms}]
`, dir))
	at := slices.Index(words, "/etc/wellkeeper/wellkeeper.yaml")
	if at < 0 {
		t.Fatalf("ExecStart %q names no configuration", words)
	}
	words[at] = file

	const interval = 3 * time.Second
	systemd := newManager(t, interval)
	p := launch(t, words[1:]...)
	systemd.await("READY=1", 20*time.Second)
	systemd.await("WATCHDOG=1", interval)
	for range 5 {
		if took := systemd.await("WATCHDOG=1", interval); took > interval/2 {
			t.Errorf("fed after %s, want at most half of %s", took, interval)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	systemd.await("RELOADING=1", 5*time.Second)
	systemd.await("READY=1", 5*time.Second)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.stop()
	}()
	systemd.await("STOPPING=1", 10*time.Second)
	<-stopped
	log, err := os.ReadFile(filepath.Join(dir, "box.log"))
	if err != nil || !strings.Contains(string(log), `"message":"started"`) || p.log() != "" {
		t.Errorf("the log file holds %q (%v), stderr %q", log, err, p.log())
	}
}

// The unit is understood by systemd and leaves the service as little as it needs.
func TestTheUnitIsTight(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		missing(t, "systemd-analyze: %v", err)
	}
	unit, err := filepath.Abs(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	const most = 1.5
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	score := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if score == nil {
		t.Fatalf("no exposure level in: %s (%v)", out, err)
	}
	if level, err := strconv.ParseFloat(string(score[1]), 64); err != nil || level > most {
		t.Errorf("exposure level %s, want at most %g:\n%s", score[1], most, out)
	}

	// verify wants the program to be where the unit says.
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "wellkeeper.service")
	write(t, copied, strings.ReplaceAll(string(text), "/usr/bin/wellkeeper", binary))
	out, err = exec.CommandContext(t.Context(), analyze, "verify", "--man=no", copied).CombinedOutput()
	if err != nil || strings.Contains(string(out), "wellkeeper.service:") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
