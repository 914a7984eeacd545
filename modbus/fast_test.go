package modbus_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

const fastProfile = "{schema: esp-profile/1, id: p, kind: drive, defaults: {base: 0}, points: [{name: drive_frequency, ref: 1, unit: Hz}, {name: fault_code, ref: 2}, {name: intake_pressure, ref: 90, unit: kPa}]}"

// fastRun polls n scans and lists what came when: S a scan, f a fast one, both with the
// milliseconds since the start.
func fastRun(t *testing.T, peer *peer, n int) (events []string, p *modbus.Poller) {
	t.Helper()
	d := tcpDevice(mustParse(t, fastProfile))
	d.Fast = 200 * time.Millisecond
	start := time.Now()
	note := func(kind string, s *esp.Scan) {
		var text strings.Builder
		text.WriteString(kind + s.Time.Sub(start).String())
		for i := range s.Readings {
			text.WriteString(" " + s.Readings[i].Quality.String())
		}
		events = append(events, text.String())
	}
	p = mustPoller(t, modbus.Config{
		Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial}),
		Fast: func(s *esp.Scan) { note("f", s) },
	})
	seen := 0
	err := p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
		note("S", s)
		if seen++; seen == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return events, p
}

// Between two polls only what explains a trip is read, in one request, and no scan is
// missed for it.
func TestFastSignalsBetweenThePolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{}
		got, p := fastRun(t, peer, 2)
		want := []string{
			"S1s good good good",
			"f1.2s good good not_due", "f1.4s good good not_due", "f1.6s good good not_due", "f1.8s good good not_due",
			"S2s good good good",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("scans (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"3:1+2", "3:90+1", "3:1+2", "3:1+2", "3:1+2", "3:1+2", "3:1+2", "3:90+1"}, requests(peer.asks)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if s := p.Status()[0]; s.Polls != 2 || s.Missed != 0 {
			t.Errorf("polls %d, missed %d: fast reads count as polls", s.Polls, s.Missed)
		}
	})
}

// A device that takes long over a fast read makes the next scan late, and never leaves it
// out.
func TestSlowFastReadsCostNoScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(_ *peer, _ net.Conn, a ask) bool {
			if a.quantity == 2 { // the one that begins at 1.8 s takes until 2.03 s
				hold(230 * time.Millisecond)
			}
			return false
		}}
		got, p := fastRun(t, peer, 5)
		var scans []string
		for _, e := range got {
			if strings.HasPrefix(e, "S") {
				scans = append(scans, strings.Fields(e)[0])
			}
		}
		if diff := cmp.Diff([]string{"S1s", "S2s", "S3s", "S4s", "S5s"}, scans); diff != "" {
			t.Errorf("scans (-want +got):\n%s", diff)
		}
		if missed := p.Status()[0].Missed; missed != 0 {
			t.Errorf("missed %d", missed)
		}
	})
}

// A device that stops answering is not asked five times a second: the fast reads end until
// it has answered a whole poll.
func TestFastReadsEndWhereTheDeviceIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		peer := &peer{script: func(_ *peer, _ net.Conn, _ ask) bool {
			since := time.Since(start)
			return since > 1300*time.Millisecond && since < 3900*time.Millisecond
		}}
		got, _ := fastRun(t, peer, 4)
		want := []string{
			"S1s good good good",
			"f1.2s good good not_due", "f1.4s lost lost not_due",
			"S2s lost lost lost", "S3s lost lost lost", "S4s good good good",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("scans (-want +got):\n%s", diff)
		}
	})
}

func TestPlanOfTheFastReads(t *testing.T) {
	d := tcpDevice(mustParse(t, fastProfile))
	d.URL, d.Fast = "rtu:///dev/x?baud=9600&parity=N", 250*time.Millisecond
	p, err := modbus.PlanOf(d)
	if err != nil {
		t.Fatal(err)
	}
	// 8 and 5 + 4 characters of 10 bits, 20 ms of silence, 10 ms for the answer.
	two, one := 20*time.Millisecond+10*time.Millisecond+time.Second*170/9600, 20*time.Millisecond+10*time.Millisecond+time.Second*150/9600
	near := func(what string, got, want time.Duration) {
		if (got - want).Abs() > time.Microsecond {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	if p.Requests != 2 || len(p.Groups) != 2 || !p.Groups[1].Fast || p.Groups[1].Period != d.Fast {
		t.Fatalf("plan %+v", p)
	}
	near("poll", p.Time, two+one)
	near("fast", p.Groups[1].Time, two)
	if want := (two + one).Seconds() + two.Seconds()*4; p.Share < want-1e-6 || p.Share > want+1e-6 {
		t.Errorf("share %v, want %v", p.Share, want)
	}
}
