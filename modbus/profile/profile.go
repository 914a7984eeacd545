// Package profile reads device profiles (schema esp-profile/1): YAML files that say
// which registers a device has and what they mean. A profile decodes register words
// to readings of canonical signals and, for the simulator, encodes values back to
// words.
//
// It does no I/O, holds no state between calls and knows no transport: whoever has
// register words asks it what they mean. A parsed profile is immutable and safe for
// use by several goroutines. Packages modbus, modbus/sim, appliance/config, appliance
// and appliance/command may import it.
package profile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Schema is the version of the profile format that this package reads.
const Schema = "esp-profile/1"

// Profile is a parsed device profile.
type Profile struct {
	ID     string
	Vendor string
	Model  string
	Kind   string // drive, controller, softstarter, gauge or protector
	// Verified says how far the profile was compared with reality: draft, document,
	// bench or field.
	Verified string
	Firmware Firmware
	Sources  []Source
	// Checks names the points to compare with the device's own panel at commissioning.
	Checks []string
	Link   Link
	// Points are the columns, in the order of Columns: the points of the file, then
	// what the sections faults and status add.
	Points []Point
	// NeverRead are wire addresses that no request may touch, of any function code.
	NeverRead []Span
	Faults    Faults
	// Settings are the device's own settings: limits, ramps, restarts. They are no
	// columns and are read only when somebody asks.
	Settings []Point
	// Identity says which device this is; the points are named by kind (serial, model,
	// firmware …) and are read once, when the device begins to answer.
	Identity []Point
	// Variants are the differences between devices of this model.
	Variants []Variant

	name     string // of the file
	content  []byte
	hash     string
	byName   map[string]int
	image    []register          // every register of every point, sorted
	chosen   map[register]uint16 // what Encode writes into selecting registers
	inImage  [][]int             // per point: positions of its words in image
	statuses *statusWord         // nil where the profile has no status section
}

// Firmware says for which device firmware the profile holds.
type Firmware struct{ Min, Max, Note string }

// Source is a document that the profile was written from.
type Source struct{ Doc, Issue, Date, Ref, Pages, Seen string }

// Link holds the device's own communication defaults; the site configuration may
// override them. A zero field was not given.
type Link struct {
	Unit              uint8
	Timeout           time.Duration
	Between           time.Duration // pause between two requests
	PauseAfterConnect time.Duration
	Guard             time.Duration // silence before a request on a serial line
	BusyRetries       int           // how often exceptions 5 and 6 are asked again
	MaxRegs           int           // most registers in one request, counted by span; never 0
	MaxHole           int           // most unused registers that a request reads across
	Port              int           // TCP
	Baud              int
	Parity            string // N, E or O
	StopBits          int
}

// Span is a closed interval of wire addresses.
type Span struct{ First, Last uint16 }

// Faults is the device's table of fault codes.
type Faults struct {
	Table map[int64]Fault
	// Unknown is the text for a code that the table lacks; {code} stands for it.
	Unknown string
	// History is where the device keeps its last codes, the latest first.
	History []Point
}

// Fault is what the manual says of one code.
type Fault struct{ Text, Canonical, Severity, Source string }

// Text is the manual's text for a code; for an unknown one it names the code itself.
// Code 0 means no fault and gives the empty string unless the table has it.
func (f *Faults) Text(code int64) string {
	if e, ok := f.Table[code]; ok {
		return e.Text
	}
	if code == 0 {
		return ""
	}
	number := strconv.FormatInt(code, 10)
	if f.Unknown == "" {
		return "Code " + number
	}
	return strings.ReplaceAll(f.Unknown, "{code}", number)
}

// AtConnect are the points outside the columns that are read once, when the device
// begins to answer: its identity and its last faults.
func (p *Profile) AtConnect() []Point { return slices.Concat(p.Identity, p.Faults.History) }

// Hash identifies the file's content and the chosen variants: sixteen hexadecimal digits. It is stored with
// the data, so that a corrected profile can be applied to what an older one decoded.
func (p *Profile) Hash() string { return p.hash }

// Columns describes the readings that Decode gives, in its order. The unit is that
// of the canonical signal; a vendor-only signal keeps its own.
func (p *Profile) Columns(device esp.DeviceID) []esp.Column {
	columns := make([]esp.Column, len(p.Points))
	for i := range p.Points {
		point := &p.Points[i]
		columns[i] = esp.Column{
			Name: point.Name, Signal: point.Signal, Device: device,
			Unit: point.Stored, Scale: point.Scale, Float: point.Type.float(),
		}
	}
	return columns
}

// Point finds a point by its name.
func (p *Profile) Point(name string) (*Point, bool) {
	i, ok := p.byName[name]
	if !ok {
		return nil, false
	}
	return &p.Points[i], true
}

func hashOf(content []byte, choices map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(choices)) {
		content = fmt.Appendf(slices.Clip(content), "\n%s: %s", name, choices[name])
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}
