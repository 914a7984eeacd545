package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goalName is the pattern of a figure's name.
const goalName = `((?:app|store|modbus|sync|engine|field|synthetic|web)\.[a-z0-9]+(?:-[a-z0-9]+)*)`

// Each figure that a benchmark prints is explained, and each that is explained is
// printed; what is listed as not measured is not.
func TestFigures(t *testing.T) {
	printed := figures(t)
	explained, unmeasured, _ := strings.Cut(mustRead(t, "docs/figures.md"), "## Not measured yet")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("`"+goalName+"`").FindAllStringSubmatch(explained, -1) {
		listed[m[1]] = true
		if !printed[m[1]] {
			t.Errorf("docs/figures.md explains %s, which no benchmark prints", m[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(printed)) {
		if !listed[name] {
			t.Errorf("docs/figures.md does not explain %s", name)
		}
		if strings.Contains(unmeasured, "`"+name+"`") {
			t.Errorf("docs/figures.md says that %s is not measured", name)
		}
	}
}

// figures are the names of goals in the tests.
func figures(tb testing.TB) map[string]bool {
	tb.Helper()
	name := regexp.MustCompile(`"` + goalName + `"`)
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if text := string(b); strings.Contains(text, "goal.") {
			for _, m := range name.FindAllStringSubmatch(text, -1) {
				found[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}
