// Package docs_test keeps the documents true: their commands are run, their links
// followed, and what they say of the database, of error texts and of figures is
// compared with the code.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = ".."

// mustPages lists every document, from the top of the repository.
func mustPages(tb testing.TB) []string {
	tb.Helper()
	var pages []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			pages = append(pages, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil || len(pages) == 0 {
		tb.Fatalf("%d documents, %v", len(pages), err)
	}
	return pages
}

func mustRead(tb testing.TB, page string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// snippet is a fenced block of a document.
type snippet struct {
	line     int // of its fence
	language string
	// remark is what a comment <!-- docs: … --> in the line before the fence says.
	remark string
	text   string
}

var (
	fence  = regexp.MustCompile("^( *)```([a-z]*)$")
	remark = regexp.MustCompile(`^ *<!-- docs: (.*) -->$`)
)

// snippets takes the fenced blocks out of a document, without their indentation.
func snippets(text string) []snippet {
	var list []snippet
	var open *snippet
	indent, before := "", ""
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open == nil && m != nil:
			open = &snippet{line: i + 1, language: m[2]}
			if r := remark.FindStringSubmatch(before); r != nil {
				open.remark = r[1]
			}
			indent = m[1]
		case open != nil && m != nil && m[2] == "":
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
		before = line
	}
	return list
}
