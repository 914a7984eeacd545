package diagnosis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
)

// Synthetic leaks on recorded wells: the background is what real gauges and historians
// wrote of a pump without a fault, the leak is computed. What is found of them is a
// curve over the size of the leak; it is no proof in the field.
const (
	injectedBefore = 54 * time.Hour // played before the leak: two days of which the well is known
	injectedAfter  = 6 * time.Hour  // a leak that is not found by then is missed
	injectedCalm   = 8 * time.Hour  // at least, since the last start
	injectedGap    = 2 * time.Hour  // a longer silence is no background
	injectedTries  = 12
	// What the leaks of field A did in their worst hour.
	fieldLeakLeast, fieldLeakMost = 5.7, 24.6
)

// worstHours are the sizes of the leaks: bar that intake pressure rises in the first hour.
var worstHours = [...]float64{1, 2, 4, fieldLeakLeast, 8, 16, fieldLeakMost}

// hole is a leak as a hole in the tubing makes it. What runs back fills the annulus, the higher
// intake pressure holds back the inflow, and both meet at a new level: the rise of a
// first-order system. Its time constant is that with which the field's wells answered a
// change of speed, 0.9 to 3.4 h; the labelled leaks were faster.
// Less liquid passes wellhead and choke, so discharge pressure falls, at once: in the
// simulated well by 0.38 bar for each bar that intake pressure rises in the hour.
type hole struct {
	at     time.Time
	hour   float64 // bar in the first hour
	tau    time.Duration
	fall   float64 // of discharge pressure, bar for each of hour
	filter float64 // share of its value by which a signal has to change to be recorded
}

// rise is that of intake pressure, in bar.
func (l *hole) rise(at time.Time) float64 {
	if !at.After(l.at) {
		return 0
	}
	filling := func(d time.Duration) float64 { return 1 - math.Exp(-d.Hours()/l.tau.Hours()) }
	return l.hour * filling(at.Sub(l.at)) / filling(time.Hour)
}

// drop is that of discharge pressure, in bar; the hole opens within two minutes.
func (l *hole) drop(at time.Time) float64 {
	return l.hour * l.fall * min(1, max(0, at.Sub(l.at).Minutes()/2))
}

// background is a stretch of a recorded well with a place for a leak.
type background struct {
	well  *fieldWell
	scans []esp.Scan // graded, untouched otherwise
	leak  hole
}

// played is a stretch as the engine saw it.
type played struct {
	found []esp.Diagnosis
	calm  bool // the pump turned and was read
}

// play runs scans that were not graded through gate and engine.
func (b *background) play(scans []esp.Scan) (p played, graded []esp.Scan) {
	g := diagnosis.NewGate(b.well.layout)
	e := diagnosis.New(diagnosis.Config{Well: esp.Well{ID: esp.WellID(b.well.id)}})
	p.calm = true
	seen := b.leak.at.Add(-injectedCalm)
	for i := range scans {
		s := scans[i].Clone()
		g.Grade(&s)
		p.found = append(p.found, e.Observe(&s).Diagnoses...)
		graded = append(graded, s)
		if s.Time.Before(b.leak.at.Add(-injectedCalm)) {
			continue
		}
		if state, _ := e.State(); !state.Turning() || state == esp.Starting {
			p.calm = false
		}
		if r, _ := s.Get(esp.IntakePressure); r.Quality.Usable() {
			p.calm = p.calm && s.Time.Sub(seen) <= injectedGap
			seen = s.Time
		}
	}
	p.calm = p.calm && b.leak.at.Add(injectedAfter).Sub(seen) <= injectedGap
	return p, graded
}

// quiet draws a background from a well: the pump turns and was not started for eight
// hours, intake pressure is read, and nothing but the gauge is found to be wrong.
func (w *fieldWell) quiet(rng *rand.Rand, until time.Time) *background {
	first, last := w.scans[0].Time, w.scans[len(w.scans)-1].Time
	if !until.IsZero() {
		last = until
	}
	room := last.Add(-injectedAfter).Sub(first.Add(injectedCalm))
	for range injectedTries {
		if room <= 0 {
			break
		}
		b := &background{well: w, leak: hole{
			at:     first.Add(injectedCalm + time.Duration(rng.Int64N(int64(room)))),
			tau:    54*time.Minute + time.Duration(rng.Int64N(int64(150*time.Minute))),
			fall:   0.15 + 0.25*rng.Float64(),
			filter: 0.01 + 0.03*rng.Float64(),
		}}
		from, _ := slices.BinarySearchFunc(w.scans, b.leak.at.Add(-injectedBefore), scanTime)
		to, _ := slices.BinarySearchFunc(w.scans, b.leak.at.Add(injectedAfter), scanTime)
		p, graded := b.play(w.scans[from:to])
		if !p.calm || slices.ContainsFunc(p.found, func(d esp.Diagnosis) bool {
			return d.Severity != esp.SeverityInfo && d.ID != esp.GaugeFault
		}) {
			continue
		}
		b.scans = graded
		return b
	}
	return nil
}

func scanTime(s esp.Scan, at time.Time) int { return s.Time.Compare(at) }

// shifted is a recorded pressure moved by so many bar; what a dead gauge gave stays.
func shifted(c *esp.Column, r esp.Reading, bar float64) esp.Reading {
	x := math.Float64frombits(uint64(r.Raw))
	unit := c.Decode(int64(math.Float64bits(1))) - c.Decode(0) // kPa
	switch {
	case r.Quality == esp.NotDue:
		return r
	case r.Reason == esp.Doubled:
		bar *= 2
	case !r.Quality.Usable():
		r.Quality, r.Reason = esp.Good, esp.NoReason // the gate says again what it is
		return r
	}
	return floatReading(c, x+100*bar/unit)
}

// inject gives the background with its leak, of a size in bar in the first hour. In an
// event-driven record a pressure that moves is recorded more often.
func (b *background) inject(hour float64, events bool) []esp.Scan {
	l := b.leak
	l.hour = hour
	layout := b.well.layout
	intake, discharge := columnOf(layout, "intake_pressure"), columnOf(layout, "discharge_pressure")
	var out []esp.Scan
	var held, shown esp.Reading // as recorded, and with the leak
	was := l.at
	for i := range b.scans {
		s := b.scans[i].Clone()
		for at := was.Add(10 * time.Second); events && held.Quality == esp.Good && at.Before(s.Time); at = at.Add(10 * time.Second) {
			r := shifted(&layout.Columns[intake], held, l.rise(at))
			if math.Abs(r.Value-shown.Value) < l.filter*shown.Value {
				continue
			}
			extra := esp.Scan{Well: s.Well, Time: at, Layout: layout, Readings: make([]esp.Reading, len(layout.Columns))}
			extra.Readings[intake], shown = r, r
			out = append(out, extra)
		}
		for k := range s.Readings {
			r, bar := s.Readings[k], 0.0
			switch k {
			case intake:
				bar = l.rise(s.Time)
			case discharge:
				bar = -l.drop(s.Time)
			}
			s.Readings[k] = shifted(&layout.Columns[k], r, bar)
			if k == intake && r.Quality != esp.NotDue {
				held, shown = r, s.Readings[k]
			}
		}
		if s.Time.After(was) {
			was = s.Time
		}
		out = append(out, s)
	}
	return out
}

func columnOf(l *esp.Layout, name string) int {
	return slices.IndexFunc(l.Columns, func(c esp.Column) bool { return c.Name == name })
}

// blind is the background of a well without a gauge for discharge pressure.
func (b *background) blind() *background {
	out := *b
	out.scans = make([]esp.Scan, len(b.scans))
	k := columnOf(b.well.layout, "discharge_pressure")
	for i := range b.scans {
		out.scans[i] = b.scans[i].Clone()
		if k >= 0 {
			out.scans[i].Readings[k] = esp.Reading{}
		}
	}
	return &out
}

// sped reports whether the speed was changed in the hours before the leak by more than
// the leak rule can allow for; it then waits.
func (b *background) sped() bool {
	k := columnOf(b.well.layout, "drive_frequency")
	least, most := math.Inf(1), 0.0
	for i := range b.scans {
		s := &b.scans[i]
		if s.Time.Before(b.leak.at.Add(-injectedCalm)) || s.Time.After(b.leak.at) || !s.Readings[k].Quality.Usable() {
			continue
		}
		least, most = min(least, s.Readings[k].Value), max(most, s.Readings[k].Value)
	}
	return most > least*1.025
}

// found is what was found of the leaks of one size.
type found struct {
	leaks  int
	delays []time.Duration
}

func (f *found) missed() float64 { return 100 * float64(f.leaks-len(f.delays)) / float64(f.leaks) }

func (f *found) median() float64 {
	if len(f.delays) == 0 {
		return math.NaN()
	}
	return f.delays[len(f.delays)/2].Minutes()
}

func (f *found) worst() float64 {
	if len(f.delays) == 0 {
		return math.NaN()
	}
	return f.delays[len(f.delays)-1].Minutes()
}

func minutes(m float64) string {
	if math.IsNaN(m) {
		return "–"
	}
	return fmt.Sprintf("%.0f min", m)
}

// injected is the curve of a field: what is found of leaks of each size, and of all
// whose size the field has seen.
func injected(t *testing.T, name string, backgrounds []*background, events bool) (seen found) {
	t.Helper()
	if len(backgrounds) == 0 {
		t.Fatalf("%s: no background", name)
	}
	for _, hour := range worstHours {
		var f found
		for _, b := range backgrounds {
			p, _ := b.play(b.inject(hour, events))
			f.leaks++
			for i := range p.found {
				d := &p.found[i]
				if !isLeak(*d) {
					continue
				}
				if d.Time.Before(b.leak.at) {
					t.Errorf("%s %s: leak found %v before it began", name, b.well.id, b.leak.at.Sub(d.Time))
				}
				f.delays = append(f.delays, d.Time.Sub(b.leak.at))
				break
			}
		}
		slices.Sort(f.delays)
		t.Logf("synthetic leak, %s: %4.1f bar in its worst hour: %d of %d found, delay %s in the median, %s at worst",
			name, hour, len(f.delays), f.leaks, minutes(f.median()), minutes(f.worst()))
		if hour >= fieldLeakLeast {
			seen.leaks += f.leaks
			seen.delays = append(seen.delays, f.delays...)
		}
	}
	slices.Sort(seen.delays)
	return seen
}

// draw takes backgrounds from wells: a few from each that has any.
func draw(wells []fieldWell, each int, until func(id string) (time.Time, bool)) []*background {
	var out []*background
	for i := range wells {
		w := &wells[i]
		end, ok := until(w.id)
		if !ok || columnOf(w.layout, "intake_pressure") < 0 {
			continue
		}
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		for range each {
			b := w.quiet(rng, end)
			if b == nil {
				break
			}
			out = append(out, b)
		}
	}
	return out
}

// Leaks on the wells of field A that did not leak, up to a day before their inflow
// changed. They have intake pressure only.
func TestInjectedLeaksFieldA(t *testing.T) {
	labels := fieldLabels(t)
	backgrounds := draw(fieldA(t), 6, func(id string) (end time.Time, ok bool) {
		for _, l := range labels {
			switch {
			case l.well == id && l.class == string(esp.TubingLeak):
				return end, false
			case l.well == id && strings.HasPrefix(l.class, "inflow"):
				end = l.onset.Add(-24 * time.Hour)
			}
		}
		return end, true
	})
	sped := slices.Clone(backgrounds)
	sped = slices.DeleteFunc(sped, func(b *background) bool { return !b.sped() })
	steady := slices.DeleteFunc(backgrounds, (*background).sped)
	seen := injected(t, "field A", steady, true)
	goal.Exact(t, "synthetic.a-leaks-missed-percent", seen.missed(), "%", 0)
	goal.Exact(t, "synthetic.a-leak-delay-median", seen.median(), "min", 30)
	goal.Exact(t, "synthetic.a-leak-delay-worst", seen.worst(), "min", 90)
	injected(t, "field A, speed changed before", sped, true)
}

// Leaks on the wells of field B, none of which leaks; where drive readings are missing
// no leak is looked for. Their record comes every 20 minutes, with holes and faults of
// the gauge, and knows discharge pressure.
func TestInjectedLeaksFieldB(t *testing.T) {
	wells := fieldB(t)
	backgrounds := draw(wells, 4, func(string) (end time.Time, ok bool) { return end, true })
	seen := injected(t, "field B", backgrounds, false)
	goal.Exact(t, "synthetic.b-leaks-missed-percent", seen.missed(), "%", 30)
	goal.Exact(t, "synthetic.b-leak-delay-median", seen.median(), "min", 90)
	var blind []*background
	for _, b := range backgrounds {
		b = b.blind()
		p, _ := b.play(b.inject(0, false))
		if !slices.ContainsFunc(p.found, isLeak) {
			blind = append(blind, b)
		}
	}
	injected(t, "field B without discharge pressure", blind, false)

	days, alarms := 0.0, 0
	for i := range wells {
		w := wells[i]
		b := background{well: &w, scans: w.scans}
		w.scans = b.blind().scans
		r := w.findings(nil)
		days += r.watched.Hours() / 24
		for k := range r.found {
			if isLeak(r.found[k]) {
				alarms++
			}
		}
	}
	goal.Exact(t, "field.b-false-leaks-without-discharge", float64(alarms)/days, "per-well-day", 0.02)
}

func isLeak(d esp.Diagnosis) bool { return d.ID == esp.TubingLeak && d.Change == esp.Raised }
