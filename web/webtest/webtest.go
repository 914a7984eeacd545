// Package webtest is a made-up appliance for the tests of the page: a well in each of
// the states that the page must show, without a store, a drive or an engine.
//
// Its numbers are invented and only plausible. Only tests import it; the program in
// serve puts it behind a real server for the browser tests.
package webtest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web"
)

// Moment is the time of the made-up well when its clock stands still.
func Moment() time.Time { return time.Date(2026, 11, 23, 19, 32, 7, 0, time.UTC) }

// Site is the time zone of the made-up well.
func Site() *time.Location { return time.FixedZone("site", -5*3600) }

// States are the names that Set knows.
func States() []string {
	return []string{"live", "gas", "lost", "onelost", "tripped", "stopped", "filling", "empty", "minimal", "gaslock"}
}

// Source implements every interface that web needs.
type Source struct {
	now   func() time.Time
	start time.Time // everything of the past is told from here
	// columns are those of the well, for the past.
	columns map[esp.SignalID]column

	mu      sync.Mutex // guards what follows
	wells   []string
	state   string
	frozen  time.Time // when the drive fell silent
	set     map[string]float64
	tick    uint64
	changed chan struct{}
	fail    error
	alter   func(*web.Overview)
	still   time.Time // zero: scans come
	deps    []web.Dependency
	wrong   []web.Condition
	// compared is the last comparison with the panel.
	compared *record.PanelComparison
}

var (
	_ web.Wells     = (*Source)(nil)
	_ web.Changes   = (*Source)(nil)
	_ web.Telemetry = (*Source)(nil)
	_ web.Diagnoses = (*Source)(nil)
	_ web.Health    = (*Source)(nil)
	_ web.Jobs      = (*Source)(nil)
)

// New makes a source with the given wells (RB-114 where none is named) in state live.
func New(now func() time.Time, wells ...string) *Source {
	if len(wells) == 0 {
		wells = []string{"RB-114"}
	}
	return &Source{
		now: now, start: now(), columns: columns(), wells: wells, state: "live", set: map[string]float64{}, changed: make(chan struct{}),
		deps: []web.Dependency{{Name: "storage", Status: "ok", Required: true}, {Name: "modbus/RB-114/drive", Status: "ok"}},
	}
}

// Config is a configuration of web that shows s. The listener is the caller's.
func (s *Source) Config() web.Config {
	return web.Config{
		Curves: s, Notes: s, Devices: s, Auth: s.users(),
		AnonymousView: true, Wells: s, Changes: s, Telemetry: s, Diagnoses: s, Health: s, Jobs: s,
		Location: Site(), Version: "1.2.3", Now: s.now,
	}
}

// SetWells changes which wells there are and wakes the viewers.
func (s *Source) SetWells(wells ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wells = wells
	s.wakeLocked()
}

// Set changes the state and wakes the viewers.
func (s *Source) Set(state string) error {
	if !slices.Contains(States(), state) {
		return fmt.Errorf("unknown state %q", state)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == "lost" && s.state != "lost" {
		s.frozen = s.now().Add(-252 * time.Second)
	}
	s.state = state
	s.wakeLocked()
	return nil
}

// Value fixes the value of a signal, in its stored unit.
func (s *Source) Value(signal string, v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set[signal] = v
	s.wakeLocked()
}

// SetDependencies replaces what Dependencies answers.
func (s *Source) SetDependencies(deps ...web.Dependency) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deps = deps
}

// Alter changes every overview before it is handed out; nil ends that.
func (s *Source) Alter(f func(*web.Overview)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alter = f
	s.wakeLocked()
}

// Still stops the scans, as a poller that hangs does; false lets them go on.
func (s *Source) Still(still bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.still = time.Time{}
	if still {
		s.still = s.now()
	}
}

// Fail makes every call that can fail return err.
func (s *Source) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Tick makes the next scan: values move a little.
func (s *Source) Tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.still.IsZero() {
		s.tick++
		s.wakeLocked()
	}
}

func (s *Source) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed implements web.Changes.
func (s *Source) Changed(esp.WellID) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Wells implements web.Wells.
func (s *Source) Wells(ctx context.Context) []web.Summary {
	s.mu.Lock()
	wells := slices.Clone(s.wells)
	s.mu.Unlock()
	var out []web.Summary
	for i, id := range wells {
		o, err := s.Overview(ctx, esp.WellID(id))
		if err != nil {
			continue
		}
		sum := web.Summary{
			ID: o.Well.ID, Name: id, State: o.State, Since: o.Since, Updated: o.Scan, Period: time.Second, Alarms: len(o.Alarms),
		}
		if len(o.Findings) > 0 {
			sum.Finding, sum.Priority = &o.Findings[0], 2
		}
		if i == 1 { // the second of a pad is quiet
			sum.Finding, sum.Alarms, sum.Priority = nil, 0, 0
		}
		if i == 2 { // the third has not been heard for an hour
			sum.Updated = sum.Updated.Add(-time.Hour)
		}
		out = append(out, sum)
	}
	return out
}

// Overview implements web.Wells.
func (s *Source) Overview(_ context.Context, well esp.WellID) (*web.Overview, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	if !slices.Contains(s.wells, string(well)) {
		return nil, web.ErrNoWell
	}
	o := s.overviewLocked(well)
	if s.alter != nil {
		s.alter(o)
	}
	return o, nil
}

// Dependencies implements web.Health.
func (s *Source) Dependencies(context.Context) []web.Dependency {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deps)
}

// SetConditions replaces what Conditions answers.
func (s *Source) SetConditions(conditions ...web.Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = conditions
}

// Conditions implements web.Health.
func (s *Source) Conditions(context.Context) []web.Condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrong)
}

// History implements web.Telemetry: one row a minute (or scan by scan, one a second)
// for the last ten.
func (s *Source) History(_ context.Context, _ esp.WellID, signals []esp.SignalID, from, to time.Time, step time.Duration) ([]web.Row, error) {
	if s.failing() != nil {
		return nil, s.failing()
	}
	var rows []web.Row
	by, number := step, uint64(0)
	if by == 0 {
		by, number = time.Second, 1000
	}
	for i := range 10 {
		t := to.Truncate(by).Add(-time.Duration(i) * by)
		if t.Before(from) || !t.Before(to) {
			continue
		}
		row := web.Row{Time: t}
		if number > 0 {
			row.Number = number - uint64(i)
		}
		for _, id := range signals {
			row.Values = append(row.Values, base(id))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Totals implements web.Telemetry.
func (s *Source) Totals(_ context.Context, _ esp.WellID, signals []esp.SignalID) (web.Totals, error) {
	now := s.now()
	t := web.Totals{First: now.Add(-24 * time.Hour), Last: now, Scans: 86400}
	for _, id := range signals {
		t.Means = append(t.Means, base(id))
	}
	return t, s.failing()
}

// Diagnoses implements web.Diagnoses.
func (s *Source) Diagnoses(_ context.Context, q web.DiagnosisQuery) ([]web.StoredDiagnosis, error) {
	if s.failing() != nil {
		return nil, s.failing()
	}
	now := s.now()
	lock, gas := GasLock("RB-114", now.Add(-48*time.Hour)), Gas("RB-114", now)
	all := []web.StoredDiagnosis{
		{Number: 42, Diagnosis: gas, Snapshot: s.row()},
		{Number: 17, Diagnosis: lock, Resolved: now.Add(-47 * time.Hour)},
	}
	var out []web.StoredDiagnosis
	for _, d := range all {
		if (q.Severity == "" || d.Diagnosis.Severity == q.Severity) && (q.Well == "" || d.Diagnosis.Well == q.Well) && len(out) < q.Limit {
			out = append(out, d)
		}
	}
	return out, nil
}

// Count implements web.Diagnoses.
func (s *Source) Count(context.Context, esp.WellID) (all, critical int, err error) {
	return 2, 1, s.failing()
}

// Analyze implements web.Diagnoses.
func (s *Source) Analyze(ctx context.Context, well esp.WellID, store bool) (web.StoredDiagnosis, error) {
	o, err := s.Overview(ctx, well)
	if err != nil {
		return web.StoredDiagnosis{}, err
	}
	if o.Scan.IsZero() {
		return web.StoredDiagnosis{}, web.ErrNoData
	}
	d := web.StoredDiagnosis{Snapshot: s.row()}
	if store {
		d.Number = 43
	}
	if len(o.Findings) > 0 {
		d.Diagnosis = o.Findings[0]
	}
	return d, nil
}

func (s *Source) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *Source) row() *web.Row {
	r := &web.Row{Number: 1000, Time: s.now()}
	for _, id := range web.PlatformSignals() {
		r.Values = append(r.Values, base(id))
	}
	return r
}

// base is what a signal of the made-up well reads, in its stored unit; NaN where the
// well has no such signal.
func base(id esp.SignalID) float64 {
	if c, ok := columns()[id]; ok {
		return c.value
	}
	return math.NaN()
}

// Jobs lists one job that has run, one under way and one that is off.
func (s *Source) Jobs(context.Context) []web.Job {
	at := s.start.Truncate(24 * time.Hour)
	return []web.Job{
		{Name: "verify", Schedule: "30 2 * * 0", Next: at.Add(6 * 24 * time.Hour), Last: &web.JobRun{
			Due: at, Began: at.Add(7 * time.Second), Took: 95 * time.Second, Outcome: "done", Text: "720 blocks with 2592000 readings of all signals are whole",
		}},
		{Name: "certificate", Schedule: "15 3 * * *", Running: true, Next: at.Add(27 * time.Hour)},
		{Name: "backup", Schedule: "off"},
	}
}
