package profile

import (
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// section is a mapping of the file while it is read. Every key that nobody asked for
// is a mistake.
type section struct {
	*problems

	what    string
	at      position
	entries map[string]entry
	order   []string
	asked   map[string]bool
}

type entry struct {
	key   position
	value ast.Node
}

const notSupported = "%s: %q is part of esp-profile/1 but not supported in this release; remove it%s"

// section opens a mapping; anything else is reported and gives an empty one.
func (p *problems) section(n ast.Node, what string) *section {
	s := &section{problems: p, what: what, at: positionOf(n), entries: map[string]entry{}, asked: map[string]bool{}}
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		p.add(s.at, "%s: must be a mapping (key: value), not %s", what, describe(n))
		return s
	}
	for _, v := range values {
		at := tokenPosition(v.Key.GetToken())
		if v.Key.IsMergeKey() {
			p.add(at, "%s: merge keys (<<) are not supported in profiles; write the values out", what)
			continue
		}
		key := v.Key.GetToken().Value
		if first, twice := s.entries[key]; twice {
			p.add(at, "%s: %q stands twice (first in line %d); remove one", what, key, first.key.line)
			continue
		}
		s.entries[key] = entry{at, v.Value}
		s.order = append(s.order, key)
	}
	return s
}

// get is the value of a key; ok is false where it is absent or null.
func (s *section) get(key string) (ast.Node, bool) {
	s.asked[key] = true
	e, ok := s.entries[key]
	if !ok {
		return nil, false
	}
	if _, null := e.value.(*ast.NullNode); null {
		s.add(e.key, "%s: %q has no value; give one or remove the key", s.what, key)
		return nil, false
	}
	return e.value, true
}

func (s *section) has(key string) bool {
	_, ok := s.entries[key]
	return ok
}

// place is where a key stands, or the section where it is absent.
func (s *section) place(key string) position {
	if e, ok := s.entries[key]; ok {
		return e.key
	}
	return s.at
}

// text is a scalar as it is written: 8.0 stays "8.0".
func (s *section) text(key string) string {
	n, ok := s.get(key)
	if !ok {
		return ""
	}
	t, ok := scalarText(n)
	if !ok {
		s.add(positionOf(n), "%s: %q must be text, not %s", s.what, key, describe(n))
	}
	return t
}

// choice is one of the allowed words, or the first of them where the key is absent.
func (s *section) choice(key string, allowed ...string) string {
	n, ok := s.get(key)
	if !ok {
		return allowed[0]
	}
	t, ok := scalarText(n)
	if !ok || !slices.Contains(allowed, t) {
		s.add(positionOf(n), "%s: %q must be one of %s, not %s", s.what, key, strings.Join(allowed, ", "), describe(n))
		return allowed[0]
	}
	return t
}

// integer is a whole number within lo and hi; ok is false where it is absent or wrong.
func (s *section) integer(key string, lo, hi int64) (int64, bool) {
	n, ok := s.get(key)
	if !ok {
		return 0, false
	}
	return s.asInteger(n, key, lo, hi)
}

func (s *section) asInteger(n ast.Node, key string, lo, hi int64) (int64, bool) {
	if i, ok := n.(*ast.IntegerNode); ok {
		if octal(i.GetToken().Value) {
			s.add(positionOf(n), "%s: %q: %s would be read as octal; remove the leading zero", s.what, key, i.GetToken().Value)
			return 0, false
		}
		switch v := i.Value.(type) {
		case int64:
			if v >= lo && v <= hi {
				return v, true
			}
		case uint64:
			if v <= math.MaxInt64 && int64(v) >= lo && int64(v) <= hi {
				return int64(v), true
			}
		}
	}
	s.add(positionOf(n), "%s: %q must be a whole number from %d to %d, not %s", s.what, key, lo, hi, describe(n))
	return 0, false
}

// octal reports a decimal-looking number with a leading zero: manuals print
// addresses like 0100, and YAML would take that for 64.
func octal(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9'
}

func (s *section) number(key string) (float64, bool) {
	n, ok := s.get(key)
	if !ok {
		return 0, false
	}
	return s.asNumber(n, key)
}

func (s *section) asNumber(n ast.Node, key string) (float64, bool) {
	switch v := n.(type) {
	case *ast.FloatNode:
		return v.Value, true
	case *ast.IntegerNode:
		switch i := v.Value.(type) {
		case int64:
			return float64(i), true
		case uint64:
			return float64(i), true
		}
	}
	s.add(positionOf(n), "%s: %q must be a number, not %s", s.what, key, describe(n))
	return 0, false
}

func (s *section) boolean(key string, otherwise bool) bool {
	n, ok := s.get(key)
	if !ok {
		return otherwise
	}
	b, ok := n.(*ast.BoolNode)
	if !ok {
		s.add(positionOf(n), "%s: %q must be true or false, not %s", s.what, key, describe(n))
		return otherwise
	}
	return b.Value
}

// list is a sequence; a single value stands for a list of one.
func (s *section) list(key string) []ast.Node {
	n, ok := s.get(key)
	if !ok {
		return nil
	}
	if l, ok := n.(*ast.SequenceNode); ok {
		return l.Values
	}
	return []ast.Node{n}
}

// later reports keys of the schema that this release cannot do.
func (s *section) later(instead string, keys ...string) {
	for _, key := range keys {
		s.asked[key] = true
		if s.has(key) {
			s.add(s.place(key), notSupported, s.what, key, instead)
		}
	}
}

// done reports every key that nobody asked for.
func (s *section) done() {
	for _, key := range s.order {
		if s.asked[key] {
			continue
		}
		hint := ""
		if near := nearest(key, s.asked); near != "" {
			hint = "; did you mean " + near + "?"
		}
		s.add(s.place(key), "%s: unknown key %q%s", s.what, key, hint)
	}
}

func scalarText(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// describe names what stands there, for messages.
func describe(n ast.Node) string {
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias (write the value out)"
	case *ast.StringNode:
		return "the text \"" + v.Value + "\""
	}
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return "this"
}

// nearest is the known key with the smallest edit distance, where that is small.
func nearest(key string, known map[string]bool) string {
	far := min(2, len(key)/3) + 1
	best, distance := "", far
	for k := range known {
		if d := editDistance(key, k); d < distance || (d == distance && d < far && k < best) {
			best, distance = k, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
