package web_test

import (
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	assetHash = regexp.MustCompile(`/assets/[0-9a-f]{12}/`)
	unitTable = regexp.MustCompile(`data-table="[^"]*"`)
	drawing   = regexp.MustCompile(`(?s)(<svg class="draw[^>]*>).*?</svg>`)
	tags      = regexp.MustCompile(`<[^>]*>`)
	spaces    = regexp.MustCompile(`\s+`)
)

// golden is the page without what changes with every edit of a script or style. The
// drawing is kept in one state only.
func golden(state, body string) string {
	body = assetHash.ReplaceAllString(body, "/assets/HASH/")
	body = unitTable.ReplaceAllString(body, `data-table="…"`)
	if state != "gas" {
		body = drawing.ReplaceAllString(body, "$1…</svg>")
	}
	return body
}

func TestOverviewInEveryState(t *testing.T) {
	s := open(t, nil, nil)
	for _, state := range webtest.States() {
		t.Run(state, func(t *testing.T) {
			s.set(t, state)
			resp, body := s.get(t, "/")
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("status: got %d, want 200: %s", resp.StatusCode, body)
			}
			got, file := golden(state, body), filepath.Join("testdata", "overview-"+state+".html")
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
		})
	}
}

// visible is what a person reads of a page whose connection is good: without the parts
// that the styles hide.
func visible(body string) string {
	body = regexp.MustCompile(`(?s)<noscript>.*?</noscript>|<div class="banner off".*?</div>|<(div|p) class="[^"]*off-only[^"]*".*?</(div|p)>`).ReplaceAllString(body, "")
	return strings.TrimSpace(spaces.ReplaceAllString(tags.ReplaceAllString(body, " "), " "))
}

func TestWhatThePageSays(t *testing.T) {
	for _, c := range []struct {
		state      string
		has, lacks []string
	}{
		{
			"live",
			[]string{"RUNNING", "Nothing found", "No active alarm", "412 days", "0 waiting", "14:32", "UTC−5", "7,436", "12 d 4 h"},
			[]string{"UNKNOWN", "Drive does not answer", "Filling"},
		},
		{
			"gas",
			[]string{
				"Gas interference likely", "act today", "Check that the casing valve", "Engineer decides", "Rule gas, version 1", "What argues against it",
				"Not assessed", "Flowline pressure", "Likelihood: likely", "low limit 450", "Not acknowledged", "Motor current unstable",
			},
			[]string{"Nothing found"},
		},
		{"gaslock", []string{"Gas lock likely", "act now", "Also open", "Gas interference likely"}, nil},
		{
			"lost",
			[]string{
				"The drive has not answered for 4 min 12 s (Modbus timeout)", "UNKNOWN", "Drive does not answer", "No comms to VSD; pump state unknown",
				"Look at the drive's own panel", "41.8 A at 14:27", "Last diagnosis, not followed since the drive was lost",
			},
			[]string{"RUNNING", "Gas interference likely Do this"},
		},
		{
			"tripped",
			[]string{
				"WAITING TO RESTART", "28 min down", "F12 undervoltage", "54.0 Hz · 41.8 A · 412 psi", "attempt 2 of 3", "in 22 min 5 s",
				"restart delay of the drive is running", "field electrician, +1 555 0100",
			},
			[]string{"RUNNING"},
		},
		{"stopped", []string{"STOPPED", "28 min down"}, []string{"Next start by the drive", "Auto-restart attempt"}},
		{"filling", []string{"Filling the last 24 h: 43 %", "usual not known yet", "What is usual for this pump is not known yet", "not set up"}, nil},
		{"empty", []string{"No reading so far", "no reading so far", "not asked so far", "not known yet"}, []string{"RUNNING", "no sensor"}},
		{"minimal", []string{"RUNNING", "54.0 Hz", "no sensor", "None on record"}, []string{"7,436", "ft MD", "Motor current", "Drive fault code"}},
	} {
		t.Run(c.state, func(t *testing.T) {
			s := open(t, nil, nil)
			s.set(t, c.state)
			_, body := s.get(t, "/")
			got := strings.NewReplacer("&#39;", "'", "&#43;", "+", "\u2009", " ", " ,", ",").Replace(visible(body))
			got = spaces.ReplaceAllString(got, " ")
			has(t, got, c.has...)
			lacks(t, got, c.lacks...)
		})
	}
}

// numberShown is a number in the place of a live value.
var numberShown = regexp.MustCompile(`<span class="nu"><span class="q"[^>]*><bdi class="n">[−0-9]`)

// An old value never stands in the place of a live one, whatever made it old.
func TestAnOldValueIsNeverShownAsLive(t *testing.T) {
	cases := map[string]func(s *web.Signal, now time.Time){
		"lost":    func(s *web.Signal, _ time.Time) { s.Reading = esp.LostReading(esp.Timeout) },
		"invalid": func(s *web.Signal, _ time.Time) { s.Reading.Quality, s.Reading.Reason = esp.Invalid, esp.Marker },
		"stale":   func(s *web.Signal, _ time.Time) { s.Reading.Quality, s.Reading.Reason = esp.Stale, esp.Frozen },
		"not due": func(s *web.Signal, _ time.Time) { s.Reading.Quality = esp.NotDue },
		"too old": func(s *web.Signal, now time.Time) { s.Time = now.Add(-10001 * time.Millisecond) },
		"slow device": func(s *web.Signal, now time.Time) {
			s.Period, s.Time = 20*time.Second, now.Add(-60001*time.Millisecond)
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil, nil)
			s.source.Alter(func(o *web.Overview) {
				for i := range o.Signals {
					spoil(&o.Signals[i], o.Time)
				}
			})
			_, body := s.get(t, "/")
			if at := numberShown.FindString(body); at != "" {
				t.Errorf("a number stands in the place of a live value: %s", at)
			}
			if n := strings.Count(body, `class="lv old"`); n < 20 {
				t.Errorf("values marked old: got %d, want every one", n)
			}
			_, latest := s.get(t, "/api/v1/wells/RB-114/latest")
			if strings.Count(latest, `"value":null`) != strings.Count(latest, `"value":`) {
				t.Errorf("the API gives a value as live: %s", latest)
			}
			_, platform := s.get(t, "/api/v1/telemetry/wells/RB-114/latest")
			has(t, platform, `"pip":null`, `"motor_current":null`)
		})
	}
	t.Run("just in time", func(t *testing.T) {
		s := open(t, nil, nil)
		s.source.Alter(func(o *web.Overview) {
			for i := range o.Signals {
				o.Signals[i].Period, o.Signals[i].Time = 20*time.Second, o.Time.Add(-time.Minute)
			}
		})
		_, body := s.get(t, "/")
		lacks(t, body, `class="lv old"`)
	})
}

func TestADoubtfulValueIsMarked(t *testing.T) {
	s := open(t, nil, nil)
	s.source.Alter(func(o *web.Overview) {
		for i := range o.Signals {
			if o.Signals[i].Name == "motor_temperature" {
				o.Signals[i].Reading.Quality, o.Signals[i].Reading.Reason = esp.Implausible, esp.OutOfRange
			}
		}
	})
	_, body := s.get(t, "/")
	has(t, body, `<span class="tag">outside the plausible range</span>`)
	_, platform := s.get(t, "/api/v1/telemetry/wells/RB-114/latest")
	has(t, platform, `"motor_temp":null`)
}

func TestOnlyTheGaugeLost(t *testing.T) {
	s := open(t, nil, nil)
	s.source.Alter(func(o *web.Overview) {
		o.Devices[1].State, o.Devices[1].Error, o.Devices[1].LastOK = "silent", "timeout", o.Time.Add(-5*time.Minute)
		for i := range o.Signals {
			if o.Signals[i].Device == "gauge" {
				o.Signals[i].Reading = esp.LostReading(esp.Timeout)
			}
		}
	})
	_, body := s.get(t, "/")
	has(t, body, "RUNNING", "Modbus poll, gauge", "Modbus timeout 5 min")
	lacks(t, body, "The drive has not answered")
}

func TestAlarmsWithoutADiagnosis(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	s.source.Alter(func(o *web.Overview) { o.Findings = nil })
	_, body := s.get(t, "/")
	has(t, body, "No diagnosis", "2 alarms are active; no rule explains them so far.")
	lacks(t, body, "Nothing found", "No rule sees anything abnormal")
	s.source.Alter(func(o *web.Overview) { o.Findings, o.Alarms = nil, o.Alarms[:1] })
	_, body = s.get(t, "/")
	has(t, body, "1 alarm is active; no rule explains it so far.")
}

// Silence of a rule that cannot look is not health.
func TestWhatIsNotAssessedIsTold(t *testing.T) {
	s := open(t, nil, nil)
	_, body := s.get(t, "/")
	lacks(t, body, "Not assessed:")
	s.source.Alter(func(o *web.Overview) {
		o.Unassessed = []web.Unassessed{{Title: "Overload", Missing: []string{"motor_current", "rated current of the motor"}}}
	})
	_, body = s.get(t, "/")
	has(t, body, "Nothing found", "Not assessed: 1", "Overload: needs motor current, rated current of the motor")
}

func TestTheFaultCodeOfALostDriveIsNotKnown(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "lost")
	s.source.Alter(func(o *web.Overview) { o.Fault = &web.Fault{Code: 7, Text: "overload"} })
	_, body := s.get(t, "/")
	has(t, body, "<dt>Drive fault code</dt><dd>—</dd>")
	lacks(t, body, "F7 overload")
}

func TestAPollThatStandsStillIsNotLive(t *testing.T) {
	s := open(t, nil, nil)
	s.source.Alter(func(o *web.Overview) { o.Scan = o.Time.Add(-11 * time.Second) })
	_, body := s.get(t, "/")
	has(t, body, "The well has not been polled since", "UNKNOWN")
	lacks(t, body, "RUNNING")
}

func TestSIAndStoreFailure(t *testing.T) {
	s := open(t, nil, func(c *web.Config) { c.Units = web.SI })
	s.source.Alter(func(o *web.Overview) {
		o.Storage = web.Storage{Failed: true, Error: "no space left on the disk", Lost: 1234}
		o.Notices = []string{"The configuration was refused; the last good one runs."}
		o.Uplink = &web.Uplink{State: "offline", Error: "timeout", Waiting: 1080, Oldest: o.Time.Add(-3 * time.Hour)}
	})
	_, body := s.get(t, "/")
	has(t, body, "kPa", "°C", "not being stored: no space left on the disk", "not storing", "1,234", "The configuration was refused", "1,080 waiting · offline · oldest 11:32")
	lacks(t, body, ">psi<", ">°F<")
}

func TestTextFromOutsideIsEscaped(t *testing.T) {
	const evil = `<script>alert(1)</script>"'`
	s := open(t, nil, nil, "RB-114")
	s.set(t, "gas")
	s.source.Alter(func(o *web.Overview) {
		o.Well.Name = evil
		o.Findings[0].Title, o.Findings[0].Text = evil, evil
		o.Alarms[0].Title = evil
		o.Signals = append(o.Signals, web.Signal{Name: evil, Unit: evil, Reading: esp.Reading{Value: 1, Quality: esp.Good}, Time: o.Time, Last: 1, LastTime: o.Time})
		o.Notices = []string{evil}
	})
	_, body := s.get(t, "/")
	lacks(t, body, "<script>alert", `"'<`)
	_, trends := s.get(t, "/trends?signals="+url.QueryEscape(evil))
	lacks(t, trends, "<script>alert", `"'<`)
	has(t, trends, "&lt;script&gt;")
	_, missing := s.get(t, "/wells/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
	lacks(t, missing, "<script>alert")
}

func TestListOfSeveralWells(t *testing.T) {
	s := open(t, nil, nil, "RB-114", "RB-115", "RB 116/a")
	s.set(t, "gas")
	_, body := s.get(t, "/")
	has(t, body, `href="/wells/RB-114"`, `href="/wells/RB-115"`, `href="/wells/RB%20116%2Fa"`, "Gas interference likely", "no open finding", "2 alarms", "last reading", "UNKNOWN")
	resp, one := s.get(t, "/wells/RB%20116%2Fa")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("a well with a slash in its name: got %d, want 200", resp.StatusCode)
	}
	has(t, one, `href="/"`, "RB 116/a", "well=RB&#43;116%2Fa")
	resp, missing := s.get(t, "/wells/none")
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(missing, "This page does not exist") {
		t.Errorf("unknown well: got %d %q", resp.StatusCode, missing)
	}
}

// The stream replaces exactly the parts that the page has: a part more or less would
// make the browser load the page again.
func TestPageAndStreamAgreeOnTheParts(t *testing.T) {
	t.Parallel()
	attribute := regexp.MustCompile(`data-part="([^"]*)"`)
	for _, state := range webtest.States() {
		s := open(t, nil, nil, "RB-114", "RB-115")
		s.set(t, state)
		for page, query := range map[string]string{"/wells/RB-114": "?parts=1&well=RB-114", "/wells/RB-114/trends": "?parts=head&well=RB-114", "/": "?parts=1"} {
			_, body := s.get(t, page)
			inPage, inStream := map[string]bool{}, map[string]bool{}
			for _, m := range attribute.FindAllStringSubmatch(body, -1) {
				inPage[m[1]] = true
			}
			for name := range s.listen(t, query).next("snapshot").data["parts"].(object) {
				inStream[name] = true
			}
			if diff := cmp.Diff(inPage, inStream); diff != "" {
				t.Errorf("%s of %s: parts (-page +stream):\n%s", page, state, diff)
			}
		}
	}
}

// Only what exists is linked.
func TestNoDeadLinks(t *testing.T) {
	for _, wells := range [][]string{{"RB-114"}, {"RB-114", "RB-115"}} {
		s := open(t, nil, nil, wells...)
		s.set(t, "gas")
		for _, page := range []string{"/", "/wells/RB-114", "/nothing"} {
			_, body := s.get(t, page)
			for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
				link := m[1]
				if anchor, ok := strings.CutPrefix(link, "#"); ok {
					if !strings.Contains(body, `id="`+anchor+`"`) {
						t.Errorf("%s: link to %s leads nowhere", page, link)
					}
					continue
				}
				if resp, _ := s.get(t, link); resp.StatusCode != http.StatusOK {
					t.Errorf("%s: link to %s: got %d, want 200", page, link, resp.StatusCode)
				}
			}
		}
	}
}
