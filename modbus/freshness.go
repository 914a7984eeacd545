package modbus

import (
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// freshFor is how long a counter of new values may stand still. Gauges renew their
// values every few seconds to a minute.
const freshFor = 2 * time.Minute

// freshness marks values as stale whose device goes on answering with the last ones:
// a surface panel that lost its gauge does. The counter that a profile names with
// fresh_by tells.
type freshness struct {
	points   []profile.Point
	counters map[int]*counter // by the position of the counter's point
	of       map[int]int      // position of a value → position of its counter
}

type counter struct {
	seen  bool
	raw   int64
	moved time.Time
}

func newFreshness(points []profile.Point) freshness {
	f := freshness{points: points, counters: map[int]*counter{}, of: map[int]int{}}
	position := map[string]int{}
	for i := range points {
		position[points[i].Name] = i
	}
	for i := range points {
		if at, ok := position[points[i].FreshBy]; ok {
			f.counters[at] = &counter{}
			f.of[i] = at
		}
	}
	return f
}

func (f *freshness) grade(at time.Time, readings []esp.Reading) {
	for i, c := range f.counters {
		if r := readings[i]; r.Quality == esp.Good && (!c.seen || r.Raw != c.raw) {
			*c = counter{true, r.Raw, at}
		}
	}
	for i, by := range f.of {
		c := f.counters[by]
		if c.seen && at.Sub(c.moved) >= freshFor && readings[i].Quality.Shown() {
			readings[i].Quality, readings[i].Reason = esp.Stale, esp.Frozen
		}
	}
}
