package diagnosis

import (
	"math"
	"slices"
)

// How far the intake pressure of this well rises by itself. Slugs, gas and the surface
// move it, in some wells by a tenth within an hour and every other day, in others by
// less than a hundredth in weeks. A rise is told from that by the well's own past.
const (
	swellLag   = 6  // hours: what may be a fault already is not its own measure
	swellLeast = 24 // hours known: whatever goes by the day was seen
	swellRank  = 3  // the rise that was reached or passed in so many hours
	// Of a well that is not known for long enough it is taken that it does what most
	// recorded ones do not do in a week.
	swellUnknown = 0.05
	swellLowest  = 150 // kPa
	swellTimes   = 1.6
	// After a start a recorded well came back by an eighth over half a day.
	swellStart = 0.15
)

// swell remembers the highest rise of each hour of a week above the reference it had.
type swell struct {
	hour  [hours]float32 // NaN: not known
	now   float64        // of this hour, NaN: nothing yet
	level float64        // as it stands
	count int            // of hours for which it was computed
}

func newSwell() swell {
	s := swell{now: math.NaN(), level: math.NaN(), count: -1}
	for i := range s.hour {
		s.hour[i] = float32(math.NaN())
	}
	return s
}

// note takes a frame's rise.
func (s *swell) note(rise float64) {
	if math.IsNaN(s.now) || rise > s.now {
		s.now = rise
	}
}

// close ends the hour of a count.
func (s *swell) close(count int) {
	s.hour[count%hours] = float32(s.now)
	s.now = math.NaN()
}

// skip passes over an hour of silence.
func (s *swell) skip(count int) {
	s.now = math.NaN()
	s.close(count)
}

// usual is what the well reaches by itself, NaN where too little of it is known.
func (s *swell) usual(sc *scratch, count int) float64 {
	if s.count == count {
		return s.level
	}
	s.count, s.level = count, math.NaN()
	x := sc.learned[:0]
	for age := swellLag; age < min(count, hours); age++ {
		if v := float64(s.hour[(count-1-age)%hours]); !math.IsNaN(v) {
			x = append(x, v)
		}
	}
	if len(x) >= swellLeast {
		slices.Sort(x)
		s.level = max(x[len(x)-swellRank], 0)
	}
	return s.level
}

// ownSwell is how far a rise of intake pressure has to go beyond what the well does by
// itself. Where discharge pressure shows what it is, no more is asked for than of a well
// that nobody knows.
func (e *Engine) ownSwell(a *anchored, t *track) float64 {
	if t != e.roles[roleIntake] {
		return math.NaN()
	}
	unknown := max(swellUnknown*math.Abs(a.level), swellLowest)
	if a.since == sinceLow {
		return swellStart * math.Abs(a.level)
	}
	own := swellTimes * e.swell.usual(&e.scratch, e.slow.hours)
	_, seen := e.heldRole(roleDischarge)
	if math.IsNaN(own) || (seen && own > unknown) || (a.coarse && own < unknown) {
		return unknown
	}
	return own
}

// noteSwell takes the rise of the last frame over the half day before.
func (e *Engine) noteSwell(now int64) {
	t := e.roles[roleIntake]
	if t == nil || now-max(e.slow.since, e.machine.startAt) < settleIntake {
		return
	}
	i := (e.slow.frames - 1) % frames
	v := float64(t.slow.frame[i])
	if a, ok := e.fromHalfDay(t, float64(e.slow.frequency[i])); ok && !math.IsNaN(v) {
		e.swell.note(v - a.level - a.up)
	}
}
