package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
)

const (
	driveWithGauge = "{schema: esp-profile/1, id: d, kind: drive, verified: document, defaults: {base: 0}, points: [{name: output_current, ref: 1, unit: A}, {name: intake_pressure, ref: 2, unit: kPa}, {name: spare, ref: 3}]}"
	gaugePanel     = "{schema: esp-profile/1, id: g, kind: gauge, verified: document, defaults: {base: 0}, points: [{name: intake_pressure, ref: 1, unit: kPa}, {name: motor_temperature, ref: 2, unit: degC}, {name: spare, ref: 3}]}"
)

// twoSources loads a well whose drive and gauge panel both give the intake pressure.
func twoSources(t *testing.T, more string, opts config.Options) (*config.Config, error) {
	t.Helper()
	path := write(t, map[string]string{
		"wellkeeper.yaml": "data: d\nwells: [{id: W, " + more + "devices: [{name: drive, url: 'tcp://h', profile: ./d.yaml}, {name: gauge, url: 'tcp://h', unit: 2, profile: ./g.yaml}]}]\n",
		"d.yaml":          driveWithGauge, "g.yaml": gaugePanel,
	})
	return config.Load(path, opts)
}

func TestWhoseValueCounts(t *testing.T) {
	cases := []struct {
		name, more, mistake string
		names               []string // of the points of both devices
	}{
		{"undecided", "", "intake_pressure come from drive and gauge: say whose count, for example prefer: [drive], or for one signal prefer: [intake_pressure@drive]", nil},
		{"a device", "prefer: [gauge], ", "", []string{"output_current", "intake_pressure@drive", "spare@drive", "intake_pressure", "motor_temperature", "spare"}},
		{"one signal; a maker's own name stays with the first", "prefer: [intake_pressure@gauge], ", "", []string{"output_current", "intake_pressure@drive", "spare", "intake_pressure", "motor_temperature", "spare@gauge"}},
		{"devices in order", "prefer: [drive, gauge], ", "", []string{"output_current", "intake_pressure", "spare", "intake_pressure@gauge", "motor_temperature", "spare@gauge"}},
		{"one signal before a device", "prefer: [drive, intake_pressure@gauge], ", "", []string{"output_current", "intake_pressure@drive", "spare", "intake_pressure", "motor_temperature", "spare@gauge"}},
		{"no such device", "prefer: [panel], ", `names "panel", which is no device of the well`, nil},
		{"no such signal", "prefer: [drive, motor_temperature@drive], ", "drive gives no motor_temperature", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := twoSources(t, c.more, config.Options{})
			if c.mistake != "" {
				if err == nil || !strings.Contains(err.Error(), c.mistake) {
					t.Fatalf("error %v, want %q", err, c.mistake)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w := &cfg.Wells[0]
			naming := w.Names()
			var names []string
			for _, d := range w.Devices {
				for _, col := range d.Loaded.Columns("") {
					names = append(names, naming(esp.DeviceID(d.Name), col.Name))
				}
			}
			if diff := cmp.Diff(c.names, names); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

// A limit may stand on what is computed; where it lacks a fact that is said.
func TestLimitsOnDerivedSignals(t *testing.T) {
	if _, err := twoSources(t, "prefer: [gauge], facts: {transformer_ratio: 4}, limits: [{signal: motor_current, high: 30 A}], ", config.Options{}); err != nil {
		t.Error(err)
	}
	_, err := twoSources(t, "prefer: [gauge], limits: [{signal: motor_current, high: 30 A}], ", config.Options{})
	if err == nil || !strings.Contains(err.Error(), "motor_current is computed, and needs facts.transformer_ratio, which is not entered") {
		t.Errorf("error %v", err)
	}
}

func TestWhatALineCanCarry(t *testing.T) {
	cases := []struct {
		name             string
		cycle            time.Duration
		share            float64
		serial           bool
		mistake, warning string
	}{
		{"fits", 300 * time.Millisecond, 0.3, true, "", ""},
		{"too much for a serial line", 600 * time.Millisecond, 0.6, true, "asks more of port than it can carry: reading takes about 120 % of its time (a poll of everything: drive of W 600ms, gauge of W 600ms); lengthen periods, raise the baud rate", ""},
		{"too much for a network device, as far as is known", 600 * time.Millisecond, 0.6, false, "", "port may not keep up"},
		{"too long when all is due", 600 * time.Millisecond, 0.4, true, "", "port: a poll of everything takes about 1.2s (drive of W 600ms, gauge of W 600ms), more than the shortest period of 1s"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := twoSources(t, "prefer: [gauge], ", config.Options{Cost: func(*config.Device) (config.Cost, error) {
				return config.Cost{Port: "port", Cycle: c.cycle, Share: c.share, Serial: c.serial}, nil
			}})
			if c.mistake != "" {
				if err == nil || !strings.Contains(err.Error(), c.mistake) {
					t.Errorf("error %v, want %q", err, c.mistake)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(cfg.Warnings, "\n"); !strings.Contains(got, c.warning) || (c.warning == "") != (got == "") {
				t.Errorf("warnings %q, want %q", got, c.warning)
			}
		})
	}
}

func TestFastReadsFitBetweenThePolls(t *testing.T) {
	for fast, mistake := range map[string]string{"200ms": "", "300ms": "is no whole part of 1s", "1s": "is no whole part of 1s", "20ms": "write 100ms to 1s"} {
		path := write(t, map[string]string{
			"wellkeeper.yaml": "data: d\nwells: [{id: W, devices: [{name: drive, url: 'tcp://h', profile: ./d.yaml, fast: " + fast + "}]}]\n", "d.yaml": driveWithGauge,
		})
		if _, err := config.Load(path, config.Options{}); (err == nil) != (mistake == "") || err != nil && !strings.Contains(err.Error(), mistake) {
			t.Errorf("fast: %s: error %v, want %q", fast, err, mistake)
		}
	}
}
