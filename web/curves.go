package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// barView is the analogue bar of a tile: an outlined track, the usual band, the
// limits and a pointer. Positions are per cent of the width.
type barView struct {
	Min, Max string // ends of the track in the stored unit, for the browser
	Band     *bandView
	Limits   []string
	Pointer  string // where the value stands; at an end when beyond it
}

type bandView struct{ From, Width string }

// bar scales the track to the usual band and the limits, never to the value: a track
// that moved with the value would say nothing. Nil where neither is known.
func (m *model) bar(s *Signal) *barView {
	var limits []float64
	for _, l := range m.o.Well.Limits {
		if s.ID != 0 && l.Signal == s.ID {
			limits = append(limits, l.Value)
		}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range append([]float64{s.UsualLow, s.UsualHigh}, limits...) {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		return nil
	}
	pad := 0.35 * (hi - lo)
	if pad == 0 {
		pad = max(0.5*math.Abs(hi), 1)
	}
	floor := math.Inf(-1)
	if lo >= 0 {
		floor = 0
	}
	lo, hi = max(lo-pad, floor), hi+pad

	position := func(v float64) float64 { return min(100, max(0, 100*(v-lo)/(hi-lo))) }
	b := &barView{Min: decimal(lo), Max: decimal(hi)}
	if !math.IsNaN(s.UsualLow) && !math.IsNaN(s.UsualHigh) {
		from := position(s.UsualLow)
		b.Band = &bandView{From: percent(from), Width: percent(position(s.UsualHigh) - from)}
	}
	for _, l := range limits {
		b.Limits = append(b.Limits, percent(position(l)))
	}
	if v := s.Reading.Value; !math.IsNaN(v) {
		b.Pointer = percent(position(v))
	} else {
		b.Pointer = percent(0)
	}
	return b
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "%" }

// sparkView is a small curve, 100 by 30: the area between least and greatest value
// of each interval, so that swings inside an interval are seen.
type sparkView struct {
	Path string
	Band *bandView // From and Width are y and height
	// Onset is where the finding that the curve is evidence of began; empty: before the
	// curve, or no finding.
	Onset string
}

// Height of the drawing, and the room left above and below.
const (
	sparkHeight = 30.0
	sparkMargin = 2.0
)

// spark draws the points of a signal; nil where there is nothing to draw.
func spark(s *Signal) *sparkView {
	lo, hi := math.Inf(1), math.Inf(-1)
	seen := 0
	for _, p := range s.Points {
		if !math.IsNaN(p.Min) {
			lo, hi = min(lo, p.Min), max(hi, p.Max)
			seen++
		}
	}
	if seen < 2 {
		return nil
	}
	banded := !math.IsNaN(s.UsualLow) && !math.IsNaN(s.UsualHigh)
	if banded {
		lo, hi = min(lo, s.UsualLow), max(hi, s.UsualHigh)
	}
	if least := resolution(s); hi-lo < least { // a flat line is not blown up to fill the box
		lo, hi = (lo+hi-least)/2, (lo+hi+least)/2
	}
	y := func(v float64) float64 {
		return sparkHeight - sparkMargin - (sparkHeight-2*sparkMargin)*(v-lo)/(hi-lo)
	}
	v := &sparkView{Path: sparkPath(s.Points, y)}
	if banded {
		top := y(s.UsualHigh)
		v.Band = &bandView{From: tenth(top), Width: tenth(y(s.UsualLow) - top)}
	}
	return v
}

func resolution(s *Signal) float64 {
	if s.ID == 0 {
		return 1e-6
	}
	return 4 * s.ID.Info().Resolution()
}

func sparkPath(points []Point, y func(float64) float64) string {
	var b strings.Builder
	first := curvePoints - len(points) // the newest stands at the right edge
	for i := 0; i < len(points); i++ {
		if math.IsNaN(points[i].Min) {
			continue
		}
		end := i
		for end < len(points) && !math.IsNaN(points[end].Min) {
			end++
		}
		letter := "M"
		for j := i; j < end; j++ {
			b.WriteString(letter + sparkX(first+j) + " " + tenth(y(points[j].Max)))
			letter = "L"
		}
		for j := end - 1; j >= i; j-- {
			b.WriteString("L" + sparkX(first+j) + " " + tenth(y(points[j].Min)))
		}
		b.WriteString("Z")
		i = end
	}
	return b.String()
}

func sparkX(i int) string { return tenth(float64(i) * 100 / (curvePoints - 1)) }

func tenth(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// sparkFor draws the signal behind a piece of evidence of a finding that began at onset.
func (m *model) sparkFor(name string, onset time.Time) *sparkView {
	s := m.signalFor(name)
	if s == nil {
		return nil
	}
	v := spark(s)
	// In whole intervals, so that the mark moves with the curve and no more often.
	if ago := int(m.now.Sub(onset) / curveInterval); v != nil && !onset.IsZero() && ago >= 0 && ago < curvePoints {
		v.Onset = sparkX(curvePoints - 1 - ago)
	}
	return v
}

// signalFor finds the signal behind a piece of evidence: named itself, or as the
// beginning of a feature's name such as motor_current_swing.
func (m *model) signalFor(name string) *Signal {
	for n := name; n != ""; {
		if id, ok := esp.Lookup(n); ok {
			return m.signals[id]
		}
		cut := strings.LastIndexByte(n, '_')
		if cut < 0 {
			return nil
		}
		n = n[:cut]
	}
	return nil
}
