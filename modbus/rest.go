package modbus

import (
	"math/rand/v2"
	"time"
)

// rest decides how often a unit that does not answer is asked, and how long it is
// waited for. On a link of its own it costs nobody anything and is asked in each
// poll. On a shared one the others come first: after an attempt that occupied the
// link for a time t it is left alone for nine times t, so that it takes at most a
// tenth of the link; and where it is known to answer fast it is not waited for longer
// than a few of its slowest replies, which makes the attempts cheap and frequent.
type rest struct {
	failures int
	until    time.Time
	slowest  time.Duration // reply seen, slowly forgotten; 0: none yet
}

const (
	restFactor      = 9
	longestRest     = 30 * time.Second
	shortestWait    = 50 * time.Millisecond
	waitFactor      = 4
	fullWaitEvery   = 4 // attempts: the unit may have become slower
	patientFailures = 2 // one lost reply is no reason to rest
)

// note takes the time of a good reply.
func (r *rest) note(took time.Duration) { r.slowest = max(r.slowest*63/64, took) }

func (r *rest) answered() { r.failures, r.until = 0, time.Time{} }

// silent takes a poll without an answer that occupied the link for cost.
func (r *rest) silent(now time.Time, cost time.Duration, shared bool) {
	r.failures++
	if !shared || r.failures < patientFailures || cost <= 0 {
		return
	}
	wait := min(restFactor*cost, longestRest)
	r.until = now.Add(wait + rand.N(wait/5+1)) //nolint:gosec // jitter, not a secret
}

func (r *rest) resting(now time.Time) bool { return now.Before(r.until) }

// timeout is how long to wait for the next reply. An RTU line is always given the
// whole time: what comes after it spoils the line.
func (r *rest) timeout(full time.Duration, rtu bool) time.Duration {
	if rtu || r.failures == 0 || r.slowest == 0 || r.failures%fullWaitEvery == 0 {
		return full
	}
	return min(full, max(waitFactor*r.slowest, shortestWait))
}
