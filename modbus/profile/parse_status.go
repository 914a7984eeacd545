package profile

import (
	"math"
	"strconv"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// parseCode reads a code as manuals print it: decimal, or hexadecimal with 0x.
func parseCode(text string) (int64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		text, base = hex, 16
	}
	n, err := strconv.ParseInt(text, base, 64)
	return n, err == nil
}

func (f *file) readFaults(s *section) {
	n, ok := s.get("faults")
	if !ok {
		return
	}
	m := f.section(n, "faults")
	m.later("", "history")
	if code, ok := m.get("code"); ok {
		c := f.section(code, "faults: code")
		p := Point{Name: esp.FaultCode.String(), Signal: esp.FaultCode, place: c.at}
		f.readAddress(c, &p)
		f.readField(c, &p)
		f.readMarks(c, &p)
		c.done()
		p.Printed, p.Scale = esp.Identity(), esp.Identity()
		p.Low, p.High = math.NaN(), math.NaN()
		if p.Type.float() {
			f.add(c.place("type"), "faults: code needs an integer type")
		}
		f.profile.Points = append(f.profile.Points, p)
	}
	if table, ok := m.get("table"); ok {
		f.readFaultTable(f.section(table, "faults: table"))
	}
	f.profile.Faults.Unknown = m.text("unknown")
	m.done()
}

func (f *file) readFaultTable(t *section) {
	f.profile.Faults.Table = map[int64]Fault{}
	for _, key := range t.order {
		code, ok := parseCode(key)
		if !ok {
			f.add(t.place(key), "faults: table: %q is no code; write it as the manual does, hexadecimal with 0x", key)
			continue
		}
		if _, twice := f.profile.Faults.Table[code]; twice {
			f.add(t.place(key), "faults: table: code %s stands twice", key)
		}
		n, ok := t.get(key)
		if !ok {
			continue
		}
		if text, ok := scalarText(n); ok {
			f.profile.Faults.Table[code] = Fault{Text: text}
			continue
		}
		e := f.section(n, "faults: table: "+key)
		fault := Fault{
			Text: e.text("text"), Canonical: e.text("canonical"), Source: e.text("source"),
			Severity: e.text("severity"),
		}
		if fault.Text == "" {
			f.add(e.at, "faults: table: %s: text must be given", key)
		}
		e.done()
		f.profile.Faults.Table[code] = fault
	}
}

// readStatus makes the columns run_state and, where a warning bit is given, warning.
func (f *file) readStatus(s *section) {
	n, ok := s.get("status")
	if !ok {
		return
	}
	m := f.section(n, "status")
	word := Point{Signal: esp.RunState, Name: esp.RunState.String(), role: state, place: m.at}
	f.readAddress(m, &word)
	if !word.Type.unsigned() {
		f.add(m.place("type"), "status: type must be unsigned: u16 or u32")
	}
	f.readMarks(m, &word)
	word.Printed, word.Scale = esp.Identity(), esp.Identity()
	word.Low, word.High = math.NaN(), math.NaN()

	w := &statusWord{}
	for _, st := range precedence() {
		key := st.String()
		if st == esp.Tripped && m.has("faulted") {
			key = "faulted"
			if m.has("tripped") {
				f.add(m.place("tripped"), "status: faulted and tripped mean the same; give one")
			}
		}
		if c, ok := f.readCondition(m, key, &word); ok {
			c.state = st
			w.conditions = append(w.conditions, c)
		}
	}
	for _, key := range []string{"tripped", "faulted"} {
		m.asked[key] = true
	}
	if len(w.conditions) == 0 {
		f.add(m.at, "status: give at least one state, for example running: {bit: 2}")
	}
	w.otherwise = esp.StateUnknown
	if m.has("running") && !m.has("stopped") {
		w.otherwise = esp.Stopped // a status word that has a running bit says so when it is not set
	}
	f.profile.statuses = w
	f.profile.Points = append(f.profile.Points, word)
	if c, ok := f.readCondition(m, warningName, &word); ok {
		w.warning = &c
		bit := word
		bit.Name, bit.Signal, bit.role = warningName, 0, warning
		f.profile.Points = append(f.profile.Points, bit)
	}
	m.done()
}

// readCondition reads {mask: M, is: V} or {bit: N, active: 0|1}.
func (f *file) readCondition(m *section, key string, word *Point) (condition, bool) {
	n, ok := m.get(key)
	if !ok {
		return condition{}, false
	}
	c := f.section(n, "status: "+key)
	defer c.done()
	width := int64(word.Type.bits())
	top := int64(1)<<min(width, 62) - 1
	if c.has("bit") {
		bit, ok := c.integer("bit", 0, width-1)
		active, given := c.integer("active", 0, 1)
		if !given {
			active = 1
		}
		return condition{mask: 1 << uint(bit), is: uint64(active) << uint(bit)}, ok
	}
	mask, ok1 := c.integer("mask", 1, top)
	is, ok2 := c.integer("is", 0, top)
	switch {
	case !ok1 || !ok2:
		if !c.has("mask") || !c.has("is") {
			f.add(c.at, "status: %s: write {bit: N}, {bit: N, active: 0} or {mask: M, is: V}", key)
		}
		return condition{}, false
	case is&^mask != 0:
		f.add(c.place("is"), "status: %s: value 0x%X has bits outside mask 0x%X, so it is never true", key, is, mask)
		return condition{}, false
	}
	return condition{mask: uint64(mask), is: uint64(is)}, true
}
