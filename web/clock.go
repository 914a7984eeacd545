package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Timekeeper knows how far the time can be trusted.
type Timekeeper interface {
	Clock() Timekeeping
}

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

// clock answers what time it is and whose word that is.
func (s *Server) clock(c echo.Context) error {
	k := s.cfg.Clock.Clock()
	return s.plainJSON(c, http.StatusOK, map[string]any{
		"time": iso(k.Time), "source": k.Source, "by": k.By, "machine_time": iso(k.Machine),
		"offset_seconds": k.Time.Sub(k.Machine).Round(time.Millisecond).Seconds(),
	})
}
