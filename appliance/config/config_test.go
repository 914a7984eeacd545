package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/appliance/esp"
)

const myDrive = `{schema: esp-profile/1, id: mydrive, kind: drive, defaults: {fc: 3, base: 0}, points: [{name: drive_frequency, ref: 100, type: u16, scale: 0.01, unit: Hz}]}`

// issueExample is the configuration that is promised to work as it stands.
const issueExample = `
data: /var/lib/wellkeeper
web: {listen: 127.0.0.1:8080, tls: off}
central: {dsn: postgres://edge@localhost/hq}
wells:
  - id: RB-114
    name: RB-114
    devices:
      - {name: drive, url: tcp://127.0.0.1:5020, unit: 1, profile: ./mydrive.yaml, period: 1s}
`

// write lays out a folder and returns the path of its wellkeeper.yaml.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "wellkeeper.yaml")
}

func carried() fstest.MapFS {
	return fstest.MapFS{"profiles/mydrive.yaml": {Data: []byte(myDrive)}}
}

func TestTheExampleWorksAsItStands(t *testing.T) {
	path := write(t, map[string]string{"wellkeeper.yaml": issueExample, "mydrive.yaml": myDrive})
	cfg, err := config.Load(path, config.Options{Profiles: carried()})
	if err != nil {
		t.Fatal(err)
	}
	d := cfg.Wells[0].Devices[0]
	if cfg.Data != "/var/lib/wellkeeper" || cfg.Web.TLS.Mode != config.TLSOff || !*cfg.Web.AnonymousView ||
		cfg.Central.DSN != "postgres://edge@localhost/hq" || cfg.Store.CommitEvery != 5*time.Second {
		t.Errorf("configuration is %+v", cfg)
	}
	if *d.Unit != 1 || d.Period != time.Second || d.Loaded == nil || d.Loaded.ID != "mydrive" {
		t.Errorf("device is %+v", d)
	}
}

func TestDefaults(t *testing.T) {
	path := write(t, map[string]string{"wellkeeper.yaml": "data: d\nwells: [{id: W, devices: [{name: drive, url: 'tcp://h', profile: mydrive}]}]\n"})
	cfg, err := config.Load(path, config.Options{Profiles: carried()})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Web.Listen != "127.0.0.1:8443" || cfg.Web.TLS.Mode != config.TLSAuto || cfg.Wells[0].Name != "W" || cfg.Wells[0].Devices[0].Period != time.Second {
		t.Errorf("defaults are %+v", cfg)
	}
}

// Every mistake is reported, each where it stands.
func TestMistakesComeAllAtOnce(t *testing.T) {
	path := write(t, map[string]string{"wellkeeper.yaml": `
dta: x
web: {listen: nonsense, tls: maybe}
store: {commit_every: 2h}
log: {level: loud}
site: {time_zone: Atlantis/Centre}
wells:
  - id: RB 114
    facts: {motor: steam, pump_depth: 10 psi}
    limits:
      - {signal: intake_presure, low: 450 psi}
      - {signal: intake_pressure, low: 450 degC}
      - {signal: motor_current, priority: 9}
      - {signal: motor_current, low: 30, high: 20}
    devices:
      - {name: drive, url: 'http://x', unit: 1, profile: mydrive, period: 1ms}
      - {name: drive, url: 'rtu:/dev/ttyS0', unit: 250, profile: nosuch}
  - id: RB 114
`, "mydrive.yaml": myDrive})
	_, err := config.Load(path, config.Options{Profiles: carried()})
	all, ok := errors.AsType[*yamldoc.Error](err)
	if !ok {
		t.Fatalf("error is %v, want problems", err)
	}
	var got []string
	for _, p := range all.Problems {
		got = append(got, fmt.Sprintf("%d %s", p.Line, p.Path))
	}
	want := []string{
		"2 dta", "2 data", "3 web.listen", "3 web.tls", "4 store.commit_every", "5 log.level", "6 site.time_zone",
		"8 wells[0].id", "9 wells[0].facts.motor", "9 wells[0].facts.pump_depth",
		"11 wells[0].limits[0].signal", "12 wells[0].limits[1].low", "13 wells[0].limits[2]", "13 wells[0].limits[2].priority",
		"14 wells[0].limits[3].low",
		"16 wells[0].devices[0].url", "16 wells[0].devices[0].period",
		"17 wells[0].devices[1].name", "17 wells[0].devices[1].unit", "17 wells[0].devices[1].profile",
		"18 wells[1].devices", "18 wells[1].id", "18 wells[1].id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places differ (-want +got):\n%s\n%v", diff, err)
	}
}

// A wrong profile is reported under its own name, beside the configuration's mistakes.
func TestMistakesInProfiles(t *testing.T) {
	path := write(t, map[string]string{
		"wellkeeper.yaml": strings.Replace(issueExample, "period: 1s", "period: 1ms", 1),
		"mydrive.yaml":    strings.Replace(myDrive, "u16", "u17", 1),
	})
	_, err := config.Load(path, config.Options{})
	if err == nil || !strings.Contains(err.Error(), "wellkeeper.yaml:9:") || !strings.Contains(err.Error(), "mydrive.yaml:1:") {
		t.Errorf("error does not name both files:\n%v", err)
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	path := write(t, map[string]string{"wellkeeper.yaml": strings.Replace(issueExample, "127.0.0.1:8080", "0.0.0.0:8080", 1), "mydrive.yaml": myDrive})
	if _, err := config.Load(path, config.Options{}); err == nil || !strings.Contains(err.Error(), "web.tls") {
		t.Errorf("error is %v, want one at web.tls", err)
	}
}

// A draft runs, with a remark that says what to compare; the others run without one.
func TestDraftProfileIsRemarked(t *testing.T) {
	carried := fstest.MapFS{
		"profiles/guess.yaml": {Data: []byte(strings.Replace(myDrive, "kind: drive", "kind: drive, verified: draft, checks: [drive_frequency]", 1))},
		"profiles/known.yaml": {Data: []byte(strings.Replace(myDrive, "kind: drive", "kind: drive, verified: document", 1))},
	}
	for name, want := range map[string][]string{
		"guess": {"profile guess is a draft; compare what it reads with the panel of the device before you rely on it: drive_frequency"},
		"known": nil,
	} {
		text := strings.ReplaceAll(issueExample, "./mydrive.yaml", name)
		cfg, err := config.Load(write(t, map[string]string{"wellkeeper.yaml": text}), config.Options{Profiles: carried})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, cfg.Warnings); d != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", name, d)
		}
	}
}

// A profile that is not there is told with those that have a word of its name.
func TestUnknownProfileNamesItsKin(t *testing.T) {
	carried := fstest.MapFS{"profiles/abb-acs880.yaml": {}, "profiles/vacon-10.yaml": {}}
	text := strings.ReplaceAll(issueExample, "./mydrive.yaml", "abb-acs800")
	_, err := config.Load(write(t, map[string]string{"wellkeeper.yaml": text}), config.Options{Profiles: carried})
	if err == nil || !strings.Contains(err.Error(), "(near it: abb-acs880)") {
		t.Errorf("error is %v, want one that names abb-acs880 alone", err)
	}
}

func TestEnvironmentOverridesDotEnvOverridesTheFile(t *testing.T) {
	path := write(t, map[string]string{
		"wellkeeper.yaml": issueExample, "mydrive.yaml": myDrive,
		".env": "WELLKEEPER_DATA=/from/dotenv\nWELLKEEPER_CENTRAL_DSN=postgres://dotenv/x\nOTHER=1\n",
	})
	cfg, err := config.Load(path, config.Options{Env: []string{
		"WELLKEEPER_DATA=/from/environment", "WELLKEEPER_WELLS_0_DEVICES_0_URL=tcp://10.0.0.1:502",
		"WELLKEEPER_WEB_ANONYMOUS_VIEW=false", "WELLKEEPER_STORE_COMMIT_EVERY=10s", "WELLKEEPER_NO_SUCH=1", "PATH=/bin",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Data != "/from/environment" || cfg.Central.DSN != "postgres://dotenv/x" || *cfg.Web.AnonymousView ||
		cfg.Store.CommitEvery != 10*time.Second || cfg.Wells[0].Devices[0].URL != "tcp://10.0.0.1:502" {
		t.Errorf("configuration is %+v", cfg)
	}
	if len(cfg.Warnings) != 2 || !strings.Contains(cfg.Warnings[0], "WELLKEEPER_NO_SUCH") || !strings.Contains(cfg.Warnings[1], "draft") {
		t.Errorf("warnings are %q, want one about WELLKEEPER_NO_SUCH and one that nobody verified the profile", cfg.Warnings)
	}
	_, err = config.Load(path, config.Options{Env: []string{"WELLKEEPER_STORE_COMMIT_EVERY=soon"}})
	if err == nil || !strings.Contains(err.Error(), "WELLKEEPER_STORE_COMMIT_EVERY") {
		t.Errorf("error %v does not name the variable", err)
	}
}

func TestDSNFile(t *testing.T) {
	text := strings.Replace(issueExample, "{dsn: postgres://edge@localhost/hq}", "{dsn_file: dsn}", 1)
	path := write(t, map[string]string{"wellkeeper.yaml": text, "mydrive.yaml": myDrive, "dsn": "postgres://secret@h/x\n"})
	cfg, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Central.DSN != "postgres://secret@h/x" {
		t.Errorf("dsn is %q", cfg.Central.DSN)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(path), "dsn")); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, config.Options{}); err == nil || !strings.Contains(err.Error(), "central.dsn_file") {
		t.Errorf("error is %v, want one at central.dsn_file", err)
	}
}

func TestLimitsAndFactsInStoredUnits(t *testing.T) {
	text := strings.Replace(issueExample, "    devices:", `    facts: {motor: permanent_magnet, pump_depth: 7484 ft, rated_power: 60 hp, rated_current: 30}
    limits:
      - {signal: intake_pressure, low: 450 psi, high: 1050 psi, deadband: 20 psi, delay: 30s, priority: 1}
      - {signal: motor_temperature, high: 300 degF, deadband: 9 degF, delay: 0s, when_running: false}
    devices:`, 1)
	drive := strings.Replace(myDrive, "points: [", "points: [{name: intake_pressure, ref: 0, unit: kPa}, {name: motor_temperature, ref: 1, unit: degC}, ", 1)
	path := write(t, map[string]string{"wellkeeper.yaml": text, "mydrive.yaml": drive})
	cfg, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Wells[0].ESP()
	want := esp.Well{
		ID: "RB-114", Name: "RB-114",
		Facts: esp.Facts{Motor: esp.PermanentMagnet, PumpDepth: 2281.1232, RatedPower: 44.74199, RatedCurrent: 30},
		Limits: []esp.Limit{
			{Signal: esp.IntakePressure, Value: 3102.6408, Deadband: 137.8951, Delay: 30 * time.Second, OffDelay: 30 * time.Second, Priority: 1, Running: true},
			{Signal: esp.IntakePressure, High: true, Value: 7239.4952, Deadband: 137.8951, Delay: 30 * time.Second, OffDelay: 30 * time.Second, Priority: 1, Running: true},
			{Signal: esp.MotorTemperature, High: true, Value: 148.8889, Deadband: 5, Priority: 2},
		},
	}
	near := cmp.Comparer(func(a, b float64) bool { d := a - b; return d < 1e-3 && d > -1e-3 })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("well differs (-want +got):\n%s", diff)
	}
}

func TestALimitNeedsItsSignal(t *testing.T) {
	text := strings.Replace(issueExample, "    devices:", "    limits: [{signal: motor_current, high: 40 A}]\n    devices:", 1)
	path := write(t, map[string]string{"wellkeeper.yaml": text, "mydrive.yaml": myDrive})
	if _, err := config.Load(path, config.Options{}); err == nil || !strings.Contains(err.Error(), "wells[0].limits[0].signal") {
		t.Errorf("error is %v, want one at the limit's signal", err)
	}
}

func TestOneSourceForEachSignal(t *testing.T) {
	text := issueExample + "      - {name: second, url: tcp://127.0.0.1:5021, unit: 1, profile: ./mydrive.yaml, period: 1500ms}\n"
	path := write(t, map[string]string{"wellkeeper.yaml": text, "mydrive.yaml": myDrive})
	_, err := config.Load(path, config.Options{})
	if err == nil || !strings.Contains(err.Error(), "drive_frequency") || !strings.Contains(err.Error(), "multiple") {
		t.Errorf("error %v names neither the doubled signal nor the period", err)
	}
}
