package profile

import (
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// warningName is the column that the warning bit of a status section makes.
const warningName = "warning"

// file is a profile while it is read.
type file struct {
	problems

	profile    *Profile
	defaults   defaults
	groups     map[string]time.Duration
	vectors    []vector
	checkPlace []position
}

// defaults are the values of the section of that name.
type defaults struct {
	fc         int64
	base       int64
	hasBase    bool
	lowFirst   bool
	swapped    bool
	typ        Type
	maxRegs    int64
	maxHole    int64
	maxHoleSet bool
}

// Parse reads a profile. name is how the file is called in messages. The error is an
// *Error that lists all mistakes, each with file, line and column.
func Parse(name string, content []byte) (*Profile, error) {
	f := &file{
		problems: problems{file: name},
		profile:  &Profile{hash: hashOf(content), byName: map[string]int{}},
		groups:   map[string]time.Duration{},
	}
	root, ok := f.parseYAML(content)
	if !ok {
		return nil, f.err()
	}
	f.readRoot(f.section(root, "profile"))
	f.check()
	if err := f.err(); err != nil {
		return nil, err
	}
	f.profile.index()
	f.runVectors()
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.profile, nil
}

// parseYAML gives the one document of the file.
func (f *file) parseYAML(content []byte) (ast.Node, bool) {
	tree, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := position{1, 1}
		message := err.Error()
		if y, ok := errors.AsType[yaml.Error](err); ok {
			at = tokenPosition(y.GetToken())
			message = y.GetMessage()
		}
		f.add(at, "not readable as YAML: %s", message)
		return nil, false
	}
	var bodies []ast.Node
	for _, d := range tree.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		f.add(position{1, 1}, "the profile is empty; start with \"schema: %s\"", Schema)
		return nil, false
	case 1:
		return bodies[0], true
	}
	f.add(positionOf(bodies[1]), "a profile is one YAML document; move this one to a file of its own")
	return nil, false
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func (f *file) readRoot(s *section) {
	f.readHead(s)
	f.readDefaults(s)
	f.readLink(s)
	f.readGroups(s)
	f.readNeverRead(s)
	s.later("; give each point its own ref", "formula")
	s.later("; write one profile per variant", "detect", "variants")
	f.readPoints(s)
	f.readFaults(s)
	f.readStatus(s)
	f.readVectors(s)
	if n, ok := s.get("writes"); ok {
		if t, _ := scalarText(n); t != "forbidden" {
			f.add(positionOf(n), "profile: writes must be \"forbidden\": this program never writes to a device")
		}
	}
	s.done()
}

func (f *file) readHead(s *section) {
	p := f.profile
	if v := s.text("schema"); v != Schema {
		f.add(s.place("schema"), "profile: schema must be %q", Schema)
	}
	if p.ID = s.text("id"); !idPattern.MatchString(p.ID) {
		f.add(s.place("id"), "profile: id must be given: small letters, digits, '.', '_' or '-', at most 64, for example oms-gdm-issue8")
	}
	p.Vendor, p.Model = s.text("vendor"), s.text("model")
	if s.has("kind") {
		p.Kind = s.choice("kind", "drive", "controller", "softstarter", "gauge", "protector")
	} else {
		s.get("kind")
		f.add(s.at, "profile: kind must be given: drive, controller, softstarter, gauge or protector")
	}
	p.Verified = s.choice("verified", "draft", "document", "bench", "field")
	if n, ok := s.get("firmware"); ok {
		fw := f.section(n, "firmware")
		p.Firmware = Firmware{Min: fw.text("min"), Max: fw.text("max"), Note: fw.text("note")}
		fw.done()
	}
	for _, n := range s.list("sources") {
		src := f.section(n, "sources")
		p.Sources = append(p.Sources, Source{
			Doc: src.text("doc"), Issue: src.text("issue"), Date: src.text("date"),
			Ref: src.text("ref"), Pages: src.text("pages"), Seen: src.text("seen"),
		})
		src.done()
	}
	for _, n := range s.list("checks") {
		t, ok := scalarText(n)
		if !ok {
			f.add(positionOf(n), "checks: must list names of points, not %s", describe(n))
			continue
		}
		p.Checks = append(p.Checks, t)
		f.checkPlace = append(f.checkPlace, positionOf(n))
	}
}

// Requests are counted by span. 100 registers leave room in the 125 of the standard
// for devices that count their own header; a hole of 8 costs less than a request.
const (
	defaultMaxRegs = 100
	defaultMaxHole = 8
	largestRequest = 125
)

func (f *file) readDefaults(s *section) {
	d := &f.defaults
	*d = defaults{fc: 3, maxRegs: defaultMaxRegs, maxHole: defaultMaxHole}
	defer func() {
		f.profile.Link.MaxRegs = int(d.maxRegs)
		f.profile.Link.MaxHole = int(min(d.maxHole, d.maxRegs-1))
	}()
	n, ok := s.get("defaults")
	if !ok {
		return
	}
	m := f.section(n, "defaults")
	if fc, ok := m.functionCode(); ok {
		d.fc = fc
	}
	d.base, d.hasBase = m.integer("base", 0, 500000)
	d.lowFirst = m.choice("word_order", "hilo", "lohi") == "lohi"
	d.swapped = m.choice("byte_order", "big", "little") == "little"
	d.typ = m.valueType(U16)
	if v, ok := m.integer("max_regs", 1, largestRequest); ok {
		d.maxRegs = v
	}
	if v, ok := m.integer("max_hole", 0, largestRequest); ok {
		d.maxHole = v
	}
	m.done()
}

func (s *section) functionCode() (int64, bool) {
	n, ok := s.get("fc")
	if !ok {
		return 0, false
	}
	if i, isInt := n.(*ast.IntegerNode); isInt {
		if v, ok := i.Value.(uint64); ok && v >= 1 && v <= 4 {
			return int64(v), true
		}
	}
	s.add(positionOf(n), "%s: fc must be 1 (coils), 2 (discrete inputs), 3 (holding registers) or 4 (input registers), not %s; other functions write or are not used", s.what, describe(n))
	return 0, false
}

func (s *section) valueType(otherwise Type) Type {
	n, ok := s.get("type")
	if !ok {
		return otherwise
	}
	t, _ := scalarText(n)
	if t == "str" || t == "bits" {
		s.add(positionOf(n), notSupported, s.what, t, "; use u16 with mask and shift for bits")
		return otherwise
	}
	typ, ok := parseType(t)
	if !ok {
		s.add(positionOf(n), "%s: type must be one of u8l, u8h, u16, s16, u32, s32, f32, u64, s64, f64, bcd16, bcd32, not %s", s.what, describe(n))
		return otherwise
	}
	return typ
}

func (f *file) readGroups(s *section) {
	n, ok := s.get("groups")
	if !ok {
		return
	}
	m := f.section(n, "groups")
	for _, name := range slices.Clone(m.order) {
		v, ok := m.get(name)
		if !ok {
			continue
		}
		t, _ := scalarText(v)
		if t == "connect" {
			f.add(positionOf(v), "groups: %s: \"connect\" (read once) is not supported in this release; give a period such as 1h", name)
			continue
		}
		d, err := time.ParseDuration(t)
		if err != nil || d < 100*time.Millisecond || d > 24*time.Hour {
			f.add(positionOf(v), "groups: %s must be a period from 100ms to 24h, for example 30s, not %s", name, describe(v))
			continue
		}
		f.groups[name] = d
	}
}

func (f *file) readNeverRead(s *section) {
	for _, n := range s.list("never_read") {
		bounds := []ast.Node{n, n}
		if l, ok := n.(*ast.SequenceNode); ok {
			bounds = l.Values
		}
		if len(bounds) != 2 {
			f.add(positionOf(n), "never_read: write a wire address, or [first, last]")
			continue
		}
		first, ok1 := s.asInteger(bounds[0], "never_read", 0, 65535)
		last, ok2 := s.asInteger(bounds[1], "never_read", 0, 65535)
		if !ok1 || !ok2 {
			continue
		}
		if first > last {
			f.add(positionOf(n), "never_read: first %d is above last %d; swap them", first, last)
			continue
		}
		f.profile.NeverRead = append(f.profile.NeverRead, Span{uint16(first), uint16(last)})
	}
}

func (f *file) readLink(s *section) {
	n, ok := s.get("link")
	if !ok {
		return
	}
	l := &f.profile.Link
	m := f.section(n, "link")
	if v, ok := m.integer("unit", 0, 255); ok {
		l.Unit = uint8(v)
	}
	l.Timeout = m.duration("timeout_ms", time.Millisecond, 10, 60000)
	l.Between = m.duration("between_ms", time.Millisecond, 0, 10000)
	if v, ok := m.integer("busy_retries", 0, 10); ok {
		l.BusyRetries = int(v)
	}
	if !m.boolean("close_on_error", true) {
		f.add(m.place("close_on_error"), "link: close_on_error cannot be false: after an error the answers of a link are not trusted; remove the key")
	}
	if n, ok := m.get("tcp"); ok {
		t := f.section(n, "link.tcp")
		if v, ok := t.integer("port", 1, 65535); ok {
			l.Port = int(v)
		}
		t.integer("max_connections", 1, 64) // one connection is all that is ever opened
		l.PauseAfterConnect = t.duration("pause_after_connect_ms", time.Millisecond, 0, 30000)
		t.done()
	}
	if n, ok := m.get("rtu"); ok {
		r := f.section(n, "link.rtu")
		if v, ok := r.integer("baud", 50, 4000000); ok {
			l.Baud = int(v)
		}
		if r.has("parity") {
			l.Parity = map[string]string{"none": "N", "N": "N", "even": "E", "E": "E", "odd": "O", "O": "O"}[r.choice("parity", "none", "even", "odd", "N", "E", "O")]
		}
		if v, ok := r.integer("stop", 1, 2); ok {
			l.StopBits = int(v)
		}
		l.Guard = r.duration("guard_us", time.Microsecond, 0, 1000000)
		r.done()
	}
	m.done()
}

func (s *section) duration(key string, unit time.Duration, lo, hi int64) time.Duration {
	v, _ := s.integer(key, lo, hi)
	return time.Duration(v) * unit
}
