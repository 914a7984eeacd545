package uplink

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/wire"
)

// Condition is what the uplink is doing.
type Condition string

// Conditions.
const (
	Idle       Condition = "idle"       // all that is due has been delivered
	Connecting Condition = "connecting" // asking the centre what it has
	Sending    Condition = "sending"
	Waiting    Condition = "waiting" // the link or the centre does not work; it is tried again
	Refused    Condition = "refused" // the centre does not take this appliance; it is tried again
)

// Failure is the latest error. It is nil again after a success.
type Failure struct {
	Class wire.Class
	Text  string
	Time  time.Time
}

// Quarantined is a batch that the centre refused and that was set aside.
type Quarantined struct {
	Batch       uint64
	Well        esp.WellID // empty for records
	Epoch       uint64
	First, Last uint64
	Code, Text  string // SQLSTATE and what the centre said
	Since, Next time.Time
}

// Held is a well that the centre does not take from this appliance; it is asked again
// at Until, and the other wells go on.
type Held struct {
	Well  esp.WellID
	Text  string
	Until time.Time
}

// Status is a snapshot for the page. Counts since the start of the process unless said
// otherwise.
type Status struct {
	State          Condition
	WaitingScans   uint64    // durable here and not at the centre, those set aside not counted
	WaitingRecords uint64    // likewise
	OldestWaiting  time.Time // time of the oldest of them; zero where none waits or it is not known
	LastSuccess    time.Time // zero before the first
	LastError      *Failure  // nil where the last attempt succeeded
	Batches        uint64    // delivered
	Rows           uint64    // scans and records that were new to the centre
	Repeated       uint64    // those that it had already
	Payload        uint64    // bytes of the batches delivered
	BytesSent      uint64    // on the socket, everything included
	BytesReceived  uint64
	// Errors counts the attempts that failed, by class.
	Errors      map[wire.Class]uint64
	NotCarried  uint64 // values that had no place in a batch and went as their quality only
	Gone        uint64 // numbers that the store lost before they were sent
	Held        []Held
	Quarantined []Quarantined // over all starts
}

// Status is what the uplink is doing now.
func (u *Uplink) Status() Status {
	sent, received := u.config.Sink.Bytes()
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.status
	s.BytesSent, s.BytesReceived = sent, received
	s.Quarantined, s.Held, s.Errors = slices.Clone(s.Quarantined), slices.Clone(s.Held), maps.Clone(s.Errors)
	if s.LastError != nil {
		s.LastError = new(*s.LastError)
	}
	return s
}

func (u *Uplink) set(c Condition) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status.State = c
}

// oldestCache keeps the time of the oldest waiting number, which is read from the
// outbox only when the number changes.
type oldestCache struct {
	log logKey
	seq uint64
	at  time.Time
}

// count brings the figures of what is waiting up to date.
func (u *Uplink) count(ctx context.Context, spans []Span) {
	var scans, records uint64
	var first *Span
	for _, s := range spans {
		// A batch without an answer is waiting too.
		have := u.progress.withQuarantined(u.progress.delivered(s.log()), s.log())
		missing := have.Missing(s.interval())
		if len(missing) == 0 {
			continue
		}
		n := missing.Count()
		if s.Well == "" {
			records += n
		} else {
			scans += n
		}
		if first == nil || s.Well != "" && first.Well == "" {
			first = &Span{Well: s.Well, Epoch: s.Epoch, First: missing[0].First, Last: missing[0].Last}
		}
	}
	oldest := u.oldestTime(ctx, first)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status.WaitingScans, u.status.WaitingRecords, u.status.OldestWaiting = scans, records, oldest
	u.status.Held = slices.SortedFunc(maps.Values(u.held), func(a, b Held) int { return strings.Compare(string(a.Well), string(b.Well)) })
	u.status.Quarantined = nil
	for i := range u.progress.Quarantined {
		q := &u.progress.Quarantined[i]
		u.status.Quarantined = append(u.status.Quarantined, Quarantined{
			Batch: q.Plan.Seq, Well: q.Plan.Log.Well, Epoch: q.Plan.Log.Epoch, First: q.Plan.Range.First, Last: q.Plan.Range.Last,
			Code: q.Code, Text: q.Text, Since: q.Since, Next: q.Next,
		})
	}
}

// oldestTime is the time of the first number of s; zero where it cannot be told.
func (u *Uplink) oldestTime(ctx context.Context, s *Span) time.Time {
	if s == nil {
		u.oldest = oldestCache{}
		return time.Time{}
	}
	if u.oldest.log == s.log() && u.oldest.seq == s.First {
		return u.oldest.at
	}
	u.oldest = oldestCache{log: s.log(), seq: s.First}
	if s.Well == "" {
		for r, err := range u.config.Outbox.Records(ctx, s.Epoch, s.First, s.Last) {
			if err == nil {
				u.oldest.at = r.Time
			}
			break
		}
		return u.oldest.at
	}
	for scan, err := range u.config.Outbox.Scans(ctx, s.Well, s.Epoch, s.First, s.Last) {
		if err == nil {
			u.oldest.at = scan.Time
		}
		break
	}
	return u.oldest.at
}
