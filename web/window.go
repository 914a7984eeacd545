package web

import (
	"net/url"
	"strconv"
	"time"
)

// window is the piece of time that a chart, a table or an export is about.
type window struct {
	from, to time.Time // from included, to not
	// name is the range that was asked for (1h … 30d, all), which ends now; empty where
	// both ends were given.
	name string
}

// namedRange is a range that ends now. Zero length: everything stored.
type namedRange struct {
	name, label string
	length      time.Duration
}

const (
	day          = 24 * time.Hour
	defaultRange = "24h"
	// leastWindow is the shortest time that is shown, longestWindow the longest: more
	// than any appliance lives.
	leastWindow   = 10 * time.Second
	longestWindow = 30 * 365 * day
)

func namedRanges() []namedRange {
	return []namedRange{
		{"1h", "1 h", time.Hour},
		{"8h", "8 h", 8 * time.Hour},
		{"24h", "24 h", day},
		{"7d", "7 d", 7 * day},
		{"30d", "30 d", 30 * day},
		{"all", "All", 0},
	}
}

func (w window) span() time.Duration { return w.to.Sub(w.from) }

// live reports whether the window ends with the present, and moves with it.
func (w window) live() bool { return w.name != "" }

// parseWindow reads range, or from and to, of a query. oldest is that of what is
// stored, zero for nothing.
func parseWindow(q url.Values, now, oldest time.Time, loc *time.Location) (window, error) {
	from, to, name := q.Get("from"), q.Get("to"), q.Get("range")
	if from == "" && to == "" {
		if name == "" {
			name = defaultRange
		}
		return rangeWindow(name, now, oldest)
	}
	if name != "" {
		return window{}, errInvalid("range", "give either range or from and to")
	}
	w := window{to: now}
	var err error
	if to != "" {
		if w.to, err = parseMoment("to", to, loc); err != nil {
			return window{}, err
		}
	}
	w.from = w.to.Add(-day)
	if from != "" {
		if w.from, err = parseMoment("from", from, loc); err != nil {
			return window{}, err
		}
	}
	switch {
	case !w.from.Before(w.to):
		return window{}, errInvalid("from", "from must be before to")
	case w.span() < leastWindow:
		return window{}, errInvalid("from", "from and to must be at least 10 s apart")
	case w.span() > longestWindow:
		return window{}, errInvalid("from", "from and to are more than 30 years apart")
	}
	return w, nil
}

func rangeWindow(name string, now, oldest time.Time) (window, error) {
	for _, r := range namedRanges() {
		if r.name != name {
			continue
		}
		w := window{from: now.Add(-r.length), to: now, name: name}
		if r.length == 0 {
			w.from = oldest
			if oldest.IsZero() || now.Sub(oldest) < time.Hour {
				w.from = now.Add(-time.Hour)
			}
			w.from = maxTime(w.from, now.Add(-longestWindow))
		}
		return w, nil
	}
	return window{}, errInvalid("range", "range must be 1h, 8h, 24h, 7d, 30d or all")
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// parseMoment reads a time: ISO 8601 with its offset, without one in site time, or
// milliseconds since 1970.
func parseMoment(field, s string, loc *time.Location) (time.Time, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms > 0 && ms < 1e14 {
		return time.UnixMilli(ms).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return bounded(field, t)
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return bounded(field, t)
		}
	}
	return time.Time{}, errInvalid(field, field+" is no time: write it like 2026-11-23T19:32:00Z, or without Z in site time")
}

func bounded(field string, t time.Time) (time.Time, error) {
	if y := t.UTC().Year(); y < 1970 || y > 2200 {
		return time.Time{}, errInvalid(field, field+" must be between 1970 and 2200")
	}
	return t.UTC(), nil
}

// widths are the lengths of the pieces that a window is cut into, so that the same
// pieces come again while the window moves and start at whole minutes or hours.
func widths() []time.Duration {
	return []time.Duration{
		time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 30 * day,
	}
}

// widthFor is the least width that cuts span into at most points pieces, the ones that
// both ends cut through included.
func widthFor(span time.Duration, points int) time.Duration {
	all := widths()
	for _, w := range all {
		if int64(span/w)+2 <= int64(points) {
			return w
		}
	}
	return max(all[len(all)-1], (span/time.Duration(max(1, points-2)) + day).Truncate(day))
}

// aligned widens w to whole pieces.
func (w window) aligned(width time.Duration) window {
	w.from = w.from.Truncate(width)
	if end := w.to.Truncate(width); end.Before(w.to) {
		w.to = end.Add(width)
	}
	return w
}

// query is the window as the query of a link.
func (w window) query() url.Values {
	q := url.Values{}
	if w.name != "" {
		q.Set("range", w.name)
		return q
	}
	q.Set("from", short(w.from))
	q.Set("to", short(w.to))
	return q
}

// short is a time for a link: whole seconds.
func short(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// earlier and later are half a window away; a window that reaches the present is the
// range that moves with it, where there is one of that length.
func (w window) earlier() window {
	half := w.span() / 2
	return window{from: w.from.Add(-half), to: w.to.Add(-half)}
}

func (w window) later(now time.Time) window {
	half := w.span() / 2
	return window{from: w.from.Add(half), to: w.to.Add(half)}.settled(now)
}

// settled ends a window now that would end later, or so little earlier that it is only
// the time which the step took.
func (w window) settled(now time.Time) window {
	if w.to.Before(now.Add(-w.span() / 20)) {
		return w
	}
	for _, r := range namedRanges() {
		if d := w.span() - r.length; d > -w.span()/20 && d < w.span()/20 {
			return window{from: now.Add(-r.length), to: now, name: r.name}
		}
	}
	return window{from: now.Add(-w.span()), to: now}
}

// closer is the middle half; of a range that ends now, the next shorter one.
func (w window) closer(now time.Time) window {
	if w.live() {
		if r, ok := neighbour(w.span(), -1); ok {
			return window{from: now.Add(-r.length), to: now, name: r.name}
		}
		return window{from: w.to.Add(-w.span() / 2), to: w.to}
	}
	quarter := w.span() / 4
	return window{from: w.from.Add(quarter), to: w.to.Add(-quarter)}
}

// farther is twice the window; of a range that ends now, the next longer one.
func (w window) farther(now time.Time) window {
	if w.live() {
		if r, ok := neighbour(w.span(), 1); ok {
			return window{from: now.Add(-r.length), to: now, name: r.name}
		}
		return window{from: w.from, to: w.to, name: "all"}
	}
	half := w.span() / 2
	return window{from: w.from.Add(-half), to: w.to.Add(half)}.settled(now)
}

// neighbour is the next shorter (-1) or longer (1) range than span.
func neighbour(span time.Duration, step int) (namedRange, bool) {
	var best namedRange
	for _, r := range namedRanges() {
		if r.length == 0 {
			continue
		}
		if step < 0 && r.length < span-span/20 {
			best = r
		}
		if step > 0 && r.length > span+span/20 {
			return r, true
		}
	}
	return best, best.length > 0
}
