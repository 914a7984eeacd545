package uitest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTrendsShots writes pictures of the Trends page to the folder UI_SHOTS.
func TestTrendsShots(t *testing.T) {
	dir := os.Getenv("UI_SHOTS")
	if dir == "" {
		t.Skip("UI_SHOTS names no folder for pictures")
	}
	b := OpenBrowser(t)
	fake := StartFake(t, "gas")
	for _, c := range []struct {
		name, state, scheme, query string
		width, height              int64
		full                       bool
	}{
		{"trends-desktop-light", "gas", "light", "", 1366, 768, false},
		{"trends-desktop-dark-full", "gas", "dark", "?range=24h", 1366, 768, true},
		{"trends-phone-light-full", "gas", "light", "", 390, 844, true},
		{"trends-phone-dark", "gas", "dark", "?range=8h", 390, 844, false},
		{"trends-desktop-lost", "lost", "light", "?range=1h", 1366, 768, false},
		{"trends-desktop-30d", "live", "light", "?range=30d", 1366, 768, false},
		{"trends-small-full", "gas", "light", "?range=7d", 320, 640, true},
	} {
		fake.Command("state " + c.state)
		tab := b.Tab(t, c.width, c.height, 1)
		tab.Scheme(c.scheme, "")
		tab.Open(fake.URL + "/trends" + c.query)
		time.Sleep(2500 * time.Millisecond)
		tab.Shot(filepath.Join(dir, c.name+".png"), c.full)
	}
}
