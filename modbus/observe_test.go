package modbus_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// The observer hears what the device said: the bytes of the reply, and nothing of what
// it refused.
func TestObserverHearsWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &peer{script: func(_ *peer, conn net.Conn, a ask) bool {
			switch {
			case a.fc == 1:
				_, _ = conn.Write(a.frame(1, []byte{2, 0b10000001, 0b10}))
			case a.address >= 100:
				_, _ = conn.Write(a.exception(2))
			default:
				_, _ = conn.Write(a.frame(3, []byte{4, 0x12, 0x34, 0xFE, 0xDC}))
			}
			return true
		}}
		type heard struct {
			Device            esp.DeviceID
			FC                uint8
			Address, Quantity uint16
			Data              []byte
			At                time.Duration
		}
		var got []heard
		start := time.Now()
		p := mustParse(t, "{schema: esp-profile/1, id: p, kind: drive, defaults: {base: 0, max_hole: 10}, points: [{name: a, ref: 7}, {name: b, ref: 8}, {name: gone, ref: 100}, {name: first, ref: 3, fc: 1}, {name: last, ref: 12, fc: 1}]}")
		poller := mustPoller(t, modbus.Config{
			Well: "w", Devices: []modbus.Device{tcpDevice(p)}, Links: modbus.NewLinks(modbus.LinksConfig{Dial: peer.dial}),
			Observe: func(device esp.DeviceID, fc uint8, address, quantity uint16, data []byte, at time.Time) {
				got = append(got, heard{device, fc, address, quantity, append([]byte(nil), data...), at.Sub(start)})
			},
		})
		scans(t, poller, 1)
		want := []heard{
			{tcpDevice(p).ID, 1, 3, 10, []byte{0b10000001, 0b10}, time.Second},
			{tcpDevice(p).ID, 3, 7, 2, []byte{0x12, 0x34, 0xFE, 0xDC}, time.Second},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	})
}
