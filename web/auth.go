package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/web/auth"
)

// cookieName is the name of the session's cookie. Under TLS a browser holds the
// promises of the prefix: this host alone, and never over plain http.
func (s *Server) cookieName() string {
	if s.cfg.TLS != nil {
		return "__Host-wellkeeper"
	}
	return "wellkeeper"
}

func (s *Server) setCookie(c echo.Context, value string, age int) {
	//nolint:gosec // Secure follows TLS: without it, on loopback only, a browser would not send the cookie
	http.SetCookie(c.Response(), &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.cfg.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
}

// identify is who a request comes from: the holder of its token, or of its cookie. A
// token or cookie that does not hold is nobody's.
func (s *Server) identify(r *http.Request) (auth.Identity, bool) {
	if token, ok := bearerToken(r); ok {
		who, err := s.cfg.Auth.Bearer(token)
		return who, err == nil
	}
	cookie, err := r.Cookie(s.cookieName())
	if err != nil || cookie.Value == "" {
		return auth.Identity{}, false
	}
	return s.cfg.Auth.Browser(auth.Secret(cookie.Value))
}

func bearerToken(r *http.Request) (string, bool) {
	kind, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(kind, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// peer is the other end of the connection, whatever any header says.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// loginError is what a client is told of an error of package auth; nil for others.
func loginError(err error) *apiError {
	if w, ok := errors.AsType[*auth.WaitError](err); ok {
		return &apiError{
			status: http.StatusTooManyRequests, code: "rate_limit_error", message: w.Error(), retry: w.Seconds(),
			details: map[string]any{"retry_after": w.Seconds()},
		}
	}
	if i, ok := errors.AsType[*auth.InputError](err); ok {
		return errInvalid(i.Field, i.Message)
	}
	switch {
	case errors.Is(err, auth.ErrCredentials):
		return &apiError{status: http.StatusUnauthorized, code: "invalid_credentials", message: auth.ErrCredentials.Error()}
	case errors.Is(err, auth.ErrToken):
		return &apiError{status: http.StatusUnauthorized, code: "invalid_token", message: auth.ErrToken.Error()}
	case errors.Is(err, auth.ErrBusy):
		e := errBusy("too many logins at this moment: try again in a few seconds")
		e.retry = 5
		return e
	case errors.Is(err, auth.ErrExists):
		return &apiError{status: http.StatusConflict, code: "conflict_error", message: auth.ErrExists.Error()}
	}
	return nil
}

// userDoc is a user in the platform's shape.
type userDoc struct {
	ID        uint64    `json:"id"`
	Name      string    `json:"username"`
	Role      auth.Role `json:"role"`
	Created   string    `json:"created_at"`
	LastLogin *string   `json:"last_login"`
}

func newUserDoc(u auth.User) userDoc {
	return userDoc{u.ID, u.Name, u.Role, iso(u.Created), isoOrNull(u.LastLogin)}
}

// grantDoc is the answer to a login of a program.
type grantDoc struct {
	Message string  `json:"message"`
	Access  string  `json:"access_token"`
	Refresh string  `json:"refresh_token"`
	Type    string  `json:"token_type"`
	User    userDoc `json:"user"`
}

// jsonBody reads a request's JSON. An empty body is an empty object.
func jsonBody(c echo.Context, to any) error {
	r := c.Request()
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.ContentLength != 0 && (err != nil || kind != "application/json") {
		return errInvalid("body", "send JSON, with the header Content-Type: application/json")
	}
	dec := json.NewDecoder(r.Body)
	if err := dec.Decode(to); err != nil && !errors.Is(err, io.EOF) {
		if he, ok := errors.AsType[*echo.HTTPError](err); ok { // the body is too large
			return he
		}
		return errInvalid("body", "the body is not the JSON that is expected: "+err.Error())
	}
	return nil
}

// authLogin is POST /api/v1/auth/login.
func (s *Server) authLogin(c echo.Context) error {
	var body struct{ Username, Password string }
	if err := jsonBody(c, &body); err != nil {
		return err
	}
	if body.Username == "" || body.Password == "" {
		return errInvalid("username", "username and password are required")
	}
	t, err := s.cfg.Auth.Grant(c.Request().Context(), auth.Attempt{Name: body.Username, Password: body.Password, Peer: peer(c.Request())})
	if err != nil {
		return s.refused(c, err)
	}
	return s.plainJSON(c, http.StatusOK, grantDoc{"Login successful", t.Access, t.Refresh, "Bearer", newUserDoc(t.User)})
}

// refused notes a login that was refused, without the name: a password typed in its
// place would stand in the log.
func (s *Server) refused(c echo.Context, err error) error {
	if loginError(err) != nil {
		s.log.Warn().Str("peer", peer(c.Request()).String()).Str("why", loginError(err).code).Msg("a login was refused")
	}
	return err
}

// authRefresh is POST /api/v1/auth/refresh.
func (s *Server) authRefresh(c echo.Context) error {
	token, err := refreshToken(c)
	if err != nil {
		return err
	}
	if token == "" {
		return errInvalid("refresh_token", "refresh_token is required")
	}
	t, err := s.cfg.Auth.Renew(token)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, grantDoc{"Token refreshed", t.Access, t.Refresh, "Bearer", newUserDoc(t.User)})
}

func refreshToken(c echo.Context) (string, error) {
	var body struct {
		Refresh string `json:"refresh_token"`
	}
	err := jsonBody(c, &body)
	return body.Refresh, err
}

// authLogout is POST /api/v1/auth/logout: it ends the login of the access token, of the
// refresh token in the body, or of the browser's cookie.
func (s *Server) authLogout(c echo.Context) error {
	who, known := auth.From(c.Request().Context())
	if !known {
		token, err := refreshToken(c)
		if err != nil {
			return err
		}
		if token == "" {
			return errLogin()
		}
		if who, err = s.cfg.Auth.Holder(token); err != nil {
			return err
		}
	}
	if err := s.cfg.Auth.Logout(who); err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"message": "Logout successful"})
}

// authMe is GET /api/v1/auth/me.
func (s *Server) authMe(c echo.Context) error {
	who, _ := auth.From(c.Request().Context())
	return s.plainJSON(c, http.StatusOK, map[string]any{"user": newUserDoc(who.User)})
}

// authUsers is GET /api/v1/auth/users.
func (s *Server) authUsers(c echo.Context) error {
	out := []userDoc{}
	for _, u := range s.cfg.Auth.Users() {
		out = append(out, newUserDoc(u))
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"users": out, "count": len(out)})
}

// authAddUser is POST /api/v1/auth/users.
func (s *Server) authAddUser(c echo.Context) error {
	var body struct{ Username, Password, Role string }
	if err := jsonBody(c, &body); err != nil {
		return err
	}
	role := auth.Viewer
	if body.Role != "" {
		var ok bool
		if role, ok = auth.ParseRole(body.Role); !ok {
			return errInvalid("role", "role must be viewer, technician, engineer or admin")
		}
	}
	who, _ := auth.From(c.Request().Context())
	u, err := s.cfg.Auth.Add(c.Request().Context(), who.User.Name, body.Username, body.Password, role)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusCreated, map[string]any{"message": "User created", "user": newUserDoc(u)})
}

// localPath is where to go on after a login: a path of this page, or the Overview.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "/log") {
		return "/"
	}
	return next
}

// loginView is the body of the login page.
type loginView struct {
	Heading, Text string
	Next          string
	Name          string // as typed
	User          *auth.User
	Last          Clock
	NoUsers       bool
}

func (s *Server) loginPage(c echo.Context) error {
	v := loginView{Heading: "Log in", Next: localPath(c.QueryParam("next"))}
	return s.loginForm(c, http.StatusOK, &v)
}

// loginForm shows who has logged in, or the form.
func (s *Server) loginForm(c echo.Context, status int, v *loginView) error {
	now := s.cfg.Now()
	f := s.render.frame("Log in", now)
	f.Sub = "Wellkeeper"
	f.Nav = []navView{{Href: "/", Label: "Overview", Icon: "home"}, {Href: "/login", Label: "Log in", Icon: "user", Current: true}}
	if who, known := auth.From(c.Request().Context()); known {
		v.User, v.Heading = &who.User, "Logged in as "+who.User.Name
		v.Last = clock(who.User.LastLogin, now, s.render.look().location)
		f.Title, f.Heading = v.Heading, "Log out"
	}
	v.NoUsers = v.User == nil && len(s.cfg.Auth.Users()) == 0
	f.Body = v
	return s.html(c, status, "login", &f)
}

// login is POST /login.
func (s *Server) login(c echo.Context) error {
	name, next := c.FormValue("username"), localPath(c.FormValue("next"))
	if name == "" || c.FormValue("password") == "" {
		return s.loginForm(c, http.StatusBadRequest, &loginView{Heading: "Log in", Text: "Enter a name and a password.", Next: next, Name: name})
	}
	secret, _, err := s.cfg.Auth.Login(c.Request().Context(), auth.Attempt{Name: name, Password: c.FormValue("password"), Peer: peer(c.Request())})
	if e := loginError(s.refused(c, err)); e != nil {
		if e.retry > 0 {
			c.Response().Header().Set("Retry-After", strconv.Itoa(e.retry))
		}
		return s.loginForm(c, e.status, &loginView{Heading: "Log in", Text: sentence(e.message), Next: next, Name: name})
	}
	if err != nil {
		return err
	}
	if who, known := auth.From(c.Request().Context()); known { // the login before this one is over
		if err := s.cfg.Auth.Logout(who); err != nil {
			return err
		}
	}
	s.setCookie(c, string(secret), int(auth.BrowserLasts/time.Second))
	return c.Redirect(http.StatusSeeOther, next)
}

// logout is POST /logout.
func (s *Server) logout(c echo.Context) error {
	if who, known := auth.From(c.Request().Context()); known {
		if err := s.cfg.Auth.Logout(who); err != nil {
			return err
		}
	}
	s.setCookie(c, "", -1)
	return c.Redirect(http.StatusSeeOther, "/")
}

// sentence makes a message one: a capital at the beginning, a full stop at the end.
func sentence(message string) string {
	if message == "" {
		return ""
	}
	return strings.ToUpper(message[:1]) + strings.TrimSuffix(message[1:], ".") + "."
}
