package command

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wellkeeper.internal/modbus/profile"
)

// registerList is a register list of a manual or of another program.
type registerList struct {
	rows  []registerRow
	notes []string // each begins with its line
	bad   int
	base  int64
	fc    int // of rows that do not say

	columns map[string]int
	names   map[string]bool
}

// registerRow is a row that was understood.
type registerRow struct {
	line          int
	title         string // as it stands in the list
	name          string
	printed       string // the address, as a profile writes it
	wire          int64
	fc            int
	typ           string
	scale, offset string
	unit          string
}

// headings are the words that people write over the columns.
var headings = map[string][]string{
	"address": {"address", "addr", "register", "reg", "ref", "modbus address", "modbus register", "register address", "register number", "reg no", "register no", "modbus addr", "holding register", "wire"},
	"name":    {"name", "signal", "parameter", "tag", "label", "variable", "parameter name", "register name", "signal name", "tag name", "description", "meaning"},
	"type":    {"type", "data type", "datatype", "format", "data format", "register type"},
	"scale":   {"scale", "factor", "scale factor", "resolution", "gain", "scaling"},
	"divisor": {"divisor", "divide by", "divider"},
	"offset":  {"offset"},
	"unit":    {"unit", "units", "uom", "eng unit", "eng units", "engineering unit", "engineering units"},
	"fc":      {"fc", "function", "function code", "modbus function"},
}

func readRegisterList(text string, base int64, fc int) (*registerList, error) {
	text = strings.TrimPrefix(text, "\uFEFF")
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace, r.LazyQuotes = separator(text), -1, true, true
	l := &registerList{base: base, fc: fc, names: map[string]bool{}}
	head, err := r.Read()
	if err != nil {
		return nil, errors.New("1: there is no heading; the first row names the columns, at least address and name")
	}
	if err := l.heading(head); err != nil {
		return nil, err
	}
	var records [][]string
	var lines []int
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("1: the list is no CSV: %w", err)
		}
		line, _ := r.FieldPos(0)
		if strings.Join(record, "") != "" {
			records, lines = append(records, record), append(lines, line)
		}
	}
	if err := l.settleBase(records, lines); err != nil {
		return nil, err
	}
	for i, record := range records {
		if row, err := l.row(record, lines[i]); err != nil {
			l.bad++
			l.note(lines[i], "left out: "+err.Error())
		} else {
			l.rows = append(l.rows, row)
		}
	}
	return l, nil
}

// separator is the one of which the heading has most.
func separator(text string) rune {
	head, _, _ := strings.Cut(text, "\n")
	return slices.MaxFunc([]rune{',', ';', '\t'}, func(a, b rune) int {
		return strings.Count(head, string(a)) - strings.Count(head, string(b))
	})
}

func (l *registerList) note(line int, text string) {
	l.notes = append(l.notes, fmt.Sprintf("%d: %s", line, text))
}

// heading finds the columns. Of two with the same meaning the first counts, except that
// a name is better than a description.
func (l *registerList) heading(head []string) error {
	l.columns = map[string]int{}
	rank := map[string]int{}
	for i, cell := range head {
		word := plain(cell)
		known := false
		for meaning, words := range headings {
			at := slices.Index(words, word)
			if at < 0 {
				continue
			}
			known = true
			if _, taken := l.columns[meaning]; !taken || meaning == "name" && at < rank[meaning] {
				l.columns[meaning], rank[meaning] = i, at
			}
		}
		switch {
		case word == "multiplier" || word == "multiply by" || word == "x":
			return fmt.Errorf("1: %q can mean two things (the register is the value times ten, or the value is the register times ten); name the column scale (value = register × scale) or divisor", cell)
		case !known && word != "":
			l.note(1, fmt.Sprintf("column %q is passed over", cell))
		}
	}
	for _, must := range []string{"address", "name"} {
		if _, ok := l.columns[must]; !ok {
			return fmt.Errorf("1: there is no column for the %s; name one of them %s", must, strings.Join(headings[must][:4], ", "))
		}
	}
	return nil
}

// plain is a heading or a name in small letters, with single spaces for everything else.
func plain(text string) string {
	return strings.TrimSpace(notPlain.ReplaceAllString(strings.ToLower(text), " "))
}

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)

func (l *registerList) cell(record []string, meaning string) string {
	i, ok := l.columns[meaning]
	if !ok || i >= len(record) {
		return ""
	}
	return strings.TrimSpace(record[i])
}

// settleBase refuses to guess where the manual begins to count.
func (l *registerList) settleBase(records [][]string, lines []int) error {
	if l.base >= 0 {
		return nil
	}
	for i, record := range records {
		text := l.cell(record, "address")
		if n, _, err := registerNumber(text); err == nil && n > 30000 && !isHex(text) {
			return fmt.Errorf("%d: address %s: say with --base what the manual prints for the first register, for example --base 40001, or --base 0 where %s goes over the wire as it stands", lines[i], text, text)
		}
	}
	l.base = 0
	l.note(1, "addresses are taken as they go over the wire; where the manual counts from 1, import with --base 1")
	return nil
}

func (l *registerList) row(record []string, line int) (registerRow, error) {
	r := registerRow{line: line, title: l.cell(record, "name"), fc: l.fc}
	if r.title == "" {
		return r, errors.New("it has no name")
	}
	n, printed, err := registerNumber(l.cell(record, "address"))
	if err != nil {
		return r, err
	}
	if r.wire, r.printed = n-l.base, printed; r.wire < 0 || r.wire > 65535 {
		return r, fmt.Errorf("address %s does not lie from %d to %d, where base %d puts it", printed, l.base, l.base+65535, l.base)
	}
	if r.fc, err = functionCode(l.cell(record, "fc"), l.fc); err != nil {
		return r, err
	}
	if r.typ, err = registerType(l.cell(record, "type")); err != nil {
		return r, err
	}
	if err := l.scale(record, &r); err != nil {
		return r, err
	}
	r.unit = unitOf(l.cell(record, "unit"))
	if len(r.unit) > 16 || strings.ContainsAny(r.unit, " \t\n\"\\") {
		return r, fmt.Errorf("unit %q is no short symbol", r.unit)
	}
	if err := l.collides(&r); err != nil {
		return r, err
	}
	l.christen(&r)
	return r, nil
}

var (
	hexSuffix = regexp.MustCompile(`^([0-9A-Fa-f]+)[hH]$`)
	hexPrefix = regexp.MustCompile(`^(?:0[xX]|\$|16#)([0-9A-Fa-f]+)$`)
)

func isHex(text string) bool { return hexSuffix.MatchString(text) || hexPrefix.MatchString(text) }

// registerNumber reads an address and gives it as a profile writes it.
func registerNumber(text string) (n int64, printed string, err error) {
	for _, hex := range []*regexp.Regexp{hexPrefix, hexSuffix} {
		if m := hex.FindStringSubmatch(text); m != nil {
			n, err = strconv.ParseInt(m[1], 16, 64)
			return n, fmt.Sprintf("0x%04X", n), err
		}
	}
	if n, err = strconv.ParseInt(text, 10, 64); err != nil || n < 0 {
		return 0, "", fmt.Errorf("address %q is no number such as 40001, 0x2104 or 2104H", text)
	}
	return n, strconv.FormatInt(n, 10), nil
}

func functionCode(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "fc"))
	switch {
	case err != nil:
		return 0, fmt.Errorf("function code %q is no number from 1 to 4", text)
	case n < 1 || n > 4:
		return 0, fmt.Errorf("function code %d writes or is not used; this program only reads", n)
	}
	return n, nil
}

// types are the words for types, without spaces and signs.
var types = map[string]string{
	"": "u16", "u16": "u16", "uint16": "u16", "word": "u16", "unsigned": "u16", "uint": "u16", "unsignedint": "u16", "unsigned16": "u16", "uint16t": "u16", "ushort": "u16",
	"s16": "s16", "i16": "s16", "int16": "s16", "int": "s16", "integer": "s16", "signed": "s16", "short": "s16", "signed16": "s16", "sint16": "s16", "int16t": "s16",
	"u32": "u32", "uint32": "u32", "dword": "u32", "udint": "u32", "ulong": "u32", "unsigned32": "u32", "uint32t": "u32",
	"s32": "s32", "i32": "s32", "int32": "s32", "dint": "s32", "long": "s32", "signed32": "s32", "int32t": "s32",
	"f32": "f32", "float": "f32", "float32": "f32", "real": "f32", "single": "f32", "ieee754": "f32",
	"f64": "f64", "double": "f64", "float64": "f64", "lreal": "f64",
	"u64": "u64", "uint64": "u64", "s64": "s64", "int64": "s64", "i64": "s64",
	"bcd16": "bcd16", "bcd": "bcd16", "bcd32": "bcd32", "bits": "bits", "bitfield": "bits", "bitmap": "bits",
}

func registerType(text string) (string, error) {
	t, ok := types[strings.ReplaceAll(plain(text), " ", "")]
	if !ok {
		return "", fmt.Errorf("type %q is none of u16, s16, u32, s32, f32, f64, u64, s64, bcd16, bcd32, bits", text)
	}
	return t, nil
}

// scale reads scale, divisor and offset.
func (l *registerList) scale(record []string, r *registerRow) error {
	scale, given, err := decimalOf(l.cell(record, "scale"))
	divisor, divided, err2 := decimalOf(l.cell(record, "divisor"))
	offset, shifted, err3 := decimalOf(l.cell(record, "offset"))
	switch {
	case errors.Join(err, err2, err3) != nil:
		return errors.Join(err, err2, err3)
	case given && divided:
		return errors.New("it has a scale and a divisor; keep one")
	case given && scale == 0 || divided && divisor == 0:
		return errors.New("a scale or divisor of 0 leaves nothing")
	case divided:
		scale, given = 1/divisor, true
	}
	if given && scale >= 10 {
		l.note(r.line, fmt.Sprintf("scale %g makes the value larger than the register; where the manual means that the register is the value times %g, write divisor", scale, scale))
	}
	if given && scale >= 10 {
		l.note(r.line, fmt.Sprintf("scale %g makes the value larger than the register; where the manual means that the register is the value times %g, write divisor", scale, scale))
	}
	if given && scale != 1 {
		r.scale = strconv.FormatFloat(scale, 'g', -1, 64)
	}
	if shifted && offset != 0 {
		r.offset = strconv.FormatFloat(offset, 'g', -1, 64)
	}
	return nil
}

// decimalOf reads a number with a decimal point or a decimal comma.
func decimalOf(text string) (value float64, given bool, err error) {
	if text == "" || text == "-" {
		return 0, false, nil
	}
	value, err = strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, false, fmt.Errorf("%q is no number", text)
	}
	return value, true, nil
}

// collides finds a row that reads the same registers in another way.
func (l *registerList) collides(r *registerRow) error {
	width := func(r *registerRow) int64 {
		if r.fc <= 2 {
			return 1
		}
		return registersOf(r.typ)
	}
	if r.wire+width(r) > 65536 {
		return fmt.Errorf("a %s at %s ends beyond wire address 65535", r.typ, r.printed)
	}
	for i := range l.rows {
		o := &l.rows[i]
		if o.fc != r.fc || r.wire >= o.wire+width(o) || o.wire >= r.wire+width(r) || o.wire == r.wire && o.typ == r.typ {
			continue
		}
		return fmt.Errorf("%s (%s) overlaps line %d (%s, %s)", r.printed, r.typ, o.line, o.printed, o.typ)
	}
	return nil
}

func registersOf(typ string) int64 {
	for t := profile.U16; t <= profile.Str; t++ {
		if t.String() == typ {
			return int64(t.Registers())
		}
	}
	return 1
}
