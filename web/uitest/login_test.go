package uitest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// addUser makes a user in the store of a running appliance.
func (s *Server) addUser(name, role, password string) {
	s.tb.Helper()
	cmd := exec.Command(s.program, "user", "add", name, "--role", role, "--password-stdin", "--data", filepath.Join(filepath.Dir(s.args[len(s.args)-1]), "data"))
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.tb.Fatalf("add a user: %v: %s", err, out)
	}
}

// fill sets the value of a field of a form.
func (t *Tab) fill(name, value string) {
	t.tb.Helper()
	t.Run("const e = document.querySelector('[name=\"" + name + "\"]'); e.value = '" + value + "'; e.dispatchEvent(new Event('change'))")
}

// Somebody on a phone logs in and reads a register of the simulated drive: forms alone,
// as they work without JavaScript too.
func TestLogInAndReadARegister(t *testing.T) {
	t.Parallel()
	run, _ := StartRun(t)
	run.addUser("mreyes", "technician", "correct horse battery")
	tab := OpenBrowser(t).Tab(t, 390, 844, 1)
	tab.Open(run.URL + "/wells/RB-114/drive")
	tab.Wait("the hint to log in", `document.body.innerText.includes('needs the role technician')`, 20*time.Second)
	tab.Run(`document.querySelector('#tester a').click()`)
	tab.Wait("the login page", `document.querySelector('[name=password]')`, 20*time.Second)
	tab.fill("username", "mreyes")
	tab.fill("password", "correct horse battery")
	tab.Run(`document.querySelector('form[action="/login"] button').click()`)
	tab.Wait("the way back", `location.pathname === '/wells/RB-114/drive' && document.querySelector('#tester form')`, 20*time.Second)

	tab.fill("ref", "40002")
	tab.fill("quantity", "1")
	tab.fill("scale", "0.01")
	tab.Run(`document.querySelector('#tester form button').click()`)
	tab.Wait("the answer", `document.getElementById('answer')`, 20*time.Second)
	answer := tab.Text(`document.getElementById('answer').innerText.replace(/\s+/g, ' ')`)
	if !strings.Contains(answer, "drive, function 3, wire address 1") {
		t.Errorf("answer: %s", answer)
	}
	hz := tab.Number(`document.querySelector('#answer tbody tr td:nth-child(3)').textContent`)
	if hz < 30 || hz > 70 {
		t.Errorf("frequency of the drive: got %v Hz: %s", hz, answer)
	}
	if wide := tab.Number(`document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %v wide on a phone of 390", wide)
	}
	if foreign := tab.Foreign(run.URL); len(foreign) > 0 {
		t.Errorf("requests to other origins: %v", foreign)
	}
	if got := tab.Text(`document.cookie`); got != "" {
		t.Errorf("a script sees the cookie: %s", got)
	}
	tab.Run(`location.href = '/login'`)
	tab.Wait("the way out", `document.querySelector('form[action="/logout"] button')`, 20*time.Second)
	tab.Run(`document.querySelector('form[action="/logout"] button').click()`)
	tab.Wait("the Overview", `location.pathname === '/'`, 20*time.Second)
	tab.Open(run.URL + "/wells/RB-114/drive")
	tab.Wait("nothing to read with", `!document.querySelector('#tester form')`, 20*time.Second)
}
