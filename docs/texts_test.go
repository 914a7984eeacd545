package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// foreign are texts of others: PostgreSQL, browsers, systems.
var foreign = []string{"password authentication failed", "certificate", "….damaged-…"}

// What the troubleshooting page says that the program prints, it does print: in the
// first column of its tables each text in code stands in the source.
func TestTroubleshooting(t *testing.T) {
	source := mustSource(t)
	row := regexp.MustCompile(`(?m)^\| ([^|]+) \|`)
	quoted := regexp.MustCompile("`([^`]+)`")
	var checked int
	for _, m := range row.FindAllStringSubmatch(mustRead(t, "docs/troubleshooting.md"), -1) {
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			checked++
			if text := q[1]; !slices.Contains(foreign, text) && !strings.Contains(source, text) && !isKey(text) {
				t.Errorf("nothing in the program says %q", text)
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d texts compared, want the tables' first columns", checked)
	}
}

// isKey reports whether text is a piece of configuration: `tls: auto`.
func isKey(text string) bool { return regexp.MustCompile(`^[a-z_.]+: [a-z]+$`).MatchString(text) }

// mustSource is everything that the program is made of.
func mustSource(tb testing.TB) string {
	tb.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && strings.HasPrefix(name, ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(name, "_test.go"):
		case slices.Contains([]string{".go", ".sql", ".html", ".js"}, filepath.Ext(name)):
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all.Write(b)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all.String()
}
