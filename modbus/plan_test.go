package modbus_test

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// requests are the reads of one poll: function, first address, count.
func requests(asks []ask) []string {
	var got []string
	for _, a := range asks {
		got = append(got, fmt.Sprintf("%d:%d+%d", a.fc, a.address, a.quantity))
	}
	return got
}

func TestPlan(t *testing.T) {
	cases := []struct {
		name, defaults, more, points string
		want                         []string
	}{
		{"neighbours", "", "", "{name: a, ref: 5}, {name: b, ref: 6}", []string{"3:5+2"}},
		{"across a hole", "max_hole: 3", "", "{name: a, ref: 5}, {name: b, ref: 9}", []string{"3:5+5"}},
		{"hole too large", "max_hole: 2", "", "{name: a, ref: 5}, {name: b, ref: 9}", []string{"3:5+1", "3:9+1"}},
		{"no holes", "max_hole: 0", "", "{name: a, ref: 5}, {name: b, ref: 6}, {name: c, ref: 8}", []string{"3:5+2", "3:8+1"}},
		{"by span, not count", "max_regs: 10", "", "{name: a, ref: 0}, {name: b, ref: 5}, {name: c, ref: 10}", []string{"3:0+6", "3:10+1"}},
		{"exactly the span", "max_regs: 11", "", "{name: a, ref: 0}, {name: b, ref: 5}, {name: c, ref: 10}", []string{"3:0+11"}},
		{"wide values are not cut", "max_regs: 3", "", "{name: a, ref: 0}, {name: b, ref: 2, type: u32}", []string{"3:0+1", "3:2+2"}},
		{"never read", "", "never_read: [7]", "{name: a, ref: 5}, {name: b, ref: 9}", []string{"3:5+1", "3:9+1"}},
		{"never read elsewhere", "", "never_read: [[10, 20], 4]", "{name: a, ref: 5}, {name: b, ref: 9}", []string{"3:5+5"}},
		{"functions apart", "", "", "{name: a, ref: 5}, {name: b, ref: 6, fc: 4}, {name: c, ref: 1, fc: 1}, {name: d, ref: 3, fc: 2}", []string{"1:1+1", "2:3+1", "3:5+1", "4:6+1"}},
		{"one register, two fields", "", "", "{name: a, ref: 5, mask: 1}, {name: b, ref: 5, mask: 0xFF00, shift: 8}", []string{"3:5+1"}},
		{"what says how others are read comes first", "", "", "{name: a, ref: 5, scale_from: {ref: 300, mask: 0xFF00, shift: 8, map: {44: 1}}}", []string{"3:300+1", "3:5+1"}},
		{"what says how others are read, in one request", "", "", "{name: a, ref: 5, scale_from: {ref: 7, mask: 0xFF00, shift: 8, map: {7: 1}}}", []string{"3:5+3"}},
		{"ordered", "word_order: lohi", "", "{name: a, ref: 4}, {name: b, ref: 5, type: u32, ordered: true}", []string{"3:4+1", "3:5+1", "3:6+1"}},
		{"ordered, high word at the lower address", "", "", "{name: b, ref: 5, type: u32, ordered: true}", []string{"3:6+1", "3:5+1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peer := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
					if a.fc <= 2 {
						_, _ = conn.Write(a.frame(a.fc, []byte{1, 1}))
						return true
					}
					return false
				}}
				p := mustParse(t, fmt.Sprintf("schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {base: 0, fc: 3, %s}\n%s\npoints: [%s]\n", c.defaults, c.more, c.points))
				poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(p)}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
				for _, r := range scans(t, poller, 1)[0].Readings {
					if r.Quality != esp.Good {
						t.Errorf("reading: %s %s", r.Quality, r.Reason)
					}
				}
				if diff := cmp.Diff(c.want, requests(peer.asks)); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// refusing is a device that lacks some registers and takes at most some in a request.
func refusing(missing map[uint16]bool, most uint16) *peer {
	return &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
		for i := range a.quantity {
			if missing[a.address+i] {
				_, _ = conn.Write(a.exception(2))
				return true
			}
		}
		if a.quantity > most {
			_, _ = conn.Write(a.exception(3))
			return true
		}
		return false
	}}
}

func TestRefusedRegisters(t *testing.T) {
	cases := []struct {
		name    string
		missing []uint16
		most    uint16
		lost    int // values that cannot be read
		steady  int // most requests in a later poll
	}{
		{"one of ten", []uint16{4}, 125, 1, 3},
		{"the first", []uint16{0}, 125, 1, 2},
		{"the last", []uint16{34}, 125, 1, 2},
		{"two apart", []uint16{2, 31}, 125, 2, 4},
		{"short requests only", nil, 4, 0, 7},
		{"everything but one", []uint16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 32, 33}, 125, 14, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				missing := map[uint16]bool{}
				for _, a := range c.missing {
					missing[a] = true
				}
				peer := refusing(missing, c.most)
				poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
				start := time.Now()
				for i, s := range scans(t, poller, 5) {
					o := judge(&s, testAddresses(), 0)
					if o.good != len(testAddresses())-c.lost || o.lost[esp.NotSupported] != c.lost || len(o.wrong) > 0 {
						t.Errorf("scan %d: %d good, lost %v, wrong %v; want %d lost as not supported", i, o.good, o.lost, o.wrong, c.lost)
					}
				}
				var later []ask
				for _, a := range peer.asks {
					if s := a.at.Sub(start); s >= 2*time.Second && s < 3*time.Second {
						later = append(later, a)
					}
				}
				if len(later) > c.steady {
					t.Errorf("requests of the second poll: got %d, want at most %d: %v", len(later), c.steady, requests(later))
				}
				if got := len(poller.Status()[0].NotSupported); got != c.lost {
					t.Errorf("status: %v not supported, want %d", poller.Status()[0].NotSupported, c.lost)
				}
			})
		})
	}
}

// A hole that the device refuses is no longer read across.
func TestRefusedHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := refusing(map[uint16]bool{7: true}, 125)
		p := mustParse(t, "{schema: esp-profile/1, id: p, kind: drive, defaults: {base: 0}, points: [{name: a, ref: 5}, {name: b, ref: 6}, {name: c, ref: 8}, {name: d, ref: 9}]}")
		poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(p)}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		for i, s := range scans(t, poller, 2) {
			for k, r := range s.Readings {
				if r.Quality != esp.Good {
					t.Errorf("scan %d: reading %d: %s %s", i, k, r.Quality, r.Reason)
				}
			}
		}
		if diff := cmp.Diff([]string{"3:5+5", "3:5+2", "3:8+2", "3:5+2", "3:8+2"}, requests(peer.asks)); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// What a device refuses is asked again after a day; a device that refuses everything
// while it starts loses nothing for longer than it takes.
func TestRefusalsAreForgotten(t *testing.T) {
	t.Run("after a day", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			updated := start.Add(90 * time.Minute) // firmware that has the register
			peer := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
				if a.address > 4 || a.address+a.quantity <= 4 || time.Now().After(updated) {
					return false
				}
				_, _ = conn.Write(a.exception(2))
				return true
			}}
			d := tcpDevice(testProfile(t))
			d.Period = time.Hour
			poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{d}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
			for _, s := range scans(t, poller, 27) {
				hours, r := s.Time.Sub(start)/time.Hour, s.Readings[4]
				if supported := r.Quality == esp.Good; supported != (hours > 24) {
					t.Errorf("hour %d: %s %s", hours, r.Quality, r.Reason)
				}
			}
		})
	})
	t.Run("after a restart", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			peer := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
				if s := time.Since(start); s < 5500*time.Millisecond || s > 10500*time.Millisecond {
					return false
				}
				_, _ = conn.Write(a.exception(2))
				return true
			}}
			for i, o := range pollFor(t, peer.dial, 15, tcpDevice(testProfile(t))) {
				refused := i+1 >= 6 && i+1 <= 10
				if (o.good == len(testAddresses())) == refused {
					t.Errorf("second %d: %d good, lost %v", i+1, o.good, o.lost)
				}
			}
			if got := len(peer.asks); got > 80 {
				t.Errorf("requests: %d; a device that refuses everything is asked for each register in each poll", got)
			}
		})
	})
}

// A timeout never disables a register.
func TestTimeoutDisablesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(p *peer, _ net.Conn, _ ask) bool { return p.asked()%3 == 0 }}
		poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		good := 0
		for _, s := range scans(t, poller, 30) {
			o := judge(&s, testAddresses(), 0)
			if o.lost[esp.NotSupported] > 0 {
				t.Errorf("not supported: %v", o.lost)
			}
			good += o.good
		}
		if good == 0 || len(poller.Status()[0].NotSupported) > 0 {
			t.Errorf("%d good values, not supported %v", good, poller.Status()[0].NotSupported)
		}
	})
}

// A busy device is asked again, as often as its profile says.
func TestBusyIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(p *peer, conn net.Conn, a ask) bool {
			if p.asked()%2 == 1 {
				_, _ = conn.Write(a.exception(6))
				return true
			}
			return false
		}}
		for i, o := range pollFor(t, peer.dial, 5, tcpDevice(testProfile(t, "link: {busy_retries: 1}"))) {
			if o.good != len(testAddresses()) {
				t.Errorf("scan %d: %d good, lost %v", i, o.good, o.lost)
			}
		}
	})
}

// The pauses of the profile are kept.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		peer := &peer{script: func(*peer, net.Conn, ask) bool { at = append(at, time.Since(start)); return false }}
		pollFor(t, peer.dial, 2, tcpDevice(testProfile(t, "link: {between_ms: 70, tcp: {pause_after_connect_ms: 200}}")))
		want := []time.Duration{1200 * time.Millisecond, 1270 * time.Millisecond, 2 * time.Second, 2070 * time.Millisecond}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("requests at (-want +got):\n%s", diff)
		}
	})
}
