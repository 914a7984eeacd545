package diagnosis_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/modbus/sim"
)

// The page of what is proven has a row for every rule and none for another; what it says
// a scenario of the simulated well shows, the scenario does show.
func TestValidationMatchesRules(t *testing.T) {
	body, err := os.ReadFile("../../docs/validation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(body), "\n## Rule by rule\n")
	if !ok {
		t.Fatal("docs/validation.md has no section Rule by rule")
	}
	shown := make(map[string]string) // scenarios of each rule
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|[^|\n]+\\|[^|\n]+\\|([^|\n]+)\\|[^|\n]+\\|$").FindAllStringSubmatch(table, -1) {
		if _, twice := shown[m[1]]; twice {
			t.Errorf("docs/validation.md has two rows for %s", m[1])
		}
		shown[m[1]] = m[2]
	}
	told, cells := 0, loadMatrix(t)
	for _, r := range diagnosis.Catalogue() {
		cell, ok := shown[string(r.ID)]
		if !ok {
			t.Errorf("docs/validation.md has no row for %s", r.ID)
			continue
		}
		delete(shown, string(r.ID))
		named := 0
		for _, sc := range sim.Scenarios() {
			shows := cells[sc.Name][r.ID]
			names := strings.Contains(cell, "`"+sc.Name+"`")
			switch {
			case names && shows != first && shows != must:
				t.Errorf("docs/validation.md says that %s shows %s", sc.Name, r.ID)
			case !names && (shows == first || shows == must):
				t.Errorf("docs/validation.md does not say that %s shows %s", sc.Name, r.ID)
			case names:
				named++
			}
		}
		if n := strings.Count(cell, "`") / 2; n != named {
			t.Errorf("docs/validation.md: %s names a scenario that is not there: %s", r.ID, cell)
		}
		told += named
	}
	for id := range shown {
		t.Errorf("docs/validation.md has a row for %s, which is no rule", id)
	}
	if told == 0 {
		t.Error("docs/validation.md names no scenario")
	}
}
