package uitest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// JavaScript about the Trends page.
const (
	// drawn reports that every pane has its curves.
	drawn = `document.querySelectorAll('.plot').length > 0 && [...document.querySelectorAll('.plot')].every(p => p.querySelector('canvas'))`
	// reading gives what stands beside the name of a signal.
	reading = `(n => document.querySelector('[data-read="' + n + '"]').textContent.replace(/\u2009/g, ' '))`
	// inked counts the pixels of the colour of the first curve of a pane between two moments.
	inked = `((pane, from, to) => {
		const u = document.querySelectorAll('.plot')[pane].querySelector('canvas');
		const over = document.querySelectorAll('.plot')[pane].querySelector('.u-over');
		const doc = JSON.parse(document.getElementById('chart').textContent);
		const left = over.offsetLeft, width = over.offsetWidth, d = devicePixelRatio;
		const x = t => Math.round((left + width * (t - doc.from) / (doc.to - doc.from)) * d);
		const want = getComputedStyle(document.documentElement).getPropertyValue('--t1').trim().match(/[0-9a-f]{2}/g).map(h => parseInt(h, 16));
		const a = x(from), b = Math.max(x(to), a + 1);
		const px = u.getContext('2d').getImageData(a, 0, b - a, u.height).data;
		let n = 0;
		for (let i = 0; i < px.length; i += 4) if (Math.abs(px[i] - want[0]) + Math.abs(px[i + 1] - want[1]) + Math.abs(px[i + 2] - want[2]) < 40 && px[i + 3] > 200) n++;
		return n;
	})`
	chart = `JSON.parse(document.getElementById('chart').textContent)`
)

// trends opens the Trends page of a made-up well and waits for its curves.
func trends(t *testing.T, tab *Tab, fake *Server, query string) {
	t.Helper()
	tab.Scheme("light", "")
	tab.Open(fake.URL + "/trends" + query)
	tab.Wait("the curves", drawn, 20*time.Second)
}

func TestTrendsKeepsItsBudget(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 2)
	trends(t, tab, fake, "")
	tab.Wait("the page to be live", live, 20*time.Second)
	time.Sleep(time.Second)
	requests, bytes := tab.Traffic()
	if foreign := tab.Foreign(fake.URL); len(foreign) > 0 {
		t.Errorf("requests to other origins: %v", foreign)
	}
	first := slices.DeleteFunc(requests, func(r string) bool { return strings.Contains(r, "/series?") }) // newer sums come later
	if len(first) > 10 || bytes > 95000 || bytes < 40000 {
		t.Errorf("first load: %.0f bytes in %d requests, want at most 95000 in 10: %v", bytes, len(first), first)
	}
	t.Logf("first load: %.1f kB in %d requests", bytes/1000, len(first))
	if errors := tab.List(`performance.getEntriesByType('resource').filter(r => r.responseStatus >= 400).map(r => r.name)`); len(errors) > 0 {
		t.Errorf("failed requests: %v", errors)
	}
}

func TestCurvesHaveGapsAndColours(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 1366, 768, 1)
	trends(t, tab, fake, "")
	const gap = `const d = ` + chart + `, c = d.series.series[2], g = c.gaps[0], w = d.series.width * 1000, t = d.series.times;`
	tab.Wait("the pressure before the gap", `(() => {`+gap+` return `+inked+`(1, t[g[0]] - 30 * w, t[g[0]] - 2 * w) > 20})()`, 5*time.Second)
	if n := tab.Number(`(() => {` + gap + ` return ` + inked + `(1, t[g[0]] + 2 * w, t[g[1]] - 2 * w)})()`); n > 0 {
		t.Errorf("a line crosses the gap: %.0f of its pixels", n)
	}
	tab.Scheme("dark", "")
	tab.Wait("the curve in the colour of the dark theme", `document.documentElement.dataset.theme === 'dark' && (() => {`+gap+` return `+inked+`(1, t[g[0]] - 30 * w, t[g[0]] - 2 * w) > 20})()`, 5*time.Second)
	if got := tab.Text(`document.getElementById('lane').textContent`); !strings.Contains(got, "+1") {
		t.Errorf("signs above the curves: got %q, want two that stand together", got)
	}
}

// The cursor shows what the API says of the piece under it.
func TestCursorReadsTheValuesOfTheAPI(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 1366, 768, 1)
	trends(t, tab, fake, "?from=2026-11-20T10:00:00Z&to=2026-11-20T18:00:00Z")
	if now := time.Now(); now.Before(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) || now.After(time.Date(2026, 12, 28, 0, 0, 0, 0, time.UTC)) {
		from := now.UTC().Add(-40 * time.Hour).Truncate(time.Hour)
		trends(t, tab, fake, "?from="+from.Format(time.RFC3339)+"&to="+from.Add(8*time.Hour).Format(time.RFC3339))
	}
	tab.Run(`document.getElementById('panes').focus()`)
	press := func(key string) {
		tab.Run(fmt.Sprintf(`document.getElementById('panes').dispatchEvent(new KeyboardEvent('keydown', {key: %q, bubbles: true, cancelable: true}))`, key))
	}
	press("Home")
	for range 5 {
		press("ArrowRight")
	}
	tab.Wait("the cursor", `document.getElementById('when').textContent.startsWith('At ')`, 5*time.Second)
	tab.Run(`window.answer = null; const d = ` + chart + `; fetch(d.source + '&from=' + d.from + '&to=' + d.to).then(r => r.json()).then(a => window.answer = a)`)
	tab.Wait("the API", `window.answer`, 5*time.Second)
	const index = `Math.floor((` + chart + `.from + 5 * answer.width * 1000 - answer.times[0]) / (answer.width * 1000))`
	want := tab.Text(`(() => {const s = answer.series[1], i = ` + index + `, lo = s.min[i].toFixed(1), hi = s.max[i].toFixed(1); return (lo === hi ? lo : lo + ' – ' + hi) + ' A'})()`)
	if got := tab.Text(reading + `('motor_current')`); got != want {
		t.Errorf("motor current under the cursor: got %q, the API has %q", got, want)
	}
	if got := tab.Text(`document.getElementById('panes').getAttribute('aria-valuetext')`); !strings.Contains(got, "Motor current "+want[:4]) {
		t.Errorf("spoken: got %q", got)
	}
	clock := tab.Text(`(() => {const t = new Date(answer.times[` + index + `] - 5 * 3600000).toISOString(); return t.slice(11, 16)})()`)
	if got := tab.Text(`document.getElementById('when').textContent`); !strings.HasSuffix(got, clock) {
		t.Errorf("time of the cursor: got %q, want %s", got, clock)
	}

	press("Escape")
	tab.Wait("the cursor to go", `!document.getElementById('when').textContent.startsWith('At ')`, 5*time.Second)
	tab.Run(`const o = document.querySelector('.u-over'), r = o.getBoundingClientRect();
		o.dispatchEvent(new PointerEvent('pointerdown', {pointerType: 'touch', clientX: r.left + r.width / 2, clientY: r.top + 20, bubbles: true}))`)
	tab.Wait("the cursor under a finger", `document.getElementById('when').textContent.startsWith('At ')`, 5*time.Second)
	if got := tab.Text(`getComputedStyle(document.querySelector('.u-over')).touchAction`); got != "pan-y" {
		t.Errorf("touch-action: got %q, so that a page cannot be scrolled over its curves", got)
	}
}

func TestRangesAreAddresses(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 1)
	trends(t, tab, fake, "")
	tab.Run(`window.same = true`)
	click := func(selector string) { tab.Run(fmt.Sprintf(`document.querySelector(%q).click()`, selector)) }
	current := `(document.querySelector('.tools .seg [aria-current]')?.textContent || '')`
	click(`.seg a[href*="7d"]`)
	tab.Wait("7 days", `location.search === '?range=7d' && `+current+` === '7 d' && `+drawn, 10*time.Second)
	click(`[data-nav=earlier]`)
	tab.Wait("earlier", `location.search.startsWith('?from=') && `+current+` === ''`, 10*time.Second)
	click(`[data-nav=later]`)
	tab.Wait("the present again", `location.search === '?range=7d'`, 10*time.Second)
	click(`[data-nav=closer]`)
	tab.Wait("closer", `location.search === '?range=24h'`, 10*time.Second)
	click(`[data-nav=farther]`)
	tab.Wait("farther", `location.search === '?range=7d'`, 10*time.Second)
	tab.Run(`history.go(-4)`)
	tab.Wait("the way back", `location.search === '?range=7d' && `+current+` === '7 d'`, 10*time.Second)
	tab.Run(`history.back()`)
	tab.Wait("the first view", `location.search === '' && `+current+` === '24 h' && `+drawn, 10*time.Second)
	tab.Run(`document.getElementById('choose').open = true; document.querySelectorAll('#choose [name=signals]').forEach(c => c.checked = c.value === 'casing_pressure' || c.value === 'vibration_x'); document.querySelector('#choose form').requestSubmit()`)
	tab.Wait("the chosen values", `location.search === '?range=24h&signals=vibration_x,casing_pressure' && document.querySelectorAll('.pane').length === 2 && `+drawn, 10*time.Second)
	if got := tab.Text(`window.same`); got != "true" {
		t.Error("the page was loaded again")
	}
	tab.Run(`document.querySelector('[data-set=units][data-to=si]').click()`)
	tab.Wait("kPa", reading+`('casing_pressure').includes('kPa') && document.getElementById('csv').href.includes('units=si')`, 5*time.Second)
	tab.Run(`document.querySelector('[data-set=units][data-to=oilfield]').click()`)
}

func TestPresentIsFollowedAndItsEndIsTold(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "live")
	tab := shared(t).Tab(t, 1366, 768, 1)
	trends(t, tab, fake, "?range=1h")
	tab.Wait("the page to be live", live, 20*time.Second)
	const edge = `document.getElementById('edge').textContent`
	before := tab.Text(edge)
	tab.Wait("a newer reading", fmt.Sprintf(`%s !== %q && !%s.includes('nothing since')`, edge, before, edge), 5*time.Second)
	tab.Wait("newer sums", `performance.getEntriesByType('resource').some(r => r.name.includes('/series?'))`, 10*time.Second)
	fake.Command("value motor_current 47.7")
	tab.Wait("the live value", reading+`('motor_current') === '47.7 A'`, 5*time.Second)
	fake.Command("scan off")
	tab.Wait("the end of the record", edge+`.includes('nothing since') && `+reading+`('motor_current').startsWith('last ')`, 20*time.Second)
	if got := tab.Text(`document.getElementById('edge').className`); got != "warn" {
		t.Errorf("the end of the record is not marked: %q", got)
	}
	fake.Command("scan on")
	tab.Wait("the present again", `!`+edge+`.includes('nothing since')`, 10*time.Second)
}

func TestOldCurvesStayWhileNothingComes(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 1)
	trends(t, tab, fake, "")
	tab.Wait("the page to be live", live, 20*time.Second)
	fake.Kill()
	tab.Run(`document.querySelector('.seg a[href*="7d"]').click()`)
	tab.Wait("to be told", `document.getElementById('say').textContent.startsWith('Not loaded: ')`, 10*time.Second)
	if got := tab.Text(`location.search + ' ' + (` + drawn + `)`); got != " true" {
		t.Errorf("after a range that did not come: got %q, want the old address and curves", got)
	}
	tab.Wait("the banner", offline, 8*time.Second)
	tab.Wait("the end of the record", `document.getElementById('edge').textContent.includes('nothing since') && !`+reading+`('motor_current').match(/^[0-9]/)`, 5*time.Second)
	fake.Start()
	tab.Wait("recovery", live+" && !("+offline+")", 12*time.Second)
	tab.Run(`document.querySelector('.seg a[href*="7d"]').click()`)
	tab.Wait("7 days", `location.search === '?range=7d' && document.getElementById('say').hidden`, 10*time.Second)
}

func TestTrendsFitsAndCanBeTouched(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 1)
	for _, state := range []string{"gas", "lost", "empty"} {
		fake.Command("state " + state)
		tab.Open(fake.URL + "/trends")
		tab.Wait("the page to be heard", `document.getElementById('chip-text').textContent.startsWith('as of') === false`, 10*time.Second)
		tab.Run(`for (const d of document.querySelectorAll('details')) d.open = true`)
		for _, width := range []int64{320, 390, 1366} {
			tab.Size(width, 844, 1)
			time.Sleep(200 * time.Millisecond)
			if got := tab.Number(`document.documentElement.scrollWidth`); got > float64(width) {
				wide := tab.List(`[...document.querySelectorAll('main *, header *, .banner *')].filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(e => e.className + ': ' + e.textContent.slice(0, 40))`)
				t.Errorf("%s at %d px: %.0f px wide: %q", state, width, got, wide)
			}
			small := tab.List(`[...document.querySelectorAll('a, button, summary, select, label, input:not([type=checkbox])')].filter(e => e.offsetParent !== null && !e.classList.contains('skip')).filter(e => {const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44}).map(e => e.outerHTML.slice(0, 80) + e.getBoundingClientRect().width)`)
			if len(small) > 0 {
				t.Errorf("%s at %d px: targets under 44 px: %q", state, width, small)
			}
		}
	}
}

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
		{"trends-desktop-compare", "gas", "light", "?range=8h&compare=1d", 1366, 768, false},
		{"trends-phone-light", "gas", "light", "", 390, 844, false},
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

// TestPictureOfTheTrendsOfTheDemo writes pictures of the curves of the running demo.
func TestPictureOfTheTrendsOfTheDemo(t *testing.T) {
	dir := os.Getenv("UI_SHOTS")
	if dir == "" {
		t.Skip("UI_SHOTS names no folder for pictures")
	}
	demo := StartDemo(t, "--scenario", "gas-lock", "--history", "24h")
	b := OpenBrowser(t)
	for _, c := range []struct {
		name, query, scheme string
		width, height       int64
	}{
		{"trends", "?range=8h", "light", 1366, 768},
		{"trends-demo-24h-dark", "", "dark", 1366, 768},
		{"trends-demo-phone", "?range=1h", "light", 390, 844},
	} {
		tab := b.Tab(t, c.width, c.height, 1)
		tab.Scheme(c.scheme, "")
		tab.Open(demo.URL + "/trends" + c.query)
		tab.Wait("the past", `document.getElementById('chip-text').textContent.startsWith('Live') && !document.body.innerText.includes('Filling')`, time.Minute)
		tab.Open(demo.URL + "/trends" + c.query)
		tab.Wait("the curves", drawn+" && "+live, 20*time.Second)
		time.Sleep(2 * time.Second)
		tab.Run(`const o = document.querySelector('.u-over'), r = o.getBoundingClientRect(); o.dispatchEvent(new PointerEvent('pointerdown', {pointerType: 'touch', clientX: r.left + r.width * .8, clientY: r.top + 20, bubbles: true}))`)
		time.Sleep(300 * time.Millisecond)
		tab.Shot(filepath.Join(dir, c.name+".png"), false)
	}
}
