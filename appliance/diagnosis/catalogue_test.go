package diagnosis_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"wellkeeper.internal/appliance/diagnosis"
)

// The catalogue for people and the rule table say the same.
func TestCatalogueMatchesRules(t *testing.T) {
	body, err := os.ReadFile("../../docs/diagnosis.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	rows := 0
	for _, r := range diagnosis.Catalogue() {
		if row := fmt.Sprintf("| `%s` | %d | %s | %s |", r.ID, r.Version, r.Severity, r.Title); !strings.Contains(text, row) {
			t.Errorf("docs/diagnosis.md lacks the row %s", row)
		}
		_, section, ok := strings.Cut(text, "\n## "+string(r.ID)+"\n")
		if !ok {
			t.Errorf("docs/diagnosis.md has no section %s", r.ID)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, x := range r.Exclusions {
			if !strings.Contains(section, "`"+x+"`") {
				t.Errorf("section %s does not name the exclusion %s", r.ID, x)
			}
		}
		rows++
	}
	if n := len(regexp.MustCompile("(?m)^\\| `[a-z_]+` \\| \\d").FindAllString(text, -1)); n != rows {
		t.Errorf("docs/diagnosis.md lists %d rules, the table has %d", n, rows)
	}
}

// Words that must never reach a technician, and steps that must say who does them.
func TestTextsAreSafe(t *testing.T) {
	vent := regexp.MustCompile(`(?i)\bvent`)
	for _, r := range diagnosis.Catalogue() {
		for _, s := range r.Texts {
			if vent.MatchString(s) {
				t.Errorf("%s says %q: gas may carry H2S", r.ID, s)
			}
		}
	}
}
