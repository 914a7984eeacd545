package sim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// TraceConfig says which well is written, over which time and how.
type TraceConfig struct {
	Name     esp.WellID // in the column well
	Seed     uint64
	Scenario Scenario
	Onset    time.Time // zero means From
	From, To time.Time // To is included where the period meets it
	Period   time.Duration
	// Signals to write, in this order; empty means all that the well has.
	Signals []string
	// Faults of gauge and line beside those of the scenario.
	GaugeFaults []GaugeFaultAt
	LinkFaults  []LinkFaultAt
	// Wide: one row per time and one column per signal, instead of one row per value.
	Wide bool
}

// traceTime is how times are written: UTC, as esp.Scan has them.
const traceTime = "2006-01-02T15:04:05.000Z"

// WriteTrace writes a well as CSV as fast as the machine goes: well, time, tag, value
// in long form, or well, time and one column per tag. A tag is the canonical signal
// with its unit, such as intake_pressure_kpa; a signal whose unit has no suffix is in
// its stored unit. A value that the well does not have, or that a link fault hides,
// is left out (long) or empty (wide).
func WriteTrace(ctx context.Context, out io.Writer, cfg TraceConfig) error {
	if cfg.Period < time.Second || cfg.Period%time.Second != 0 {
		return fmt.Errorf("trace period %v: want whole seconds", cfg.Period)
	}
	if cfg.To.Before(cfg.From) {
		return fmt.Errorf("trace ends %v before it begins %v", cfg.To, cfg.From)
	}
	onset := cfg.Onset
	if onset.IsZero() {
		onset = cfg.From
	}
	well, err := NewWell(Config{
		Seed: cfg.Seed, Start: cfg.From, Scenario: cfg.Scenario, Onset: onset,
		GaugeFaults: cfg.GaugeFaults, LinkFaults: cfg.LinkFaults,
	})
	if err != nil {
		return err
	}
	t, err := newTrace(out, &cfg, well)
	if err != nil {
		return err
	}
	for at := cfg.From; !at.After(cfg.To); at = at.Add(cfg.Period) {
		if err := ctx.Err(); err != nil {
			return err
		}
		well.Advance(at)
		if err := t.write(at); err != nil {
			return fmt.Errorf("write trace: %w", err)
		}
	}
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write trace: %w", err)
	}
	return nil
}

type trace struct {
	out     *bufio.Writer
	well    *Well
	name    string
	wide    bool
	columns []traceColumn
	row     []byte
}

type traceColumn struct {
	signal   esp.SignalID
	unit     uint8 // of the device that has it
	tag      string
	decimals int
}

func newTrace(out io.Writer, cfg *TraceConfig, well *Well) (*trace, error) {
	t := &trace{out: bufio.NewWriterSize(out, 1<<16), well: well, name: quoted(string(cfg.Name)), wide: cfg.Wide}
	for _, name := range cfg.Signals {
		id, ok := esp.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("trace: no signal %q", name)
		}
		t.add(id)
	}
	if len(cfg.Signals) == 0 {
		for i := range esp.Signals() {
			id := esp.Signals()[i].ID
			if !math.IsNaN(well.instrum.values[id]) {
				t.add(id)
			}
		}
	}
	header := "well,time,tag,value\n"
	if t.wide {
		header = "well,time"
		for _, c := range t.columns {
			header += "," + c.tag
		}
		header += "\n"
	}
	if _, err := t.out.WriteString(header); err != nil {
		return nil, fmt.Errorf("write trace: %w", err)
	}
	return t, nil
}

func (t *trace) add(id esp.SignalID) {
	info := id.Info()
	unit := uint8(DriveUnit)
	if info.Group == esp.GaugeGroup {
		unit = GaugeUnit
	}
	t.columns = append(t.columns, traceColumn{
		signal: id, unit: unit, tag: info.Name + suffix(info.Unit), decimals: max(int(info.Decimals), 0),
	})
}

// suffix is how recorded data name a unit.
func suffix(u esp.Unit) string {
	switch u {
	case esp.Hertz:
		return "_hz"
	case esp.Ampere:
		return "_a"
	case esp.Volt:
		return "_v"
	case esp.Kilowatt:
		return "_kw"
	case esp.KPa:
		return "_kpa"
	case esp.Celsius:
		return "_degc"
	case esp.Gravity:
		return "_g"
	case esp.Percent:
		return "_pct"
	default:
		return ""
	}
}

func (t *trace) write(at time.Time) error {
	begin := append(t.row[:0], t.name...)
	begin = append(begin, ',')
	begin = at.UTC().AppendFormat(begin, traceTime)
	row := begin
	faults := t.well.lines.now(t.well.now)
	for i := range t.columns {
		c := &t.columns[i]
		v, ok := t.well.reading(c.signal)
		ok = ok && lost(faults, c.unit) == esp.NoReason
		switch {
		case t.wide:
			row = append(row, ',')
			if ok {
				row = strconv.AppendFloat(row, v, 'f', c.decimals, 64)
			}
		case ok:
			row = append(row[:len(begin)], ',')
			row = append(row, c.tag...)
			row = append(row, ',')
			row = strconv.AppendFloat(row, v, 'f', c.decimals, 64)
			row = append(row, '\n')
			if _, err := t.out.Write(row); err != nil {
				return err
			}
		}
	}
	t.row = row
	if !t.wide {
		return nil
	}
	row = append(row, '\n')
	_, err := t.out.Write(row)
	t.row = row
	return err
}

// quoted is a CSV field, RFC 4180 §2.
func quoted(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
