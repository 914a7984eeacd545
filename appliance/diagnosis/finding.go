package diagnosis

import (
	"math"
	"slices"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

const (
	review         = 30 * second // how often slow rules and open findings are looked at
	confidenceHold = 5 * minute  // before another confidence is told
)

// How long a finding waits for a pump that stands, where its rule says nothing else.
const (
	restsUsual  = 2 * hour
	restedUsual = "the pump has stood for 2 hours"
)

const stoppedText = "The pump has stopped. Before it did: "

// verdict is what one evaluation says about one rule.
type verdict struct {
	assessed   bool // needs are there and the settle clock has run out
	triggered  bool
	excluded   string
	explained  bool // by another finding that is open
	stays      bool
	share      float64 // of the available confirming weight
	keyMissing bool
	confidence esp.Confidence
	severity   esp.Severity
}

// evaluate runs all rules and appends what changed.
func (e *Engine) evaluate(now int64, out *Outcome) {
	e.turn++
	due := now-e.reviewed >= review
	if due {
		e.reviewed = now
	}
	var covered [groupCount]bool
	for i := range e.rules {
		r, f := &e.rules[i], &e.findings[i]
		if r.turning && !e.machine.state.Turning() {
			e.pause(r, f, now, out)
			continue
		}
		f.pausedAt = 0
		under := r.group != alone && covered[r.group]
		if !due && (r.slowly || r.turning && f.open != under) {
			covered[r.group] = covered[r.group] || f.open
			continue // an open finding, and what it hides, is looked at every half minute
		}
		v := e.verdict(r, f.open, now)
		if v.assessed {
			f.suspicious = v.triggered && v.excluded == "" && (!r.slowly || v.share >= r.confirmed)
		}
		if under {
			e.supersede(r, f, &v, now, out)
			continue
		}
		e.live(r, f, &v, now, out)
		covered[r.group] = covered[r.group] || f.open
	}
	slices.SortStableFunc(out.Diagnoses, func(a, b esp.Diagnosis) int { return changeOrder(a.Change) - changeOrder(b.Change) })
}

// changeOrder puts what ends before what begins.
func changeOrder(c esp.Change) int {
	if c == esp.Cleared {
		return 0
	}
	return 1
}

// assessable reports whether the needs of a rule are there and its clocks have run out.
func (e *Engine) assessable(r *rule, now int64) bool {
	for _, n := range r.needs {
		if _, ok := e.heldRole(n); !ok {
			return false
		}
	}
	if r.turning && !e.machine.settled(now, r.after.Milliseconds()) {
		return false
	}
	if r.history > 0 && e.remembers(e.roles[r.needs[0]]) < r.history {
		return false
	}
	return true
}

// verdict looks at a rule. The last trigger comes first, because the first, which gives
// the text its numbers, is the costly one; of a finding that is not open nothing more is
// looked at when one of them is not met.
func (e *Engine) verdict(r *rule, open bool, now int64) verdict {
	var v verdict
	if !e.assessable(r, now) {
		return v
	}
	v.assessed, v.triggered, v.stays = true, true, true
	for i := len(r.trigger) - 1; i >= 0; i-- {
		o := r.trigger[i].judge(e.assess(r.trigger[i].feature, now))
		v.assessed = v.assessed && o.known
		v.triggered = v.triggered && o.met
		if !open && o.known && !o.met {
			return v
		}
	}
	for i := range r.stay {
		o := r.stay[i].judge(e.assess(r.stay[i].feature, now))
		v.stays = v.stays && (o.met || !o.known)
	}
	v.triggered = v.triggered && v.assessed
	if !v.assessed || (!v.triggered && !v.stays) {
		return v
	}
	e.weigh(r, now, &v)
	v.severity = e.severity(r, now)
	if v.excluded = e.excluded(r, now); v.excluded == "" {
		v.excluded = e.explained(r)
		v.explained = v.excluded != ""
	}
	return v
}

// weigh sums the confirming weights and puts the confidence in a word.
func (e *Engine) weigh(r *rule, now int64, v *verdict) {
	met, available := 0.0, 0.0
	for i := range r.confirm {
		c := &r.confirm[i]
		o := c.judge(e.assess(c.feature, now))
		if !o.known {
			v.keyMissing = v.keyMissing || c.key
			continue
		}
		if o.met {
			met += c.weight
		}
		if o.met || !c.bonus {
			available += c.weight
		}
	}
	v.share = 1
	switch {
	case len(r.confirm) == 0:
		v.confidence = esp.Likely
		return
	case available > 0:
		v.share = met / available
	default:
		v.keyMissing = true // nothing could confirm it
	}
	switch {
	case v.share >= 0.6 && !v.keyMissing:
		v.confidence = esp.Likely
	case v.share >= r.confirmed:
		v.confidence = esp.Possible
	default:
		v.confidence = esp.Weak
	}
}

func (e *Engine) excluded(r *rule, now int64) string {
	for i := range r.exclude {
		x := &r.exclude[i]
		all := true
		for k := range x.all {
			all = all && x.all[k].judge(e.assess(x.all[k].feature, now)).met
		}
		if all {
			return x.name
		}
	}
	return ""
}

// explained names the open finding that explains what r would say.
func (e *Engine) explained(r *rule) string {
	for _, id := range r.yields {
		for i := range e.findings {
			if e.findings[i].open && e.rules[i].id == id {
				return string(id)
			}
		}
	}
	return ""
}

// severity of a finding as things stand.
func (e *Engine) severity(r *rule, now int64) esp.Severity {
	for i := range r.grave {
		if r.grave[i].judge(e.assess(r.grave[i].feature, now)).met {
			return r.graver
		}
	}
	return r.severity
}

// facetOf is what of the engine the words of r depend on.
func (r *rule) facetOf(e *Engine, now int64) uint64 {
	if r.facet == nil {
		return 0
	}
	return r.facet(e, now)
}

// live moves a finding on.
func (e *Engine) live(r *rule, f *finding, v *verdict, now int64, out *Outcome) {
	if !v.assessed {
		return // what cannot be seen neither begins nor ends
	}
	here := v.triggered && v.excluded == "" && v.share >= r.confirmed
	switch {
	case !f.open && !here:
		f.metAt = 0
	case !f.open:
		if f.metAt == 0 {
			f.metAt = now
		}
		if now-f.metAt >= r.hold.Milliseconds() && e.witnessed(r, f, now) && !e.awaited(r, f, now) {
			e.open(r, f, v, now, out)
		}
	case v.stays && v.excluded == "":
		f.goneAt = 0
		e.reconsider(r, f, v, now, out)
	default:
		if f.goneAt == 0 {
			f.goneAt = now
		}
		if v.explained || now-f.goneAt >= r.release.Milliseconds() {
			e.close(f, now, e.closedText(r, v), out)
		}
	}
}

func (e *Engine) open(r *rule, f *finding, v *verdict, now int64, out *Outcome) {
	onset := e.onset(r, f, now)
	*f = finding{open: true, suspicious: f.suspicious, metAt: f.metAt}
	f.facet = r.facetOf(e, now)
	f.diagnosis = e.describe(r, v, now)
	f.diagnosis.Change, f.diagnosis.Onset = esp.Raised, e.wall(onset)
	if !r.information {
		e.slots.unlearn()
	}
	e.holdReferences()
	out.Diagnoses = append(out.Diagnoses, f.diagnosis)
}

// witnessed reports whether the rule's witnesses were read since its trigger. Where a
// value is read more rarely than every half hour nobody waits for it.
func (e *Engine) witnessed(r *rule, f *finding, now int64) bool {
	for _, w := range r.witnesses {
		if t := e.roles[w]; t != nil && t.at <= f.metAt && now-f.metAt < silentGap {
			return false
		}
	}
	return true
}

// awaited reports whether a finding that would explain this one is about to be raised.
// It is waited for once: a cause that comes and goes does not keep a consequence quiet.
func (e *Engine) awaited(r *rule, f *finding, now int64) bool {
	for _, id := range r.awaits {
		for i := range e.findings {
			c := &e.rules[i]
			if c.id == id && e.findings[i].metAt != 0 && now-f.metAt < (r.hold+c.hold).Milliseconds()+review {
				return true
			}
		}
	}
	return false
}

// holdReferences keeps what open findings stand on.
func (e *Engine) holdReferences() {
	e.slow.held, e.slow.heldOld = false, false
	for i := range e.findings {
		r := &e.rules[i]
		if !e.findings[i].open || r.information {
			continue
		}
		for k := range r.trigger {
			e.slow.held = e.slow.held || r.trigger[k].feature.measure == shift
			e.slow.heldOld = e.slow.heldOld || r.trigger[k].feature.measure == drift
		}
	}
}

func (e *Engine) close(f *finding, now int64, text string, out *Outcome) {
	d := f.diagnosis
	d.Time, d.Change, d.Text = e.wall(now), esp.Cleared, text
	*f = finding{}
	e.holdReferences()
	out.Diagnoses = append(out.Diagnoses, d)
}

// reconsider tells another confidence once it has lasted, or at once that the pump
// turns again with the finding still there.
func (e *Engine) reconsider(r *rule, f *finding, v *verdict, now int64, out *Outcome) {
	facet := r.facetOf(e, now)
	atOnce := urgency(v.severity) < urgency(f.diagnosis.Severity) || facet != f.facet
	if v.confidence == f.diagnosis.Confidence && v.severity == f.diagnosis.Severity && facet == f.facet {
		f.confAt = 0
		return
	}
	if f.confAt == 0 || f.confNext != v.confidence {
		f.confAt, f.confNext = now, v.confidence
	}
	if !atOnce && now-f.confAt < confidenceHold {
		return
	}
	onset := f.diagnosis.Onset
	f.diagnosis, f.facet = e.describe(r, v, now), facet
	f.diagnosis.Change, f.diagnosis.Onset, f.confAt = esp.Updated, onset, 0
	out.Diagnoses = append(out.Diagnoses, f.diagnosis)
}

// pause keeps an open finding of a pump that no longer turns: whoever comes sees what
// it was. It is less urgent then, and over when the pump has rested long enough. While
// the drive is silent it stays as it is.
func (e *Engine) pause(r *rule, f *finding, now int64, out *Outcome) {
	f.metAt, f.goneAt, f.confAt, f.suspicious = 0, 0, 0, false
	if !f.open || e.machine.state == esp.StateUnknown {
		return
	}
	if f.pausedAt == 0 {
		f.pausedAt = now
		if f.diagnosis.Severity == esp.SeverityNow {
			f.diagnosis.Severity = esp.SeverityToday
		}
		f.diagnosis.Change, f.diagnosis.Time = esp.Updated, e.wall(now)
		if !strings.HasPrefix(f.diagnosis.Text, stoppedText) {
			f.diagnosis.Text = stoppedText + f.diagnosis.Text
		}
		out.Diagnoses = append(out.Diagnoses, f.diagnosis)
		return
	}
	rests, rested := restsUsual, restedUsual
	if r.rests > 0 {
		rests, rested = r.rests.Milliseconds(), r.rested
	}
	if now-f.pausedAt >= rests {
		e.close(f, now, r.title+" is over: "+rested+".", out)
	}
}

// supersede ends a finding in favour of a higher one of its group.
func (e *Engine) supersede(r *rule, f *finding, v *verdict, now int64, out *Outcome) {
	if f.open {
		e.close(f, now, r.title+" is replaced by a finding that explains more.", out)
	}
	if v.assessed && v.triggered && v.excluded == "" && v.share >= r.confirmed {
		if f.metAt == 0 {
			f.metAt = now
		}
		return
	}
	f.metAt = 0
}

func (e *Engine) closedText(r *rule, v *verdict) string {
	if v.explained {
		return r.title + " is withdrawn: " + strings.ReplaceAll(v.excluded, "_", " ") + " explains it."
	}
	if v.excluded != "" {
		return r.title + " is withdrawn: something else explains the readings."
	}
	if r.over != "" {
		return r.over
	}
	return r.title + " is over: the readings are back to what is usual."
}

// describe writes the finding with its numbers.
func (e *Engine) describe(r *rule, v *verdict, now int64) esp.Diagnosis {
	d := esp.Diagnosis{
		Well: e.well.ID, Time: e.wall(now), ID: r.id, Severity: v.severity, Confidence: v.confidence,
		Title: r.title, Steps: slices.Clone(r.steps), Rule: string(r.id), RuleVersion: r.version,
	}
	if r.turning {
		d.Title += " " + string(v.confidence)
	}
	for i := range r.trigger {
		c := &r.trigger[i]
		o := c.judge(e.assess(c.feature, now))
		if i == 0 {
			d.Text = fill(r.text, c.feature, &o, e.unitOf(c.feature))
		}
		d.Evidence = append(d.Evidence, e.evidence(c, &o))
	}
	for i := range r.confirm {
		c := &r.confirm[i]
		o := c.judge(e.assess(c.feature, now))
		switch {
		case !o.known:
			d.NotAssessed = appendOnce(d.NotAssessed, e.nameOf(c.feature.role))
		case o.met:
			d.Evidence = append(d.Evidence, e.evidence(&c.condition, &o))
		case c.against != "":
			d.Against = append(d.Against, c.against)
		}
	}
	for i := range r.exclude {
		for k := range r.exclude[i].all {
			c := &r.exclude[i].all[k]
			if o := c.judge(e.assess(c.feature, now)); !o.known {
				d.NotAssessed = appendOnce(d.NotAssessed, e.nameOf(c.feature.role))
			}
		}
	}
	if k := e.rival(r, now); k >= 0 {
		d.RunnerUp, d.Separate = r.rivals[k].id, r.rivals[k].separate
	}
	if r.tell != nil {
		r.tell(e, &d, now)
	}
	return d
}

// rival is the first of the rule's rivals that nothing refutes; −1: all are refuted.
func (e *Engine) rival(r *rule, now int64) int {
	return slices.IndexFunc(r.rivals, func(x rival) bool {
		for i := range x.unless {
			if x.unless[i].judge(e.assess(x.unless[i].feature, now)).met {
				return false
			}
		}
		return true
	})
}

func appendOnce(s []string, v string) []string {
	if slices.Contains(s, v) {
		return s
	}
	return append(s, v)
}

func (e *Engine) evidence(c *condition, o *outcome) esp.Evidence {
	unit := e.unitOf(c.feature)
	id := e.signalOf(c.feature.role)
	ev := esp.Evidence{
		Signal: id.String() + measureSuffix(c.feature.measure), Unit: unit, Text: fill(c.text, c.feature, o, unit),
		Value: esp.NoNumber(), Baseline: esp.NoNumber(), Limit: esp.NoNumber(),
	}
	switch c.feature.measure {
	case silence:
		ev.Signal, ev.Unit = "drive_silence", esp.Second
		ev.Value, ev.Baseline, ev.Limit = number(o.value), number(o.usual), number(o.limit)
	case running:
		ev.Signal, ev.Unit = "run_time", esp.Second
		ev.Value, ev.Limit = number(o.value), number(o.limit)
	case restless, erratic, sags, reversals, starts, stalled, tripped, reversing, trouble:
		ev.Unit = esp.None
		ev.Value, ev.Baseline, ev.Limit = number(o.value), number(o.usual), number(o.limit)
	default:
		x := o.absolute(c.feature.measure)
		ev.Value, ev.Limit = number(rounded(x.value, id)), number(rounded(x.limit, id))
		if o.based {
			ev.Baseline = number(rounded(x.usual, id))
		}
	}
	return ev
}

func number(v float64) esp.Number {
	if math.IsInf(v, 0) {
		return esp.NoNumber()
	}
	return esp.Number(v)
}

// signalOf is the signal that plays a role here, or would.
func (e *Engine) signalOf(r role) esp.SignalID {
	if t := e.roles[r]; t != nil {
		return t.signal
	}
	return roleSignals[r][0]
}

func (e *Engine) nameOf(r role) string { return e.signalOf(r).String() }

func (e *Engine) unitOf(f feature) esp.Unit {
	if f.measure == silence || f.measure == running {
		return esp.Second
	}
	return e.signalOf(f.role).Info().Unit
}
