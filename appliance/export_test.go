package appliance

import (
	"context"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
)

// Late counts the ticks of a well that were skipped because this process was not
// given the processor in time, since its poller started.
func (a *App) Late(id esp.WellID) uint64 { return a.well(id).poller.Status()[0].Missed }

// LastScan is the number of the latest stored scan of a well.
func (a *App) LastScan(id esp.WellID) uint64 {
	scan, _ := a.store.Latest(id)
	return scan.Seq
}

// Verify is a job, without its schedule.
func (a *App) Verify(ctx context.Context) (string, error) { return a.verify(ctx) }

// ReadSettings is the job that reads the devices' settings.
func (a *App) ReadSettings(ctx context.Context) (string, error) { return a.readSettings(ctx) }

// RenewCertificate is a job too.
func (a *App) RenewCertificate(ctx context.Context) (string, error) { return a.renewCertificate(ctx) }

// Wedge puts something between the pipelines and the store, before Run: before is
// called with each scan and can hold it up.
func (a *App) Wedge(before func()) {
	for _, w := range a.wells() {
		w.pipeline.store = wedged{w.pipeline.store, before, func() {}}
	}
}

// HoldRecords puts something between the pipelines and the log of records, before Run:
// before is called ahead of each write.
func (a *App) HoldRecords(before func()) {
	for _, w := range a.wells() {
		w.pipeline.store = wedged{w.pipeline.store, func() {}, before}
	}
}

type wedged struct {
	history
	before  func()
	records func()
}

func (w wedged) AppendRecords(ctx context.Context, records []record.Record) (uint64, error) {
	w.records()
	return w.history.AppendRecords(ctx, records)
}

func (w wedged) Append(ctx context.Context, s *esp.Scan) (uint64, error) {
	w.before()
	return w.history.Append(ctx, s)
}

// Uplink identifies the way to headquarters that is in use; nil where there is none.
func (a *App) Uplink() any {
	if f := a.uplink.Load(); f != nil {
		return f
	}
	return nil
}

// TapAddress is where other masters read; empty while they cannot.
func (a *App) TapAddress() string {
	if t := a.tap.Load(); t != nil && t.server.Load() != nil {
		return t.server.Load().Addr().String()
	}
	return ""
}

// Stall ends the polling of a well as if it were stuck.
func (a *App) Stall(id esp.WellID) { a.well(id).poller.Stop() }
