package web

import (
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// access says who may use a route. The zero value is nobody: a route without a rule
// is denied to all.
type access uint8

const (
	denied access = iota
	// public needs no login, whatever the configuration says: health, and the page's
	// own files, which hold no data.
	public
	// view shows data: open with AnonymousView, else a login is needed.
	view
	// inspect shows the appliance itself to what watches over it: as view, and always to
	// a program on this machine.
	inspect
	// compute works on data and changes no setting: open with AnonymousView to peers on
	// loopback, else a login is needed.
	compute
)

// route is one row of the table of routes. A request that matches none is answered
// with 404, or with 405 where another method matches.
type route struct {
	method, path string
	access       access
	handle       echo.HandlerFunc
}

func (s *Server) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/", view, s.home},
		{get, "/wells/:well", view, s.well},
		{get, "/trends", view, s.trendsOfOnly},
		{get, "/wells/:well/trends", view, s.trends},
		{get, "/assets/:hash/:name", public, s.assets.serve},

		{get, "/health/live", public, s.healthLive},
		{get, "/health/ready", public, s.healthReady},
		{get, "/health/startup", public, s.healthStartup},
		{get, "/health/detailed", inspect, s.healthDetailed},
		{get, "/health/metrics", inspect, s.metrics.serve},
		{get, "/metrics", inspect, s.metrics.serve},

		{get, "/api/v1/wells", view, s.apiWells},
		{get, "/api/v1/wells/:well/latest", view, s.apiLatest},
		{get, "/api/v1/wells/:well/series", view, s.apiSeries},
		{get, "/api/v1/wells/:well/export.csv", view, s.export},
		{get, "/api/v1/wells/:well/events", view, s.apiEvents},
		{get, "/api/v1/jobs", view, s.apiJobs},
		{get, "/api/v1/clock", view, s.clock},
		{get, "/api/v1/live", view, s.live},

		{get, "/api/v1/telemetry/wells/:well/latest", view, s.telemetryLatest},
		{get, "/api/v1/telemetry/wells/:well/history", view, s.telemetryHistory},
		{get, "/api/v1/telemetry/wells/:well/summary", view, s.telemetrySummary},
		{post, "/api/v1/diagnostics/wells/:well/analyze-latest", compute, s.diagnosticsAnalyze},
		{get, "/api/v1/diagnostics/wells/:well/history", view, s.diagnosticsHistory},
		{get, "/api/v1/diagnostics/critical", view, s.diagnosticsCritical},
	}
}

// guard lets a request pass or answers why not. Logins and roles belong here.
func (s *Server) guard(r *route) echo.HandlerFunc {
	return func(c echo.Context) error {
		allowed := false
		switch r.access {
		case public:
			allowed = true
		case view:
			allowed = s.anonymous.Load()
		case inspect:
			allowed = s.anonymous.Load() || fromHere(c.Request())
		case compute:
			allowed = s.anonymous.Load() && onLoopback(c.Request())
		case denied:
		}
		if !allowed {
			return errLogin()
		}
		return r.handle(c)
	}
}

// fromHere reports whether a request comes from a program on this machine that asks for
// this machine. A proxy on it speaks for others, and a foreign name that leads here is
// the trick of a page in a browser: neither is believed.
func fromHere(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]") // without a port
	}
	ip := net.ParseIP(host)
	return onLoopback(r) && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// onLoopback reports whether the peer is on this machine. Only the connection is
// asked: a forwarding header can say anything.
func onLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
