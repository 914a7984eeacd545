package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every command that a document shows is run, page by page, in the order of the page
// and in a folder of its own. A comment in the line before a block says otherwise:
//
//	<!-- docs: serve -->         each line runs until the next one of its kind, or the end of the page
//	<!-- docs: file NAME -->     the block is a file of that name
//	<!-- docs: skip, REASON -->  it cannot run here
//
// In a console block what stands after a command is the shape of its output: digits
// stand for any digits, … for anything.
func TestCommands(t *testing.T) {
	program := mustBuild(t)
	for _, page := range mustPages(t) {
		var steps []snippet
		for _, s := range snippets(mustRead(t, page)) {
			if s.language == "sh" || s.language == "console" || s.remark != "" {
				steps = append(steps, s)
			}
		}
		if len(steps) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			place := newPlace(t, program)
			for _, s := range steps {
				place.take(t, page, s)
			}
		})
	}
}

// mustBuild gives the program as people run it.
func mustBuild(tb testing.TB) string {
	tb.Helper()
	if program := os.Getenv("WELLKEEPER_BINARY"); program != "" {
		return program
	}
	program := filepath.Join(tb.TempDir(), "wellkeeper")
	if out, err := exec.CommandContext(tb.Context(), "go", "build", "-o", program, "wellkeeper.internal").CombinedOutput(); err != nil {
		tb.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// take does what a block says.
func (p *place) take(t *testing.T, page string, s snippet) {
	t.Helper()
	word, rest, _ := strings.Cut(s.remark, " ")
	at := fmt.Sprintf("%s:%d", page, s.line)
	switch word {
	case "skip,":
		if rest == "" {
			t.Errorf("%s: skipped without a reason", at)
		}
		return
	case "file":
		if err := os.WriteFile(filepath.Join(p.dir, rest), []byte(p.local(t, s.text)), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	case "serve", "":
	default:
		t.Fatalf("%s: %q is no remark that is known", at, s.remark)
	}
	for _, c := range commands(s) {
		if word == "serve" {
			p.serve(t, at, c)
			continue
		}
		out, err := p.run(t.Context(), p.local(t, c.line))
		if err != nil {
			t.Fatalf("%s: %s: %v\n%s", at, c.line, err, out)
		}
		c.compare(t, at, out)
	}
}

// command is one command of a block with the output that is shown with it.
type command struct {
	line  string
	shown []string
}

// commands cuts a console block at its prompts. A block for sh is one command, but
// where it serves each line is one.
func commands(s snippet) []command {
	var list []command
	if s.language != "console" {
		if s.remark != "serve" {
			return []command{{line: s.text}}
		}
		for line := range strings.Lines(s.text) {
			if line, _, _ = strings.Cut(line, "  #"); strings.TrimSpace(line) != "" {
				list = append(list, command{line: strings.TrimSpace(line)})
			}
		}
		return list
	}
	for line := range strings.Lines(s.text) {
		line = strings.TrimRight(line, "\n")
		if prompt, found := strings.CutPrefix(line, "$ "); found {
			list = append(list, command{line: prompt})
		} else if n := len(list); n > 0 && strings.TrimSpace(line) != "" {
			list[n-1].shown = append(list[n-1].shown, line)
		}
	}
	return list
}

var (
	digits = regexp.MustCompile(`[0-9]+`)
	blanks = regexp.MustCompile(`\s+`)
)

// shape matches lines that look like the one that is shown.
func shape(shown string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(strings.TrimSpace(shown))
	pattern = digits.ReplaceAllString(pattern, `[0-9]+`)
	pattern = blanks.ReplaceAllString(pattern, `\s+`)
	return regexp.MustCompile(`^\s*` + strings.ReplaceAll(pattern, "…", ".*") + `\s*$`)
}

// compare checks that the lines that are shown come in the output, in that order.
func (c *command) compare(t *testing.T, at, output string) {
	t.Helper()
	lines := strings.Split(output, "\n")
	for _, shown := range c.shown {
		want := shape(shown)
		for len(lines) > 0 && !want.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			t.Errorf("%s: %s: no line looks like %q in\n%s", at, c.line, shown, output)
			return
		}
		lines = lines[1:]
	}
}

// patience is how long one command may take.
const patience = 40 * time.Second
