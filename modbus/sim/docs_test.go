package sim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/modbus/sim"
)

// The tables of docs/simulator.md have the rows of the data, in its order.
func TestDocsHaveTheTables(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	var want [][2]string // beginning and end
	for _, s := range sim.Scenarios() {
		found := "| |"
		if len(s.Expect) > 0 {
			found = fmt.Sprintf("| `%s` |", s.Expect[0])
		}
		want = append(want, [2]string{fmt.Sprintf("| `%s` |%s", s.Name, before(s.Since)), found})
	}
	for _, f := range sim.GaugeFaults() {
		want = append(want, [2]string{fmt.Sprintf("| `%s` |%s %s |", f.Name, before(f.Since), f.Shows), ""})
	}
	for _, f := range sim.LinkFaults() {
		want = append(want, [2]string{fmt.Sprintf("| `%s` | %s | %s | %s |", f.Name, f.Title, f.Over, f.Effect()), ""})
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, w := range want {
		if !strings.HasPrefix(rows[i], w[0]) || !strings.HasSuffix(rows[i], w[1]) {
			t.Errorf("row %d is\n%s\nwant it to begin with\n%s\nand to end with %q", i, rows[i], w[0], w[1])
		}
	}
}

// before is a time before now as a cell of the tables.
func before(d time.Duration) string {
	switch {
	case d == 0:
		return " |"
	case d%time.Hour == 0:
		return fmt.Sprintf(" %d h |", d/time.Hour)
	}
	return fmt.Sprintf(" %d min |", d/time.Minute)
}
