package web

import (
	"math"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// leastFresh is the shortest age at which a value stops being live, however often it
// is polled.
const leastFresh = 10 * time.Second

// freshFor is how old a value may be and still be shown as live.
func freshFor(period time.Duration) time.Duration { return max(3*period, leastFresh) }

// model turns the overview of a well into what its templates show. It is made anew
// for each rendering; nothing in it outlives that.
type model struct {
	o       *Overview
	now     time.Time
	loc     *time.Location
	show    *shower
	signals map[esp.SignalID]*Signal
	alarms  map[string]*esp.Alarm // the most urgent active one of each signal
	lost    *lostView             // nil while the drive answers
}

func newModel(o *Overview, show *shower, loc *time.Location) *model {
	m := &model{
		o: o, now: o.Time, loc: loc, show: show,
		signals: make(map[esp.SignalID]*Signal, len(o.Signals)), alarms: make(map[string]*esp.Alarm, len(o.Alarms)),
	}
	for i := range o.Signals {
		if s := &o.Signals[i]; s.ID != 0 {
			m.signals[s.ID] = s
		}
	}
	for i := range o.Alarms {
		a := &o.Alarms[i]
		if best, ok := m.alarms[a.Signal]; a.Signal != "" && (!ok || a.Priority < best.Priority) {
			m.alarms[a.Signal] = a
		}
	}
	m.lost = m.findLost()
	return m
}

// state is the state to show: what was last known of a pump is not its state once
// nothing is heard of it.
func (m *model) state() esp.State {
	if m.lost != nil || m.idle() {
		return esp.StateUnknown
	}
	return m.o.State
}

// idle reports whether no scan was made for so long that nothing is live.
func (m *model) idle() bool {
	period := leastFresh
	for i := range m.o.Devices {
		period = min(period, m.o.Devices[i].Period)
	}
	return m.now.Sub(m.o.Scan) > freshFor(period)
}

// lostView is a drive that does not answer.
type lostView struct {
	Unit  uint8
	Since Clock  // last good answer; not valid: none since start
	For   string // how long ago
	Why   string // "Modbus timeout"
}

// findLost looks for the device that tells whether the pump runs: the drive, or for
// want of a drive the first device.
func (m *model) findLost() *lostView {
	d := mainDevice(m.o.Devices)
	if d == nil || d.State == "ok" || d.State == "" {
		return nil
	}
	if !d.LastOK.IsZero() && m.now.Sub(d.LastOK) <= freshFor(d.Period) {
		return nil
	}
	v := &lostView{Unit: d.Unit, Since: m.clock(d.LastOK), Why: errorWords(d.Error)}
	if v.Since.Valid() {
		v.For = esp.Span(m.now.Sub(d.LastOK))
	}
	return v
}

func mainDevice(devices []Device) *Device {
	for i := range devices {
		if devices[i].Kind == "drive" {
			return &devices[i]
		}
	}
	if len(devices) > 0 {
		return &devices[0]
	}
	return nil
}

func (m *model) clock(t time.Time) Clock { return clock(t, m.now, m.loc) }

// live is one signal as the template "live" shows it.
type liveView struct {
	Name   string
	Key    string // of the table of units, with Digits as in Quantity
	Digits int
	Value  Quantity // not valid while Old
	Last   Quantity // the last that could be shown, for the dated tag
	LastAt Clock
	Old    bool
	// Doubt is why the value is marked although it is shown; empty: it is not.
	Doubt string
	// Why says why there is no value; empty while there is one.
	Why string
	// MaxAge is after how many milliseconds the browser must stop showing it as live.
	MaxAge int64
	// Note stands behind the value: PIP, est., leak.
	Note string
	// Wide restricts it to wide screens.
	Wide bool
}

func (m *model) live(s *Signal) liveView {
	v := liveView{
		Name: s.Name, MaxAge: freshFor(s.Period).Milliseconds(), Old: m.old(s),
		Last: m.show.quantity(s.ID, s.Unit, s.Last), LastAt: m.clock(s.LastTime),
	}
	v.Key, v.Digits = v.Last.Key, v.Last.Digits
	if v.Old {
		v.Value = m.show.quantity(s.ID, s.Unit, math.NaN())
		v.Why = reasonWords(s.Reading)
		if s.Reading.Quality.Shown() {
			v.Why = "not read again"
		}
		return v
	}
	v.Value = m.show.quantity(s.ID, s.Unit, s.Reading.Value)
	if s.Reading.Quality.Class() == "suspect" || s.Reading.Quality == esp.AtLimit {
		v.Doubt = reasonWords(s.Reading)
	}
	return v
}

// bare is v without what changes with every scan.
func (v *liveView) bare() liveView {
	b := *v
	b.Value, b.Last, b.LastAt = Quantity{}, Quantity{}, Clock{}
	return b
}

// old reports whether a signal has no value that may be shown as live.
func (m *model) old(s *Signal) bool {
	return !s.Reading.Quality.Shown() || math.IsNaN(s.Reading.Value) || m.now.Sub(s.Time) > freshFor(s.Period)
}

func (m *model) signal(ids ...esp.SignalID) *Signal {
	for _, id := range ids {
		if s, ok := m.signals[id]; ok {
			return s
		}
	}
	return nil
}

// keyView is one tile of the key values.
type keyView struct {
	Label        string
	Live         liveView // its note is the signal's short name
	Mark         int      // alarm priority; 0: none
	Bar          *barView
	Limit        *limitView // the limit that is violated
	Usual        [2]Quantity
	Trend, Arrow string
}

type limitView struct {
	Word  string // low limit, high limit
	Value Quantity
}

// keyCount tiles fit the first screen.
const keyCount = 6

// keys chooses the tiles: what a technician asks first, and where a well has no such
// sensor the next best.
func (m *model) keys() []keyView {
	preferred := [][]esp.SignalID{
		{esp.MotorCurrent, esp.OutputCurrent},
		{esp.IntakePressure},
		{esp.MotorTemperature, esp.MotorTemperatureMax},
		{esp.DischargePressure},
		{esp.LiquidRate, esp.LiquidRateEstimated},
		{esp.VibrationX, esp.VibrationY, esp.VibrationZ},
		{esp.TubingHeadPressure},
		{esp.CasingPressure},
		{esp.OutputPower},
		{esp.MotorVoltage, esp.OutputVoltage},
		{esp.MotorLoad, esp.Torque},
		{esp.DriveTemperature},
		{esp.IntakeTemperature},
		{esp.InputVoltage, esp.DCBusVoltage},
	}
	var out []keyView
	for _, ids := range preferred {
		if s := m.signal(ids...); s != nil && len(out) < keyCount {
			out = append(out, m.key(s))
		}
	}
	return out
}

func (m *model) key(s *Signal) keyView {
	v := keyView{
		Label: label(s), Live: m.live(s), Bar: m.bar(s),
		Usual: [2]Quantity{m.show.quantity(s.ID, s.Unit, s.UsualLow), m.show.quantity(s.ID, s.Unit, s.UsualHigh)},
		Trend: s.Trend, Arrow: trendArrow(s.Trend),
	}
	if s.ID != 0 {
		v.Live.Note = s.ID.Info().Short
	}
	if a, ok := m.alarms[s.Name]; ok && !v.Live.Old {
		v.Mark = a.Priority
		if q := m.show.quantity(s.ID, s.Unit, float64(a.Limit)); q.Valid() {
			v.Limit = &limitView{Word: limitWord(a.ID), Value: q}
		}
	}
	return v
}

// label is the name of a signal for people; estimates say so.
func label(s *Signal) string {
	switch {
	case s.ID == 0:
		return strings.ReplaceAll(s.Name, "_", " ")
	case s.ID == esp.LiquidRateEstimated:
		return "Liquid rate (est.)"
	case s.ID.Info().Kind == esp.Derived:
		return s.ID.Info().Label + " (est.)"
	case s.Derived != nil:
		return s.ID.Info().Label + " (computed)"
	}
	return s.ID.Info().Label
}

func limitWord(alarmID string) string {
	switch {
	case strings.HasSuffix(alarmID, "_low"):
		return "low limit"
	case strings.HasSuffix(alarmID, "_high"):
		return "high limit"
	}
	return "limit"
}

// rowView is one line of the well by depth.
type rowView struct {
	Place string // class and part name
	Label string
	Cells []liveView
	None  string // what stands there without a cell
	Mark  int
	Old   bool
}

type rowCell struct {
	ids  []esp.SignalID
	note string // empty: the signal's short name
	wide bool
}

// rows are the well from the drive down, as in the drawing beside them.
func (m *model) rows() []rowView {
	one := func(ids ...esp.SignalID) rowCell { return rowCell{ids: ids} }
	places := []struct {
		place, label string
		cells        []rowCell
	}{
		{"drive", "Drive", []rowCell{one(esp.DriveFrequency), one(esp.OutputPower), {ids: []esp.SignalID{esp.MotorLoad}, note: "load", wide: true}}},
		{"head", "Wellhead", []rowCell{one(esp.TubingHeadPressure), one(esp.CasingPressure)}},
		{"tubing", "Tubing", []rowCell{one(esp.LiquidRate, esp.LiquidRateEstimated)}},
		{"cable", "Cable", []rowCell{{ids: []esp.SignalID{esp.InsulationResistance}, note: "insulation"}}},
		{"discharge", "Pump discharge", []rowCell{one(esp.DischargePressure), {ids: []esp.SignalID{esp.DischargeTemperature}, wide: true}}},
		{"intake", "Pump intake", []rowCell{one(esp.IntakePressure), one(esp.IntakeTemperature)}},
		{"seal", "Seal", nil},
		{"motor", "Motor", []rowCell{one(esp.MotorTemperature, esp.MotorTemperatureMax), one(esp.MotorCurrent)}},
		{"gauge", "Downhole gauge", []rowCell{one(esp.VibrationX, esp.VibrationY, esp.VibrationZ), {ids: []esp.SignalID{esp.LeakageCurrent}, note: "leak"}}},
	}
	none := "no sensor"
	if len(m.o.Signals) == 0 {
		none = "no reading so far"
	}
	out := make([]rowView, len(places))
	for i, p := range places {
		out[i] = m.row(rowView{Place: p.place, Label: p.label, None: none}, p.cells)
	}
	return out
}

func (m *model) row(row rowView, cells []rowCell) rowView {
	for _, c := range cells {
		s := m.signal(c.ids...)
		if s == nil {
			continue
		}
		v := m.live(s)
		v.Note, v.Wide = c.note, c.wide
		if v.Note == "" {
			v.Note = s.ID.Info().Short
		}
		if s.ID.Info().Kind == esp.Derived {
			v.Note = "est."
		} else if s.Derived != nil && v.Note == "" {
			v.Note = "comp."
		}
		if a, ok := m.alarms[s.Name]; ok && !v.Old && (row.Mark == 0 || a.Priority < row.Mark) {
			row.Mark = a.Priority
		}
		row.Cells = append(row.Cells, v)
	}
	row.Old = len(row.Cells) > 0
	for i := range row.Cells {
		row.Old = row.Old && row.Cells[i].Old
	}
	return row
}

// drawingView are the parts of the drawing that depend on the well.
type drawingView struct {
	Place                string // the part with the most urgent alarm; empty: none
	Mark                 int
	Intake, Perforations Quantity // measured depths; not valid: not entered
}

func (m *model) drawing(rows []rowView) drawingView {
	d := drawingView{Intake: m.depth(m.o.Well.Facts.PumpDepth), Perforations: m.depth(m.o.Well.Facts.PerforationDepth)}
	for i := range rows {
		if r := &rows[i]; r.Mark != 0 && (d.Mark == 0 || r.Mark < d.Mark) {
			d.Place, d.Mark = r.Place, r.Mark
		}
	}
	return d
}

func (m *model) depth(v float64) Quantity {
	if v <= 0 {
		v = math.NaN()
	}
	return m.show.quantity(0, esp.Metre, v)
}
