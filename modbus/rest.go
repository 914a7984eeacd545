package modbus

import (
	"math/rand/v2"
	"time"
)

// rest decides how often a unit that does not answer is asked, and how long it is
// waited for. On a link of its own it costs nobody anything and is asked in each
// poll. On a shared one the others come first: it earns a tenth of the link's time
// and is asked when it has earned the wait. Where it is known to answer fast, a wait
// of a few of its slowest replies will do, which makes attempts cheap and frequent;
// what it saves so pays for a full wait from time to time.
type rest struct {
	failures int
	slowest  time.Duration // reply seen, slowly forgotten; 0: none yet
	credit   time.Duration // link time earned and not used
	earned   time.Time     // until when
}

const (
	restShare       = 10 // one part in
	shortestWait    = 50 * time.Millisecond
	waitFactor      = 4
	patientFailures = 2 // one lost reply is no reason to rest
)

// note takes the time of a good reply.
func (r *rest) note(took time.Duration) { r.slowest = max(r.slowest*63/64, took) }

func (r *rest) answered() { r.failures = 0 }

// silent takes a poll without an answer that occupied the link for cost.
func (r *rest) silent(now time.Time, cost time.Duration) {
	if r.failures == 0 {
		r.credit, r.earned = 0, now
	} else {
		r.credit -= cost
	}
	r.failures++
}

// decide says how long to wait for the next reply, or that the unit is not to be
// asked now. full is the configured wait; whole says that it must be given, because
// what comes after it would spoil the line.
func (r *rest) decide(now time.Time, full time.Duration, shared, whole bool) (wait time.Duration, ask bool) {
	if r.failures == 0 || !shared {
		return full, true
	}
	r.credit = min(r.credit+now.Sub(r.earned)/restShare, full+full/4)
	r.earned = now
	short := full
	if r.slowest > 0 && !whole {
		short = min(full, max(waitFactor*r.slowest, shortestWait))
	}
	// A fifth more at random, so that several units do not come up in step.
	jitter := rand.N(short/5 + 1) //nolint:gosec // jitter, not a secret
	switch {
	case r.credit >= full+jitter:
		return full, true
	case r.credit >= short+jitter || r.failures < patientFailures:
		return short, true
	}
	return 0, false
}
