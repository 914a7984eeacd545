package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// maxNotes bounds one list of what happened.
const maxNotes = 1000

// noteDoc is one thing that happened, as the events route tells it.
type noteDoc struct {
	Number uint64      `json:"number"` // of its record
	Kind   record.Kind `json:"kind"`
	Time   string      `json:"time"`
	// Until is the end of a gap.
	Until string `json:"until,omitempty"`
	ID    string `json:"id"`
	// Sign says what it is at a glance: alarm, diagnosis, over, start, stop, trip, speed,
	// gap or note.
	Sign     string     `json:"sign"`
	Change   esp.Change `json:"change,omitempty"`
	Priority int        `json:"priority,omitempty"` // 1 (highest) to 3
	Title    string     `json:"title"`
	Text     string     `json:"text"` // numbers in stored units
	Signal   string     `json:"signal,omitempty"`
	// Since is when the condition of an alarm or a diagnosis began.
	Since string     `json:"since,omitempty"`
	From  *esp.State `json:"from,omitempty"`
	To    *esp.State `json:"to,omitempty"`

	at, until time.Time
}

// note reads a record; ok is false for kinds and versions that this release does not
// know, which are left out.
func note(r record.Record) (n noteDoc, ok bool) {
	n = noteDoc{Number: r.Seq, Kind: r.Kind, at: r.Time, Sign: "note"}
	var err error
	switch r.Kind {
	case record.KindEvent:
		err = n.event(r)
	case record.KindAlarm:
		err = n.alarm(r)
	case record.KindDiagnosis:
		err = n.diagnosis(r)
	case record.KindGap:
		err = n.gap(r)
	default:
		return n, false
	}
	n.Time = iso(n.at)
	if !n.until.IsZero() {
		n.Until = iso(n.until)
	}
	return n, err == nil
}

func (n *noteDoc) event(r record.Record) error {
	e, err := record.Decode[esp.Event](r)
	if err != nil {
		return err
	}
	n.ID, n.Title = e.ID, e.Text
	if e.ID != "state_changed" {
		return nil
	}
	n.From, n.To = new(e.From), new(e.To)
	switch {
	case e.To == esp.Tripped, e.To == esp.RestartWait && e.From.Turning():
		n.Sign = "trip"
	case e.To.Turning() && !e.From.Turning() && e.From != esp.StateUnknown:
		n.Sign = "start"
	case e.From.Turning() && (e.To == esp.Stopped || e.To == esp.Backspin):
		n.Sign = "stop"
	case e.To == esp.Ramping || e.From == esp.Ramping:
		n.Sign = "speed"
	}
	return nil
}

func (n *noteDoc) alarm(r record.Record) error {
	a, err := record.Decode[esp.Alarm](r)
	if err != nil {
		return err
	}
	n.ID, n.Change, n.Priority, n.Title, n.Text, n.Signal, n.Sign = a.ID, a.Change, a.Priority, a.Title, a.Text, a.Signal, "alarm"
	if !a.Since.IsZero() {
		n.Since = iso(a.Since)
	}
	if a.Change == esp.Cleared {
		n.Sign, n.Title = "over", a.Title+": normal again"
	}
	return nil
}

func (n *noteDoc) diagnosis(r record.Record) error {
	d, err := record.Decode[esp.Diagnosis](r)
	if err != nil {
		return err
	}
	n.ID, n.Change, n.Priority, n.Title, n.Text, n.Sign = string(d.ID), d.Change, d.Severity.Priority(), d.Title, d.Text, "diagnosis"
	if !d.Onset.IsZero() {
		n.Since = iso(d.Onset)
	}
	if d.Change == esp.Cleared {
		n.Sign, n.Title, n.Text = "over", d.Title+": over", ""
	}
	return nil
}

func (n *noteDoc) gap(r record.Record) error {
	g, err := record.Decode[esp.Gap](r)
	if err != nil {
		return err
	}
	n.ID, n.Sign, n.at, n.until = string(g.Reason), "gap", g.From, g.To
	n.Title, n.Text = "No record for "+coarse(g.To.Sub(g.From))+": "+gapWords(g.Reason), g.Text
	return nil
}

func gapWords(r esp.GapReason) string {
	switch r {
	case esp.GapApplianceOff:
		return "Wellkeeper was off"
	case esp.GapTornTail:
		return "the power was cut while writing"
	case esp.GapStoreFailed:
		return "the disk did not take the readings"
	case esp.GapTrimmed:
		return "removed as too old"
	case esp.GapDamaged:
		return "damaged on the disk"
	}
	return string(r)
}

// notes reads what happened in a window, newest first.
func (s *Server) notes(ctx context.Context, well esp.WellID, w window) (list []noteDoc, more bool, err error) {
	records, more, err := s.cfg.Notes.Notes(ctx, well, w.from, w.to, maxNotes)
	if err != nil {
		return nil, false, err
	}
	list = make([]noteDoc, 0, len(records))
	for _, r := range records {
		if n, ok := note(r); ok {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b noteDoc) int { return b.at.Compare(a.at) })
	return list, more, nil
}

// told is list without what only repeats: changes of what is open, and the alarm that a
// diagnosis raises beside itself.
func told(list []noteDoc) []noteDoc {
	const together = time.Minute
	return slices.DeleteFunc(slices.Clone(list), func(n noteDoc) bool {
		if n.Change == esp.Updated {
			return true
		}
		return n.Kind == record.KindAlarm && slices.ContainsFunc(list, func(d noteDoc) bool {
			return d.Kind == record.KindDiagnosis && d.ID == n.ID && d.Change == n.Change && d.at.Sub(n.at).Abs() < together
		})
	})
}

// apiEvents is GET /api/v1/wells/{well}/events.
func (s *Server) apiEvents(c echo.Context) error {
	ctx := c.Request().Context()
	h, err := s.askedHistory(c, wellParam(c), maxPoints)
	if err != nil {
		return err
	}
	list, more, err := s.notes(ctx, h.overview.Well.ID, h.window)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{
		"well": h.overview.Well.ID, "from": iso(h.window.from), "to": iso(h.window.to), "count": len(list), "more": more, "events": list,
	})
}
