package profile

import (
	"wellkeeper.internal/appliance/config/yamldoc"
)

// The structs of this file are the schema esp-profile/1 as it is written.

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

	Formula  *formulaFile           `yaml:"formula"`
	Detect   []detectFile           `yaml:"detect"`
	Variants map[string]variantFile `yaml:"variants"`
	Enums    map[string]enumFile    `yaml:"enums"`

	Points   []pointFile  `yaml:"points"`
	Settings []pointFile  `yaml:"settings"`
	Status   statusList   `yaml:"status"`
	Faults   faultsFile   `yaml:"faults"`
	Writes   *string      `yaml:"writes"`
	Vectors  []vectorFile `yaml:"vectors"`
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
	Constant   *whole         `yaml:"constant"`
	Confidence string         `yaml:"confidence"`
	Counter    *counterFile   `yaml:"counter"`

	ScaleFrom *selectorFile `yaml:"scale_from"`

	When map[string]string `yaml:"when"`
	Text string            `yaml:"text"`
	Regs *whole            `yaml:"regs"`
}

// selectorFile is a register whose value says how another one is read.
type selectorFile struct {
	placeFile
	fieldFile

	Map map[string]decimal `yaml:"map"`
}

// detectFile is a register that says which device this is.
type detectFile struct {
	placeFile
	fieldFile

	Kind string    `yaml:"kind"`
	Enum *enumFile `yaml:"enum"`
	Regs *whole    `yaml:"regs"`
}

// variantFile is a difference between devices of one model.
type variantFile struct {
	From    *fromFile         `yaml:"from"`
	Map     map[string]string `yaml:"map"`
	Choose  []string          `yaml:"choose"`
	Default string            `yaml:"default"`
	Text    string            `yaml:"text"`
}

type fromFile struct {
	placeFile
	fieldFile
}

type saturatesFile struct {
	Min *decimal `yaml:"min"`
	Max *decimal `yaml:"max"`
}

type counterFile struct {
	Wrap *whole `yaml:"wrap"`
}

// statusList is one section, or a list of them for the variants of a device.
type statusList struct {
	list []statusFile
	one  bool
}

// DecodeYAML reads either form.
func (s *statusList) DecodeYAML(n yamldoc.Node) {
	if n.Shape() == "list" {
		n.Decode(&s.list)
		return
	}
	s.one = true
	s.list = make([]statusFile, 1)
	n.Decode(&s.list[0])
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

	When map[string]string `yaml:"when"`
}

type conditionFile struct {
	Mask   *whole `yaml:"mask"`
	Is     *whole `yaml:"is"`
	Bit    *whole `yaml:"bit"`
	Active *whole `yaml:"active"`
}

type faultsFile struct {
	Code    *codeFile            `yaml:"code"`
	History *historyFile         `yaml:"history"`
	Table   map[string]faultFile `yaml:"table"`
	Unknown string               `yaml:"unknown"`
}

type codeFile struct {
	placeFile
	fieldFile

	Invalid markerList `yaml:"invalid"`
}

// historyFile is where the device keeps its last fault codes, the latest first.
type historyFile struct {
	placeFile
	fieldFile

	Count *whole `yaml:"count"`
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
	When  map[string]string   `yaml:"when"`
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
