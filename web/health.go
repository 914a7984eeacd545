package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

func (s *Server) healthLive(c echo.Context) error {
	return s.plainJSON(c, http.StatusOK, map[string]any{"status": "alive", "version": s.cfg.Version, "time": iso(s.cfg.Now())})
}

// dependencyDoc is a dependency as it stands in JSON.
type dependencyDoc struct {
	Status   string `json:"status"`
	Required bool   `json:"required"`
	Detail   string `json:"detail,omitempty"`
}

// dependencies lists what the appliance depends on; ready is false where a required one
// has failed. Details name addresses, so they are for who may see data.
func (s *Server) dependencies(c echo.Context) (all map[string]dependencyDoc, ready bool) {
	all, ready = make(map[string]dependencyDoc), true
	detailed := s.anonymous.Load() || fromHere(c.Request())
	for _, d := range s.cfg.Health.Dependencies(c.Request().Context()) {
		doc := dependencyDoc{Status: d.Status, Required: d.Required}
		if detailed {
			doc.Detail = d.Detail
		}
		all[d.Name] = doc
		ready = ready && (!d.Required || d.Status != "failed")
	}
	return all, ready
}

// healthReady is 503 only where a restart or a repair of this box is the remedy. A
// lost drive or central database degrades; the appliance goes on.
func (s *Server) healthReady(c echo.Context) error {
	status, code := "ready", http.StatusOK
	all, ready := s.dependencies(c)
	if !ready {
		status, code = "not_ready", http.StatusServiceUnavailable
	}
	return s.plainJSON(c, code, map[string]any{"status": status, "dependencies": all})
}

// conditionDoc is a condition as it stands in JSON.
type conditionDoc struct {
	Code     string       `json:"code"`
	Severity esp.Severity `json:"severity"`
	Since    string       `json:"since"`
	Subject  string       `json:"subject"`
	Text     string       `json:"text"`
	Action   string       `json:"action"`
	Who      esp.Who      `json:"who"`
}

// healthDetailed is everything that is wrong with the appliance. It is 503 where
// healthReady is, and where a condition says that the appliance does not do its work.
func (s *Server) healthDetailed(c echo.Context) error {
	status, code := "ok", http.StatusOK
	all, ready := s.dependencies(c)
	list := []conditionDoc{}
	for _, d := range s.cfg.Health.Conditions(c.Request().Context()) {
		list = append(list, conditionDoc{
			Code: d.Code, Severity: d.Severity, Since: iso(d.Since), Subject: d.Subject, Text: d.Text, Action: d.Action, Who: d.Who,
		})
		if d.Severity != esp.SeverityInfo && status == "ok" {
			status = "degraded"
		}
		ready = ready && !d.Failing
	}
	if !ready {
		status, code = "failed", http.StatusServiceUnavailable
	}
	return s.plainJSON(c, code, map[string]any{
		"status": status, "conditions": list, "dependencies": all, "version": s.cfg.Version, "time": iso(s.cfg.Now()),
	})
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
