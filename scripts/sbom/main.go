// Command sbom writes the bill of materials of a Go binary, CycloneDX 1.5 in JSON, and
// the licences of what is in it. What it says comes from the binary itself (the list
// that the Go linker leaves in it), so it cannot differ from what was built.
//
//	sbom BINARY VERSION VENDORED bill.cdx.json licences.txt
//
// VENDORED is the folder of the libraries that the page carries, one folder NAME-VERSION
// each with its licence. The same binary always gives the same files. Only
// scripts/dist.sh runs it.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("want BINARY VERSION VENDORED BILL LICENCES, got %d arguments", len(args))
	}
	page, err := vendored(args[2])
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(args[0]) //nolint:gosec // the file that the caller names
	if err != nil {
		return err
	}
	bill, err := json.MarshalIndent(billOf(info, page, args[1], sha256.Sum256(binary)), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[3], append(bill, '\n'), 0o644); err != nil { //nolint:gosec // published
		return err
	}
	text, err := licences(info, page)
	if err != nil {
		return err
	}
	return os.WriteFile(args[4], text, 0o644) //nolint:gosec // published
}

type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Serial     string      `json:"serialNumber"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Purl    string `json:"purl,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// library is one that the page carries.
type library struct{ name, version, dir string }

// vendored lists the libraries in a folder, by name.
func vendored(root string) ([]library, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var list []library
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		i := strings.LastIndex(e.Name(), "-")
		if i < 0 {
			return nil, fmt.Errorf("%s: a folder of a library is called NAME-VERSION", filepath.Join(root, e.Name()))
		}
		list = append(list, library{e.Name()[:i], e.Name()[i+1:], filepath.Join(root, e.Name())})
	}
	return list, nil
}

func billOf(info *debug.BuildInfo, page []library, version string, sum [32]byte) bill {
	b := bill{
		Format: "CycloneDX", Spec: "1.5", Version: 1,
		Serial: serial(sum),
		Metadata: metadata{component{
			Type: "application", Ref: "wellkeeper", Name: "wellkeeper", Version: version,
			Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sum)}},
		}},
	}
	b.Components = append(b.Components, module("std", strings.TrimPrefix(info.GoVersion, "go")))
	for _, m := range modules(info) {
		b.Components = append(b.Components, module(m.Path, m.Version))
	}
	for _, l := range page {
		purl := "pkg:npm/" + l.name + "@" + l.version
		b.Components = append(b.Components, component{Type: "library", Ref: purl, Name: l.name, Version: l.version, Purl: purl})
	}
	return b
}

// serial is a UUID (version 8, made of a hash) of the binary.
func serial(sum [32]byte) string {
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

func module(path, version string) component {
	purl := "pkg:golang/" + path + "@" + version
	return component{Type: "library", Ref: purl, Name: path, Version: version, Purl: purl}
}

// modules are those linked in, by name.
func modules(info *debug.BuildInfo) []*debug.Module {
	var list []*debug.Module
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *debug.Module) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// licences puts the licence texts of Go, of all modules and of what the page carries one
// after the other.
func licences(info *debug.BuildInfo, page []library) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "Wellkeeper contains the software below, under the licences that follow each name.\n")
	root, err := exec.Command("go", "env", "GOROOT").Output() //nolint:noctx // a short program
	if err != nil {
		return nil, fmt.Errorf("find Go: %w", err)
	}
	if err := add(&out, "Go "+info.GoVersion, strings.TrimSpace(string(root))); err != nil {
		return nil, err
	}
	for _, m := range modules(info) {
		dir, err := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version).Output() //nolint:gosec,noctx // names from the binary that was just built
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", m.Path, err)
		}
		var found struct{ Dir string }
		if err := json.Unmarshal(dir, &found); err != nil { //nolint:musttag // the tool's own name
			return nil, fmt.Errorf("find %s: %w", m.Path, err)
		}
		if err := add(&out, m.Path+" "+m.Version, found.Dir); err != nil {
			return nil, err
		}
	}
	for _, l := range page {
		if err := add(&out, l.name+" "+l.version, l.dir); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func add(out *bytes.Buffer, name, dir string) error {
	var files []string
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no licence in %s", name, dir)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s\n%s (%s)\n\n%s\n", strings.Repeat("=", 78), name, filepath.Base(file), bytes.TrimSpace(text))
	}
	return nil
}
