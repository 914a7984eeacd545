package command_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The whole program, as it is shipped, holds none of goburrow's functions that write: the
// linker keeps the names of all functions that can be reached.
func TestNoWriteIsLinkedIntoTheProgram(t *testing.T) {
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("github.com/goburrow/modbus.(*tcpPackager).Encode")) {
		t.Fatal("the names of functions are not in the binary: this test sees nothing")
	}
	for _, name := range []string{"(*client).", "NewClient", "TCPClient(", "RTUClient("} {
		if bytes.Contains(text, []byte("github.com/goburrow/modbus."+name)) {
			t.Errorf("%s of goburrow is linked", name)
		}
	}
}

// Only package modbus can reach goburrow, so that what it keeps off the wire nobody else
// puts there. Its own test goes through what it uses.
func TestOnlyTheLinkKnowsGoburrow(t *testing.T) {
	const root = "../.."
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "uitest" || name == "tools" || strings.HasPrefix(name, ".") && name != "..") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(name, "github.com/goburrow/") {
				continue
			}
			if seen++; filepath.Dir(path) != filepath.Join(root, "modbus") {
				t.Errorf("%s imports %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no import of goburrow found: this test sees nothing")
	}
}
