package appliance_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

const settingsProfile = `{schema: esp-profile/1, id: d, kind: drive, defaults: {fc: 3, base: 0}, points: [
  {name: drive_frequency, ref: 0, type: u16, scale: 0.01, unit: Hz}],
detect: [{ref: 150, kind: serial}],
settings: [
  {name: underload_limit, ref: 100, unit: "%", text: "Underload trip"},
  {name: restarts, ref: 101},
  {name: gone, ref: 200}]}`

type settingsAnswer struct {
	Settings []record.Settings `json:"settings"`
}

// Somebody changes a setting at the drive while the box is off: it says which, from what
// to what, and since when; what did not change is told once.
func TestSettingsChangedAtTheDrive(t *testing.T) {
	d := newDevice(t, map[uint16]uint16{0: 5200, 100: 60, 101: 3, 150: 4060})
	data := t.TempDir()
	begin := func() *running {
		cfg, err := config.Complete(&config.Config{
			Data: data,
			Web:  config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
			Wells: []config.Well{{ID: "W-1", Devices: []config.Device{
				{Name: "drive", URL: "tcp://" + d.addr, Unit: new(uint8(1)), Profile: "d", Period: time.Second},
			}}},
		}, config.Options{Profiles: fstest.MapFS{"profiles/d.yaml": {Data: []byte(settingsProfile)}}})
		if err != nil {
			t.Fatal(err)
		}
		return start(t, appliance.Options{Config: cfg})
	}
	look := func(r *running, ok func(record.Settings) bool) record.Settings {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
			var a settingsAnswer
			r.get("/api/v1/wells/W-1/settings", &a)
			if len(a.Settings) == 1 && ok(a.Settings[0]) {
				return a.Settings[0]
			}
			if time.Now().After(deadline) {
				t.Fatalf("after a minute: %+v", a)
			}
		}
	}
	r := begin()
	first := look(r, func(record.Settings) bool { return true })
	if v := first.Values; len(v) != 3 || v[0].Value != "60 %" || v[1].Raw != 3 || v[2].Reason == "" || len(first.Changed) != 0 {
		t.Errorf("the first look: %+v", first)
	}
	if text, err := r.app.ReadSettings(t.Context()); err != nil {
		t.Errorf("a second look: %s, %v", text, err)
	}
	r.stop()
	d.set(map[uint16]uint16{100: 45, 150: 4045}) // and it is another drive
	r = begin()
	second := look(r, func(s record.Settings) bool { return len(s.Changed) > 0 })
	want := record.SettingChange{Name: "underload_limit", Text: "Underload trip", Was: "60 %", Is: "45 %"}
	if len(second.Changed) != 1 || second.Changed[0] != want || !second.Since.Equal(first.Time) {
		t.Errorf("after it was changed: %+v, want %+v since %v", second, want, first.Time)
	}
	r.stop()

	store, done := openStore(t, data)
	defer done()
	looks, events, replaced := 0, 0, 0
	for rec, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindSettings, record.KindEvent}}) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Kind == record.KindSettings {
			looks++
		} else if e, err := record.Decode[esp.Event](rec); err == nil && e.ID == "settings_changed" {
			events++
		} else if err == nil && e.ID == "device_replaced" {
			replaced++
			if !strings.Contains(e.Text, "4045 answers where 4060 did") {
				t.Errorf("it says %q", e.Text)
			}
		}
	}
	if replaced != 1 {
		t.Errorf("%d events tell of another device, want 1", replaced)
	}
	if looks != 2 || events != 1 {
		t.Errorf("%d records and %d events, want 2 looks that differ and 1 change", looks, events)
	}
}
