package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// course plays the changes of a scenario: it gives the parameters at each time.
type course struct {
	base      params
	changes   []Change
	backward  int // changes before this index belong to every well and know no onset
	processes []process
	onset     int64 // Unix seconds
	calm      int64 // Unix seconds from which the operator leaves the speed alone
	seed      uint64
	rng       *rand.Rand
}

// process is the state of a Noise or of Spikes: a rotating phasor, of which x is the value.
type process struct {
	x, y float64
	step int64 // seconds for which the factors below hold
	keep float64
	add  float64
	c, s float64
}

func newCourse(seed uint64, scenario *Scenario, onset time.Time) *course {
	back := background()
	c := &course{
		base:     usual(),
		changes:  append(back, scenario.Changes...),
		backward: len(back),
		onset:    onset.Unix(),
		calm:     math.MaxInt64,
		seed:     seed,
		rng:      rand.New(rand.NewPCG(seed, 0x57656C6C)), //nolint:gosec // reproducible by seed is the point
	}
	if scenario.Calm > 0 {
		c.calm = c.onset - int64(scenario.Calm/time.Second)
	}
	c.processes = make([]process, len(c.changes))
	for i := range c.changes {
		if c.changes[i].Kind == Noise && i < c.backward {
			c.processes[i].x, c.processes[i].y = c.rng.NormFloat64(), c.rng.NormFloat64()
		}
	}
	return c
}

// at gives the parameters at a time, step seconds after the last one.
func (c *course) at(now, step int64) params {
	p := c.base
	for i := range c.changes {
		ch := &c.changes[i]
		since := float64(now - c.onset)
		if i < c.backward {
			since = math.MaxInt64
		}
		since -= ch.After.Seconds()
		if since < 0 || ch.Lasts > 0 && since >= ch.Lasts.Seconds() {
			continue
		}
		grown := 1.0
		if over := ch.Over.Seconds(); since < over {
			grown = since / over
		}
		switch ch.Kind {
		case Ramp:
			p[ch.Param] += (ch.To - p[ch.Param]) * grown
		case Noise:
			p[ch.Param] += ch.To * grown * c.processes[i].next(ch, step, c.rng)
		case Spikes:
			x := c.processes[i].next(ch, step, c.rng)
			p[ch.Param] += ch.To * grown * x * x
		case Wave:
			p[ch.Param] += ch.To * wave(now, ch)
		case Rounds:
			p[ch.Param] += ch.To * rounds(c.seed, min(now, c.calm))
		}
	}
	p.bound()
	return p
}

// next advances the process by step seconds. Exact for any step: an
// Ornstein-Uhlenbeck process, turned by the period where there is one.
func (s *process) next(ch *Change, step int64, rng *rand.Rand) float64 {
	if s.step != step {
		dt := float64(step)
		s.step = step
		s.keep = math.Exp(-dt / ch.Memory.Seconds())
		s.add = math.Sqrt(1 - s.keep*s.keep)
		s.c, s.s = 1, 0
		if ch.Period > 0 {
			s.s, s.c = math.Sincos(2 * math.Pi * dt / ch.Period.Seconds())
		}
	}
	x := s.keep*(s.c*s.x-s.s*s.y) + s.add*rng.NormFloat64()
	if ch.Period > 0 {
		s.y = s.keep*(s.s*s.x+s.c*s.y) + s.add*rng.NormFloat64()
	}
	s.x = x
	return x
}

// wave is a sine of the calendar.
func wave(now int64, ch *Change) float64 {
	period := int64(ch.Period / time.Second)
	return math.Sin(2 * math.Pi * (float64(now%period)/float64(period) - ch.Phase))
}

const secondsOfDay = 86400

// rounds is the operator's offset, -1 to 1 in steps of a third: he comes once in the
// morning and once in the afternoon. It depends on the calendar alone, so that a well
// restarted in the middle of the day finds the speed it had.
func rounds(seed uint64, now int64) float64 {
	day, second := now/secondsOfDay, now%secondsOfDay
	morning := 7*3600 + int64(hash(seed, day, 0)%(4*3600))
	afternoon := 14*3600 + int64(hash(seed, day, 1)%(5*3600))
	visit := int64(2)
	switch {
	case second < morning:
		day, visit = day-1, 3
	case second >= afternoon:
		visit = 3
	}
	return float64(hash(seed, day, visit)%7)/3 - 1
}

// hash mixes three numbers (splitmix64).
func hash(seed uint64, day, n int64) uint64 {
	x := seed ^ uint64(day)*0x9E3779B97F4A7C15 ^ uint64(n)*0xD1B54A32D192ED03
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
