package config_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/config/yamldoc"
)

const tapWells = `
data: d
wells:
  - {id: A, devices: [{name: drive, url: 'tcp://h', unit: 1, profile: mydrive}]}
  - {id: B, devices: [{name: drive, url: 'tcp://i', unit: 1, profile: mydrive}]}
`

func loadTap(t *testing.T, tap string) (*config.Config, error) {
	t.Helper()
	path := write(t, map[string]string{"wellkeeper.yaml": tapWells + tap})
	return config.Load(path, config.Options{Profiles: carried()})
}

func TestTap(t *testing.T) {
	cfg, err := loadTap(t, "tap: {listen: 0.0.0.0, allow: [192.168.10.7/24, 10.0.0.1, 'fd00::1'], units: [{well: B, device: drive, unit: 21}]}\n")
	if err != nil {
		t.Fatal(err)
	}
	tap := &cfg.Tap
	want := []netip.Prefix{netip.MustParsePrefix("192.168.10.0/24"), netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("fd00::1/128")}
	if diff := cmp.Diff(want, tap.Networks, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
	if tap.Listen != "0.0.0.0:5502" || tap.Unit != 247 || tap.Connections != 8 || tap.Idle != time.Minute || tap.MaxAge != 0 {
		t.Errorf("defaults: %+v", tap)
	}
	a, b := tap.UnitOf("A", &cfg.Wells[0].Devices[0]), tap.UnitOf("B", &cfg.Wells[1].Devices[0])
	if !tap.On() || a != 1 || b != 21 {
		t.Errorf("units %d and %d", a, b)
	}
	for listen, want := range map[string]string{"localhost": "localhost:5502", "'[::1]'": "[::1]:5502", "'::1'": "[::1]:5502", "127.0.0.1:502": "127.0.0.1:502"} {
		cfg, err := loadTap(t, "tap: {listen: "+listen+", units: [{well: B, device: drive, unit: 21}]}\n")
		if err != nil || cfg.Tap.Listen != want || len(cfg.Tap.Networks) != 2 {
			t.Errorf("%s: %v, %+v", listen, err, cfg)
		}
	}
	if cfg, err := loadTap(t, "tap: {unit: 1}\n"); err != nil || cfg.Tap.On() {
		t.Errorf("a tap that is off is checked: %v", err)
	}
}

func TestTapMistakes(t *testing.T) {
	apart := "units: [{well: B, device: drive, unit: 21}]"
	for name, c := range map[string]struct{ tap, path, says string }{
		"two devices under one unit":    {"listen: 127.0.0.1", "tap", "unit 1 would be both device drive of well A and device drive of well B; give one of them another unit for the tap: units: [{well: B, device: drive, unit: 2}]"},
		"a device under our own unit":   {"listen: 127.0.0.1, unit: 1, " + apart, "tap", "the registers of our own (tap.unit) and device drive of well A"},
		"moved onto another":            {"listen: 127.0.0.1, units: [{well: B, device: drive, unit: 247}]", "tap", "unit 247 would be both"},
		"no such device":                {"listen: 127.0.0.1, units: [{well: B, device: drive, unit: 21}, {well: C, device: drive, unit: 22}]", "tap.units[1]", `no device "drive" of a well "C"`},
		"twice":                         {"listen: 127.0.0.1, units: [{well: B, device: drive, unit: 21}, {well: B, device: drive, unit: 22}]", "tap.units[1]", "stands twice"},
		"no unit":                       {"listen: 127.0.0.1, units: [{well: B, device: drive}]", "tap.units[0].unit", "write 1 to 247"},
		"open to everybody":             {"listen: 0.0.0.0:5502, " + apart, "tap.allow", "name the networks"},
		"an address that is none":       {"listen: 'a:b:c', " + apart, "tap.listen", "write HOST:PORT"},
		"the address of the page":       {"listen: 127.0.0.1:8443, " + apart, "tap.listen", "web.listen"},
		"a network that is none":        {"listen: 127.0.0.1, allow: [10.0.0.0/99], " + apart, "tap.allow[0]", "is no network"},
		"more connections than allowed": {"listen: 127.0.0.1, connections: 65, " + apart, "tap.connections", "1 to 64"},
	} {
		_, err := loadTap(t, "tap: {"+c.tap+"}\n")
		all, ok := errors.AsType[*yamldoc.Error](err)
		if !ok {
			t.Errorf("%s: error is %v, want problems", name, err)
			continue
		}
		found := false
		for _, p := range all.Problems {
			found = found || p.Path == c.path && p.Line == 6 && strings.Contains(p.Text, c.says)
		}
		if !found {
			t.Errorf("%s: %v, want %s: …%s…", name, err, c.path, c.says)
		}
	}
}
