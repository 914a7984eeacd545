package uitest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a server process under test.
type Server struct {
	tb      testing.TB
	URL     string
	program string
	args    []string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	log     *os.File
}

// built holds the programs that were built, so that each is built once, and binaries
// the folders they are in.
var built, binaries sync.Map

// build builds a package of the root module and gives the path of the program.
func build(tb testing.TB, pkg string) string {
	tb.Helper()
	once, _ := built.LoadOrStore(pkg, sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "wellkeeper-bin-") //nolint:usetesting // for all tests; removed by TestMain
		if err != nil {
			return "", err
		}
		binaries.Store(dir, true)
		file := filepath.Join(dir, "program")
		cmd := exec.Command("go", "build", "-o", file, pkg)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w: %s", pkg, err, out)
		}
		return file, nil
	}))
	file, err := once.(func() (string, error))()
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// freePort is an address on loopback that nobody listens on.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// StartFake starts a server over a made-up well, in a state.
func StartFake(tb testing.TB, state string, more ...string) *Server {
	tb.Helper()
	listen := freePort(tb)
	s := &Server{
		tb: tb, URL: "http://" + listen, program: build(tb, "./web/webtest/serve"),
		args: append([]string{"-listen", listen, "-state", state}, more...),
	}
	s.Start()
	return s
}

// Start starts the process, again after Kill.
func (s *Server) Start() {
	s.tb.Helper()
	log, err := os.CreateTemp(s.tb.TempDir(), "server-*.log")
	if err != nil {
		s.tb.Fatal(err)
	}
	s.log = log
	s.cmd = exec.Command(s.program, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		s.tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	cmd := s.cmd
	s.tb.Cleanup(func() { end(cmd) })
	s.tb.Cleanup(func() {
		if s.tb.Failed() {
			b, _ := os.ReadFile(log.Name())
			s.tb.Logf("server: %s", b)
		}
	})
	s.waitUp()
}

func (s *Server) waitUp() {
	s.tb.Helper()
	client := http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+"/health/live", http.NoBody)
		if err != nil {
			s.tb.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			return
		}
	}
	b, _ := os.ReadFile(s.log.Name())
	s.tb.Fatalf("the server at %s does not answer: %s", s.URL, b)
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGCONT)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// Command tells the made-up well to change.
func (s *Server) Command(line string) {
	s.tb.Helper()
	if _, err := io.WriteString(s.stdin, strings.TrimSpace(line)+"\n"); err != nil {
		s.tb.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
}

// Kill ends the process at once.
func (s *Server) Kill() { end(s.cmd) }

// Freeze stops the process without closing its connections, as a network that has
// become a black hole looks to a browser; Thaw lets it go on.
func (s *Server) Freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// wellkeeper is the program under test: WELLKEEPER_BINARY, or built from the root module.
func wellkeeper(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv("WELLKEEPER_BINARY"); path != "" {
		return path
	}
	return build(tb, ".")
}

// StartDemo starts the demo with a short past.
func StartDemo(tb testing.TB, more ...string) *Server {
	tb.Helper()
	listen := freePort(tb)
	s := &Server{
		tb: tb, URL: "http://" + listen, program: wellkeeper(tb),
		args: append([]string{"demo", "--listen", listen, "--data", tb.TempDir(), "--history", "10m"}, more...),
	}
	s.Start()
	return s
}

// StartRun starts a simulated drive and an appliance that polls it once a second; the
// returned function kills the drive.
func StartRun(tb testing.TB) (s *Server, killDrive func()) {
	tb.Helper()
	listen, drive, dir := freePort(tb), freePort(tb), tb.TempDir()
	config := filepath.Join(dir, "wellkeeper.yaml")
	text := fmt.Sprintf(`data: %s/data
web: {listen: %s, tls: off}
wells:
  - id: RB-114
    name: RB-114
    devices:
      - {name: drive, url: tcp://%s, unit: 1, profile: simulated-drive, period: 1s}
      - {name: gauge, url: tcp://%s, unit: 10, profile: simulated-gauge, period: 1s}
`, dir, listen, drive, drive)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	sim := exec.Command(wellkeeper(tb), "simulate", "--listen", drive)
	if err := sim.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { end(sim) })
	s = &Server{tb: tb, URL: "http://" + listen, program: wellkeeper(tb), args: []string{"run", "-c", config}}
	s.Start()
	return s, func() { end(sim) }
}
