package tap_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/tap"
)

var update = flag.Bool("update", false, "write the tables of docs/tap.md")

// ourRegisters reads registers of our own as a master does.
func ourRegisters(t *testing.T, b *tap.Board, first, quantity uint16) []uint16 {
	t.Helper()
	server, w := serve(t, settings(nil))
	server.Publish(b)
	pdu := binary.BigEndian.AppendUint16([]byte{3}, first)
	got := ask(t, w.dial(t, here), 247, binary.BigEndian.AppendUint16(pdu, quantity)...)
	if got[0] != 3 {
		t.Fatalf("answer % x", got)
	}
	words := make([]uint16, quantity)
	for i := range words {
		words[i] = binary.BigEndian.Uint16(got[2+2*i:])
	}
	return words
}

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &tap.Board{
			Heartbeat: 65535, Health: tap.HealthDegraded, Conditions: 3, Time: time.Unix(0x12345678, 0),
			Uplink: &tap.Uplink{Scans: 0x10002, Records: 1 << 40, Oldest: 90 * time.Minute, Failing: true},
			Wells: []tap.Well{
				{ID: "A", Scan: -1, Drive: -1, Gauge: -1},
				{
					ID: "RB-114", State: esp.Tripped, Since: 20 * time.Hour,
					Findings: []tap.Finding{
						{ID: esp.GasLock, Severity: esp.SeverityNow, Confidence: esp.Possible, Open: 70 * time.Second},
						{ID: esp.GaugeFault, Severity: esp.SeverityPlan, Confidence: esp.Likely},
					},
					Alarms: []tap.Alarm{
						{Priority: 1, Present: true, Unacknowledged: true, Diagnosis: esp.GasLock},
						{Priority: 3, Present: true, Diagnosis: esp.GaugeFault},
						{Priority: 1, Present: true, Diagnosis: esp.CommunicationLost},
						{Priority: 2, Present: true, Limit: 18},
						{Priority: 2, Present: true, Limit: 1},
						{Priority: 2, Unacknowledged: true, Limit: 2}, // has gone
						{Priority: 3, Present: true, Diagnosis: "unheard_of"},
						{Priority: 2, Present: true, Limit: 33},
					},
					Scans: 1<<32 + 0x50006, Scan: 999 * time.Millisecond, Drive: 2 * time.Second, Gauge: 20 * time.Hour, GaugeHealth: tap.GaugeFaulty,
					Devices: []tap.DeviceState{{Unit: 1, Answers: true, Age: time.Second, Polls: 0x10005}, {Unit: 10, Age: -1}},
				},
			},
		}
		head := ourRegisters(t, b, 0, 16)
		if diff := cmp.Diff([]uint16{1, 65535, 1, 3, 2, 100, 100, 2, 1, 2, 65535, 65535, 0, 5400, 0x1234, 0x5678}, head); diff != "" {
			t.Errorf("appliance (-want +got):\n%s", diff)
		}
		first := ourRegisters(t, b, 100, 26)
		want := make([]uint16, 26)
		want[19], want[20], want[21] = 65535, 65535, 65535
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("a well of which nothing is known (-want +got):\n%s", diff)
		}
		second := ourRegisters(t, b, 200, 26)
		want = []uint16{
			6, 1, 6464, 2, 1, 2, 0, 70, 2, 2, 3, 2, 2,
			1 << 1, 1 << (29 - 17), 1 << (36 - 33), 0, 1 << 1, 1 << 0, 0, 2, 65535, 2, 5, 6, 2,
		}
		if diff := cmp.Diff(want, second); diff != "" {
			t.Errorf("well (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]uint16{1, 1, 1, 5, 10, 0, 65535, 0, 0, 0}, ourRegisters(t, b, 232, 10)); diff != "" {
			t.Errorf("devices (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]uint16{'R'<<8 | 'B', '-'<<8 | '1', '1'<<8 | '4', 0}, ourRegisters(t, b, 264, 4)); diff != "" {
			t.Errorf("id (-want +got):\n%s", diff)
		}
	})
}

// No register stands in the place of another, and none beyond its well.
func TestRegistersDoNotOverlap(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]tap.Row{
		"appliance": tap.HeadRows(), "well": append(tap.WellRows(), tap.Row{At: 64, Size: 32, Name: "id"}),
	} {
		var taken [100]string
		for _, r := range rows {
			for i := r.At; i < r.At+r.Size; i++ {
				if i >= len(taken) || taken[i] != "" {
					t.Fatalf("%s: %s stands at %d, where there is %q", name, r.Name, i, taken[i])
				}
				taken[i] = r.Name
			}
		}
	}
}

// The numbers are in the tables of SCADA systems: one that was given stays.
func TestNumbersStay(t *testing.T) {
	t.Parallel()
	given := strings.Fields(`gas_interference gas_lock pump_off low_intake_pressure broken_shaft pump_wear tubing_leak
		plugged_intake closed_valve scale viscosity_rise solids inflow_increase inflow_decrease back_pressure
		motor_overheating winding_rise insulation current_unbalance voltage_unbalance overload underload stall
		undervoltage power_dip power_fluctuation backspin excess_starts gauge_fault unstable_drive downthrust upthrust
		check_valve_leak reverse_rotation drive_fault communication_lost clock_fault`)
	for i, id := range given {
		if got := tap.Number(esp.DiagnosisID(id)); got != uint16(i+1) {
			t.Errorf("%s: number %d, want %d", id, got, i+1)
		}
	}
	if got := tap.Number("unheard_of"); got != 65535 {
		t.Errorf("an unknown diagnosis has number %d", got)
	}
	for n := range tap.Numbers() {
		if n < 1 || n > 64 {
			t.Errorf("number %d has no alarm bit", n)
		}
	}
	for _, id := range diagnoses(t) {
		if tap.Number(id) == 65535 {
			t.Errorf("%s has no number: append it to numbered, to this test and to docs/tap.md (-update)", id)
		}
	}
}

// diagnoses are the ids that package esp names.
func diagnoses(t *testing.T) []esp.DiagnosisID {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../appliance/esp/finding.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []esp.DiagnosisID
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "DiagnosisID" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, esp.DiagnosisID(text))
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("found %d diagnoses", len(all))
	}
	return all
}

// The tables of the document say what the code serves.
func TestDocument(t *testing.T) {
	t.Parallel()
	const page = "../../docs/tap.md"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	fresh := string(b)
	for name, table := range map[string]string{
		"appliance": registerTable(tap.HeadRows(), 0), "well": registerTable(tap.WellRows(), 100), "numbers": numberTable(),
	} {
		begin := "<!-- " + name + ": begin, made by go test ./modbus/tap -run Document -update -->\n"
		head, rest, ok := strings.Cut(fresh, begin)
		_, tail, ok2 := strings.Cut(rest, "<!-- "+name+": end -->\n")
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the table %s", page, name)
		}
		fresh = head + begin + table + "<!-- " + name + ": end -->\n" + tail
	}
	if *update {
		if err := os.WriteFile(page, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(fresh, string(b)); diff != "" {
		t.Errorf("%s is stale; run go test ./modbus/tap -run Document -update (-want +got):\n%s", page, diff)
	}
}

func registerTable(rows []tap.Row, base int) string {
	var out strings.Builder
	out.WriteString("| address | registers | name | meaning |\n|---|---|---|---|\n")
	for _, r := range rows {
		if strings.HasPrefix(r.Name, "device ") && r.At >= 36 {
			continue // like the first, at a distance
		}
		fmt.Fprintf(&out, "| %d | %d | %s | %s |\n", base+r.At, r.Size, r.Name, r.Meaning)
	}
	return out.String()
}

func numberTable() string {
	var out strings.Builder
	out.WriteString("| number | diagnosis | alarm bit |\n|---|---|---|\n")
	all := tap.Numbers()
	for _, n := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&out, "| %d | `%s` | %d of address %d |\n", n, all[n], (n-1)%16, 113+(n-1)/16)
	}
	return out.String()
}
