package health

import "time"

// historySpan is how far back a figure is remembered, in steps of a minute.
const historySpan = 60

// history remembers figures minute by minute, to tell how much they rose lately. Its time
// is that of the process, so that a step of the clock changes nothing.
type history struct {
	marks map[string]*marks
}

// marks are the values of one figure at the beginning of each of the last minutes.
type marks struct {
	values [historySpan + 1]float64
	first  int64 // minute of the first mark
	last   int64 // minute of the newest mark
	swept  int64 // minute in which it was last asked for
}

func newHistory() *history { return &history{marks: map[string]*marks{}} }

// rise notes a figure and gives by how much it rose within the last hour, and for how
// much of that it is known.
func (h *history) rise(up time.Duration, figure string, value float64) (by float64, known time.Duration) {
	minute := int64(up / time.Minute)
	m := h.marks[figure]
	if m == nil {
		m = &marks{first: minute, last: minute}
		m.values[minute%int64(len(m.values))] = value
		h.marks[figure] = m
	}
	for at := max(m.last+1, minute-historySpan); at <= minute; at++ {
		m.values[at%int64(len(m.values))] = value
	}
	m.last, m.swept = max(m.last, minute), minute
	from := max(minute-historySpan, m.first)
	return value - m.values[from%int64(len(m.values))], time.Duration(minute-from) * time.Minute
}

// sweep forgets the figures that nobody asked for within the span, such as those of a
// device that is no longer configured.
func (h *history) sweep(up time.Duration) {
	minute := int64(up / time.Minute)
	for figure, m := range h.marks {
		if minute-m.swept > historySpan {
			delete(h.marks, figure)
		}
	}
}
