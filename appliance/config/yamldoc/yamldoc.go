// Package yamldoc decodes one YAML document into Go values and reports every mistake
// at once, each with file, line, column and what to do: a technician who mends a file
// at a wellhead should need one try.
//
// It is a leaf on goccy/go-yaml's syntax tree, used by the configuration and by the
// device profiles. It reads no file and knows no schema beyond the Go types given.
package yamldoc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Problem is one mistake and its place.
type Problem struct {
	File         string
	Line, Column int
	Path         string // such as wells[0].devices[1].url
	Text         string
}

// String is the usual form for editors: file:line:column: path: text.
func (p Problem) String() string {
	place := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path == "" {
		return place + p.Text
	}
	return place + p.Path + ": " + p.Text
}

// Error is all problems of a document, in the order of their places.
type Error struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

type place struct{ line, column int }

// Doc is a parsed document: a tree, the places of its paths, and the problems found
// so far.
type Doc struct {
	name     string
	root     ast.Node
	places   map[string]place
	problems []Problem
}

// Parse reads the syntax of data; name is how places call the file. A syntax error is
// reported by Err, and Decode then does nothing.
func Parse(name string, data []byte) *Doc {
	d := &Doc{name: name, places: map[string]place{"": {1, 1}}}
	file, err := parse(data)
	if err != nil {
		d.addSyntax(err)
		return d
	}
	switch len(file.Docs) {
	case 0:
	case 1:
		d.root = file.Docs[0].Body
	default:
		d.at("", file.Docs[1].Body)
		d.Complain("", "a second document begins here; keep one document in the file")
	}
	return d
}

// parse guards the parser: a file that makes it panic is a bad file, not a crash.
func parse(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML cannot be read: %v", r)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

func (d *Doc) addSyntax(err error) {
	p := Problem{File: d.name, Line: 1, Column: 1, Text: err.Error()}
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		p.Text = syntax.Message
		if syntax.Token != nil && syntax.Token.Position != nil {
			p.Line, p.Column = syntax.Token.Position.Line, syntax.Token.Position.Column
		}
	}
	d.problems = append(d.problems, p)
}

func (d *Doc) at(path string, n ast.Node) {
	if inner := pairs(n); len(inner) > 0 && n.GetToken().Value != "{" { // the token of a block map is its first colon
		n = inner[0].Key
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return
	}
	pos := n.GetToken().Position
	d.places[path] = place{pos.Line, pos.Column}
}

// Has reports whether the document holds something at path.
func (d *Doc) Has(path string) bool {
	_, ok := d.places[path]
	return ok && path != ""
}

// Complain adds a problem at path, or where path is absent at the nearest place above
// it.
func (d *Doc) Complain(path, format string, args ...any) {
	p := Problem{File: d.name, Path: path, Text: fmt.Sprintf(format, args...)}
	for above := path; ; {
		if at, ok := d.places[above]; ok {
			p.Line, p.Column = at.line, at.column
			break
		}
		above = above[:max(0, strings.LastIndexAny(above, ".["))]
	}
	d.problems = append(d.problems, p)
}

// complainAt adds a problem at a node that is not the one to keep for its path.
func (d *Doc) complainAt(n ast.Node, path, text string) {
	p := Problem{File: d.name, Path: path, Text: text}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	d.problems = append(d.problems, p)
}

// Err is nil, or an *Error with all problems found.
func (d *Doc) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	sorted := slices.Clone(d.problems)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{Problems: slices.Compact(sorted)}
}
