package command_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The running appliance is asked over its own certificate, and what is not the
// appliance is told from it.
func TestHealth(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "wellkeeper.yaml")
	write(t, file, fmt.Sprintf(`data: %s/data
web: {listen: "%s"}
wells:
  - id: W-1
    devices: [{name: drive, url: "tcp://127.0.0.1:1", unit: 1, profile: simulated-drive, timeout: 100ms}]
`, dir, address))
	if out, stderr, code := call(t, "", "health", "-c", file); code != 1 {
		t.Errorf("nothing runs, but: %d %s%s", code, out, stderr)
	}
	p := launch(t, "run", "-c", file)
	await(t, "a drive that is known to be away", 20*time.Second, func() bool {
		out, stderr, code := call(t, "", "health", "-c", file)
		if code != 0 {
			t.Fatalf("health: %d %s%s", code, out, stderr)
		}
		return strings.HasPrefix(out, "ready\n") && strings.Contains(out, "modbus/W-1/drive failed")
	})
	if out, _, code := call(t, "", "health", "-c", file, "--json"); code != 0 || !strings.HasPrefix(out, `{"dependencies"`) {
		t.Errorf("--json: %d %s", code, out)
	}
	p.stop()

	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"not ready":  {503, `{"status":"not_ready","dependencies":{"storage":{"status":"failed","required":true,"detail":"no disk"}}}`},
		"no service": {200, `<html>`},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}))
		if out, _, code := call(t, "", "health", "--url", server.URL); code != 1 {
			t.Errorf("%s: exit code %d, want 1: %s", name, code, out)
		}
		server.Close()
	}
}
