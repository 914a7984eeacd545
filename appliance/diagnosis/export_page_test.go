package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

var groupWords = [groupCount]string{groupGas: "gas", groupLift: "lift", groupInflow: "inflow"}

// CatalogueTable is the list of the rules in docs/diagnosis.md.
func CatalogueTable() string {
	var b strings.Builder
	b.WriteString("| Id | Version | Severity | Title |\n|---|---|---|---|\n")
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(&b, "| [`%s`](#%[1]s) | %d | %s | %s |\n", r.id, r.version, r.urgencies(), r.title)
	}
	return b.String()
}

// RoleTable says which signals stand for what the rules speak of, best first.
func RoleTable() string {
	var b strings.Builder
	b.WriteString("| In the rules | Signal, the best first |\n|---|---|\n")
	for r := range roleCount {
		if r == roleRunning {
			continue // the pump itself
		}
		var ids []string
		for _, id := range roleSignals[r] {
			ids = append(ids, "`"+id.String()+"`")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", roleWords[r], strings.Join(ids, ", "))
	}
	b.WriteString("\n| It is said | What is looked at |\n|---|---|\n")
	for _, m := range []measure{level, brief, swing, restless, change, shift, drift, trending, climb} {
		w := &measureWords[m]
		words := strings.NewReplacer("%s", "a value", "%l", "…").Replace(w.above)
		fmt.Fprintf(&b, "| %s | %s |\n", words, w.what)
	}
	return b.String()
}

// RuleSections are the sections of the rules in docs/diagnosis.md.
func RuleSections() string {
	var b strings.Builder
	for i := range rules {
		b.WriteString(rules[i].section())
	}
	return b.String()
}

func (r *rule) urgencies() string {
	if len(r.grave) == 0 {
		return string(r.severity)
	}
	return fmt.Sprintf("%s, then %s", r.severity, r.graver)
}

func (r *rule) section() string {
	var b strings.Builder
	paragraph := func(lines ...string) {
		if text := strings.Join(lines, ""); text != "" {
			b.WriteString(text + "\n\n")
		}
	}
	fmt.Fprintf(&b, "## %s\n\n", r.id)
	paragraph("**", r.title, "**, version ", fmt.Sprint(r.version), ". ", r.severityWords())
	paragraph("> ", placeholders.Replace(r.text))
	paragraph(r.note)
	paragraph(r.needWords())
	paragraph(r.foundWords())
	paragraph(r.confirmTable())
	paragraph(r.excludeList())
	paragraph(r.rivalList())
	paragraph(r.otherWords())
	paragraph(r.endWords())
	paragraph(r.stepList())
	paragraph("**Source:** ", r.source, ".")
	paragraph(r.recordWords())
	return b.String()
}

var placeholders = strings.NewReplacer("{value}", "*value*", "{usual}", "*usual*", "{limit}", "*limit*",
	"{rated}", "*nameplate*", "{percent}", "*percent*", "{by}", "*value*", "{since}", "*reference*")

func (r *rule) severityWords() string {
	s := "Severity **" + string(r.severity) + "**"
	if len(r.grave) > 0 {
		var either []string
		for i := range r.grave {
			either = append(either, r.grave[i].say())
		}
		s += fmt.Sprintf("; **%s** where %s", r.graver, strings.Join(either, ", or "))
	}
	return s + "."
}

// needWords say what a rule looks at, and when.
func (r *rule) needWords() string {
	var needs []string
	for n := range (*Engine)(nil).required(r) {
		needs = appendOnce(needs, roleWords[n])
	}
	for i := range r.trigger {
		if c := &r.trigger[i]; c.rated != 0 || c.feature.measure == stalled {
			needs = appendOnce(needs, "the motor's nameplate current")
		}
	}
	var s []string
	if len(needs) > 0 {
		s = append(s, "**Needs** "+listOf(needs)+".")
	}
	if r.history > 0 {
		s = append(s, fmt.Sprintf("The well has to be known for %s.", esp.Span(r.history)))
	}
	when := ""
	if r.turning {
		when = "Looked for while the pump turns"
		if r.after > 0 {
			when += ", not within " + esp.Span(r.after) + " of a start or a change of speed"
		}
	}
	if when != "" {
		s = append(s, when+".")
	}
	return strings.Join(s, " ")
}

func (r *rule) foundWords() string {
	how := ""
	if r.hold > 0 {
		how = ", for " + esp.Span(r.hold)
	}
	tail := ""
	if len(r.witnesses) > 0 {
		var w []string
		for _, x := range r.witnesses {
			w = append(w, roleWords[x])
		}
		tail = fmt.Sprintf("\n\nMeanwhile %s must have been read again where the well has it: a pump that has just stopped looks alike until its drive is polled.", listOf(w))
	}
	if len(r.trigger) == 1 {
		return fmt.Sprintf("**Found by:** %s%s.%s", r.trigger[0].say(), how, tail)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**Found by** all of these together%s:\n\n", how)
	for i := range r.trigger {
		fmt.Fprintf(&b, "- %s\n", r.trigger[i].say())
	}
	return strings.TrimSuffix(b.String(), "\n") + tail
}

func (r *rule) confirmTable() string {
	if len(r.confirm) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| Confirmed by | Weight | Said against it where it is not so |\n|---|---|---|\n")
	for i := range r.confirm {
		c := &r.confirm[i]
		weight := plain(c.weight)
		if c.key {
			weight += ", key"
		}
		against := c.against
		if against == "" {
			against = "nothing"
		}
		if c.bonus {
			weight += ", only where it is so"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.say(), weight, against)
	}
	if r.confirmed > 0 {
		fmt.Fprintf(&b, "\nAt least %s of the weight that can be seen has to speak for it.", percentOf(r.confirmed))
	} else {
		b.WriteString("\nIt is told without them too.")
	}
	return b.String()
}

func (r *rule) excludeList() string {
	if len(r.exclude) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**Not `%s` where**\n", r.id)
	for i := range r.exclude {
		fmt.Fprintf(&b, "\n- `%s`: %s", r.exclude[i].name, sayAll(r.exclude[i].all))
	}
	return b.String()
}

func (r *rule) rivalList() string {
	if len(r.rivals) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("**It may also be**\n")
	for i := range r.rivals {
		x := &r.rivals[i]
		fmt.Fprintf(&b, "\n- `%s`", x.id)
		if len(x.unless) > 0 {
			var either []string
			for k := range x.unless {
				either = append(either, x.unless[k].say())
			}
			fmt.Fprintf(&b, ", unless %s", strings.Join(either, ", or "))
		}
		fmt.Fprintf(&b, ". To tell them apart: %s", lowerFirst(x.separate))
	}
	return b.String()
}

// otherWords say which of several findings is told.
func (r *rule) otherWords() string {
	var s []string
	if r.group != alone {
		var over, under []string
		for i := range rules {
			switch o := &rules[i]; {
			case o.group != r.group || o.id == r.id:
			case o.rank > r.rank:
				under = append(under, "`"+string(o.id)+"`")
			default:
				over = append(over, "`"+string(o.id)+"`")
			}
		}
		if len(under) > 0 {
			s = append(s, "gives way to "+listOf(under))
		}
		if len(over) > 0 {
			s = append(s, "is told in place of "+listOf(over))
		}
		s = []string{"in the group *" + groupWords[r.group] + "* it " + strings.Join(s, " and ")}
	}
	if len(r.yields) > 0 {
		var ids []string
		for _, id := range r.yields {
			ids = append(ids, "`"+string(id)+"`")
		}
		words := "it is not told, and ends, while one of these explains it: " + strings.Join(ids, ", ")
		if len(r.awaits) > 0 {
			words += "; where one that would is about to be raised it is waited for, once and as long as that one holds"
		}
		s = append(s, words)
	}
	if len(s) == 0 {
		return ""
	}
	return "**One cause, one finding:** " + strings.Join(s, "; ") + "."
}

func (r *rule) endWords() string {
	s := "**It began** " + r.onsetWords() + ". **It stays** while " + sayAll(r.stay)
	if r.release > 0 {
		s += "; it ends " + esp.Span(r.release) + " after that is over"
	}
	s += "."
	if r.over != "" {
		s += " It ends with the words “" + r.over + "”"
	}
	if r.turning {
		rests := spanOf(float64(restsUsual / second))
		if r.rests > 0 {
			rests = esp.Span(r.rests)
		}
		s += fmt.Sprintf(" When the pump stops it is kept for %s.", rests)
	}
	return s
}

func (r *rule) onsetWords() string {
	f, factor := r.onset.feature, r.onset.factor
	name := strings.ReplaceAll(measureWords[f.measure].name, "%s", roleWords[f.role])
	switch f.measure {
	case silence:
		return "with the last answer"
	case running:
		return "with the start"
	case sag, tripped, reversing, stalled, trouble:
		return "with the event itself"
	default:
	}
	switch {
	case factor == 0:
		return "when it was first found"
	case f.measure.relative():
		return fmt.Sprintf("when %s had made %s of the whole move", name, percentOf(factor))
	case f.measure == swing:
		return fmt.Sprintf("in the first minute from which on %s was above %s", name, usualTimes(factor, f.measure))
	case r.rises():
		return fmt.Sprintf("in the first minute from which on %s was above %s plus %d standard deviations", name, usualTimes(factor, f.measure), onsetSigmas)
	default:
		return fmt.Sprintf("in the first minute from which on %s was below %s", name, usualTimes(factor, f.measure))
	}
}

func (r *rule) stepList() string {
	var b strings.Builder
	b.WriteString("**What to do first**\n")
	for i, s := range r.steps {
		fmt.Fprintf(&b, "\n%d. %s *%s*", i+1, s.Text, whoWords(s.Who))
	}
	if r.id == esp.GaugeFault {
		b.WriteString("\n\nBefore these, where the pattern says what to do:\n")
		for _, p := range slices.Sorted(maps.Keys(gaugeRemedies)) {
			s := gaugeRemedies[p]
			fmt.Fprintf(&b, "\n- %s: %s *%s*", patternWords[p], s.Text, whoWords(s.Who))
		}
	}
	return b.String()
}

func whoWords(w esp.Who) string {
	if w == esp.Engineer {
		return "(the engineer decides)"
	}
	return "(technician)"
}

// recordWords say what the log of records keeps.
func (r *rule) recordWords() string {
	priority := map[esp.Severity]string{
		esp.SeverityNow: "an alarm of priority 1", esp.SeverityToday: "an alarm of priority 2",
		esp.SeverityPlan: "an alarm of priority 3", esp.SeverityInfo: "no alarm",
	}
	alarm := priority[r.severity]
	if len(r.grave) > 0 {
		alarm += ", then " + strings.TrimPrefix(priority[r.graver], "an alarm of ")
		alarm = strings.Replace(alarm, "no alarm, then priority", "no alarm, then one of priority", 1)
	}
	var names []string
	add := func(f feature) {
		switch f.measure {
		case silence:
			names = appendOnce(names, "`drive_silence`")
		case running:
			names = appendOnce(names, "`run_time`")
		case tripped, trouble, starts: // told in other evidence
		default:
			names = appendOnce(names, "`"+roleSignals[f.role][0].String()+measureSuffix(f.measure)+"`")
		}
	}
	for i := range r.trigger {
		add(r.trigger[i].feature)
	}
	for i := range r.confirm {
		add(r.confirm[i].feature)
	}
	if len(names) == 0 {
		return fmt.Sprintf("**It leaves** a record `%s` (raised, updated, cleared) with what was seen, and %s.", r.id, alarm)
	}
	return fmt.Sprintf("**It leaves** a record `%s` (raised, updated, cleared) with its numbers (%s, as far as they speak for it), and %s.",
		r.id, strings.Join(names, ", "), alarm)
}
