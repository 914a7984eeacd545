package config_test

import (
	"testing"

	"wellkeeper.internal/appliance/config"
)

const variantDrive = `{schema: esp-profile/1, id: v, kind: drive, defaults: {fc: 3, base: 0}, variants: {control: {choose: [fc, profidrive], text: parameter 8-10}}, points: [{name: a, ref: 1, when: {control: fc}}, {name: b, ref: 1, when: {control: profidrive}}]}`

func variantSite(variants string) string {
	return "data: /d\nweb: {listen: 127.0.0.1:8080, tls: off}\nwells:\n  - id: W\n    devices:\n      - {name: drive, url: tcp://127.0.0.1:5020, profile: ./v.yaml" + variants + "}\n"
}

func TestVariantsAreChosenPerDevice(t *testing.T) {
	path := write(t, map[string]string{"wellkeeper.yaml": variantSite(", variants: {control: profidrive}") +
		"      - {name: other, url: tcp://127.0.0.1:5021, profile: ./v.yaml, variants: {control: fc}}\n", "v.yaml": variantDrive})
	cfg, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"b", "a"} {
		if got := cfg.Wells[0].Devices[i].Loaded.Points; len(got) != 1 || got[0].Name != want {
			t.Errorf("device %d: points %v, want %s", i, got, want)
		}
	}
}

func TestVariantMistakes(t *testing.T) {
	for name, c := range map[string]struct{ variants, want string }{
		"none chosen":     {"", "6:9: wells[0].devices[0].variants.control: choose control: fc or profidrive (parameter 8-10)"},
		"no such choice":  {", variants: {control: x}", "6:79: wells[0].devices[0].variants: no such variant: variant control of profile v is one of fc, profidrive, not \"x\""},
		"no such variant": {", variants: {other: x}", "6:79: wells[0].devices[0].variants: no such variant: profile v has no variant \"other\"; it has control"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, map[string]string{"wellkeeper.yaml": variantSite(c.variants), "v.yaml": variantDrive})
			_, err := config.Load(path, config.Options{})
			if err == nil || err.Error() != path+":"+c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}
