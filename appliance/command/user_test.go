package command_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const password = "correct horse battery"

// post sends JSON and reads the answer.
func (p *program) post(path, token string, body, into any) int {
	p.tb.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		p.tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.tb.Context(), http.MethodPost, p.url+path, bytes.NewReader(text))
	if err != nil {
		p.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.tb.Fatal(err)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		p.tb.Fatalf("%s: %v: %s", path, err, answer)
	}
	return response.StatusCode
}

// login gives an access token; empty where the login is refused.
func (p *program) login(name, secret string) string {
	p.tb.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	p.post("/api/v1/auth/login", "", map[string]string{"username": name, "password": secret}, &answer)
	return answer.Token
}

// Users are made while the appliance runs and while it does not; a technician reads a
// register of the simulated drive and puts a comparison with its panel on record.
func TestUsersRegistersAndThePanel(t *testing.T) {
	b := newStation(t)
	b.write(1)
	p := launch(t, "run", "-c", b.file)
	user := func(stdin string, args ...string) (stdout, stderr string, code int) {
		return call(t, stdin, append(append([]string{"user"}, args...), "--data", b.data)...)
	}
	if _, stderr, code := user(password+"\n", "add", "mreyes", "--role", "technician", "--password-stdin"); code != 0 {
		t.Fatalf("add: exit %d: %s", code, stderr)
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
		code  int
		says  string
	}{
		"the same again":   {password, []string{"add", "MReyes", "--role", "viewer", "--password-stdin"}, 1, "there is a user of this name"},
		"a short password": {"short", []string{"add", "other", "--role", "viewer", "--password-stdin"}, 1, "at least 12 characters"},
		"no role":          {password, []string{"add", "other", "--password-stdin"}, 2, "--role is required"},
		"a role of none":   {password, []string{"add", "other", "--role", "owner", "--password-stdin"}, 1, "the role must be"},
		"no terminal":      {password, []string{"add", "other", "--role", "viewer"}, 2, "--password-stdin"},
		"nobody":           {password, []string{"passwd", "other", "--password-stdin"}, 1, "there is no user of this name"},
	} {
		if _, stderr, code := user(c.stdin, c.args...); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
	token := p.login("mreyes", password)
	if token == "" {
		t.Fatal("the user cannot log in")
	}
	var read struct {
		Values []struct{ Scaled float64 }
		Error  struct{ Message string }
	}
	ask := map[string]any{"device": "drive", "fc": 3, "ref": 40002, "base": 40001, "quantity": 1, "scale": .01}
	await(t, "a reading", 20*time.Second, func() bool { return p.get("/api/v1/telemetry/wells/W-1/latest", &struct{}{}) })
	if code := p.post("/api/v1/wells/W-1/registers/read", token, ask, &read); code != 200 || len(read.Values) != 1 || read.Values[0].Scaled < 30 || read.Values[0].Scaled > 70 {
		t.Fatalf("frequency of the drive: got %d, %+v", code, read)
	}
	var compared struct {
		Comparison struct {
			Agreed bool
			By     string
			Values []struct {
				Name            string
				Read, Deviation *float64
				Agreed          bool
			}
		}
	}
	body := map[string]any{"values": map[string]any{"drive_frequency": read.Values[0].Scaled, "motor_current": 9999, "run_state": "running"}}
	if code := p.post("/api/v1/wells/W-1/devices/drive/comparison", token, body, &compared); code != 201 {
		t.Fatalf("compare: got %d", code)
	}
	agreed := map[string]bool{}
	for _, v := range compared.Comparison.Values {
		agreed[v.Name] = v.Agreed
		if v.Name == "motor_current" && (v.Deviation == nil || *v.Deviation > -9000) {
			t.Errorf("deviation of a wrong motor current: %v", v.Deviation)
		}
	}
	if !agreed["drive_frequency"] || !agreed["run_state"] || agreed["motor_current"] || compared.Comparison.Agreed || compared.Comparison.By != "mreyes" {
		t.Errorf("comparison: %+v", compared.Comparison)
	}

	const second = "another good password"
	if _, stderr, code := user(second, "passwd", "mreyes", "--password-stdin"); code != 0 {
		t.Fatalf("passwd: exit %d: %s", code, stderr)
	}
	if code := p.post("/api/v1/wells/W-1/registers/read", token, ask, &read); code != 401 {
		t.Errorf("a token of the old password: got %d, want 401", code)
	}
	for _, secret := range []string{password, second, token} {
		if strings.Contains(p.log(), secret) {
			t.Error("the log holds a secret")
		}
	}
	p.stop()
	if _, stderr, code := user(password, "add", "chief", "--role", "admin", "--password-stdin"); code != 0 {
		t.Fatalf("add while nothing runs: exit %d: %s", code, stderr)
	}
	if out, _, code := user("", "list"); code != 0 || !strings.Contains(out, "chief") || !strings.Contains(out, "technician") {
		t.Errorf("list: exit %d: %s", code, out)
	}
	p = launch(t, "run", "-c", b.file)
	if p.login("chief", password) == "" || p.login("mreyes", second) == "" {
		t.Error("users made before the start cannot log in")
	}
	var devices struct {
		Devices []struct{ Compared *struct{ By string } }
	}
	await(t, "the comparison after a restart", 5*time.Second, func() bool {
		return p.get("/api/v1/wells/W-1/devices", &devices) && devices.Devices[0].Compared != nil
	})
	info, err := os.Stat(filepath.Join(b.data, "control.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	if _, stderr, code := call(t, "", "user", "list", "--data", filepath.Join(b.data, "none")); code != 1 || !strings.Contains(stderr, "there is no data folder") {
		t.Errorf("no folder: exit %d: %s", code, stderr)
	}
}
