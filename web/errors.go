package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/web/auth"
)

// apiError is what a client is told. Anything else that a handler returns is logged
// and told as "internal error", so that internals never leave the box.
type apiError struct {
	status  int
	code    string // our own, lower case: not_found
	message string
	details map[string]any
	retry   int // seconds after which to come again; 0: not said
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func errNotFound(message string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "not_found", message: message}
}

func errInvalid(field, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "validation_error", message: message, details: map[string]any{"field": field}}
}

func errLogin() *apiError {
	return &apiError{status: http.StatusUnauthorized, code: "authentication_required", message: "a login is required"}
}

// errRole refuses who has logged in and may do less than least.
func errRole(least auth.Role) *apiError {
	if least == auth.Nobody {
		return &apiError{status: http.StatusForbidden, code: "authorization_error", message: "nobody may do this"}
	}
	return &apiError{
		status: http.StatusForbidden, code: "authorization_error", message: "this needs the role " + least.String(),
		details: map[string]any{"role": least.String()},
	}
}

func errBusy(message string) *apiError {
	return &apiError{status: http.StatusServiceUnavailable, code: "busy", message: message}
}

// asAPIError maps what a handler returned to what the client is told; logged says
// that it is a fault of ours.
func asAPIError(err error) (e *apiError, logged bool) {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e, e.status >= http.StatusInternalServerError && e.status != http.StatusServiceUnavailable
	}
	switch {
	case errors.Is(err, ErrNoWell):
		return errNotFound("no such well"), false
	case errors.Is(err, ErrNoData):
		return errNotFound("the well has no readings so far"), false
	}
	if e := loginError(err); e != nil {
		return e, false
	}
	if e := deviceError(err); e != nil {
		return e, false
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch he.Code {
		case http.StatusNotFound:
			return errNotFound("no such page or route"), false
		case http.StatusMethodNotAllowed:
			return &apiError{status: he.Code, code: "method_not_allowed", message: "this method is not allowed here"}, false
		case http.StatusRequestEntityTooLarge:
			return &apiError{status: he.Code, code: "too_large", message: "the request is too large"}, false
		}
		if he.Code < http.StatusInternalServerError {
			return &apiError{status: he.Code, code: "bad_request", message: http.StatusText(he.Code)}, false
		}
	}
	return &apiError{status: http.StatusInternalServerError, code: "internal_error", message: "internal error"}, true
}

// fail is echo's error handler: the one place that turns an error into an answer.
func (s *Server) fail(err error, c echo.Context) {
	e, logged := asAPIError(err)
	if logged {
		s.log.Error().Err(err).Str("method", c.Request().Method).Str("path", c.Request().URL.Path).Msg("request failed")
	}
	if c.Response().Committed {
		return
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if e.retry > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(e.retry))
	}
	path := c.Request().URL.Path
	var sent error
	switch {
	case c.Request().Method == http.MethodHead:
		sent = c.NoContent(e.status)
	case platformPath(path):
		sent = c.JSON(e.status, e.platform())
	case strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/health"), path == "/metrics", strings.HasPrefix(path, "/assets/"):
		sent = c.JSON(e.status, e.own())
	default:
		sent = s.errorPage(c, e)
	}
	if sent != nil {
		s.log.Debug().Err(sent).Msg("error answer not sent")
	}
}

// platformPath reports whether path is one of the routes kept for the platform that
// headquarters already runs, which has its own shape of errors.
func platformPath(path string) bool {
	for _, prefix := range []string{"/api/v1/telemetry", "/api/v1/diagnostics", "/api/v1/auth"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return true
		}
	}
	return false
}

func (e *apiError) detail() map[string]any {
	if e.details == nil {
		return map[string]any{}
	}
	return e.details
}

// own is the shape of our own errors.
func (e *apiError) own() any {
	return map[string]any{"error": map[string]any{"code": e.code, "message": e.message, "details": e.detail()}}
}

// platform is the shape of the platform's errors: not_found becomes NotFoundError and
// NOT_FOUND.
func (e *apiError) platform() any {
	var name strings.Builder
	for word := range strings.SplitSeq(strings.TrimSuffix(e.code, "_error"), "_") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	kind := name.String() + "Error"
	if e.status == http.StatusUnauthorized {
		kind = "AuthenticationError"
	}
	return map[string]any{"error": kind, "message": e.message, "error_code": strings.ToUpper(e.code), "details": e.detail()}
}
