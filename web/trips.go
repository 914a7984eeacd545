package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// apiTrips is GET /api/v1/wells/{well}/trips: what was read around each of the last trips.
func (s *Server) apiTrips(c echo.Context) error {
	limit, err := intParam(c, "limit", 10, 50)
	if err != nil {
		return err
	}
	well := wellParam(c)
	list, err := s.cfg.Notes.Trips(c.Request().Context(), well, limit)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"well": well, "count": len(list), "trips": list})
}
