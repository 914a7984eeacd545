package web

import (
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/web/auth"
)

// access says who may use a route. The zero value is nobody: a route without a rule
// is denied to all.
type access uint8

const (
	denied access = iota
	// public needs no login, whatever the configuration says: health, the page's own
	// files, which hold no data, and logging in.
	public
	// view shows data: open with AnonymousView, else to every login.
	view
	// inspect shows the appliance itself to what watches over it: as view, and always to
	// a program on this machine.
	inspect
	// compute works on data and may write a record: open with AnonymousView to peers on
	// loopback, else to technicians.
	compute
	// The rest needs a login of at least that role, whatever the configuration says.
	asViewer
	asTechnician
	asEngineer
	asAdmin
)

// least is the least role that a login must have.
func (a access) least() auth.Role {
	switch a {
	case compute, asTechnician:
		return auth.Technician
	case asEngineer:
		return auth.Engineer
	case asAdmin:
		return auth.Admin
	default:
	}
	return auth.Viewer
}

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
		{get, "/wells/:well/drive", view, s.drivePage},
		{post, "/wells/:well/drive/read", asTechnician, s.driveRead},
		{post, "/wells/:well/drive/compare", asTechnician, s.driveCompare},
		{get, "/login", public, s.loginPage},
		{post, "/login", public, s.login},
		{post, "/logout", public, s.logout},
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
		{get, "/api/v1/wells/:well/devices", view, s.apiDevices},
		{get, "/api/v1/wells/:well/settings", view, s.apiSettings},
		{get, "/api/v1/wells/:well/trips", view, s.apiTrips},
		{post, "/api/v1/wells/:well/registers/read", asTechnician, s.apiReadRegisters},
		{post, "/api/v1/wells/:well/devices/:device/comparison", asTechnician, s.apiCompare},
		{get, "/api/v1/jobs", view, s.apiJobs},
		{get, "/api/v1/clock", view, s.clock},
		{post, "/api/v1/clock", asTechnician, s.setClock},
		{get, "/api/v1/live", view, s.live},

		{get, "/api/v1/telemetry/wells/:well/latest", view, s.telemetryLatest},
		{get, "/api/v1/telemetry/wells/:well/history", view, s.telemetryHistory},
		{get, "/api/v1/telemetry/wells/:well/summary", view, s.telemetrySummary},
		{post, "/api/v1/diagnostics/wells/:well/analyze-latest", compute, s.diagnosticsAnalyze},
		{get, "/api/v1/diagnostics/wells/:well/history", view, s.diagnosticsHistory},
		{get, "/api/v1/diagnostics/critical", view, s.diagnosticsCritical},

		{post, "/api/v1/auth/login", public, s.authLogin},
		{post, "/api/v1/auth/refresh", public, s.authRefresh},
		{post, "/api/v1/auth/logout", public, s.authLogout},
		{get, "/api/v1/auth/me", asViewer, s.authMe},
		{get, "/api/v1/auth/users", asAdmin, s.authUsers},
		{post, "/api/v1/auth/users", asAdmin, s.authAddUser},
	}
}

// guard lets a request pass or answers why not. Who has logged in is in the context of
// the request from here on.
func (s *Server) guard(r *route) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r.access == denied {
			return errRole(auth.Nobody)
		}
		who, known := s.identify(c.Request())
		if known {
			c.SetRequest(c.Request().WithContext(auth.With(c.Request().Context(), who)))
		}
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
		default:
		}
		switch least := r.access.least(); {
		case allowed || known && who.User.Role >= least:
			return r.handle(c)
		case known:
			return errRole(least)
		}
		return errLogin()
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
