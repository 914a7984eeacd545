package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/appliance/derive"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// checker finds impossible values, sets defaults and loads profiles.
type checker struct {
	doc    *yamldoc.Doc
	cfg    *Config
	folder string // of the configuration: relative files begin here
	opts   Options
	// others are the mistakes in the profiles that the configuration names; each is
	// listed once, under its own file name.
	others []error
	loaded map[string]*profile.Profile
	ports  map[string]port
	loads  map[string]*load // by port
}

// port is what the first device on it says of a port.
type port struct{ settings, device string }

func (c *checker) check() {
	c.loaded, c.ports, c.loads = map[string]*profile.Profile{}, map[string]port{}, map[string]*load{}
	c.defaults()
	c.ranges()
	if c.cfg.Data == "" {
		c.doc.Complain("data", "is missing: name the folder that holds the readings, for example data: /var/lib/wellkeeper")
	}
	c.site()
	c.web()
	c.central()
	c.cfg.Log.File = c.resolve(c.cfg.Log.File)
	if len(c.cfg.Wells) == 0 {
		c.doc.Complain("wells", "is missing: name at least one well")
	}
	seen := map[string]bool{}
	for i := range c.cfg.Wells {
		path := fmt.Sprintf("wells[%d]", i)
		w := &c.cfg.Wells[i]
		if seen[w.ID] && w.ID != "" {
			c.doc.Complain(path+".id", "%q stands twice; well ids must differ", w.ID)
		}
		seen[w.ID] = true
		c.well(path, w)
	}
	c.tap()
	c.lines()
}

func (c *checker) site() {
	s := &c.cfg.Site
	location, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		c.doc.Complain("site.time_zone", "%q is no known time zone; write an IANA name such as America/Bogota", s.TimeZone)
		location = time.UTC
	}
	s.Location = location
	from := &c.cfg.Clock
	from.Drive = location
	if from.DriveZone == "" {
		return
	}
	if from.Drive, err = time.LoadLocation(from.DriveZone); err != nil {
		c.doc.Complain("clock.drive_zone", "%q is no known time zone; write an IANA name such as America/Bogota", from.DriveZone)
		from.Drive = time.UTC
	}
}

func (c *checker) web() {
	w := &c.cfg.Web
	host, port, err := net.SplitHostPort(w.Listen)
	if p, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || p > 65535 {
		c.doc.Complain("web.listen", "%q is no address to listen on; write HOST:PORT, for example 0.0.0.0:8443", w.Listen)
	}
	loopback := isLoopback(host)
	if w.TLS.Mode == TLSOff && !loopback {
		c.doc.Complain("web.tls", "is off, but %s can be reached from outside; plain http is for loopback only: write auto, or {cert: FILE, key: FILE}", w.Listen)
	}
	if w.TLS.Mode == TLSFiles {
		w.TLS.Cert, w.TLS.Key = c.resolve(w.TLS.Cert), c.resolve(w.TLS.Key)
	}
	if w.AnonymousView == nil {
		w.AnonymousView = new(loopback)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *checker) central() {
	t := &c.cfg.Central
	if t.DSN != "" && t.DSNFile != "" {
		c.doc.Complain("central.dsn_file", "stands beside dsn; give one of them")
		return
	}
	if t.DSNFile == "" {
		return
	}
	file := c.resolve(t.DSNFile)
	text, err := os.ReadFile(file)
	if s := c.cfg.source; err != nil && s != nil && s.kept { // the page is worth more than the way to headquarters
		c.cfg.Warnings = append(c.cfg.Warnings, fmt.Sprintf("nothing is forwarded: central.dsn_file cannot be read: %v", err))
		return
	}
	if err != nil {
		c.doc.Complain("central.dsn_file", "cannot be read: %v", err)
		return
	}
	t.DSN = strings.TrimSpace(string(text))
	if t.DSN == "" {
		c.doc.Complain("central.dsn_file", "%s is empty; it must hold the connection string", file)
	}
}

var wellID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (c *checker) well(path string, w *Well) {
	if !wellID.MatchString(w.ID) {
		c.doc.Complain(path+".id", "%q is no well id; write 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit", w.ID)
	}
	if w.Name == "" {
		w.Name = w.ID
	}
	for i := range w.Limits {
		c.limit(fmt.Sprintf("%s.limits[%d]", path, i), &w.Limits[i])
	}
	if len(w.Devices) == 0 {
		c.doc.Complain(path+".devices", "is missing: name at least one device")
		return
	}
	seen := map[string]bool{}
	for i := range w.Devices {
		d := &w.Devices[i]
		at := fmt.Sprintf("%s.devices[%d]", path, i)
		if seen[d.Name] && d.Name != "" {
			c.doc.Complain(at+".name", "%q stands twice; device names must differ within a well", d.Name)
		}
		seen[d.Name] = true
		c.device(at, d)
		if d.Loaded != nil && d.Period > 0 {
			c.cost(at, w, d)
		}
	}
	c.periods(path, w)
	c.sources(path, w)
	c.layout(path, w)
}

func (c *checker) limit(path string, l *Limit) {
	id, ok := esp.Lookup(l.Signal)
	if !ok {
		c.doc.Complain(path+".signal", "%q is no signal that a limit can stand on; the names are in docs/signals.md", l.Signal)
		return
	}
	info := id.Info()
	if l.Low == nil && l.High == nil {
		c.doc.Complain(path, "has neither low nor high")
	}
	if l.OffDelay == 0 && !c.doc.Has(path+".off_delay") {
		l.OffDelay = l.Delay
	}
	fits := c.unit(path+".deadband", &l.Deadband, info.Unit)
	fits = c.unit(path+".low", l.Low, info.Unit) && fits
	fits = c.unit(path+".high", l.High, info.Unit) && fits
	if fits && l.Low != nil && l.High != nil && l.Low.in(info.Unit) >= l.High.in(info.Unit) {
		c.doc.Complain(path+".low", "is not below high")
	}
}

// unit reports whether q, where it is given, can be read in the signal's unit.
func (c *checker) unit(path string, q *Quantity, unit esp.Unit) bool {
	if q == nil {
		return true
	}
	if err := q.convertible(unit); err != nil {
		c.doc.Complain(path, "%v", err)
		return false
	}
	return true
}

func (c *checker) device(path string, d *Device) {
	if !wellID.MatchString(d.Name) {
		c.doc.Complain(path+".name", "%q is no device name; write letters, digits, dots, dashes or underscores", d.Name)
	}
	mistake := urlMistake(d.URL)
	if mistake != "" {
		c.doc.Complain(path+".url", "%s", mistake)
	}
	c.profile(path+".profile", d)
	c.variants(path+".variants", d)
	if d.Loaded != nil && d.Unit == nil {
		if d.Loaded.Link.Unit == 0 && !strings.HasPrefix(d.URL, "tcp:") {
			c.doc.Complain(path+".unit", "is missing, and the profile %s names none", d.Profile)
		}
		d.Unit = new(d.Loaded.Link.Unit)
	}
	if mistake == "" && d.Loaded != nil && c.opts.Port != nil {
		c.port(path+".url", d)
	}
}

// port checks what only the link itself knows of a url, and that all devices on one
// port agree on its settings.
func (c *checker) port(path string, d *Device) {
	name, settings, err := c.opts.Port(d.URL, d.Loaded.Link)
	if err != nil {
		c.doc.Complain(path, "%v", err)
		return
	}
	first, known := c.ports[name]
	if !known {
		c.ports[name] = port{settings, path}
		return
	}
	if first.settings != settings {
		c.doc.Complain(path, "is %s, but %s is %s: one port has one setting", settings, first.device, first.settings)
	}
}

// urlMistake says what is wrong with the form of a device's url; empty: nothing.
func urlMistake(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is missing; write tcp://HOST:PORT or rtu:///dev/serial/by-id/…?baud=19200&parity=E"
	case err != nil:
		return fmt.Sprintf("is no URL: %v", err)
	case u.Scheme == "tcp" || u.Scheme == "rtutcp":
		if u.Hostname() == "" {
			return fmt.Sprintf("%q names no host; write %s://HOST:PORT", text, u.Scheme)
		}
	case u.Scheme == "rtu":
		if u.Path == "" || u.Host != "" {
			return fmt.Sprintf("%q names no port; write rtu:///dev/serial/by-id/… with three slashes", text)
		}
	default:
		return fmt.Sprintf("%q begins with none of tcp://, rtu://, rtutcp://", text)
	}
	return ""
}

// variants makes the profile that of this device.
func (c *checker) variants(path string, d *Device) {
	if d.Loaded == nil {
		return
	}
	p, err := d.Loaded.With(d.Variants)
	if err != nil {
		c.doc.Complain(path, "%v", err)
		return
	}
	d.Loaded = p
	for _, v := range p.Undecided() {
		where := "the manual says where it is set"
		if v.Text != "" {
			where = v.Text
		}
		c.doc.Complain(path+"."+v.Name, "choose %s: %s (%s)", v.Name, strings.Join(v.Options, " or "), where)
	}
}

// profile loads what the device names: a file where the name looks like one, else a
// profile that the binary carries.
func (c *checker) profile(path string, d *Device) {
	if d.Profile == "" {
		c.doc.Complain(path, "is missing; write the id of a profile that the program carries, or a file such as ./mydrive.yaml (wellkeeper profile list names them)")
		return
	}
	if p, done := c.loaded[d.Profile]; done {
		d.Loaded = p
		return
	}
	p, err := c.read(d.Profile)
	c.loaded[d.Profile] = p
	d.Loaded = p
	if err == nil && p.Verified == "draft" {
		c.cfg.Warnings = append(c.cfg.Warnings, fmt.Sprintf("profile %s is a draft; compare what it reads with the panel of the device before you rely on it%s", d.Profile, comparison(p)))
	}
	if _, ok := errors.AsType[*profile.Error](err); ok {
		c.others = append(c.others, err)
	} else if err != nil {
		c.doc.Complain(path, "%v", err)
	}
}

// comparison names the values that a panel shows.
func comparison(p *profile.Profile) string {
	if len(p.Checks) == 0 {
		return ""
	}
	return ": " + strings.Join(p.Checks, ", ")
}

func (c *checker) read(name string) (*profile.Profile, error) {
	if s := c.cfg.source; s != nil && isFile(name) {
		data, err := s.profile(name)
		if err != nil {
			return nil, fmt.Errorf("the profile cannot be read: %w", err)
		}
		return profile.Parse(c.resolve(name), data)
	}
	return LoadProfile(name, c.folder, c.opts.Profiles)
}

// isFile reports whether the name of a profile is that of a file.
func isFile(name string) bool {
	return strings.ContainsRune(name, filepath.Separator) || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// LoadProfile reads a profile: a file (absolute, or relative to folder) where the name
// has a slash or ends in .yaml, else the carried profile of that id.
func LoadProfile(name, folder string, carried fs.FS) (*profile.Profile, error) {
	if !isFile(name) {
		data, err := fs.ReadFile(carried, "profiles/"+name+".yaml")
		if err != nil {
			return nil, fmt.Errorf("%q is no profile that the program carries%s; wellkeeper profile list names them all, and a file has a name like ./mydrive.yaml", name, akin(name, Carried(carried)))
		}
		return profile.Parse(name+".yaml", data)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the profile cannot be read: %w", err)
	}
	return profile.Parse(name, data)
}

// akin names the ids that share a word with name.
func akin(name string, ids []string) string {
	words := slices.DeleteFunc(strings.Split(strings.ToLower(name), "-"), func(w string) bool { return len(w) < 3 })
	near := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(id, w) })
	})
	if len(near) == 0 {
		return ""
	}
	return " (near it: " + strings.Join(near, ", ") + ")"
}

// IsProfile tells a device profile from a configuration: a profile has a schema.
func IsProfile(text []byte) bool {
	doc := yamldoc.Parse("", text)
	doc.Decode(new(struct{}))
	return doc.Has("schema")
}

// IsForeign tells a YAML file of another program, such as alert rules beside the
// configuration: none of its settings is one of ours. What cannot be read is not told.
func IsForeign(text []byte) bool {
	doc := yamldoc.Parse("", text)
	if doc.Err() != nil || IsProfile(text) {
		return false
	}
	doc.Decode(new(struct{}))
	for f := range reflect.TypeFor[Config]().Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" && key != "-" && doc.Has(key) {
			return false
		}
	}
	return true
}

// Carried lists the ids of the profiles in carried.
func Carried(carried fs.FS) []string {
	files, err := fs.Glob(carried, "profiles/*.yaml")
	if err != nil {
		return nil
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".yaml")
	}
	slices.Sort(files)
	return files
}

// periods must be multiples of the shortest: a well is polled in ticks of that.
func (c *checker) periods(path string, w *Well) {
	shortest := slices.MinFunc(w.Devices, func(a, b Device) int { return int(a.Period - b.Period) }).Period
	for i, d := range w.Devices {
		if shortest > 0 && d.Period%shortest != 0 {
			c.doc.Complain(fmt.Sprintf("%s.devices[%d].period", path, i), "%s is no multiple of %s, the shortest period of the well", d.Period, shortest)
		}
		if d.Fast > 0 && (d.Fast >= shortest || shortest%d.Fast != 0) {
			c.doc.Complain(fmt.Sprintf("%s.devices[%d].fast", path, i), "%s is no whole part of %s, the shortest period of the well", d.Fast, shortest)
		}
	}
}

// layout finds a limit on a signal that no device of the well gives.
func (c *checker) layout(path string, w *Well) {
	given := map[string]bool{}
	for _, d := range w.Devices {
		if d.Loaded == nil {
			return
		}
		for _, col := range d.Loaded.Columns(esp.DeviceID(d.Name)) {
			given[col.Name] = true
		}
	}
	derived, lacking := derive.Given(w.Facts.esp(), func(id esp.SignalID) bool { return given[id.String()] })
	for _, id := range derived {
		given[id.String()] = true
	}
	for i, l := range w.Limits {
		id, known := esp.Lookup(l.Signal)
		at := fmt.Sprintf("%s.limits[%d].signal", path, i)
		if fact := lacking[id]; fact != "" {
			c.doc.Complain(at, "%s is computed, and needs facts.%s, which is not entered", l.Signal, fact)
		} else if known && !given[l.Signal] {
			c.doc.Complain(at, "no device of the well gives %s, so nothing would watch this limit", l.Signal)
		}
	}
}

func (c *checker) resolve(file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(c.folder, file)
}
