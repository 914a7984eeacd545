package web

import (
	"net/http"
	"net/url"
	"path"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

func wellPath(id esp.WellID) string { return "/wells/" + url.PathEscape(string(id)) }

// home is the Overview of the only well, or the list of several.
func (s *Server) home(c echo.Context) error {
	wells := s.cfg.Wells.Wells(c.Request().Context())
	if len(wells) == 1 {
		return s.overviewPage(c, wells[0].ID, "/", false)
	}
	now := s.cfg.Now()
	f := s.render.frame("Wells", now)
	f.Sub = "ESP"
	f.Nav = []navView{{Href: "/", Label: "Wells", Icon: "wells", Current: true}, {Href: "#more", Label: "Display", Icon: "more"}}
	f.Stream = "/api/v1/live?parts=1"
	body := wellsView{Banner: bannerView{Notices: s.cfg.Notices()}, Version: s.cfg.Version}
	for i := range wells {
		body.Rows = append(body.Rows, s.render.well(&wells[i], now))
	}
	f.Body = body
	return s.html(c, http.StatusOK, "wells", &f)
}

func (s *Server) well(c echo.Context) error {
	id := wellParam(c)
	several := len(s.cfg.Wells.Wells(c.Request().Context())) > 1
	return s.overviewPage(c, id, wellPath(id), several)
}

// wellParam is the well of the path.
func wellParam(c echo.Context) esp.WellID { return esp.WellID(pathParam(c, "well")) }

// pathParam is a parameter of the path. Where the path needed escaping echo gives its
// parameters as they were sent.
func pathParam(c echo.Context, name string) string {
	raw := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return raw
	}
	if text, err := url.PathUnescape(raw); err == nil {
		return text
	}
	return raw
}

func (s *Server) overviewPage(c echo.Context, id esp.WellID, here string, several bool) error {
	o, err := s.cfg.Wells.Overview(c.Request().Context(), id)
	if err != nil {
		return err
	}
	f := s.wellFrameView(o, here, several, "Overview")
	body := s.render.overview(o)
	body.Drive = drivePath(id)
	f.AlarmCount, f.Body = body.Alarms, body
	return s.html(c, http.StatusOK, "overview", &f)
}

// wellFrameView is the frame of a page of a well, whose Overview is at home.
func (s *Server) wellFrameView(o *Overview, home string, several bool, current string) frameView {
	id := string(o.Well.ID)
	f := s.render.frame(id, o.Time)
	f.Sub = "Well · ESP"
	if o.Well.Name != "" && o.Well.Name != id {
		f.Heading, f.Sub = o.Well.Name, id+" · ESP"
	}
	parts := "1"
	if current != "Overview" {
		parts = partsOfHead
	}
	f.Stream = "/api/v1/live?parts=" + parts + "&well=" + url.QueryEscape(id)
	if several {
		f.Nav = append(f.Nav, navView{Href: "/", Label: "Wells", Icon: "wells"})
	}
	// Only what exists is linked: the other pages of the design come with their issues,
	// and until then their places are sections of the Overview.
	trends, here := trendsPath(o.Well.ID), ""
	if home == "/" {
		trends = "/trends"
	}
	if current != "Overview" {
		here = home
	}
	f.Nav = append(
		f.Nav,
		navView{Href: home, Label: "Overview", Icon: "home", Current: current == "Overview"},
		navView{Href: trends, Label: "Trends", Icon: "trends", Current: current == "Trends"},
		navView{Href: here + "#alarms", Label: "Alarms", Icon: "alarm", Counts: true},
		navView{Href: here + "#finding", Label: "Diagnosis", Icon: "finding"},
		navView{Href: here + "#well", Label: "Well", Icon: "well", Wide: true},
		navView{Href: drivePath(o.Well.ID), Label: "Drive", Icon: "drive", Wide: true, Current: current == "Drive"},
		navView{Href: "#more", Label: "Display", Icon: "more"},
	)
	return f
}

func (s *Server) html(c echo.Context, status int, page string, f *frameView) error {
	b, err := s.render.page(page, f)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.HTMLBlob(status, b)
}

// errorPage is the answer to a person. It never fails: without a page there is text.
func (s *Server) errorPage(c echo.Context, e *apiError) error {
	f := s.render.frame("Not possible", s.cfg.Now())
	f.Sub = "Wellkeeper"
	f.Nav = []navView{{Href: "/", Label: "Overview", Icon: "home"}}
	heading := map[int]string{
		http.StatusNotFound: "This page does not exist", http.StatusUnauthorized: "A login is needed", http.StatusForbidden: "Not allowed", http.StatusInternalServerError: "Something went wrong",
	}[e.status]
	if heading == "" {
		heading = "This is not possible"
	}
	if e.status == http.StatusUnauthorized {
		v := loginView{Heading: heading, Next: localPath(c.Request().URL.RequestURI())}
		if c.Request().Method != http.MethodGet { // a form that was sent when the login had ended: back to its page
			v.Next = localPath(path.Dir(c.Request().URL.Path))
		}
		if err := s.loginForm(c, e.status, &v); err != nil {
			return c.String(e.status, e.message)
		}
		return nil
	}
	f.Body = struct{ Heading, Text string }{heading, e.message}
	if err := s.html(c, e.status, "error", &f); err != nil {
		return c.String(e.status, e.message)
	}
	return nil
}
