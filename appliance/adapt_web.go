package appliance

import (
	"context"
	"fmt"
	"math"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/web"
)

// pages implements what the page needs of the running wells.
type pages struct{ app *App }

var (
	_ web.Wells   = pages{}
	_ web.Changes = pages{}
	_ web.Health  = pages{}
	_ web.Jobs    = pages{}
)

// Wells lists the wells in the order of the configuration.
func (p pages) Wells(context.Context) []web.Summary {
	list := make([]web.Summary, 0, len(p.app.wells()))
	for _, w := range p.app.wells() {
		now := w.pipeline.snapshot()
		s := web.Summary{
			ID: w.esp.ID, Name: w.esp.Name, State: now.State, Since: now.Since,
			Updated: w.updated(), Period: w.period, Alarms: len(now.Alarms),
		}
		if len(now.Findings) > 0 {
			s.Finding = &now.Findings[0]
		}
		for _, a := range now.Alarms {
			if s.Priority == 0 || a.Priority < s.Priority {
				s.Priority = a.Priority
			}
		}
		list = append(list, s)
	}
	return list
}

// Changed is closed at the next change of the well.
func (p pages) Changed(id esp.WellID) <-chan struct{} {
	if w := p.app.well(id); w != nil {
		return w.pipeline.board.Changed()
	}
	return nil
}

// Overview puts together everything that the page of a well shows.
func (p pages) Overview(_ context.Context, id esp.WellID) (*web.Overview, error) {
	w := p.app.well(id)
	if w == nil {
		return nil, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	now := w.pipeline.snapshot()
	signals, scan := w.pipeline.board.Latest()
	o := &web.Overview{
		Well: w.esp, Time: p.app.clock.Now(), State: now.State, Since: now.Since, Life: web.Life(now.Life), Scan: scan, Number: now.Seq,
		Signals: signals, Findings: now.Findings, Alarms: now.Alarms, Devices: w.devicesView(),
		Uplink: p.app.uplinkView(), Storage: *p.app.disk.Load(), Filling: now.Filling,
		Notices: p.app.banners(id),
	}
	for _, b := range now.Blind {
		o.Unassessed = append(o.Unassessed, web.Unassessed{Title: b.Title, Missing: b.Missing})
	}
	for i := range signals {
		s := &signals[i]
		s.Period = w.periodOf(s.Device, s.Name)
		if i < len(now.Bands) && now.Bands[i].known {
			s.UsualLow, s.UsualHigh = now.Bands[i].low, now.Bands[i].high
		}
		if i < len(now.Bands) {
			s.Trend = string(now.Bands[i].trend)
		}
		if s.ID == esp.FaultCode && s.Reading.Quality.Shown() {
			o.Fault = w.fault(int64(s.Reading.Value))
		}
	}
	w.describe(o, now.Layout)
	if now.Stop != nil {
		o.Stop = w.stopView(now.Stop, signals)
	}
	return o, nil
}

// updated is the time of the latest value of the drive, or where there is none of any
// device.
func (w *well) updated() time.Time {
	signals, _ := w.pipeline.board.Latest()
	var newest time.Time
	for i := range signals {
		s := &signals[i]
		if (s.Device == w.drive || w.drive == "") && s.LastTime.After(newest) {
			newest = s.LastTime
		}
	}
	return newest
}

func (w *well) devicesView() []web.Device {
	status := w.poller.Status()
	list := make([]web.Device, len(status))
	for i, s := range status {
		list[i] = web.Device{
			ID: s.Device, Kind: w.devices[i].Profile.Kind, URL: s.URL, Unit: s.Unit, Period: w.devices[i].Period,
			State: string(s.State), LastOK: s.LastOK, Polls: s.Polls, Failed: s.Failed,
			FailedLastHour: w.failures.lastHour(i, s.Failed, time.Now()), PollTime: s.PollP95,
		}
		if s.Polls == 0 {
			list[i].State = ""
		}
		if s.State != modbus.StateOK && s.Polls > 0 {
			list[i].Error, list[i].ErrorText = s.LastReason.String(), s.LastText
		}
	}
	return list
}

// faults are those that the profile of the device knows that gives the fault code.
func (w *well) faults() *profile.Faults {
	device := w.drive
	if i := w.poller.Layout().Index(esp.FaultCode); i >= 0 {
		device = w.poller.Layout().Columns[i].Device
	}
	for i := range w.devices {
		if w.devices[i].ID == device {
			return &w.devices[i].Profile.Faults
		}
	}
	return &profile.Faults{}
}

// fault is a drive's code in the words of its profile.
func (w *well) fault(code int64) *web.Fault {
	f := &web.Fault{Code: code}
	if code != 0 {
		f.Text = w.faults().Text(code)
	}
	return f
}

// faultWords is what the profile of the drive says of a code, for the diagnosis.
func (w *well) faultWords(code int64) diagnosis.Fault {
	f := w.faults().Table[code]
	return diagnosis.Fault{Text: f.Text, Canonical: f.Canonical}
}

func (w *well) stopView(s *diagnosis.Stop, signals []web.Signal) *web.Stop {
	v := &web.Stop{
		Time: s.At, Trip: s.State == esp.Tripped || s.State == esp.RestartWait, Restarted: s.Restarted,
		Before: map[string]float64{}, RestartsDone: -1, RestartsAllowed: -1,
	}
	if s.HasFault {
		v.Fault = w.fault(s.Fault)
	}
	if !s.Restarted.IsZero() && s.Automatic {
		v.RestartedBy = "drive"
	}
	for _, b := range s.Before {
		v.Before[b.Signal.String()] = b.Value
	}
	for i := range signals {
		r := &signals[i]
		if !r.Reading.Quality.Shown() || math.IsNaN(r.Reading.Value) {
			continue
		}
		switch r.ID {
		case esp.RestartsDone:
			v.RestartsDone = int(r.Reading.Value)
		case esp.RestartRemaining:
			if r.Reading.Value > 0 && s.Restarted.IsZero() {
				v.Blocks = append(v.Blocks, "the drive waits "+esp.Span(time.Duration(r.Reading.Value)*time.Second)+" before it may start again")
			}
		default:
		}
	}
	return v
}
