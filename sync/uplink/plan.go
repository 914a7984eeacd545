package uplink

import (
	"context"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/wire"
)

// Bounds of a batch beyond those of the format.
const (
	recordBytes = 256 << 10 // a batch of records ends with the one that passes it
	recordCount = 500
	liveRows    = 600 // how far back the newest scans are looked at
)

// next is the batch to send now, planned and persisted; nil where there is none.
func (u *Uplink) next(ctx, calls context.Context, last bool) (*plan, error) {
	spans, err := u.config.Outbox.Spans(ctx)
	if err != nil {
		return nil, errStore("list what is durable", err)
	}
	u.count(ctx, spans)
	if p := u.pending(); p != nil {
		return p, u.greet(calls, spans)
	}
	if u.nothing(spans) {
		return nil, nil //nolint:nilnil // nothing to send is no error
	}
	if err := u.greet(calls, spans); err != nil {
		return nil, err
	}
	p, err := u.plan(ctx, spans, last)
	if err != nil || p == nil {
		return nil, err
	}
	if err := u.save(ctx); err != nil {
		u.progress.drop(p) // it was never sent, so its number may be used again
		u.progress.NextSeq = p.Seq
		return nil, err
	}
	return p, nil
}

// pending is the first batch that was planned and has no answer, or a batch set aside
// whose time has come.
func (u *Uplink) pending() *plan {
	for _, p := range u.progress.Plans {
		if !u.isHeld(p.Log.Well) {
			return p
		}
	}
	u.mu.Lock()
	all := u.retry
	u.retry = false
	u.mu.Unlock()
	now := time.Now()
	for i := range u.progress.Quarantined {
		q := &u.progress.Quarantined[i]
		if all {
			q.Next = now
		}
	}
	for i := range u.progress.Quarantined {
		if q := &u.progress.Quarantined[i]; !now.Before(q.Next) && !u.isHeld(q.Plan.Log.Well) {
			return new(q.Plan) // a copy: the list changes while it is being delivered
		}
	}
	return nil
}

// isHeld reports whether the centre does not take a well's batches for now.
func (u *Uplink) isHeld(well esp.WellID) bool {
	h, ok := u.held[well]
	return ok && time.Now().Before(h.Until)
}

// nothing reports whether all that is durable has been delivered or set aside.
func (u *Uplink) nothing(spans []Span) bool {
	for _, s := range spans {
		if !u.progress.settled(s.log()).Covers(s.interval()) {
			return false
		}
	}
	return true
}

// greet asks the centre what it has, once per stretch of working link.
func (u *Uplink) greet(calls context.Context, spans []Span) error {
	if u.greeted {
		return nil
	}
	u.set(Connecting)
	var epochs []uint64
	for _, s := range spans {
		if !slices.Contains(epochs, s.Epoch) {
			epochs = append(epochs, s.Epoch)
		}
	}
	g, err := u.config.Sink.Hello(calls, epochs)
	if err != nil {
		return err
	}
	if lost := u.progress.greeting(spans, &g); lost > 0 {
		u.config.Log.Warn().Uint64("numbers", lost).Msg("the centre has less than was delivered to it; sending again")
	}
	if u.schema != 0 && u.schema != g.Schema {
		u.RetryQuarantined() // the centre has learned something
	}
	u.schema, u.greeted = g.Schema, true
	return nil
}

// plan cuts the next batch: records, the newest of a well, or a piece of backlog.
func (u *Uplink) plan(ctx context.Context, spans []Span, last bool) (*plan, error) {
	for _, s := range spans {
		if s.Well != "" || u.isHeld("") {
			continue
		}
		if missing := u.progress.settled(s.log()).Missing(s.interval()); len(missing) > 0 {
			return u.planRecords(ctx, s.log(), missing[0])
		}
	}
	newest := newestSpans(spans)
	for _, s := range newest {
		if p, err := u.planLive(ctx, s, last); p != nil || err != nil {
			return p, err
		}
	}
	if last {
		return nil, nil //nolint:nilnil // the backlog waits for the next start
	}
	return u.planBacklog(ctx, spans, newest)
}

// newestSpans are the last spans of the wells.
func newestSpans(spans []Span) []Span {
	var out []Span
	at := make(map[esp.WellID]int)
	for _, s := range spans {
		if s.Well == "" {
			continue
		}
		if i, ok := at[s.Well]; ok {
			out[i] = s
			continue
		}
		at[s.Well] = len(out)
		out = append(out, s)
	}
	return out
}

func (u *Uplink) planRecords(ctx context.Context, log logKey, open wire.Interval) (*plan, error) {
	open.Last = min(open.Last, open.First+wire.MaxSpan-1)
	last, size, n := open.Last, 0, 0
	for r, err := range u.config.Outbox.Records(ctx, log.Epoch, open.First, open.Last) {
		if err != nil {
			return nil, errStore("read records", err)
		}
		size += wire.RecordSize(&r)
		if n > 0 && (size > recordBytes || n >= recordCount) {
			last = r.Seq - 1
			break
		}
		n++
	}
	return u.progress.add(log, wire.Interval{First: open.First, Last: last}, false), nil
}

// planLive cuts the newest scans of a well, at most LiveSpan of them, when they are
// due. What is older than that becomes backlog.
func (u *Uplink) planLive(ctx context.Context, s Span, last bool) (*plan, error) {
	now := time.Now()
	if u.isHeld(s.Well) || !last && now.Sub(u.lastLive[s.Well]) < u.config.LiveEvery {
		return nil, nil //nolint:nilnil // not due
	}
	missing := u.progress.settled(s.log()).Missing(s.interval())
	if len(missing) == 0 || missing[len(missing)-1].Last != s.Last {
		return nil, nil //nolint:nilnil // nothing new
	}
	tail := missing[len(missing)-1]
	from, err := u.liveFrom(ctx, s, tail)
	if err != nil {
		return nil, err
	}
	u.lastLive[s.Well] = now
	u.liveStart[s.log()] = s.Last + 1
	return u.progress.add(s.log(), wire.Interval{First: from, Last: tail.Last}, true), nil
}

// liveFrom is the number of the oldest scan of the tail that belongs to a live batch:
// no older than LiveSpan, of the same layout as the newest.
func (u *Uplink) liveFrom(ctx context.Context, s Span, tail wire.Interval) (uint64, error) {
	type mark struct {
		seq    uint64
		at     time.Time
		layout esp.LayoutID
	}
	start := tail.First
	if tail.Len() > liveRows {
		start = tail.Last - liveRows + 1
	}
	var marks []mark
	for scan, err := range u.config.Outbox.Scans(ctx, s.Well, s.Epoch, start, tail.Last) {
		if err != nil {
			return 0, errStore("read scans", err)
		}
		marks = append(marks, mark{scan.Seq, scan.Time, scan.Layout.ID()})
	}
	if len(marks) == 0 {
		return start, nil
	}
	newest := marks[len(marks)-1]
	for i := len(marks) - 1; i >= 0; i-- {
		if m := marks[i]; m.layout != newest.layout || newest.at.Sub(m.at).Abs() >= u.config.LiveSpan {
			return m.seq + 1, nil
		}
	}
	return start, nil
}

// planBacklog cuts the oldest missing piece of the well whose turn it is.
func (u *Uplink) planBacklog(ctx context.Context, spans, newest []Span) (*plan, error) {
	for i := range newest {
		well := newest[(u.turn+i)%len(newest)].Well
		s, open, ok := u.openBacklog(spans, well)
		if !ok {
			continue
		}
		u.turn = (u.turn + i + 1) % len(newest)
		r, err := u.piece(ctx, s, open)
		if err != nil {
			return nil, err
		}
		return u.progress.add(s.log(), r, false), nil
	}
	return nil, nil //nolint:nilnil // no backlog
}

// openBacklog is the oldest missing run of a well, as far as it does not belong to the
// next live batch.
func (u *Uplink) openBacklog(spans []Span, well esp.WellID) (s Span, open wire.Interval, ok bool) {
	if u.isHeld(well) {
		return s, open, false
	}
	for _, s := range spans {
		if s.Well != well {
			continue
		}
		open := s.interval()
		if start, ok := u.liveStart[s.log()]; ok && open.Last >= start {
			open.Last = start - 1
		}
		if open.Last < open.First {
			continue
		}
		if missing := u.progress.settled(s.log()).Missing(open); len(missing) > 0 {
			return s, missing[0], true
		}
	}
	return s, open, false
}

// piece is the first part of a missing run that makes one batch: one layout, at most
// BacklogSpan of time and the rows of the format.
func (u *Uplink) piece(ctx context.Context, s Span, open wire.Interval) (wire.Interval, error) {
	open.Last = min(open.Last, open.First+wire.MaxSpan-1)
	rows := 0
	var start time.Time
	var layout esp.LayoutID
	before := open.First
	for scan, err := range u.config.Outbox.Scans(ctx, s.Well, s.Epoch, open.First, open.Last) {
		if err != nil {
			return open, errStore("read scans", err)
		}
		if rows == 0 {
			start, layout = scan.Time, scan.Layout.ID()
		}
		if rows >= wire.MaxRows || scan.Layout.ID() != layout || scan.Time.Sub(start).Abs() >= u.config.BacklogSpan {
			return wire.Interval{First: open.First, Last: before}, nil
		}
		before = scan.Seq
		rows++
	}
	return open, nil
}
