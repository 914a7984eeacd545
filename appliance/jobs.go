package appliance

import (
	"context"
	"fmt"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/appliance/schedule"
	"wellkeeper.internal/web"
)

// newScheduler makes the regular jobs of the appliance. It starts none.
func newScheduler(a *App, cfg *config.Config) (*schedule.Scheduler, error) {
	jobs := []schedule.Job{{Name: config.JobVerify, Do: a.verify}, {Name: config.JobSettings, Do: a.readSettings}}
	if cfg.Web.TLS.Mode == config.TLSAuto {
		jobs = append(jobs, schedule.Job{Name: config.JobCertificate, Do: a.renewCertificate})
	}
	for i := range jobs {
		jobs[i].Schedule = cfg.Jobs.Of(jobs[i].Name)
	}
	return schedule.New(schedule.Config{
		Jobs: jobs, Zone: cfg.Site.Location, Memory: a.store.Table("jobs"), Report: a.jobEnded, Log: component(a.log, "jobs"),
	})
}

// jobEnded keeps the run of a job in the log of records.
func (a *App) jobEnded(ctx context.Context, run record.JobRun) {
	r, err := record.Job(run)
	if err == nil {
		_, err = a.store.AppendRecord(ctx, r)
	}
	if err != nil {
		a.log.Error().Err(err).Str("job", run.Job).Msg("the run of a job could not be recorded")
		return
	}
	a.wakeUplink()
}

// Verifying leaves nine parts of ten of the time to everything else, and after each
// block at least a moment.
const (
	verifyShare = 9
	verifyPause = 2 * time.Millisecond
)

// verify reads every stored block through its checksums, slowly.
func (a *App) verify(ctx context.Context) (string, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	v, err := a.store.Verify(ctx, func(ctx context.Context, took time.Duration) error {
		timer.Reset(max(verifyPause, verifyShare*took))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	})
	if err != nil {
		return "", err
	}
	if v.Damaged == 0 {
		return fmt.Sprintf("%d blocks with %d readings of all signals are whole", v.Blocks, v.Scans), nil
	}
	text := fmt.Sprintf("%d of %d stored blocks are damaged; their readings are left out and shown as gaps", v.Damaged, v.Blocks)
	a.event(ctx, "history_damaged", text+". Check the disk (smartctl -a) and replace it if this happens again.")
	return text, nil
}

// Jobs implements web.Jobs.
func (p pages) Jobs(context.Context) []web.Job {
	states := p.app.jobs.Jobs()
	list := make([]web.Job, len(states))
	for i, s := range states {
		list[i] = web.Job{Name: s.Name, Schedule: s.Schedule, Running: s.Running, Next: s.Next}
		if r := s.Last; r != nil {
			list[i].Last = &web.JobRun{
				Due: r.Due, Began: r.Began, Took: time.Duration(r.DurationMs) * time.Millisecond, Outcome: string(r.Outcome), Text: r.Text,
			}
		}
	}
	return list
}
