package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code    = regexp.MustCompile("`[^`\n]*`")
)

// Every relative link leads to a file of the repository, and every anchor to a heading.
func TestLinks(t *testing.T) {
	for _, page := range mustPages(t) {
		text := code.ReplaceAllString(fenced.ReplaceAllString(mustRead(t, page), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", page, m[1], err)
				continue
			}
			if anchor != "" && !anchors(mustRead(t, target))[anchor] {
				t.Errorf("%s: no heading of %s has the anchor #%s", page, target, anchor)
			}
		}
	}
}

// anchors are the names of a document's headings, made as code hosts make them: lower
// case, spaces to hyphens, everything else but letters, digits, - and _ left out.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(m[1])) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				b.WriteRune(r)
			}
		}
		found[b.String()] = true
	}
	return found
}

// The page of the architecture names every package that the program is made of.
func TestArchitecture(t *testing.T) {
	page := mustRead(t, "docs/architecture.md")
	for _, dir := range []string{"appliance", "modbus", "storage", "sync", "web"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			room := strings.TrimPrefix(filepath.ToSlash(file), root+"/")
			sources, err := filepath.Glob(filepath.Join(file, "*.go"))
			forTests := strings.HasSuffix(room, "test") || strings.Contains(room, "test/")
			if len(sources) > 0 && !forTests && !strings.Contains(page, "`"+room+"`") {
				t.Errorf("docs/architecture.md does not name %s", room)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
