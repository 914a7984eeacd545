package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

func (s *Server) healthLive(c echo.Context) error {
	return s.plainJSON(c, http.StatusOK, map[string]any{"status": "alive", "version": s.cfg.Version, "time": iso(s.cfg.Now())})
}

// healthReady is 503 only where a restart or a repair of this box is the remedy. A
// lost drive or central database degrades; the appliance goes on.
func (s *Server) healthReady(c echo.Context) error {
	type dependency struct {
		Status   string `json:"status"`
		Required bool   `json:"required"`
		Detail   string `json:"detail,omitempty"`
	}
	status, code := "ready", http.StatusOK
	all := make(map[string]dependency)
	for _, d := range s.cfg.Health.Dependencies(c.Request().Context()) {
		all[d.Name] = dependency{Status: d.Status, Required: d.Required, Detail: d.Detail}
		if d.Required && d.Status == "failed" {
			status, code = "not_ready", http.StatusServiceUnavailable
		}
	}
	return s.plainJSON(c, code, map[string]any{"status": status, "dependencies": all})
}

// healthStartup answers as soon as anything is served: the page is up before the past
// is filled or a device has answered.
func (s *Server) healthStartup(c echo.Context) error {
	return s.plainJSON(c, http.StatusOK, map[string]any{"status": "started"})
}

func (*Server) plainJSON(c echo.Context, status int, v any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(status, v)
}

// iso is a time as it stands in JSON: UTC, milliseconds.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
