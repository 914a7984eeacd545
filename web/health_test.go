package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/webtest"
)

func condition(severity esp.Severity, failing bool) web.Condition {
	return web.Condition{
		Code: "device_silent", Severity: severity, Since: webtest.Moment().Add(-time.Minute), Subject: "RB-114/drive",
		Text: "The drive does not answer.", Action: "Check its power.", Who: esp.Technician, Failing: failing,
	}
}

func TestHealthDetailed(t *testing.T) {
	storage := func(status string) web.Dependency {
		return web.Dependency{Name: "storage", Status: status, Required: true}
	}
	tests := []struct {
		name       string
		conditions []web.Condition
		storage    string
		code       int
		status     string
	}{
		{"well", nil, "ok", http.StatusOK, "ok"},
		{"information", []web.Condition{condition(esp.SeverityInfo, false)}, "ok", http.StatusOK, "ok"},
		{"a plan", []web.Condition{condition(esp.SeverityPlan, false)}, "ok", http.StatusOK, "degraded"},
		{"now", []web.Condition{condition(esp.SeverityInfo, false), condition(esp.SeverityNow, false)}, "ok", http.StatusOK, "degraded"},
		{"does not do its work", []web.Condition{condition(esp.SeverityNow, true)}, "ok", http.StatusServiceUnavailable, "failed"},
		{"a required dependency", nil, "failed", http.StatusServiceUnavailable, "failed"},
	}
	s := open(t, nil, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.source.SetDependencies(storage(tt.storage))
			s.source.SetConditions(tt.conditions...)
			resp, body := s.get(t, "/health/detailed")
			var got struct {
				Status       string              `json:"status"`
				Conditions   []map[string]string `json:"conditions"`
				Dependencies map[string]any      `json:"dependencies"`
				Version      string              `json:"version"`
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			if resp.StatusCode != tt.code || got.Status != tt.status || len(got.Conditions) != len(tt.conditions) || got.Version != "1.2.3" || got.Dependencies["storage"] == nil {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
			if len(tt.conditions) == 0 {
				if !strings.Contains(body, `"conditions":[]`) {
					t.Errorf("no conditions are not an empty list: %s", body)
				}
				return
			}
			want := map[string]string{
				"code": "device_silent", "severity": string(tt.conditions[0].Severity), "since": "2026-11-23T19:31:07.000Z", "subject": "RB-114/drive",
				"text": "The drive does not answer.", "action": "Check its power.", "who": "technician",
			}
			if diff := cmp.Diff(want, got.Conditions[0]); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}

// What watches over the appliance from the same machine needs no login; a proxy there,
// a page that got there by a foreign name, and everybody else do.
func TestInspectionIsOpenOnThisMachine(t *testing.T) {
	s := open(t, nil, func(c *web.Config) { c.AnonymousView = false })
	ask := func(peer, host, path string, header ...string) int {
		req := httptest.NewRequest(http.MethodGet, "http://"+host+path, http.NoBody)
		req.RemoteAddr = peer
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, req)
		return w.Code
	}
	for _, path := range []string{"/metrics", "/health/metrics", "/health/detailed"} {
		for _, tt := range []struct {
			peer, host string
			header     []string
			want       int
		}{
			{"127.0.0.1:9", "127.0.0.1:8443", nil, http.StatusOK},
			{"127.0.0.1:9", "localhost:8443", nil, http.StatusOK},
			{"[::1]:9", "[::1]:8443", nil, http.StatusOK},
			{"[::1]:9", "[::1]", nil, http.StatusOK},
			{"192.0.2.7:9", "127.0.0.1:8443", nil, http.StatusUnauthorized},
			{"127.0.0.1:9", "evil.example:8443", nil, http.StatusUnauthorized},
			{"127.0.0.1:9", "127.0.0.1:8443", []string{"X-Forwarded-For", "192.0.2.7"}, http.StatusUnauthorized},
			{"127.0.0.1:9", "127.0.0.1:8443", []string{"Forwarded", "for=127.0.0.1"}, http.StatusUnauthorized},
			{"broken", "127.0.0.1:8443", nil, http.StatusUnauthorized},
		} {
			if got := ask(tt.peer, tt.host, path, tt.header...); got != tt.want {
				t.Errorf("%s from %s to %s %v: got %d, want %d", path, tt.peer, tt.host, tt.header, got, tt.want)
			}
		}
	}
}

// Whether the box is ready is for everybody, what exactly is wrong is not.
func TestDetailsAreForViewers(t *testing.T) {
	for _, anonymous := range []bool{true, false} {
		s := open(t, nil, func(c *web.Config) { c.AnonymousView = anonymous })
		s.source.SetDependencies(web.Dependency{Name: "central", Status: "degraded", Detail: "no route to 192.0.2.9"})
		for peer, host := range map[string]string{"127.0.0.1:9": "127.0.0.1", "192.0.2.7:9": "box.example"} {
			req := httptest.NewRequest(http.MethodGet, "http://"+host+"/health/ready", http.NoBody)
			req.RemoteAddr = peer
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, req)
			want := anonymous || host == "127.0.0.1"
			if got := strings.Contains(w.Body.String(), "192.0.2.9"); got != want || w.Code != http.StatusOK {
				t.Errorf("anonymous %v, from %s: %d %s", anonymous, peer, w.Code, w.Body)
			}
		}
	}
}

// stuck is an appliance whose disk hangs: nothing that reads it comes back.
type stuck struct {
	*webtest.Source

	release chan struct{}
}

func (s stuck) History(context.Context, esp.WellID, []esp.SignalID, time.Time, time.Time, time.Duration) ([]web.Row, error) {
	<-s.release
	return nil, nil
}

func (s stuck) Overview(context.Context, esp.WellID) (*web.Overview, error) {
	<-s.release
	return nil, web.ErrNoWell
}

func TestProbesAnswerWhileTheDiskHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := open(t, nil, func(c *web.Config) {
		hanging := stuck{c.Health.(*webtest.Source), release}
		c.Wells, c.Telemetry = hanging, hanging
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, path := range []string{"/wells/RB-114", "/api/v1/telemetry/wells/RB-114/history"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
			}
		}()
	}
	client := http.Client{Timeout: 5 * time.Second}
	for _, path := range []string{"/health/live", "/health/ready", "/health/startup", "/health/detailed", "/metrics"} {
		resp, err := client.Get(s.url + path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d", path, resp.StatusCode)
		}
	}
}

func TestMetricsOfTheServer(t *testing.T) {
	own := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "wellkeeper_own", Help: "Of the appliance."}, func() float64 { return 42 })
	s := open(t, nil, func(c *web.Config) { c.Metrics = own })
	for range 3 {
		s.get(t, "/wells/RB-114")
	}
	for _, path := range []string{"/", "/nothing/1", "/nothing/2", "/api/v1/wells", "/api/v1/nothing", "/health/live", "/api/v1/diagnostics/critical"} {
		s.get(t, path)
	}
	s.get(t, "/wells/none")
	s.do(t, http.MethodPut, "/health/live")
	s.do(t, http.MethodPost, "/api/v1/diagnostics/wells/RB-114/analyze-latest", "Origin", "https://evil.example")
	resp, body := s.get(t, "/metrics")
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("type %s", got)
	}
	has(t, body, "wellkeeper_own 42", "go_goroutines ", "process_resident_memory_bytes ",
		`wellkeeper_http_requests_total{route="page",status="2xx"} 4`,
		`wellkeeper_http_requests_total{route="page",status="4xx"} 1`,
		`wellkeeper_http_requests_total{route="other",status="4xx"} 5`,
		`wellkeeper_http_requests_total{route="api",status="2xx"} 1`,
		`wellkeeper_http_requests_total{route="platform",status="2xx"} 1`,
		`wellkeeper_http_requests_total{route="health",status="2xx"} 1`,
		`wellkeeper_http_request_duration_seconds_count{route="page"} 5`,
	)
	lacks(t, body, "nothing", "evil", "RB-114")
	resp, body = s.get(t, "/health/metrics", "Accept", "application/openmetrics-text;version=1.0.0")
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("type %s", got)
	}
}
