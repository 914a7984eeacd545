package modbus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

func mustPoller(tb testing.TB, c modbus.Config) *modbus.Poller {
	tb.Helper()
	p, err := modbus.NewPoller(c)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// scans runs a poller until it has given n scans, and clones them.
func scans(t *testing.T, p *modbus.Poller, n int) []esp.Scan {
	t.Helper()
	var all []esp.Scan
	err := p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
		all = append(all, s.Clone())
		if len(all) == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("run: %v", err)
	}
	return all
}

func TestTicksDoNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold(370 * time.Millisecond) // start between two ticks
		p := &peer{script: func(*peer, net.Conn, ask) bool { hold(130 * time.Millisecond); return false }}
		start := time.Now()
		for i, o := range pollFor(t, p.dial, 600, tcpDevice(testProfile(t))) {
			if want := start.Truncate(time.Second).Add(time.Duration(i+1) * time.Second); !o.at.Equal(want) {
				t.Fatalf("scan %d: time %s, want %s", i, o.at, want)
			}
		}
	})
}

// A handler that is too slow misses ticks: they are counted, and never made up for.
func TestMissedTicksAreSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{}
		d := tcpDevice(testProfile(t))
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		start, n := time.Now(), 0
		var at []int
		err := p.Run(t.Context(), func(_ context.Context, s *esp.Scan) error {
			at = append(at, int(s.Time.Sub(start)/time.Second))
			if n++; n == 2 {
				hold(3300 * time.Millisecond)
			}
			if n == 5 {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{1, 2, 6, 7, 8}, at); diff != "" {
			t.Errorf("seconds of the scans (-want +got):\n%s", diff)
		}
		if got := p.Status()[0].Missed; got != 3 {
			t.Errorf("missed: got %d, want 3", got)
		}
	})
}

func TestDevicesWithDifferentPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{}
		fast := modbus.Device{ID: "fast", URL: "tcp://a:502", Unit: 1, Period: 500 * time.Millisecond, Profile: mustParse(t, "{schema: esp-profile/1, id: a, kind: drive, defaults: {base: 0}, points: [{name: fast, ref: 1}]}")}
		slow := modbus.Device{ID: "slow", URL: "tcp://a:502", Unit: 2, Period: 2 * time.Second, Profile: mustParse(t, "{schema: esp-profile/1, id: b, kind: gauge, defaults: {base: 0}, groups: {rare: 4s}, points: [{name: slow, ref: 2}, {name: rare, ref: 3, group: rare}]}")}
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{fast, slow}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		var got strings.Builder
		for i, s := range scans(t, p, 16) { // from 0.5 s to 8 s
			if i == 0 { // everything is read at the first tick
				if s.Readings[2].Quality != esp.Good {
					t.Errorf("first scan: rare is %s", s.Readings[2].Quality)
				}
				continue
			}
			for k, c := range "frs" {
				_ = k
				switch {
				case c == 'f' && s.Readings[0].Quality == esp.Good:
					got.WriteByte('f')
				case c == 's' && s.Readings[1].Quality == esp.Good:
					got.WriteByte('s')
				case c == 'r' && s.Readings[2].Quality == esp.Good:
					got.WriteByte('r')
				}
			}
			got.WriteByte(' ')
			if r := s.Readings[1]; r.Quality == esp.NotDue && !math.IsNaN(r.Value) {
				t.Errorf("scan %d: a value that was not due is %v", i, r.Value)
			}
		}
		if want := "f f fs f f f frs f f f fs f f f frs "; got.String() != want {
			t.Errorf("due: got %q, want %q", got.String(), want)
		}
	})
}

// Two wells share one gateway: one connection, and each gets its own values.
func TestWellsShareALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{}
		links := modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})
		var wg sync.WaitGroup
		for unit := range uint8(3) {
			d := tcpDevice(testProfile(t))
			d.Unit = unit + 1
			p := mustPoller(t, modbus.Config{Well: esp.WellID(fmt.Sprint("w", unit)), Devices: []modbus.Device{d}, Links: links})
			wg.Go(func() {
				for _, s := range scans(t, p, 10+int(unit)) {
					if o := judge(&s, testAddresses(), 0); o.good != len(testAddresses()) || len(o.wrong) > 0 {
						t.Errorf("well %d: %d good, wrong %v, lost %v", unit, o.good, o.wrong, o.lost)
					}
				}
			})
		}
		wg.Wait()
		if peer.mostOpen != 1 {
			t.Errorf("connections at once: got %d, want 1", peer.mostOpen)
		}
		units := map[uint8]int{}
		for _, a := range peer.asks {
			units[a.unit]++
		}
		if diff := cmp.Diff(map[uint8]int{1: 20, 2: 22, 3: 24}, units); diff != "" {
			t.Errorf("requests by unit (-want +got):\n%s", diff)
		}
	})
}

// A dead unit on a shared gateway may take at most a tenth of its time, and when it
// comes back it is read again within two polls.
func TestDeadUnitCostsOthersLittle(t *testing.T) {
	for _, knownFast := range []bool{true, false} {
		t.Run(fmt.Sprintf("answered before %v", knownFast), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				dead := func() bool {
					s := time.Since(start)
					return s < 90*time.Second+500*time.Millisecond && (!knownFast || s > 5*time.Second)
				}
				gateway := &peer{script: func(_ *peer, _ net.Conn, a ask) bool {
					hold(10 * time.Millisecond)
					return a.unit == 2 && dead()
				}}
				alive, other := tcpDevice(testProfile(t)), tcpDevice(mustParse(t, "{schema: esp-profile/1, id: b, kind: gauge, defaults: {base: 0}, points: [{name: x, ref: 2}]}"))
				other.ID, other.Unit = "other", 2
				p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{other, alive}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: gateway.dial})})
				asked, backedOff := 0, 0
				for i, s := range scans(t, p, 100) {
					if o := judge(&s, testAddresses(), 1); o.good != len(testAddresses()) || len(o.wrong) > 0 {
						t.Errorf("scan %d: the living unit has %d good values; lost %v, wrong %v", i, o.good, o.lost, o.wrong)
					}
					switch r := s.Readings[0]; {
					case i < 90 && r.Reason == esp.Timeout:
						asked++
					case i < 90 && r.Reason == esp.BackedOff:
						backedOff++
					case knownFast && i >= 92 && r.Quality != esp.Good:
						t.Errorf("scan %d: the unit that came back is %s (%s)", i, r.Quality, r.Reason)
					case i >= 97 && r.Quality != esp.Good:
						t.Errorf("scan %d: the unit that came back is %s (%s)", i, r.Quality, r.Reason)
					}
				}
				if asked == 0 || (!knownFast && backedOff == 0) {
					t.Errorf("dead unit: asked %d times, left alone %d times", asked, backedOff)
				}
				if knownFast && asked < 80 {
					t.Errorf("a unit known to answer fast was asked %d times in 85 s, want nearly each time", asked)
				}
				cost := time.Duration(asked) * 500 * time.Millisecond // at most
				if knownFast {
					cost = time.Duration(asked)*50*time.Millisecond + time.Duration(asked/10+1)*450*time.Millisecond
				}
				if share := cost.Seconds() / 90; share > 0.12 {
					t.Errorf("dead unit: up to %.0f %% of the link's time", share*100)
				}
			})
		})
	}
}

// The end of the context ends Run at once, in whatever it is doing.
func TestCancelEndsAtOnce(t *testing.T) {
	cases := map[string]*peer{
		"waiting for a reply": {script: func(*peer, net.Conn, ask) bool { return true }},
		"connecting":          {slow: func() time.Duration { return time.Hour }},
		"writing":             {script: func(*peer, net.Conn, ask) bool { hold(3 * time.Second); return true }},
	}
	for name, peer := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := tcpDevice(testProfile(t))
				d.Period, d.Timeout = 10*time.Second, 5*time.Second
				p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
				ctx, cancel := context.WithTimeout(t.Context(), 10100*time.Millisecond) // 0.1 s after the first tick
				defer cancel()
				start := time.Now()
				if err := p.Run(ctx, func(context.Context, *esp.Scan) error { t.Error("a scan of a poll that was cut"); return nil }); err != nil {
					t.Errorf("run: got %v, want nil", err)
				}
				if took := time.Since(start); took != 10100*time.Millisecond {
					t.Errorf("run ended after %s, want 10.1s", took)
				}
				hold(4 * time.Second) // the peer's own waits end
			})
		})
	}
}

func TestHandlerErrorEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{}
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		if err := p.Run(t.Context(), func(context.Context, *esp.Scan) error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("run: got %v, want the handler's error", err)
		}
	})
}

// A gauge panel that goes on answering with its last values is found out by its
// packet counter.
func TestStaleByCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		panel := &peer{}
		panel.script = func(_ *peer, conn net.Conn, a ask) bool {
			packets := min(time.Since(start), 10*time.Second) / (2 * time.Second) // stands still from 10 s on
			if s := time.Since(start); s > 200*time.Second {
				packets = 99
			}
			_, _ = conn.Write(a.frame(3, []byte{4, 0, 50, 0, byte(packets)}))
			return true
		}
		d := tcpDevice(mustParse(t, "{schema: esp-profile/1, id: b, kind: gauge, defaults: {base: 0}, points: [{name: x, ref: 1, fresh_by: packets}, {name: packets, ref: 2}]}"))
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: panel.dial})})
		for i, s := range scans(t, p, 205) {
			second, want := i+1, esp.Good
			if second >= 130 && second <= 200 {
				want = esp.Stale
			}
			if s.Readings[0].Quality != want || s.Readings[1].Quality != esp.Good {
				t.Fatalf("second %d: value %s, counter %s, want %s and good", second, s.Readings[0].Quality, s.Readings[1].Quality, want)
			}
		}
	})
}

// A lasting fault gives a line at its start, reminders, and a line at its end.
func TestFaultsAreLoggedThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := window{time.Now().Add(5500 * time.Millisecond), time.Now().Add(25 * time.Minute)}
		f := fault{refuse: true}
		var out bytes.Buffer
		log := zerolog.New(&out)
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: f.peer(nil, w).dial}), Log: log})
		scans(t, p, 26*60)
		var got []string
		for line := range strings.Lines(out.String()) {
			var m struct {
				Message string `json:"message"`
				Level   string `json:"level"`
				Reason  string `json:"reason"`
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			if m.Level != "debug" {
				got = append(got, fmt.Sprintf("%s %s %s", m.Level, m.Message, m.Reason))
			}
		}
		want := []string{
			"warn values lost disconnected", "warn values lost unreachable", "warn values still lost unreachable",
			"warn values still lost unreachable", "info device answers again unreachable",
		}
		if diff := cmp.Diff(want[1:], got); diff != "" && cmp.Diff(want, got) != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fault{answer: func(*rand.Rand, net.Conn, ask) {}}
		w := window{time.Now().Add(10500 * time.Millisecond), time.Now().Add(time.Hour)}
		peer := f.peer(nil, w)
		p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		if s := p.Status()[0]; s.State != modbus.StateSilent || !s.LastOK.IsZero() || s.Polls != 0 {
			t.Errorf("before the first poll: %+v", s)
		}
		start := time.Now()
		scans(t, p, 13)
		s := p.Status()[0]
		if s.State != modbus.StateSilent || s.Polls != 13 || s.Failed != 3 || s.Errors[esp.Timeout] != 3 || s.LastReason != esp.Timeout {
			t.Errorf("status: %+v", s)
		}
		if got := s.LastOK.Sub(start); got != 10*time.Second {
			t.Errorf("last good poll after %s, want 10s", got)
		}
		if s.Good != 10 || s.PollTime < 0 || s.PollTime > 10*s.PollP95+10*time.Second {
			t.Errorf("%d polls that gave values took %s", s.Good, s.PollTime)
		}
		if s.Requests != 2 || s.URL != "tcp://peer:502" || s.Profile != "test" || s.Unit != 1 {
			t.Errorf("status: %+v", s)
		}
	})
}

func TestNewPollerRefuses(t *testing.T) {
	good := tcpDevice(testProfile(t))
	cases := map[string][]modbus.Device{
		"no device":        nil,
		"no profile":       {{ID: "a", URL: "tcp://a:1"}},
		"bad url":          {{ID: "a", URL: "udp://a:1", Profile: good.Profile}},
		"no host":          {{ID: "a", URL: "tcp://:1", Profile: good.Profile}},
		"bad port":         {{ID: "a", URL: "tcp://a:99999", Profile: good.Profile}},
		"unknown key":      {{ID: "a", URL: "tcp://a:1?foo=1", Profile: good.Profile}},
		"relative port":    {{ID: "a", URL: "rtu://ttyS0", Profile: good.Profile}},
		"bad parity":       {{ID: "a", URL: "rtu:///dev/ttyS0?parity=X", Profile: good.Profile}},
		"name twice":       {good, good},
		"negative timeout": {{ID: "a", URL: "tcp://a:1", Profile: good.Profile, Timeout: -1}},
	}
	for name, devices := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := modbus.NewPoller(modbus.Config{Well: "w", Devices: devices}); !errors.Is(err, modbus.ErrDevice) {
				t.Errorf("got %v, want an error of the device", err)
			}
		})
	}
	twice := good
	twice.ID = "second"
	if _, err := modbus.NewPoller(modbus.Config{Well: "w", Devices: []modbus.Device{good, twice}}); err == nil {
		t.Error("two devices with the same signals: got no error")
	}
}

// One serial port cannot have two speeds.
func TestPortWithTwoSettings(t *testing.T) {
	a := modbus.Device{ID: "a", URL: "rtu:///dev/ttyX?baud=9600", Profile: testProfile(t)}
	b := modbus.Device{ID: "b", URL: "rtu:///dev/ttyX?baud=19200", Unit: 2, Profile: mustParse(t, "{schema: esp-profile/1, id: b, kind: gauge, defaults: {base: 0}, points: [{name: x, ref: 2}]}")}
	p := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{a, b}})
	if err := p.Run(t.Context(), nil); !errors.Is(err, modbus.ErrDevice) {
		t.Errorf("run: got %v, want an error of the device", err)
	}
}

// A poller that is stopped in the middle of a poll still hands its scan over, and the
// one that takes its place polls the tick that passed between the two.
func TestOnePollerTakesThePlaceOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(*peer, net.Conn, ask) bool { hold(130 * time.Millisecond); return false }}
		d := tcpDevice(testProfile(t))
		config := modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})}
		start := time.Now().Truncate(time.Second)
		first := mustPoller(t, config)
		time.AfterFunc(time.Until(start.Add(2*time.Second+50*time.Millisecond)), first.Stop)
		var ticks []time.Duration
		note := func(_ context.Context, s *esp.Scan) error {
			if s.Readings[0].Quality != esp.Good {
				t.Errorf("scan of %s has a reading that is %s", s.Time, s.Readings[0].Quality)
			}
			if ticks = append(ticks, s.Time.Sub(start)); len(ticks) == 4 {
				return errEnough
			}
			return nil
		}
		if err := first.Run(t.Context(), note); err != nil {
			t.Errorf("a poller that was stopped returns %v", err)
		}
		hold(time.Until(start.Add(3*time.Second + 10*time.Millisecond)))
		second := mustPoller(t, config)
		second.Follow(first)
		if err := second.Run(t.Context(), note); !errors.Is(err, errEnough) {
			t.Errorf("run: %v", err)
		}
		want := []time.Duration{1 * time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}
		if diff := cmp.Diff(want, ticks); diff != "" {
			t.Errorf("ticks differ (-want +got):\n%s", diff)
		}
	})
}
