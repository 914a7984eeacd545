package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/web"
	"wellkeeper.internal/web/webtest"
)

// site is a running server over a made-up well.
type site struct {
	*web.Server
	url    string
	source *webtest.Source
	stop   func() error // ends the server and gives what Run returned
}

// open starts a server on loopback whose clock stands still where now is nil; change
// may alter its configuration.
func open(t *testing.T, now func() time.Time, change func(*web.Config), wells ...string) *site {
	t.Helper()
	if now == nil {
		now = webtest.Moment
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	source := webtest.New(now, wells...)
	cfg := source.Config()
	cfg.Listener, cfg.Log = ln, zerolog.Nop()
	if change != nil {
		change(&cfg)
	}
	server, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	stopped := false
	s := &site{Server: server, url: "http://" + ln.Addr().String(), source: source}
	s.stop = func() error {
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if stopped {
			return
		}
		if err := s.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

// answer is the head of a response.
type answer struct {
	StatusCode int
	Header     http.Header
}

// get asks for a path and gives the answer with its body.
func (s *site) get(t *testing.T, path string, header ...string) (answer, string) {
	t.Helper()
	return s.do(t, http.MethodGet, path, header...)
}

func (s *site) do(t *testing.T, method, path string, header ...string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{StatusCode: resp.StatusCode, Header: resp.Header}, string(body)
}

func (s *site) set(t *testing.T, state string) {
	t.Helper()
	if err := s.source.Set(state); err != nil {
		t.Fatal(err)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := web.New(web.Config{}); err == nil {
		t.Error("New accepted an empty configuration")
	}
}

func TestRunEndsOnCancelAndOnALostListener(t *testing.T) {
	s := open(t, nil, nil)
	if err := s.stop(); err != nil {
		t.Errorf("Run after cancel: got %v, want nil", err)
	}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.New(time.Now).Config()
	cfg.Listener = ln
	server, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := server.Run(t.Context()); err == nil {
		t.Error("Run without a listener: got nil, want an error")
	}
}

// has fails unless body holds every one of the texts.
func has(t *testing.T, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("page lacks %q", text)
		}
	}
}

func lacks(t *testing.T, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(body, text) {
			t.Errorf("page has %q", text)
		}
	}
}
