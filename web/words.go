package web

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// stateWord is the state in words, as it stands in large letters.
func stateWord(s esp.State) string {
	switch s {
	case esp.Stopped:
		return "STOPPED"
	case esp.Starting:
		return "STARTING"
	case esp.Settling:
		return "SETTLING"
	case esp.Running:
		return "RUNNING"
	case esp.Ramping:
		return "SPEED CHANGING"
	case esp.Tripped:
		return "TRIPPED"
	case esp.RestartWait:
		return "WAITING TO RESTART"
	case esp.Backspin:
		return "BACKSPIN"
	case esp.StateUnknown:
	}
	return "UNKNOWN"
}

// priorityWord is the word that stands beside the number of an alarm priority.
func priorityWord(p int) string {
	switch p {
	case 1:
		return "critical"
	case 2:
		return "warning"
	case 3:
		return "advisory"
	}
	return ""
}

func severityWord(s esp.Severity) string {
	switch s {
	case esp.SeverityNow:
		return "act now"
	case esp.SeverityToday:
		return "act today"
	case esp.SeverityPlan:
		return "plan the work"
	case esp.SeverityInfo:
	}
	return "for information"
}

func alarmWord(s esp.AlarmState) string {
	switch s {
	case esp.AlarmUnacknowledged:
		return "Not acknowledged"
	case esp.AlarmAcknowledged:
		return "Acknowledged"
	case esp.AlarmReturned:
		return "Normal again, not acknowledged"
	case esp.AlarmShelved:
		return "Shelved"
	case esp.AlarmSuppressed:
		return "Suppressed"
	case esp.AlarmOutOfService:
		return "Out of service"
	case esp.AlarmNormal:
	}
	return "Normal"
}

// reasonWords says why there is no value or why it is marked.
func reasonWords(r esp.Reading) string {
	switch r.Reason {
	case esp.Timeout:
		return "no answer in time"
	case esp.Unreachable:
		return "cannot be reached"
	case esp.Disconnected:
		return "connection closed"
	case esp.BadFrame:
		return "damaged answer"
	case esp.DeviceException:
		return "device refused"
	case esp.NotSupported:
		return "device has no such register"
	case esp.BackedOff:
		return "not answering"
	case esp.Marker:
		return "device has no value"
	case esp.Saturated:
		return "at the end of its range"
	case esp.OutOfRange:
		return "outside the plausible range"
	case esp.Sentinel:
		return "value of a dead gauge"
	case esp.Frozen:
		return "does not change any more"
	case esp.ImpossibleRate:
		return "changed faster than it can"
	case esp.Doubled:
		return "exactly doubled"
	case esp.DeadGauge:
		return "gauge is dead"
	case esp.Resync:
		return "first after a line fault"
	case esp.NotANumber:
		return "not a number"
	case esp.Undecided:
		return "scale or word order not known"
	case esp.NoReason:
	}
	if r.Quality == esp.NotDue {
		return "not read so far"
	}
	return r.Quality.String()
}

// errorWords says what the last failure of a device was.
func errorWords(class string) string {
	switch class {
	case "":
		return "no answer"
	case "timeout":
		return "Modbus timeout"
	case "unreachable":
		return "link cannot be opened"
	case "disconnected":
		return "link closes"
	}
	return strings.ReplaceAll(class, "_", " ")
}

// trendArrow is the arrow beside a trend word.
func trendArrow(trend string) string {
	switch trend {
	case "steady":
		return "→"
	case "rising":
		return "↗"
	case "falling":
		return "↘"
	case "swinging":
		return "⇅"
	}
	return ""
}

// coarse is esp.Span without seconds beyond the first minute, for what need not tick.
func coarse(d time.Duration) string {
	if d >= time.Minute {
		d = d.Truncate(time.Minute)
	}
	return esp.Span(d)
}

// Clock is a moment as the template "t" shows it.
type Clock struct{ ISO, Text string }

// Valid reports whether there is a moment.
func (c Clock) Valid() bool { return c.ISO != "" }

// clock shows t in site time: hours and minutes, with the date where it is not
// today's.
func clock(t, now time.Time, loc *time.Location) Clock {
	return moment(t, now, loc, "15:04")
}

func clockSeconds(t, now time.Time, loc *time.Location) Clock {
	return moment(t, now, loc, "15:04:05")
}

func moment(t, now time.Time, loc *time.Location, layout string) Clock {
	if t.IsZero() {
		return Clock{}
	}
	t, now = t.In(loc), now.In(loc)
	switch {
	case t.Year() != now.Year():
		layout = "2 Jan 2006 " + layout
	case t.YearDay() != now.YearDay():
		layout = "2 Jan " + layout
	}
	return Clock{ISO: t.UTC().Format(time.RFC3339Nano), Text: t.Format(layout)}
}

// zone is the offset of site time as it is printed: UTC−5, UTC+5:30, UTC.
func zone(t time.Time, loc *time.Location) (text string, minutes int) {
	_, seconds := t.In(loc).Zone()
	minutes = seconds / 60
	if minutes == 0 {
		return "UTC", 0
	}
	sign, m := "+", minutes
	if m < 0 {
		sign, m = "−", -m
	}
	text = "UTC" + sign + strconv.Itoa(m/60)
	if m%60 != 0 {
		text += fmt.Sprintf(":%02d", m%60)
	}
	return text, minutes
}

// Words is a piece of a sentence: plain text, or a number that the browser shows in
// its own units.
type Words struct {
	Text   string
	Strong bool // a number with a unit that is the same everywhere
	Number *Quantity
}

// measured finds numbers with a stored unit, except temperatures. A
// temperature is left as it is written: a sentence does not say whether it is a
// temperature or a difference, and the two convert differently.
var measured = regexp.MustCompile(`([-−±+]?)(\d[\d,]*(?:\.\d+)?)[ \x{00a0}\x{202f}](kPa|m3/d|m³/d|m3/m3|m|mA|A|Hz|kW|V|g|%|MOhm)(?:[^\pL\d/]|$)`)

func convertedInText(unit string) bool {
	return slices.Contains([]esp.Unit{esp.KPa, esp.M3PerDay, esp.M3PerM3, esp.Metre}, esp.Unit(unit))
}

// words cuts a sentence written in stored units into pieces.
func (s *shower) words(sentence string) []Words {
	var out []Words
	rest := 0
	for _, m := range measured.FindAllStringSubmatchIndex(sentence, -1) {
		v, err := strconv.ParseFloat(strings.ReplaceAll(sentence[m[4]:m[5]], ",", ""), 64)
		if err != nil {
			continue
		}
		unit := strings.ReplaceAll(sentence[m[6]:m[7]], "³", "3")
		piece := Words{Text: sentence[m[2]:m[7]], Strong: true}
		if convertedInText(unit) {
			piece = Words{Number: new(s.number(unitKey(unit), v, -1))}
		}
		start := m[4]
		if piece.Strong {
			start = m[2]
		}
		if before := sentence[rest:start]; before != "" {
			out = append(out, Words{Text: strings.ReplaceAll(before, "degC", "°C")})
		}
		out = append(out, piece)
		rest = m[7]
	}
	if rest < len(sentence) {
		out = append(out, Words{Text: strings.ReplaceAll(sentence[rest:], "degC", "°C")})
	}
	return out
}
