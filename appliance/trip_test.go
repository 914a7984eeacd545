package appliance_test

import (
	"testing"
	"testing/fstest"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

const trippingProfile = `{schema: esp-profile/1, id: d, kind: drive, defaults: {fc: 3, base: 0}, points: [
  {name: drive_frequency, ref: 1, scale: 0.01, unit: Hz},
  {name: output_current, ref: 2, scale: 0.1, unit: A}],
status: {ref: 0, running: {mask: 0x0001, is: 0x0001}, tripped: {bit: 3}},
faults: {code: {ref: 3}, table: {7: "Motor overload"}, unknown: "Fault {code}"}}`

// A drive trips on overload: what was read around it is on record at once, with the
// current between the polls, and whole when the time after it has passed; it outlives the
// program.
func TestATripIsKept(t *testing.T) {
	d := newDevice(t, map[uint16]uint16{0: 1, 1: 5200, 2: 400, 3: 0})
	cfg, err := config.Complete(&config.Config{
		Data: t.TempDir(),
		Web:  config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
		Wells: []config.Well{{
			ID: "W-1", Trip: config.Trip{Before: 5 * time.Second, After: 3 * time.Second},
			Devices: []config.Device{{Name: "drive", URL: "tcp://" + d.addr, Unit: new(uint8(1)), Profile: "d", Period: time.Second, Fast: 100 * time.Millisecond}},
		}},
	}, config.Options{Profiles: fstest.MapFS{"profiles/d.yaml": {Data: []byte(trippingProfile)}}})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, appliance.Options{Config: cfg})
	r.stored(8)
	d.set(map[uint16]uint16{1: 5100, 2: 900}) // too much current, for less than a second between two polls
	time.Sleep(700 * time.Millisecond)
	d.set(map[uint16]uint16{0: 8, 1: 0, 2: 0, 3: 7})
	type answer struct {
		Trips []record.Trip `json:"trips"`
	}
	until := func(what string, ok func(answer) bool) record.Trip {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
			var a answer
			r.get("/api/v1/wells/W-1/trips", &a)
			if ok(a) {
				return a.Trips[0]
			}
			if time.Now().After(deadline) {
				t.Fatalf("no %s after a minute: %+v", what, a)
			}
		}
	}
	until("trip", func(a answer) bool { return len(a.Trips) == 1 })
	whole := until("whole trip", func(a answer) bool { return len(a.Trips) == 1 && a.Trips[0].Complete })
	r.stop()
	if whole.Before != esp.Running && whole.Before != esp.Settling || whole.State != esp.Tripped || whole.Code == nil || *whole.Code != 7 || whole.Text != "Motor overload" {
		t.Errorf("the trip: %+v", whole)
	}
	if before, after := whole.Time.Sub(whole.From), whole.To.Sub(whole.Time); before < 4*time.Second || after < 2*time.Second {
		t.Errorf("it holds %v before and %v after the trip", before, after)
	}
	between, most := 0, esp.Number(0)
	for _, s := range whole.Signals {
		if s.Name != "output_current" {
			continue
		}
		for i, ms := range s.Offset {
			if v := s.Value[i]; v > most {
				most = v
			}
			if ms < 0 && ms > -5000 {
				between++
			}
		}
	}
	if between < 20 {
		t.Errorf("%d readings of the current in the five seconds before it; ten a second were asked for", between)
	}
	if most != 90 {
		t.Errorf("the highest current is %v A, want the 90 A that stood for 0.7 s", most)
	}
	if len(whole.Order) == 0 || whole.Order[0].Name != "output_current" && whole.Order[0].Name != "drive_frequency" {
		t.Errorf("what changed first: %+v", whole.Order)
	}
	r = start(t, appliance.Options{Config: cfg})
	again := until("trip after a restart", func(a answer) bool { return len(a.Trips) == 1 })
	if !again.Time.Equal(whole.Time) || !again.Complete {
		t.Errorf("after a restart: %+v", again)
	}
}
