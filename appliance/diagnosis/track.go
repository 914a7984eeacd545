package diagnosis

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Windows. Ticks are samples of the held value, so that regular and irregular data
// look alike; a value is held, never interpolated.
const (
	tick        = 5 * second
	windowTicks = 120 // ten minutes
	minuteTicks = 12
	minutes     = 120
	shortTicks  = 24 // two minutes

	holdPolls = 3
	holdLeast = 10 * second
	holdIdle  = hour // without a bad reading: event-driven data is silent while nothing changes
)

// track is the memory of one analog signal.
type track struct {
	column   int // in the layout; −1 for a computed one
	signal   esp.SignalID
	quantum  float64 // the smallest step that can be seen
	value    float64 // last usable
	at       int64   // its time; 0: none yet
	failing  bool    // something unusable came since
	due      int64
	period   float64 // ms between polls of it
	fresh    bool    // a new reading since the last tick
	ticks    [windowTicks]float64
	freshes  [windowTicks]bool
	level    [minutes]float32 // median of each minute
	unrest   [minutes]float32 // spread about the trend within each minute
	baseline baseline
	slow     *memory // nil: no rule speaks of it
}

func newTrack(column int, signal esp.SignalID, quantum float64) *track {
	t := &track{column: column, signal: signal, quantum: quantum, value: math.NaN()}
	for i := range t.ticks {
		t.ticks[i] = math.NaN()
	}
	for i := range t.level {
		t.level[i], t.unrest[i] = float32(math.NaN()), float32(math.NaN())
	}
	t.baseline.clear()
	return t
}

// take notes a reading that was due.
func (t *track) take(r *esp.Reading, now int64) {
	if t.due != 0 && now > t.due {
		dt := math.Min(float64(now-t.due), float64(2*hour))
		if t.period == 0 {
			t.period = dt
		}
		t.period += (dt - t.period) / 8
	}
	t.due = now
	if r.Quality.Usable() {
		t.value, t.at, t.failing, t.fresh = r.Value, now, false, true
		return
	}
	t.failing = true
}

// held is the value that holds at now.
func (t *track) held(now int64) (float64, bool) {
	if t.at == 0 {
		return math.NaN(), false
	}
	limit := holdIdle
	if t.failing {
		limit = holdLeast
	}
	if now-t.at > max(limit, int64(holdPolls*t.period)) {
		return math.NaN(), false
	}
	return t.value, true
}

// resolution is the smallest difference in the signal that means anything.
func (t *track) resolution(level float64) float64 {
	return max(t.quantum, relativeFloor*math.Abs(level))
}

// relativeFloor keeps a baseline of perfectly quiet data from making noise of
// nothing: what a good gauge repeats to.
const relativeFloor = 0.0005

// clock is where all rings stand.
type clock struct {
	next int64 // time of the next tick
	pos  int   // ring position of the next tick
	min  int   // ring position of the next minute
}

// push stores the held value at a tick.
func (t *track) push(pos int, v float64) {
	t.ticks[pos] = v
	t.freshes[pos] = t.fresh
	t.fresh = false
}

// window copies the newest n ticks that are not older than limit ticks into dst, in
// order of time, and returns how many of them hold a value and how many were read
// afresh. Ticks without a value stay NaN.
func (t *track) window(dst []float64, pos, n int) (valid, fresh int) {
	start := pos - n
	if start < 0 {
		start += windowTicks
	}
	for i := range n {
		k := start + i
		if k >= windowTicks {
			k -= windowTicks
		}
		dst[i] = t.ticks[k]
		if !math.IsNaN(dst[i]) {
			valid++
		}
		if t.freshes[k] {
			fresh++
		}
	}
	return valid, fresh
}

// compact moves the numbers among x to its front.
func compact(dst, x []float64) []float64 {
	dst = dst[:0]
	for _, v := range x {
		if !math.IsNaN(v) {
			dst = append(dst, v)
		}
	}
	return dst
}

// scratch is working memory for window statistics, so that none is allocated.
type scratch struct {
	raw, work       [windowTicks]float64
	learned         []float64
	speeds, spare   []float64
	blockX, blockAt []float64
	pairs           []float64
}

func newScratch() scratch {
	make0 := func(n int) []float64 { return make([]float64, 0, n) }
	return scratch{
		learned: make0(slots), speeds: make0(slots), spare: make0(slots),
		blockX: make0(trendBlocks), blockAt: make0(trendBlocks), pairs: make0(trendBlocks * (trendBlocks - 1) / 2),
	}
}

// closeMinute stores the statistics of the minute that ends at pos.
func (t *track) closeMinute(sc *scratch, pos, at int) {
	t.window(sc.raw[:], pos, minuteTicks)
	x := compact(sc.work[:], sc.raw[:minuteTicks])
	if len(x) < minuteTicks/2 {
		t.level[at], t.unrest[at] = float32(math.NaN()), float32(math.NaN())
		return
	}
	t.level[at] = float32(median(x))
	rest, ok := detrend(sc, minuteTicks)
	if !ok {
		t.unrest[at] = float32(math.NaN())
		return
	}
	t.unrest[at] = float32(spread(rest, median(rest)))
}

// shape of a window: its level, how it moves through, and how it swings about that.
type motion struct {
	level  float64 // median
	change float64 // over the window, from its thirds
	swing  float64 // scaled MAD about the line through the thirds
	ok     bool    // enough values for level and change
	dense  bool    // read often enough to speak of a swing
}

const (
	motionLeast = windowTicks / 2
	denseLeast  = 20 // fresh readings in ten minutes: a poll every 30 s
)

// motion looks at the newest n ticks. The line is drawn through the medians of the
// outer thirds: a spike does not tilt it.
func (t *track) motion(sc *scratch, pos, n int) motion {
	valid, fresh := t.window(sc.raw[:], pos, n)
	if valid < motionLeast {
		return motion{level: math.NaN()}
	}
	slope := incline(sc, n)
	if math.IsNaN(slope) {
		return motion{level: math.NaN()}
	}
	m := motion{level: median(compact(sc.work[:], sc.raw[:n])), change: slope * float64(n), ok: true, dense: fresh >= denseLeast}
	if !m.dense {
		return m
	}
	rest := straighten(sc, n, slope)
	m.swing = spread(rest, median(rest))
	return m
}

// incline is the slope per tick of the window in sc.raw, through the medians of its
// outer thirds; NaN where one of them is empty.
func incline(sc *scratch, n int) float64 {
	third := n / 3
	first := median(compact(sc.work[:], sc.raw[:third]))
	last := median(compact(sc.work[:], sc.raw[n-third:n]))
	return (last - first) / float64(n-third)
}

// straighten takes the slope out of the window in sc.raw; the numbers of it are left.
func straighten(sc *scratch, n int, slope float64) []float64 {
	rest := sc.work[:0]
	for i, v := range sc.raw[:n] {
		if !math.IsNaN(v) {
			rest = append(rest, v-slope*float64(i))
		}
	}
	return rest
}

func detrend(sc *scratch, n int) (rest []float64, ok bool) {
	slope := incline(sc, n)
	if math.IsNaN(slope) {
		return nil, false
	}
	return straighten(sc, n, slope), true
}

// recent is the median of the newest n ticks; ok is false when fewer than half hold
// a value.
func (t *track) recent(sc *scratch, pos, n int) (float64, bool) {
	valid, _ := t.window(sc.raw[:], pos, n)
	if valid*2 < n {
		return math.NaN(), false
	}
	return median(compact(sc.work[:], sc.raw[:n])), true
}

// each visits the newest n minutes, newest first, until f returns false.
func (t *track) each(at, n int, f func(age int, level, unrest float64) bool) {
	for age := range min(n, minutes) {
		i := at - 1 - age
		if i < 0 {
			i += minutes
		}
		if !f(age, float64(t.level[i]), float64(t.unrest[i])) {
			return
		}
	}
}
