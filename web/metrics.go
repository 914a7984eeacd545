package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Classes of routes in the metrics: few, so that nobody who asks for odd paths can make
// them many.
const (
	classPage     = "page"
	classAsset    = "asset"
	classHealth   = "health"
	classAPI      = "api"
	classPlatform = "platform"
	classLive     = "live"
	classOther    = "other" // no such route
)

// scrapeTimeout ends a scrape that does not come to an end; two may run at once.
const (
	scrapeTimeout = 5 * time.Second
	maxScrapes    = 2
)

// metrics has the registry of the server, and counts its requests.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// newMetrics makes a registry of its own: nothing that a library puts into the global
// one shows here.
func newMetrics(own prometheus.Collector) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wellkeeper_http_requests_total",
			Help: "Requests since the start, by class of route and of status (2xx, 4xx, …). A live stream counts when it ends.",
		}, []string{"route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wellkeeper_http_request_duration_seconds",
			Help:    "Time until a request was answered, by class of route; live streams are left out.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10},
		}, []string{"route"}),
	}
	all := []prometheus.Collector{m.requests, m.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
	if own != nil {
		all = append(all, own)
	}
	registry := prometheus.NewRegistry()
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		DisableCompression:  true, // that is done for every answer
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
	return m, nil
}

func (m *metrics) serve(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	m.handler.ServeHTTP(c.Response(), c.Request())
	return nil
}

// measured counts a request and its time. It answers errors itself: what the client was
// told is known only then.
func (m *metrics) measured(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		route := routeClass(c)
		m.requests.WithLabelValues(route, statusClass(c.Response().Status)).Inc()
		if route != classLive {
			m.duration.WithLabelValues(route).Observe(time.Since(begin).Seconds())
		}
		return nil
	}
}

// routeClass is the class of the route that matched.
func routeClass(c echo.Context) string {
	path := c.Path()
	switch {
	case c.Response().Status == http.StatusNotFound && path == "", c.Response().Status == http.StatusMethodNotAllowed:
		return classOther
	case path == "/api/v1/live":
		return classLive
	case strings.HasPrefix(path, "/health/"), path == "/metrics":
		return classHealth
	case strings.HasPrefix(path, "/assets/"):
		return classAsset
	case platformPath(path):
		return classPlatform
	case strings.HasPrefix(path, "/api/"):
		return classAPI
	}
	return classPage
}

// statusClass is 2xx for 204.
func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }
