package uplink

import (
	"context"
	"iter"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/sync/wire"
)

// Span is a run of durable numbers of one log: the scans of a well, or with an empty
// well the records of the appliance.
type Span struct {
	Well        esp.WellID
	Epoch       uint64
	First, Last uint64 // both included, from 1
}

// Outbox is the store, as far as the uplink sees it. Only what is durable is in it.
type Outbox interface {
	// Spans lists the durable numbers of every log. One log may have several spans; the
	// newest epoch of a well comes last. It is asked about once a second and must be cheap.
	Spans(ctx context.Context) ([]Span, error)
	// Scans gives the scans of a range in the order of their numbers, leaving out those
	// that the store has lost. A scan is valid until the next one.
	Scans(ctx context.Context, well esp.WellID, epoch, first, last uint64) iter.Seq2[*esp.Scan, error]
	// Records gives the records of a range in the order of their numbers.
	Records(ctx context.Context, epoch, first, last uint64) iter.Seq2[record.Record, error]
}

// State keeps a few small values. What Put stored is durable at its return.
type State interface {
	// Get is the value of a key; nil where there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte) error
}

// Sink is the centre. Its methods are called by one goroutine, Bytes by any. Errors
// that say what to do are *wire.Refusal. Repeating a batch changes nothing at the
// centre; each call is bounded in time.
type Sink interface {
	// Hello asks what the centre has of the given epochs.
	Hello(ctx context.Context, epochs []uint64) (wire.Greeting, error)
	// Register makes a layout known.
	Register(ctx context.Context, m *wire.Mapping) error
	// Ingest applies a batch.
	Ingest(ctx context.Context, seq uint64, payload []byte) (wire.Receipt, error)
	// Bytes are how many bytes went over the link so far.
	Bytes() (sent, received uint64)
	// Close ends the connection; the next call opens another.
	Close(ctx context.Context) error
}
