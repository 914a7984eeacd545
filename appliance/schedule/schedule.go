// Package schedule runs the appliance's regular jobs: by cron expressions, on a clock
// that may be wrong. It remembers over restarts which times have been served, looks
// anew every minute instead of trusting one long timer, and so makes a missed run up
// once, never runs twice for the same time, and is not silenced by a clock that was
// set back.
//
// It knows nothing of what the jobs do. The appliance package composes it; config
// reads its expressions.
package schedule

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp/record"
)

const (
	// lookEvery is how often the clock is looked at.
	lookEvery = time.Minute
	// attempts is how often a run that a stop cut off is begun in all: a job that takes
	// the appliance down with it must not do so at each start.
	attempts = 3
)

// Job is something that is done regularly.
type Job struct {
	Name     string
	Schedule Expression
	// Do does it and says in a sentence what was done; it ends soon when ctx does.
	Do func(ctx context.Context) (text string, err error)
}

// Config configures a Scheduler. All fields are required, except where it is said.
type Config struct {
	Jobs   []Job
	Zone   *time.Location // of the expressions
	Memory Memory
	// Report takes each run when it has ended.
	Report func(context.Context, record.JobRun)
	Now    func() time.Time // the wall clock; time.Now where nil
	Log    zerolog.Logger   // the zero Logger writes nothing
}

// Scheduler runs jobs.
type Scheduler struct {
	cfg  Config
	wait sync.WaitGroup // for the runs under way

	jobs []*job

	mu   sync.Mutex // guards zone and what can change of jobs; held while the memory is written
	zone *time.Location
}

type job struct {
	Job
	memo    memo
	running bool
}

// State is a job as it stands.
type State struct {
	Name     string
	Schedule string // as it was written; off: it never runs by itself
	Running  bool
	// Next is when it is due; zero where it is off.
	Next time.Time
	// Last is its last run; nil where there was none.
	Last *record.JobRun
}

// New makes a scheduler. It starts nothing.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Scheduler{cfg: cfg, zone: cfg.Zone}
	for _, j := range cfg.Jobs {
		if j.Do == nil || slices.ContainsFunc(s.jobs, func(k *job) bool { return k.Name == j.Name }) {
			return nil, fmt.Errorf("BUG: job %q has nothing to do or stands twice", j.Name)
		}
		m, err := s.load(j.Name)
		if err != nil {
			// What is lost is only when it ran: the job begins anew.
			cfg.Log.Error().Err(err).Str("job", j.Name).Msg("the memory of a job could not be read")
		}
		s.jobs = append(s.jobs, &job{Job: j, memo: m})
	}
	return s, nil
}

// Jobs tells how each job stands, in the order in which they were given.
func (s *Scheduler) Jobs() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	out := make([]State, len(s.jobs))
	for i, j := range s.jobs {
		out[i] = State{Name: j.Name, Schedule: j.Schedule.String(), Running: j.running, Next: s.nextOf(j, now), Last: j.memo.Last}
	}
	return out
}

// SetSchedules gives the jobs other times, from the next minute on. A job whose times
// are others owes nothing of the past.
func (s *Scheduler) SetSchedules(of func(name string) Expression, zone *time.Location) {
	s.mu.Lock()
	s.zone = zone
	for _, j := range s.jobs {
		j.Schedule = of(j.Name)
	}
	s.mu.Unlock()
	s.adopt()
}

// nextOf is when a job is due, passing over what it was run for already.
func (s *Scheduler) nextOf(j *job, now time.Time) time.Time {
	if j.Schedule.Never() {
		return time.Time{}
	}
	at, err := j.Schedule.next(slot(j.Schedule.clock(now, s.zone).Unix()))
	for err == nil && j.memo.done(at) {
		i := slices.IndexFunc(j.memo.Done, func(r stretch) bool { return r.First <= at && at <= r.Last })
		at, err = j.Schedule.next(j.memo.Done[i].Last)
	}
	if err != nil {
		return time.Time{}
	}
	return j.Schedule.instant(at, s.zone)
}

// Run looks every minute at what is due and runs it, until ctx ends; then it waits for
// the runs under way and returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	defer s.wait.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	s.adopt()
	for first := true; ; first = false {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if first {
				s.resume(ctx)
			}
			s.look(ctx)
		}
	}
}

// adopt has what came before the first start, or before a change of the schedule, owed
// to nobody.
func (s *Scheduler) adopt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		s.due(j, s.cfg.Now())
	}
}

// resume begins the runs again that the last stop cut off.
func (s *Scheduler) resume(ctx context.Context) {
	for _, j := range s.jobs {
		s.mu.Lock()
		cut, last := j.memo.Begun, j.memo.Last
		again := cut != nil && !j.Schedule.Never() && cut.Attempt < attempts && s.counts(j)
		if cut != nil && !again {
			j.memo.Begun = nil
			s.keep(j)
		}
		var lost record.JobRun
		if cut != nil {
			lost = record.JobRun{
				Job: j.Name, Due: cut.Due, Began: cut.At, Ended: cut.At, Attempt: cut.Attempt,
				Outcome: record.JobInterrupted, Text: "the appliance ended without being stopped",
			}
		}
		s.mu.Unlock()
		if cut == nil {
			continue
		}
		if last == nil || !last.Began.Equal(cut.At) { // no stop: a crash or a power cut
			s.tell(ctx, lost)
		}
		if again {
			s.begin(ctx, j, turn{cut.Slot, cut.Due}, cut.Attempt+1)
		}
	}
}

// counts reports whether what is remembered was counted by the present schedule; s.mu
// is held.
func (s *Scheduler) counts(j *job) bool {
	return j.memo.Schedule == j.Schedule.String() && j.memo.Zone == s.zone.String()
}

// look runs what is due.
func (s *Scheduler) look(ctx context.Context) {
	for _, j := range s.jobs {
		s.mu.Lock()
		t, due := s.due(j, s.cfg.Now())
		running := j.running
		s.mu.Unlock()
		switch {
		case due && !running:
			s.begin(ctx, j, t, 1)
		case due:
			s.skip(ctx, j, t)
		}
	}
}

// turn is one time of a job.
type turn struct {
	slot slot
	due  time.Time // when it comes
}

// due finds the newest slot that has come, and whether it is still to be served; s.mu
// is held. Older ones that were missed are not: one run makes up for all of them.
func (s *Scheduler) due(j *job, now time.Time) (t turn, due bool) {
	if j.Schedule.Never() {
		return turn{}, false
	}
	at, err := j.Schedule.latest(now, s.zone)
	if err != nil {
		s.cfg.Log.Error().Err(err).Str("job", j.Name).Msg("a schedule could not be worked out")
		return turn{}, false
	}
	if s.counts(j) {
		return turn{at, j.Schedule.instant(at, s.zone)}, !j.memo.done(at)
	}
	// A job that is new, or has a new schedule, owes nothing of the time before.
	j.memo.Schedule, j.memo.Zone, j.memo.Done = j.Schedule.String(), s.zone.String(), []stretch{{at, at}}
	s.keep(j)
	return turn{}, false
}

// keep writes the memory of a job; s.mu is held. Where the disk refuses, what is in
// memory goes on to count until the next start.
func (s *Scheduler) keep(j *job) {
	if err := s.save(j.Name, j.memo); err != nil {
		s.cfg.Log.Error().Err(err).Str("job", j.Name).Msg("the memory of a job could not be written")
	}
}

// serve notes that a slot is served; s.mu is held.
func (s *Scheduler) serve(j *job, at slot) {
	if j.memo.done(at) || !s.counts(j) {
		return
	}
	if err := j.memo.mark(j.Schedule, at); err != nil {
		s.cfg.Log.Error().Err(err).Str("job", j.Name).Msg("a schedule could not be worked out")
	}
}

// begin starts a run. The slot counts as served from here on, on the disk too: a run
// that is cut off is known by being begun and not ended.
func (s *Scheduler) begin(ctx context.Context, j *job, t turn, attempt int) {
	began := time.Now()
	run := record.JobRun{Job: j.Name, Due: t.due, Began: s.now(), Attempt: attempt}
	s.mu.Lock()
	j.running = true
	j.memo.Begun = &begun{Slot: t.slot, Due: t.due, Attempt: attempt, At: run.Began}
	s.serve(j, t.slot)
	s.keep(j)
	s.mu.Unlock()
	s.wait.Go(func() {
		text, err := s.perform(ctx, j)
		run.Outcome, run.Text = record.JobDone, text
		if err != nil {
			run.Outcome, run.Text = record.JobFailed, err.Error()
		}
		if err != nil && ctx.Err() != nil {
			run.Outcome, run.Text = record.JobInterrupted, "the appliance was stopped"
		}
		run.Ended, run.DurationMs = s.now(), time.Since(began).Milliseconds()
		s.ended(ctx, j, run)
	})
}

// now is the wall clock as records keep it.
func (s *Scheduler) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// perform does the job; a panic of it is its failure and nobody else's.
func (s *Scheduler) perform(ctx context.Context, j *job) (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.cfg.Log.Error().Str("job", j.Name).Interface("panic", r).Bytes("stack", debug.Stack()).Msg("a job panicked")
			err = fmt.Errorf("BUG: the job panicked: %v", r)
		}
	}()
	return j.Do(ctx)
}

func (s *Scheduler) ended(ctx context.Context, j *job, run record.JobRun) {
	s.mu.Lock()
	j.running = false
	j.memo.Last = &run
	if run.Outcome != record.JobInterrupted { // else it is begun again at the next start
		j.memo.Begun = nil
	}
	s.keep(j)
	s.mu.Unlock()
	s.tell(ctx, run)
}

// skip notes that a slot fell into a run that is under way.
func (s *Scheduler) skip(ctx context.Context, j *job, t turn) {
	now := s.now()
	s.mu.Lock()
	s.serve(j, t.slot)
	s.keep(j)
	s.mu.Unlock()
	s.tell(ctx, record.JobRun{
		Job: j.Name, Due: t.due, Began: now, Ended: now, Attempt: 1,
		Outcome: record.JobSkipped, Text: "its previous run was still under way",
	})
}

func (s *Scheduler) tell(ctx context.Context, run record.JobRun) {
	level := zerolog.InfoLevel
	if run.Outcome != record.JobDone {
		level = zerolog.WarnLevel
	}
	s.cfg.Log.WithLevel(level).Str("job", run.Job).Time("due", run.Due).Str("outcome", string(run.Outcome)).
		Int64("took_ms", run.DurationMs).Str("text", run.Text).Msg("a job ended")
	s.cfg.Report(context.WithoutCancel(ctx), run)
}
