package yamldoc

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Decode fills the struct that v points to. Fields are named by their yaml tag; a
// field without a tag is not part of the document, except that the fields of an
// embedded struct stand beside those around it. Unknown and doubled keys and wrong
// types become problems; the fields that are right are filled all the same, so that
// the caller can go on to check their values.
//
// Understood are structs, pointers, slices, maps with string keys, strings, booleans,
// numbers, time.Duration ("5s"), and types with UnmarshalText.
func (d *Doc) Decode(v any) {
	if d.root == nil {
		return
	}
	d.value(d.root, "", reflect.ValueOf(v).Elem())
}

// Node is what a type that decodes itself is given.
type Node struct {
	doc  *Doc
	node ast.Node
	path string
}

// Unmarshaler is a type that decodes itself from a node, for values of several shapes.
type Unmarshaler interface{ DecodeYAML(n Node) }

// Decode fills the value that v points to from the node.
func (n Node) Decode(v any) { n.doc.value(n.node, n.path, reflect.ValueOf(v).Elem()) }

// Complain adds a problem at the node.
func (n Node) Complain(format string, args ...any) { n.doc.Complain(n.path, format, args...) }

// Shape says what the node is: "map", "list", "text", "number", "bool" or "null".
func (n Node) Shape() string { return shape(n.node) }

func shape(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "map"
	case *ast.SequenceNode:
		return "list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "number"
	case *ast.BoolNode:
		return "bool"
	case *ast.NullNode, nil:
		return "null"
	case *ast.TagNode:
		return shape(n.Value)
	}
	return "text"
}

func (d *Doc) value(n ast.Node, path string, v reflect.Value) {
	if shape(n) != "null" || path == "" { // an empty value stands where its key does
		d.at(path, n)
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.Complain(path, "anchors, aliases and tags are not understood here; write the value out")
		return
	}
	if v.CanAddr() {
		switch u := v.Addr().Interface().(type) {
		case Unmarshaler:
			u.DecodeYAML(Node{d, n, path})
			return
		case encoding.TextUnmarshaler:
			if text, ok := scalar(n); ok {
				if err := u.UnmarshalText([]byte(text)); err != nil {
					d.Complain(path, "%v", err)
				}
				return
			}
			d.wrong(n, path, "text")
			return
		}
	}
	d.kind(n, path, v)
}

func (d *Doc) kind(n ast.Node, path string, v reflect.Value) {
	if shape(n) == "null" {
		if v.Kind() != reflect.Pointer && v.Kind() != reflect.Slice && v.Kind() != reflect.Map {
			d.Complain(path, "is empty; give a value or remove the key")
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		v.Set(fresh)
		d.value(n, path, fresh.Elem())
	case reflect.Struct:
		d.structure(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Map:
		d.table(n, path, v)
	default:
		text, ok := scalar(n)
		if !ok {
			d.wrong(n, path, nameOf(v.Type()))
			return
		}
		if err := SetText(v, text, shape(n)); err != nil {
			d.Complain(path, "%v", err)
		}
	}
}

func (d *Doc) wrong(n ast.Node, path, want string) {
	d.Complain(path, "is a %s; want %s", shape(n), want)
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func (d *Doc) structure(n ast.Node, path string, v reflect.Value) {
	if shape(n) != "map" {
		d.wrong(n, path, "a map of "+strings.Join(keys(v.Type()), ", "))
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs(n) {
		key, ok := scalar(pair.Key)
		sub := join(path, key)
		if !seen[key] {
			d.at(sub, pair.Key)
		}
		switch index := fieldNamed(v.Type(), key); {
		case !ok:
			d.Complain(sub, "this kind of key is not understood here; write plain keys")
		case index == nil:
			d.Complain(sub, "unknown key%s", suggestion(key, keys(v.Type())))
		case seen[key]:
			d.complainAt(pair.Key, sub, "stands twice; keep one")
		default:
			seen[key] = true
			d.value(pair.Value, sub, v.FieldByIndex(index))
		}
	}
}

func (d *Doc) list(n ast.Node, path string, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(n, path, "a list")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.value(item, path+"["+strconv.Itoa(i)+"]", out.Index(i))
	}
	v.Set(out)
}

func (d *Doc) table(n ast.Node, path string, v reflect.Value) {
	if shape(n) != "map" {
		d.wrong(n, path, "a map")
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, pair := range pairs(n) {
		text, ok := scalar(pair.Key)
		sub := join(path, text)
		if !d.Has(sub) {
			d.at(sub, pair.Key)
		}
		key := reflect.New(v.Type().Key()).Elem()
		if !ok {
			d.Complain(sub, "this kind of key is not understood here; write plain keys")
			continue
		}
		if err := SetText(key, text, shape(pair.Key)); err != nil {
			d.Complain(sub, "key %v", err)
			continue
		}
		if out.MapIndex(key).IsValid() {
			d.complainAt(pair.Key, sub, "stands twice; keep one")
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(pair.Value, sub, item)
		out.SetMapIndex(key, item)
	}
	v.Set(out)
}

// scalar is the text of a plain value; ok is false for maps, lists and merge keys.
func scalar(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		return "", true
	}
	return "", false
}

// SetText sets v from text; kind is the shape it was written in ("text" where it comes
// from outside a document, such as an environment variable).
func SetText(v reflect.Value, text, kind string) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		dur, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration; write for example 5s, 500ms or 10m", text)
		}
		v.SetInt(int64(dur))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil || kind == "number" {
			return fmt.Errorf("%q is no yes or no; write true or false", text)
		}
		v.SetBool(b)
		return nil
	case reflect.Float64:
		if i, err := strconv.ParseInt(text, 0, 64); err == nil && kind == "number" { // 0x10
			v.SetFloat(float64(i))
			return nil
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q is no number", text)
		}
		v.SetFloat(f)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 0, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number from %d to %d", text, int64(-1)<<(v.Type().Bits()-1), int64(1)<<(v.Type().Bits()-1)-1)
		}
		v.SetInt(i)
		return nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(text, 0, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number from 0 to %d", text, uint64(math.MaxUint64)>>(64-v.Type().Bits()))
		}
		v.SetUint(u)
		return nil
	default:
	}
	panic("BUG: yamldoc cannot fill a " + v.Type().String())
}

func nameOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 5s"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "a number"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// FieldName is the document's key for a struct field; empty when it has none.
func FieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return strings.TrimPrefix(name, "-")
}

// fieldNamed is the index of the field for a key; nil where there is none.
func fieldNamed(t reflect.Type, key string) []int {
	for _, field := range reflect.VisibleFields(t) {
		if name := FieldName(field); name != "" && name == key {
			return field.Index
		}
	}
	return nil
}

func keys(t reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if name := FieldName(field); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// suggestion names the key that was probably meant, or else all there are.
func suggestion(key string, known []string) string {
	best := slices.MinFunc(append([]string{""}, known...), func(a, b string) int { return distance(key, a) - distance(key, b) })
	if best != "" && distance(key, best) <= 1+len(key)/4 {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; known are " + strings.Join(known, ", ")
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
