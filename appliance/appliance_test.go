package appliance_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

const driveProfile = `{schema: esp-profile/1, id: d, kind: drive, defaults: {fc: 3, base: 0}, points: [
  {name: drive_frequency, ref: 0, type: u16, scale: 0.01, unit: Hz},
  {name: motor_current, ref: 1, type: u16, scale: 0.01, unit: A},
  {name: intake_pressure, ref: 2, type: u16, scale: 1, unit: kPa}]}`

// testConfig is a box with one well whose drive is not there.
func testConfig(t *testing.T, data string) *config.Config {
	t.Helper()
	cfg, err := config.Complete(&config.Config{
		Data: data,
		Web:  config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
		Wells: []config.Well{{
			ID:      "W-1",
			Devices: []config.Device{{Name: "drive", URL: "tcp://127.0.0.1:1", Unit: new(uint8(1)), Profile: "d", Period: time.Second}},
			Limits: []config.Limit{{
				Signal: "intake_pressure", Low: &config.Quantity{Value: 5000}, Deadband: config.Quantity{Value: 100},
				Delay: 30 * time.Second, OffDelay: 30 * time.Second, Priority: 2, WhenRunning: new(false),
			}},
		}},
	}, config.Options{Profiles: fstest.MapFS{"profiles/d.yaml": {Data: []byte(driveProfile)}}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// steady makes a past of one scan a second with an intake pressure in kPa.
func steady(from time.Time, pressure float64) *appliance.Past {
	return &appliance.Past{
		From: from,
		Done: func() {},
		Fill: func(ctx context.Context, layout *esp.Layout, after, before time.Time, emit func(*esp.Scan) error) error {
			for t := after.Truncate(time.Second).Add(time.Second); t.Before(before); t = t.Add(time.Second) {
				err := emit(&esp.Scan{Well: layout.Well, Time: t.UTC(), Layout: layout, Readings: []esp.Reading{
					{Raw: 5200, Value: 52, Quality: esp.Good}, {Raw: 2400, Value: 24, Quality: esp.Good}, {Raw: int64(pressure), Value: pressure, Quality: esp.Good},
				}})
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		},
	}
}

// running starts an appliance and stops it with the test.
type running struct {
	t    *testing.T
	app  *appliance.App
	url  string
	stop func()
}

func start(t *testing.T, o appliance.Options) *running {
	t.Helper()
	o.Log = zerolog.New(zerolog.NewTestWriter(t))
	app, err := appliance.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	r := &running{t: t, app: app, url: strings.TrimSuffix(app.URL(), "/")}
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopped with %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) get(path string, into any) {
	r.t.Helper()
	body := r.body(path)
	if err := json.Unmarshal(body, into); err != nil {
		r.t.Fatalf("%s: %v in %s", path, err, body)
	}
}

func (r *running) body(path string) []byte {
	r.t.Helper()
	response, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return body
}

// past waits until the stored history has so many rows, for at most a minute.
func (r *running) past(rows int) history {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var h history
		r.get("/api/v1/telemetry/wells/W-1/history?hours=1", &h)
		if h.Count >= rows {
			return h
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d rows after a minute, want %d", h.Count, rows)
		}
	}
}

type history struct {
	Count     int
	Telemetry []struct {
		ID        uint64
		Timestamp time.Time
	}
}

// alarms lists what the records of a stopped appliance say of an alarm.
func alarms(t *testing.T, data, id string) (told []esp.Change) {
	t.Helper()
	store, done := openStore(t, data)
	defer done()
	for r, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindAlarm}}) {
		if err != nil {
			t.Fatal(err)
		}
		a, err := record.Decode[esp.Alarm](r)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID == id {
			told = append(told, a.Change)
		}
	}
	return told
}

// Nothing is lost and nothing told twice over restarts: the past is filled once, the
// numbers go on, an open alarm stays open and is not raised again, and one that is no
// longer found after a start gets its end.
func TestRestarts(t *testing.T) {
	data := t.TempDir()
	from := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	low := steady(from, 4000)

	first := start(t, appliance.Options{Config: testConfig(t, data), Version: "test", Past: low})
	before := first.past(600)
	first.stop()
	if diff := cmp.Diff([]esp.Change{esp.Raised}, alarms(t, data, "intake_pressure_low")); diff != "" {
		t.Errorf("alarm after the first run differs (-want +got):\n%s", diff)
	}

	second := start(t, appliance.Options{Config: testConfig(t, data), Version: "test", Past: low})
	after := second.past(before.Count + 1)
	second.stop()
	seen := map[uint64]bool{}
	for i, row := range after.Telemetry {
		if seen[row.ID] || row.ID == 0 {
			t.Fatalf("number %d stands twice or is none", row.ID)
		}
		seen[row.ID] = true
		if i > 0 && after.Telemetry[i-1].Timestamp.Sub(row.Timestamp) > 2*time.Second {
			t.Errorf("a hole of %s before %s", after.Telemetry[i-1].Timestamp.Sub(row.Timestamp), row.Timestamp)
		}
	}
	if diff := cmp.Diff([]esp.Change{esp.Raised}, alarms(t, data, "intake_pressure_low")); diff != "" {
		t.Errorf("alarm after the second run differs (-want +got):\n%s", diff)
	}

	without := testConfig(t, data)
	without.Wells[0].Limits = nil
	third := start(t, appliance.Options{Config: without, Version: "test", Past: low})
	third.past(after.Count + 1)
	third.stop()
	if diff := cmp.Diff([]esp.Change{esp.Raised, esp.Cleared}, alarms(t, data, "intake_pressure_low")); diff != "" {
		t.Errorf("alarm after the third run differs (-want +got):\n%s", diff)
	}
}

func TestBadStarts(t *testing.T) {
	t.Run("data folder is a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := appliance.New(t.Context(), appliance.Options{Config: testConfig(t, file)})
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("error %v does not name %s", err, file)
		}
	})
	t.Run("address in use", func(t *testing.T) {
		first := start(t, appliance.Options{Config: testConfig(t, t.TempDir())})
		cfg := testConfig(t, t.TempDir())
		cfg.Web.Listen = strings.TrimPrefix(first.url, "http://")
		_, err := appliance.New(t.Context(), appliance.Options{Config: cfg})
		if err == nil || !strings.Contains(err.Error(), cfg.Web.Listen) {
			t.Errorf("error %v does not name %s", err, cfg.Web.Listen)
		}
	})
	t.Run("data folder in use", func(t *testing.T) {
		data := t.TempDir()
		start(t, appliance.Options{Config: testConfig(t, data)})
		if _, err := appliance.New(t.Context(), appliance.Options{Config: testConfig(t, data)}); err == nil {
			t.Error("two appliances share a data folder")
		}
	})
}
