package appliance_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
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

// knob is a drive with settings that somebody can change at it: it answers registers 0,
// 100, 101 and 150, its serial number, and refuses all others. With another limit it is
// another drive.
func knob(t *testing.T) (addr string, limit *atomic.Uint32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limit = new(atomic.Uint32)
	limit.Store(60)
	answer := func(c net.Conn) {
		defer func() { _ = c.Close() }()
		var b [12]byte
		for {
			if _, err := io.ReadFull(c, b[:]); err != nil {
				return
			}
			address, n := binary.BigEndian.Uint16(b[8:]), int(binary.BigEndian.Uint16(b[10:]))
			reply := append([]byte{b[0], b[1], 0, 0, 0, byte(3 + 2*n), b[6], b[7], byte(2 * n)}, make([]byte, 2*n)...)
			value := map[uint16]uint16{0: 5200, 100: uint16(limit.Load()), 101: 3, 150: uint16(4000 + limit.Load())}
			if v, ok := value[address]; ok && n == 1 {
				binary.BigEndian.PutUint16(reply[9:], v)
			} else {
				reply = []byte{b[0], b[1], 0, 0, 0, 3, b[6], b[7] | 0x80, 2}
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String(), limit
}

type settingsAnswer struct {
	Settings []record.Settings `json:"settings"`
}

// Somebody changes a setting at the drive while the box is off: it says which, from what
// to what, and since when; what did not change is told once.
func TestSettingsChangedAtTheDrive(t *testing.T) {
	addr, limit := knob(t)
	data := t.TempDir()
	begin := func() *running {
		cfg, err := config.Complete(&config.Config{
			Data: data,
			Web:  config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
			Wells: []config.Well{{ID: "W-1", Devices: []config.Device{
				{Name: "drive", URL: "tcp://" + addr, Unit: new(uint8(1)), Profile: "d", Period: time.Second},
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
	limit.Store(45)
	r = begin()
	second := look(r, func(s record.Settings) bool { return len(s.Changed) > 0 })
	want := record.SettingChange{Name: "underload_limit", Text: "Underload trip", Was: "60 %", Is: "45 %"}
	if len(second.Changed) != 1 || second.Changed[0] != want || !second.Since.Equal(first.Time) {
		t.Errorf("after it was changed: %+v, want %+v since %v", second, want, first.Time)
	}
	r.stop()

	store, err := storage.Open(t.Context(), storage.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
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
