package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// Error holds every mistake found in a profile, in the order of the file, each with
// file, line, column and what to do about it.
type Error = yamldoc.Error

// Problem is one mistake.
type Problem = yamldoc.Problem

// warningName is the column that the warning bit of a status section makes.
const warningName = "warning"

// reader turns a profile as written into a profile.
type reader struct {
	doc       *yamldoc.Doc
	file      profileFile
	profile   *Profile
	defaults  defaults
	groups    map[string]time.Duration
	enums     map[string]map[int64]string
	choices   map[string]string // of variants
	order     *selector         // of the words, where a register says so
	orderOpen bool              // the word order is a variant that nobody has chosen
}

// defaults are the values of the section of that name.
type defaults struct {
	fc       uint8
	base     *whole
	lowFirst bool
	swapped  bool
	typ      Type
}

// Parse reads a profile. name is how the file is called in messages. The error is an
// *Error that lists all mistakes.
func Parse(name string, content []byte) (*Profile, error) {
	p, err := parse(name, content, nil)
	if err != nil {
		return nil, err
	}
	if err := p.tryVariants(); err != nil {
		return nil, err
	}
	return p, nil
}

// parse reads a profile for a choice of its variants.
func parse(name string, content []byte, choices map[string]string) (*Profile, error) {
	r := &reader{
		doc:     yamldoc.Parse(name, content),
		profile: &Profile{hash: hashOf(content, choices), byName: map[string]int{}, name: name, content: content},
		groups:  map[string]time.Duration{},
		enums:   map[string]map[int64]string{},
		choices: choices,
	}
	if err := r.doc.Err(); err != nil {
		return nil, err
	}
	r.doc.Decode(&r.file)
	if f := &r.file; f.Schema == "" && f.ID == "" && f.Points == nil {
		if r.doc.Err() != nil {
			return nil, r.doc.Err()
		}
		r.complain("", "this is no profile; start with \"schema: %s\" and give id, kind and points", Schema)
		return nil, r.doc.Err()
	}
	r.read()
	if err := r.doc.Err(); err != nil {
		return nil, err
	}
	r.profile.index()
	r.runVectors()
	if err := r.doc.Err(); err != nil {
		return nil, err
	}
	return r.profile, nil
}

func (r *reader) complain(path, format string, args ...any) { r.doc.Complain(path, format, args...) }

func (r *reader) read() {
	r.readHead()
	r.readDefaults()
	r.readEnums()
	r.readLink()
	r.readGroups()
	r.readNeverRead()
	r.readFormula()
	r.readVariants()
	r.readPoints()
	r.readFaults()
	r.readStatuses()
	r.readDetect()
	r.readSettings()
	if w := r.file.Writes; w != nil && *w != "forbidden" {
		r.complain("writes", "must be \"forbidden\": this program never writes to a device")
	}
	r.check()
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func (r *reader) readHead() {
	f, p := &r.file, r.profile
	if f.Schema != Schema {
		r.complain("schema", "must be %q", Schema)
	}
	if !idPattern.MatchString(f.ID) {
		r.complain("id", "must be given: small letters, digits, '.', '_' or '-', at most 64, for example oms-gdm-issue8")
	}
	p.ID, p.Vendor, p.Model = f.ID, f.Vendor, f.Model
	p.Kind = r.choice("kind", f.Kind, "", "drive", "controller", "softstarter", "gauge", "protector")
	if f.Kind == "" {
		r.complain("kind", "must be given: drive, controller, softstarter, gauge or protector")
	}
	p.Verified = r.choice("verified", f.Verified, "draft", "draft", "document", "bench", "field")
	p.Firmware = Firmware(f.Firmware)
	for _, s := range f.Sources {
		p.Sources = append(p.Sources, Source(s))
	}
	p.Checks = f.Checks
}

// choice is one of the allowed words, or otherwise where none is given.
func (r *reader) choice(path, word, otherwise string, allowed ...string) string {
	if word == "" {
		return otherwise
	}
	if !slices.Contains(allowed, word) {
		r.complain(path, "must be one of %s, not %q", strings.Join(allowed, ", "), word)
		return otherwise
	}
	return word
}

// number is a whole number within lo and hi, or otherwise where it is absent or wrong.
func (r *reader) number(path string, w *whole, otherwise, lo, hi int64) int64 {
	if w == nil || !w.ok {
		return otherwise
	}
	if w.value < lo || w.value > hi {
		r.complain(path, "must be from %d to %d, not %d", lo, hi, w.value)
		return otherwise
	}
	return w.value
}

// Requests are counted by span. 100 registers leave room in the 125 of the standard
// for devices that count their own header; a hole of 8 costs less than a request.
const (
	defaultMaxRegs = 100
	defaultMaxHole = 8
	largestRequest = 125
	highestBase    = 500000
)

func (r *reader) readDefaults() {
	f := &r.file.Defaults
	r.defaults = defaults{
		fc:       r.functionCode("defaults.fc", f.FC, 3),
		base:     f.Base,
		lowFirst: r.choice("defaults.word_order", f.WordOrder, "hilo", "hilo", "lohi") == "lohi",
		swapped:  r.choice("defaults.byte_order", f.ByteOrder, "big", "big", "little") == "little",
		typ:      r.valueType("defaults.type", f.Type, U16),
	}
	r.number("defaults.base", f.Base, 0, 0, highestBase)
	link := &r.profile.Link
	link.MaxRegs = int(r.number("defaults.max_regs", f.MaxRegs, defaultMaxRegs, 1, largestRequest))
	link.MaxHole = int(r.number("defaults.max_hole", f.MaxHole, defaultMaxHole, 0, largestRequest))
}

func (r *reader) functionCode(path string, w *whole, otherwise uint8) uint8 {
	if w == nil || !w.ok {
		return otherwise
	}
	if w.value < 1 || w.value > 4 {
		r.complain(path, "must be 1 (coils), 2 (discrete inputs), 3 (holding registers) or 4 (input registers), not %d; other functions write or are not used", w.value)
		return otherwise
	}
	return uint8(w.value)
}

func (r *reader) valueType(path, name string, otherwise Type) Type {
	switch name {
	case "":
		return otherwise
	}
	t, ok := parseType(name)
	if !ok {
		r.complain(path, "must be one of %s, not %q", strings.Join(typeNames[:], ", "), name)
		return otherwise
	}
	return t
}

func (r *reader) readLink() {
	f, l := &r.file.Link, &r.profile.Link
	milliseconds := func(path string, w *whole, lo, hi int64) time.Duration {
		return time.Duration(r.number(path, w, 0, lo, hi)) * time.Millisecond
	}
	l.Unit = uint8(r.number("link.unit", f.Unit, 0, 0, 255))
	l.Timeout = milliseconds("link.timeout_ms", f.TimeoutMs, 10, 60000)
	l.Between = milliseconds("link.between_ms", f.BetweenMs, 0, 10000)
	l.BusyRetries = int(r.number("link.busy_retries", f.BusyRetries, 0, 0, 10))
	if f.CloseOnError != nil && !*f.CloseOnError {
		r.complain("link.close_on_error", "cannot be false: after an error the answers of a link are not trusted; remove the key")
	}
	l.Port = int(r.number("link.tcp.port", f.TCP.Port, 0, 1, 65535))
	r.number("link.tcp.max_connections", f.TCP.MaxConnections, 1, 1, 64)
	l.PauseAfterConnect = milliseconds("link.tcp.pause_after_connect_ms", f.TCP.PauseAfterConnectMs, 0, 30000)
	l.Baud = int(r.number("link.rtu.baud", f.RTU.Baud, 0, 50, 4000000))
	if parity := r.choice("link.rtu.parity", f.RTU.Parity, "", "none", "even", "odd", "N", "E", "O"); parity != "" {
		l.Parity = strings.ToUpper(parity[:1])
	}
	l.StopBits = int(r.number("link.rtu.stop", f.RTU.Stop, 0, 1, 2))
	l.Guard = time.Duration(r.number("link.rtu.guard_us", f.RTU.GuardUs, 0, 0, 1000000)) * time.Microsecond
}

func (r *reader) readGroups() {
	for name, period := range r.file.Groups {
		path := "groups." + name
		if period == "connect" {
			r.groups[name] = Once
			continue
		}
		d, err := time.ParseDuration(period)
		if err != nil || d < 100*time.Millisecond || d > 24*time.Hour {
			r.complain(path, "must be a period from 100ms to 24h, for example 30s, or connect (read once), not %q", period)
			continue
		}
		r.groups[name] = d
	}
}

func (r *reader) readNeverRead() {
	for i, s := range r.file.NeverRead {
		path := fmt.Sprintf("never_read[%d]", i)
		if len(s.bounds) != 2 {
			r.complain(path, "write a wire address, or [first, last]")
			continue
		}
		first, last := s.bounds[0], s.bounds[1]
		switch {
		case !first.ok || !last.ok:
		case first.value < 0 || last.value > 65535 || first.value > last.value:
			r.complain(path, "must be wire addresses from 0 to 65535, the first not above the last")
		default:
			r.profile.NeverRead = append(r.profile.NeverRead, Span{uint16(first.value), uint16(last.value)})
		}
	}
}
