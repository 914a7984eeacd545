package wire

import (
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Greeting is the centre's answer to hello.
type Greeting struct {
	Edge       string    `json:"edge"`        // the name under which the centre knows this appliance
	Schema     int       `json:"schema"`      // version of the centre's schema
	ServerTime time.Time `json:"server_time"` // the centre's clock
	Applied    []Applied `json:"applied"`
}

// Applied are the numbers that the centre already has of one log: the scans of a
// well, or with an empty well the records of the appliance.
type Applied struct {
	Well   esp.WellID `json:"well"`
	Epoch  int64      `json:"epoch"` // the bits of the epoch: PostgreSQL has no unsigned integers
	Ranges Intervals  `json:"ranges"`
}

// Receipt is the centre's answer to a batch.
type Receipt struct {
	Applied  uint64 // rows that were new
	Repeated uint64 // rows that had been there already, and were left as they were
}

// Class says what the sender has to do about a refusal.
type Class string

// Classes of refusals.
const (
	// BadBatch is about the content of this one batch; others are not touched.
	BadBatch Class = "bad_batch"
	// UnknownLayout asks for the layout to be registered; then the batch again.
	UnknownLayout Class = "unknown_layout"
	// UnknownWell holds one well back until the centre gives it to this edge.
	UnknownWell Class = "unknown_well"
	// NotReady is about the whole centre and every batch: the role is no registered edge,
	// the password is wrong, the schema is missing. It is cured over there.
	NotReady Class = "not_ready"
	// Busy passes by itself: the server shuts down, is out of resources, broke a deadlock.
	Busy Class = "busy"
	// Unreachable is a link that does not stand: no route, cut, too slow, TLS refused.
	Unreachable Class = "unreachable"
	// Untrusted is a server whose certificate is not accepted: expired, of an unknown
	// authority, for another name. Often it is the clock of this side that is wrong.
	Untrusted Class = "untrusted"
)

// Refusal is an error of the centre or of the way to it, with what follows from it.
// After Unreachable and Busy the outcome of a batch is unknown; asking again with the
// same number resolves it.
type Refusal struct { //nolint:errname // it is an answer of the centre before it is an error
	Class Class
	Code  string // SQLSTATE; empty where the server said nothing
	Text  string // one line for people
	Err   error  // cause, may be nil
}

// Error is the one line for people.
func (r *Refusal) Error() string {
	if r.Code == "" {
		return r.Text
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", r.Text, r.Code)
}

// Unwrap is the cause.
func (r *Refusal) Unwrap() error { return r.Err }
