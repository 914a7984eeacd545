package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/web"
	"wellkeeper.internal/web/auth"
)

// at puts names in the place of a path's parameters.
func at(path string) string {
	return strings.NewReplacer(":well", "RB-114", ":hash", "0", ":name", "style.css", ":device", "drive").Replace(path)
}

// open to all: logging in and out is what everybody must be able to do.
func loggingInOrOut(path string) bool {
	return slices.Contains([]string{"/login", "/logout", "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout"}, path)
}

func TestEveryRouteHasARule(t *testing.T) {
	s := open(t, nil, nil)
	for _, r := range s.Table() {
		if !r.Ruled {
			t.Errorf("%s %s has no access class", r.Method, r.Path)
		}
		if r.Method != http.MethodGet && r.Least < auth.Technician && !loggingInOrOut(r.Path) {
			t.Errorf("%s %s changes something and names no least role", r.Method, r.Path)
		}
	}
	if !s.DeniedByDefault() {
		t.Error("a route without a rule is open")
	}
}

// serve asks the handler as a peer at the given address would.
func serve(s *site, peer, method, path string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, "http://box.example"+path, http.NoBody)
	req.RemoteAddr = peer
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, req)
	return w
}

func TestWithoutAnonymousViewOnlyPublicRoutesAnswer(t *testing.T) {
	s := open(t, nil, func(c *web.Config) { c.AnonymousView = false })
	for _, r := range s.Table() {
		for _, peer := range []string{"127.0.0.1:9", "[::1]:9", "192.0.2.7:9"} {
			w := serve(s, peer, r.Method, at(r.Path), "Accept-Encoding", "identity")
			if loggingInOrOut(r.Path) && r.Method != http.MethodGet {
				continue // TestLogin…
			}
			if r.Public {
				if w.Code != http.StatusOK {
					t.Errorf("%s %s from %s: got %d, want 200", r.Method, r.Path, peer, w.Code)
				}
				continue
			}
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s from %s: got %d, want 401", r.Method, r.Path, peer, w.Code)
			}
			want := "A login is needed"
			switch {
			case strings.HasPrefix(r.Path, "/api/v1/telemetry"), strings.HasPrefix(r.Path, "/api/v1/diagnostics"), strings.HasPrefix(r.Path, "/api/v1/auth"):
				want = `"error":"AuthenticationError","error_code":"AUTHENTICATION_REQUIRED"`
			case strings.HasPrefix(r.Path, "/api/"), strings.HasPrefix(r.Path, "/health/"), r.Path == "/metrics":
				want = `{"error":{"code":"authentication_required"`
			}
			if !strings.Contains(strings.ReplaceAll(w.Body.String(), `"details":{},`, ""), want) {
				t.Errorf("%s %s: got %s, want %s in it", r.Method, r.Path, w.Body, want)
			}
		}
	}
}

func TestComputingIsForLoopbackOnly(t *testing.T) {
	s := open(t, nil, nil)
	const path = "/api/v1/diagnostics/wells/RB-114/analyze-latest"
	for peer, want := range map[string]int{"127.0.0.1:9": 200, "[::1]:9": 200, "192.0.2.7:9": 401, "broken": 401} {
		if w := serve(s, peer, http.MethodPost, path); w.Code != want {
			t.Errorf("from %s: got %d, want %d", peer, w.Code, want)
		}
	}
	for _, header := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded"} {
		if w := serve(s, "192.0.2.7:9", http.MethodPost, path, header, "127.0.0.1"); w.Code != http.StatusUnauthorized {
			t.Errorf("%s was believed: got %d, want 401", header, w.Code)
		}
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	s := open(t, nil, nil)
	const path = "/api/v1/diagnostics/wells/RB-114/analyze-latest"
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		w := serve(s, "127.0.0.1:9", http.MethodPost, path, header...)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"error":"CrossOriginError"`) {
			t.Errorf("%v: got %d %s, want 403", header, w.Code, w.Body)
		}
	}
	if w := serve(s, "127.0.0.1:9", http.MethodPost, path, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusOK {
		t.Errorf("same origin: got %d, want 200", w.Code)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	s := open(t, nil, nil)
	paths := []string{"/nothing", "/api/v1/nothing", "/api/v1/telemetry/nothing", "/wells/none"}
	for _, r := range s.Table() {
		if r.Method == http.MethodGet && r.Path != "/api/v1/live" {
			paths = append(paths, at(r.Path))
		}
	}
	for _, path := range paths {
		w := serve(s, "127.0.0.1:9", http.MethodGet, path)
		h := w.Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Access-Control-Allow-Origin": "", "Set-Cookie": "", "Server": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} {
			if !strings.Contains(csp, rule) {
				t.Errorf("%s: policy %q lacks %q", path, csp, rule)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q is too wide", path, csp)
		}
	}
	if resp, body := s.do(t, http.MethodHead, "/"); resp.StatusCode != http.StatusOK || body != "" {
		t.Errorf("HEAD: got %d with %d bytes, want 200 and none", resp.StatusCode, len(body))
	}
}

func TestLimits(t *testing.T) {
	s := open(t, nil, nil)
	h := s.HTTP()
	if h.ReadHeaderTimeout != 5*time.Second || h.IdleTimeout != time.Minute || h.MaxHeaderBytes != 16<<10 || h.ReadTimeout == 0 || h.WriteTimeout == 0 {
		t.Errorf("limits of the server: %v %v %v %v %v", h.ReadHeaderTimeout, h.IdleTimeout, h.MaxHeaderBytes, h.ReadTimeout, h.WriteTimeout)
	}
	if resp, _ := s.get(t, "/health/live", "X-Big", strings.Repeat("x", 32<<10)); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 32 KiB: got %d, want 431", resp.StatusCode)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/diagnostics/wells/RB-114/analyze-latest", strings.NewReader(strings.Repeat("x", 100<<10)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of 100 KiB: got %d, want 413", resp.StatusCode)
	}
}

func TestAssets(t *testing.T) {
	s := open(t, nil, nil)
	_, body := s.get(t, "/")
	base := regexp.MustCompile(`/assets/[0-9a-f]{12}/`).FindString(body)
	if base == "" {
		t.Fatal("the page names no asset")
	}
	for _, name := range []string{"style.css", "boot.js", "page.js", "format.js", "stream.js", "icon.svg"} {
		resp, _ := s.get(t, base+name)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: got %d, %q", name, resp.StatusCode, resp.Header.Get("Cache-Control"))
		}
		old, _ := s.get(t, "/assets/000000000000/"+name)
		if old.StatusCode != http.StatusOK || old.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s under an old hash: got %d, %q", name, old.StatusCode, old.Header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{base, base + "tokens.css", base + "..%2fui.go", base + "../templates/frame.html", base + "style.css/", "/static/style.css", "/favicon.ico"} {
		if resp, _ := s.get(t, path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, resp.StatusCode)
		}
	}
}
