package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// findingView is the card of the main finding.
type findingView struct {
	Kind  string // lost, open, none or wait (no reading so far)
	Main  *openView
	Lost  *lostView
	First []Words // what to do first
	// Unexplained says how many alarms are active while no diagnosis is open; empty: none.
	Unexplained string
	Learning    bool        // nothing is known yet of what is usual
	Other       []*openView // further open findings; while the drive is lost those from before
	Unassessed  []string    // what cannot be diagnosed now, and for want of what
	Now         Clock       // for "as of", when the connection to the appliance goes
}

// openView is one open diagnosis with everything that belongs to it.
type openView struct {
	ID          string
	Mark        int
	Title       string
	Severity    string
	Confidence  string
	Since       Clock
	For         string
	Text        []Words
	Evidence    []evidenceView
	Against     [][]Words
	NotAssessed []string
	RunnerUp    string // what else the readings may mean; empty: nothing
	Separate    []Words
	Steps       []stepView
	Rule        string
	Version     int
}

type evidenceView struct {
	Words []Words
	Spark *sparkView
}

type stepView struct {
	Words []Words
	Who   string
}

func (m *model) finding() findingView {
	v := findingView{Kind: "none", Now: clockSeconds(m.now, m.now, m.loc), Unassessed: m.unassessed()}
	var open []*openView
	var lost *openView
	for i := range m.o.Findings {
		d := m.open(&m.o.Findings[i])
		if m.o.Findings[i].ID == esp.CommunicationLost && lost == nil {
			lost = d
		} else {
			open = append(open, d)
		}
	}
	switch {
	case m.lost != nil:
		v.Kind, v.Lost, v.Main = "lost", m.lost, lost
		v.First = []Words{{Text: "Look at the drive's own panel: is the pump running?"}}
		if lost != nil && len(lost.Steps) > 0 {
			v.First = lost.Steps[0].Words
		}
		v.Other = open
		return v
	case lost != nil: // a device other than the drive, or an answer that has just come
		open = append(open, lost)
	}
	if len(open) > 0 {
		v.Kind, v.Main, v.Other = "open", open[0], open[1:]
		if len(v.Main.Steps) > 0 {
			v.First = v.Main.Steps[0].Words
		}
		return v
	}
	if m.o.Scan.IsZero() {
		v.Kind = "wait"
	}
	switch n := len(m.o.Alarms); n {
	case 0:
	case 1:
		v.Unexplained = "1 alarm is active"
	default:
		v.Unexplained = strconv.Itoa(n) + " alarms are active"
	}
	v.Learning = m.learning()
	return v
}

// unassessed tells what no rule looks at, so that silence is not taken for health.
func (m *model) unassessed() []string {
	var list []string
	for _, u := range m.o.Unassessed {
		names := make([]string, len(u.Missing))
		for i, name := range u.Missing {
			names[i] = strings.ToLower(nameWords(name))
		}
		list = append(list, u.Title+": needs "+strings.Join(names, ", "))
	}
	return list
}

// learning reports whether no signal has a usual band so far.
func (m *model) learning() bool {
	for i := range m.o.Signals {
		if !math.IsNaN(m.o.Signals[i].UsualLow) {
			return false
		}
	}
	return true
}

func (m *model) open(d *esp.Diagnosis) *openView {
	v := &openView{
		ID: string(d.ID), Mark: d.Severity.Priority(), Title: d.Title, Severity: severityWord(d.Severity),
		Confidence: string(d.Confidence), Since: m.clock(d.Onset), Text: m.show.words(d.Text),
		Rule: d.Rule, Version: d.RuleVersion,
	}
	if v.Since.Valid() {
		v.For = coarse(m.now.Sub(d.Onset))
	}
	for i := range d.Evidence {
		v.Evidence = append(v.Evidence, m.evidence(&d.Evidence[i], d.Onset))
	}
	for _, a := range d.Against {
		v.Against = append(v.Against, m.show.words(a))
	}
	for _, name := range d.NotAssessed {
		v.NotAssessed = append(v.NotAssessed, nameWords(name))
	}
	if d.RunnerUp != "" {
		name := nameWords(string(d.RunnerUp))
		v.RunnerUp, v.Separate = strings.ToUpper(name[:1])+name[1:], m.show.words(d.Separate)
	}
	for _, s := range d.Steps {
		who := "Technician"
		if s.Who == esp.Engineer {
			who = "Engineer decides"
		}
		v.Steps = append(v.Steps, stepView{Words: m.show.words(s.Text), Who: who})
	}
	return v
}

func (m *model) evidence(e *esp.Evidence, onset time.Time) evidenceView {
	return evidenceView{Words: m.show.words(e.Text), Spark: m.sparkFor(e.Signal, onset)}
}

// nameWords is the label of a canonical name; another name loses its underscores.
func nameWords(name string) string {
	if id, ok := esp.Lookup(name); ok {
		return id.Info().Label
	}
	return strings.ReplaceAll(name, "_", " ")
}

// alarmsView is the list of active alarms.
type alarmsView struct {
	Count, Highest int
	Word           string // of the highest
	List           []alarmView
}

type alarmView struct {
	Mark      int
	Title     string
	Text      []Words
	Value     *liveView // nil where there is none
	LimitWord string
	Limit     Quantity
	Since     Clock
	State     string
	Attention bool // not acknowledged
}

func (m *model) alarmList() alarmsView {
	v := alarmsView{Count: len(m.o.Alarms)}
	for i := range m.o.Alarms {
		a := &m.o.Alarms[i]
		if v.Highest == 0 || a.Priority < v.Highest {
			v.Highest = a.Priority
		}
		v.List = append(v.List, m.alarm(a))
	}
	v.Word = priorityWord(v.Highest)
	return v
}

func (m *model) alarm(a *esp.Alarm) alarmView {
	v := alarmView{
		Mark: a.Priority, Title: a.Title, Since: m.clock(a.Since), State: alarmWord(a.State), Text: m.show.words(a.Text),
		Attention: a.State == esp.AlarmUnacknowledged || a.State == esp.AlarmReturned,
	}
	id, ok := esp.Lookup(a.Signal)
	if !ok || math.IsNaN(float64(a.Limit)) {
		return v
	}
	v.LimitWord, v.Limit = limitWord(a.ID), m.show.quantity(id, id.Info().Unit, float64(a.Limit))
	if s := m.signals[id]; s != nil && !m.old(s) {
		l := m.live(s)
		v.Value = &l
	}
	return v
}
