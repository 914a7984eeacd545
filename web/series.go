package web

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

const (
	// maxPoints is how many pieces a series has at most.
	maxPoints = 1500
	// maxSeries bounds how many signals one answer has.
	maxSeries = 64
	// heavyQueries may read the disk at once; others wait, so that somebody who asks for
	// years does not slow the polling down.
	heavyQueries = 2
	heavyWait    = 20 * time.Second
)

// seriesDoc is the answer of the series route and what the chart of the page draws.
type seriesDoc struct {
	Well esp.WellID `json:"well"`
	From string     `json:"from"` // whole pieces: at or before what was asked for
	To   string     `json:"to"`
	// Width is the length of a piece, seconds.
	Width float64 `json:"width"`
	// Oldest and Newest are the times of what is stored of the well; null: nothing.
	Oldest *string `json:"oldest"`
	Newest *string `json:"newest"`
	// Times are the starts of the pieces, ms since 1970.
	Times  []int64       `json:"times"`
	Series []seriesCurve `json:"series"`
}

// seriesCurve is one signal of a seriesDoc, in its stored unit.
type seriesCurve struct {
	Signal string   `json:"signal"`
	Label  string   `json:"label"`
	Unit   esp.Unit `json:"unit"`
	Count  int      `json:"count"` // of the values that the curve is made of
	// Min, Max and Mean of the usable values of each piece; null where there are none.
	Min  numbers `json:"min"`
	Max  numbers `json:"max"`
	Mean numbers `json:"mean"`
	// Gaps are the runs of pieces, first and last, in which a reading was due and there is
	// none. A null outside of them is a piece in which nothing was due.
	Gaps [][2]int `json:"gaps"`
	// Doubtful and Bad are the pieces that have values which are not in the curve, and
	// how many: suspect, implausible or stale ones, and invalid or lost ones.
	Doubtful [][2]int `json:"doubtful"`
	Bad      [][2]int `json:"bad"`
}

// numbers are values that JSON writes as null where there is none.
type numbers []float64

// MarshalJSON writes the shortest form of each.
func (n numbers) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 8*len(n)+2)
	out = append(out, '[')
	for i, v := range n {
		if i > 0 {
			out = append(out, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out = append(out, "null"...)
			continue
		}
		out = strconv.AppendFloat(out, v, 'g', -1, 64)
	}
	return append(out, ']'), nil
}

// history is a request for stored readings: which, and of when.
type history struct {
	overview       *Overview
	oldest, newest time.Time // of what is stored
	window         window
	width          time.Duration
	signals        []*Signal
}

// askedHistory reads the query of a request. Where it asks for no signals it gets those
// of the page.
func (s *Server) askedHistory(c echo.Context, well esp.WellID, points int) (*history, error) {
	ctx, q := c.Request().Context(), c.QueryParams()
	o, err := s.cfg.Wells.Overview(ctx, well)
	if err != nil {
		return nil, err
	}
	h := &history{overview: o}
	if h.oldest, h.newest, err = s.cfg.Curves.Stored(ctx, o.Well.ID); err != nil {
		return nil, err
	}
	if h.window, err = parseWindow(q, o.Time, h.oldest, s.render.look().location); err != nil {
		return nil, err
	}
	if h.signals, err = askedSignals(q, o); err != nil {
		return nil, err
	}
	if len(h.signals) == 0 {
		h.signals = defaultSignals(o)
	}
	h.width, err = askedWidth(q, h.window, points)
	return h, err
}

// askedSignals reads signals=a,b, which may come several times. Without it there are
// none.
func askedSignals(q url.Values, o *Overview) ([]*Signal, error) {
	var out []*Signal
	for _, list := range q["signals"] {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			if name == "" || slices.ContainsFunc(out, func(s *Signal) bool { return s.Name == name }) {
				continue
			}
			s := namedSignal(o, name)
			if s == nil {
				return nil, errInvalid("signals", "this well has no signal "+strconv.Quote(name)+"; /api/v1/wells/{well}/latest lists what it has")
			}
			if out = append(out, s); len(out) > maxSeries {
				return nil, errInvalid("signals", "at most "+strconv.Itoa(maxSeries)+" signals at once")
			}
		}
	}
	return out, nil
}

// namedSignal finds a signal of the well; one that a former profile had is found where
// its name is canonical.
func namedSignal(o *Overview, name string) *Signal {
	for i := range o.Signals {
		if o.Signals[i].Name == name {
			return &o.Signals[i]
		}
	}
	if id, ok := esp.Lookup(name); ok {
		return &Signal{Name: name, ID: id, Unit: id.Info().Unit, Last: math.NaN(), UsualLow: math.NaN(), UsualHigh: math.NaN(), Reading: esp.Reading{Value: math.NaN()}}
	}
	return nil
}

// askedWidth reads width, in seconds, or points, the most that may be given.
func askedWidth(q url.Values, w window, points int) (time.Duration, error) {
	if s := q.Get("points"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 10 || n > maxPoints {
			return 0, errInvalid("points", "points must be a number from 10 to "+strconv.Itoa(maxPoints))
		}
		points = n
	}
	s := q.Get("width")
	if s == "" {
		return widthFor(w.span(), points), nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > int(30*day/time.Second) {
		return 0, errInvalid("width", "width must be whole seconds, from 1 to those of 30 days")
	}
	width := time.Duration(n) * time.Second
	if w.span()/width+2 > maxPoints {
		return 0, errInvalid("width", "this would be more than "+strconv.Itoa(maxPoints)+" pieces; ask for a greater width or a shorter time")
	}
	return width, nil
}

// buckets asks for the sums of h; pieces that begin in the future are left out.
func (s *Server) buckets(ctx context.Context, h *history) ([]Buckets, window, error) {
	w := h.window.aligned(h.width)
	if now := h.overview.Time; w.to.After(now.Add(h.width)) {
		w.to = maxTime(window{to: now}.aligned(h.width).to, w.from.Add(h.width))
	}
	release, err := s.heavyQuery(ctx)
	if err != nil {
		return nil, w, err
	}
	defer release()
	names := make([]string, len(h.signals))
	for i, sig := range h.signals {
		names[i] = sig.Name
	}
	list, err := s.cfg.Curves.Buckets(ctx, BucketQuery{Well: h.overview.Well.ID, Signals: names, From: w.from, To: w.to, Width: h.width})
	return list, w, err
}

// heavyQuery waits for a turn to read much from the disk; release ends it.
func (s *Server) heavyQuery(ctx context.Context) (release func(), err error) {
	wait := time.NewTimer(heavyWait)
	defer wait.Stop()
	select {
	case s.heavy <- struct{}{}:
		return func() { <-s.heavy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, &apiError{status: http.StatusServiceUnavailable, code: "busy", message: "others are asking for much of the history; try again in a moment"}
	}
}

// series puts the sums of h into the shape of the route.
func (h *history) series(list []Buckets, w window) *seriesDoc {
	d := &seriesDoc{Well: h.overview.Well.ID, From: iso(w.from), To: iso(w.to), Width: h.width.Seconds(), Series: make([]seriesCurve, len(list)), Times: []int64{}}
	if !h.newest.IsZero() {
		d.Oldest, d.Newest = new(iso(h.oldest)), new(iso(h.newest))
	}
	if len(list) > 0 {
		for i := range list[0].List {
			d.Times = append(d.Times, list[0].List[i].Start.UnixMilli())
		}
	}
	for k := range list {
		d.Series[k] = curveOf(h.signals[k], &list[k], h.width, h.overview.Time)
	}
	return d
}

func curveOf(s *Signal, b *Buckets, width time.Duration, now time.Time) seriesCurve {
	n := len(b.List)
	c := seriesCurve{
		Signal: s.Name, Label: label(s), Unit: s.Unit, Min: make(numbers, n), Max: make(numbers, n), Mean: make(numbers, n),
		Gaps: gaps(b.List, width, s.Period, now), Doubtful: [][2]int{}, Bad: [][2]int{},
	}
	if b.Unit != esp.None {
		c.Unit = b.Unit
	}
	digits := 6
	if s.ID != 0 {
		digits = int(s.ID.Info().Decimals)
	}
	for i := range b.List {
		k := &b.List[i]
		c.Min[i], c.Max[i], c.Mean[i] = rounded(k.Min, digits), rounded(k.Max, digits), rounded(k.Mean, digits)
		c.Count += k.Count
		if k.Doubtful > 0 {
			c.Doubtful = append(c.Doubtful, [2]int{i, k.Doubtful})
		}
		if k.Bad > 0 {
			c.Bad = append(c.Bad, [2]int{i, k.Bad})
		}
	}
	return c
}

// rounded drops the digits beyond a signal's resolution, which a conversion makes up.
func rounded(v float64, digits int) float64 {
	if math.IsNaN(v) || math.Abs(v) > 1e12 {
		return v
	}
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

// overdue is how many intervals of reading may pass before what is missing is a gap.
const overdue = 2.5

// gaps finds the runs of pieces in which readings were due and there is none that may
// be used. Pieces shorter than the interval of reading are empty in turn, which is no
// gap; the interval is that of the device, or where the past was recorded more slowly
// the usual one of the pieces themselves.
func gaps(list []Bucket, width, period time.Duration, now time.Time) [][2]int {
	due := max(period, usualDistance(list, width))
	out := [][2]int{}
	for i := 0; i < len(list); i++ {
		if list[i].Count > 0 {
			continue
		}
		end, missed := i, false
		for ; end < len(list) && list[end].Count == 0; end++ {
			missed = missed || list[end].Doubtful+list[end].Bad > 0
		}
		length := time.Duration(end-i) * width
		if last := list[end-1].Start.Add(width); last.After(now) { // the piece that is not over
			length -= last.Sub(now)
		}
		if missed || (length > 0 && float64(length) >= overdue*float64(due)) {
			out = append(out, [2]int{i, end - 1})
		}
		i = end
	}
	return out
}

// usualDistance is the median time between pieces with readings; 0 where they follow
// one another, or are too few to tell.
func usualDistance(list []Bucket, width time.Duration) time.Duration {
	const few = 8
	var all []time.Duration
	last := -1
	for i := range list {
		if list[i].Count == 0 {
			continue
		}
		if last >= 0 {
			all = append(all, list[i].Start.Sub(list[last].Start))
		}
		last = i
	}
	if len(all) < few {
		return 0
	}
	slices.Sort(all)
	if median := all[len(all)/2]; median > width {
		return median
	}
	return 0
}

// apiSeries is GET /api/v1/wells/{well}/series.
func (s *Server) apiSeries(c echo.Context) error {
	h, err := s.askedHistory(c, wellParam(c), maxPoints)
	if err != nil {
		return err
	}
	list, w, err := s.buckets(c.Request().Context(), h)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, h.series(list, w))
}
