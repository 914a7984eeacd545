package docs_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
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

	"wellkeeper.internal/sync/central/centraltest"
)

// place is a machine as a document takes it for granted: the program on the PATH, the
// default ports free, a drive at 192.0.2.10 and a PostgreSQL at db.example.
type place struct {
	dir     string
	program string
	env     []string
	ports   map[string]string // what stands in the document, and what is free here
	drive   string
	db      *centraltest.DB
	running map[string]*server // by subcommand
}

func newPlace(t *testing.T, program string) *place {
	t.Helper()
	p := &place{dir: t.TempDir(), program: program, ports: map[string]string{}, running: map[string]*server{}}
	for _, port := range []string{"8080", "8443", "5020"} {
		p.ports["127.0.0.1:"+port] = freeAddress(t)
	}
	bin := t.TempDir()
	// The defaults of demo and simulate go to free ports; what a document says itself
	// comes after them and counts.
	wrapper := fmt.Sprintf(`#!/bin/sh
case "$1" in
demo) shift; exec %[1]s demo --listen %[2]s "$@" ;;
simulate) shift; exec %[1]s simulate --listen %[3]s "$@" ;;
esac
exec %[1]s "$@"
`, program, p.ports["127.0.0.1:8080"], p.ports["127.0.0.1:5020"])
	if err := os.WriteFile(filepath.Join(bin, "wellkeeper"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	p.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+p.dir, "TZ=UTC")
	t.Cleanup(func() {
		for _, s := range p.running {
			s.stop(t)
		}
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// local puts what there is here in place of what the document speaks of.
func (p *place) local(t *testing.T, text string) string {
	t.Helper()
	for shown, here := range p.ports {
		text = strings.ReplaceAll(text, shown, here)
	}
	const drive, database = "192.0.2.10:502", "db.example/wells?sslmode=verify-full"
	if strings.Contains(text, drive) {
		if p.drive == "" {
			p.drive = freeAddress(t)
			p.running["drive"] = p.start(t, p.program+" simulate --listen "+p.drive)
		}
		text = strings.ReplaceAll(text, drive, p.drive)
	}
	if strings.Contains(text, database) {
		if p.db == nil {
			p.db = centraltest.MustStart(t)
		}
		_, here, _ := strings.Cut(p.db.DSN(), "@")
		text = strings.ReplaceAll(strings.ReplaceAll(text, "admin@db.example", "postgres@db.example"), database, here)
	}
	return strings.ReplaceAll(text, "go run . ", "wellkeeper ")
}

// run runs a script to its end.
func (p *place) run(ctx context.Context, script string) (output string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// serve starts what serves until it is stopped, in place of what served before by the
// same subcommand, and looks whether it does.
func (p *place) serve(t *testing.T, at string, c command) {
	t.Helper()
	name := strings.Join(append(strings.Fields(c.line), "", "")[:2], " ")
	if old := p.running[name]; old != nil {
		old.stop(t)
	}
	s := p.start(t, p.local(t, c.line))
	p.running[name] = s
	if s.url == "" {
		t.Fatalf("%s: %s printed no address:\n%s", at, c.line, s.output())
	}
	c.compare(t, at, s.output())
	if !strings.HasPrefix(s.url, "http") {
		return
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // it is of the box's own making
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/health/live", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("%s: %s: %v", at, c.line, err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s: the page answers %s %v", at, c.line, response.Status, err)
	}
}

// server is a program that serves.
type server struct {
	cmd    *exec.Cmd
	url    string
	exited chan error
	mu     sync.Mutex // guards text
	text   bytes.Buffer
	news   chan struct{} // one waiting token: there is new text
}

var address = regexp.MustCompile(`(https?|tcp)://[0-9.]+:[0-9]+`)

// start runs a line in the background until it has printed an address.
func (p *place) start(t *testing.T, line string) *server {
	t.Helper()
	s := &server{exited: make(chan error, 1), news: make(chan struct{}, 1)}
	s.cmd = exec.Command("bash", "-euc", "exec "+line)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = p.dir, p.env, s, s
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.exited <- s.cmd.Wait() }()
	timeout := time.After(patience)
	for s.url == "" {
		select {
		case <-s.news:
			s.url = address.FindString(s.output())
		case err := <-s.exited:
			s.exited <- err
			return s
		case <-timeout:
			return s
		}
	}
	return s
}

// Write takes what the program prints.
func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	return s.text.Write(b)
}

func (s *server) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// stop ends the program as a service is ended; that is no failure.
func (s *server) stop(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		if err != nil {
			t.Errorf("%v ended with %v:\n%s", s.cmd.Args, err, s.output())
		}
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		t.Errorf("%v did not end (%v)", s.cmd.Args, <-s.exited)
	}
	s.exited <- nil // a second stop finds it ended
}
