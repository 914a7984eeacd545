package diagnosis_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The whole story of a gas lock as it is told, to the byte.
func TestGoldenGasLock(t *testing.T) {
	st := newStream(t, 11, columns, until(lock, begin+50*time.Minute))
	r := run(st, diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts)), begin+90*time.Minute)
	got := mustJSON(t, map[string]any{"events": r.events, "diagnoses": r.found}) + "\n"
	name := filepath.Join("testdata", "gas-lock.golden.json")
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("story changed; look at it, then run with -update (-want +got):\n%s", d)
	}
}
