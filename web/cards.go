package web

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// bannerView are the lines between the head of the page and its cards.
type bannerView struct {
	Lost    *lostView
	Idle    *Clock // no scan since; nil while scans come
	Store   string // why nothing is being stored; empty: all well
	Notices []string
	Filling *fillingView
}

type fillingView struct {
	Span    string
	Percent int
}

func (m *model) banner() bannerView {
	v := bannerView{Lost: m.lost, Notices: m.o.Notices}
	if m.lost == nil && !m.o.Scan.IsZero() && m.idle() {
		c := clockSeconds(m.o.Scan, m.now, m.loc)
		v.Idle = &c
	}
	if m.o.Storage.Failed {
		v.Store = m.o.Storage.Error
		if v.Store == "" {
			v.Store = "the disk does not take them"
		}
	}
	if f := m.o.Filling; f != nil {
		v.Filling = &fillingView{Span: hours(f.Span), Percent: int(100 * min(1, max(0, f.Done)))}
	}
	return v
}

func hours(d time.Duration) string {
	if d > 0 && d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return esp.Span(d)
}

// stateView is the first card: what the pump is doing.
type stateView struct {
	Word  string
	Icon  string // run, stop, trip, wait or ask
	For   string // how long; empty: not known
	Since Clock
	Speed *liveView // output frequency; nil where the well has none
	// Down is how long the pump has stood; empty while it turns or nothing is known.
	Down  string
	Facts []factView // only while the pump stands
	Note  string
}

// factView is one line of a list: a label and what stands beside it.
type factView struct {
	Label string
	Text  []Words
	Warn  bool
}

func text(s string) []Words { return []Words{{Text: s}} }

func (m *model) stateCard() stateView {
	s := m.state()
	v := stateView{Word: stateWord(s), Icon: stateIcon(s)}
	if f := m.signal(esp.DriveFrequency); f != nil {
		l := m.live(f)
		v.Speed = &l
	}
	switch {
	case m.lost != nil:
		return v
	case m.idle():
		if m.o.Scan.IsZero() {
			v.Note = "No reading so far"
		}
		return v
	}
	v.Since = m.clock(m.o.Since)
	if v.Since.Valid() {
		v.For = coarse(m.now.Sub(m.o.Since))
	}
	if s.Turning() || s == esp.StateUnknown {
		return v
	}
	stopped := m.o.Since
	if m.o.Stop != nil && m.o.Stop.Restarted.IsZero() {
		stopped = m.o.Stop.Time
	}
	if !stopped.IsZero() {
		v.Down = coarse(m.now.Sub(stopped))
	}
	v.Facts = m.stopFacts(s)
	return v
}

func stateIcon(s esp.State) string {
	switch s {
	case esp.Starting, esp.Settling, esp.Running, esp.Ramping:
		return "run"
	case esp.Stopped:
		return "stop"
	case esp.Tripped:
		return "trip"
	case esp.RestartWait, esp.Backspin:
		return "wait"
	case esp.StateUnknown:
	}
	return "ask"
}

// stopFacts is what a technician asks of a pump that stands. What is not known is
// left out, except the drive's code: that it is missing is itself worth knowing.
func (m *model) stopFacts(s esp.State) []factView {
	stop := m.o.Stop
	code := m.o.Fault
	if stop != nil && stop.Fault != nil {
		code = stop.Fault
	}
	facts := []factView{{Label: "Drive code", Text: text(faultWords(code)), Warn: code != nil && code.Code != 0}}
	if stop != nil {
		if before := m.before(stop); len(before) > 0 {
			facts = append(facts, factView{Label: "Before the stop", Text: before})
		}
	}
	if s == esp.Backspin {
		facts = append(facts, factView{Label: "Backspin", Text: text("the pump turns backwards: never force a start"), Warn: true})
	}
	if r := m.restarts(); r != "" {
		facts = append(facts, factView{Label: "Auto-restart", Text: text(r)})
	}
	if remaining := m.signal(esp.RestartRemaining); remaining != nil && s != esp.Stopped {
		if l := m.live(remaining); !l.Old && remaining.Reading.Value > 0 {
			d := time.Duration(remaining.Reading.Value) * time.Second
			facts = append(facts, factView{Label: "Next start by the drive", Text: text("in " + esp.Span(d)), Warn: true})
		}
	}
	if stop == nil {
		return facts
	}
	for _, b := range stop.Blocks {
		facts = append(facts, factView{Label: "Blocks a start", Text: m.show.words(b)})
	}
	if stop.Call != "" {
		facts = append(facts, factView{Label: "Call", Text: text(stop.Call)})
	}
	return facts
}

func faultWords(f *Fault) string {
	switch {
	case f == nil:
		return "not known"
	case f.Code == 0:
		return "none"
	case f.Text == "":
		return "F" + strconv.FormatInt(f.Code, 10) + ", not in the profile's table"
	}
	return "F" + strconv.FormatInt(f.Code, 10) + " " + f.Text
}

// before are the values just before a stop, most telling first.
func (m *model) before(stop *Stop) []Words {
	var out []Words
	for _, id := range []esp.SignalID{esp.DriveFrequency, esp.MotorCurrent, esp.IntakePressure, esp.MotorTemperature} {
		v, ok := stop.Before[id.String()]
		if !ok || math.IsNaN(v) {
			continue
		}
		q := m.show.quantity(id, id.Info().Unit, v)
		if len(out) > 0 {
			out = append(out, Words{Text: " · "})
		}
		out = append(out, Words{Number: &q})
	}
	return out
}

// restarts is "attempt 2 of 3"; empty where nothing is known.
func (m *model) restarts() string {
	done, allowed := -1, -1
	if m.o.Stop != nil {
		done, allowed = m.o.Stop.RestartsDone, m.o.Stop.RestartsAllowed
	}
	if s := m.signal(esp.RestartsDone); s != nil && !m.old(s) {
		done = int(s.Reading.Value)
	}
	switch {
	case done < 0:
		return ""
	case allowed < 0:
		return fmt.Sprintf("%d done", done)
	case done >= allowed:
		return fmt.Sprintf("all %d used", allowed)
	}
	return fmt.Sprintf("attempt %d of %d", done+1, allowed)
}

// stopView is the card of the last stop.
type stopView struct {
	When  Clock
	Facts []factView
}

func (m *model) stopCard() stopView {
	stop := m.o.Stop
	if stop == nil {
		return stopView{}
	}
	v := stopView{When: m.clock(stop.Time)}
	add := func(label, s string) { v.Facts = append(v.Facts, factView{Label: label, Text: text(s)}) }
	add("Cause (drive code)", faultWords(stop.Fault))
	end := stop.Restarted
	if end.IsZero() {
		end = m.now
	}
	add("Downtime", coarse(end.Sub(stop.Time)))
	switch {
	case stop.Restarted.IsZero():
		add("Restarted by", "not restarted")
	case stop.RestartedBy != "":
		add("Restarted by", stop.RestartedBy)
	}
	return v
}

// linkCard is the state of what the appliance depends on.
func (m *model) linkCard() []factView {
	var out []factView
	out = append(out, m.deviceFacts()...)
	out = append(out, m.uplinkFact())
	if m.signal(esp.FaultCode) != nil || m.o.Fault != nil {
		f := factView{Label: "Drive fault code", Text: text(faultWords(m.o.Fault)), Warn: m.o.Fault != nil && m.o.Fault.Code != 0}
		if m.lost != nil || m.o.Fault == nil {
			f.Text, f.Warn = text(absent), false
		}
		out = append(out, f)
	}
	return append(out, m.storageFacts()...)
}

// deviceFacts is one line while every device answers, else a line for each.
func (m *model) deviceFacts() []factView {
	all := factView{Label: "Modbus poll"}
	var failed uint64
	for i := range m.o.Devices {
		d := &m.o.Devices[i]
		if d.State != "ok" || d.Period != m.o.Devices[0].Period {
			all.Label = ""
		}
		failed += d.FailedLastHour
	}
	if all.Label != "" && len(m.o.Devices) > 0 {
		all.Text = text(fmt.Sprintf("%s · %s in 1 h", esp.Span(m.o.Devices[0].Period), count(failed, "error")))
		return []factView{all}
	}
	var out []factView
	for i := range m.o.Devices {
		out = append(out, m.deviceFact(&m.o.Devices[i]))
	}
	return out
}

func (m *model) deviceFact(d *Device) factView {
	f := factView{Label: "Modbus poll, " + string(d.ID)}
	switch d.State {
	case "ok":
		f.Text = text(fmt.Sprintf("%s · %s in 1 h", esp.Span(d.Period), count(d.FailedLastHour, "error")))
	case "":
		f.Text = text("not asked so far")
	default:
		f.Warn = true
		f.Text = text(errorWords(d.Error) + " since start")
		if !d.LastOK.IsZero() {
			f.Text = text(errorWords(d.Error) + " " + coarse(m.now.Sub(d.LastOK)))
		}
	}
	return f
}

func count(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return group(strconv.FormatUint(n, 10)) + " " + thing + "s"
}

func (m *model) uplinkFact() factView {
	f := factView{Label: "Upload to HQ"}
	u := m.o.Uplink
	if u == nil {
		f.Text = text("not set up")
		return f
	}
	s := group(strconv.FormatUint(u.Waiting, 10)) + " waiting"
	switch {
	case u.Quarantined > 0:
		s += " · " + group(strconv.FormatUint(u.Quarantined, 10)) + " refused"
		f.Warn = true
	case u.Error != "":
		s += " · " + u.State
		if c := m.clock(u.Oldest); c.Valid() {
			s += " · oldest " + c.Text
		}
		f.Warn = true
	default:
		if c := m.clock(u.LastSuccess); c.Valid() {
			s += " · " + c.Text
		} else {
			s += " · " + u.State
		}
	}
	f.Text = text(s)
	return f
}

func (m *model) storageFacts() []factView {
	s := &m.o.Storage
	left := factView{Label: "Storage left", Text: text("not known yet")}
	switch {
	case s.Failed:
		left.Text, left.Warn = text("not storing"), true
	case !math.IsNaN(s.DaysLeft) && s.DaysLeft >= 3650:
		left.Text = text("more than 10 years")
	case !math.IsNaN(s.DaysLeft):
		left.Text, left.Warn = text(group(strconv.FormatFloat(math.Floor(s.DaysLeft), 'f', 0, 64))+" days"), s.DaysLeft < 7
	}
	out := []factView{left}
	if s.Lost > 0 {
		out = append(out, factView{Label: "Readings not stored", Text: text(group(strconv.FormatUint(s.Lost, 10))), Warn: true})
	}
	return out
}

// readingView is one line of the table of all readings.
type readingView struct {
	Label, Short, Device string
	Live                 liveView
	Read                 Clock  // when it was last asked for, whatever came
	Quality              string // for people; empty: good
}

func (m *model) readings() []readingView {
	out := make([]readingView, len(m.o.Signals))
	for i := range m.o.Signals {
		s := &m.o.Signals[i]
		r := readingView{Label: label(s), Device: string(s.Device), Live: m.live(s), Read: clockSeconds(s.Time, m.now, m.loc)}
		if s.ID == esp.RunState && !r.Live.Old {
			r.Live.Note = esp.State(s.Reading.Raw).String()
		}
		if s.ID != 0 {
			r.Short = s.ID.Info().Short
		}
		r.Quality = qualityWords(s.Reading)
		out[i] = r
	}
	return out
}

// qualityWords is the quality of a reading for people; empty: good.
func qualityWords(r esp.Reading) string {
	if r.Quality == esp.Good {
		return ""
	}
	if why := reasonWords(r); why != r.Quality.String() {
		return r.Quality.Class() + ": " + why
	}
	return r.Quality.String()
}
