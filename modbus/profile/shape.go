package profile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// The types of this file are values that profiles write in more than one shape.

// spanFile is a wire address or [first, last].
type spanFile struct{ bounds []whole }

// DecodeYAML reads either form.
func (s *spanFile) DecodeYAML(n yamldoc.Node) {
	if n.Shape() == "list" {
		n.Decode(&s.bounds)
		return
	}
	var one whole
	n.Decode(&one)
	s.bounds = []whole{one, one}
}

// markerList is one marker or a list of them.
type markerList struct {
	list []markerFile
	one  bool
}

// DecodeYAML reads either form.
func (m *markerList) DecodeYAML(n yamldoc.Node) {
	if n.Shape() == "list" {
		n.Decode(&m.list)
		return
	}
	m.one = true
	m.list = make([]markerFile, 1)
	n.Decode(&m.list[0])
}

// markerFile is a raw value, or one of {ge: N}, {gt: N}, {le: N}, {lt: N}.
type markerFile struct {
	text    string // of a raw value
	limits  limitsFile
	limited bool
	ok      bool
}

type limitsFile struct {
	GE *decimal `yaml:"ge"`
	GT *decimal `yaml:"gt"`
	LE *decimal `yaml:"le"`
	LT *decimal `yaml:"lt"`
}

// DecodeYAML reads either form.
func (m *markerFile) DecodeYAML(n yamldoc.Node) {
	m.ok = true
	switch n.Shape() {
	case "map":
		m.limited = true
		n.Decode(&m.limits)
	case "number":
		n.Decode(&m.text)
	default:
		m.ok = false
		n.Complain("write a raw value, or one of {ge: N}, {gt: N}, {le: N}, {lt: N}")
	}
}

// enumFile maps raw values to names, or is the name of such a map under enums.
type enumFile struct {
	names map[string]string
	use   string
}

// DecodeYAML reads either form.
func (e *enumFile) DecodeYAML(n yamldoc.Node) {
	if n.Shape() == "text" {
		n.Decode(&e.use)
		return
	}
	n.Decode(&e.names)
}

// whole is a whole number, decimal or 0x…; ok is false where it was wrong and has
// been complained about.
type whole struct {
	value int64
	ok    bool
}

// UnmarshalText reads a number. Manuals print addresses like 0100, which YAML and Go
// would take for 64: that is refused.
func (w *whole) UnmarshalText(text []byte) error {
	t := string(text)
	digits := strings.TrimLeft(t, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return fmt.Errorf("%s would be read as octal; remove the leading zero", t)
	}
	n, err := strconv.ParseInt(t, 0, 64)
	if err != nil {
		return fmt.Errorf("must be a whole number such as 100 or 0x64, not %q", t)
	}
	w.value, w.ok = n, true
	return nil
}

// decimal is a finite number.
type decimal struct {
	value float64
	ok    bool
}

var errNoNumber = errors.New("must be a finite number")

// UnmarshalText reads a number, also a hexadecimal whole one.
func (d *decimal) UnmarshalText(text []byte) error {
	if n, err := strconv.ParseInt(string(text), 0, 64); err == nil && strings.Contains(string(text), "x") {
		d.value, d.ok = float64(n), true
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return errNoNumber
	}
	d.value, d.ok = f, true
	return nil
}
