package record

import "time"

// Outcome is how a run of a scheduled job ended.
type Outcome string

// Outcomes of a job.
const (
	JobDone        Outcome = "done"
	JobFailed      Outcome = "failed"
	JobInterrupted Outcome = "interrupted" // by a stop of the appliance
	JobSkipped     Outcome = "skipped"     // its previous run was still under way
)

// JobRun is one run of a scheduled job.
type JobRun struct {
	Job string `json:"job"`
	// Due is the time that the run was for, Began and Ended are when it ran.
	Due     time.Time `json:"due"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Attempt int       `json:"attempt"` // 1, or more where a stop cut the run off before
	Outcome Outcome   `json:"outcome"`
	// Text says what was done or what went wrong.
	Text       string `json:"text,omitempty"`
	DurationMs int64  `json:"duration_ms"` // by the monotonic clock: Began and Ended may have been set apart
}

// Job makes the record of a run of a scheduled job, dated at its end.
func Job(r JobRun) (Record, error) { return encode(KindJob, "", r.Ended, r) }
