package web

import (
	"context"
	"errors"
	"fmt"
	stdlog "log" //nolint:depguard // http.Server takes its error log in this type only
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/zerolog"
)

// Limits of the server. Writing has no limit short of a minute because a day of
// history goes out over a slow radio link; live streams set their own per event.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
	bodyLimit         = "64K"
	drainTimeout      = 2 * time.Second
)

// Server is the web server of the appliance.
type Server struct {
	cfg     Config
	log     zerolog.Logger
	assets  *assets
	metrics *metrics
	render  *renderer
	hub     *hub
	heavy   chan struct{} // held while much of the history is read
	reading chan struct{} // held while a register is read, or waited for
	http    *http.Server

	anonymous atomic.Bool // viewing without a login
}

// New makes a server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Log, assets: files, heavy: make(chan struct{}, heavyQueries), reading: make(chan struct{}, readsAtOnce)}
	s.anonymous.Store(cfg.AnonymousView)
	if s.render, err = newRenderer(&s.cfg, files.base); err != nil {
		return nil, err
	}
	s.hub = newHub(s)
	if s.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		TLSConfig:         cfg.TLS,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(cfg.Log.Level(zerolog.DebugLevel), "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
				c = t.NetConn()
			}
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	return s, nil
}

// Display is what may be changed while the server runs. Pages that are open keep the
// units that they were made with until they are loaded again.
type Display struct {
	AnonymousView bool
	Units         Units
	Location      *time.Location
}

// SetDisplay replaces the settings of the same names that New was given.
func (s *Server) SetDisplay(d Display) {
	s.anonymous.Store(d.AnonymousView)
	s.render.setLook(d.Units, d.Location)
}

// handler is everything a request goes through, outermost first.
func (s *Server) handler() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.fail
	e.IPExtractor = echo.ExtractIPDirect()
	e.Use(s.metrics.measured, s.recovered, middleware.BodyLimit(bodyLimit), middleware.GzipWithConfig(middleware.GzipConfig{
		MinLength: 512,
		Skipper: func(c echo.Context) bool { // the stream is flushed per event; assets are compressed already
			return c.Path() == "/api/v1/live" || c.Path() == "/assets/:hash/:name"
		},
	}))
	for _, r := range s.routes() {
		handle := s.guard(&r)
		e.Add(r.method, r.path, handle)
		if r.method == http.MethodGet && r.path != "/api/v1/live" {
			e.Add(http.MethodHead, r.path, handle)
		}
	}
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.metrics.requests.WithLabelValues(classOther, statusClass(http.StatusForbidden)).Inc()
		s.fail(&apiError{status: http.StatusForbidden, code: "cross_origin", message: "requests from other sites are refused"}, e.NewContext(req, w)) //nolint:contextcheck // that of the request
	}))
	return headers(cross.Handler(e))
}

// headers sets what every answer carries.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}

// recovered turns a panic of a handler into an error: one bad request must not end
// polling, which runs in the same process.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch r := recover(); r {
			case nil:
			case http.ErrAbortHandler:
				panic(r) // net/http's own way to drop a connection
			default:
				err = fmt.Errorf("panic in a handler: %v", r)
				s.log.Error().Stack().Interface("panic", r).Str("path", c.Path()).Msg("handler panicked")
			}
		}()
		return next(c)
	}
}

// Run serves until ctx is done, then ends live streams, lets running requests finish
// for up to 2 s and returns nil. It returns an error when the listener fails.
func (s *Server) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	s.hub.start(work)
	s.http.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	served := make(chan error, 1)
	go func() {
		if s.cfg.TLS != nil {
			served <- s.http.ServeTLS(s.cfg.Listener, "", "")
			return
		}
		served <- s.http.Serve(s.cfg.Listener)
	}()

	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	close(s.hub.stop)
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer stop()
	if down := s.http.Shutdown(drain); down != nil && !errors.Is(down, http.ErrServerClosed) {
		s.log.Warn().Err(down).Msg("requests were cut off at shutdown")
		s.http.Close()
	}
	cancel()
	s.hub.wait()
	if err == nil {
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = fmt.Errorf("serve http: %w", end)
		}
	}
	return err
}
