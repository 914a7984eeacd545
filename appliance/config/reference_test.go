package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/schedule"
)

var update = flag.Bool("update", false, "write the reference into docs/configuration.md")

const (
	page  = "../../docs/configuration.md"
	begin = "<!-- reference: made by go test ./appliance/config -run Reference -update -->\n"
	end   = "<!-- end of reference -->\n"
)

// The reference in the docs says what the code says.
func TestReference(t *testing.T) {
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := bytes.Cut(old, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the reference", page)
	}
	fresh := string(head) + begin + reference(t) + end + string(tail)
	if *update {
		if err := os.WriteFile(page, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(fresh, string(old)); diff != "" && !*update {
		t.Errorf("%s is stale; run go test ./appliance/config -run Reference -update (-want +got):\n%s", page, diff)
	}
}

// Every setting stands in the commented default configuration.
func TestDefaultConfigurationNamesEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../configs/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings() {
		key := s.Path[strings.LastIndexByte(s.Path, '.')+1:]
		if !regexp.MustCompile(`(?m)(^|[ {])` + key + `:`).Match(text) {
			t.Errorf("%s is not in configs/default.yaml", s.Path)
		}
	}
}

// The names of the environment in the reference are those that are read.
func TestEnvironmentNames(t *testing.T) {
	var names []string
	for _, s := range config.Settings() {
		names = append(names, s.Environment)
	}
	if unknown := config.Unknown(names); len(unknown) > 0 {
		t.Errorf("names of no setting: %q", unknown)
	}
}

// reference is one table for each group of settings.
func reference(t *testing.T) string {
	t.Helper()
	comments := fieldComments(t)
	var out strings.Builder
	group := "none"
	for _, s := range config.Settings() {
		path := strings.ReplaceAll(s.Path, "[0]", "[]")
		prefix, key, nested := cutLast(path)
		if !nested {
			prefix = ""
		}
		if prefix != group {
			group = prefix
			title := "`" + prefix + "`"
			if prefix == "" {
				title = "The whole"
			}
			fmt.Fprintf(&out, "\n### %s\n\n| key | value | default | allowed | takes effect | environment | meaning |\n|---|---|---|---|---|---|---|\n", title)
		}
		comment := comments[s.Owner+"."+s.Field.Name]
		if comment == "" {
			t.Errorf("%s.%s has no comment for the reference", s.Owner, s.Field.Name)
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | `%s` | %s |\n", key, valueWords(t, &s), defaultWords(t, &s), allowedWords(&s),
			effectWords(&s), s.Environment, comment)
	}
	return out.String() + "\n"
}

func cutLast(path string) (prefix, key string, nested bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

func valueWords(t *testing.T, s *config.Setting) string {
	t.Helper()
	kind := s.Field.Type
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	words := ""
	switch {
	case kind == reflect.TypeFor[time.Duration]():
		words = "duration"
	case kind == reflect.TypeFor[config.Quantity]():
		words = "quantity"
	case kind == reflect.TypeFor[config.TLS]():
		words = "word or files"
	case kind == reflect.TypeFor[config.Size]():
		words = "size"
	case kind == reflect.TypeFor[schedule.Expression]():
		words = "cron expression"
	case kind == reflect.TypeFor[[]string]():
		words = "list of texts"
	case kind == reflect.TypeFor[map[string]string]():
		words = "map of texts"
	case kind.Kind() == reflect.Bool:
		words = "true or false"
	case kind.Kind() == reflect.String:
		words = "text"
	case kind.Kind() == reflect.Float64:
		words = "number"
	case kind.Kind() == reflect.Int, kind.Kind() == reflect.Uint8:
		words = "whole number"
	default:
		t.Errorf("%s has a type that the reference has no word for: %s", s.Path, kind)
	}
	switch unit := s.Field.Tag.Get("unit"); unit {
	case "":
		return words
	case "signal":
		return words + ", unit of the signal"
	default:
		return words + ", " + unit
	}
}

func defaultWords(t *testing.T, s *config.Setting) string {
	t.Helper()
	text, ok := s.Field.Tag.Lookup("default")
	otherwise := s.Field.Tag.Get("otherwise")
	if ok == (otherwise != "") {
		t.Errorf("%s must have one of the tags default and otherwise", s.Path)
	}
	if ok {
		return "`" + text + "`"
	}
	return otherwise
}

func allowedWords(s *config.Setting) string {
	tag := s.Field.Tag
	low, high := tag.Get("min"), tag.Get("max")
	switch {
	case tag.Get("oneof") != "":
		return "`" + strings.Join(strings.Fields(tag.Get("oneof")), "`, `") + "`"
	case high != "":
		return low + " to " + high
	case low != "":
		return "at least " + low
	}
	return ""
}

func effectWords(s *config.Setting) string {
	apply := s.Field.Tag.Get("apply")
	with, together := strings.CutPrefix(apply, "with ")
	switch {
	case apply == "restart":
		return "at restart"
	case together:
		return "at once; with `" + with + "` at restart"
	case s.Owner == "Device":
		return "at once; the well is polled anew"
	}
	return "at once"
}

// fieldComments reads the comments of the struct fields of the package, by type and
// field.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Clean(name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if body, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range body.Fields.List {
					for _, id := range f.Names {
						text := strings.Join(strings.Fields(f.Doc.Text()), " ")
						comments[spec.Name.Name+"."+id.Name] = strings.ReplaceAll(text, "|", `\|`)
					}
				}
			}
			return true
		})
	}
	return comments
}
