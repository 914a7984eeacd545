package web

import (
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

// pagePoints is how many pieces the page shows at most: about as many as a screen has
// room for, and 30 days in whole hours, which is how the store keeps them.
const pagePoints = 750

// trendsView is the body of the Trends page.
type trendsView struct {
	Banner   bannerView
	Heading  string // the window in words
	Ranges   []rangeView
	Moves    []moveView
	Compare  []rangeView
	Ghost    string // what is compared with; empty: nothing
	CSV, Raw string // links
	Piece    string
	Zone     string
	Live     bool
	Last     Clock // of the newest reading of what is shown
	Panes    []paneView
	Rows     []trendRow
	Notes    []noteView
	More     bool
	Choices  []choiceView
	Window   []hiddenField // what the form of values keeps
	Values   []hiddenField // what the form of times keeps
	From, To string        // of the form, site time
	Empty    bool          // no signal was ever read
	Chart    chartDoc
	Version  string
}

type rangeView struct {
	Label, Href string
	Current     bool
}

// moveView is a step through time; without Href it is not possible here.
type moveView struct{ Icon, Label, Href string }

type hiddenField struct{ Name, Value string }

// paneView is the frame of one pane; the script draws into it.
type paneView struct {
	Title  string
	Curves []curveView
}

type curveView struct {
	Signal, Label, Short string
	Last                 Quantity // of the window
	Style                int      // colour and dash
	Right                bool
}

// trendRow is one signal in the table under the chart.
type trendRow struct {
	Label, Short         string
	Min, Mean, Max, Last Quantity
	MinAt, MaxAt, LastAt Clock
	LeftOut              string // how many values the curve does not have; empty: none
	Gap                  string // for how long there is no record; empty: none
}

type choiceView struct {
	Name, Label, Short string
	Checked            bool
}

type noteView struct {
	Sign  string
	Mark  int
	Title string
	Text  []Words
	When  Clock
	Until Clock
	Href  string
	At    int64
}

// chartDoc is what the script draws.
type chartDoc struct {
	Live bool `json:"live"`
	// From and To are the ends of the window, Now the appliance's clock, ms since 1970.
	From   int64       `json:"from"`
	To     int64       `json:"to"`
	Now    int64       `json:"now"`
	Fresh  int64       `json:"fresh"` // ms that a reading may be old and still be the present
	Last   int64       `json:"last"`  // ms, of the newest reading of what is shown; 0: none
	Source string      `json:"source"`
	Series *seriesDoc  `json:"series"`
	Panes  []chartPane `json:"panes"`
	Notes  []chartNote `json:"notes"`
	Ghost  *ghostDoc   `json:"ghost,omitempty"`
}

type chartPane struct {
	Curves []chartCurve `json:"curves"`
}

// chartCurve says how a series is drawn.
type chartCurve struct {
	Series int          `json:"series"` // its position in the series
	Short  string       `json:"short,omitempty"`
	Key    string       `json:"key"` // of the table of units
	Digits *int         `json:"digits,omitempty"`
	Right  bool         `json:"right,omitempty"`
	Least  float64      `json:"least"` // the smallest span of the axis, so that noise is not blown up
	Usual  []float64    `json:"usual,omitempty"`
	Limits []chartLimit `json:"limits,omitempty"`
}

type chartLimit struct {
	Value    float64 `json:"value"`
	High     bool    `json:"high,omitempty"`
	Priority int     `json:"priority"`
}

type chartNote struct {
	At    int64  `json:"at"`
	Until int64  `json:"until,omitempty"`
	Sign  string `json:"sign"`
	Mark  int    `json:"mark,omitempty"`
	Title string `json:"title"`
}

func trendsPath(id esp.WellID) string { return wellPath(id) + "/trends" }

// trendsOfOnly is GET /trends: the page of the only well; several have a page each.
func (s *Server) trendsOfOnly(c echo.Context) error {
	wells := s.cfg.Wells.Wells(c.Request().Context())
	if len(wells) != 1 {
		return c.Redirect(http.StatusFound, "/")
	}
	return s.trendsPage(c, wells[0].ID, "/", "/trends", false)
}

func (s *Server) trends(c echo.Context) error {
	id := wellParam(c)
	several := len(s.cfg.Wells.Wells(c.Request().Context())) > 1
	return s.trendsPage(c, id, wellPath(id), trendsPath(id), several)
}

func (s *Server) trendsPage(c echo.Context, id esp.WellID, home, path string, several bool) error {
	h, err := s.askedHistory(c, id, pagePoints)
	if err != nil {
		return err
	}
	ctx, o := c.Request().Context(), h.overview
	t := &trendsMaker{model: s.render.model(o), h: h, path: path, asked: askedNames(c.QueryParams())}
	if t.compare, err = askedComparison(c.QueryParams()); err != nil {
		return err
	}
	if t.sums, t.shown, err = s.buckets(ctx, h); err != nil {
		return err
	}
	ghost, err := s.ghost(ctx, h, t.shown, t.compare)
	if err != nil {
		return err
	}
	list, more, err := s.notes(ctx, id, h.window)
	if err != nil {
		return err
	}
	t.notes = told(list)
	f := s.wellFrameView(o, home, several, "Trends")
	f.Script = "trends.js"
	body := t.view()
	body.Chart.Ghost = ghost
	body.More, body.Version = more, s.cfg.Version
	f.AlarmCount, f.Body = t.alarmList(), body
	return s.html(c, http.StatusOK, "trends", &f)
}

// askedNames are the names of the signals that were asked for, to be kept in links;
// nil where there were none.
func askedNames(q url.Values) []string {
	var out []string
	for _, list := range q["signals"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// trendsMaker puts the page together.
type trendsMaker struct {
	*model
	h       *history
	path    string
	asked   []string
	compare comparison
	sums    []Buckets
	shown   window // in whole pieces
	notes   []noteDoc
}

// link is the page, or path, for another window.
func (t *trendsMaker) link(path string, w window, more ...string) string {
	q := w.query()
	if len(t.asked) > 0 {
		q.Set("signals", strings.Join(t.asked, ","))
	}
	if path == t.path && t.compare.name != "" {
		q.Set("compare", t.compare.name)
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return path + "?" + strings.ReplaceAll(q.Encode(), "%2C", ",")
}

func (t *trendsMaker) view() *trendsView {
	w, now := t.h.window, t.now
	api := "/api/v1/wells/" + url.PathEscape(string(t.o.Well.ID))
	width := strconv.Itoa(int(t.h.width / time.Second))
	last := t.lastReading()
	v := &trendsView{
		Banner: t.banner(), Heading: t.heading(), Piece: esp.Span(t.h.width), Live: w.live(), Last: clockSeconds(last, now, t.loc), Empty: len(t.o.Signals) == 0,
		CSV: t.link(api+"/export.csv", w, "width", width), Raw: t.link(api+"/export.csv", w, "raw", "1"),
		From: w.from.In(t.loc).Format("2006-01-02T15:04"), To: w.to.In(t.loc).Format("2006-01-02T15:04"),
	}
	v.Zone, _ = zone(now, t.loc)
	for _, r := range namedRanges() {
		to := window{name: r.name}
		v.Ranges = append(v.Ranges, rangeView{Label: r.label, Href: t.link(t.path, to), Current: w.name == r.name})
	}
	v.Moves = t.moves()
	for _, c := range comparisons() {
		other := *t
		other.compare = c
		v.Compare = append(v.Compare, rangeView{Label: c.label, Href: other.link(t.path, w), Current: c == t.compare})
	}
	for k, val := range w.query() {
		v.Window = append(v.Window, hiddenField{k, val[0]})
	}
	slices.SortFunc(v.Window, func(a, b hiddenField) int { return strings.Compare(a.Name, b.Name) })
	if len(t.asked) > 0 {
		v.Values = []hiddenField{{"signals", strings.Join(t.asked, ",")}}
	}
	if t.compare.name != "" {
		v.Window = append(v.Window, hiddenField{"compare", t.compare.name})
		v.Values = append(v.Values, hiddenField{"compare", t.compare.name})
		v.Ghost = t.compare.label
	}
	t.addPanes(v)
	for i := range t.sums {
		v.Rows = append(v.Rows, t.row(i))
	}
	for i := range t.notes {
		v.Notes = append(v.Notes, t.note(&t.notes[i]))
		v.Chart.Notes = append(v.Chart.Notes, chartNoteOf(&t.notes[i]))
	}
	t.addChoices(v)
	v.Chart.Last = milli(last)
	v.Chart.Live, v.Chart.From, v.Chart.To, v.Chart.Now = w.live(), w.from.UnixMilli(), w.to.UnixMilli(), now.UnixMilli()
	v.Chart.Series = t.h.series(t.sums, t.shown)
	v.Chart.Source = api + "/series?signals=" + url.QueryEscape(strings.Join(t.names(), ",")) + "&width=" + width
	return v
}

func (t *trendsMaker) moves() []moveView {
	w := t.h.window
	later, closer := moveView{Icon: "later", Label: "Later"}, moveView{Icon: "closer", Label: "Zoom in"}
	if !w.live() {
		later.Href = t.link(t.path, w.later(t.now))
	}
	if w.span() >= 2*time.Minute {
		closer.Href = t.link(t.path, w.closer(t.now))
	}
	return []moveView{
		{Icon: "earlier", Label: "Earlier", Href: t.link(t.path, w.earlier())},
		later,
		closer,
		{Icon: "farther", Label: "Zoom out", Href: t.link(t.path, w.farther(t.now))},
	}
}

func (t *trendsMaker) names() []string {
	out := make([]string, len(t.h.signals))
	for i, s := range t.h.signals {
		out[i] = s.Name
	}
	return out
}

// heading is the window in words, with its dates.
func (t *trendsMaker) heading() string {
	const layout = "2 Jan 15:04"
	from, to := t.h.window.from.In(t.loc), t.h.window.to.In(t.loc)
	first, last := from.Format(layout), to.Format(layout)
	if from.Year() != t.now.In(t.loc).Year() || to.Year() != from.Year() {
		first, last = from.Format("2 Jan 2006 15:04"), to.Format("2 Jan 2006 15:04")
	} else if from.YearDay() == to.YearDay() {
		last = to.Format("15:04")
	}
	return first + " – " + last
}

// lastReading is the time of the newest value of what is shown.
func (t *trendsMaker) lastReading() time.Time {
	var newest time.Time
	for _, s := range t.h.signals {
		newest = maxTime(newest, s.LastTime)
	}
	return newest
}

func (t *trendsMaker) addPanes(v *trendsView) {
	fresh := leastFresh
	for _, p := range panes(t.h.signals) {
		pv, cp := paneView{Title: p.title}, chartPane{}
		for k, i := range p.curves {
			s := t.h.signals[i]
			fresh = max(fresh, freshFor(s.Period))
			c := curveView{Signal: s.Name, Label: label(s), Style: k + 1, Right: p.right[k], Last: t.show.quantity(s.ID, s.Unit, lastOf(t.sums[i].List))}
			if s.ID != 0 {
				c.Short = s.ID.Info().Short
			}
			pv.Curves = append(pv.Curves, c)
			drawn := t.curve(s, i, p.right[k], c.Last)
			drawn.Short = c.Short
			cp.Curves = append(cp.Curves, drawn)
		}
		v.Panes, v.Chart.Panes = append(v.Panes, pv), append(v.Chart.Panes, cp)
	}
	v.Chart.Fresh = fresh.Milliseconds()
}

func (t *trendsMaker) curve(s *Signal, i int, right bool, q Quantity) chartCurve {
	c := chartCurve{Series: i, Key: q.Key, Right: right, Least: 10 * resolution(s)}
	if q.Digits >= 0 {
		c.Digits = new(q.Digits)
	}
	if !math.IsNaN(s.UsualLow) && !math.IsNaN(s.UsualHigh) {
		c.Usual = []float64{s.UsualLow, s.UsualHigh}
	}
	for _, l := range t.o.Well.Limits {
		if s.ID != 0 && l.Signal == s.ID {
			c.Limits = append(c.Limits, chartLimit{Value: l.Value, High: l.High, Priority: l.Priority})
		}
	}
	return c
}

func lastOf(list []Bucket) float64 {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Count > 0 {
			return list[i].Last
		}
	}
	return math.NaN()
}

// row sums up one signal over the window. Times are the starts of the pieces that hold
// the values.
func (t *trendsMaker) row(i int) trendRow {
	s, list := t.h.signals[i], t.sums[i].List
	r := trendRow{Label: label(s)}
	if s.ID != 0 {
		r.Short = s.ID.Info().Short
	}
	least, most, last, sum := math.NaN(), math.NaN(), math.NaN(), 0.0
	count, left := 0, 0
	for k := range list {
		b := &list[k]
		left += b.Doubtful + b.Bad
		if b.Count == 0 {
			continue
		}
		if !(least <= b.Min) {
			least, r.MinAt = b.Min, t.clock(b.Start)
		}
		if !(most >= b.Max) {
			most, r.MaxAt = b.Max, t.clock(b.Start)
		}
		last, r.LastAt = b.Last, t.clock(b.Start)
		sum += b.Mean * float64(b.Count)
		count += b.Count
	}
	mean := math.NaN()
	if count > 0 {
		mean = sum / float64(count)
	}
	quantity := func(v float64) Quantity { return t.show.quantity(s.ID, s.Unit, v) }
	r.Min, r.Mean, r.Max, r.Last = quantity(least), quantity(mean), quantity(most), quantity(last)
	if left > 0 {
		r.LeftOut = group(strconv.Itoa(left))
	}
	missing := time.Duration(0)
	for _, g := range gaps(list, t.h.width, s.Period, t.now) {
		missing += time.Duration(g[1]-g[0]+1) * t.h.width
	}
	if missing > 0 {
		r.Gap = esp.Span(missing)
	}
	return r
}

func (t *trendsMaker) note(n *noteDoc) noteView {
	v := noteView{Sign: n.Sign, Title: n.Title, When: t.clock(n.at), At: n.at.UnixMilli()}
	if n.Sign == "alarm" || n.Sign == "diagnosis" {
		v.Mark = n.Priority
	}
	if n.Text != "" && n.Text != n.Title {
		v.Text = t.show.words(n.Text)
	}
	end := n.at
	if !n.until.IsZero() {
		v.Until, end = t.clock(n.until), n.until
	}
	const around = 15 * time.Minute
	v.Href = t.link(t.path, window{from: n.at.Add(-around), to: end.Add(around)})
	return v
}

func chartNoteOf(n *noteDoc) chartNote {
	c := chartNote{At: n.at.UnixMilli(), Sign: n.Sign, Title: n.Title}
	if n.Sign == "alarm" || n.Sign == "diagnosis" {
		c.Mark = n.Priority
	}
	if !n.until.IsZero() {
		c.Until = n.until.UnixMilli()
	}
	return c
}

// addChoices lists what a curve can be drawn of.
func (t *trendsMaker) addChoices(v *trendsView) {
	shown := t.names()
	for i := range t.o.Signals {
		s := &t.o.Signals[i]
		if !chartable(s) {
			continue
		}
		c := choiceView{Name: s.Name, Label: label(s)}
		if s.ID != 0 {
			c.Short = s.ID.Info().Short
		}
		for _, name := range shown {
			c.Checked = c.Checked || name == s.Name
		}
		v.Choices = append(v.Choices, c)
	}
}
