package web_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/ui"
	"wellkeeper.internal/web/webtest"
)

// chartData matches the data of the chart in the page.
var chartData = regexp.MustCompile(`(?s)<script type="application/json" id="chart">.*?</script>`)

const series = "/api/v1/wells/RB-114/series"

func TestTrendsWithoutJavaScript(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	_, body := s.get(t, "/trends")
	got, file := golden("gas", chartData.ReplaceAllString(body, `<script type="application/json" id="chart">…</script>`)), filepath.Join("testdata", "trends-gas.html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("page differs (-want +got); look at it, then run with -update:\n%s", diff)
	}
	text := spaces.ReplaceAllString(strings.ReplaceAll(html.UnescapeString(visible(body)), "\u2009", " "), " ")
	has(t, text, "22 Nov 14:32 – 23 Nov 14:32", "site time UTC−5", "pieces of 2 min", "Last reading 14:32:06",
		"No record for 24 min: Wellkeeper was off", "Pump changes speed.", "Gas interference likely", "Intake pressure low", "Figures of this time", "24 min", "1 h 8 h 24 h 7 d 30 d All")
}

func TestTrendsInEveryState(t *testing.T) {
	for _, state := range webtest.States() {
		s := open(t, nil, nil, "RB-114", "RB 116/a")
		s.set(t, state)
		for _, path := range []string{"/wells/RB-114/trends", "/wells/RB%20116%2Fa/trends", "/wells/RB-114/trends?range=1h"} {
			resp, body := s.get(t, path)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s of %s: got %d: %.200s", path, state, resp.StatusCode, body)
			}
			if state == "empty" {
				has(t, body, "No reading so far")
			}
		}
	}
}

func TestTrendsOfOneAndOfSeveralWells(t *testing.T) {
	one := open(t, nil, nil)
	_, body := one.get(t, "/")
	has(t, body, `<a href="/trends">`)
	_, body = one.get(t, "/trends?range=8h")
	has(t, body, `<a href="/trends" aria-current="page">`, `href="/#alarms"`, `href="/trends?range=7d"`)
	several := open(t, nil, nil, "RB-114", "RB-115")
	_, body = several.get(t, "/wells/RB-115")
	has(t, body, `href="/wells/RB-115/trends"`)
	w := serve(several, "127.0.0.1:9", http.MethodGet, "/trends")
	if w.Code != http.StatusFound || w.Header().Get("Location") != "/" {
		t.Errorf("/trends of several wells: got %d to %q, want the list", w.Code, w.Header().Get("Location"))
	}
}

// Every link of the page leads to a page, whatever is asked for.
func TestLinksOfTrends(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	for _, page := range []string{
		"/trends?range=1h", "/trends?range=all", "/trends?signals=motor_current,vibration_x&range=30d",
		"/trends?from=2026-11-23T10:00:00Z&to=2026-11-23T10:00:20Z", "/trends?from=2026-11-20T10:00:00Z&to=2026-11-23T10:00:00Z",
	} {
		_, body := s.get(t, page)
		links := regexp.MustCompile(`href="(/[^"]*)"`).FindAllStringSubmatch(body, -1)
		if len(links) < 15 {
			t.Errorf("%s has %d links", page, len(links))
		}
		for _, m := range links {
			link := html.UnescapeString(m[1])
			if resp, _ := s.do(t, http.MethodHead, link); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: link to %s: got %d, want 200", page, link, resp.StatusCode)
			}
			if strings.Contains(page, "signals=") && strings.HasPrefix(link, "/trends?") && !strings.Contains(link, "signals=motor_current,vibration_x") {
				t.Errorf("%s: link to %s forgets the signals", page, link)
			}
		}
	}
}

// page asks for a page and gives its chart.
func (s *site) chart(t *testing.T, path string) map[string]any {
	t.Helper()
	_, body := s.get(t, path)
	m := chartData.FindString(body)
	m = m[strings.Index(m, ">")+1 : strings.LastIndex(m, "<")]
	var out map[string]any
	if err := json.Unmarshal([]byte(m), &out); err != nil {
		t.Fatalf("%s: %v in %.300s", path, err, m)
	}
	return out
}

func TestPageAndRouteGiveTheSame(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	doc := s.chart(t, "/trends?range=8h")
	from, to := doc["from"].(float64), doc["to"].(float64)
	route := s.decode(t, "GET", doc["source"].(string)+"&from="+strconv.FormatFloat(from, 'f', 0, 64)+"&to="+strconv.FormatFloat(to, 'f', 0, 64), 200)
	if diff := cmp.Diff(doc["series"], any(route)); diff != "" {
		t.Errorf("series (-page +route):\n%.3000s", diff)
	}
	if n := len(route["times"].([]any)); n < 400 || n > 750 {
		t.Errorf("pieces: got %d", n)
	}
}

func TestSeries(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	d := s.decode(t, "GET", series+"?signals=motor_temperature,intake_pressure&range=24h", 200)
	times := d["times"].([]any)
	if len(times) > 1500 || len(times) < 1000 {
		t.Errorf("pieces: got %d, want near 1500 at most", len(times))
	}
	all := d["series"].([]any)
	temperature, pressure := all[0].(object), all[1].(object)
	equal(t, "units", []any{temperature["unit"], pressure["unit"], d["width"]}, []any{"degC", "kPa", 60.0})
	equal(t, "gaps", len(pressure["gaps"].([]any)), 1)
	gap := pressure["gaps"].([]any)[0].([]any)
	first, last := int(gap[0].(float64)), int(gap[1].(float64))
	if n := last - first + 1; n < 22 || n > 24 {
		t.Errorf("the gap of 24 min: got %d pieces of a minute", n)
	}
	for i := first; i <= last; i++ {
		if pressure["min"].([]any)[i] != nil || pressure["max"].([]any)[i] != nil || pressure["mean"].([]any)[i] != nil {
			t.Fatalf("piece %d of the gap has a value", i)
		}
	}
	if left := temperature["doubtful"].([]any); len(left) < 15 {
		t.Errorf("pieces with values that are not trusted: got %d", len(left))
	}
	for i, v := range temperature["max"].([]any) {
		if f, ok := v.(float64); ok && f > 200 {
			t.Fatalf("piece %d: an implausible %g is in the curve", i, f)
		}
	}
	swing := false
	for i := range times {
		lo, ok := pressure["min"].([]any)[i].(float64)
		if ok && pressure["max"].([]any)[i].(float64) > lo+5 {
			swing = true
		}
	}
	if !swing {
		t.Error("no piece shows how far the value moved within it")
	}
}

func TestWhatIsAskedWrongly(t *testing.T) {
	s := open(t, nil, nil)
	for query, field := range map[string]string{
		"range=2h": "range", "range=1h&from=2026-11-23T10:00:00Z": "range", "from=yesterday": "from", "to=2026-13-01": "to",
		"from=2026-11-23T10:00:00Z&to=2026-11-23T09:00:00Z": "from", "from=2026-11-23T10:00:00Z&to=2026-11-23T10:00:01Z": "from",
		"from=1970-01-02T00:00:00Z&to=2026-11-23T10:00:00Z": "from", "from=1900-01-01T00:00:00Z": "from",
		"signals=nothing": "signals", "points=5": "points", "points=1501": "points", "points=x": "points", "width=0": "width", "width=1&range=24h": "width",
	} {
		for _, route := range []string{"series", "export.csv", "events"} {
			d := s.decode(t, "GET", "/api/v1/wells/RB-114/"+route+"?"+query, 400)
			e := d["error"].(object)
			if e["code"] != "validation_error" || e["details"].(object)["field"] != field || e["message"] == "" {
				t.Errorf("%s?%s: got %v, want a validation error of %s", route, query, e, field)
			}
		}
		if resp, body := s.get(t, "/trends?"+query); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "This is not possible") {
			t.Errorf("/trends?%s: got %d", query, resp.StatusCode)
		}
	}
	d := s.decode(t, "GET", "/api/v1/wells/RB-114/export.csv?units=furlongs", 400)
	equal(t, "units", d["error"].(object)["details"], any(object{"field": "units"}))
	for _, path := range []string{series, "/api/v1/wells/RB-114/export.csv", "/api/v1/wells/RB-114/events"} {
		s.decode(t, "GET", strings.Replace(path, "RB-114", "none", 1), 404)
	}
	s.source.Fail(errors.New("disk on fire"))
	d = s.decode(t, "GET", series, 500)
	if strings.Contains(d["error"].(object)["message"].(string), "fire") {
		t.Error("an internal error is told outside")
	}
}

func TestWidthsOfTheRanges(t *testing.T) {
	s := open(t, nil, nil)
	for query, want := range map[string]float64{
		"range=1h": 3, "range=8h": 20, "range=24h": 60, "range=7d": 600, "range=30d": 1800, "range=24h&points=100": 900,
		"from=2026-11-23T10:00:00Z&to=2026-11-23T10:00:30Z": 1, "range=24h&width=120": 120,
	} {
		d := s.decode(t, "GET", series+"?signals=vibration_x&"+query, 200)
		if d["width"] != want {
			t.Errorf("%s: got pieces of %v s, want %v", query, d["width"], want)
		}
		if at := d["times"].([]any)[0].(float64) / 1000; math.Mod(at, want) != 0 {
			t.Errorf("%s: pieces begin at %v s, which is no multiple of %v", query, at, want)
		}
		if n := len(d["times"].([]any)); n > 1500 {
			t.Errorf("%s: %d pieces", query, n)
		}
	}
}

// A signal that is read more seldom than the pieces are long has no gaps between its
// readings; one that was not read for longer than that has.
func TestGapsOfSlowSignals(t *testing.T) {
	now := webtest.Moment()
	at := func(seconds ...int) map[int]bool {
		m := map[int]bool{}
		for _, s := range seconds {
			m[s] = true
		}
		return m
	}
	every := func(step int, except ...int) map[int]bool {
		m := map[int]bool{}
		for i := 0; i < 120; i += step {
			m[i] = !slices.Contains(except, i)
		}
		return m
	}
	for name, c := range map[string]struct {
		period time.Duration
		good   map[int]bool
		bad    map[int]bool
		want   [][2]int
	}{
		"every second":          {time.Second, every(1), nil, [][2]int{}},
		"jitter":                {time.Second, every(1, 50), nil, [][2]int{}},
		"three missing":         {time.Second, every(1, 50, 51, 52), nil, [][2]int{{50, 52}}},
		"one lost":              {time.Second, every(1, 50), at(50), [][2]int{{50, 50}}},
		"every ten":             {10 * time.Second, every(10), nil, [][2]int{}},
		"every ten, two lost":   {10 * time.Second, every(10, 50, 60), nil, [][2]int{{41, 69}}},
		"recorded more slowly":  {time.Second, every(10), nil, [][2]int{}},
		"nothing":               {time.Second, nil, nil, [][2]int{{0, 119}}},
		"nothing since the end": {time.Second, at(0, 1, 2, 3, 4), nil, [][2]int{{5, 119}}},
	} {
		list := make([]web.Bucket, 120)
		for i := range list {
			list[i] = web.Bucket{Start: now.Add(time.Duration(i-120) * time.Second)}
			if c.good[i] {
				list[i].Count = 1
			}
			if c.bad[i] {
				list[i].Bad = 1
			}
		}
		if diff := cmp.Diff(c.want, web.Gaps(list, time.Second, c.period, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// The piece that is just beginning is no gap.
	fresh := []web.Bucket{{Start: now.Add(-time.Minute), Count: 60}, {Start: now.Add(-time.Second)}}
	if got := web.Gaps(fresh, time.Minute, time.Second, now); len(got) != 0 {
		t.Errorf("a piece of which one second is over: got %v, want no gap", got)
	}
}

func TestEvents(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	d := s.decode(t, "GET", "/api/v1/wells/RB-114/events?range=24h", 200)
	var got []string
	for _, e := range d["events"].([]any) {
		o := e.(object)
		got = append(got, o["kind"].(string)+" "+o["id"].(string)+" "+o["sign"].(string))
	}
	equal(t, "events", got, []string{
		"alarm motor_current_unstable alarm", "diagnosis gas_interference diagnosis", "alarm intake_pressure_low alarm",
		"event appliance_started note", "gap appliance_off gap", "event state_changed speed",
	})
	gap := d["events"].([]any)[4].(object)
	equal(t, "gap", []any{gap["time"], gap["until"], gap["title"]}, []any{"2026-11-23T03:50:07.000Z", "2026-11-23T04:14:07.000Z", "No record for 24 min: Wellkeeper was off"})
	equal(t, "count", []any{d["count"], d["more"]}, []any{6.0, false})
	d = s.decode(t, "GET", "/api/v1/wells/RB-114/events?from=2026-11-11&to=2026-11-12", 200)
	var signs []any
	for _, e := range d["events"].([]any) {
		signs = append(signs, e.(object)["sign"])
	}
	equal(t, "a day of site time", signs, []any{"start", "trip"})
}

// The alarm that a diagnosis raises beside itself is told once on the page.
func TestTheAlarmOfADiagnosisIsToldOnce(t *testing.T) {
	at := webtest.Moment()
	got := web.Told([]web.NoteOf{
		{Kind: "alarm", ID: "gas_lock", Change: esp.Raised, At: at},
		{Kind: "diagnosis", ID: "gas_lock", Change: esp.Raised, At: at},
		{Kind: "diagnosis", ID: "gas_lock", Change: esp.Updated, At: at.Add(time.Minute)},
		{Kind: "alarm", ID: "gas_lock", Change: esp.Raised, At: at.Add(time.Hour)},
		{Kind: "alarm", ID: "motor_current_high", Change: esp.Raised, At: at},
	})
	equal(t, "told", got, []int{1, 3, 4})
}

func TestBudgetOfTrends(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	_, page := s.get(t, "/trends")
	paths := map[string]bool{"/trends": true}
	for _, m := range regexp.MustCompile(`(?:href|src)="(/assets/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		paths[m[1]] = true
	}
	total := 0
	for path := range paths {
		resp, body := s.get(t, path, "Accept-Encoding", "gzip")
		r, err := gzip.NewReader(strings.NewReader(body))
		if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s is not compressed: %v", path, err)
		}
		r.Close()
		total += len(body)
	}
	goal.Exact(t, "web.trends-kb", float64(total)/1000, "kB", 90)
	if n := len(paths) + 1; n > 10 { // and its stream
		t.Errorf("first load: got %d requests, want at most 10", n)
	}
}

// What is vendored is what its makers published.
func TestVendoredFiles(t *testing.T) {
	const dir = "static/vendor/"
	sums, err := fs.ReadFile(ui.Files(), dir+"SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		known[name] = sum
	}
	err = fs.WalkDir(ui.Files(), "static/vendor", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == dir+"SHA256SUMS" {
			return err
		}
		b, err := fs.ReadFile(ui.Files(), path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		name := strings.TrimPrefix(path, dir)
		if got := hex.EncodeToString(sum[:]); got != known[name] {
			t.Errorf("%s: got %s, SHA256SUMS has %q", name, got, known[name])
		}
		delete(known, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		t.Errorf("SHA256SUMS names %s, which is not there", name)
	}
}

func TestComparedWithTheDayBefore(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	doc := s.chart(t, "/trends?range=8h&compare=1d&signals=motor_current")
	ghost := doc["ghost"].(object)
	width := doc["series"].(object)["width"].(float64)
	start := ghost["start"].(float64) - 86_400_000
	d := s.decode(t, "GET", series+"?signals=motor_current&width="+strconv.Itoa(int(width))+"&from="+strconv.Itoa(int(start))+"&to="+strconv.Itoa(int(start+8*3_600_000)), 200)
	mean := ghost["curves"].([]any)[0].(object)["mean"].([]any)
	want := d["series"].([]any)[0].(object)["mean"].([]any)
	if len(want) != 480 || len(mean) < len(want)+50 {
		t.Fatalf("got %d pieces of the day before, and %d of the ghost", len(want), len(mean))
	}
	equal(t, "the day before", mean[:len(want)], want)
	if ghost["start"].(float64) != doc["series"].(object)["times"].([]any)[0].(float64) {
		t.Error("the ghost does not begin with the window")
	}
	_, body := s.get(t, "/trends?range=8h&compare=1d")
	has(t, body, "Thin line: the day before", "range=8h\" data-nav>nothing", "compare=1d&amp;range=7d")
	if resp, _ := s.get(t, "/trends?compare=3d"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("compare=3d: got %d, want 400", resp.StatusCode)
	}
}

func TestQueryOfALinkIsReadable(t *testing.T) {
	s := open(t, nil, nil)
	_, body := s.get(t, "/trends?from=2026-11-23T10:00&to=2026-11-23T12:00")
	u, err := url.Parse(html.UnescapeString(regexp.MustCompile(`href="([^"]*)" data-nav="earlier"`).FindStringSubmatch(body)[1]))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "an hour earlier, of site time", []string{u.Query().Get("from"), u.Query().Get("to")}, []string{"2026-11-23T14:00:00Z", "2026-11-23T16:00:00Z"})
}
