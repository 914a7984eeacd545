package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// GateChecks names the gate's checks for mutation tests.
var GateChecks = map[string]check{
	"range": checkRange, "sentinel": checkSentinel, "doubled": checkDoubled, "frozen": checkFrozen,
	"packets": checkPackets, "rate": checkRate, "death": checkDeath,
}

// Without takes checks away from a gate.
func (g *Gate) Without(names ...string) *Gate {
	for _, n := range names {
		c, ok := GateChecks[n]
		if !ok {
			panic("no check " + n)
		}
		g.checks &^= c
	}
	return g
}

// Without takes parts away from the rule of an id: the name of an exclusion,
// "trigger 1", "own" or "after".
func (e *Engine) Without(id esp.DiagnosisID, parts ...string) *Engine {
	e.rules = slices.Clone(e.rules)
	for i := range e.rules {
		if e.rules[i].id != id {
			continue
		}
		for _, part := range parts {
			e.rules[i] = take(e.rules[i], part)
		}
	}
	return e
}

func take(r rule, part string) rule {
	if part == "after" {
		r.after = 0
		return r
	}
	if part == "own" {
		r.trigger = slices.Clone(r.trigger)
		for i := range r.trigger {
			r.trigger[i].own = false
		}
		return r
	}
	if n, ok := strings.CutPrefix(part, "trigger "); ok {
		i, err := strconv.Atoi(n)
		if err != nil {
			panic(err)
		}
		r.trigger = slices.Delete(slices.Clone(r.trigger), i, i+1)
		return r
	}
	for i := range r.exclude {
		if r.exclude[i].name == part {
			r.exclude = slices.Delete(slices.Clone(r.exclude), i, i+1)
			return r
		}
	}
	panic("no part " + part + " of " + string(r.id))
}

// Removable lists every part that a mutation test has to take away, as "id part".
func Removable() []string {
	var out []string
	for i := range rules {
		r := &rules[i]
		for k := range r.trigger[1:] {
			out = append(out, fmt.Sprintf("%s trigger %d", r.id, k+1))
		}
		if slices.ContainsFunc(r.trigger, func(c condition) bool { return c.own }) {
			out = append(out, string(r.id)+" own")
		}
		if r.after > 0 {
			out = append(out, string(r.id)+" after")
		}
		for k := range r.exclude {
			out = append(out, string(r.id)+" "+r.exclude[k].name)
		}
	}
	return out
}

// Learned tells how many ten-minute summaries count and how many still wait.
func (e *Engine) Learned() (counting, waiting int) { return e.slots.count, e.slots.waiting }

// RegimeSince is how long the engine believes to have seen one undisturbed regime.
func (e *Engine) RegimeSince() time.Duration {
	return time.Duration(e.now-e.machine.regimeAt) * time.Millisecond
}

// Median and Spread are the statistics under everything; they reorder a copy.
func Median(x ...float64) float64 { return median(slices.Clone(x)) }

// Spread is the scaled median absolute deviation about the median.
func Spread(x ...float64) float64 { return spread(slices.Clone(x), Median(x...)) }

// CatalogueRow is what the documentation has to say about a rule.
type CatalogueRow struct {
	ID                            esp.DiagnosisID
	Title, Sentence, Note, Source string
	Steps                         []esp.Step
	Separate                      []string // what tells it from what else it may be
	Texts                         []string // everything a person may read
}

// Catalogue is the rule table for the tests of what it says.
func Catalogue() []CatalogueRow {
	var out []CatalogueRow
	for i := range rules {
		r := &rules[i]
		row := CatalogueRow{ID: r.id, Title: r.title, Sentence: r.text, Note: r.note, Source: r.source, Steps: r.steps}
		row.Texts = []string{r.title, r.text, r.note, r.source, r.over, r.rested}
		for _, c := range slices.Concat(r.trigger, r.grave) {
			row.Texts = append(row.Texts, c.text)
		}
		for _, c := range r.confirm {
			row.Texts = append(row.Texts, c.text, c.against)
		}
		for _, x := range r.rivals {
			row.Separate = append(row.Separate, x.separate)
		}
		row.Texts = append(row.Texts, row.Separate...)
		for _, s := range r.steps {
			row.Texts = append(row.Texts, s.Text)
		}
		if r.id == esp.GaugeFault {
			for _, p := range slices.Sorted(maps.Keys(gaugeRemedies)) {
				row.Texts = append(row.Texts, gaugeRemedies[p].Text)
			}
		}
		out = append(out, row)
	}
	return out
}

// SlopeAndZ is the slope per step of numbers in order of time, and how sure it is.
func SlopeAndZ(x ...float64) (slope, z float64) {
	sc := newScratch()
	n := len(x)
	newest, at := make([]float64, n), make([]float64, n)
	for i := range x {
		newest[i], at[i] = x[n-1-i], float64(i)
	}
	return theilSen(&sc, newest, at), mannKendall(newest)
}
