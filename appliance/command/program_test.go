package command_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test: the real one, as people run it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(withBinary(m))
}

func withBinary(m *testing.M) int {
	binary = os.Getenv("WELLKEEPER_BINARY")
	if binary == "" {
		dir, err := os.MkdirTemp("", "wellkeeper-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "wellkeeper")
		build := exec.Command("go", "build", "-o", binary, "wellkeeper.internal")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// served finds the address in the line that a program prints when it is up.
var served = regexp.MustCompile(`(https?|tcp)://[0-9.]+:[0-9]+`)

// program is a running wellkeeper.
type program struct {
	tb  testing.TB
	cmd *exec.Cmd
	// url is the first URL that it prints: of its page, or of the simulated well.
	url string

	mu     sync.Mutex // guards stderr
	stderr bytes.Buffer
	exited chan error
}

// launch starts the program and waits until it has printed where it serves.
func launch(tb testing.TB, args ...string) *program {
	tb.Helper()
	p := &program{tb: tb, cmd: exec.Command(binary, args...), exited: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.cmd.Stderr = writerFunc(func(b []byte) (int, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.stderr.Write(b)
	})
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			<-p.exited //nolint:errcheck // killed on purpose
		}
		if tb.Failed() {
			tb.Logf("stderr of %v:\n%s", args, p.log())
		}
	})
	lines := make(chan string, 16)
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(lines)
		p.exited <- p.cmd.Wait()
	}()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				tb.Fatalf("%v ended before it served:\n%s", args, p.log())
			}
			if p.url = served.FindString(line); p.url != "" {
				return p
			}
		case <-timeout:
			tb.Fatalf("%v printed no URL in 30 s:\n%s", args, p.log())
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// stop asks the program to end and checks that it does so cleanly within 5 s.
func (p *program) stop() {
	p.tb.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.tb.Fatal(err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			p.tb.Errorf("ended with %v after SIGTERM", err)
		}
	case <-time.After(20 * time.Second):
		p.tb.Fatal("did not end within 20 s of SIGTERM")
	}
	if took := time.Since(begin); took > 5*time.Second {
		p.tb.Errorf("took %s to end, want at most 5 s", took)
	}
}

// kill ends the program as a power cut would.
func (p *program) kill() {
	p.tb.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.tb.Fatal(err)
	}
	<-p.exited //nolint:errcheck // killed on purpose
}

// get reads a JSON document; it reports whether there was one.
func (p *program) get(path string, into any) bool {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.tb.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		p.tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return false
	}
	if err := json.Unmarshal(body, into); err != nil {
		p.tb.Fatalf("%s: %v in %s", path, err, body)
	}
	return true
}

// await asks until good, for at most the time given.
func await(tb testing.TB, what string, most time.Duration, good func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(most); !good(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within %s", what, most)
		}
	}
}

// call runs the program to its end and returns its streams and exit code.
func call(tb testing.TB, stdin string, args ...string) (stdout, stderr string, code int) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), errs.String(), exit.ExitCode()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out.String(), errs.String(), 0
}
