package profile_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cmpdiff "github.com/google/go-cmp/cmp"

	"wellkeeper.internal/modbus/profile"
)

var update = flag.Bool("update", false, "rewrite docs/devices.md")

// notes is the comment at the head of a profile: what people must know of it.
type notes struct {
	title                    string
	verified, open, warnings []string
}

// readNotes reads the comment lines before the first key. A line that begins with
// Verified:, Open: or Warning: is a note of its own; what stands before is the title.
func readNotes(file string) notes {
	var n notes
	for line := range strings.Lines(file) {
		text, comment := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !comment {
			break
		}
		text = strings.TrimSpace(text)
		switch key, rest, _ := strings.Cut(text, ": "); key {
		case "Verified":
			n.verified = append(n.verified, rest)
		case "Open":
			n.open = append(n.open, rest)
		case "Warning":
			n.warnings = append(n.warnings, rest)
		default:
			n.title = strings.TrimSpace(n.title + " " + text)
		}
	}
	return n
}

// The page for people is made from the profiles.
func TestDevicesDocument(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "devices.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := string(b)
	table, sections := devicePage(t)
	want := between(t, between(t, old, "table", table), "devices", sections)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmpdiff.Diff(old, want); d != "" {
		t.Errorf("%s is not what the profiles say; run: go test ./modbus/profile -run Devices -update (-page +profiles):\n%s", file, d)
	}
}

// between puts text between the marks of a document.
func between(t *testing.T, document, mark, text string) string {
	t.Helper()
	begin, end := strings.Index(document, "<!-- "+mark+": begin"), strings.Index(document, "<!-- "+mark+": end")
	if begin < 0 || end < begin {
		t.Fatalf("the document has no marks for %s", mark)
	}
	head := begin + strings.Index(document[begin:], "\n") + 1
	return document[:head] + text + document[end:]
}

func devicePage(t *testing.T) (table, sections string) {
	t.Helper()
	var profiles []*profile.Profile
	for _, id := range shippedIDs(t) {
		if !simulated(id) {
			profiles = append(profiles, mustShipped(t, id))
		}
	}
	slices.SortFunc(profiles, func(a, b *profile.Profile) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.ID, b.ID))
	})
	var rows, text strings.Builder
	rows.WriteString("| `profile` | device | kind | state | first document |\n|---|---|---|---|---|\n")
	for _, p := range profiles {
		fmt.Fprintf(&rows, "| [`%s`](#%s) | %s %s | %s | %s | %s |\n",
			p.ID, strings.ReplaceAll(p.ID, ".", ""), p.Vendor, p.Model, p.Kind, stateWord(p.Verified), document(p.Sources[0]))
		text.WriteString(section(p, readNotes(mustShippedFile(t, p.ID))))
	}
	return rows.String(), text.String()
}

func kindOrder(kind string) int {
	return slices.Index([]string{"gauge", "controller", "drive", "softstarter", "protector"}, kind)
}

func stateWord(verified string) string {
	if verified == "draft" {
		return "**draft**"
	}
	return verified
}

// document names a source with its issue and date.
func document(s profile.Source) string {
	text := s.Doc
	if s.Issue != "" {
		text += ", issue " + s.Issue
	}
	if s.Date != "" {
		text += ", " + s.Date
	}
	return text
}

func section(p *profile.Profile, n notes) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", p.ID)
	if p.Verified == "draft" {
		b.WriteString("**Draft: compare every value with the panel of the device before you use it.** ")
	}
	fmt.Fprintf(&b, "%s\n\n", n.title)
	list := func(head string, texts []string) {
		for _, text := range texts {
			fmt.Fprintf(&b, "- %s: %s\n", head, text)
		}
	}
	list("Verified", n.verified)
	list("Open", n.open)
	list("**Warning**", n.warnings)
	fmt.Fprintf(&b, "- Compare at the panel: %s.\n", code(p.Checks))
	fmt.Fprintf(&b, "- Link: %s.\n", linkText(p.Link))
	if p.Firmware.Min != "" || p.Firmware.Note != "" {
		fmt.Fprintf(&b, "- Firmware: %s.\n", strings.TrimPrefix(join("; ", from(p.Firmware.Min), p.Firmware.Note), "; "))
	}
	for _, s := range p.Sources {
		fmt.Fprintf(&b, "- Source: %s.\n", join(", ", document(s), pages(s.Pages), s.Ref, seen(s.Seen)))
	}
	b.WriteString("\n")
	return b.String()
}

func from(version string) string {
	if version == "" {
		return ""
	}
	return "from " + version
}

func pages(numbers string) string {
	if numbers == "" {
		return ""
	}
	return "page " + numbers
}

func seen(how string) string {
	if how == "whole" {
		return "read whole"
	}
	return "read in excerpts"
}

func join(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}

func code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// linkText is what the profile sets of the link; the rest the site must say.
func linkText(l profile.Link) string {
	unit, line := "", ""
	if l.Unit != 0 {
		unit = fmt.Sprintf("unit %d", l.Unit)
	}
	if l.Baud != 0 {
		line = fmt.Sprintf("%d baud 8%s%d", l.Baud, l.Parity, l.StopBits)
	}
	given := join(", ", unit, line)
	if given == "" {
		given = "unit and line settings as set on the device"
	}
	return fmt.Sprintf("%s, at most %d registers in one request", given, l.MaxRegs)
}
