package modbus_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
)

// A device that fails in another way each time, or comes and goes, must not fill the
// log: the first line at once, then one a minute that counts.
func TestRepeatingFaultsAreThrottled(t *testing.T) {
	tests := map[string]func(p *peer, conn net.Conn, a ask) bool{
		"another fault each second": func(_ *peer, conn net.Conn, a ask) bool {
			if a.at.Second()%2 == 0 {
				_, _ = conn.Write([]byte{0xDE, 0xAD, 0xBE, 0xEF, 0, 3, 1, 3, 0})
			}
			return true // else: silence
		},
		"comes and goes": func(_ *peer, _ net.Conn, a ask) bool { return a.at.Second()%4 < 2 },
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				device := &peer{script: script}
				p, err := modbus.NewPoller(modbus.Config{
					Well: "w", Devices: []modbus.Device{tcpDevice(testProfile(t))}, Log: zerolog.New(&log),
					Links: modbus.NewLinks(modbus.LinksConfig{Dial: device.dial, Log: zerolog.Nop()}),
				})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				err = p.Run(t.Context(), func(context.Context, *esp.Scan) error {
					if time.Since(start) > 10*time.Minute {
						return errEnough
					}
					return nil
				})
				if !errors.Is(err, errEnough) {
					t.Fatal(err)
				}
				lost := bytes.Count(log.Bytes(), []byte(`"level":"warn"`))
				if lost < 9 || lost > 11 || p.Status()[0].Failed < 100 {
					t.Errorf("%d lines in 10 minutes and %d failed polls, want about one line a minute:\n%.2000s", lost, p.Status()[0].Failed, log.String())
				}
			})
		})
	}
}
