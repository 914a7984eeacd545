package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// liveDoc is the JSON of one event of the live stream. A snapshot has everything, a
// change only what differs from the event before it.
type liveDoc struct {
	Seq   uint64     `json:"seq"`
	Time  int64      `json:"time"` // ms since 1970, the appliance's clock
	Well  esp.WellID `json:"well,omitempty"`
	State *esp.State `json:"state,omitempty"`
	Since *int64     `json:"since,omitempty"` // ms; 0: not known
	Scan  *int64     `json:"scan,omitempty"`  // ms, of the latest poll; 0: none
	Fresh *int64     `json:"fresh,omitempty"` // ms that a poll may be old
	Lost  *bool      `json:"lost,omitempty"`  // the drive does not answer
	Zone  *int       `json:"zone,omitempty"`  // minutes of site time from UTC
	// Values by signal name, in stored units.
	Values map[string]liveValue `json:"values,omitempty"`
	// Wells are the states by well id, in the stream over all wells.
	Wells map[esp.WellID]wellDoc `json:"wells,omitempty"`
	// List are the ids of all wells, so that a page notices an added one.
	List []esp.WellID `json:"list,omitempty"`
	// Parts are pieces of the page by name; only for who asked for them.
	Parts map[string]string `json:"parts,omitempty"`
}

// liveValue is one signal. Where there is no value to show, V is null and the last
// one stands apart, with its own time.
type liveValue struct {
	V       esp.Number  `json:"v"`
	T       *int64      `json:"t,omitempty"` // ms relative to the event's time (≤ 0); absent: never read
	Quality esp.Quality `json:"q"`
	Words   string      `json:"w,omitempty"` // the quality in words, where it is not good
	Last    *float64    `json:"l,omitempty"`
	LastT   *int64      `json:"lt,omitempty"`
}

// liveFrame is what one feed last showed, in a form that can be compared.
type liveFrame struct {
	time   time.Time
	well   esp.WellID
	state  *esp.State
	since  *int64
	scan   *int64
	fresh  *int64
	lost   *bool
	zone   int
	values map[string]frameValue
	wells  map[esp.WellID]wellDoc
	list   []esp.WellID
	parts  map[string]string
}

// frameValue is a liveValue with times that do not move with the event.
type frameValue struct {
	value         float64 // 0 where known is false, so that values compare with ==
	known         bool
	at, lastAt    time.Time
	quality       esp.Quality
	words         string
	last          float64
	hasLast, read bool
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (s *Server) wellFrame(o *Overview) (*liveFrame, error) {
	m := s.render.model(o)
	v := s.render.overview(o)
	parts, err := s.render.render(v.parts())
	if err != nil {
		return nil, err
	}
	period := leastFresh
	for i := range o.Devices {
		period = min(period, o.Devices[i].Period)
	}
	f := &liveFrame{
		time: o.Time, well: o.Well.ID, state: new(m.state()), since: new(milli(o.Since)), scan: new(milli(o.Scan)),
		fresh: new(freshFor(period).Milliseconds()), lost: new(m.lost != nil), parts: parts,
		values: make(map[string]frameValue, len(o.Signals)),
	}
	_, f.zone = zone(o.Time, m.loc)
	for i := range o.Signals {
		f.values[o.Signals[i].Name] = m.frameValue(&o.Signals[i])
	}
	return f, nil
}

func (m *model) frameValue(s *Signal) frameValue {
	v := frameValue{quality: s.Reading.Quality, words: qualityWords(s.Reading), at: s.Time, read: !s.Time.IsZero(), known: !m.old(s)}
	switch {
	case v.known:
		v.value = s.Reading.Value
	case !s.LastTime.IsZero():
		v.last, v.lastAt, v.hasLast = s.Last, s.LastTime, true
	}
	if !v.known && v.quality.Shown() { // it was good when it was read, which is too long ago
		v.quality, v.words = esp.Stale, "stale: not read again"
	}
	return v
}

func (v *frameValue) doc(now time.Time) liveValue {
	d := liveValue{V: esp.NoNumber(), Quality: v.quality, Words: v.words}
	if v.known {
		d.V = esp.Number(v.value)
	}
	if v.read {
		d.T = new(v.at.Sub(now).Milliseconds())
	}
	if v.hasLast {
		d.Last, d.LastT = new(v.last), new(v.lastAt.Sub(now).Milliseconds())
	}
	return d
}

func (s *Server) wellsFrame(wells []Summary, now time.Time) (*liveFrame, error) {
	f := &liveFrame{time: now, wells: make(map[esp.WellID]wellDoc, len(wells))}
	_, f.zone = zone(now, s.render.look().location)
	parts := []part{{"banner", "banner", bannerView{Notices: s.cfg.Notices()}}}
	for i := range wells {
		row := s.render.well(&wells[i], now)
		parts = append(parts, part{"well-" + row.ID, "well-line", row})
		f.wells[wells[i].ID] = summaryDoc(&wells[i], now)
		f.list = append(f.list, wells[i].ID)
	}
	var err error
	f.parts, err = s.render.render(parts)
	return f, err
}

// snapshot is everything of f, told at now: a browser sets its clock by it.
func (f *liveFrame) snapshot(seq uint64, now time.Time) liveDoc {
	d := liveDoc{
		Seq: seq, Time: now.UnixMilli(), Well: f.well, State: f.state, Since: f.since, Scan: f.scan, Fresh: f.fresh, Lost: f.lost,
		Zone: &f.zone, Parts: f.parts, Wells: f.wells, List: f.list, Values: make(map[string]liveValue, len(f.values)),
	}
	for name, v := range f.values {
		d.Values[name] = v.doc(now)
	}
	return d
}

// sameShape reports whether f shows the same things as prev, whatever they are now.
// Where it does not a change cannot say so, and viewers need all of it.
func (f *liveFrame) sameShape(prev *liveFrame) bool {
	return sameKeys(f.parts, prev.parts) && sameKeys(f.values, prev.values)
}

func sameKeys[V any](a, b map[string]V) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if _, ok := b[k]; !ok {
			return false
		}
	}
	return true
}

// changes is what differs in f from prev; ok is false where nothing does.
func (f *liveFrame) changes(prev *liveFrame, seq uint64) (d liveDoc, ok bool) {
	d = liveDoc{Seq: seq, Time: f.time.UnixMilli(), Well: f.well, Values: map[string]liveValue{}, Parts: map[string]string{}}
	for name, v := range f.values {
		if prev.values[name] != v {
			d.Values[name] = v.doc(f.time)
		}
	}
	for name, html := range f.parts {
		if prev.parts[name] != html {
			d.Parts[name] = html
		}
	}
	if !maps.Equal(prev.wells, f.wells) {
		d.Wells = f.wells
	}
	changed := len(d.Values) > 0 || len(d.Parts) > 0 || d.Wells != nil
	d.State, changed = differs(prev.state, f.state, changed)
	d.Since, changed = differs(prev.since, f.since, changed)
	d.Scan, changed = differs(prev.scan, f.scan, changed)
	d.Fresh, changed = differs(prev.fresh, f.fresh, changed)
	d.Lost, changed = differs(prev.lost, f.lost, changed)
	d.Zone, changed = differs(&prev.zone, &f.zone, changed)
	return d, changed
}

func differs[T comparable](prev, now *T, changed bool) (*T, bool) {
	if now == nil || (prev != nil && *prev == *now) {
		return nil, changed
	}
	return now, true
}

// event encodes one server-sent event.
func event(kind string, seq uint64, doc any) ([]byte, error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode a live event: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", seq, kind, body)
	return b.Bytes(), nil
}
