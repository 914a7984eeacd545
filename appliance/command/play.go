package command

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

// play is what happens to the simulated well, as demo and simulate are told.
type play struct {
	scenario    string
	since       time.Duration // before now; 0: the scenario's own
	seed        uint64
	gauge, link []string
}

func (p *play) flags(f *pflag.FlagSet) {
	f.StringVar(&p.scenario, "scenario", "normal", "what happens to the well: "+scenarioNames())
	f.DurationVar(&p.since, "since", 0, "how long before now it began (default: the scenario's own)")
	f.StringSliceVar(&p.gauge, "gauge-fault", nil, "fault of the gauge as `NAME[@AGO][+LASTS]`, repeatable: "+gaugeFaultNames())
	f.StringSliceVar(&p.link, "link-fault", nil, "fault of the line as `NAME[@AGO][+LASTS][:UNIT]`, repeatable: "+linkFaultNames())
	f.Uint64Var(&p.seed, "seed", 1, "seed of everything random")
}

// config says which well to simulate from start on, as seen from now.
func (p *play) config(start, now time.Time) (sim.Config, error) {
	scenario, ok := sim.Find(p.scenario)
	if !ok {
		return sim.Config{}, usageError{fmt.Errorf("no scenario %q; there are %s", p.scenario, scenarioNames())}
	}
	if p.since < 0 {
		return sim.Config{}, usageError{errors.New("--since must be positive: it counts back from now")}
	}
	c := sim.Config{Seed: p.seed, Start: start, Scenario: scenario, Onset: now.Add(-cmp.Or(p.since, scenario.Since))}
	for _, s := range p.gauge {
		at, err := parseFaultAt(s)
		if err != nil {
			return sim.Config{}, usageError{fmt.Errorf("--gauge-fault %s: %w", s, err)}
		}
		fault, ok := sim.FindGaugeFault(at.name)
		switch {
		case !ok:
			return sim.Config{}, usageError{fmt.Errorf("--gauge-fault: no fault %q; there are %s", at.name, gaugeFaultNames())}
		case at.unit != 0:
			return sim.Config{}, usageError{fmt.Errorf("--gauge-fault %s: there is one gauge; leave out the unit", s)}
		}
		c.GaugeFaults = append(c.GaugeFaults, sim.GaugeFaultAt{Fault: fault, Onset: at.onset(now, fault.Since), Lasts: at.lasts})
	}
	for _, s := range p.link {
		at, err := parseFaultAt(s)
		if err != nil {
			return sim.Config{}, usageError{fmt.Errorf("--link-fault %s: %w", s, err)}
		}
		fault, ok := sim.FindLinkFault(at.name)
		if !ok {
			return sim.Config{}, usageError{fmt.Errorf("--link-fault: no fault %q; there are %s", at.name, linkFaultNames())}
		}
		fault.Unit = cmp.Or(at.unit, fault.Unit)
		c.LinkFaults = append(c.LinkFaults, sim.LinkFaultAt{Fault: fault, Onset: at.onset(now, fault.Since), Lasts: at.lasts})
	}
	return c, nil
}

// faultAt is a fault on the command line: NAME[@AGO][+LASTS][:UNIT].
type faultAt struct {
	name  string
	ago   time.Duration // negative: it begins later
	timed bool          // ago was given
	lasts time.Duration // 0: for good
	unit  uint8         // 0: the fault's own
}

func (a *faultAt) onset(now time.Time, usual time.Duration) time.Time {
	if a.timed {
		return now.Add(-a.ago)
	}
	return now.Add(-usual)
}

func parseFaultAt(s string) (a faultAt, err error) {
	rest, unit, hasUnit := strings.Cut(s, ":")
	if hasUnit {
		n, err := strconv.ParseUint(unit, 10, 8)
		if err != nil || n != sim.DriveUnit && n != sim.GaugeUnit {
			return a, fmt.Errorf("unit %q after the colon: the drive is %d, the gauge %d", unit, sim.DriveUnit, sim.GaugeUnit)
		}
		a.unit = uint8(n)
	}
	rest, lasts, hasLasts := strings.Cut(rest, "+")
	if hasLasts {
		if a.lasts, err = time.ParseDuration(lasts); err != nil || a.lasts < time.Second {
			return a, fmt.Errorf("duration %q after the plus: want a second or more, for example 90s or 10m", lasts)
		}
	}
	a.name, rest, a.timed = strings.Cut(rest, "@")
	if a.timed {
		if a.ago, err = time.ParseDuration(rest); err != nil {
			return a, fmt.Errorf("time %q after the @: want how long ago it began, for example 30m, or -1m for in a minute", rest)
		}
	}
	return a, nil
}

func scenarioNames() string {
	return names(sim.Scenarios(), func(s sim.Scenario) string { return s.Name })
}

func gaugeFaultNames() string {
	return names(sim.GaugeFaults(), func(f sim.GaugeFault) string { return f.Name })
}

func linkFaultNames() string {
	return names(sim.LinkFaults(), func(f sim.LinkFault) string { return f.Name })
}

func names[T any](all []T, name func(T) string) string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = name(one)
	}
	return strings.Join(list, ", ")
}

// playbook is everything that can happen to the simulated well.
type playbook struct {
	Scenarios   []listedScenario `json:"scenarios"`
	GaugeFaults []listedFault    `json:"gauge_faults"`
	LinkFaults  []listedFault    `json:"link_faults"`
}

type listedScenario struct {
	Name       string            `json:"name"`
	Title      string            `json:"title"`
	Since      int64             `json:"since_s"`   // seconds before now
	History    int64             `json:"history_s"` // of the past that demo fills
	Expect     []esp.DiagnosisID `json:"expect"`    // first the one that stands above all others
	NearMisses []esp.DiagnosisID `json:"near_misses"`
}

type listedFault struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Since int64  `json:"since_s"`
	Unit  uint8  `json:"unit,omitempty"`
	Shows string `json:"shows"`
}

func newPlaybook() playbook {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	var b playbook
	for _, s := range sim.Scenarios() {
		b.Scenarios = append(b.Scenarios, listedScenario{
			Name: s.Name, Title: s.Title, Since: seconds(s.Since), History: seconds(cmp.Or(s.History, usualHistory)),
			Expect: append([]esp.DiagnosisID{}, s.Expect...), NearMisses: append([]esp.DiagnosisID{}, s.NearMisses...),
		})
	}
	for _, f := range sim.GaugeFaults() {
		b.GaugeFaults = append(b.GaugeFaults, listedFault{Name: f.Name, Title: f.Title, Since: seconds(f.Since), Shows: f.Shows})
	}
	for _, f := range sim.LinkFaults() {
		b.LinkFaults = append(b.LinkFaults, listedFault{Name: f.Name, Title: f.Title, Since: seconds(f.Since), Unit: f.Unit, Shows: f.Effect()})
	}
	return b
}

// list writes the playbook, as a table or as JSON.
func (b *playbook) list(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tBEGAN\tFOUND\tWHAT HAPPENS")
	for _, s := range b.Scenarios {
		found := "-"
		if len(s.Expect) > 0 {
			found = string(s.Expect[0])
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Name, ago(s.Since), found, s.Title)
	}
	for _, group := range []struct {
		title  string
		faults []listedFault
	}{{"GAUGE FAULT", b.GaugeFaults}, {"LINK FAULT", b.LinkFaults}} {
		fmt.Fprintf(t, "\n%s\tBEGAN\tWHAT HAPPENS\n", group.title)
		for _, f := range group.faults {
			fmt.Fprintf(t, "%s\t%s\t%s: %s\n", f.Name, ago(f.Since), f.Title, f.Shows)
		}
	}
	return t.Flush()
}

// ago is a time before now, in the shortest words.
func ago(seconds int64) string {
	switch {
	case seconds == 0:
		return "-"
	case seconds%3600 == 0:
		return fmt.Sprintf("%d h ago", seconds/3600)
	}
	return fmt.Sprintf("%d min ago", seconds/60)
}
