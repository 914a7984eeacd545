// Package config reads the appliance's one YAML file: it decodes, applies the
// environment and .env, sets defaults, checks every value, loads the device profiles
// that are named, and reports all mistakes at once with file, line and column.
//
// It opens only the files that the configuration names; it starts nothing and knows
// nothing of the components that use the values. appliance and appliance/command
// import it.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Config is a complete, checked configuration.
type Config struct {
	// Data is the folder that holds everything the appliance keeps.
	Data    string  `yaml:"data"`
	Site    Site    `yaml:"site"`
	Web     Web     `yaml:"web"`
	Central Central `yaml:"central"`
	Store   Store   `yaml:"store"`
	Log     Log     `yaml:"log"`
	Wells   []Well  `yaml:"wells"`

	// File is where the configuration came from; empty when it was made in code.
	File string
	// Warnings are remarks that forbid nothing, such as an environment variable that
	// names no setting.
	Warnings []string
}

// Site is where the appliance stands.
type Site struct {
	Name string `yaml:"name"`
	// TimeZone is an IANA name; the page shows it, the store keeps UTC. Default UTC.
	TimeZone string `yaml:"time_zone"`
	Location *time.Location
}

// Web is the local page.
type Web struct {
	Listen string `yaml:"listen"` // host:port; default 127.0.0.1:8443
	TLS    TLS    `yaml:"tls"`
	// AnonymousView opens viewing without a login. Default: true when listening on
	// loopback only.
	AnonymousView *bool `yaml:"anonymous_view"`
	// Units is what the page shows until a viewer chooses: oilfield or si.
	Units string `yaml:"units"`
}

// TLS is either a word (off: plain http, loopback only; auto: a self-signed
// certificate made at first start) or the files of a certificate and its key.
type TLS struct {
	Mode      string `yaml:"-"`
	Cert, Key string
}

// DecodeYAML reads the word or the pair of files.
func (t *TLS) DecodeYAML(n yamldoc.Node) {
	switch n.Shape() {
	case "map":
		var files struct {
			Cert string `yaml:"cert"`
			Key  string `yaml:"key"`
		}
		n.Decode(&files)
		if files.Cert == "" || files.Key == "" {
			n.Complain("needs both cert and key")
		}
		*t = TLS{Mode: TLSFiles, Cert: files.Cert, Key: files.Key}
	case "text":
		n.Decode(&t.Mode)
		if t.Mode != TLSOff && t.Mode != TLSAuto {
			n.Complain("is %q; write off, auto, or {cert: FILE, key: FILE}", t.Mode)
		}
	default:
		n.Complain("write off, auto, or {cert: FILE, key: FILE}")
	}
}

// Modes of TLS.
const (
	TLSOff   = "off"
	TLSAuto  = "auto"
	TLSFiles = "files"
)

// Central is the way to headquarters. Without a DSN nothing is forwarded.
type Central struct {
	DSN     string `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
	// Insecure accepts a connection that does not verify the server's name and
	// certificate. Loopback may always go without.
	Insecure bool `yaml:"insecure"`
}

// Store is the historian.
type Store struct {
	// CommitEvery is how often readings become durable: 1s to 60s, default 5s. A power
	// cut loses at most this much.
	CommitEvery time.Duration `yaml:"commit_every"`
}

// Log is the log on stderr.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn or error; default info
}

// Well is one well and its devices.
type Well struct {
	ID      string   `yaml:"id"`
	Name    string   `yaml:"name"` // default: the id
	Facts   Facts    `yaml:"facts"`
	Limits  []Limit  `yaml:"limits"`
	Devices []Device `yaml:"devices"`
}

// Facts are the well's facts as entered, each with its unit.
type Facts struct {
	Motor            string   `yaml:"motor"` // induction or permanent_magnet
	RatedPower       Quantity `yaml:"rated_power"`
	RatedCurrent     Quantity `yaml:"rated_current"`
	RatedVoltage     Quantity `yaml:"rated_voltage"`
	BaseFrequency    Quantity `yaml:"base_frequency"`
	TransformerRatio float64  `yaml:"transformer_ratio"`
	PumpDepth        Quantity `yaml:"pump_depth"`
	PerforationDepth Quantity `yaml:"perforation_depth"`
	FluidDensity     float64  `yaml:"fluid_density"` // kg/m³
}

// Limit is an alarm limit as entered: low, high or both.
type Limit struct {
	Signal   string        `yaml:"signal"`
	Low      *Quantity     `yaml:"low"`
	High     *Quantity     `yaml:"high"`
	Deadband Quantity      `yaml:"deadband"`
	Delay    time.Duration `yaml:"delay"`     // default 60s
	OffDelay time.Duration `yaml:"off_delay"` // default: the delay
	Priority int           `yaml:"priority"`  // 1 (highest) to 3; default 2
	// WhenRunning restricts the limit to a pump that turns. Default true.
	WhenRunning *bool `yaml:"when_running"`
}

// Device is one Modbus device of a well.
type Device struct {
	Name string `yaml:"name"`
	// URL is tcp://HOST:PORT or rtu://PATH?baud=…&parity=…&stop=….
	URL  string `yaml:"url"`
	Unit *uint8 `yaml:"unit"` // default: the profile's
	// Profile is the id of a profile that the binary carries, or a file: absolute, or
	// relative to the configuration.
	Profile string        `yaml:"profile"`
	Period  time.Duration `yaml:"period"`  // default 1s
	Timeout time.Duration `yaml:"timeout"` // default: the profile's

	Loaded *profile.Profile
}

// Options are what Load reads besides the file.
type Options struct {
	// Env is the environment as os.Environ gives it.
	Env []string
	// Profiles holds the profiles that the binary carries, as profiles/<id>.yaml.
	Profiles fs.FS
}

// Load reads and checks the configuration in path. A wrong one gives a *yamldoc.Error
// that lists every mistake.
func Load(path string, opts Options) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	folder := filepath.Dir(path)
	env, err := environment(opts.Env, filepath.Join(folder, ".env"), ".env")
	if err != nil {
		return nil, err
	}
	doc := yamldoc.Parse(path, data)
	cfg := &Config{File: path}
	doc.Decode(cfg)
	cfg.Warnings = applyEnvironment(doc, cfg, env)
	c := checker{doc: doc, cfg: cfg, folder: folder, profiles: opts.Profiles}
	c.check()
	return finish(cfg, doc, c.others)
}

// Complete checks a configuration that was made in code, sets its defaults and loads
// its profiles.
func Complete(cfg *Config, opts Options) (*Config, error) {
	doc := yamldoc.Parse("configuration", nil)
	c := checker{doc: doc, cfg: cfg, folder: ".", profiles: opts.Profiles}
	c.check()
	return finish(cfg, doc, c.others)
}

// finish joins the problems of the configuration with those of its profiles.
func finish(cfg *Config, doc *yamldoc.Doc, profiles []error) (*Config, error) {
	if own := doc.Err(); own != nil {
		profiles = append([]error{own}, profiles...)
	}
	if err := errors.Join(profiles...); err != nil {
		return nil, err
	}
	return cfg, nil
}

// ESP is the well in the vocabulary of the rest of the appliance. The configuration
// must have been checked.
func (w *Well) ESP() esp.Well {
	well := esp.Well{ID: esp.WellID(w.ID), Name: w.Name, Facts: w.Facts.esp()}
	for i := range w.Limits {
		well.Limits = append(well.Limits, w.Limits[i].esp()...)
	}
	return well
}

func (f *Facts) esp() esp.Facts {
	return esp.Facts{
		Motor:            esp.MotorType(f.Motor),
		RatedPower:       f.RatedPower.in(esp.Kilowatt),
		RatedCurrent:     f.RatedCurrent.in(esp.Ampere),
		RatedVoltage:     f.RatedVoltage.in(esp.Volt),
		BaseFrequency:    f.BaseFrequency.in(esp.Hertz),
		TransformerRatio: f.TransformerRatio,
		PumpDepth:        f.PumpDepth.in(esp.Metre),
		PerforationDepth: f.PerforationDepth.in(esp.Metre),
		FluidDensity:     f.FluidDensity,
	}
}

func (l *Limit) esp() []esp.Limit {
	id, _ := esp.Lookup(l.Signal)
	unit := id.Info().Unit
	one := esp.Limit{
		Signal: id, Deadband: l.Deadband.span(unit), Delay: l.Delay, OffDelay: l.OffDelay,
		Priority: l.Priority, Running: l.WhenRunning == nil || *l.WhenRunning,
	}
	var limits []esp.Limit
	if l.Low != nil {
		one.High, one.Value = false, l.Low.in(unit)
		limits = append(limits, one)
	}
	if l.High != nil {
		one.High, one.Value = true, l.High.in(unit)
		limits = append(limits, one)
	}
	return limits
}
