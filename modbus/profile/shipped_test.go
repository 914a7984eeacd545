package profile_test

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

const profileFolder = "../../configs/profiles"

func mustShippedFile(tb testing.TB, id string) string {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join(filepath.FromSlash(profileFolder), id+".yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(body)
}

func mustShipped(tb testing.TB, id string) *profile.Profile {
	tb.Helper()
	p, err := profile.Parse(id+".yaml", []byte(mustShippedFile(tb, id)))
	if err != nil {
		tb.Fatalf("%s:\n%v", id, err)
	}
	return p
}

func shippedIDs(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(profileFolder), "*.yaml"))
	if err != nil || len(files) < 2 {
		tb.Fatalf("profiles: %v, %v", files, err)
	}
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = strings.TrimSuffix(filepath.Base(f), ".yaml")
	}
	return ids
}

// simulated says that the profile is of a device that exists in the simulator only.
func simulated(id string) bool { return strings.HasPrefix(id, "simulated-") }

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

// A profile says where its numbers come from, how far it can be trusted, what to
// compare at the panel, and shows each way of reading a register in an example.
func TestShippedProfilesSayWhatTheyRestOn(t *testing.T) {
	for _, id := range shippedIDs(t) {
		t.Run(id, func(t *testing.T) {
			p := mustShipped(t, id)
			if n := len(p.Checks); n < 2 || n > 4 {
				t.Errorf("checks: got %d, want two to four values that a panel shows", n)
			}
			if len(p.Sources) == 0 {
				t.Error("it names no source")
			}
			for _, s := range p.Sources {
				if s.Doc == "" || s.Seen == "" {
					t.Errorf("source %+v: give the document and how much of it was seen", s)
				}
			}
			checkVectors(t, p)
			if simulated(id) {
				return
			}
			notes := readNotes(mustShippedFile(t, id))
			if notes.title == "" || len(notes.verified) == 0 || len(notes.open) == 0 {
				t.Error("the comment at its head must say what the device is, and in lines \"Verified:\" and \"Open:\" what was checked and what was not")
			}
			checkConfidence(t, p)
		})
	}
}

// checkVectors wants an example for every type that the points use.
func checkVectors(t *testing.T, p *profile.Profile) {
	t.Helper()
	var file struct {
		Vectors []struct {
			Gives map[string]any `yaml:"gives"`
		} `yaml:"vectors"`
	}
	if err := yaml.Unmarshal([]byte(mustShippedFile(t, p.ID)), &file); err != nil {
		t.Fatal(err)
	}
	shown := map[profile.Type]bool{}
	for _, v := range file.Vectors {
		for name := range v.Gives {
			point, ok := p.Point(name)
			if !ok {
				t.Fatalf("vector of %q, which is no point", name)
			}
			shown[point.Type] = true
		}
	}
	missing := map[profile.Type]string{}
	for i := range p.Points {
		if typ := p.Points[i].Type; !shown[typ] {
			missing[typ] = p.Points[i].Name
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("no vector shows type %s (%s)", typ, missing[typ])
	}
}

// checkConfidence wants the letter of each row's source; rows from memory (M) stand
// in drafts alone, and of a drive's community map nothing else can come.
func checkConfidence(t *testing.T, p *profile.Profile) {
	t.Helper()
	for i := range p.Points {
		point := &p.Points[i]
		if point.Name == "run_state" || point.Name == "warning" || point.Name == "fault_code" {
			continue // of sections without the letter
		}
		if !strings.Contains("A B C D M", point.Confidence) || point.Confidence == "" {
			t.Errorf("%s: confidence %q, want A (vendor's text), B, C, D or M", point.Name, point.Confidence)
		}
		if point.Confidence == "M" && p.Verified != "draft" {
			t.Errorf("%s is from memory, so the profile is a draft, not %q", point.Name, p.Verified)
		}
		if strings.HasSuffix(point.Name, "_raw") && point.Signal != 0 {
			t.Errorf("%s is a count without a scale and must not be a signal", point.Name)
		}
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

// sharesWithState says that the point reads bits of the register from which run_state
// is derived: a simulator fills them with the state.
func sharesWithState(p *profile.Profile, point *profile.Point) bool {
	state, ok := p.Point("run_state")
	return ok && point.Name != "run_state" && point.FC == state.FC && point.Wire == state.Wire
}

// example is a value that the point's register can hold.
func example(point *profile.Point) float64 {
	v := 17.0
	if !math.IsNaN(point.High) {
		v = min(point.High*0.4, max(point.Low, 100))
	}
	if point.Enum != nil || point.Name == "warning" {
		return 0
	}
	top := 30000.0 // what every type of one register holds, but for bytes and fields
	if point.Mask != 0 {
		top = float64(point.Mask >> point.Shift)
	}
	if point.Type.Registers() == 1 {
		v = min(v, point.Scale.Apply(top))
	}
	return v
}

// Every signal must come back from a simulated device as it went in, to within the
// step of its register.
func TestShippedProfilesRoundTrip(t *testing.T) {
	for _, id := range shippedIDs(t) {
		t.Run(id, func(t *testing.T) {
			p := mustShipped(t, id)
			want := map[string]float64{}
			for i := range p.Points {
				if !sharesWithState(p, &p.Points[i]) {
					want[p.Points[i].Name] = example(&p.Points[i])
				}
			}
			want["run_state"] = float64(esp.Running)
			image := memory{}
			p.Encode(func(name string) (float64, bool) { v, ok := want[name]; return v, ok }, image.set)
			got := make([]esp.Reading, len(p.Points))
			p.Decode(image.words, got)
			for i := range p.Points {
				point := &p.Points[i]
				if sharesWithState(p, point) {
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
