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
	"io/fs"
	"path/filepath"
	"time"

	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Config is a complete, checked configuration. The comment of each field with a yaml
// tag is its text in docs/configuration.md; settings.go says what the other tags mean.
type Config struct {
	// Folder that holds everything the appliance keeps, for example `/var/lib/wellkeeper`.
	Data    string  `yaml:"data" otherwise:"required" apply:"restart"`
	Site    Site    `yaml:"site"`
	Clock   Clock   `yaml:"clock"`
	Web     Web     `yaml:"web"`
	Central Central `yaml:"central"`
	Store   Store   `yaml:"store"`
	Log     Log     `yaml:"log"`
	Jobs    Jobs    `yaml:"jobs"`
	Tap     Tap     `yaml:"tap"`
	Wells   []Well  `yaml:"wells"`

	// File is where the configuration came from; empty when it was made in code.
	File string
	// Warnings are remarks that forbid nothing, such as an environment variable that
	// names no setting.
	Warnings []string

	source *source // nil when it was made in code
}

// Site is where the appliance stands.
type Site struct {
	// Name of the place, for people.
	Name string `yaml:"name" otherwise:"none"`
	// IANA time zone in which the page shows times, such as `America/Bogota`; the store keeps UTC.
	TimeZone string `yaml:"time_zone" default:"UTC"`
	Location *time.Location
}

// Clock says where the time may come from while no time service keeps the system's clock.
type Clock struct {
	// Take the time from headquarters' server.
	FromCentral *bool `yaml:"from_central" default:"true"`
	// Take the time from a drive whose profile has its clock (`device_clock`, or `device_year` to `device_second`).
	FromDrive bool `yaml:"from_drive" default:"false"`
	// IANA time zone of the drive's date.
	DriveZone string `yaml:"drive_zone" otherwise:"site.time_zone"`
	Drive     *time.Location
}

// Web is the local page.
type Web struct {
	// Where the page is served, `HOST:PORT`: 127.0.0.1 is this box only, 0.0.0.0 every network it stands in.
	Listen string `yaml:"listen" default:"127.0.0.1:8443" apply:"restart"`
	// `auto`: a self-signed certificate, made at the first start, whose fingerprint is in the log.
	// `{cert: FILE, key: FILE}`: your own. `off`: plain http, on loopback only.
	TLS TLS `yaml:"tls" default:"auto" apply:"restart"`
	// Who looks needs no login.
	AnonymousView *bool `yaml:"anonymous_view" otherwise:"true when listening on loopback only" apply:"with web.listen"`
	// Units that the page shows until a viewer chooses others: `oilfield` is psi, °F, ft and bbl/d.
	Units string `yaml:"units" default:"oilfield" oneof:"oilfield si"`
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

// CertificateFile is where the certificate of the page is.
func CertificateFile(c *Config) string {
	if c.Web.TLS.Mode == TLSFiles {
		return c.Web.TLS.Cert
	}
	return filepath.Join(c.Data, "tls", "certificate.pem")
}

// Modes of TLS.
const (
	TLSOff   = "off"
	TLSAuto  = "auto"
	TLSFiles = "files"
)

// Central is the way to headquarters. Without a DSN nothing is forwarded.
type Central struct {
	// PostgreSQL connection string of this appliance's role. Without one nothing is forwarded, and nothing else changes.
	DSN string `yaml:"dsn" otherwise:"none"`
	// File that holds the connection string, so that the password stands in no configuration.
	DSNFile string `yaml:"dsn_file" otherwise:"none"`
	// Accept a server whose name and certificate are not verified. Loopback may always go without.
	Insecure bool `yaml:"insecure" default:"false"`
}

// Store is the historian.
type Store struct {
	// How often readings are forced to the disk; a power cut loses at most this much.
	CommitEvery time.Duration `yaml:"commit_every" default:"5s" min:"1s" max:"1m" apply:"restart"`
}

// Log is the log: lines of JSON on stderr, or in a file.
type Log struct {
	// What is logged: this and what is more severe.
	Level string `yaml:"level" default:"info" oneof:"debug info warn error"`
	// File to log to instead of stderr, where no service manager keeps the log. What stderr still gets is a line
	// when the file cannot be written.
	File string `yaml:"file" otherwise:"stderr" apply:"restart"`
	// What the file and its compressed old parts may take together; the oldest go first.
	MaxTotal Size `yaml:"max_total" default:"50 MB" apply:"restart"`
}

// Well is one well and its devices.
type Well struct {
	// Name of the well in the API, in the store and at headquarters: 1 to 64 letters, digits, dots, dashes or
	// underscores. Another id is another well.
	ID string `yaml:"id" otherwise:"required"`
	// Name that people read.
	Name string `yaml:"name" otherwise:"the id"`
	// Whose value counts where several devices give one signal: names of devices, the first that gives it, or
	// `SIGNAL@DEVICE` for one signal. The others are kept beside it as `SIGNAL@DEVICE`; nothing is ever mixed.
	Prefer  []string `yaml:"prefer" otherwise:"required where two devices give one signal"`
	Facts   Facts    `yaml:"facts"`
	Limits  []Limit  `yaml:"limits"`
	Devices []Device `yaml:"devices"`
	Trip    Trip     `yaml:"trip"`
}

// Trip is what is kept of each trip.
type Trip struct {
	// How much of the time before a trip its record holds.
	Before time.Duration `yaml:"before" default:"60s" min:"5s" max:"2m"`
	// How much of the time after it.
	After time.Duration `yaml:"after" default:"30s" min:"1s" max:"2m"`
}

// Facts are the well's facts as entered, each with its unit. What is not entered is
// not guessed: what needs it is then not assessed.
type Facts struct {
	// Type of the motor.
	Motor string `yaml:"motor" oneof:"induction permanent_magnet" otherwise:"not entered"`
	// Nameplate power of the motor at base frequency.
	RatedPower Quantity `yaml:"rated_power" unit:"kW" min:"0" otherwise:"not entered"`
	// Nameplate current of the motor.
	RatedCurrent Quantity `yaml:"rated_current" unit:"A" min:"0" otherwise:"not entered"`
	// Nameplate voltage of the motor at base frequency.
	RatedVoltage Quantity `yaml:"rated_voltage" unit:"V" min:"0" otherwise:"not entered"`
	// Frequency to which the nameplate belongs; well above 100 Hz for a permanent-magnet motor.
	BaseFrequency Quantity `yaml:"base_frequency" unit:"Hz" min:"0" otherwise:"not entered"`
	// Drive current ÷ motor current, of the step-up transformer.
	TransformerRatio float64 `yaml:"transformer_ratio" min:"0" otherwise:"not entered"`
	// Measured depth of the pump intake.
	PumpDepth Quantity `yaml:"pump_depth" unit:"m" min:"0" otherwise:"not entered"`
	// Measured depth of the perforations, middle.
	PerforationDepth Quantity `yaml:"perforation_depth" unit:"m" min:"0" otherwise:"not entered"`
	// Density of the produced liquid.
	FluidDensity float64 `yaml:"fluid_density" unit:"kg/m3" min:"0" otherwise:"not entered"`
	// Automatic restarts that the drive makes before it stays out.
	RestartsAllowed int `yaml:"restarts_allowed" min:"0" max:"99" otherwise:"not entered"`
}

// Limit is an alarm limit as entered: low, high or both.
type Limit struct {
	// Name of the signal that is watched ([signals](signals.md)); a device of the well must give it.
	Signal string `yaml:"signal" otherwise:"required"`
	// Alarm below this.
	Low *Quantity `yaml:"low" unit:"signal" otherwise:"none"`
	// Alarm above this.
	High *Quantity `yaml:"high" unit:"signal" otherwise:"none"`
	// How far the value must come back before the alarm ends.
	Deadband Quantity `yaml:"deadband" unit:"signal" min:"0" otherwise:"0"`
	// How long the value must be beyond the limit.
	Delay time.Duration `yaml:"delay" default:"60s" min:"0s" max:"1h"`
	// How long it must be back.
	OffDelay time.Duration `yaml:"off_delay" min:"0s" max:"1h" otherwise:"the delay"`
	// Priority of the alarm, 1 is highest.
	Priority int `yaml:"priority" default:"2" min:"1" max:"3"`
	// The limit counts only while the pump runs.
	WhenRunning *bool `yaml:"when_running" default:"true"`
}

// Device is one Modbus device of a well.
type Device struct {
	// Name of the device within the well.
	Name string `yaml:"name" otherwise:"required"`
	// `tcp://HOST:PORT`, `rtutcp://HOST:PORT` (RTU frames over TCP) or
	// `rtu:///dev/serial/by-id/…?baud=19200&parity=E&stop=1`. Devices with the same host and port, or the same serial
	// port, take turns on it.
	URL string `yaml:"url" otherwise:"required"`
	// Modbus unit.
	Unit *uint8 `yaml:"unit" min:"0" max:"247" otherwise:"the profile's"`
	// Id of a profile that the program carries, or a file such as `./mydrive.yaml` ([profiles](profiles.md)).
	Profile string `yaml:"profile" otherwise:"required"`
	// What is set in this device where the profile knows several variants, for example `{word_order: lohi}`.
	Variants map[string]string `yaml:"variants" otherwise:"the profile's"`
	// How often it is read; a multiple of the shortest of its well.
	Period time.Duration `yaml:"period" default:"1s" min:"100ms" max:"1h"`
	// How often the signals that explain a trip (currents, voltages, frequency, power, status) are read between the
	// polls: a whole part of the period. They are kept in memory and stored with the record of a trip only.
	Fast time.Duration `yaml:"fast" min:"100ms" max:"1s" otherwise:"not between the polls"`
	// How long one answer may take.
	Timeout time.Duration `yaml:"timeout" min:"20ms" max:"30s" otherwise:"the profile's"`

	Loaded *profile.Profile
}

// Options are what Load reads besides the file.
type Options struct {
	// Env is the environment as os.Environ gives it.
	Env []string
	// Profiles holds the profiles that the binary carries, as profiles/<id>.yaml.
	Profiles fs.FS
	// Port, when set, checks a device's url beyond its form. It names the port that
	// devices share and the settings that they must agree on.
	Port func(url string, link profile.Link) (port, settings string, err error)
	// Cost, when set, estimates what reading a device occupies its port for, so that what
	// asks more of a line than it can carry is told.
	Cost func(d *Device) (Cost, error)
}

// Load reads and checks the configuration in path. A wrong one gives a *yamldoc.Error
// that lists every mistake, joined with those of the profiles that it names.
func Load(path string, opts Options) (*Config, error) {
	s, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return s.load(path, opts)
}

// Complete checks a configuration that was made in code, sets its defaults and loads
// its profiles.
func Complete(cfg *Config, opts Options) (*Config, error) {
	doc := yamldoc.Parse("configuration", nil)
	c := checker{doc: doc, cfg: cfg, folder: ".", opts: opts}
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
		RestartsAllowed:  f.RestartsAllowed,
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
