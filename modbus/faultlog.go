package modbus

import (
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
)

const (
	// remindEvery is how often a fault that lasts is logged again.
	remindEvery = 10 * time.Minute
	// quietFor is the least time between two lines about faults of a device, however they
	// change or come and go.
	quietFor = time.Minute
)

// faultLog writes one line when a device stops answering well, one when it is well
// again, and a reminder between, with the number of polls that went wrong since the
// last line.
type faultLog struct {
	log   zerolog.Logger
	open  bool // the last poll went wrong
	told  bool // and a line said so
	why   esp.Reason
	since time.Time
	last  time.Time // warning written
	polls uint64    // that went wrong and that no line has told of
}

func newFaultLog(log zerolog.Logger) faultLog { return faultLog{log: log} }

func (f *faultLog) note(now time.Time, r *run) {
	if r.skipped && f.open {
		f.polls++
		return
	}
	why := r.reason()
	if why == esp.NoReason {
		f.recovered(now)
		return
	}
	f.polls++
	if !f.open {
		f.open, f.since = true, now
	}
	quiet := quietFor
	if f.told && why == f.why {
		quiet = remindEvery
	}
	f.why = why
	if !f.last.IsZero() && now.Sub(f.last) < quiet {
		return
	}
	message := "values lost"
	if f.told {
		message = "values still lost"
	}
	f.log.Warn().Stringer("reason", why).Err(r.err).Bool("silent", !r.alive).Uint64("polls", f.polls).
		Dur("lasted", now.Sub(f.since)).Msg(message)
	f.told, f.last, f.polls = true, now, 0
}

// recovered ends a fault; one that no line told of ends without one too, and its polls
// are counted in the next.
func (f *faultLog) recovered(now time.Time) {
	if f.open && f.told {
		f.log.Info().Stringer("reason", f.why).Uint64("polls", f.polls).Dur("lasted", now.Sub(f.since)).Msg("device answers again")
		f.polls = 0
	}
	f.open, f.told = false, false
}

// reason is what stands for a poll in the log and in the status: what ended it, or
// its first failure.
func (r *run) reason() esp.Reason {
	if r.stop != nil {
		return ReasonOf(r.stop)
	}
	return ReasonOf(r.err)
}
