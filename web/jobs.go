package web

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Jobs tells of the regular jobs.
type Jobs interface {
	// Jobs lists them in a fixed order.
	Jobs(ctx context.Context) []Job
}

// Job is a regular job.
type Job struct {
	Name     string
	Schedule string // a cron expression, or off
	Running  bool
	Next     time.Time // zero: it is off
	Last     *JobRun   // nil: it has not run so far
}

// JobRun is the last run of a job.
type JobRun struct {
	Due     time.Time // the time that it was for
	Began   time.Time
	Took    time.Duration
	Outcome string // done, failed, interrupted or skipped
	Text    string // what was done, or what went wrong
}

type jobDoc struct {
	Name     string     `json:"name"`
	Schedule string     `json:"schedule"`
	Running  bool       `json:"running"`
	Next     *string    `json:"next"`
	Last     *jobRunDoc `json:"last"`
}

type jobRunDoc struct {
	Due        string `json:"due"`
	Began      string `json:"began"`
	DurationMs int64  `json:"duration_ms"`
	Outcome    string `json:"outcome"`
	Text       string `json:"text"`
}

func (s *Server) apiJobs(c echo.Context) error {
	out := []jobDoc{}
	for _, j := range s.cfg.Jobs.Jobs(c.Request().Context()) {
		d := jobDoc{Name: j.Name, Schedule: j.Schedule, Running: j.Running}
		if !j.Next.IsZero() {
			d.Next = new(iso(j.Next))
		}
		if r := j.Last; r != nil {
			d.Last = &jobRunDoc{Due: iso(r.Due), Began: iso(r.Began), DurationMs: r.Took.Milliseconds(), Outcome: r.Outcome, Text: r.Text}
		}
		out = append(out, d)
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"jobs": out})
}
