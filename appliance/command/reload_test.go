package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// station is a configuration file beside a simulator.
type station struct {
	t          *testing.T
	file, data string
	simulator  string // URL
}

func newStation(t *testing.T) *station {
	t.Helper()
	dir := t.TempDir()
	b := &station{t: t, file: filepath.Join(dir, "wellkeeper.yaml"), data: filepath.Join(dir, "data")}
	b.simulator = launch(t, "simulate", "--listen", "127.0.0.1:0").url
	if err := os.WriteFile(filepath.Join(dir, "drive.yaml"), shipped(t, "profiles/simulated-drive.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func shipped(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write makes a configuration of so many wells; extra lines come at its end.
func (b *station) write(wells int, extra ...string) {
	b.t.Helper()
	var s strings.Builder
	fmt.Fprintf(&s, "data: %s\nweb: {listen: 127.0.0.1:0, tls: off}\nwells:\n", b.data)
	for i := range wells {
		fmt.Fprintf(&s, "  - {id: W-%d, devices: [{name: drive, url: %s, unit: 1, profile: ./drive.yaml, period: 500ms}]}\n", i+1, b.simulator)
	}
	for _, line := range extra {
		s.WriteString(line + "\n")
	}
	if err := os.WriteFile(b.file, []byte(s.String()), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// text is the body of a page.
func (p *program) text(path string) string {
	p.tb.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.tb.Fatal(err)
	}
	return string(body)
}

func (p *program) hangUp() {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.tb.Fatal(err)
	}
}

// count is how many wells the API lists.
func (p *program) count() int {
	var list struct{ Wells []struct{ ID string } }
	p.get("/api/v1/wells", &list)
	return len(list.Wells)
}

// The program takes another configuration at a hangup, tells of a bad one until a good
// one comes, and starts with the last good one where the file is bad.
func TestHangupAndLastGood(t *testing.T) {
	b := newStation(t)
	b.write(1)
	p := launch(t, "run", "-c", b.file)

	b.write(2, "log: {level: debug}")
	p.hangUp()
	await(t, "the second well", 10*time.Second, func() bool { return p.count() == 2 })
	await(t, "its first reading", 10*time.Second, func() bool {
		var latest struct {
			Telemetry struct {
				Frequency *float64 `json:"vsd_frequency"`
			}
		}
		return p.get("/api/v1/telemetry/wells/W-2/latest", &latest) && latest.Telemetry.Frequency != nil
	})

	b.write(3, "log: {level: loud}")
	p.hangUp()
	mistake := b.file + `:7:14: log.level: is "loud"; write debug, info, warn or error`
	await(t, "the notice", 10*time.Second, func() bool { return strings.Contains(p.text("/"), "log.level: is &#34;loud&#34;") })
	if n := p.count(); n != 2 {
		t.Errorf("%d wells with a bad configuration, want the 2 of before", n)
	}
	if !strings.Contains(p.log(), strings.ReplaceAll(mistake, `"`, `\"`)) {
		t.Errorf("the log does not name %s:\n%s", mistake, p.log())
	}
	p.stop()

	again := launch(t, "run", "-c", b.file)
	if n := again.count(); n != 2 {
		t.Errorf("%d wells after a start with a bad file, want the 2 of the last good one", n)
	}
	if text := again.text("/"); !strings.Contains(text, "the last good one, of ") || !strings.Contains(text, "log.level: is") {
		t.Errorf("the page does not tell of the last good configuration:\n%s", text)
	}
	if text := again.text("/health/ready"); !strings.Contains(text, `"configuration"`) {
		t.Errorf("health does not tell of it: %s", text)
	}
	b.write(3)
	again.hangUp()
	await(t, "the third well", 10*time.Second, func() bool { return again.count() == 3 })
	if strings.Contains(again.text("/"), "refused") {
		t.Error("the page tells of a refusal after a good configuration")
	}
	again.stop()

	info, err := os.Stat(filepath.Join(b.data, "last-good.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the kept configuration: %v, %v", info, err)
	}
}

// However a file is broken, the last good configuration is found and runs, profiles
// included.
func TestBrokenFilesDoNotStopTheStart(t *testing.T) {
	b := newStation(t)
	b.write(1)
	launch(t, "run", "-c", b.file).stop()
	good, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	for name, breakIt := range map[string]func() error{
		"syntax": func() error { return os.WriteFile(b.file, append(good, "wells: ]["...), 0o600) },
		"profile gone": func() error {
			return os.Rename(filepath.Join(filepath.Dir(b.file), "drive.yaml"), filepath.Join(filepath.Dir(b.file), "gone.yaml"))
		},
		"an address that this box has not": func() error {
			return os.WriteFile(b.file, []byte(strings.Replace(string(good), "127.0.0.1:0, tls: off", "192.0.2.1:8443", 1)), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := breakIt(); err != nil {
				t.Fatal(err)
			}
			p := launch(t, "run", "-c", b.file)
			if text := p.text("/"); !strings.Contains(text, "The configuration was refused") {
				t.Errorf("the page says nothing:\n%s", text)
			}
			p.stop()
		})
	}
	t.Run("accepted by a reload that it cannot outlive", func(t *testing.T) {
		if err := os.WriteFile(b.file, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(b.file), "drive.yaml"), shipped(t, "profiles/simulated-drive.yaml"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := launch(t, "run", "-c", b.file)
		if err := os.WriteFile(b.file, []byte(strings.Replace(string(good), "127.0.0.1:0, tls: off", "192.0.2.1:8443", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		p.hangUp()
		await(t, "the notice", 10*time.Second, func() bool {
			return strings.Contains(p.text("/"), "after the next restart: web.anonymous_view, web.listen, web.tls")
		})
		p.stop()
		p = launch(t, "run", "-c", b.file)
		if text := p.text("/"); !strings.Contains(text, "The configuration was refused") {
			t.Errorf("the page says nothing:\n%s", text)
		}
		p.stop()
	})
	t.Run("of another appliance", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "other.yaml")
		if err := os.WriteFile(other, fmt.Appendf(nil, "data: %s\nwells: 7\n", b.data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := call(t, "", "run", "-c", other); code != 1 || !strings.Contains(stderr, other+":2:") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	})
}

// A secret that the configuration only refers to is not in what is kept of it.
func TestKeptConfigurationHoldsNoOtherFile(t *testing.T) {
	b := newStation(t)
	secret := filepath.Join(filepath.Dir(b.file), "dsn")
	if err := os.WriteFile(secret, []byte("postgres://edge:hunter2@127.0.0.1:1/hq"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.write(1, "central: {dsn_file: dsn}")
	launch(t, "run", "-c", b.file).stop()
	text, err := os.ReadFile(filepath.Join(b.data, "last-good.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		File     string            `json:"file"`
		Text     string            `json:"text"`
		Profiles map[string]string `json:"profiles"`
	}
	if err := json.Unmarshal(text, &kept); err != nil || kept.File != b.file || !strings.Contains(kept.Text, "dsn_file: dsn") || kept.Profiles["./drive.yaml"] == "" {
		t.Errorf("kept is %s, %v", text, err)
	}
	if strings.Contains(string(text), "hunter2") {
		t.Errorf("the password was copied: %s", text)
	}
}
