package diagnosis

import (
	"fmt"
	"math"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// driveCode is the code that the drive stands on: the present one first, then that of
// its last shutdown; 0 where it gives none.
func (e *Engine) driveCode() int64 {
	if c := e.code(esp.FaultCode); c > 0 {
		return c
	}
	s := e.machine.state
	if e.stopped && e.stop.HasFault && e.stop.Restarted.IsZero() && !s.Turning() {
		return e.stop.Fault
	}
	if s == esp.Tripped || s == esp.RestartWait {
		return max(e.code(esp.LastShutdownCode), 0)
	}
	return 0
}

// faultOf is what is known of a code.
func (e *Engine) faultOf(code int64) Fault {
	if code <= 0 || e.faults == nil {
		return Fault{}
	}
	return e.faults(code)
}

// codeWords names a code for people: the manual's words with the number, or the number
// alone.
func (e *Engine) codeWords(code int64) string {
	if code <= 0 {
		return "no fault code"
	}
	if f := e.faultOf(code); f.Text != "" {
		return fmt.Sprintf("%s (code %d)", f.Text, code)
	}
	return fmt.Sprintf("code %d", code)
}

// driveFacet is what the words of a drive's fault depend on.
func driveFacet(e *Engine, _ int64) uint64 {
	return uint64(e.machine.state)<<56 ^ uint64(max(e.code(esp.RestartsDone), 0))<<40 ^ uint64(e.driveCode())
}

// noRestart are the kinds of fault after which nobody starts before electrical checks.
var noRestart = [...]string{"overload", "ground_fault", "short_circuit", "overcurrent", "stall", "current_unbalance", "insulation"}

func dangerous(canonical string) bool {
	for _, c := range noRestart {
		if c == canonical {
			return true
		}
	}
	return false
}

// tellDrive writes why the drive stands: its own code ranks first, because polls of a
// second cannot order electrical events; then what was seen before.
func tellDrive(e *Engine, d *esp.Diagnosis, _ int64) {
	code := e.driveCode()
	fault := e.faultOf(code)
	words := e.codeWords(code)
	d.Evidence = d.Evidence[:0]
	d.Title = "Drive fault: " + words
	d.Text = "The drive tripped on " + lowerFirst(words)
	if code <= 0 {
		d.Title, d.Text = "Drive fault", "The drive tripped and gives no code"
	}
	d.Text += e.waitText() + "."
	e.driveEvidence(d, code)
	e.beforeEvidence(d)
	if e.stopped && e.stop.Restarted.IsZero() && len(e.stop.Open) > 0 {
		var names []string
		for _, id := range e.stop.Open {
			names = append(names, strings.ReplaceAll(string(id), "_", " "))
		}
		d.Evidence = append(d.Evidence, remark("findings", "open before it stopped: "+joined(names)))
	}
	if dangerous(fault.Canonical) {
		d.Steps = e.checkedSteps(d.Steps)
	}
}

// waitText says whether the drive will start by itself.
func (e *Engine) waitText() string {
	used := e.code(esp.RestartsDone)
	attempts := ""
	if allowed := int64(e.well.Facts.RestartsAllowed); used >= 0 && allowed > 0 {
		attempts = fmt.Sprintf(" (%d of %d automatic restarts used)", used, allowed)
	} else if used > 0 {
		attempts = fmt.Sprintf(" (%d automatic restarts used)", used)
	}
	switch e.machine.state {
	case esp.RestartWait:
		if left := e.code(esp.RestartRemaining); left > 0 {
			wait := float64(left) + float64(e.now-e.machine.since)/1000 // the text stays while the time runs
			return fmt.Sprintf(" and will start by itself %s after the trip%s", span(math.Round(wait/10)*10), attempts)
		}
		return " and will start by itself" + attempts
	case esp.Tripped:
		return " and stays out" + attempts
	default:
		return attempts
	}
}

// remark is evidence without a number.
func remark(name, text string) esp.Evidence {
	return esp.Evidence{Signal: name, Text: text, Value: esp.NoNumber(), Baseline: esp.NoNumber(), Limit: esp.NoNumber()}
}

func (e *Engine) driveEvidence(d *esp.Diagnosis, code int64) {
	if code > 0 {
		ev := remark(esp.FaultCode.String(), "the drive says: "+e.codeWords(code))
		ev.Value = number(float64(code))
		d.Evidence = append(d.Evidence, ev)
	} else {
		d.NotAssessed = appendOnce(d.NotAssessed, esp.FaultCode.String())
	}
	if left := e.code(esp.RestartRemaining); e.machine.state == esp.RestartWait && left > 0 {
		ev := remark(esp.RestartRemaining.String(), "time to the automatic restart when this was told: "+span(float64(left)))
		ev.Value, ev.Unit = number(float64(left)), esp.Second
		d.Evidence = append(d.Evidence, ev)
	}
	if used := e.code(esp.RestartsDone); used >= 0 {
		text := fmt.Sprintf("automatic restarts used: %d, allowed: not entered", used)
		ev := remark(esp.RestartsDone.String(), text)
		ev.Value = number(float64(used))
		if allowed := e.well.Facts.RestartsAllowed; allowed > 0 {
			ev.Text = fmt.Sprintf("automatic restarts used: %d, allowed: %d", used, allowed)
			ev.Limit = number(float64(allowed))
		}
		d.Evidence = append(d.Evidence, ev)
	}
}

// beforeEvidence tells what the electrical values were in the minute before the stop,
// and whether the supply dipped on the way.
func (e *Engine) beforeEvidence(d *esp.Diagnosis) {
	if !e.stopped || !e.stop.Restarted.IsZero() {
		return
	}
	var words []string
	for _, b := range e.stop.Before {
		if g := b.Signal.Info().Group; g == esp.DriveGroup || b.Signal == esp.MotorTemperature || b.Signal == esp.IntakePressure {
			words = append(words, labelInText(b.Signal)+" "+quantity(b.Value, b.Signal.Info().Unit))
		}
	}
	if len(words) > 0 {
		d.Evidence = append(d.Evidence, remark("before_stop", "in the minute before: "+joined(words)))
	}
	w := &e.electric.supply
	dip := w.last
	if w.now.from != 0 {
		dip = w.now
	}
	at := e.stop.At.UnixMilli() + e.offset
	if dip.from != 0 && at-dip.from < minute && dip.from-at < 5*second {
		id := w.track.signal
		ev := remark(id.String()+"_dip", fmt.Sprintf("%s fell to %s, usual %s, around the trip",
			labelInText(id), quantity(dip.lowest, id.Info().Unit), quantity(dip.reference, id.Info().Unit)))
		ev.Value, ev.Baseline, ev.Unit = number(rounded(dip.lowest, id)), number(rounded(dip.reference, id)), id.Info().Unit
		d.Evidence = append(d.Evidence, ev)
	}
}

// checkedSteps is the checklist before a restart that has to wait for electrical checks.
func (e *Engine) checkedSteps(usual []esp.Step) []esp.Step {
	steps := []esp.Step{{Text: stepNoRestart, Who: esp.Technician}, usual[0]}
	if e.machine.state == esp.RestartWait {
		steps = append(steps, esp.Step{Text: "Block the automatic restart at the drive until the checks are done.", Who: esp.Technician})
	}
	return append(steps, usual[1:]...)
}

// tellLoad adds what the drive itself says of the load.
func tellLoad(e *Engine, d *esp.Diagnosis, _ int64) {
	if c := e.code(esp.WarningCode); c > 0 {
		ev := remark(esp.WarningCode.String(), "the drive warns: "+e.codeWords(c))
		ev.Value = number(float64(c))
		d.Evidence = append(d.Evidence, ev)
	}
}

// tellDip adds how long the dip lasted and how many there were.
func tellDip(e *Engine, d *esp.Diagnosis, now int64) {
	w := &e.electric.supply
	if dip, ok := w.seen(now, true); ok && dip.to != 0 {
		ev := remark("dip_duration", fmt.Sprintf("it lasted about %s", span(float64(dip.to-dip.from)/1000)))
		ev.Value, ev.Unit = number(float64(dip.to-dip.from)/1000), esp.Second
		d.Evidence = append(d.Evidence, ev)
	}
	if n := w.within(now, dipSpan); n > 1 {
		ev := remark("dips", fmt.Sprintf("%d dips in the last hour", n))
		ev.Value = number(float64(n))
		d.Evidence = append(d.Evidence, ev)
	}
	switch {
	case e.machine.state.Turning():
		d.Text += " The drive rode through."
	case e.machine.state == esp.Tripped || e.machine.state == esp.RestartWait:
		d.Text += " The drive tripped."
	default:
	}
}

// dipFacet tells a new dip, and a drive that trips on it.
func dipFacet(e *Engine, _ int64) uint64 {
	h := uint64(max(e.electric.supply.count, 0)) << 1
	if !e.machine.state.Turning() {
		h++
	}
	return h
}

// tellStarts writes how many starts there were and whether they come regularly.
func tellStarts(e *Engine, d *esp.Diagnosis, now int64) {
	s := &e.electric.starts
	inHour, inDay := s.within(now, hour), s.within(now, 24*hour)
	d.Text = fmt.Sprintf("The pump was started %d times in the last hour and %d times in the last 24 hours; each start heats the motor and strains shaft and cable.", inHour, inDay)
	d.Evidence = d.Evidence[:0]
	for _, x := range [...]struct {
		name, text string
		n, limit   int
	}{{"starts_hour", "starts in the last hour", inHour, startsHour}, {"starts_day", "starts in the last 24 hours", inDay, startsDay}} {
		ev := remark(x.name, fmt.Sprintf("%s: %d, limit %d", x.text, x.n, x.limit))
		ev.Value, ev.Limit = number(float64(x.n)), number(float64(x.limit))
		d.Evidence = append(d.Evidence, ev)
	}
	if every := s.every(); every > 0 {
		d.Evidence = append(d.Evidence, remark("starts_every", fmt.Sprintf("they come about every %s, as in a well that pumps itself off", span(math.Round(float64(every)/60000)*60))))
	}
	tellLoad(e, d, now)
}

// tellStall adds how high the current went.
func tellStall(e *Engine, d *esp.Diagnosis, _ int64) {
	w := &e.electric.stall
	if w.at == 0 {
		return
	}
	rated := e.rated(roleCurrent)
	ev := remark("current_peak", fmt.Sprintf("current went to %s, nameplate %s", quantity(w.peak*rated, esp.Ampere), quantity(rated, esp.Ampere)))
	ev.Value, ev.Limit, ev.Unit = number(rounded(w.peak*rated, esp.MotorCurrent)), number(rated), esp.Ampere
	d.Evidence = append(d.Evidence, ev)
}

// tellHunting says whether the setpoint swings too: then the controller before the
// drive hunts.
func tellHunting(e *Engine, d *esp.Diagnosis, now int64) {
	a := e.assess(feature{roleSetpoint, reversals}, now)
	switch {
	case !a.ok:
		d.NotAssessed = appendOnce(d.NotAssessed, esp.FrequencySetpoint.String())
	case a.value > 2:
		d.Evidence = append(d.Evidence, remark(esp.FrequencySetpoint.String()+"_reversals", "the setpoint swings too: what commands the drive hunts, not the drive"))
	default:
		d.Evidence = append(d.Evidence, remark(esp.FrequencySetpoint.String()+"_reversals", "the setpoint is steady: the drive's own control hunts"))
	}
}

func lowerFirst(s string) string {
	if len(s) < 2 || s[1] >= 'A' && s[1] <= 'Z' { // an abbreviation such as DC
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
