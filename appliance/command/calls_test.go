package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("dta: x\nwells:\n  - {id: W, devices: [{name: d, url: 'tcp://h', profile: simulated-drive, perod: 1s}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   []string
		code   int
		stderr []string
	}{
		{"version", []string{"version"}, 0, nil},
		{"help", []string{"demo", "--help"}, 0, nil},
		{"no such command", []string{"fly"}, 2, []string{"fly"}},
		{"no such flag", []string{"demo", "--fast"}, 2, []string{"--fast"}},
		{"argument too many", []string{"run", "x"}, 2, []string{"x"}},
		{"no such scenario", []string{"demo", "--scenario", "flood"}, 2, []string{"flood", "gas-lock"}},
		{"since in the future", []string{"simulate", "--since", "-1m"}, 2, []string{"--since"}},
		{"no such gauge fault", []string{"demo", "--gauge-fault", "tired@1m"}, 2, []string{"--gauge-fault", "tired", "frozen"}},
		{"no such link fault", []string{"simulate", "--link-fault", "slow,bored"}, 2, []string{"--link-fault", "bored", "silence"}},
		{"fault at no time", []string{"simulate", "--link-fault", "slow@noon"}, 2, []string{"slow@noon", "30m"}},
		{"fault of no length", []string{"simulate", "--link-fault", "slow+0s"}, 2, []string{"slow+0s", "10m"}},
		{"fault of no unit", []string{"simulate", "--link-fault", "slow:7"}, 2, []string{"slow:7", "the gauge 10"}},
		{"unit of a gauge fault", []string{"simulate", "--gauge-fault", "dead:10"}, 2, []string{"dead:10"}},
		{"trace of no such fault", []string{"simulate", "--trace", "-", "--gauge-fault", "tired"}, 2, []string{"tired"}},
		{"JSON of nothing", []string{"simulate", "--json"}, 2, []string{"--list"}},
		{"missing file", []string{"check", "/no/such/file.yaml"}, 1, []string{"/no/such/file.yaml"}},
		{"bad configuration", []string{"check", bad}, 1, []string{bad + ":1:1: dta", bad + ":3:", "perod"}},
		{"run with a bad configuration", []string{"run", "-c", bad}, 1, []string{"perod"}},
		{"probe without a device", []string{"probe"}, 2, []string{"--device"}},
		{"replay of nothing", []string{"replay"}, 2, []string{"--data"}},
		{"replay of files and a folder", []string{"replay", bad, "--data", "x"}, 2, []string{"--data"}},
		{"replay of a folder without a store", []string{"replay", "--data", filepath.Dir(bad)}, 1, []string{filepath.Dir(bad)}},
		{"replay of a missing file", []string{"replay", "/no/such.csv"}, 1, []string{"/no/such.csv"}},
		{"replay with a bad time", []string{"replay", bad, "--from", "noon"}, 2, []string{"--from", "noon"}},
		{"score without labels", []string{"score", bad}, 2, []string{"labels"}},
		{"probe of nothing", []string{"probe", "--device", "tcp://127.0.0.1:1", "--profile", "simulated-drive"}, 1, []string{"127.0.0.1:1"}},
		{"central without a DSN", []string{"central", "status"}, 2, []string{"--dsn"}},
		{"central that is not there", []string{"central", "status", "--dsn", "postgres://127.0.0.1:1/x"}, 1, []string{"127.0.0.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, stderr, code := call(t, "", tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d; stderr:\n%s", code, tt.code, stderr)
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr does not name %q:\n%s", want, stderr)
				}
			}
			if tt.code == 0 && stderr != "" {
				t.Errorf("stderr is not empty:\n%s", stderr)
			}
		})
	}
}

func TestVersionJSON(t *testing.T) {
	stdout, _, _ := call(t, "", "version", "--json")
	var v struct {
		Version  string `json:"version"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || v.Version == "" || v.Go == "" || v.Platform == "" {
		t.Errorf("%q is %+v, %v", stdout, v, err)
	}
}

// The simulator is read by our own probe, every point of both profiles.
func TestProbeOfTheSimulator(t *testing.T) {
	simulator := launch(t, "simulate", "--listen", "127.0.0.1:0")
	for _, profile := range []string{"simulated-drive", "simulated-gauge"} {
		stdout, stderr, code := call(t, "", "probe", "--device", simulator.url, "--profile", profile, "--json")
		if code != 0 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		var result struct {
			Rows []struct {
				Name    string   `json:"name"`
				Quality string   `json:"quality"`
				Raw     string   `json:"raw"`
				Value   *float64 `json:"value"`
			} `json:"rows"`
		}
		if err := json.Unmarshal([]byte(stdout), &result); err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, row := range result.Rows {
			if row.Value != nil {
				values[row.Name] = *row.Value
			}
			if row.Raw == "" {
				t.Errorf("%s was not read: %s", row.Name, row.Quality)
			}
		}
		name, low, high := "drive_frequency", 40.0, 65.0
		if profile == "simulated-gauge" {
			name, low, high = "intake_pressure", 2000, 20000
		}
		if v := values[name]; v < low || v > high {
			t.Errorf("%s is %v, want %v to %v", name, v, low, high)
		}
	}
	simulator.stop()
}

func TestTrace(t *testing.T) {
	stdout, stderr, code := call(t, "", "simulate", "--trace", "-", "--span", "60s", "--wide")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != 0 || len(lines) != 62 || !strings.HasPrefix(lines[0], "well,time,") {
		t.Errorf("exit code %d, %d lines, want a header and 61 rows\n%s%.300s", code, len(lines), stderr, stdout)
	}
}

// What the simulator writes can be replayed and scored.
func TestReplayAndScoreATrace(t *testing.T) {
	dir := t.TempDir()
	trace, labels := filepath.Join(dir, "gas.csv"), filepath.Join(dir, "labels.csv")
	if _, stderr, code := call(t, "", "simulate", "--trace", trace, "--scenario", "gas-lock", "--span", "6h", "--period", "2s", "--wide"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	onset := time.Now().UTC().Add(-95 * time.Minute).Format("2006-01-02T15:04:05")
	if err := os.WriteFile(labels, []byte("well,class,onset,stopped\nRB-114,gas_lock,"+onset+",\nRB-114,gas_interference,"+onset+",\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := call(t, "", "replay", trace, "--json", "--well", "RB-114")
	if code != 0 || !strings.Contains(stdout, `"kind":"diagnosis","id":"gas_lock","state":"raised","severity":"now"`) {
		t.Errorf("exit code %d\n%s%s", code, stderr, stdout)
	}
	stdout, stderr, code = call(t, "", "score", trace, labels, "--json")
	var score struct {
		Classes []struct {
			Class  string `json:"class"`
			Labels int    `json:"labels"`
			Found  int    `json:"found"`
		} `json:"classes"`
		False float64 `json:"false_per_well_day"`
	}
	if err := json.Unmarshal([]byte(stdout), &score); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stderr, stdout)
	}
	if len(score.Classes) != 2 || score.Classes[0].Found != 1 || score.Classes[1].Found != 1 || score.False != 0 {
		t.Errorf("score is %+v", score)
	}
	if _, stderr, code := call(t, "", "replay", trace, "--well", "X"); code != 2 || !strings.Contains(stderr, "RB-114") {
		t.Errorf("exit code %d of an unknown well: %s", code, stderr)
	}
}

type listedFault struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Shows string `json:"shows"`
}

// The list names what demo and simulate take, and JSON has the same.
func TestSimulateLists(t *testing.T) {
	table, _, code := call(t, "", "simulate", "--list")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	body, _, code := call(t, "", "simulate", "--list", "--json")
	var list struct {
		Scenarios []struct {
			Name    string   `json:"name"`
			Title   string   `json:"title"`
			Since   int64    `json:"since_s"`
			History int64    `json:"history_s"`
			Expect  []string `json:"expect"`
		} `json:"scenarios"`
		GaugeFaults []listedFault `json:"gauge_faults"`
		LinkFaults  []listedFault `json:"link_faults"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != 0 {
		t.Fatalf("exit code %d: %v", code, err)
	}
	if len(list.Scenarios) != 14 || len(list.GaugeFaults) < 8 || len(list.LinkFaults) < 13 {
		t.Errorf("%d scenarios, %d gauge faults, %d link faults", len(list.Scenarios), len(list.GaugeFaults), len(list.LinkFaults))
	}
	for _, s := range list.Scenarios {
		if !strings.Contains(table, s.Name) || !strings.Contains(table, s.Title) || s.History < s.Since {
			t.Errorf("%+v: not in the table, or its past is shorter than its onset", s)
		}
		if (s.Name == "normal") != (len(s.Expect) == 0) || len(s.Expect) > 0 && !strings.Contains(table, s.Expect[0]) {
			t.Errorf("%s: expects %v, the table says otherwise", s.Name, s.Expect)
		}
	}
	for _, f := range append(list.GaugeFaults, list.LinkFaults...) {
		if !strings.Contains(table, f.Name) || f.Title == "" || f.Shows == "" {
			t.Errorf("%+v: not in the table, or without words", f)
		}
	}
}
