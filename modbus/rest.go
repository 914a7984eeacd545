package modbus

import (
	"math/rand/v2"
	"time"
)

// rest decides how often a unit that does not answer is asked, and how long it is
// waited for. On a link of its own it costs nobody anything and is asked in each
// poll, and so it is where no other unit answers either. Where others do they come
// first: all silent units together earn a tenth of the link's time, and each is asked
// when its part of it has paid for the wait. Where it is known to answer fast, a wait
// of a few of its slowest replies will do, which makes attempts cheap and frequent;
// what it saves so pays for a full wait from time to time.
type rest struct {
	failures int
	slowest  time.Duration // reply seen, slowly forgotten; 0: none yet
	credit   time.Duration // link time earned and not used
	earned   time.Time     // until when
	free     bool          // the last question was in nobody's way
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
	switch {
	case r.free:
	case r.failures == 0:
		r.credit, r.earned = 0, now
	default:
		r.credit -= cost
	}
	r.failures++
}

// decide says how long to wait for the next reply, or that the unit is not to be
// asked now. full is the configured wait; whole says that it must be given, because
// what comes after it would spoil the line. burdens is how many units of the link are
// silent while others answer; 0: it is in nobody's way.
func (r *rest) decide(now time.Time, full time.Duration, burdens int, whole bool) (wait time.Duration, ask bool) {
	if r.free = burdens == 0; r.failures == 0 || r.free {
		r.credit, r.earned = full+full/4, now // so that it is asked when the line comes back
		return full, true
	}
	r.credit = min(r.credit+now.Sub(r.earned)/time.Duration(restShare*burdens), full+full/4)
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
