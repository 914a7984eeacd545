package web

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"sync/atomic"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web/ui"
)

// renderer holds the parsed templates and what they need of the configuration. It is
// safe for concurrent use.
type renderer struct {
	pages map[string]*template.Template
	parts *template.Template
	table string
	base  string // of the assets
	cfg   *Config
	shown atomic.Pointer[look]
}

// look is how values and times are shown.
type look struct {
	units    Units
	location *time.Location
	show     *shower
}

func (r *renderer) look() *look { return r.shown.Load() }

func (r *renderer) setLook(units Units, location *time.Location) {
	r.shown.Store(&look{units: units, location: location, show: newShower(units)})
}

// model is the overview of a well as it is shown now.
func (r *renderer) model(o *Overview) *model {
	l := r.look()
	return newModel(o, l.show, l.location)
}

func newRenderer(cfg *Config, base string) (*renderer, error) {
	table, err := unitTable()
	if err != nil {
		return nil, fmt.Errorf("encode the table of units: %w", err)
	}
	all, err := template.New("").Funcs(template.FuncMap{"priority": priorityWord}).ParseFS(ui.Files(), "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	r := &renderer{pages: make(map[string]*template.Template), parts: all, table: table, base: base, cfg: cfg}
	r.setLook(cfg.Units, cfg.Location)
	for _, name := range []string{"overview", "trends", "drive", "wells", "login", "error"} {
		page, err := all.Clone()
		if err != nil {
			return nil, fmt.Errorf("clone templates: %w", err)
		}
		if _, err := page.Parse(`{{define "body"}}{{template "body-` + name + `" .}}{{end}}`); err != nil {
			return nil, fmt.Errorf("parse the %s page: %w", name, err)
		}
		r.pages[name] = page
	}
	if _, err := all.Parse(`{{define "body"}}{{end}}`); err != nil { // the frame refers to it
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	return r, nil
}

// frameView is a whole page.
type frameView struct {
	Title, Heading, Sub string
	Assets, UnitTable   string
	Units               Units
	Now, NowSeconds     Clock
	NowMilli            int64
	Date                string // of site time, for paper
	Zone                string
	ZoneMinutes         int
	Stream              string // where the page's live stream is; empty: none
	Script              string // of the page beside the one of all pages; empty: none
	Nav                 []navView
	AlarmCount          alarmsView
	Body                any
}

type navView struct {
	Href, Label, Icon string
	Current, Counts   bool
	Wide              bool // on wide screens only
}

func (r *renderer) frame(title string, now time.Time) frameView {
	l := r.look()
	f := frameView{
		Title: title, Heading: title, Assets: r.base, UnitTable: r.table, Units: l.units, NowMilli: now.UnixMilli(),
		Now: clock(now, now, l.location), NowSeconds: clockSeconds(now, now, l.location),
	}
	f.Date = now.In(l.location).Format("2 Jan 2006")
	f.Zone, f.ZoneMinutes = zone(now, l.location)
	return f
}

func (r *renderer) page(name string, f *frameView) ([]byte, error) {
	var b bytes.Buffer
	if err := r.pages[name].ExecuteTemplate(&b, "frame", f); err != nil {
		return nil, fmt.Errorf("render the %s page: %w", name, err)
	}
	return b.Bytes(), nil
}

// overviewView is the body of the Overview page.
type overviewView struct {
	Banner   bannerView
	State    stateView
	Keys     []keyView
	Rows     []rowView
	Drawing  drawingView
	Finding  findingView
	Alarms   alarmsView
	Link     []factView
	Stop     stopView
	Readings []readingView
	Polled   Clock
	Drive    string // path of the page of the devices
	Version  string
}

func (r *renderer) overview(o *Overview) *overviewView {
	m := r.model(o)
	v := &overviewView{
		Banner: m.banner(), State: m.stateCard(), Keys: m.keys(), Rows: m.rows(), Finding: m.finding(), Alarms: m.alarmList(),
		Link: m.linkCard(), Stop: m.stopCard(), Readings: m.readings(), Version: r.cfg.Version,
		Polled: clockSeconds(o.Scan, o.Time, m.loc),
	}
	if !v.Polled.Valid() {
		v.Polled.Text = absent
	}
	v.Drawing = m.drawing(v.Rows)
	return v
}

// wellsView is the body of the list of wells.
type wellsView struct {
	Banner  bannerView
	Rows    []wellView
	Version string
}

type wellView struct {
	ID, Name, Href, Word, Icon, Finding string
	Mark, Alarms, Priority              int
	Updated                             Clock
	Fresh                               bool
}

func (r *renderer) well(s *Summary, now time.Time) wellView {
	v := wellView{
		ID: string(s.ID), Name: s.Name, Href: wellPath(s.ID), Alarms: s.Alarms, Priority: s.Priority,
		Updated: clock(s.Updated, now, r.look().location),
		Fresh:   !s.Updated.IsZero() && now.Sub(s.Updated) <= freshFor(s.Period),
	}
	state := s.State
	if !v.Fresh {
		state = esp.StateUnknown
	}
	v.Word, v.Icon = stateWord(state), stateIcon(state)
	if s.Finding != nil {
		v.Finding, v.Mark = s.Finding.Title, s.Finding.Severity.Priority()
	}
	return v
}

// part is one piece of a page that the live stream replaces when it changes. It is
// an element with the attribute data-part.
type part struct {
	name, template string
	data           any
}

// parts are the pieces of the Overview without the live values, which go their own
// way: a piece changes only when something else about it does.
func (v *overviewView) parts() []part {
	state, finding, alarms := v.State, v.Finding, v.Alarms
	if state.Speed != nil {
		state.Speed = new(state.Speed.bare())
	}
	finding.Now = Clock{}
	alarms.List = slices.Clone(alarms.List)
	for i := range alarms.List {
		if a := &alarms.List[i]; a.Value != nil {
			a.Value = new(a.Value.bare())
		}
	}
	p := []part{
		{"banner", "banner", v.Banner},
		{"state", "state", state},
		{"finding", "finding", finding},
		{"alarms", "alarms", alarms},
		{"count", "alarm-count", alarms},
		{"link", "link", v.Link},
		{"stop", "stop", v.Stop},
		{"draw", "draw", v.Drawing},
	}
	for _, k := range v.Keys {
		k.Live = k.Live.bare()
		if k.Bar != nil {
			bar := *k.Bar
			bar.Pointer = percent(0)
			k.Bar = &bar
		}
		p = append(p, part{"key-" + k.Live.Name, "key", k})
	}
	for _, row := range v.Rows {
		row.Cells = slices.Clone(row.Cells)
		for i := range row.Cells {
			row.Cells[i] = row.Cells[i].bare()
		}
		p = append(p, part{"row-" + row.Place, "row", row})
	}
	return p
}

// render gives the HTML of each part by its name.
func (r *renderer) render(parts []part) (map[string]string, error) {
	out := make(map[string]string, len(parts))
	var b bytes.Buffer
	for _, p := range parts {
		b.Reset()
		if err := r.parts.ExecuteTemplate(&b, p.template, p.data); err != nil {
			return nil, fmt.Errorf("render %s: %w", p.name, err)
		}
		out[p.name] = b.String()
	}
	return out, nil
}
