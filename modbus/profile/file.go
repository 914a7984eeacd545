package profile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// The structs of this file are the schema esp-profile/1 as it is written. What the
// schema names and this release cannot do is of type later.

type profileFile struct {
	Schema   string       `yaml:"schema"`
	ID       string       `yaml:"id"`
	Vendor   string       `yaml:"vendor"`
	Model    string       `yaml:"model"`
	Kind     string       `yaml:"kind"`
	Firmware firmwareFile `yaml:"firmware"`
	Sources  []sourceFile `yaml:"sources"`
	Verified string       `yaml:"verified"`
	Checks   []string     `yaml:"checks"`

	Link      linkFile          `yaml:"link"`
	Defaults  defaultsFile      `yaml:"defaults"`
	NeverRead []spanFile        `yaml:"never_read"`
	Groups    map[string]string `yaml:"groups"`

	Formula  *formulaFile `yaml:"formula"`
	Detect   later        `yaml:"detect"`
	Variants later        `yaml:"variants"`

	Points  []pointFile  `yaml:"points"`
	Status  *statusFile  `yaml:"status"`
	Faults  faultsFile   `yaml:"faults"`
	Writes  *string      `yaml:"writes"`
	Vectors []vectorFile `yaml:"vectors"`
}

type firmwareFile struct {
	Min  string `yaml:"min"`
	Max  string `yaml:"max"`
	Note string `yaml:"note"`
}

type sourceFile struct {
	Doc   string `yaml:"doc"`
	Issue string `yaml:"issue"`
	Date  string `yaml:"date"`
	Ref   string `yaml:"ref"`
	Pages string `yaml:"pages"`
	Seen  string `yaml:"seen"`
}

type linkFile struct {
	Unit         *whole      `yaml:"unit"`
	TimeoutMs    *whole      `yaml:"timeout_ms"`
	BetweenMs    *whole      `yaml:"between_ms"`
	BusyRetries  *whole      `yaml:"busy_retries"`
	CloseOnError *bool       `yaml:"close_on_error"`
	TCP          tcpLinkFile `yaml:"tcp"`
	RTU          rtuLinkFile `yaml:"rtu"`
}

type tcpLinkFile struct {
	Port                *whole `yaml:"port"`
	MaxConnections      *whole `yaml:"max_connections"` // one connection is all that is ever opened
	PauseAfterConnectMs *whole `yaml:"pause_after_connect_ms"`
}

type rtuLinkFile struct {
	Baud    *whole `yaml:"baud"`
	Parity  string `yaml:"parity"`
	Stop    *whole `yaml:"stop"`
	GuardUs *whole `yaml:"guard_us"`
}

type defaultsFile struct {
	FC        *whole `yaml:"fc"`
	Base      *whole `yaml:"base"`
	WordOrder string `yaml:"word_order"`
	ByteOrder string `yaml:"byte_order"`
	MaxRegs   *whole `yaml:"max_regs"`
	MaxHole   *whole `yaml:"max_hole"`
	Type      string `yaml:"type"`
}

// placeFile says where a value stands and how its words are joined.
type placeFile struct {
	Ref       *whole         `yaml:"ref"`
	Wire      *whole         `yaml:"wire"`
	Parameter *parameterFile `yaml:"p"`
	Base      *whole         `yaml:"base"`
	FC        *whole         `yaml:"fc"`
	Type      string         `yaml:"type"`
	WordOrder string         `yaml:"word_order"`
	ByteOrder string         `yaml:"byte_order"`
}

// fieldFile cuts bits out of a register.
type fieldFile struct {
	Mask  *whole `yaml:"mask"`
	Shift *whole `yaml:"shift"`
}

type pointFile struct {
	pointBody

	seen bool // it is a map at all
}

// DecodeYAML reads a point.
func (p *pointFile) DecodeYAML(n yamldoc.Node) {
	p.seen = n.Shape() == "map"
	n.Decode(&p.pointBody)
}

type pointBody struct {
	placeFile
	fieldFile

	Name       string         `yaml:"name"`
	Invalid    markerList     `yaml:"invalid"`
	Saturates  *saturatesFile `yaml:"saturates"`
	Enum       *enumFile      `yaml:"enum"`
	Scale      *decimal       `yaml:"scale"`
	Offset     *decimal       `yaml:"offset"`
	Unit       string         `yaml:"unit"`
	Plausible  []decimal      `yaml:"plausible"`
	Group      string         `yaml:"group"`
	Ordered    bool           `yaml:"ordered"`
	FreshBy    string         `yaml:"fresh_by"`
	Confidence string         `yaml:"confidence"`
	Counter    *counterFile   `yaml:"counter"`

	ScaleFrom *selectorFile `yaml:"scale_from"`

	Condition later `yaml:"condition"`
}

// selectorFile is a register whose value says how another one is read.
type selectorFile struct {
	placeFile
	fieldFile

	Map map[string]decimal `yaml:"map"`
}

type saturatesFile struct {
	Min *decimal `yaml:"min"`
	Max *decimal `yaml:"max"`
}

type counterFile struct {
	Wrap *whole `yaml:"wrap"`
}

type statusFile struct {
	placeFile

	Invalid markerList `yaml:"invalid"`

	Stopped     *conditionFile `yaml:"stopped"`
	Starting    *conditionFile `yaml:"starting"`
	Settling    *conditionFile `yaml:"settling"`
	Running     *conditionFile `yaml:"running"`
	Ramping     *conditionFile `yaml:"ramping"`
	Tripped     *conditionFile `yaml:"tripped"`
	Faulted     *conditionFile `yaml:"faulted"` // another word for tripped
	RestartWait *conditionFile `yaml:"restart_wait"`
	Backspin    *conditionFile `yaml:"backspin"`
	Warning     *conditionFile `yaml:"warning"`
}

type conditionFile struct {
	Mask   *whole `yaml:"mask"`
	Is     *whole `yaml:"is"`
	Bit    *whole `yaml:"bit"`
	Active *whole `yaml:"active"`
}

type faultsFile struct {
	Code    *codeFile            `yaml:"code"`
	History later                `yaml:"history"`
	Table   map[string]faultFile `yaml:"table"`
	Unknown string               `yaml:"unknown"`
}

type codeFile struct {
	placeFile
	fieldFile

	Invalid markerList `yaml:"invalid"`
}

// faultFile is the text of a code, or a map with more.
type faultFile struct {
	faultBody
}

type faultBody struct {
	Text      string `yaml:"text"`
	Canonical string `yaml:"canonical"`
	Severity  string `yaml:"severity"`
	Source    string `yaml:"source"`
}

// DecodeYAML reads either form.
func (f *faultFile) DecodeYAML(n yamldoc.Node) {
	if n.Shape() == "map" {
		n.Decode(&f.faultBody)
		return
	}
	n.Decode(&f.Text)
}

type vectorFile struct {
	Read  *whole              `yaml:"read"`
	FC    *whole              `yaml:"fc"`
	Base  *whole              `yaml:"base"`
	Raw   string              `yaml:"raw"`
	Gives map[string]giveFile `yaml:"gives"`
}

// giveFile is a number, or the name of a quality, a state or an enumeration's value.
type giveFile struct {
	text   string
	number bool
}

// DecodeYAML reads either form.
func (g *giveFile) DecodeYAML(n yamldoc.Node) {
	g.number = n.Shape() == "number"
	n.Decode(&g.text)
}

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

// enumFile maps raw values to names.
type enumFile struct{ names map[string]string }

// DecodeYAML reads the map.
func (e *enumFile) DecodeYAML(n yamldoc.Node) {
	if n.Shape() == "text" {
		n.Complain("named tables are not supported in this release; write the map here: {0: local, 1: remote}")
		return
	}
	n.Decode(&e.names)
}

// later is a key of the schema that this release does not know what to do with.
type later struct{ given bool }

// DecodeYAML notes that it is there.
func (l *later) DecodeYAML(yamldoc.Node) { l.given = true }

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
