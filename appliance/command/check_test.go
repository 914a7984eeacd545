package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var pointCount = regexp.MustCompile(`points: \d+`)

func TestCheckOfAFolder(t *testing.T) {
	dir := t.TempDir()
	const good = "data: d\nwells: [{id: W, devices: [{name: d, url: 'tcp://h', profile: PROFILE}]}]\n"
	for name, text := range map[string]string{
		"good.yaml":            strings.Replace(good, "PROFILE", "simulated-drive", 1),
		"refers.yml":           strings.Replace(good, "PROFILE", "./devices/bad.yaml", 1),
		"bad.yaml":             "data: d\nwels: 1\n",
		"broken.yaml":          "data: ]\n",
		"devices/drive.yaml":   string(shipped(t, "profiles/simulated-drive.yaml")),
		"devices/bad.yaml":     "schema: esp-profile/1\nid: x\nkind: drive\npoints:\n  - {name: drive_frequency, ref: 1, base: 0, type: u17, unit: Hz}\n",
		".hidden/secrets.yaml": "nothing: good\n",
		"alerts/rules.yaml":    "groups: [{name: of another program}]\n",
		"notes.txt":            "no YAML at all: [",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr, code := call(t, "", "check", dir)
	if code != 1 || !strings.Contains(stderr, "wellkeeper: 4 of 6 files are bad\n") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	want := "bad.yaml: bad; mistakes: 2\nbroken.yaml: bad; mistakes: 1\ndevices/bad.yaml: bad; mistakes: 1\n" +
		"devices/drive.yaml: good; a profile, points: N\ngood.yaml: good; wells: 1, devices: 1\nrefers.yml: bad; mistakes: 1\n"
	if diff := cmp.Diff(want, pointCount.ReplaceAllString(strings.ReplaceAll(stdout, dir+"/", ""), "points: N")); diff != "" {
		t.Errorf("stdout differs (-want +got):\n%s", diff)
	}
	for place, times := range map[string]int{dir + "/bad.yaml:2:1: wels: ": 1, dir + "/devices/bad.yaml:5:": 1, dir + "/broken.yaml:1:7: ": 1} {
		if n := strings.Count(stderr, place); n != times {
			t.Errorf("%s is named %d times, want %d:\n%s", place, n, times, stderr)
		}
	}

	stdout, _, code = call(t, "", "check", "--json", filepath.Join(dir, "good.yaml"), filepath.Join(dir, "devices", "bad.yaml"))
	var got struct {
		Good  bool `json:"good"`
		Files []struct {
			File     string `json:"file"`
			Kind     string `json:"kind"`
			Good     bool   `json:"good"`
			Mistakes []struct {
				File   string `json:"file"`
				Path   string `json:"path"`
				Line   int    `json:"line"`
				Column int    `json:"column"`
			} `json:"mistakes"`
		} `json:"files"`
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 1 || got.Good || len(got.Files) != 2 {
		t.Fatalf("exit code %d, %v: %s", code, err, stdout)
	}
	if f := got.Files[0]; !f.Good || f.Kind != "configuration" || len(f.Mistakes) != 0 {
		t.Errorf("the good file is %+v", f)
	}
	if f := got.Files[1]; f.Good || f.Kind != "profile" || len(f.Mistakes) != 1 || f.Mistakes[0].Line != 5 || f.Mistakes[0].Column == 0 ||
		!strings.HasPrefix(f.Mistakes[0].Path, "points[0]") || f.Mistakes[0].File != f.File {
		t.Errorf("the bad file is %+v", f)
	}
}

// Everything that is shipped as an example can be used as it stands.
func TestCheckTakesWhatIsShipped(t *testing.T) {
	stdout, stderr, code := call(t, "", "check", "../../configs")
	if code != 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, ": a draft: ") && !strings.Contains(line, " is a draft; ") {
			t.Errorf("remark on what is shipped, other than of a draft: %s", line)
		}
	}
	if !strings.Contains(stderr, "abb-acs880.yaml: a draft: ") || strings.Contains(stderr, "siemens-g120.yaml") {
		t.Errorf("the drafts, and they alone, must be remarked:\n%s", stderr)
	}
	for _, name := range []string{"default.yaml", "examples/one-well-serial.yaml", "examples/pad-six-wells.yaml", "examples/headless-thin-link.yaml", "examples/one-well-four-devices.yaml"} {
		if !strings.Contains(stdout, "configs/"+name+": good; wells: ") {
			t.Errorf("%s is not among them:\n%s", name, stdout)
		}
	}
}
