package sim_test

import (
	"context"
	"encoding/csv"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/modbus/sim"
)

func mustTrace(t *testing.T, cfg sim.TraceConfig) [][]string {
	t.Helper()
	var out strings.Builder
	if err := sim.WriteTrace(t.Context(), &out, cfg); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func traceConfig(t *testing.T) sim.TraceConfig {
	t.Helper()
	return sim.TraceConfig{
		Name: "RB-114", Seed: 3, Scenario: mustFind(t, "gas-lock"), From: start, To: start.Add(time.Hour), Period: 10 * time.Second,
	}
}

func TestTraceInBothForms(t *testing.T) {
	t.Parallel()
	cfg := traceConfig(t)
	cfg.Signals = []string{"intake_pressure", "motor_current", "run_state"}
	long := mustTrace(t, cfg)
	cfg.Wide = true
	wide := mustTrace(t, cfg)

	if got, want := strings.Join(long[0], " "), "well time tag value"; got != want {
		t.Errorf("long header %q", got)
	}
	if got, want := strings.Join(wide[0], " "), "well time intake_pressure_kpa motor_current_a run_state"; got != want {
		t.Errorf("wide header %q, want %q", got, want)
	}
	if len(wide) != 1+361 || len(long) != 1+3*361 {
		t.Fatalf("%d wide and %d long rows", len(wide), len(long))
	}
	w := mustWell(t, sim.Config{Seed: 3, Start: start, Scenario: cfg.Scenario, Onset: start})
	for i, row := range wide[1:] {
		at, err := time.Parse(time.RFC3339, row[1])
		if err != nil || !at.Equal(start.Add(time.Duration(i)*cfg.Period)) || row[0] != "RB-114" {
			t.Fatalf("row %d: %v, %v", i, row, err)
		}
		w.Advance(at)
		for k, name := range cfg.Signals {
			v, err := strconv.ParseFloat(row[2+k], 64)
			if err != nil || math.Abs(v-value(t, w, name)) > 0.06 {
				t.Fatalf("row %d: %s is %s, the well has %g", i, name, row[2+k], value(t, w, name))
			}
			if l := long[1+3*i+k]; l[1] != row[1] || l[2] != wide[0][2+k] || l[3] != row[2+k] {
				t.Fatalf("long row %v, wide row %v", l, row)
			}
		}
	}
}

func TestTraceOfEverything(t *testing.T) {
	t.Parallel()
	cfg := traceConfig(t)
	cfg.Name, cfg.Wide, cfg.Onset = `a "pad", north`, true, start.Add(-2*time.Hour)
	rows := mustTrace(t, cfg)
	if len(rows[0]) < 50 || rows[1][0] != string(cfg.Name) {
		t.Errorf("%d columns, well %q", len(rows[0]), rows[1][0])
	}
	cfg.Signals = []string{"gas_oil_ratio", "liquid_rate"}
	rows = mustTrace(t, cfg)
	empty := 0
	for _, r := range rows[1:] {
		if r[2] == "" {
			empty++
		}
		if r[2] == "NaN" {
			t.Fatal("a value that does not exist is written")
		}
	}
	cfg.Wide = false
	for _, r := range mustTrace(t, cfg)[1:] {
		if r[3] == "NaN" || r[3] == "" {
			t.Fatalf("a value that does not exist is written: %v", r)
		}
	}
	if empty == 0 { // locked since long: no liquid, no ratio
		t.Error("the gas-oil ratio is always there")
	}
}

func TestTraceRefusesWhatItCannotWrite(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*sim.TraceConfig){
		"unknown signal": func(c *sim.TraceConfig) { c.Signals = []string{"no_such_signal"} },
		"no period":      func(c *sim.TraceConfig) { c.Period = 0 },
		"half a second":  func(c *sim.TraceConfig) { c.Period = 500 * time.Millisecond },
		"ends before":    func(c *sim.TraceConfig) { c.To = c.From.Add(-time.Second) },
		"bad scenario":   func(c *sim.TraceConfig) { c.Scenario.Changes = []sim.Change{{Param: 200}} },
	} {
		cfg := traceConfig(t)
		spoil(&cfg)
		if err := sim.WriteTrace(t.Context(), &strings.Builder{}, cfg); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sim.WriteTrace(ctx, &strings.Builder{}, traceConfig(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	full := errors.New("no space")
	if err := sim.WriteTrace(t.Context(), brokenWriter{full}, traceConfig(t)); !errors.Is(err, full) {
		t.Errorf("full disk: %v", err)
	}
}

// A trace has what the registers would show: values of a broken gauge, and none of a
// device that does not answer.
func TestTraceHasTheFaults(t *testing.T) {
	t.Parallel()
	cfg := traceConfig(t)
	cfg.Signals = []string{"intake_pressure", "motor_current"}
	zero, _ := sim.FindGaugeFault("dead-zero")
	cfg.GaugeFaults = []sim.GaugeFaultAt{{Fault: zero, Onset: start.Add(20 * time.Minute)}}
	cfg.LinkFaults = []sim.LinkFaultAt{{Fault: mustLinkFault(t, "unit-lost"), Onset: start.Add(40 * time.Minute), Lasts: 10 * time.Minute}}
	cfg.Wide = true
	for i, row := range mustTrace(t, cfg)[1:] {
		after := time.Duration(i) * cfg.Period
		if dead := after >= 20*time.Minute; dead != (row[2] == "0.0") {
			t.Errorf("after %v: intake pressure %q", after, row[2])
		}
		if lost := after >= 40*time.Minute && after < 50*time.Minute; lost != (row[3] == "") {
			t.Errorf("after %v: motor current %q", after, row[3])
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }
