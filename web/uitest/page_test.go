package uitest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// JavaScript that the tests ask for.
const (
	// live reports that the stream has said something and all is well.
	live = `/^Live/.test(document.getElementById('chip-text').textContent)`
	// offline reports that the banner is seen.
	offline = `document.querySelector('.banner.off').offsetHeight > 0 && document.documentElement.dataset.conn === 'off'`
	// tile gives the text of a key value as a person sees it, thin spaces as plain ones.
	tile = `(n => document.querySelector('[data-part="key-' + n + '"]').innerText.replace(/\u2009/g, ' ').replace(/\s+/g, ' '))`
	// numbers lists the live numbers that are seen.
	numbers = `[...document.querySelectorAll('.lv .nu')].filter(e => e.offsetParent !== null).map(e => e.textContent)`
)

func TestFirstLoadKeepsItsBudget(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gaslock")
	tab := shared(t).Tab(t, 390, 844, 2)
	tab.Open(fake.URL)
	tab.Wait("the page to be live", live, 20*time.Second)
	time.Sleep(time.Second)
	requests, bytes := tab.Traffic()
	if foreign := tab.Foreign(fake.URL); len(foreign) > 0 {
		t.Errorf("requests to other origins: %v", foreign)
	}
	if len(requests) > 8 {
		t.Errorf("first load: %d requests, want at most 8: %v", len(requests), requests)
	}
	t.Logf("first load: %.1f kB in %d requests, without the stream", bytes/1000, len(requests))
	if bytes > 45000 || bytes < 5000 {
		t.Errorf("first load: %.0f bytes, want at most 45000", bytes)
	}
	if errors := tab.List(`performance.getEntriesByType('resource').filter(r => r.responseStatus >= 400).map(r => r.name)`); len(errors) > 0 {
		t.Errorf("failed requests: %v", errors)
	}
}

func TestDemoGoesOnLive(t *testing.T) {
	t.Parallel()
	demo := StartDemo(t)
	tab := shared(t).Tab(t, 1366, 768, 1)
	tab.Open(demo.URL)
	tab.Wait("the page to be live", live, 20*time.Second)
	tab.Wait("the pump to run", `document.querySelector('.st .w').textContent === 'RUNNING'`, 20*time.Second)
	polled := tab.Text(`document.getElementById('polled').textContent`)
	before := tab.List(numbers)
	if len(before) < 10 {
		t.Errorf("live numbers: got %v, want at least 10", before)
	}
	tab.Wait("a value to change", fmt.Sprintf(`%s.join() !== %q && document.getElementById('polled').textContent !== %q`, numbers, strings.Join(before, ","), polled), 5*time.Second)
	if foreign := tab.Foreign(demo.URL); len(foreign) > 0 {
		t.Errorf("requests to other origins: %v", foreign)
	}
}

func TestSilentDriveIsShownAsSuch(t *testing.T) {
	t.Parallel()
	run, killDrive := StartRun(t)
	tab := shared(t).Tab(t, 390, 844, 1)
	tab.Open(run.URL)
	tab.Wait("the page to be live", live+` && `+tile+`('motor_current').includes(' A')`, 20*time.Second)
	killDrive()
	tab.Wait("the lost drive", `document.querySelector('.st .w').textContent === 'UNKNOWN' && document.body.innerText.includes('Drive does not answer')`, 20*time.Second)
	if got := tab.Text(tile + `('motor_current')`); !strings.Contains(got, "—") || !strings.Contains(got, " A at ") {
		t.Errorf("motor current of a lost drive: got %q, want a dash and the dated last value", got)
	}
	if got := tab.List(numbers); len(got) != 0 {
		t.Errorf("numbers shown as live: %v", got)
	}
	if got := tab.Text("document.body.innerText"); !strings.Contains(got, "No comms to VSD; pump state unknown") {
		t.Errorf("page does not say that the state is unknown: %s", got)
	}
}

func TestServerThatStopsAndComesBack(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 1)
	tab.Open(fake.URL)
	tab.Wait("the page to be live", live, 20*time.Second)

	fake.Kill()
	took := tab.Wait("the banner", offline, 8*time.Second)
	t.Logf("killed: banner after %s", took.Round(100*time.Millisecond))
	frozen(t, tab)
	fake.Start()
	took = tab.Wait("recovery", live+" && !("+offline+")", 12*time.Second)
	t.Logf("started again: live after %s", took.Round(100*time.Millisecond))
	if got := tab.List(numbers); len(got) < 10 {
		t.Errorf("after recovery: live numbers %v", got)
	}
}

func TestNetworkThatTurnsBlack(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 1)
	tab.Open(fake.URL)
	tab.Wait("the page to be live", live, 20*time.Second)
	fake.Freeze()
	took := tab.Wait("the banner", offline, 8*time.Second)
	t.Logf("frozen: banner after %s", took.Round(100*time.Millisecond))
	frozen(t, tab)
	fake.Thaw()
	took = tab.Wait("recovery", live+" && !("+offline+")", 12*time.Second)
	t.Logf("thawed: live after %s", took.Round(100*time.Millisecond))
}

// frozen checks a page without a connection: nothing looks live.
func frozen(t *testing.T, tab *Tab) {
	t.Helper()
	if got := tab.List(numbers); len(got) != 0 {
		t.Errorf("numbers shown as live without a connection: %v", got)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(tab.Text("document.body.innerText"), "\u2009", " ")), " ")
	for _, want := range []string{"No connection to the Wellkeeper box since", "UNKNOWN", "not being updated", "· offline", " psi at "} {
		if !strings.Contains(text, want) {
			t.Errorf("page without a connection lacks %q: %s", want, text)
		}
	}
	if strings.Contains(text, "RUNNING") {
		t.Error("page without a connection says RUNNING")
	}
}

func TestOneLostValueAndAPollThatHangs(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "live")
	tab := shared(t).Tab(t, 390, 844, 1)
	tab.Open(fake.URL)
	tab.Wait("the page to be live", live+` && `+tile+`('discharge_pressure').includes('psi')`, 20*time.Second)

	fake.Command("state onelost")
	tab.Wait("the lost value", tile+`('discharge_pressure').includes('—')`, 5*time.Second)
	got := tab.Text(tile + `('discharge_pressure')`)
	if !strings.Contains(got, " psi at ") || tab.Number(`document.querySelector('[data-part=key-discharge_pressure].hatch .tag.was').offsetHeight`) == 0 {
		t.Errorf("lost value: got %q, want a dash, a hatch and its dated tag", got)
	}
	if got := tab.Text(tile + `('motor_current')`); strings.Contains(got, "—") {
		t.Errorf("another value is gone too: %q", got)
	}
	fake.Command("state live")
	tab.Wait("the value to come back", `!`+tile+`('discharge_pressure').includes('—')`, 5*time.Second)

	fake.Command("value discharge_pressure 6894.757")
	tab.Wait("the value to change", tile+`('discharge_pressure').includes('1,000 psi')`, 5*time.Second)

	fake.Command("scan off")
	took := tab.Wait("values that are not polled to age", numbers+`.length === 0`, 15*time.Second)
	if took < 7*time.Second {
		t.Errorf("values aged after %s, want about 10 s", took)
	}
	fake.Command("scan on")
	tab.Wait("values to be live again", numbers+`.length > 10`, 5*time.Second)
}

func TestChoicesPersist(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := OpenBrowser(t).Tab(t, 1366, 768, 1) // a browser of its own: the choices are kept per browser
	tab.Scheme("dark", "")
	tab.Open(fake.URL)
	tab.Wait("the page to be live", live, 20*time.Second)
	fake.Command("scan off") // numbers stand still for the comparison
	texts := `[...document.querySelectorAll('.q')].map(e => e.textContent).join('|')`
	if got := tab.Text(`document.documentElement.dataset.theme`); got != "dark" {
		t.Errorf("theme of a dark system: got %q", got)
	}
	time.Sleep(time.Second)
	oilfield := tab.Text(texts)
	tab.Run(`document.querySelector('[data-set=units][data-to=si]').click(); document.querySelector('[data-set=theme][data-to=light]').click()`)
	si := tab.Text(texts)
	if strings.Contains(si, "psi") || !strings.Contains(si, "kPa") || !strings.Contains(si, "121.7\u2009°C") {
		t.Errorf("SI: got %s", si)
	}
	tab.Open(fake.URL)
	tab.Wait("SI and light after a reload", `document.documentElement.dataset.theme === 'light' && [...document.querySelectorAll('.u')].some(e => e.textContent === 'kPa') && ![...document.querySelectorAll('.u')].some(e => e.textContent === 'psi')`, 5*time.Second)
	tab.Run(`document.querySelector('[data-set=units][data-to=oilfield]').click(); document.querySelector('[data-set=theme][data-to=auto]').click()`)
	if got := tab.Text(`document.documentElement.dataset.theme`); got != "dark" {
		t.Errorf("theme auto: got %q, want dark again", got)
	}
	// The browser shows the same digits as the server for the same values.
	if again := tab.Text(texts); again != oilfield {
		t.Errorf("back in oilfield units:\ngot  %s\nwant %s", again, oilfield)
	}
}

func TestFitsAndCanBeTouched(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas")
	tab := shared(t).Tab(t, 390, 844, 1)
	for _, state := range []string{"gas", "lost", "tripped", "onelost", "filling"} {
		fake.Command("state " + state)
		tab.Open(fake.URL)
		tab.Wait("the page to be heard", `document.getElementById('chip-text').textContent.startsWith('as of') === false`, 5*time.Second)
		tab.Run(`for (const d of document.querySelectorAll('details')) d.open = true`)
		for _, width := range []int64{320, 390, 1366} {
			tab.Size(width, 844, 1)
			if got := tab.Number(`document.documentElement.scrollWidth`); got > float64(width) {
				wide := tab.List(`[...document.querySelectorAll('main *, header *, .banner *')].filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map(e => e.className + ': ' + e.textContent.slice(0, 40))`)
				t.Errorf("%s at %d px: %.0f px wide: %q", state, width, got, wide)
			}
			small := tab.List(`[...document.querySelectorAll('a, button, summary, input, select')].filter(e => e.offsetParent !== null && !e.classList.contains('skip')).filter(e => {const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44}).map(e => e.outerHTML.slice(0, 60) + e.getBoundingClientRect().height)`)
			if len(small) > 0 {
				t.Errorf("%s at %d px: targets under 44 px: %q", state, width, small)
			}
		}
	}
}

// Several tabs of one browser share one stream, and when the tab that holds it is
// closed another takes over.
func TestOneStreamPerBrowser(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "live")
	b := OpenBrowser(t)
	var tabs []*Tab
	for range 7 {
		tab := b.Tab(t, 390, 844, 1)
		tab.Open(fake.URL)
		tabs = append(tabs, tab)
	}
	for i, tab := range tabs {
		tab.Wait("tab "+strconv.Itoa(i+1)+" to be live", live, 20*time.Second)
	}
	streams := func(tab *Tab) int {
		requests, _ := tab.Traffic()
		return len(slices.DeleteFunc(requests, func(r string) bool { return !strings.Contains(r, "/api/v1/live") }))
	}
	for i, tab := range tabs {
		want := 0
		if i == 0 {
			want = 1
		}
		if got := streams(tab); got != want {
			t.Errorf("tab %d opened %d streams, want %d", i+1, got, want)
		}
	}
	fake.Command("value motor_temperature 100")
	for i, tab := range tabs {
		tab.Wait("tab "+strconv.Itoa(i+1)+" to follow", tile+`('motor_temperature').includes('212 °F')`, 5*time.Second)
	}
	tabs[0].Open("about:blank")
	fake.Command("value motor_temperature 90")
	tabs[6].Wait("another tab to take over", tile+`('motor_temperature').includes('194 °F')`, 8*time.Second)
}

func TestListOfWells(t *testing.T) {
	t.Parallel()
	fake := StartFake(t, "gas", "-wells", "RB-114,RB-115,RB-116")
	tab := shared(t).Tab(t, 390, 844, 1)
	tab.Open(fake.URL)
	tab.Wait("the list to be live", live, 20*time.Second)
	if got := tab.Number(`document.querySelectorAll('.wells a').length`); got != 3 {
		t.Errorf("wells listed: got %.0f, want 3", got)
	}
	fake.Command("state stopped")
	tab.Wait("a state to change", `document.querySelector('[data-part=well-RB-114] .w').textContent === 'STOPPED'`, 8*time.Second)
	tab.Run(`document.querySelector('[data-part=well-RB-114]').click()`)
	tab.Wait("the page of the well", `location.pathname === '/wells/RB-114' && document.querySelector('h1').textContent === 'RB-114' && `+live, 8*time.Second)
}
