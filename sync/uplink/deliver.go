package uplink

import (
	"context"
	"errors"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/sync/wire"
)

// errNothingThere says that the store has lost every number of a batch.
var errNothingThere = errors.New("the store has none of these numbers any more")

// deliver sends a planned batch and settles it by the answer. A nil error means that
// it needs no more attention for now: delivered, set aside or held back.
func (u *Uplink) deliver(ctx, calls context.Context, p *plan) error {
	payload, mapping, err := u.encode(ctx, p)
	switch {
	case errors.Is(err, errNothingThere):
		u.config.Log.Warn().Uint64("batch", p.Seq).Str("well", string(p.Log.Well)).Uint64("first", p.Range.First).Uint64("last", p.Range.Last).
			Msg("numbers are gone from the store before they were sent")
		u.settle(p)
		u.mu.Lock()
		u.status.Gone += p.Range.Len()
		u.mu.Unlock()
		return nil
	case errors.Is(err, wire.ErrLimits):
		u.quarantine(p, &wire.Refusal{Class: wire.BadBatch, Text: err.Error(), Err: err})
		return u.save(ctx)
	case err != nil:
		return u.refused(ctx, p, err)
	}
	u.set(Sending)
	receipt, err := u.config.Sink.Ingest(calls, p.Seq, payload)
	if refusal, ok := errors.AsType[*wire.Refusal](err); ok && refusal.Class == wire.UnknownLayout && mapping != nil {
		if err = u.config.Sink.Register(calls, mapping); err == nil {
			receipt, err = u.config.Sink.Ingest(calls, p.Seq, payload)
		}
	}
	if err != nil {
		return u.refused(ctx, p, err)
	}
	u.settle(p)
	delete(u.held, p.Log.Well)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status.LastSuccess = time.Now()
	u.status.LastError = nil
	u.status.Batches++
	u.status.Rows += receipt.Applied
	u.status.Repeated += receipt.Repeated
	u.status.Payload += uint64(len(payload))
	if mapping != nil {
		u.status.NotCarried += uint64(u.builder.NotCarried())
	}
	return nil
}

// settle notes that a batch is at the centre. It is persisted with the next plan.
func (u *Uplink) settle(p *plan) {
	log, r := p.Log, p.Range
	u.release(p)
	u.progress.setDelivered(log, u.progress.delivered(log).With(r))
}

// release takes a batch off the plans or off the list of those set aside.
func (u *Uplink) release(p *plan) {
	u.progress.drop(p)
	u.progress.Quarantined = slices.DeleteFunc(u.progress.Quarantined, func(q quarantined) bool { return q.Plan.Seq == p.Seq })
}

// encode reads the range of a batch and makes its bytes; m is nil for records.
func (u *Uplink) encode(ctx context.Context, p *plan) (payload []byte, m *wire.Mapping, err error) {
	if p.Log.Well == "" {
		payload, err = u.encodeRecords(ctx, p)
		return payload, nil, err
	}
	for scan, err := range u.config.Outbox.Scans(ctx, p.Log.Well, p.Log.Epoch, p.Range.First, p.Range.Last) {
		if err != nil {
			return nil, nil, errStore("read scans", err)
		}
		if m == nil {
			if m, err = u.mapping(scan.Layout); err != nil {
				return nil, nil, err
			}
			u.builder.Reset(m, p.Log.Epoch, p.Range.First, p.Range.Last)
		}
		if err := u.builder.Add(scan); err != nil {
			return nil, nil, err
		}
	}
	if m == nil {
		return nil, nil, errNothingThere
	}
	payload, err = u.builder.Append(nil)
	return payload, m, err
}

func (u *Uplink) encodeRecords(ctx context.Context, p *plan) ([]byte, error) {
	var records []record.Record
	for r, err := range u.config.Outbox.Records(ctx, p.Log.Epoch, p.Range.First, p.Range.Last) {
		if err != nil {
			return nil, errStore("read records", err)
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return nil, errNothingThere
	}
	return wire.AppendRecords(nil, p.Log.Epoch, p.Range.First, p.Range.Last, records)
}

// mapping is the mapping of a layout, made once.
func (u *Uplink) mapping(l *esp.Layout) (*wire.Mapping, error) {
	if m, ok := u.mappings[l.ID()]; ok {
		return m, nil
	}
	m, err := wire.NewMapping(l)
	if err != nil {
		return nil, err
	}
	u.mappings[l.ID()] = m
	return m, nil
}

// refused decides what becomes of a batch that was not taken.
func (u *Uplink) refused(ctx context.Context, p *plan, err error) error {
	class, text := classify(err)
	switch class {
	case wire.UnknownWell:
		if _, again := u.held[p.Log.Well]; !again {
			u.config.Log.Warn().Str("well", string(p.Log.Well)).Str("reason", text).Msg("the centre does not take this well")
		}
		u.held[p.Log.Well] = Held{Well: p.Log.Well, Text: text, Until: time.Now().Add(u.config.RetryMax)}
		return nil
	case wire.BadBatch, storeFault:
		if u.retriedQuarantined(p, text) {
			return u.save(ctx)
		}
		if p.tries++; p.tries < u.config.Tries || len(u.progress.Quarantined) >= maxQuarantine {
			return err
		}
		u.quarantine(p, err)
		return u.save(ctx)
	case wire.UnknownLayout:
		return &wire.Refusal{Class: wire.NotReady, Text: "the centre asks again for a layout it was given", Err: err}
	default:
		return err
	}
}

// quarantine sets a batch aside, so that the rest goes on.
func (u *Uplink) quarantine(p *plan, err error) {
	_, text := classify(err)
	code := ""
	if r, ok := errors.AsType[*wire.Refusal](err); ok {
		code = r.Code
	}
	now := time.Now()
	u.progress.drop(p)
	u.progress.Quarantined = append(u.progress.Quarantined,
		quarantined{Plan: *p, Code: code, Text: text, Since: now, Next: now.Add(u.config.QuarantineRetry)})
	u.config.Log.Error().Uint64("batch", p.Seq).Str("well", string(p.Log.Well)).Uint64("first", p.Range.First).Uint64("last", p.Range.Last).
		Str("reason", text).Msg("the centre refuses a batch; it is set aside")
}

// retriedQuarantined puts a batch that was set aside before and refused once more back
// to sleep; false where p is another batch.
func (u *Uplink) retriedQuarantined(p *plan, text string) bool {
	for i := range u.progress.Quarantined {
		q := &u.progress.Quarantined[i]
		if q.Plan.Seq != p.Seq {
			continue
		}
		q.Tries++
		q.Text = text
		pause := min(u.config.QuarantineRetry<<min(q.Tries, 10), 24*time.Hour)
		q.Next = time.Now().Add(max(pause, u.config.QuarantineRetry))
		return true
	}
	return false
}
