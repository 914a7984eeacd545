package profile_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

func mustShipped(tb testing.TB, id string) *profile.Profile {
	tb.Helper()
	path := filepath.Join("..", "..", "configs", "profiles", id+".yaml")
	body, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := profile.Parse(filepath.Base(path), body)
	if err != nil {
		tb.Fatalf("%s:\n%v", id, err)
	}
	return p
}

func shippedIDs(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "configs", "profiles", "*.yaml"))
	if err != nil || len(files) < 2 {
		tb.Fatalf("profiles: %v, %v", files, err)
	}
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = strings.TrimSuffix(filepath.Base(f), ".yaml")
	}
	return ids
}

func TestShippedProfilesLoad(t *testing.T) {
	for _, id := range shippedIDs(t) {
		t.Run(id, func(t *testing.T) {
			p := mustShipped(t, id)
			if p.ID != id {
				t.Errorf("id: got %q, want the file's name", p.ID)
			}
			if _, err := esp.NewLayout("w", p.Columns("d"), nil); err != nil {
				t.Errorf("layout: %v", err)
			}
		})
	}
}

// memory is a register image that Encode fills and Decode reads.
type memory map[[2]int]uint16

func (m memory) set(fc uint8, wire, word uint16) { m[[2]int{int(fc), int(wire)}] = word }

func (m memory) words(fc uint8, wire uint16) (uint16, esp.Reason) {
	w, ok := m[[2]int{int(fc), int(wire)}]
	if !ok {
		return 0, esp.Timeout
	}
	return w, esp.NoReason
}

// Every signal of the simulated devices must come back as it went in, to within the
// step of its register.
func TestShippedProfilesRoundTrip(t *testing.T) {
	for _, id := range shippedIDs(t) {
		t.Run(id, func(t *testing.T) {
			p := mustShipped(t, id)
			want := map[string]float64{}
			for i := range p.Points {
				point := &p.Points[i]
				v := 17.0
				if !math.IsNaN(point.High) {
					v = min(point.High*0.4, max(point.Low, 100))
				}
				if point.Enum != nil || point.Name == "warning" || point.Name == "status_word" {
					v = 0
				}
				want[point.Name] = v
			}
			want["run_state"] = float64(esp.Running)
			image := memory{}
			p.Encode(func(name string) (float64, bool) { v, ok := want[name]; return v, ok }, image.set)
			got := make([]esp.Reading, len(p.Points))
			p.Decode(image.words, got)
			for i := range p.Points {
				point := &p.Points[i]
				if point.Name == "status_word" { // holds the bits of run_state
					continue
				}
				step := math.Abs(point.Scale.Apply(1) - point.Scale.Apply(0))
				if got[i].Quality != esp.Good || math.Abs(got[i].Value-want[point.Name]) > max(step, 1e-4) {
					t.Errorf("%s: got %v %s, want %v", point.Name, got[i].Value, got[i].Quality, want[point.Name])
				}
			}
		})
	}
}

func TestSimulatedWellHasEnoughSignals(t *testing.T) {
	canonical := 0
	for _, id := range []string{"simulated-drive", "simulated-gauge"} {
		for _, c := range mustShipped(t, id).Columns("d") {
			if c.Signal != 0 {
				canonical++
			}
		}
	}
	if canonical < 36 {
		t.Errorf("canonical signals: got %d, want at least 36", canonical)
	}
}

// Every example of the manual is a profile that loads.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "profiles.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(text), "```yaml\n")[1:]
	if len(examples) < 2 {
		t.Fatalf("examples: got %d", len(examples))
	}
	for i, e := range examples {
		body, _, _ := strings.Cut(e, "```")
		p, err := profile.Parse("docs/profiles.md", []byte(body))
		if err != nil {
			t.Errorf("example %d:\n%v", i+1, err)
			continue
		}
		if _, err := esp.NewLayout("w", p.Columns("d"), nil); err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
	}
}
