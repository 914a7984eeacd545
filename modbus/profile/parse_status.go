package profile

import (
	"fmt"
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

func (r *reader) readFaults() {
	f := &r.file.Faults
	if f.Code != nil {
		p := Point{Name: esp.FaultCode.String(), Signal: esp.FaultCode, path: "faults.code"}
		r.readAddress(p.path, &f.Code.placeFile, &p)
		r.readField(p.path, &f.Code.fieldFile, &p)
		r.readMarkers(p.path, &f.Code.Invalid, &p)
		p.identity()
		if p.Type.float() {
			r.complain("faults.code.type", "needs an integer type")
		}
		r.profile.Points = append(r.profile.Points, p)
	}
	r.profile.Faults = Faults{Table: map[int64]Fault{}, Unknown: f.Unknown, History: r.readHistory(f.History)}
	for key, entry := range f.Table {
		path := "faults.table." + key
		code, ok := parseCode(key)
		if !ok {
			r.complain(path, "%q is no code; write it as the manual does, hexadecimal with 0x", key)
			continue
		}
		if _, twice := r.profile.Faults.Table[code]; twice {
			r.complain(path, "code %d stands twice", code)
		}
		if entry.Text == "" {
			r.complain(path, "text must be given")
		}
		r.profile.Faults.Table[code] = Fault(entry.faultBody)
	}
}

// identity makes p a plain number without bounds.
func (p *Point) identity() {
	p.Printed, p.Scale = esp.Identity(), esp.Identity()
	p.Low, p.High = math.NaN(), math.NaN()
	p.satLow, p.satHigh = math.Inf(-1), math.Inf(1)
}

// readHistory reads where the last fault codes stand: a register each, one after the
// other.
func (r *reader) readHistory(f *historyFile) []Point {
	if f == nil {
		return nil
	}
	const path = "faults.history"
	first := Point{path: path, Every: Once}
	r.readAddress(path, &f.placeFile, &first)
	r.readField(path, &f.fieldFile, &first)
	first.identity()
	if first.Type.float() || first.Type == Str {
		r.complain(path+".type", "needs an integer type")
		return nil
	}
	if f.Count == nil {
		r.complain(path, "needs count: how many codes the device keeps")
	}
	var all []Point
	for i := range r.number(path+".count", f.Count, 0, 1, 64) {
		p := first
		step := i * int64(first.Registers())
		if int64(first.Wire)+step+int64(first.Registers()) > 65536 {
			r.complain(path+".count", "the codes end beyond wire address 65535")
			break
		}
		p.Name = fmt.Sprintf("fault_%d", i+1)
		p.Wire += uint16(step)
		if p.Ref >= 0 {
			p.Ref += step
		}
		p.Parameter = ""
		r.checkSpan(&p)
		all = append(all, p)
	}
	return all
}

// readDetect reads the registers that say which device this is.
func (r *reader) readDetect() {
	kinds := map[string]bool{}
	for i := range r.file.Detect {
		f := &r.file.Detect[i]
		path := fmt.Sprintf("detect[%d]", i)
		p := Point{Every: Once, path: path, regs: r.textLength(path, f.Regs, f.Type)}
		p.Name = r.choice(path+".kind", f.Kind, "", "serial", "model", "firmware", "hardware", "rating", "options")
		switch {
		case f.Kind == "":
			r.complain(path, "needs kind: serial, model, firmware, hardware, rating or options")
		case kinds[p.Name] && p.Name != "":
			r.complain(path+".kind", "%q stands twice", p.Name)
		}
		kinds[p.Name] = true
		r.readAddress(path, &f.placeFile, &p)
		r.readField(path, &f.fieldFile, &p)
		p.Enum = r.enumeration(path+".enum", f.Enum)
		p.identity()
		r.checkSpan(&p)
		r.profile.Identity = append(r.profile.Identity, p)
	}
}

// readStatuses reads the status section, or that of the chosen variant.
func (r *reader) readStatuses() {
	found := ""
	for i := range r.file.Status.list {
		f := &r.file.Status.list[i]
		path := "status"
		if !r.file.Status.one {
			path = fmt.Sprintf("status[%d]", i)
		}
		keep, open := r.when(path, f.When)
		switch {
		case !keep || found != "" && open:
		case found != "":
			r.complain(path, "%s holds as well; give each section another when", found)
		default:
			found = path
			r.readStatus(path, f, open)
		}
	}
}

// readStatus makes the columns run_state and, where a warning bit is given, warning.
func (r *reader) readStatus(path string, f *statusFile, open bool) {
	word := Point{Signal: esp.RunState, Name: esp.RunState.String(), role: state, path: path}
	r.readAddress(path, &f.placeFile, &word)
	word.undecided = word.undecided || open
	if !word.Type.unsigned() {
		r.complain(path+".type", "must be unsigned: u16 or u32")
		return
	}
	r.readMarkers(path, &f.Invalid, &word)
	word.identity()

	w := &statusWord{otherwise: esp.StateUnknown}
	if f.Running != nil && f.Stopped == nil {
		w.otherwise = esp.Stopped // a status word that has a running bit says so when it is not set
	}
	if f.Faulted != nil && f.Tripped != nil {
		r.complain(path+".tripped", "faulted and tripped mean the same; give one")
	}
	given := false
	for _, s := range f.states() {
		if s.file == nil {
			continue
		}
		given = true
		if c, ok := r.readCondition(path+"."+s.key, s.file, word.Type.bits()); ok {
			c.state = s.state
			w.conditions = append(w.conditions, c)
		}
	}
	if !given {
		r.complain(path, "give at least one state, for example running: {bit: 2}")
	}
	r.profile.statuses = w
	r.profile.Points = append(r.profile.Points, word)
	if f.Warning == nil {
		return
	}
	if c, ok := r.readCondition(path+".warning", f.Warning, word.Type.bits()); ok {
		w.warning = &c
		bit := word
		bit.Name, bit.Signal, bit.role, bit.path = warningName, 0, warning, path+".warning"
		r.profile.Points = append(r.profile.Points, bit)
	}
}

type stateCondition struct {
	state esp.State
	key   string
	file  *conditionFile
}

// states lists the conditions by precedence: a drive that reports a fault and still
// shows its running bit is tripped.
func (s *statusFile) states() []stateCondition {
	return []stateCondition{
		{esp.Tripped, "tripped", s.Tripped},
		{esp.Tripped, "faulted", s.Faulted},
		{esp.RestartWait, "restart_wait", s.RestartWait},
		{esp.Backspin, "backspin", s.Backspin},
		{esp.Starting, "starting", s.Starting},
		{esp.Ramping, "ramping", s.Ramping},
		{esp.Settling, "settling", s.Settling},
		{esp.Running, "running", s.Running},
		{esp.Stopped, "stopped", s.Stopped},
	}
}

// readCondition reads {mask: M, is: V} or {bit: N, active: 0|1}.
func (r *reader) readCondition(path string, f *conditionFile, width int) (condition, bool) {
	top := int64(math.MaxInt64)
	if width < 63 {
		top = 1<<width - 1
	}
	switch {
	case f.Bit != nil && f.Mask == nil && f.Is == nil:
		bit := r.number(path+".bit", f.Bit, -1, 0, int64(width)-1)
		active := r.number(path+".active", f.Active, 1, 0, 1)
		if bit < 0 {
			return condition{}, false
		}
		return condition{mask: 1 << bit, is: uint64(active) << bit}, true
	case f.Bit != nil || f.Active != nil || f.Mask == nil || f.Is == nil:
		r.complain(path, "write {bit: N}, {bit: N, active: 0} or {mask: M, is: V}")
		return condition{}, false
	}
	mask := r.number(path+".mask", f.Mask, 0, 1, top)
	is := r.number(path+".is", f.Is, -1, 0, top)
	if mask == 0 || is < 0 {
		return condition{}, false
	}
	if is&^mask != 0 {
		r.complain(path+".is", "0x%X has bits outside mask 0x%X, so it is never true", is, mask)
		return condition{}, false
	}
	return condition{mask: uint64(mask), is: uint64(is)}, true
}
