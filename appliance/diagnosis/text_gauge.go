package diagnosis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// patternWords names a pattern for a title.
var patternWords = map[pattern]string{
	patternUnsigned: "negative number read as unsigned", patternSilent: "no answer", patternMarker: "no values",
	patternFull: "full scale", patternZero: "zero pressure", patternCold: "dead temperature", patternFrozen: "frozen",
	patternDoubled: "doubled values", patternRange: "implausible values", patternRate: "impossible jumps", patternRest: "dead",
}

// tellGauge writes which downhole signals cannot be used, why, and what is still
// watched.
func tellGauge(e *Engine, d *esp.Diagnosis, now int64) {
	w := &e.gauge
	sick := w.sick(now)
	d.Onset = e.wall(w.since)
	d.Evidence = d.Evidence[:0]
	if w.packets.damaged > flakyPackets {
		d.Evidence = append(d.Evidence, w.packets.evidence())
	}
	if len(sick) == 0 {
		d.Title = "Gauge fault: damaged transmissions"
		d.Text = fmt.Sprintf("The downhole gauge loses %.0f %% of its transmissions: the values are good when they come, but come late.", 100*w.packets.damaged)
		e.tellAssessed(d, now)
		return
	}
	slices.SortStableFunc(sick, func(a, b *gaugeSignal) int { return int(a.pattern) - int(b.pattern) })
	main := sick[0].pattern
	words := labelInText(sick[0].column.Signal) + ": " + e.explain(sick[:1], now)
	d.Title += ": " + patternWords[main]
	what := "of " + listed(sick)
	if len(sick) == w.fitted() {
		what = "at all"
	}
	d.Text = fmt.Sprintf("The downhole gauge gives no usable value %s; %s.", what, words)
	if w.flaky(now) {
		d.Title = "Gauge fault: comes and goes"
		d.Text = fmt.Sprintf("The downhole gauge gives usable values of %s only now and then; %s.", listed(sick), words)
	}
	d.Text += " The pump is judged by drive and wellhead meanwhile, and limits on these signals protect nothing."
	for len(sick) > 0 {
		n := 1
		for n < len(sick) && sick[n].pattern == sick[0].pattern {
			n++
		}
		d.Evidence = append(d.Evidence, e.gaugeEvidence(sick[:n], now))
		sick = sick[n:]
	}
	e.tellAssessed(d, now)
	if step, ok := gaugeRemedies[main]; ok {
		d.Steps = append([]esp.Step{step}, d.Steps...)
	}
}

// sick lists the signals that are told.
func (w *gaugeWatch) sick(now int64) []*gaugeSignal {
	var out []*gaugeSignal
	for i := range w.signals {
		s := &w.signals[i]
		recent := s.lastBad != 0 && now-s.lastBad < w.memory() && w.flaky(now)
		if (s.ill(now) || recent) && w.counts(s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *gaugeWatch) fitted() int {
	n := 0
	for i := range w.signals {
		if w.counts(&w.signals[i]) {
			n++
		}
	}
	return n
}

// listed names signals in a sentence.
func listed(signals []*gaugeSignal) string {
	names := make([]string, len(signals))
	for i, s := range signals {
		names[i] = labelInText(s.column.Signal)
	}
	return joined(names)
}

// labelInText is a label inside a sentence: X, Y and Z stay large, and so does DC.
func labelInText(id esp.SignalID) string { return lowerFirst(id.Info().Label) }

func joined(names []string) string {
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// explain says in one clause why a signal cannot be used.
func (e *Engine) explain(same []*gaugeSignal, now int64) string {
	s := same[0]
	switch s.pattern {
	case patternFrozen:
		moved := int64(0)
		for i := range e.gauge.signals {
			if o := &e.gauge.signals[i]; o.pattern == patternFrozen && o.badAt != 0 {
				moved = max(moved, o.movedAt)
			}
		}
		return "the gauge has repeated the same values for " + coarseSpan(time.Duration(now-moved)*time.Millisecond)
	case patternUnsigned:
		if n, ok := s.gate.asSigned(&s.reading); ok {
			return unsignedText(n)
		}
	case patternSilent:
		return "it was not read (" + strings.ReplaceAll(s.reading.Reason.String(), "_", " ") + ")"
	case patternRange:
		if v := s.reading.Value; !math.IsNaN(v) {
			return fmt.Sprintf("%s is outside the plausible range", quantity(v, s.column.Unit))
		}
	default:
	}
	return Explain(s.column, s.reading)
}

// coarseSpan writes a duration as people say it: whole minutes, or hours.
func coarseSpan(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 3*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// gaugeEvidence is what the signals of one pattern show.
func (e *Engine) gaugeEvidence(same []*gaugeSignal, now int64) esp.Evidence {
	s := same[0]
	id := s.column.Signal
	ev := esp.Evidence{
		Signal: id.String(), Unit: s.column.Unit, Text: listed(same) + ": " + e.explain(same, now),
		Value: esp.NoNumber(), Baseline: esp.NoNumber(), Limit: esp.NoNumber(),
	}
	if v := s.reading.Value; !math.IsNaN(v) && s.reading.Quality != esp.Lost {
		ev.Value = number(rounded(v, id))
	}
	frequency, _ := e.heldRole(roleFrequency)
	if u := e.usual(s.track, frequency); u.ok && !(u.far && exponent(id) == 0) {
		ev.Baseline = number(rounded(u.level, id))
		if len(same) > 1 {
			ev.Text += "; " + labelInText(id)
		}
		ev.Text += ", usual " + quantity(u.level, s.column.Unit)
	}
	return ev
}

// tellAssessed names the findings that cannot be made without the gauge, and those
// that are still watched.
func (e *Engine) tellAssessed(d *esp.Diagnosis, now int64) {
	var still []string
	for i := range e.rules {
		r := &e.rules[i]
		if r.id == esp.GaugeFault {
			continue
		}
		switch {
		case e.blinded(r, now):
			d.NotAssessed = appendOnce(d.NotAssessed, string(r.id))
		case len(e.missing(r)) == 0:
			still = append(still, lowerFirst(r.title))
		}
	}
	if len(still) > 0 {
		d.Evidence = append(d.Evidence, esp.Evidence{
			Signal: "assessed", Text: "still watched without the gauge: " + joined(still),
			Value: esp.NoNumber(), Baseline: esp.NoNumber(), Limit: esp.NoNumber(),
		})
	}
}

// blinded reports whether a rule needs a downhole signal that cannot be used.
func (e *Engine) blinded(r *rule, now int64) bool {
	for role := range e.required(r) {
		for i := range e.gauge.signals {
			s := &e.gauge.signals[i]
			t := e.roles[role]
			if t == nil || !s.ill(now) {
				continue
			}
			if t == s.track || (role == roleDP && (s.column.Signal == esp.IntakePressure || s.column.Signal == esp.DischargePressure)) {
				return true
			}
		}
	}
	return false
}

// evidence of damaged transmissions.
func (p *packetShare) evidence() esp.Evidence {
	ev := remark(esp.GaugeBadPackets.String(), fmt.Sprintf("%.0f %% of the gauge's transmissions are damaged, limit %.0f %%", 100*p.damaged, 100*flakyPackets))
	ev.Value, ev.Limit, ev.Unit = number(math.Round(1000*p.damaged)/10), number(100*flakyPackets), esp.Percent
	return ev
}

// tellInsulation says whether the gauge suffers with the cable.
func tellInsulation(e *Engine, d *esp.Diagnosis, _ int64) {
	if p := &e.gauge.packets; p.damaged > flakyPackets/2 {
		d.Evidence = append(d.Evidence, p.evidence())
	}
}
