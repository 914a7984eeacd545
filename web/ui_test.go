package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/web/ui"
)

// Nothing in the page may point to another origin, and nothing may need a weaker
// policy than that of SECURITY.md.
func TestSourcesOfThePage(t *testing.T) {
	origin := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	inline := regexp.MustCompile(`(?i)\sstyle\s*=|<style|\son[a-z]+\s*=\s*"|javascript:|<script(?:>|\s+type="text)|\beval\(|new Function`)
	err := fs.WalkDir(ui.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, "static/vendor/") {
			return err // what others made is kept as it is; its only address is in its licence line
		}
		b, err := fs.ReadFile(ui.Files(), path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(b), "http://www.w3.org/2000/svg", "") // the name of a namespace, never fetched
		if m := origin.FindString(text); m != "" {
			t.Errorf("%s points to another origin: %s", path, m)
		}
		if m := inline.FindString(text); m != "" && !strings.HasSuffix(path, ".css") {
			t.Errorf("%s has an inline style or script: %q", path, m)
		}
		if strings.HasSuffix(path, ".css") {
			// Logical properties, so that the page can be mirrored for right-to-left scripts.
			if m := regexp.MustCompile(`(?:margin|padding|border)-(?:left|right)|[^-]text-align:(?:left|right)|[;{](?:left|right):`).FindString(text); m != "" {
				t.Errorf("%s has a physical direction: %q", path, m)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// First load of the Overview: at most 45 kB compressed and 8 requests.
func TestBudgetOfTheOverview(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gaslock")
	_, page := s.get(t, "/")
	requests, total := 2, 0 // the page and its stream
	paths := map[string]bool{"/": true}
	for _, m := range regexp.MustCompile(`(?:href|src)="(/assets/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !paths[m[1]] {
			paths[m[1]] = true
			requests++
		}
	}
	for path := range paths {
		resp, body := s.get(t, path, "Accept-Encoding", "gzip")
		if resp.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", path)
		}
		total += len(body)
		r, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var plain bytes.Buffer
		if _, err := io.Copy(&plain, r); err != nil || plain.Len() == 0 {
			t.Errorf("%s: unpack: %v", path, err)
		}
	}
	goal.Exact(t, "web.overview-kb", float64(total)/1000, "kB", 45)
	if requests > 8 {
		t.Errorf("first load: got %d requests, want at most 8", requests)
	}
	if resp, _ := s.get(t, "/api/v1/wells", "Accept-Encoding", "identity"); resp.Header.Get("Content-Encoding") != "" || resp.StatusCode != http.StatusOK {
		t.Error("compressed for a client that does not ask for it")
	}
}

// tokens gives the colours of a theme by name.
func tokens(t *testing.T, css, selector string) map[string]string {
	t.Helper()
	start := strings.Index(css, selector+"{")
	if start < 0 {
		t.Fatalf("tokens.css has no %s", selector)
	}
	block := css[start : start+strings.Index(css[start:], "}")]
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+):(#[0-9a-f]{6})`).FindAllStringSubmatch(block, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// luminance is WCAG's relative luminance of a colour #rrggbb.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	v, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	channel := func(shift uint) float64 {
		c := float64(v>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

func TestContrast(t *testing.T) {
	css, err := fs.ReadFile(ui.Files(), "static/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	pairs := []struct {
		text, on string
		need     float64
	}{
		{"ink", "surface", 7},
		{"ink", "bg", 7},
		{"ink", "inset", 7},
		{"ink-2", "surface", 7},
		{"ink-2", "bg", 4.5},
		{"ink-2", "inset", 4.5},
		{"accent", "surface", 4.5},
		{"on-accent", "accent", 7},
		{"accent", "accent-soft", 4.5},
		{"ink", "accent-soft", 7},
		{"p1-ink", "p1", 4.5},
		{"p2-ink", "p2", 7},
		{"p3-ink", "p3", 4.5},
		{"ink", "p1-soft", 7},
		{"ink", "p2-soft", 7},
		{"ink", "p3-soft", 7},
		{"ink-2", "p1-soft", 4.5},
		{"ink-2", "p2-soft", 4.5},
		{"ink-2", "p3-soft", 4.5},
		{"p1", "surface", 3},
		{"p3", "surface", 3},
		{"edge", "surface", 3},
		{"edge", "bg", 3},
		{"ptr", "band", 4.5},
		{"limit", "track", 3},
		{"eq-line", "eq", 3},
		{"eq-line", "surface", 3},
		{"surface", "ink", 7},
		{"t1", "surface", 4.5},
		{"t2", "surface", 4.5},
		{"t3", "surface", 4.5},
		{"t4", "surface", 4.5},
	}
	for _, theme := range []string{":root", ":root[data-theme=dark]"} {
		c := tokens(t, string(css), theme)
		for _, p := range pairs {
			if c[p.text] == "" || c[p.on] == "" {
				t.Errorf("%s: --%s or --%s is missing", theme, p.text, p.on)
				continue
			}
			a, b := luminance(t, c[p.text]), luminance(t, c[p.on])
			if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < p.need {
				t.Errorf("%s: --%s on --%s: got %.2f:1, want %s:1", theme, p.text, p.on, got, fmt.Sprint(p.need))
			}
		}
	}
}
