package modbus

import (
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
)

// remindEvery is how often a fault that lasts is logged again.
const remindEvery = 10 * time.Minute

// faultLog writes one line when a device stops answering well, one when it is well
// again, and a reminder between, with the number of polls that went wrong.
type faultLog struct {
	log   zerolog.Logger
	open  bool
	why   esp.Reason
	since time.Time
	last  time.Time // line written
	polls uint64
}

func newFaultLog(log zerolog.Logger) faultLog { return faultLog{log: log} }

func (f *faultLog) note(now time.Time, r *run) {
	why := r.reason()
	if r.skipped && f.open {
		f.polls++
		return
	}
	switch {
	case why == esp.NoReason && f.open:
		f.log.Info().Stringer("reason", f.why).Uint64("polls", f.polls).Dur("lasted", now.Sub(f.since)).Msg("device answers again")
		f.open = false
	case why == esp.NoReason:
	case !f.open || why != f.why:
		if !f.open {
			f.since, f.polls = now, 0
		}
		f.polls++
		f.open, f.why, f.last = true, why, now
		f.log.Warn().Stringer("reason", why).Err(r.err).Bool("silent", !r.alive).Msg("values lost")
	default:
		f.polls++
		if now.Sub(f.last) >= remindEvery {
			f.last = now
			f.log.Warn().Stringer("reason", why).Err(r.err).Uint64("polls", f.polls).Dur("lasted", now.Sub(f.since)).Msg("values still lost")
		}
	}
}

// reason is what stands for a poll in the log and in the status: what ended it, or
// its first failure.
func (r *run) reason() esp.Reason {
	if r.stop != nil {
		return ReasonOf(r.stop)
	}
	return ReasonOf(r.err)
}
