package appliance

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/appliance/health"
	"wellkeeper.internal/appliance/schedule"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/web"
)

// storeLook is what the store and the jobs said when they were last asked, which can wait
// for the disk.
type storeLook struct {
	status storage.Status
	jobs   []schedule.State
	at     time.Time
}

// facts reads what the components know of themselves, from memory only.
func (a *App) facts() *health.Facts {
	cfg := a.config.Load()
	f := &health.Facts{
		Time: a.clock.Now(), Up: time.Since(a.began), Started: a.began, Version: a.version, Unclean: a.unclean,
		Store: storeFacts(a.stored.Load(), cfg.Store.CommitEvery), Uplink: a.uplinkFacts(),
		Tap:    a.tapFacts(),
		Config: a.configFacts(), Process: a.processFacts(),
	}
	if pair := a.certificate.pair.Load(); pair != nil && pair.Leaf != nil {
		f.Certificate = pair.Leaf.NotAfter
	}
	for _, j := range a.stored.Load().jobs {
		f.Jobs = append(f.Jobs, jobFacts(&j))
	}
	wells := a.wells()
	polls := longestPoll(wells)
	for _, w := range wells {
		f.Wells = append(f.Wells, w.facts(w.period+polls))
	}
	return f
}

func (a *App) configFacts() health.Config {
	cfg := a.config.Load()
	f := health.Config{Warnings: cfg.Warnings}
	if r := a.refused.Load(); r != nil {
		f.Refused, f.Since = r.text(cfg.Site.Location), r.at
	}
	if keys := a.waiting.Load(); keys != nil {
		f.Waiting = *keys
	}
	return f
}

// facts are those of a well whose scan takes at most so long.
func (w *well) facts(patience time.Duration) health.Well {
	now := w.pipeline.snapshot()
	f := health.Well{
		ID: w.esp.ID, State: now.State, Patience: patience, Scan: now.Scan, Handled: now.Handled,
		Filling: now.Filling != nil, Tally: now.Tally,
	}
	for i := range now.Findings {
		f.Findings = append(f.Findings, health.Finding{ID: now.Findings[i].ID, Severity: now.Findings[i].Severity})
	}
	for i := range now.Alarms {
		f.Alarms = append(f.Alarms, now.Alarms[i].Priority)
	}
	for i, s := range w.poller.Status() {
		f.Devices = append(f.Devices, health.Device{
			ID: s.Device, Kind: w.devices[i].Profile.Kind, Period: w.devices[i].Period, Answers: s.State == modbus.StateOK,
			LastOK: s.LastOK, LastReason: s.LastReason, LastText: s.LastText, Polls: s.Polls, Failed: s.Failed, Missed: s.Missed,
			Errors: s.Errors, Unsupported: s.NotSupported, Good: s.Good, Took: s.PollTime, P50: s.PollP50, P95: s.PollP95,
		})
	}
	return f
}

func jobFacts(s *schedule.State) health.Job {
	f := health.Job{Name: s.Name, Running: s.Running, Next: s.Next}
	if r := s.Last; r != nil {
		f.Began, f.Took = r.Began, time.Duration(r.DurationMs)*time.Millisecond
		f.Failed, f.Text = r.Outcome == record.JobFailed, r.Text
	}
	return f
}

func storeFacts(look *storeLook, commitEvery time.Duration) health.Store {
	s := &look.status
	f := health.Store{
		Looked: look.at, Failed: s.Failed, Full: s.Full, Error: s.LastError, LastCommit: s.LastCommit, CommitEvery: commitEvery,
		LostScans: s.Lost, LostRecords: s.RecordsFailed,
		TornTails: s.TornTails, DamagedFrames: s.DamagedFrames, DamagedBlocks: s.DamagedBlocks, Quarantined: s.Quarantined,
		Journal: s.JournalBytes, State: s.StateBytes, History: s.HistoryBytes, Segments: s.Segments,
		Written: s.WrittenBytes, Commits: s.Commits, Sealed: s.SealedBlocks,
		DiskFree: s.DiskFree, DiskTotal: s.DiskTotal, DaysLeft: s.DaysLeft,
	}
	for i := range s.Wells {
		w := &s.Wells[i]
		f.Wells = append(f.Wells, health.StoredWell{
			ID: w.Well, Scans: w.Numbered, Pending: w.Pending, Newest: w.Newest, Durable: w.NewestDurable,
		})
	}
	return f
}

func (a *App) uplinkFacts() *health.Uplink {
	up := a.uplink.Load()
	if up == nil {
		return nil
	}
	s := up.Status()
	f := &health.Uplink{
		State: string(s.State), WaitingScans: s.WaitingScans, WaitingRecords: s.WaitingRecords, Oldest: s.OldestWaiting,
		LastSuccess: s.LastSuccess, Errors: map[string]uint64{}, Batches: s.Batches, Applied: s.Rows, Repeated: s.Repeated,
		Payload: s.Payload, Sent: s.BytesSent, Received: s.BytesReceived, NotCarried: s.NotCarried, Gone: s.Gone,
		Quarantined: len(s.Quarantined),
	}
	if s.LastError != nil {
		f.Class, f.Error = string(s.LastError.Class), s.LastError.Text
	}
	for class, n := range s.Errors {
		f.Errors[string(class)] = n
	}
	for _, h := range s.Held {
		f.Held = append(f.Held, health.Held{Well: h.Well, Text: h.Text})
	}
	return f
}

func (a *App) processFacts() health.Process {
	p := health.Process{Limit: a.memoryLimit}
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	p.Memory = sample[0].Value.Uint64() - sample[1].Value.Uint64()
	if a.server != nil {
		p.Streams, p.Dropped = a.server.Live()
	}
	return p
}

// memoryLimit is how much memory the process may use: what GOMEMLIMIT says or the
// control group, whichever is less; 0: no limit.
func memoryLimit() uint64 {
	limit := uint64(debug.SetMemoryLimit(-1))
	group, err := os.ReadFile("/proc/self/cgroup")
	if err == nil {
		for line := range strings.Lines(string(group)) {
			path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
			if !ok {
				continue
			}
			text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", path, "memory.max"))
			if n, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil {
				limit = min(limit, n)
			}
		}
	}
	if limit >= math.MaxInt64 {
		return 0
	}
	return limit
}

// Conditions lists what is wrong with the appliance, most urgent first.
func (p pages) Conditions(context.Context) []web.Condition {
	var list []web.Condition
	report := p.app.monitor.Report()
	for i := range report.Conditions {
		c := &report.Conditions[i]
		list = append(list, web.Condition{
			Code: string(c.Kind.Code), Severity: c.Kind.Severity, Since: c.Since.UTC(), Subject: c.Subject.String(),
			Text: c.Text, Action: c.Kind.Action, Who: c.Kind.Who, Failing: c.Kind.Failing,
		})
	}
	return list
}

// Dependencies lists the store, each device and the way to headquarters.
func (p pages) Dependencies(context.Context) []web.Dependency {
	report := p.app.monitor.Report()
	store := web.Dependency{Name: "storage", Status: "ok", Required: true}
	polling := web.Dependency{Name: "polling", Status: "ok", Required: true}
	for i := range report.Conditions {
		c := &report.Conditions[i]
		switch {
		case c.Subject.Part == "storage":
			worsen(&store, c)
		case c.Kind.Failing:
			worsen(&polling, c)
		}
	}
	list := []web.Dependency{store, polling}
	for i := range report.Facts.Wells {
		w := &report.Facts.Wells[i]
		for j := range w.Devices {
			d := &w.Devices[j]
			dep := web.Dependency{Name: fmt.Sprintf("modbus/%s/%s", w.ID, d.ID), Status: "ok"}
			if d.Polls > 0 && !d.Answers {
				dep.Status, dep.Detail = "failed", d.LastText
			}
			list = append(list, dep)
		}
	}
	if r := p.app.refused.Load(); r != nil {
		list = append(list, web.Dependency{Name: "configuration", Status: "degraded", Detail: r.text(time.UTC)})
	}
	if u := report.Facts.Uplink; u != nil {
		dep := web.Dependency{Name: "central", Status: "ok"}
		if u.Error != "" {
			dep.Status, dep.Detail = "degraded", u.Error
		}
		list = append(list, dep)
	}
	return list
}

// worsen lets a dependency tell the most urgent of its conditions.
func worsen(d *web.Dependency, c *health.Condition) {
	switch {
	case c.Kind.Failing && d.Status != "failed":
		d.Status, d.Detail = "failed", c.Text
	case d.Status == "ok" && c.Kind.Severity != esp.SeverityInfo:
		d.Status, d.Detail = "degraded", c.Text
	}
}

// maxNotices keeps the pump in sight.
const maxNotices = 2

// banners stand at the top of the page of a well, or with no well of the list of wells:
// what is to be said of the configuration, and the conditions that a technician at the
// box must act on.
func (a *App) banners(id esp.WellID) []string {
	list := a.notices()
	report := a.monitor.Report()
	told := 0
	for i := range report.Conditions {
		c := &report.Conditions[i]
		if c.Kind.Banner && (c.Subject.Well == "" || c.Subject.Well == id) && told < maxNotices {
			list = append(list, c.Text+" "+c.Kind.Action)
			told++
		}
	}
	return list
}

// recordChanges tells what began and ended in the log of records and on stderr. It can
// wait for the disk.
func (a *App) recordChanges(ctx context.Context) {
	changes := a.monitor.Changes()
	records := make([]record.Record, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		id := string(c.Condition.Kind.Code) + "_raised"
		if c.Ended {
			id = string(c.Condition.Kind.Code) + "_cleared"
		}
		a.log.Info().Str("component", "health").Str("event", id).Stringer("subject", c.Condition.Subject).
			Str("severity", string(c.Condition.Kind.Severity)).Str("text", c.Condition.Text).Msg("a condition changed")
		if c.Condition.Kind.Recorded {
			continue
		}
		r, err := record.Event(esp.Event{Well: c.Condition.Subject.Well, Time: c.Time.UTC().Truncate(time.Millisecond), ID: id, Text: c.Sentence()})
		if err != nil {
			a.log.Error().Err(err).Msg("a record could not be encoded")
			continue
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return
	}
	if _, err := a.store.AppendRecords(ctx, records); err != nil {
		a.log.Error().Err(err).Int("records", len(records)).Msg("records could not be stored")
		return
	}
	a.wakeUplink()
}

// The mark of a run stands in the data folder from its start to its proper stop.
const (
	markTable = "appliance"
	markKey   = "running"
)

// wasRunning reports whether the run before ended without a proper stop.
func (a *App) wasRunning() bool {
	mark, err := a.store.Table(markTable).Get([]byte(markKey))
	if err != nil {
		a.log.Warn().Err(err).Msg("it is not known how the run before ended")
	}
	return mark != nil
}

// markRunning sets the mark or takes it away.
func (a *App) markRunning(running bool) {
	table := a.store.Table(markTable)
	var err error
	if running {
		err = table.Put([]byte(markKey), []byte(a.version))
	} else {
		err = table.Delete([]byte(markKey))
	}
	if err != nil {
		a.log.Warn().Err(err).Bool("running", running).Msg("the mark of this run could not be changed")
	}
}
