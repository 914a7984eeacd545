package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/web/auth"
)

// Timekeeper knows how far the time can be trusted.
type Timekeeper interface {
	Clock() Timekeeping
	// SetClock makes it that time now, by the word of a user. ErrClockKept where a better
	// source gives the time.
	SetClock(ctx context.Context, now time.Time, by string) error
}

// ErrClockKept means that the time comes from a better source than a person; it is
// answered with 409.
var ErrClockKept = errors.New("the clock is kept by a time service")

// Timekeeping is the appliance's clock at one moment.
type Timekeeping struct {
	Time time.Time
	// Source is synchronised, technician, centre, drive or free; By who set it.
	Source, By string
	// Machine is the time by the machine's own clock.
	Machine time.Time
}

// untold is a clock of which nothing is known.
type untold func() time.Time

// Clock gives the time as it is.
func (u untold) Clock() Timekeeping {
	now := u()
	return Timekeeping{Time: now, Machine: now, Source: "free"}
}

// SetClock refuses.
func (u untold) SetClock(context.Context, time.Time, string) error { return ErrClockKept }

// clockBounds are the times that a clock can be set to: what lies outside is a slip.
func clockBounds(t time.Time) bool { return t.Year() >= 2025 && t.Year() < 2100 }

// setClock sets the appliance's clock.
func (s *Server) setClock(c echo.Context) error {
	var body struct {
		Time string `json:"time"`
	}
	arrived := time.Now()
	if err := jsonBody(c, &body); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, body.Time)
	if err != nil || !clockBounds(at) {
		return errInvalid("time", "write the present time with its zone, from 2025 to 2099: 2026-11-25T09:30:00Z")
	}
	who, ok := auth.From(c.Request().Context())
	if !ok {
		return errLogin()
	}
	err = s.cfg.Clock.SetClock(c.Request().Context(), at.Add(time.Since(arrived)), who.User.Name)
	if errors.Is(err, ErrClockKept) {
		return &apiError{status: http.StatusConflict, code: "conflict", message: "a time service keeps this box's clock; it cannot be set here"}
	}
	if err != nil {
		return err
	}
	return s.clock(c)
}

// clock answers what time it is and whose word that is.
func (s *Server) clock(c echo.Context) error {
	k := s.cfg.Clock.Clock()
	return s.plainJSON(c, http.StatusOK, map[string]any{
		"time": iso(k.Time), "source": k.Source, "by": k.By, "machine_time": iso(k.Machine),
		"offset_seconds": k.Time.Sub(k.Machine).Round(time.Millisecond).Seconds(),
	})
}
