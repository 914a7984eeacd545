package diagnosis

import (
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// pattern is the way in which a downhole value is wrong. The order is that of what a
// technician should read first: the cause before its company.
type pattern uint8

const (
	patternNone     pattern = iota
	patternUnsigned         // a small negative integer read as unsigned: the profile is wrong, not the gauge
	patternSilent           // not read at all
	patternMarker           // the device says that it has no value
	patternFull             // the register stands at full scale
	patternZero             // a pressure of exactly zero at depth
	patternCold             // a temperature that dead gauges report
	patternFrozen           // the gauge repeats an old value
	patternDoubled          // several values exactly twice the last good ones
	patternRange            // outside the plausible range
	patternRate             // changed faster than it can
	patternRest             // the rest of a record whose pressures and temperatures died
)

const (
	illAfter     = 10 * second // a lost poll is no fault of the gauge
	illSlow      = minute      // a signal polled more slowly is told at once
	flakyTime    = 5 * minute  // over which the share of bad readings is taken
	flakyWeight  = 0.1         // of one reading at most
	flakyShare   = 0.15
	flakySpells  = 3 // in an hour, or in that many polls of a slow signal
	flakyPolls   = 12
	flakyBursts  = 5.0 // short ones in an hour
	flakyPackets = 0.10
	facetSettles = minute // before a changed picture is told
)

// gaugeSignal is what is known of one downhole signal.
type gaugeSignal struct {
	track   *track
	column  *esp.Column
	gate    gateColumn // for naming its sentinels
	seen    bool
	raw     int64
	movedAt int64 // when it last changed
	goodAt  int64 // last usable; 0: never

	badAt   int64 // first unusable reading of this spell; 0: usable
	lastBad int64
	pattern pattern
	reading esp.Reading
}

// gaugeWatch follows all downhole signals of a well.
type gaugeWatch struct {
	signals []gaugeSignal
	bad     int     // not usable in their last reading
	share   float64 // of scans with something bad, smoothed
	bursts  float64 // beginnings of something bad in the last hour, smoothed
	packets packetShare
	lastAt  int64
	ill     bool
	illAt   int64 // when last ill
	since   int64 // of this trouble; spells close together are one
	spells  [flakySpells]int64
	count   int

	facet, next uint64
	nextAt      int64
}

func (e *Engine) bindGauge() {
	w := &e.gauge
	*w = gaugeWatch{packets: packetShare{all: -1, bad: -1}}
	for i := range e.layout.Columns {
		c := &e.layout.Columns[i]
		if c.Signal == 0 {
			continue
		}
		switch c.Signal {
		case esp.GaugePackets:
			w.packets.all = i
		case esp.GaugeBadPackets:
			w.packets.bad = i
		default:
		}
		info := c.Signal.Info()
		s := shapeOf(info)
		if info.Group != esp.GaugeGroup || s == shapeNone || s == shapeOther {
			continue
		}
		w.signals = append(w.signals, gaugeSignal{
			track: e.trackOf(c.Signal), column: c,
			gate: gateColumn{signal: info, shape: s, float: c.Float, scale: c.Scale},
		})
	}
}

// observeGauge looks at the downhole readings of a scan.
func (e *Engine) observeGauge(readings []esp.Reading, now int64) {
	w := &e.gauge
	due := false
	before := w.bad
	w.packets.take(readings)
	for i := range w.signals {
		s := &w.signals[i]
		r := &readings[s.track.column]
		if r.Quality == esp.NotDue {
			continue
		}
		due = true
		if r.Quality == esp.Lost && e.drive.failing {
			continue // the link or the drive is silent: that has its own finding
		}
		w.bad += s.take(r, now)
	}
	if !due || len(w.signals) == 0 {
		return
	}
	bad := 0.0
	if w.bad > 0 {
		bad = 1
	}
	if w.lastAt != 0 {
		dt := float64(now - w.lastAt)
		w.share += (bad - w.share) * min(dt/float64(flakyTime), flakyWeight)
		w.bursts *= max(1-dt/float64(hour), 0)
	}
	if before == 0 && w.bad > 0 {
		w.bursts++
	}
	w.lastAt = now
	if w.bad > 0 || w.ill {
		w.follow(now)
	}
}

// take notes a reading and returns how the count of bad signals changes.
func (s *gaugeSignal) take(r *esp.Reading, now int64) int {
	if r.Reason == esp.Resync {
		return 0
	}
	if r.Quality != esp.Lost && (!s.seen || s.raw != r.Raw) {
		s.seen, s.raw, s.movedAt = true, r.Raw, now
	}
	was := s.badAt != 0
	if r.Quality.Usable() {
		s.goodAt, s.badAt = now, 0
		if was {
			return -1
		}
		return 0
	}
	s.lastBad, s.reading = now, *r
	if !was || s.pattern == patternRange || s.pattern == patternRate { // what it was called first stays
		s.pattern = s.name(r)
	}
	if was {
		return 0
	}
	s.badAt = now
	return 1
}

// name puts an unusable reading in its pattern.
func (s *gaugeSignal) name(r *esp.Reading) pattern {
	switch r.Reason {
	case esp.Sentinel:
		switch s.gate.sentinel(r) {
		case sentinelUnsigned:
			return patternUnsigned
		case sentinelZero:
			return patternZero
		case sentinelCold:
			return patternCold
		case sentinelFull:
			return patternFull
		default:
			return patternUnsigned // the gate knew what it was before
		}
	case esp.Marker:
		return patternMarker
	case esp.Frozen:
		return patternFrozen
	case esp.Doubled:
		return patternDoubled
	case esp.ImpossibleRate:
		return patternRate
	case esp.DeadGauge:
		if _, ok := s.gate.asSigned(r); ok && s.gate.shape == shapePressure {
			return patternUnsigned
		}
		return patternRest
	default:
	}
	if r.Quality == esp.Lost {
		return patternSilent
	}
	return patternRange
}

// ill reports whether the signal has been bad long enough to speak of it.
func (s *gaugeSignal) ill(now int64) bool {
	return s.badAt != 0 && (now-s.badAt >= illAfter || s.track.period > float64(illSlow) || s.pattern == patternFrozen)
}

// fitted reports whether the gauge has this sensor: a marker that was never anything
// else stands for one that it has not.
func (s *gaugeSignal) fitted() bool {
	if s.goodAt != 0 || s.badAt == 0 {
		return true
	}
	return s.pattern != patternMarker && s.reading.Reason != esp.NotSupported
}

// follow keeps the spells of trouble.
func (w *gaugeWatch) follow(now int64) {
	n := 0
	began, moved := now, int64(0)
	for i := range w.signals {
		switch s := &w.signals[i]; {
		case !s.ill(now) || !w.counts(s):
			continue
		case s.pattern == patternFrozen:
			moved = max(moved, s.movedAt)
		default:
			began = min(began, s.badAt)
		}
		n++
	}
	if moved != 0 {
		began = min(began, moved) // frozen with the last that moved
	}
	ill := n > 0
	if ill && !w.ill {
		if w.since == 0 || !w.flaky(now) {
			w.since = began
		}
		w.spells[w.count%flakySpells] = now
		w.count++
	}
	w.ill = ill
	if ill {
		w.illAt = now
	}
}

// counts tells a sensor that is not there from one that failed. Where nothing at all
// is there, the gauge is not.
func (w *gaugeWatch) counts(s *gaugeSignal) bool {
	return s.fitted() || !slices.ContainsFunc(w.signals, func(o gaugeSignal) bool { return o.fitted() })
}

// flickers reports whether short troubles come too often.
func (w *gaugeWatch) flickers() bool {
	return w.share > flakyShare || w.bursts > flakyBursts || w.packets.damaged > flakyPackets
}

// flaky reports whether the trouble comes and goes.
func (w *gaugeWatch) flaky(now int64) bool {
	if w.flickers() && !w.ill {
		return true
	}
	return w.count >= flakySpells && now-w.spells[w.count%flakySpells] < w.memory() && now-w.illAt < w.memory()
}

// memory is how long a spell counts.
func (w *gaugeWatch) memory() int64 {
	period := 0.0
	for i := range w.signals {
		period = max(period, w.signals[i].track.period)
	}
	return max(hour, int64(flakyPolls*period))
}

// gaugeTrouble is the feature of the gauge's rule: the number of signals that cannot be
// used; half of one while a gauge that comes and goes is there.
func (e *Engine) gaugeTrouble(now int64) assessment {
	w := &e.gauge
	a := assessment{
		value: 0, usual: 0, noise: math.NaN(), level: math.NaN(), rated: math.NaN(),
		ok: len(w.signals) > 0 && w.lastAt != 0, based: true,
	}
	if !w.ill && w.flickers() {
		a.value = 1
	}
	for i := range w.signals {
		if s := &w.signals[i]; s.ill(now) && w.counts(s) {
			a.value++
		}
	}
	if a.value == 0 && w.flaky(now) {
		a.value = 0.5
	}
	return a
}

// gaugeFacet tells one picture of the trouble from another: which signals, which
// pattern. A new one has to stand for a minute before it is told.
func (e *Engine) gaugeFacet(now int64) uint64 {
	w := &e.gauge
	h := uint64(14695981039346656037)
	for i := range w.signals {
		if s := &w.signals[i]; s.ill(now) && w.counts(s) {
			h = (h ^ uint64(s.column.Signal)<<8 ^ uint64(s.pattern)) * 1099511628211
		}
	}
	if h != w.next {
		w.next, w.nextAt = h, now
	}
	if w.facet == 0 || (w.ill && now-w.nextAt >= facetSettles) {
		w.facet = w.next
	}
	return w.facet
}

// packetShare follows how many of the gauge's transmissions are damaged, by the panel's
// own counters.
type packetShare struct {
	all, bad         int // columns; −1: the panel does not count
	lastAll, lastBad int64
	known            bool
	sent, lost       int64 // of the present batch
	damaged          float64
}

// packetBatch is how many transmissions make a share.
const packetBatch = 60

func (p *packetShare) take(readings []esp.Reading) {
	if p.all < 0 || p.bad < 0 || !readings[p.all].Quality.Usable() || !readings[p.bad].Quality.Usable() {
		return
	}
	all, bad := readings[p.all].Raw, readings[p.bad].Raw
	sent, lost := all-p.lastAll, bad-p.lastBad
	p.lastAll, p.lastBad = all, bad
	if !p.known || sent < 0 || lost < 0 || sent > packetBatch { // wrapped, or a hole
		p.known, p.sent, p.lost = true, 0, 0
		return
	}
	p.sent += sent
	p.lost += lost
	if p.sent >= packetBatch {
		p.damaged = float64(p.lost) / float64(max(p.sent, p.lost))
		p.sent, p.lost = 0, 0
	}
}
