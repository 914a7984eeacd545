package recording

import (
	"math"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// timeForms are the ways in which times are written. A time without a zone is UTC.
var timeForms = [...]string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
}

// parseTime reads a time of day or a count of seconds or milliseconds since 1970, as
// milliseconds.
func parseTime(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if len(s) >= 12 {
			return n, true
		}
		return n * 1000, len(s) >= 9
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// parseValue reads a field. present is false where it is empty: nothing was recorded at
// that time, which is no statement about the signal. A text where a number belongs
// (historians write "Bad" or "I/O Timeout") is a value that was lost.
func parseValue(s string, c *esp.Column) (r esp.Reading, present bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return esp.Reading{}, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && c.Signal == esp.RunState {
		if state, ok := esp.ParseState(strings.ToLower(s)); ok {
			x, err = float64(state), nil
		}
	}
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return esp.LostReading(esp.NotANumber), true
	}
	raw := int64(math.Float64bits(x))
	return esp.Reading{Raw: raw, Value: c.Decode(raw), Quality: esp.Good}, true
}
