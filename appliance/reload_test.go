package appliance_test

import (
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

// wells asks the API which wells there are.
func (r *running) wells() []string {
	r.t.Helper()
	var list struct{ Wells []struct{ ID string } }
	r.get("/api/v1/wells", &list)
	var ids []string
	for _, w := range list.Wells {
		ids = append(ids, w.ID)
	}
	return ids
}

// reload puts a configuration in place and gives the report.
func (r *running) reload(c *config.Config) appliance.Report {
	r.t.Helper()
	report, err := r.app.Reload(r.t.Context(), c)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

// polled waits until the well has a good reading that is younger than after.
func (r *running) polled(well string, after time.Time) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var latest struct {
			Telemetry struct {
				Timestamp time.Time
				Frequency *float64 `json:"vsd_frequency"`
			}
		}
		response, err := http.Get(r.url + "/api/v1/telemetry/wells/" + well + "/latest")
		if err != nil {
			r.t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			r.get("/api/v1/telemetry/wells/"+well+"/latest", &latest)
		}
		if latest.Telemetry.Timestamp.After(after) && latest.Telemetry.Frequency != nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("well %s has no reading after %s", well, after)
		}
	}
}

func TestReload(t *testing.T) {
	const otherProfile = `{schema: esp-profile/1, id: d, kind: drive, defaults: {fc: 3, base: 0}, points: [
  {name: drive_frequency, ref: 0, type: u16, scale: 0.01, unit: Hz},
  {name: intake_pressure, ref: 2, type: u16, scale: 1, unit: kPa}]}`
	tests := []struct {
		name   string
		change func(*pad) *config.Config
		want   appliance.Report
		wells  []string
	}{
		{"nothing", func(p *pad) *config.Config { return p.config(2, nil) }, appliance.Report{}, []string{"W-1", "W-2"}},
		{
			"a well is added", func(p *pad) *config.Config { return p.config(3, nil) },
			appliance.Report{Added: []esp.WellID{"W-3"}},
			[]string{"W-1", "W-2", "W-3"},
		},
		{
			"a well is taken out", func(p *pad) *config.Config { return p.config(1, nil) },
			appliance.Report{Removed: []esp.WellID{"W-2"}},
			[]string{"W-1"},
		},
		{"the order is another", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) { c.Wells[0], c.Wells[1] = c.Wells[1], c.Wells[0] })
		}, appliance.Report{}, []string{"W-2", "W-1"}},
		{"a limit", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) { c.Wells[1].Limits[0].Low.Value = 2 })
		}, appliance.Report{Revised: []esp.WellID{"W-2"}}, []string{"W-1", "W-2"}},
		{"a fact and a name", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) { c.Wells[1].Name, c.Wells[1].Facts.RatedCurrent.Value = "North", 30 })
		}, appliance.Report{Revised: []esp.WellID{"W-2"}}, []string{"W-1", "W-2"}},
		{"a unit", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) { c.Wells[1].Devices[0].Unit = new(uint8(5)) })
		}, appliance.Report{Repolled: []esp.WellID{"W-2"}}, []string{"W-1", "W-2"}},
		{"a period", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) { c.Wells[1].Devices[0].Period = 200 * time.Millisecond })
		}, appliance.Report{Repolled: []esp.WellID{"W-2"}}, []string{"W-1", "W-2"}},
		{"a profile", func(p *pad) *config.Config {
			p.profiles["profiles/e.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(otherProfile, "id: d", "id: e", 1))}
			return p.config(2, func(c *config.Config) { c.Wells[1].Devices[0].Profile = "e" })
		}, appliance.Report{Repolled: []esp.WellID{"W-2"}}, []string{"W-1", "W-2"}},
		{"the content of a profile", func(p *pad) *config.Config {
			p.profiles["profiles/d.yaml"] = &fstest.MapFile{Data: []byte(otherProfile)}
			return p.config(2, nil)
		}, appliance.Report{Repolled: []esp.WellID{"W-1", "W-2"}}, []string{"W-1", "W-2"}},
		{"settings that live", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) {
				c.Log.Level, c.Web.Units, c.Site.TimeZone = "debug", "si", "America/Bogota"
				c.Central.DSN = "postgres://edge@127.0.0.1:1/hq"
			})
		}, appliance.Report{Settings: []string{"central.dsn", "log.level", "site.time_zone", "web.units"}}, []string{"W-1", "W-2"}},
		{"settings that wait", func(p *pad) *config.Config {
			return p.config(2, func(c *config.Config) {
				c.Data, c.Web.Listen, c.Web.TLS.Mode, c.Store.CommitEvery = "/elsewhere", "0.0.0.0:1", config.TLSAuto, time.Minute
			})
		}, appliance.Report{AtRestart: []string{"data", "store.commit_every", "web.anonymous_view", "web.listen", "web.tls"}}, []string{"W-1", "W-2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPad(t)
			level := ""
			r := start(t, appliance.Options{Config: p.config(2, nil), SetLogLevel: func(l string) { level = l }})
			r.polled("W-1", time.Time{})
			r.polled("W-2", time.Time{})
			next := tt.change(p)
			report := r.reload(next)
			if diff := cmp.Diff(tt.want, report, cmpopts.IgnoreFields(appliance.Report{}, "Took"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("report differs (-want +got):\n%s", diff)
			}
			if level != next.Log.Level {
				t.Errorf("log level was set to %q, want %q", level, next.Log.Level)
			}
			if diff := cmp.Diff(tt.wells, r.wells()); diff != "" {
				t.Errorf("wells differ (-want +got):\n%s", diff)
			}
			now := time.Now()
			for _, w := range tt.wells {
				r.polled(w, now)
			}
			r.stop()
			gapless(t, p.data, tt.wells...)
		})
	}
}

// gapless checks that the stored scans of each well bear consecutive numbers and rise
// in time, and gives the times of the scans.
func gapless(t *testing.T, data string, wells ...string) map[string][]time.Time {
	t.Helper()
	store, done := openStore(t, data)
	defer done()
	if n := len(store.Epochs()); n != 1 {
		t.Errorf("the store has had %d lives, want one", n)
	}
	times := map[string][]time.Time{}
	for _, id := range wells {
		next, last := uint64(1), time.Time{}
		for row, err := range store.Range(t.Context(), storage.Query{Well: esp.WellID(id)}) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Seq != next || !row.Time.After(last) {
				t.Fatalf("well %s: scan %d of %s follows scan %d of %s", id, row.Seq, row.Time, next-1, last)
			}
			next, last = row.Seq+1, row.Time
			times[id] = append(times[id], row.Time)
		}
	}
	return times
}

// The well that stays as it is loses no poll while another is changed, taken out and
// added fifty times; the changed one loses none either, for a poll under way is
// finished first. Nothing that was started is left over.
func TestFiftyReloads(t *testing.T) {
	p := newPad(t)
	r := start(t, appliance.Options{Config: p.config(2, nil)})
	r.polled("W-1", time.Time{})
	r.polled("W-2", time.Time{})
	before := runtime.NumGoroutine()
	var longest time.Duration
	var late, lateChanged uint64
	for i := range 50 {
		time.Sleep(time.Duration(37+i) * time.Millisecond)
		lateChanged += r.app.Late("W-2")
		report := r.reload(p.config(2+i%2, func(c *config.Config) {
			c.Wells[1].Devices[0].Unit = new(uint8(2 + i%3))
			c.Wells[1].Limits[0].Low.Value = float64(i)
			c.Web.Units = []string{"oilfield", "si"}[i%2]
		}))
		longest = max(longest, report.Took)
	}
	lateChanged += r.app.Late("W-2")
	r.reload(p.config(2, nil))
	r.polled("W-2", time.Now())
	late, lateChanged = r.app.Late("W-1"), lateChanged+r.app.Late("W-2")
	http.DefaultClient.CloseIdleConnections()
	var after int
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if after = runtime.NumGoroutine(); after <= before || time.Now().After(deadline) {
			break
		}
	}
	if after > before {
		t.Errorf("%d goroutines after 51 reloads, %d before", after, before)
	}
	r.stop()

	times := gapless(t, p.data, "W-1", "W-2", "W-3")
	lost := map[string]int{}
	for _, id := range []string{"W-1", "W-2"} {
		all := times[id]
		lost[id] = int(all[len(all)-1].Sub(all[0])/pollEvery) - len(all) + 1
	}
	t.Logf("51 reloads: unchanged well: %d scans, %d polls lost, %d late; changed well: %d scans, %d polls lost; longest reload %s",
		len(times["W-1"]), lost["W-1"], late, len(times["W-2"]), lost["W-2"], longest)
	if lost["W-1"] > int(late) {
		t.Errorf("the unchanged well lost %d polls, of which only %d came too late", lost["W-1"], late)
	}
	if lost["W-2"] > int(late+lateChanged)+1 { // the processor may be late between two pollers too
		t.Errorf("the changed well lost %d polls, of which only %d came too late", lost["W-2"], lateChanged)
	}
}

// A reload does not wait for a device that does not answer, and the other wells do
// not wait for it either.
func TestReloadDuringAnOutage(t *testing.T) {
	p := newPad(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	silent := func(c *config.Config) {
		c.Wells[1].Devices[0].URL = "tcp://" + dead.Addr().String()
		c.Wells[1].Devices[0].Timeout = 2 * time.Second
	}
	r := start(t, appliance.Options{Config: p.config(2, silent)})
	r.polled("W-1", time.Time{})
	report := r.reload(p.config(3, silent))
	if report.Took > time.Second || len(report.Added) != 1 {
		t.Errorf("adding a well took %s: %s", report.Took, report.String())
	}
	r.polled("W-3", time.Time{})
	report = r.reload(p.config(3, nil))
	if report.Took > 7*time.Second || len(report.Repolled) != 1 {
		t.Errorf("mending the silent well took %s: %s", report.Took, report.String())
	}
	r.polled("W-2", time.Time{})
	late := r.app.Late("W-1")
	r.stop()
	all := gapless(t, p.data, "W-1")["W-1"]
	if lost := int(all[len(all)-1].Sub(all[0])/pollEvery) - len(all) + 1; lost > int(late) {
		t.Errorf("the well beside it lost %d polls, of which only %d came too late", lost, late)
	}
}

// A refused configuration changes nothing and is told on the page, in health and in
// the log of records, until a good one is taken.
func TestRefusedConfiguration(t *testing.T) {
	p := newPad(t)
	r := start(t, appliance.Options{Config: p.config(2, nil)})
	r.polled("W-1", time.Time{})
	r.app.Refuse(t.Context(), errors.New("wellkeeper.yaml:12:9: wells[0].id: is wrong\nwellkeeper.yaml:13:9: wells[1].id: is wrong too"))
	for _, path := range []string{"/", "/wells/W-1", "/health/ready"} {
		if body := r.text(path); !strings.Contains(body, "wellkeeper.yaml:12:9: wells[0].id: is wrong (and one more mistake)") {
			t.Errorf("%s does not tell of the refusal:\n%s", path, body)
		}
	}
	// What only the attempt shows is refused as a whole, too.
	bad := p.config(1, func(c *config.Config) { c.Central.DSN = "postgres://edge@headquarters.example/hq" })
	if _, err := r.app.Reload(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "central.dsn") {
		t.Errorf("an unverified connection gives %v", err)
	}
	if diff := cmp.Diff([]string{"W-1", "W-2"}, r.wells()); diff != "" {
		t.Errorf("wells differ after a refusal (-want +got):\n%s", diff)
	}
	r.polled("W-1", time.Now())

	r.reload(p.config(3, nil))
	for _, path := range []string{"/", "/wells/W-1", "/health/ready"} {
		if body := r.text(path); strings.Contains(body, "refused") {
			t.Errorf("%s tells of a refusal after a good configuration:\n%s", path, body)
		}
	}
	r.stop()
	if diff := cmp.Diff([]string{"appliance_started", "configuration_refused", "configuration_changed"}, events(t, p.data)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

// events lists the ids of the appliance's own events.
func events(t *testing.T, data string) []string {
	t.Helper()
	store, done := openStore(t, data)
	defer done()
	var ids []string
	for r, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindEvent}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e, err := record.Decode[esp.Event](r); err != nil {
			t.Fatal(err)
		} else if e.Well == "" {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// What is open of a well ends with it, and what a limit that is gone had raised too.
func TestAlarmsOfWhatIsGone(t *testing.T) {
	p := newPad(t)
	low := func(c *config.Config) {
		for i := range c.Wells {
			c.Wells[i].Limits[0] = config.Limit{
				Signal: "intake_pressure", Low: &config.Quantity{Value: 60000}, Delay: time.Nanosecond, WhenRunning: new(false),
			}
		}
	}
	r := start(t, appliance.Options{Config: p.config(2, low)})
	raised := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if n := strings.Count(r.text("/"), "1 alarm</b>"); n == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not %d wells with an alarm:\n%s", want, r.text("/"))
			}
		}
	}
	raised(2)
	r.reload(p.config(2, func(c *config.Config) {
		low(c)
		c.Wells[0].Limits = nil
	}))
	raised(1)
	r.reload(p.config(1, func(c *config.Config) { c.Wells[0].Limits = nil }))
	r.stop()
	if diff := cmp.Diff([]esp.Change{esp.Raised, esp.Raised, esp.Cleared, esp.Cleared}, alarms(t, p.data, "intake_pressure_low")); diff != "" {
		t.Errorf("alarms differ (-want +got):\n%s", diff)
	}
}

func (r *running) text(path string) string {
	r.t.Helper()
	return string(r.body(path))
}

// The way to headquarters is made anew only where it is another one.
func TestCentralComesAndGoes(t *testing.T) {
	p := newPad(t)
	central := func(dsn string) func(*config.Config) {
		return func(c *config.Config) { c.Central.DSN = dsn }
	}
	const one, other = "postgres://edge@127.0.0.1:1/hq", "postgres://edge@127.0.0.1:2/hq"
	r := start(t, appliance.Options{Config: p.config(1, nil)})
	if r.app.Uplink() != nil {
		t.Error("an uplink without a central database")
	}
	r.reload(p.config(1, central(one)))
	first := r.app.Uplink()
	if first == nil {
		t.Fatal("no uplink after central was added")
	}
	r.reload(p.config(2, central(one)))
	if r.app.Uplink() != first {
		t.Error("another well made another uplink")
	}
	r.reload(p.config(2, central(other)))
	if second := r.app.Uplink(); second == nil || second == first {
		t.Error("another central database has the same uplink")
	}
	r.reload(p.config(2, nil))
	if r.app.Uplink() != nil {
		t.Error("an uplink after central was taken out")
	}
	r.polled("W-1", time.Now())
}
