// Package scripts_test proves the release: the archive, the script that installs it,
// and the description of the container.
package scripts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// run runs a command to its end.
func run(t *testing.T, env []string, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tool skips where a tool is missing; in CI that is a failure.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("skipped: %v", err)
	}
}

func TestScriptsAreClean(t *testing.T) {
	tool(t, "shellcheck")
	files, err := filepath.Glob("*.sh")
	if err != nil {
		t.Fatal(err)
	}
	run(t, nil, ".", "shellcheck", append(files, "../.ci/run")...)
}

// A release holds what its reader needs, is the same when it is built again, and
// installs into a folder without touching what a person has changed there.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: builds the program twice")
	}
	if !slices.Contains([]string{"amd64", "arm64"}, runtime.GOARCH) {
		t.Skipf("skipped: no release for %s", runtime.GOARCH)
	}
	const version = "v0.0.0-test"
	name := "wellkeeper-" + version + "-linux-" + runtime.GOARCH
	out := [2]string{t.TempDir(), t.TempDir()}
	for _, dir := range out {
		told := run(t, []string{"VERSION=" + version, "OUT=" + dir, "SOURCE_DATE_EPOCH=1767225600"}, "..", "scripts/dist.sh", runtime.GOARCH)
		for line := range strings.Lines(told) {
			if strings.HasPrefix(line, "goal ") && dir == out[0] {
				os.Stdout.WriteString(line)
			}
		}
	}
	if a, b := read(t, filepath.Join(out[0], name+".tar.gz")), read(t, filepath.Join(out[1], name+".tar.gz")); a != b {
		t.Error("built again the release differs")
	}
	run(t, nil, out[0], "sha256sum", "--check", "--strict", "SHA256SUMS")

	dir := t.TempDir()
	run(t, nil, dir, "tar", "-xzf", filepath.Join(out[0], name+".tar.gz"))
	release := filepath.Join(dir, name)
	for _, file := range []string{
		"wellkeeper", "install.sh", "default.yaml", "LICENSE", "LICENCES.txt", "CHANGELOG.md", "wellkeeper.cdx.json",
		"systemd/wellkeeper.service", "docs/quickstart.md", "docs/operations.md", "profiles/simulated-drive.yaml",
	} {
		if _, err := os.Stat(filepath.Join(release, file)); err != nil {
			t.Error(err)
		}
	}
	if told := run(t, nil, release, "./wellkeeper", "version"); !strings.Contains(told, version) {
		t.Errorf("the program's version is %s", told)
	}
	checkBill(t, release)
	checkInstall(t, release)
}

func checkBill(t *testing.T, release string) {
	t.Helper()
	var bill struct {
		BomFormat    string `json:"bomFormat"`
		SerialNumber string `json:"serialNumber"`
		Components   []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Purl    string `json:"purl"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(release, "wellkeeper.cdx.json"))), &bill); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bill.SerialNumber) || bill.BomFormat != "CycloneDX" {
		t.Errorf("format %s, serial number %s", bill.BomFormat, bill.SerialNumber)
	}
	licences := read(t, filepath.Join(release, "LICENCES.txt"))
	names := map[string]bool{}
	for _, c := range bill.Components {
		names[c.Name] = true
		kind := "golang"
		if c.Name == "uplot" {
			kind = "npm"
		}
		if c.Name != "std" && (c.Purl != "pkg:"+kind+"/"+c.Name+"@"+c.Version || !strings.Contains(licences, "\n"+c.Name+" "+c.Version+" (")) {
			t.Errorf("%s %s: purl %s, or its licence is missing", c.Name, c.Version, c.Purl)
		}
	}
	for _, want := range []string{"std", "go.etcd.io/bbolt", "github.com/goburrow/modbus", "github.com/jackc/pgx/v5", "uplot"} {
		if !names[want] {
			t.Errorf("%s is not in the bill of materials", want)
		}
	}
}

func checkInstall(t *testing.T, release string) {
	t.Helper()
	root := t.TempDir()
	env := []string{"DESTDIR=" + root}
	if told := run(t, env, release, "./install.sh"); !strings.Contains(told, "/usr/bin/wellkeeper") {
		t.Errorf("the first installation says %q", told)
	}
	for file, mode := range map[string]os.FileMode{
		"usr/bin/wellkeeper": 0o755, "etc/systemd/system/wellkeeper.service": 0o644, "etc/wellkeeper/wellkeeper.yaml": 0o640,
		"etc/wellkeeper": 0o750 | os.ModeDir, "var/lib/wellkeeper": 0o750 | os.ModeDir, "usr/lib/sysusers.d/wellkeeper.conf": 0o644,
	} {
		info, err := os.Stat(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != mode {
			t.Errorf("%s has mode %s, want %s", file, info.Mode(), mode)
		}
	}
	own := filepath.Join(root, "etc/wellkeeper/wellkeeper.yaml")
	if err := os.WriteFile(own, []byte("mine: yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if told := run(t, env, release, "./install.sh"); told != "" {
		t.Errorf("a second installation says %q, want nothing done", told)
	}
	unit := filepath.Join(root, "etc/systemd/system/wellkeeper.service")
	if err := os.WriteFile(unit, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if told := run(t, env, release, "./install.sh", "--no-start"); strings.Count(told, "\n") != 1 || read(t, unit) == "old" {
		t.Errorf("an update of the unit says %q", told)
	}
	if got := read(t, own); got != "mine: yes\n" {
		t.Errorf("the configuration became %q", got)
	}
	cmd := exec.CommandContext(t.Context(), "./install.sh", "--nonsense")
	cmd.Dir = release
	if err := cmd.Run(); err == nil {
		t.Error("an unknown argument was taken")
	}
}

// The container runs as nobody in particular, without a shell, from what is in the
// repository, and says how it is.
func TestDockerfile(t *testing.T) {
	text := read(t, "../Dockerfile")
	stages := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1)
	if len(stages) != 2 || !strings.HasPrefix(stages[1][1], "gcr.io/distroless/static-") || !strings.HasSuffix(stages[1][1], ":nonroot") {
		t.Errorf("stages are %v", stages)
	}
	goVersion := regexp.MustCompile(`(?m)^go (1\.[0-9]+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.HasPrefix(stages[0][1], "golang:"+goVersion+"-") {
		t.Errorf("built with %s, go.mod wants %s", stages[0][1], goVersion)
	}
	for _, want := range []string{
		`CGO_ENABLED=0 go build -trimpath`, "\nUSER 65532:65532\n", `HEALTHCHECK .*CMD \["/usr/bin/wellkeeper", "health"\]`,
		"\nVOLUME /var/lib/wellkeeper\n", `ENTRYPOINT \["/usr/bin/wellkeeper"\]`, `CMD \["run"\]`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the Dockerfile has no %s", want)
		}
	}
	if regexp.MustCompile(`(?im)^(ADD|ARG .*(PASS|TOKEN|SECRET))`).MatchString(text) {
		t.Error("the Dockerfile fetches something or takes a secret")
	}
	// What the build needs is let in; everything else, such as a .env file, is not.
	allowed := map[string]bool{}
	for line := range strings.Lines(read(t, "../.dockerignore")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			allowed[name] = true
		}
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	list.Dir = ".."
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(packages) {
		path, ours := strings.CutPrefix(strings.TrimSpace(string(line)), "wellkeeper.internal/")
		if folder, _, _ := strings.Cut(path, "/"); ours && !allowed[folder] {
			t.Errorf("%s is built, but .dockerignore keeps %s out", path, folder)
		}
	}
	for name := range allowed {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Errorf(".dockerignore lets in what is not there: %v", err)
		}
	}
}
