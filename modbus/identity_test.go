package modbus_test

import (
	"context"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// A device says who it is when it begins to answer; another one in its place is noticed.
func TestIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var serial, asked atomic.Uint32
		var silent atomic.Bool
		serial.Store(7001)
		peer := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
			switch {
			case silent.Load():
				return true
			case a.address == 20:
				asked.Add(1)
				b := []byte{byte(2 * a.quantity)}
				b = binary.BigEndian.AppendUint16(b, uint16(serial.Load()))
				b = binary.BigEndian.AppendUint16(b, 16)
				_, _ = conn.Write(a.frame(a.fc, b))
				return true
			}
			return false
		}}
		p := mustParse(t, "schema: esp-profile/1\nid: p\nkind: drive\ndefaults: {base: 0, fc: 3}\npoints: [{name: a, ref: 1}]\n"+
			"detect: [{ref: 20, kind: serial}]\nfaults: {history: {ref: 21, count: 1}, table: {16: Earth fault}}\n")
		poller := mustPoller(t, modbus.Config{Well: "w", Devices: []modbus.Device{tcpDevice(p)}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial})})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		err := poller.Run(ctx, func(_ context.Context, s *esp.Scan) error {
			if got := len(s.Readings); got != 1 {
				t.Errorf("readings: got %d, want only the point", got)
			}
			switch n++; n {
			case 5:
				if n := asked.Load(); n != 1 {
					t.Errorf("asked who it is %d times in five polls, want once", n)
				}
				silent.Store(true)
			case 8:
				serial.Store(7002)
				silent.Store(false)
			case 60:
				cancel()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		st := poller.Status()[0]
		if diff := cmp.Diff(modbus.Identity{"serial": "7002"}, st.Identity); diff != "" {
			t.Errorf("identity (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"7001"}, st.Replaced); diff != "" {
			t.Errorf("replaced (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"16 Earth fault"}, st.LastFaults); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times, want once for each time it began to answer", n)
		}
	})
}
