package web

import (
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

// wellDoc is a well in a list.
type wellDoc struct {
	ID    esp.WellID `json:"id"`
	Name  string     `json:"name"`
	State esp.State  `json:"state"`
	Since string     `json:"since,omitempty"` // absent where it is not known
}

// summaryDoc gives the state as it may be shown: unknown when nothing was read lately.
func summaryDoc(w *Summary, now time.Time) wellDoc {
	d := wellDoc{ID: w.ID, Name: w.Name, State: esp.StateUnknown}
	if !w.Updated.IsZero() && now.Sub(w.Updated) <= freshFor(w.Period) {
		d.State = w.State
		if !w.Since.IsZero() {
			d.Since = iso(w.Since)
		}
	}
	return d
}

func (s *Server) apiWells(c echo.Context) error {
	now := s.cfg.Now()
	out := []wellDoc{}
	for _, w := range s.cfg.Wells.Wells(c.Request().Context()) {
		out = append(out, summaryDoc(&w, now))
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"wells": out})
}

// signalDoc is the latest of one signal, in the unit in which it is stored.
type signalDoc struct {
	Name    string       `json:"name"`
	Device  esp.DeviceID `json:"device,omitempty"`
	Value   esp.Number   `json:"value"` // null where nothing may be shown as live
	Unit    esp.Unit     `json:"unit"`
	Raw     int64        `json:"raw"`
	Quality esp.Quality  `json:"quality"`
	Reason  esp.Reason   `json:"reason"`
	Time    *string      `json:"time"` // null: never read
	// Derived is there for what the appliance computes.
	Derived *derivedDoc `json:"derived,omitempty"`
}

// derivedDoc says how a derived signal is made.
type derivedDoc struct {
	Formula     string     `json:"formula"`
	Inputs      []string   `json:"inputs"`
	Fact        string     `json:"fact,omitempty"`
	Note        string     `json:"note,omitempty"`
	Uncertainty esp.Number `json:"uncertainty"` // in the unit; null: not known now
}

func newDerivedDoc(d *Derivation) *derivedDoc {
	if d == nil {
		return nil
	}
	doc := &derivedDoc{Formula: d.Formula, Fact: d.Fact, Note: d.Note, Uncertainty: tidy(d.Uncertainty)}
	for _, id := range d.Inputs {
		doc.Inputs = append(doc.Inputs, id.String())
	}
	return doc
}

// notEnteredDoc is a signal that lacks a fact of the well.
type notEnteredDoc struct {
	Name string `json:"name"`
	Fact string `json:"fact"`
	Text string `json:"text"`
}

// lifeDoc is what the pump did since a time.
type lifeDoc struct {
	Since   string  `json:"since"`
	Turned  float64 `json:"turned_hours"`
	Stood   float64 `json:"stood_hours"`
	Unknown float64 `json:"unknown_hours"`
	Starts  int     `json:"starts"`
	Trips   int     `json:"trips"`
}

// newLifeDoc is nil where nothing was seen.
func newLifeDoc(l *Life) *lifeDoc {
	if l.Since.IsZero() {
		return nil
	}
	hours := func(d time.Duration) float64 { return math.Round(d.Hours()*100) / 100 }
	return &lifeDoc{iso(l.Since), hours(l.Turned), hours(l.Stood), hours(l.Unknown), l.Starts, l.Trips}
}

func (s *Server) apiLatest(c echo.Context) error {
	o, err := s.cfg.Wells.Overview(c.Request().Context(), wellParam(c))
	if err != nil {
		return err
	}
	m := s.render.model(o)
	signals := make([]signalDoc, len(o.Signals))
	for i := range o.Signals {
		sig := &o.Signals[i]
		d := signalDoc{
			Name: sig.Name, Device: sig.Device, Value: esp.NoNumber(), Unit: sig.Unit,
			Raw: sig.Reading.Raw, Quality: sig.Reading.Quality, Reason: sig.Reading.Reason, Derived: newDerivedDoc(sig.Derived),
		}
		if !sig.Time.IsZero() {
			d.Time = new(iso(sig.Time))
		}
		switch {
		case !m.old(sig):
			d.Value = esp.Number(sig.Reading.Value)
		case d.Quality.Shown(): // it was good when it was read, which is too long ago
			d.Quality = esp.Stale
		}
		signals[i] = d
	}
	missing := []notEnteredDoc{}
	for _, n := range o.NotEntered {
		missing = append(missing, notEnteredDoc{n.Signal.String(), n.Fact, "not entered: " + n.Words})
	}
	out := map[string]any{"well": o.Well.ID, "time": iso(o.Time), "number": o.Number, "scan": nil, "state": m.state(), "since": nil, "life": newLifeDoc(&o.Life), "signals": signals, "not_entered": missing}
	if !o.Scan.IsZero() {
		out["scan"] = iso(o.Scan)
	}
	if !o.Since.IsZero() {
		out["since"] = iso(o.Since)
	}
	return s.plainJSON(c, http.StatusOK, out)
}
