package appliance

import (
	"context"

	"wellkeeper.internal/appliance/esp"
)

// Late counts the ticks of a well that were skipped because this process was not
// given the processor in time, since its poller started.
func (a *App) Late(id esp.WellID) uint64 { return a.well(id).poller.Status()[0].Missed }

// Verify and RenewCertificate are jobs, without their schedule.
func (a *App) Verify(ctx context.Context) (string, error)           { return a.verify(ctx) }
func (a *App) RenewCertificate(ctx context.Context) (string, error) { return a.renewCertificate(ctx) }
