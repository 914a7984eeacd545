// Command sbom writes the bill of materials of a Go binary, CycloneDX 1.5 in JSON, and
// the licences of what is in it. What it says comes from the binary itself (the list
// that the Go linker leaves in it), so it cannot differ from what was built.
//
//	sbom BINARY VERSION bill.cdx.json licences.txt
//
// The same binary always gives the same files. Only scripts/dist.sh runs it.
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
	if len(args) != 4 {
		return fmt.Errorf("want BINARY VERSION BILL LICENCES, got %d arguments", len(args))
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(args[0]) //nolint:gosec // the file that the caller names
	if err != nil {
		return err
	}
	bill, err := json.MarshalIndent(billOf(info, args[1], sha256.Sum256(binary)), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[2], append(bill, '\n'), 0o644); err != nil { //nolint:gosec // published
		return err
	}
	text, err := licences(info)
	if err != nil {
		return err
	}
	return os.WriteFile(args[3], text, 0o644) //nolint:gosec // published
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

func billOf(info *debug.BuildInfo, version string, sum [32]byte) bill {
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

// licences puts the licence texts of all modules and of Go one after the other.
func licences(info *debug.BuildInfo) ([]byte, error) {
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
