package uitest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestShots writes pictures of the page in its states to the folder UI_SHOTS, to be
// looked at by a person; it judges nothing itself.
func TestShots(t *testing.T) {
	dir := os.Getenv("UI_SHOTS")
	if dir == "" {
		t.Skip("UI_SHOTS names no folder for pictures")
	}
	b := OpenBrowser(t)
	fake := StartFake(t, "gas")
	for _, c := range []struct {
		name, state, scheme string
		width, height       int64
		full                bool
	}{
		{"desktop-light", "gas", "light", 1366, 768, false},
		{"desktop-dark", "gas", "dark", 1366, 768, false},
		{"phone-light-full", "gas", "light", 390, 844, true},
		{"phone-dark", "gas", "dark", 390, 844, false},
		{"phone-lost", "lost", "light", 390, 844, false},
		{"desktop-lost", "lost", "light", 1366, 768, false},
		{"desktop-live", "live", "light", 1366, 768, false},
		{"phone-tripped", "tripped", "light", 390, 844, false},
		{"desktop-tripped", "tripped", "dark", 1366, 768, false},
		{"desktop-gaslock", "gaslock", "light", 1366, 768, false},
		{"desktop-onelost", "onelost", "light", 1366, 768, false},
		{"phone-onelost-full", "onelost", "light", 390, 844, true},
		{"desktop-filling", "filling", "light", 1366, 768, false},
		{"desktop-empty", "empty", "light", 1366, 768, false},
		{"desktop-minimal", "minimal", "light", 1366, 768, false},
		{"small-full", "gas", "light", 320, 640, true},
	} {
		fake.Command("state " + c.state)
		tab := b.Tab(t, c.width, c.height, 1)
		tab.Scheme(c.scheme, "")
		tab.Open(fake.URL)
		time.Sleep(1500 * time.Millisecond)
		tab.Shot(filepath.Join(dir, c.name+".png"), c.full)
	}
	fake.Command("state gas")
	tab := b.Tab(t, 390, 844, 1)
	tab.Open(fake.URL)
	time.Sleep(time.Second)
	tab.Run("document.getElementById('steps').open = true")
	tab.Shot(filepath.Join(dir, "phone-steps-full.png"), true)
	tab.Run("document.querySelector('[data-set=units][data-to=si]').click()")
	tab.Size(1366, 768, 1)
	tab.Run("document.getElementById('steps').open = true; document.getElementById('readings').open = true")
	tab.Shot(filepath.Join(dir, "desktop-si-open-full.png"), true)
	tab.Run("document.querySelector('[data-set=units][data-to=oilfield]').click()")
	tab.Scheme("light", "print")
	tab.Shot(filepath.Join(dir, "print-full.png"), true)
	tab.Scheme("dark", "")
	fake.Kill()
	tab.Wait("offline", "document.documentElement.dataset.conn === 'off'", 8*time.Second)
	tab.Run("document.getElementById('steps').open = false")
	tab.Size(390, 844, 1)
	tab.Run("scrollTo(0,0)")
	tab.Shot(filepath.Join(dir, "phone-offline-dark.png"), false)
}

// TestPicturesOfTheDemo writes the pictures of the documents, from the running demo: a
// finding as the technician meets it, and the trends behind it.
func TestPicturesOfTheDemo(t *testing.T) {
	dir := os.Getenv("UI_SHOTS")
	if dir == "" {
		t.Skip("UI_SHOTS names no folder for pictures")
	}
	for _, c := range []struct{ scenario, words, overview, trends string }{
		{"gas-lock", "Gas lock", "overview.png", "trends.png"},
		{"tripped", "RESTART", "tripped.png", ""},
		{"dead-gauge", "gauge", "dead-gauge.png", ""},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			demo := StartDemo(t, "--scenario", c.scenario, "--history", "24h")
			tab := OpenBrowser(t).Tab(t, 1366, 768, 1)
			tab.Scheme("light", "")
			tab.Open(demo.URL)
			tab.Wait("the finding, live", `document.body.innerText.toLowerCase().includes('`+strings.ToLower(c.words)+
				`') && document.getElementById('chip-text').textContent.startsWith('Live')`, 2*time.Minute)
			time.Sleep(2 * time.Second)
			tab.Shot(filepath.Join(dir, c.overview), false)
			if c.trends == "" {
				return
			}
			tab.Open(demo.URL + "/trends?range=8h")
			tab.Wait("the curves", `document.querySelector('canvas') !== null`, time.Minute)
			time.Sleep(2 * time.Second)
			tab.Shot(filepath.Join(dir, c.trends), false)
		})
	}
}
