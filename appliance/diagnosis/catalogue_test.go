package diagnosis_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/modbus/sim"
)

// The catalogue for people is made from the rules.
func TestCatalogueDocument(t *testing.T) {
	const file = "../../docs/diagnosis.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := string(b)
	want := marked(t, old, "catalogue", diagnosis.CatalogueTable())
	want = marked(t, want, "roles", diagnosis.RoleTable())
	want = marked(t, want, "rules", diagnosis.RuleSections())
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(old, want); d != "" {
		t.Errorf("%s is not what the rules say; run: go test ./appliance/diagnosis -run Catalogue -update (-page +rules):\n%s", file, d)
	}
}

// marked puts text between the marks of a document.
func marked(t *testing.T, document, mark, text string) string {
	t.Helper()
	begin, end := strings.Index(document, "<!-- "+mark+": begin"), strings.Index(document, "<!-- "+mark+": end")
	if begin < 0 || end < begin {
		t.Fatalf("the document has no marks for %s", mark)
	}
	head := begin + strings.Index(document[begin:], "\n") + 1
	return document[:head] + text + document[end:]
}

// Every rule says what it says, where its limits come from and what to do first; what
// it calls a proof is one.
func TestCatalogueIsComplete(t *testing.T) {
	tests := mustTestNames(t)
	proof := regexp.MustCompile("`(Test[A-Za-z]+)`")
	for _, r := range diagnosis.Catalogue() {
		for what, text := range map[string]string{"title": r.Title, "sentence": r.Sentence, "source": r.Source} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", r.ID, what)
			}
		}
		if len(r.Steps) == 0 {
			t.Errorf("%s says nothing that one could do", r.ID)
		}
		for _, s := range r.Steps {
			if s.Text == "" || s.Who == "" {
				t.Errorf("%s: step %q is for %q", r.ID, s.Text, s.Who)
			}
		}
		if regexp.MustCompile(`\b[A-Z]{4,}\.md|DIAGNOSTICS|§|\{m\}`).MatchString(r.Source + r.Note) {
			t.Errorf("%s refers to what a reader does not have: %q", r.ID, r.Source)
		}
		proofs := proof.FindAllStringSubmatch(r.Source, -1)
		if len(proofs) == 0 {
			t.Errorf("%s names no test that proves its limits: %q", r.ID, r.Source)
		}
		for _, m := range proofs {
			if !tests[m[1]] {
				t.Errorf("%s: there is no test %s", r.ID, m[1])
			}
		}
	}
}

// mustTestNames are the tests of this package.
func mustTestNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(b), -1) {
			names[m[1]] = true
		}
	}
	return names
}

// What the simulator calls the diagnosis of a scenario stands in the catalogue.
func TestCatalogueHasTheScenarios(t *testing.T) {
	known := map[string]bool{}
	for _, r := range diagnosis.Catalogue() {
		known[string(r.ID)] = true
	}
	for _, sc := range sim.Scenarios() {
		for _, id := range sc.Expect {
			if !known[string(id)] {
				t.Errorf("scenario %s expects %s, which no rule finds", sc.Name, id)
			}
		}
	}
}

var (
	unsafeWord = regexp.MustCompile(`(?i)\bvent`)
	liveWork   = regexp.MustCompile(`(?i)\b(fuses|terminals|leads|junction|swap two phases|rotate|insulation|megger|transformer'?s? taps?|tap and all phases|star point|control part)\b`)
	hands      = regexp.MustCompile(`(?i)\b(check|measure|rotate|swap|disconnect|open|look at)\b`)
	lockout    = regexp.MustCompile(`(?i)isolated? and lock(ed)? out|from outside and without opening live parts`)
)

// Words that must never reach a technician, and work at cable and drive that must not
// begin before the lock-out.
func TestTextsAreSafe(t *testing.T) {
	for _, r := range diagnosis.Catalogue() {
		for _, s := range r.Texts {
			if unsafeWord.MatchString(s) {
				t.Errorf("%s says %q: gas may carry H2S", r.ID, s)
			}
		}
		for _, s := range r.Separate {
			if liveWork.MatchString(s) && !lockout.MatchString(s) {
				t.Errorf("%s: work without a lock-out: %q", r.ID, s)
			}
		}
		locked := false
		for _, s := range r.Steps {
			locked = locked || lockout.MatchString(s.Text)
			if work := liveWork.FindString(s.Text); work != "" && hands.MatchString(s.Text) && !locked {
				t.Errorf("%s: %q is before the lock-out: %q", r.ID, work, s.Text)
			}
		}
	}
}
