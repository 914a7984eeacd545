package web

import (
	"context"
	"net/url"
	"time"
)

// comparison is another time that the curves are compared with.
type comparison struct {
	name, label string
	shift       time.Duration // how much earlier
}

func comparisons() []comparison {
	return []comparison{{"", "nothing", 0}, {"1d", "the day before", day}, {"7d", "the week before", 7 * day}}
}

// askedComparison reads compare=1d or 7d; without it there is none.
func askedComparison(q url.Values) (comparison, error) {
	for _, c := range comparisons() {
		if c.name == q.Get("compare") {
			return c, nil
		}
	}
	return comparison{}, errInvalid("compare", "compare must be 1d or 7d")
}

// ghostDoc are the curves of an earlier time, to be drawn behind those of the window.
type ghostDoc struct {
	Label string `json:"label"`
	// Start is when its first piece stands in the window, ms since 1970.
	Start  int64        `json:"start"`
	Curves []ghostCurve `json:"curves"` // in the order of the series
}

type ghostCurve struct {
	Mean numbers  `json:"mean"`
	Gaps [][2]int `json:"gaps"`
}

// ghost asks for the curves of the earlier time, and for some more of them, which come
// to be seen while the window moves on with the present.
func (s *Server) ghost(ctx context.Context, h *history, shown window, c comparison) (*ghostDoc, error) {
	if c.shift == 0 {
		return nil, nil //nolint:nilnil // nothing was asked for
	}
	past := *h
	past.window = window{from: shown.from.Add(-c.shift), to: shown.to.Add(-c.shift)}
	if h.window.live() {
		past.window.to = past.window.to.Add(min(shown.span()/8, c.shift))
	}
	list, at, err := s.buckets(ctx, &past)
	if err != nil {
		return nil, err
	}
	d := &ghostDoc{Label: c.label, Start: at.from.Add(c.shift).UnixMilli()}
	for i := range list {
		k := curveOf(h.signals[i], &list[i], h.width, h.overview.Time)
		d.Curves = append(d.Curves, ghostCurve{Mean: k.Mean, Gaps: k.Gaps})
	}
	return d, nil
}
