package appliance

import (
	"context"
	"time"

	"wellkeeper.internal/appliance/derive"
	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// open are the diagnoses and alarms that are open now.
func (p *pipeline) open() ([]esp.Diagnosis, []esp.Alarm) {
	p.work.Lock()
	defer p.work.Unlock()
	return p.engine.Open(), p.alarms.Active()
}

// revise puts other facts and limits in the place of the present ones, between two
// scans. What the engine has learned stays.
func (p *pipeline) revise(ctx context.Context, well esp.Well, faults faultWords) {
	p.work.Lock()
	p.engine.SetWell(well)
	p.engine.SetFaults(faults)
	p.faults = faults
	p.deriver, p.past = derive.New(well.Facts, p.layout), derive.New(well.Facts, p.layout)
	changed := p.alarms.SetLimits(well.Limits)
	active := p.alarms.Active()
	p.work.Unlock()
	if p.reliving() {
		return // what is open is not known yet; it is told when it is
	}
	p.keep(ctx, changes{alarms: changed})
	p.mu.Lock()
	p.published.Alarms = active
	p.mu.Unlock()
	p.board.Touch()
}

// relayout makes ready for scans of another layout; no scan may be under way. Engine,
// alarms and curves take over what is in both layouts with the first scan. revise comes
// after it.
func (p *pipeline) relayout(layout *esp.Layout) {
	p.work.Lock()
	p.layout = layout
	p.gate = diagnosis.NewGate(layout)
	p.work.Unlock()
	p.mu.Lock()
	p.published.Bands = nil // they stand by column
	p.mu.Unlock()
}

// retire ends what is open of a well that is watched no more: otherwise it would stay
// open at headquarters for ever.
func (p *pipeline) retire(ctx context.Context) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	var c changes
	diagnoses, alarms := p.open()
	if p.reliving() { // stopped before it was known: what the log says is open ends
		now := p.snapshot()
		diagnoses, alarms = now.Findings, now.Alarms
	}
	for _, d := range diagnoses {
		d.Change, d.Time = esp.Cleared, now
		c.diagnoses = append(c.diagnoses, d)
	}
	for _, a := range alarms {
		a.Change, a.State, a.Time = esp.Cleared, esp.AlarmNormal, now
		a.Text = a.Title + " is over: the well was taken out of the configuration."
		c.alarms = append(c.alarms, a)
	}
	p.keep(ctx, c)
	p.board.Touch()
}
