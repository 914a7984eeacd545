package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/auth"
)

const password = "correct horse battery"

// withUsers is a site that has one user of each role, named as the role.
func withUsers(t *testing.T, change func(*web.Config)) *site {
	t.Helper()
	return open(t, nil, func(c *web.Config) {
		for _, r := range auth.Roles() {
			if _, err := c.Auth.Add(t.Context(), "test", r.String(), password, r); err != nil {
				t.Fatal(err)
			}
		}
		if change != nil {
			change(c)
		}
	})
}

// call is a request of a program.
type call struct {
	method, path, peer string
	body               any // a string is sent as a form, else as JSON
	header             []string
}

func (s *site) call(t *testing.T, c call) *httptest.ResponseRecorder {
	t.Helper()
	var body, kind string
	switch b := c.body.(type) {
	case nil:
	case string:
		body, kind = b, "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body, kind = string(text), "application/json"
	}
	req := httptest.NewRequest(c.method, "http://box.example"+c.path, strings.NewReader(body))
	req.RemoteAddr = "192.0.2.7:9"
	if c.peer != "" {
		req.RemoteAddr = c.peer
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(c.header); i += 2 {
		req.Header.Set(c.header[i], c.header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, req)
	return w
}

func answered(t *testing.T, w *httptest.ResponseRecorder, status int) object {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got %d, want %d: %s", w.Code, status, w.Body)
	}
	var out object
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return out
}

// grant logs a program in.
func (s *site) grant(t *testing.T, name string) (access, refresh string) {
	t.Helper()
	out := answered(t, s.call(t, call{method: "POST", path: "/api/v1/auth/login", body: object{"username": name, "password": password}}), 200)
	return out["access_token"].(string), out["refresh_token"].(string)
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// cookie logs a browser in.
func (s *site) cookie(t *testing.T, name string) []string {
	t.Helper()
	w := s.call(t, call{method: "POST", path: "/login", body: url.Values{"username": {name}, "password": {password}, "next": {"/trends"}}.Encode()})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/trends" {
		t.Fatalf("login: got %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	c := w.Result().Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*3600 {
		t.Errorf("cookie: %+v", c)
	}
	return []string{"Cookie", c.Name + "=" + c.Value}
}

func TestPlatformLogin(t *testing.T) {
	s := withUsers(t, nil)
	out := answered(t, s.call(t, call{method: "POST", path: "/api/v1/auth/login", body: object{"username": "engineer", "password": password}}), 200)
	access, refresh := out["access_token"].(string), out["refresh_token"].(string)
	user := out["user"].(object)
	id := user["id"].(float64)
	if id < 1 || id != float64(uint64(id)) || access == "" || refresh == "" {
		t.Errorf("id %v, tokens %q %q", id, access, refresh)
	}
	want := object{"id": id, "username": "engineer", "role": "engineer", "created_at": "2026-11-23T19:32:07.000Z", "last_login": "2026-11-23T19:32:07.000Z"}
	equal(t, "login", out, object{"message": "Login successful", "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "user": want})
	equal(t, "me", answered(t, s.call(t, call{method: "GET", path: "/api/v1/auth/me", header: bearer(access)}), 200), object{"user": want})

	again := answered(t, s.call(t, call{method: "POST", path: "/api/v1/auth/refresh", body: object{"refresh_token": refresh}}), 200)
	equal(t, "refresh", object{"type": again["token_type"], "user": again["user"]}, object{"type": "Bearer", "user": want})
	answered(t, s.call(t, call{method: "GET", path: "/api/v1/auth/me", header: bearer(again["access_token"].(string))}), 200)

	equal(t, "logout", answered(t, s.call(t, call{method: "POST", path: "/api/v1/auth/logout", header: bearer(access)}), 200), object{"message": "Logout successful"})
	for name, c := range map[string]call{
		"me":            {method: "GET", path: "/api/v1/auth/me", header: bearer(access)},
		"second logout": {method: "POST", path: "/api/v1/auth/logout", header: bearer(access)},
	} {
		equal(t, name+" after the logout", answered(t, s.call(t, c), 401), object{"error": "AuthenticationError", "error_code": "AUTHENTICATION_REQUIRED", "message": "a login is required", "details": object{}})
	}
	equal(t, "refresh after the logout", answered(t, s.call(t, call{method: "POST", path: "/api/v1/auth/refresh", body: object{"refresh_token": refresh}}), 401),
		object{"error": "AuthenticationError", "error_code": "INVALID_TOKEN", "message": "the token is not valid", "details": object{}})

	access, refresh = s.grant(t, "viewer")
	answered(t, s.call(t, call{method: "POST", path: "/api/v1/auth/logout", body: object{"refresh_token": refresh}}), 200)
	answered(t, s.call(t, call{method: "GET", path: "/api/v1/auth/me", header: bearer(access)}), 401)
}

func TestPlatformLoginThatFails(t *testing.T) {
	s := withUsers(t, nil)
	wrong := object{"error": "AuthenticationError", "error_code": "INVALID_CREDENTIALS", "message": "name or password is wrong", "details": object{}}
	for i, name := range []string{"viewer", "nobody"} { // nobody learns which of the two it was
		c := call{method: "POST", path: "/api/v1/auth/login", peer: fmt.Sprintf("192.0.2.%d:1", 20+i), body: object{"username": name, "password": "wrong wrong wrong"}}
		equal(t, name, answered(t, s.call(t, c), 401), wrong)
	}
	w := s.call(t, call{method: "POST", path: "/api/v1/auth/login", peer: "192.0.2.20:1", body: object{"username": "viewer", "password": password}})
	equal(t, "at once again", answered(t, w, 429), object{
		"error": "RateLimitError", "error_code": "RATE_LIMIT_ERROR", "message": "too many tries: wait 1 s", "details": object{"retry_after": 1.0},
	})
	if w.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
	for name, c := range map[string]call{
		"no body":  {},
		"a form":   {body: "username=viewer&password=x"},
		"no name":  {body: object{"password": "x"}},
		"a number": {body: object{"username": 5, "password": "x"}},
	} {
		c.method, c.path = "POST", "/api/v1/auth/login"
		if out := answered(t, s.call(t, c), 400); out["error"] != "ValidationError" {
			t.Errorf("%s: got %v", name, out)
		}
	}
}

func TestUsersOfThePlatform(t *testing.T) {
	s := withUsers(t, nil)
	admin, _ := s.grant(t, "admin")
	post := func(body object) *httptest.ResponseRecorder {
		return s.call(t, call{method: "POST", path: "/api/v1/auth/users", body: body, header: bearer(admin)})
	}
	out := answered(t, post(object{"username": "mreyes", "password": password, "role": "technician"}), 201)
	u := out["user"].(object)
	equal(t, "new user", object{"username": u["username"], "role": u["role"], "last_login": u["last_login"]}, object{"username": "mreyes", "role": "technician", "last_login": nil})
	equal(t, "the same again", answered(t, post(object{"username": "MReyes", "password": password}), 409)["error"], "ConflictError")
	short := answered(t, post(object{"username": "x", "password": "short"}), 400)
	equal(t, "a short password", object{"error": short["error"], "details": short["details"]}, object{"error": "ValidationError", "details": object{"field": "password"}})
	equal(t, "a role that is none", answered(t, post(object{"username": "x", "password": password, "role": "owner"}), 400)["details"], object{"field": "role"})
	w := s.call(t, call{method: "GET", path: "/api/v1/auth/users", header: bearer(admin)})
	list := answered(t, w, 200)
	equal(t, "count", list["count"], 5.0)
	if strings.Contains(w.Body.String(), "argon2") || strings.Contains(w.Body.String(), "hash") {
		t.Errorf("the list holds hashes: %s", w.Body)
	}
}

// Every route is asked by everybody: who may less than it names is refused, by token and
// by cookie, and who may as much is not.
func TestEveryRouteForEveryRole(t *testing.T) {
	s := withUsers(t, func(c *web.Config) { c.AnonymousView = false })
	as := map[string][][]string{}
	for _, r := range auth.Roles() {
		token, _ := s.grant(t, r.String())
		as[r.String()] = [][]string{bearer(token), s.cookie(t, r.String())}
	}
	for _, row := range s.Table() {
		if row.Path == "/api/v1/live" || loggingInOrOut(row.Path) {
			continue
		}
		least := max(row.Least, auth.Viewer)
		if row.Public {
			least = auth.Nobody
		}
		for _, r := range append(auth.Roles(), auth.Nobody) {
			ways := as[r.String()]
			if r == auth.Nobody {
				ways = [][]string{nil, bearer("nonsense"), {"Cookie", "wellkeeper=nonsense"}}
			}
			for _, header := range ways {
				w := s.call(t, call{method: row.Method, path: at(row.Path), header: header})
				refused := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
				switch {
				case r >= least && refused:
					t.Errorf("%s %s as %q: refused with %d", row.Method, row.Path, r, w.Code)
				case r < least && r == auth.Nobody && w.Code != http.StatusUnauthorized:
					t.Errorf("%s %s without a login: got %d, want 401", row.Method, row.Path, w.Code)
				case r < least && r != auth.Nobody && w.Code != http.StatusForbidden:
					t.Errorf("%s %s as %q: got %d, want 403", row.Method, row.Path, r, w.Code)
				}
			}
		}
	}
	token, _ := s.grant(t, "viewer")
	equal(t, "refusal in the platform's shape", answered(t, s.call(t, call{method: "GET", path: "/api/v1/auth/users", header: bearer(token)}), 403),
		object{"error": "AuthorizationError", "error_code": "AUTHORIZATION_ERROR", "message": "this needs the role admin", "details": object{"role": "admin"}})
}

func TestChangesNeedALoginHoweverOpenThePageIs(t *testing.T) {
	s := withUsers(t, nil) // AnonymousView is on
	for _, row := range s.Table() {
		if row.Method == http.MethodGet || row.Compute || loggingInOrOut(row.Path) {
			continue
		}
		for _, peer := range []string{"192.0.2.7:9", "127.0.0.1:9"} {
			if w := s.call(t, call{method: row.Method, path: at(row.Path), peer: peer}); w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s from %s: got %d, want 401", row.Method, row.Path, peer, w.Code)
			}
		}
	}
}

// Delays go by the connection: a header that names another address changes nothing.
func TestForwardingHeadersAreNotBelieved(t *testing.T) {
	s := withUsers(t, nil)
	judged := 0
	for i := range 20 {
		forged := fmt.Sprintf("198.51.100.%d", i)
		w := s.call(t, call{
			method: "POST", path: "/api/v1/auth/login", body: object{"username": fmt.Sprintf("user%d", i), "password": "wrong wrong wrong"},
			header: []string{"X-Forwarded-For", forged, "X-Real-Ip", forged, "Forwarded", "for=" + forged},
		})
		if w.Code != http.StatusTooManyRequests {
			judged++
		}
	}
	if judged > 2 {
		t.Errorf("tries judged at once from one connection: got %d, want 1", judged)
	}
	w := s.call(t, call{
		method: "POST", path: "/api/v1/auth/login", body: object{"username": "viewer", "password": password}, header: []string{"X-Forwarded-For", "127.0.0.1"},
	})
	if w.Code != http.StatusTooManyRequests {
		t.Errorf("a forged loopback address: got %d, want 429", w.Code)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	s := withUsers(t, nil)
	cookie := s.cookie(t, "admin")
	for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		for _, row := range s.Table() {
			if row.Method == http.MethodGet {
				continue
			}
			w := s.call(t, call{method: row.Method, path: at(row.Path), body: "device=drive", header: append(from, cookie...)})
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "other sites") {
				t.Errorf("%s %s with %v: got %d", row.Method, row.Path, from, w.Code)
			}
		}
	}
	answered(t, s.call(t, call{method: "GET", path: "/api/v1/auth/me", header: cookie}), 200) // and it is logged in still
}

func TestLoginPage(t *testing.T) {
	none := open(t, nil, nil)
	if w := none.call(t, call{method: "GET", path: "/login"}); w.Code != 200 || !strings.Contains(w.Body.String(), "wellkeeper user add") {
		t.Errorf("without a user: got %d %s", w.Code, w.Body)
	}
	s := withUsers(t, nil)
	page := s.call(t, call{method: "GET", path: "/login?next=/trends"}).Body.String()
	has(t, page, `name="password"`, `autocomplete="current-password"`, `name="next" value="/trends"`)
	lacks(t, page, "<script>", "onclick", "style=")

	form := url.Values{"username": {"viewer"}, "password": {"wrong wrong wrong"}, "next": {"/trends"}}
	w := s.call(t, call{method: "POST", path: "/login", peer: "192.0.2.30:9", body: form.Encode()})
	if w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) > 0 {
		t.Errorf("a wrong password: got %d, cookies %v", w.Code, w.Result().Cookies())
	}
	has(t, w.Body.String(), "Name or password is wrong", `value="viewer"`, `value="/trends"`)
	lacks(t, w.Body.String(), "wrong wrong wrong")
	w = s.call(t, call{method: "POST", path: "/login", peer: "192.0.2.30:9", body: form.Encode()})
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), "Too many tries: wait 1 s") {
		t.Errorf("at once again: got %d", w.Code)
	}

	cookie := s.cookie(t, "technician")
	has(t, s.call(t, call{method: "GET", path: "/login", header: cookie}).Body.String(), "Logged in as technician", "Role: technician", `action="/logout"`)
	out := s.call(t, call{method: "POST", path: "/logout", header: cookie})
	if c := out.Result().Cookies(); out.Code != http.StatusSeeOther || len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("logout: got %d, cookies %v", out.Code, c)
	}
	answered(t, s.call(t, call{method: "GET", path: "/api/v1/auth/me", header: cookie}), 401)
}

func TestLoginLeadsToThisSiteOnly(t *testing.T) {
	s := withUsers(t, nil)
	for next, want := range map[string]string{
		"/wells/RB-114/drive?x=1": "/wells/RB-114/drive?x=1", "": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/",
		"evil": "/", "/login": "/", "/\t/evil.example": "/", "/a\r\nSet-Cookie: x=y": "/",
	} {
		w := s.call(t, call{method: "POST", path: "/login", body: url.Values{"username": {"viewer"}, "password": {password}, "next": {next}}.Encode()})
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("next %q: got %d to %q, want %q", next, w.Code, got, want)
		}
	}
}

func TestCookieUnderTLS(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	certified.Close()
	s := withUsers(t, func(c *web.Config) { c.TLS = certified.TLS.Clone() })
	w := s.call(t, call{method: "POST", path: "/login", body: url.Values{"username": {"viewer"}, "password": {password}}.Encode()})
	c := w.Result().Cookies()
	if len(c) != 1 || c[0].Name != "__Host-wellkeeper" || !c[0].Secure || !c[0].HttpOnly {
		t.Errorf("cookie: %v", c)
	}
}

func TestReadRegisters(t *testing.T) {
	s := withUsers(t, nil)
	token, _ := s.grant(t, "technician")
	read := func(body object) *httptest.ResponseRecorder {
		return s.call(t, call{method: "POST", path: "/api/v1/wells/RB-114/registers/read", body: body, header: bearer(token)})
	}
	u16 := func(address, value, scaled float64) object {
		return object{"address": address, "type": "u16", "value": value, "scaled": scaled}
	}
	values := []any{u16(100, 5500, 55), u16(101, 5501, 55.01)}
	want := object{
		"well": "RB-114", "device": "drive", "fc": 3.0, "address": 100.0, "quantity": 2.0, "time": "2026-11-23T19:32:07.000Z", "took_ms": 12.0,
		"words": []any{5500.0, 5501.0}, "raw": []any{"157c", "157d"}, "binary": []any{"0001010101111100", "0001010101111101"}, "text": "..",
		"values": values, "decodings": values,
	}
	equal(t, "by the wire address", answered(t, read(object{"device": "drive", "fc": 3, "address": 100, "quantity": 2, "scale": .01}), 200), want)
	equal(t, "by the printed address", answered(t, read(object{"device": "drive", "fc": 3, "ref": 40101, "base": 40001, "quantity": 2, "scale": .01}), 200), want)

	for name, c := range map[string]struct {
		body   object
		status int
		field  string
	}{
		"no device":      {object{"fc": 3, "address": 0, "quantity": 1}, 400, "device"},
		"a write":        {object{"device": "drive", "fc": 6, "address": 0, "quantity": 1}, 400, "fc"},
		"function 259":   {object{"device": "drive", "fc": 259, "address": 0, "quantity": 1}, 400, "fc"},
		"too many":       {object{"device": "drive", "fc": 3, "address": 0, "quantity": 126}, 400, "quantity"},
		"none":           {object{"device": "drive", "fc": 3, "address": 0}, 400, "quantity"},
		"no address":     {object{"device": "drive", "fc": 3, "quantity": 1}, 400, "address"},
		"two addresses":  {object{"device": "drive", "fc": 3, "address": 0, "ref": 1, "base": 1, "quantity": 1}, 400, "address"},
		"below the base": {object{"device": "drive", "fc": 3, "ref": 40000, "base": 40001, "quantity": 1}, 400, "address"},
		"beyond the end": {object{"device": "drive", "fc": 3, "address": 65536, "quantity": 1}, 400, "address"},
		"scale 0":        {object{"device": "drive", "fc": 3, "address": 0, "quantity": 1, "scale": 0}, 400, "scale"},
		"forbidden":      {object{"device": "drive", "fc": 3, "address": 1000, "quantity": 1}, 400, "address"},
		"another device": {object{"device": "pump", "fc": 3, "address": 0, "quantity": 1}, 404, ""},
		"a silent one":   {object{"device": "drive", "fc": 3, "address": 2000, "quantity": 1}, 502, ""},
	} {
		out := answered(t, read(c.body), c.status)["error"].(object)
		if field := out["details"].(object)["field"]; c.field != "" && field != c.field {
			t.Errorf("%s: got field %v, want %s", name, field, c.field)
		}
	}
	silent := answered(t, read(object{"device": "drive", "fc": 3, "address": 2000, "quantity": 1}), 502)["error"].(object)
	equal(t, "a silent device", object{"code": silent["code"], "details": silent["details"]}, object{"code": "device_error", "details": object{"reason": "timeout"}})
	w := s.call(t, call{method: "POST", path: "/api/v1/wells/none/registers/read", body: object{"device": "drive", "fc": 3, "address": 0, "quantity": 1}, header: bearer(token)})
	answered(t, w, 404)
}

func TestDrivePage(t *testing.T) {
	s := withUsers(t, nil)
	page := s.call(t, call{method: "GET", path: "/wells/RB-114/drive"}).Body.String()
	has(t, page, "not yet compared", "needs the role technician", "/login?next=%2Fwells%2FRB-114%2Fdrive", "a draft: compare every value")
	lacks(t, page, `action="/wells/RB-114/drive/read`, "style=")
	has(t, s.call(t, call{method: "GET", path: "/wells/RB-114/drive", header: s.cookie(t, "viewer")}).Body.String(), "You have logged in as viewer")

	tech := s.cookie(t, "technician")
	page = s.call(t, call{method: "GET", path: "/wells/RB-114/drive", header: tech}).Body.String()
	has(t, page, `action="/wells/RB-114/drive/read#answer"`, `name="value-drive_frequency"`, `<option>running</option>`, `value="40001"`)

	form := url.Values{"device": {"drive"}, "fc": {"3"}, "ref": {"40101"}, "base": {"40001"}, "quantity": {"1"}, "type": {"u16"}, "word_order": {"hilo"}, "scale": {"0,01"}}
	post := func(path string, form url.Values) *httptest.ResponseRecorder {
		return s.call(t, call{method: "POST", path: "/wells/RB-114/drive/" + path, body: form.Encode(), header: tech})
	}
	w := post("read", form)
	if w.Code != 200 {
		t.Fatalf("read: got %d %s", w.Code, w.Body)
	}
	has(t, w.Body.String(), "drive, function 3, wire address 100", "157C", "0001 0101 0111 1100", "5500", ">55<", `value="40101"`)
	form.Set("quantity", "many")
	w = post("read", form)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "The length must be a whole number") || !strings.Contains(w.Body.String(), `value="many"`) {
		t.Errorf("a wrong length: got %d %s", w.Code, w.Body)
	}
	form.Set("quantity", "1")
	form.Set("ref", "<script>alert(1)</script>")
	lacks(t, post("read", form).Body.String(), "<script>alert")

	w = post("compare", url.Values{"device": {"drive"}, "firmware": {"V7"}, "value-drive_frequency": {"54.0"}, "value-run_state": {"running"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/wells/RB-114/drive?compared=1#device-drive" {
		t.Fatalf("compare: got %d to %q %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	page = s.call(t, call{method: "GET", path: "/wells/RB-114/drive?compared=1"}).Body.String()
	has(t, page, "The comparison is on record", "on 23 Nov 2026 by technician: it agreed", "54.01")
	w = post("compare", url.Values{"device": {"drive"}})
	if w.Code != 400 || !strings.Contains(w.Body.String(), "Enter what the panel shows") {
		t.Errorf("nothing entered: got %d %s", w.Code, w.Body)
	}
	s.source.SetCompared(&record.PanelComparison{By: "technician", Hash: "older", Agreed: true})
	has(t, s.call(t, call{method: "GET", path: "/wells/RB-114/drive"}).Body.String(), "with another version of the profile: compare again")
	s.source.SetCompared(&record.PanelComparison{By: "technician", Hash: "0123456789abcdef"})
	has(t, s.call(t, call{method: "GET", path: "/wells/RB-114/drive"}).Body.String(), "it did not agree")
}

func TestCompareByTheAPI(t *testing.T) {
	s := withUsers(t, nil)
	devices := func() []any {
		return answered(t, s.call(t, call{method: "GET", path: "/api/v1/wells/RB-114/devices"}), 200)["devices"].([]any)
	}
	drive := devices()[0].(object)
	equal(t, "before", object{"compared": drive["compared"], "current": drive["compared_with_this_profile"], "checks": len(drive["checks"].([]any)), "state": drive["state"]},
		object{"compared": nil, "current": false, "checks": 2, "state": "ok"})
	token, _ := s.grant(t, "engineer")
	w := s.call(t, call{
		method: "POST", path: "/api/v1/wells/RB-114/devices/drive/comparison", header: bearer(token),
		body: object{"firmware": "V7", "values": object{"drive_frequency": 54, "run_state": "running"}},
	})
	out := answered(t, w, 201)["comparison"].(object)
	equal(t, "comparison", object{"by": out["by"], "role": out["role"], "firmware": out["firmware"], "entry": out["entry"]},
		object{"by": "engineer", "role": "engineer", "firmware": "V7", "entry": "panel_comparison"})
	drive = devices()[0].(object)
	equal(t, "after", object{"current": drive["compared_with_this_profile"], "compared": drive["compared"]}, object{"current": true, "compared": any(out)})
	bad := s.call(t, call{
		method: "POST", path: "/api/v1/wells/RB-114/devices/drive/comparison", header: bearer(token), body: object{"values": object{"drive_frequency": []int{1}}},
	})
	equal(t, "a list for a number", answered(t, bad, 400)["error"].(object)["details"], object{"field": "drive_frequency"})
}
