package esp_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"wellkeeper.internal/appliance/derive"
	"wellkeeper.internal/appliance/esp"
)

var update = flag.Bool("update", false, "rewrite docs/signals.md from the table")

// docs/signals.md is generated from the table: this test keeps the two together.
func TestSignalsDocument(t *testing.T) {
	const file = "../../docs/signals.md"
	want := signalsDocument()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table says; run: go test ./appliance/esp -run SignalsDocument -update", file)
	}
}

func signalsDocument() string {
	kinds := map[esp.Kind]string{esp.Analog: "measured", esp.Counter: "counter", esp.Status: "status", esp.Derived: "computed"}
	var b strings.Builder
	b.WriteString(`# Signals

The canonical signals: their names in profiles, limits, the API and the central database, the unit in
which they are stored and forwarded, and the resolution of forwarding. A profile may read any unit that
converts to it (psi, bar, atm, °F, ft, bbl/d, …). The plausible range prompts a look at the decoding;
it is never a trip limit. This page is generated from the table in ` + "`appliance/esp/table.go`" + `.

`)
	b.WriteString("| name | meaning | unit | resolution | kind | plausible |\n|---|---|---|---|---|---|\n")
	group := esp.Group(255)
	for _, s := range esp.Signals() {
		if s.Group != group {
			group = s.Group
			fmt.Fprintf(&b, "| **%s** | | | | | |\n", group)
		}
		label := s.Label
		if s.Short != "" {
			label += " (" + s.Short + ")"
		}
		bounds := ""
		if s.Bounded() {
			bounds = fmt.Sprintf("%g to %g", s.Min, s.Max)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %g | %s | %s |\n", s.Name, label, s.Unit, s.Resolution(), kinds[s.Kind], bounds)
	}
	b.WriteString(`
## Derived signals

What no device of a well reads is computed from what is read, where everything that it takes is there. It is
stored, shown and forwarded like a reading, with no device, and the page and the API mark it as computed.

| signal | formula | takes the fact | remark |
|---|---|---|---|
`)
	for _, d := range derive.All() {
		fact := ""
		if d.Fact != "" {
			fact = "`" + d.Fact + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Signal, d.Formula, fact, d.Note)
	}
	b.WriteString(`
- The facts stand in the [configuration](configuration.md) (` + "`facts`" + `) with their units. Without its fact a signal is not
  computed and not guessed; the API lists it under ` + "`not_entered`" + `.
- The quality is the worst of the inputs'. What was lost, invalid or stale gives no value, with the reason of that input.
- It is computed when all its inputs are read in the same scan; a value of a slow device is not carried on to the next
  readings of a fast one.
- The uncertainty that the API gives (` + "`derived.uncertainty`" + `, in the unit of the signal) is what half a step of each
  input, as its register counts, does to the value, with half a step of its own rounding. The accuracy of the
  instruments and of the facts comes on top and is not known to the appliance.
`)
	return b.String()
}
