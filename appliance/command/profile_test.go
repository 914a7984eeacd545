package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/modbus/profile"
)

func TestProfileList(t *testing.T) {
	stdout, stderr, code := call(t, "", "profile", "list", "--json")
	var all []struct {
		ID       string `json:"id"`
		Vendor   string `json:"vendor"`
		Kind     string `json:"kind"`
		Document string `json:"document"`
		Verified string `json:"verified"`
		Points   int    `json:"points"`
	}
	if err := json.Unmarshal([]byte(stdout), &all); code != 0 || err != nil {
		t.Fatalf("exit %d, %v\n%s", code, err, stderr)
	}
	files, err := filepath.Glob("../../configs/profiles/*.yaml")
	if err != nil || len(all) != len(files) {
		t.Errorf("got %d profiles, want %d", len(all), len(files))
	}
	for _, p := range all {
		if p.ID == "simulated-drive" && (p.Kind != "drive" || p.Document != "Map of the simulator" || p.Verified != "bench" || p.Points < 40) {
			t.Errorf("simulated-drive: %+v", p)
		}
	}
}

func TestProfileShow(t *testing.T) {
	stdout, stderr, code := call(t, "", "profile", "show", "simulated-drive")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	found := false
	for line := range strings.Lines(stdout) {
		fields := strings.Fields(line)
		found = found || cmp.Equal(fields, []string{"output_current", "40004", "3", "3", "u32", "0.01", "A", "signal", "-", "-"})
	}
	if !found {
		t.Errorf("no line for the output current:\n%s", stdout)
	}
}

// Each template is a profile as it stands.
func TestProfileNew(t *testing.T) {
	for _, kind := range []string{"drive", "controller", "softstarter", "gauge", "protector"} {
		t.Run(kind, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "new.yaml")
			if _, stderr, code := call(t, "", "profile", "new", "--kind", kind, "--out", file); code != 0 {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			if stdout, stderr, code := call(t, "", "profile", "check", file); code != 0 {
				t.Errorf("check: exit %d\n%s%s", code, stdout, stderr)
			}
			if _, stderr, code := call(t, "", "profile", "new", "--kind", kind, "--out", file); code != 1 || !strings.Contains(stderr, "exists") {
				t.Errorf("a second time: exit %d\n%s", code, stderr)
			}
		})
	}
}

const registerTable = "Adresse;Register;Signal name;Data Type;Divisor;Units;R/W\n" +
	";40002;Output Frequency;uint16;100;Hz;R\n" +
	";40004;Output Current;UINT32;;Amps;RW\n" +
	";40009;Motor Current;uint16;100;A;R\n" +
	";9C5CH;intake_pressure;INT16;10;PSI;R\n" + // 40028
	";40041;Casing pressure;uint16;10;;R\n" +
	";40050;odd;uint12;1;;R\n" +
	";x12;Broken;uint16;1;;R\n" +
	";40005;Overlap;uint16;1;;R\n" +
	";40061;\"Status # word: \x07 1\";uint16;1,0;;R\n"

func TestProfileImport(t *testing.T) {
	dir := t.TempDir()
	list, out := filepath.Join(dir, "My list.csv"), filepath.Join(dir, "p.yaml")
	if err := os.WriteFile(list, []byte(registerTable), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := call(t, "", "profile", "import", list); code != 1 || !strings.Contains(stderr, "--base 40001") {
		t.Errorf("without a base: exit %d\n%s", code, stderr)
	}
	_, stderr, code := call(t, "", "profile", "import", list, "--base", "40001", "--out", out)
	if code != 1 {
		t.Errorf("with bad rows: exit %d, want 1", code)
	}
	for _, want := range []string{":7: left out: type", ":8: left out: address", ":9: left out: 40005 (u16) overlaps line 3", `:4: "Motor Current" is kept`, ":6: \"Casing pressure\" is kept", `column "R/W" is passed over`} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, stderr)
		}
	}
	body, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse("p.yaml", body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	type row struct {
		Name, Type, Unit string
		Wire             uint16
		Scale            float64
	}
	var got []row
	for i := range p.Points {
		q := &p.Points[i]
		got = append(got, row{q.Name, q.Type.String(), string(q.Unit), q.Wire, q.Printed.Apply(1)})
	}
	want := []row{
		{"drive_frequency", "u16", "Hz", 1, 0.01},
		{"output_current", "u32", "A", 3, 1},
		{"motor_current_own", "u16", "A", 8, 0.01},
		{"intake_pressure", "s16", "psi", 27, 0.1},
		{"casing_pressure_own", "u16", "", 40, 0.1},
		{"status_word_1", "u16", "", 60, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	if p.ID != "my-list" || p.Verified != "draft" {
		t.Errorf("id %q, verified %q", p.ID, p.Verified)
	}
}

// What means two things, or would write, is refused.
func TestProfileImportRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                {"", ":1: there is no heading"},
		"no address":           {"Name,Scale\na,1\n", ":1: there is no column for the address"},
		"multiplier":           {"Address,Name,Multiplier\n1,a,10\n", ":1: \"Multiplier\" can mean two things"},
		"function that writes": {"Address,Name,Function\n1,a,6\n", ":2: left out: function code 6 writes"},
		"scale of zero":        {"Address,Name,Scale\n1,a,0\n", ":2: left out: a scale or divisor of 0"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "l.csv")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, code := call(t, "", "profile", "import", file)
			if code != 1 || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit %d, want 1 and %q:\n%s%s", code, c.want, stdout, stderr)
			}
		})
	}
}
