package appliance

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/web"
)

var (
	_ web.Curves = archive{}
	_ web.Notes  = archive{}
)

// Stored gives the times of the oldest and the newest stored scan.
func (a archive) Stored(_ context.Context, id esp.WellID) (oldest, newest time.Time, err error) {
	if a.app.well(id) == nil {
		return oldest, newest, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	w, _ := a.app.store.Well(id)
	return w.Oldest, w.Newest, nil
}

// Buckets sums up signals over pieces of time.
func (a archive) Buckets(ctx context.Context, q web.BucketQuery) ([]web.Buckets, error) {
	series, err := a.app.store.Buckets(ctx, storage.BucketQuery{Well: q.Well, Signals: q.Signals, From: q.From, To: q.To, Width: q.Width})
	if err != nil {
		return nil, err
	}
	out := make([]web.Buckets, len(series))
	for i := range series {
		list := make([]web.Bucket, len(series[i].Buckets))
		for k := range list {
			b := &series[i].Buckets[k]
			list[k] = web.Bucket{
				Start: b.Start, Min: b.Min, Max: b.Max, Mean: b.Mean, Last: b.Last, Count: b.Count, Doubtful: b.Doubtful, Bad: b.Bad,
			}
		}
		out[i] = web.Buckets{Signal: series[i].Signal, Unit: series[i].Unit, List: list}
	}
	return out, nil
}

// Scans goes through the stored scans, oldest first.
func (a archive) Scans(ctx context.Context, q web.ScanQuery) iter.Seq2[web.StoredScan, error] {
	return func(yield func(web.StoredScan, error) bool) {
		for row, err := range a.app.store.Range(ctx, storage.Query{Well: q.Well, Signals: q.Signals, From: q.From, To: q.To}) {
			if !yield(web.StoredScan{Time: row.Time, Readings: row.Readings}, err) {
				return
			}
		}
	}
}

// Notes gives the records of a well and of the appliance, newest first. A gap is dated
// at its end in the store and belongs to every window that it reaches into.
func (a archive) Notes(ctx context.Context, id esp.WellID, from, to time.Time, limit int) (list []record.Record, more bool, err error) {
	if a.app.well(id) == nil {
		return nil, false, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	for r, err := range a.app.store.Records(ctx, storage.RecordQuery{From: from, Newest: true}) {
		if errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if (r.Well != "" && r.Well != id) || !begins(r, to) {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		list = append(list, r)
	}
	return list, false, nil
}

// begins reports whether what r tells of begins before a time.
func begins(r record.Record, before time.Time) bool {
	if r.Time.Before(before) {
		return true
	}
	if r.Kind != record.KindGap {
		return false
	}
	g, err := record.Decode[esp.Gap](r)
	return err == nil && g.From.Before(before)
}

// Trips are the newest trips of a well. A trip is recorded twice, and the later record of
// its time stands; one of a later release is passed over.
func (a archive) Trips(ctx context.Context, id esp.WellID, limit int) ([]record.Trip, error) {
	if a.app.well(id) == nil {
		return nil, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	list := []record.Trip{}
	query := storage.RecordQuery{Well: id, Kinds: []record.Kind{record.KindTrip}, Newest: true, Limit: 2 * limit}
	for r, err := range a.app.store.Records(ctx, query) {
		if errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the trips: %w", err)
		}
		t, err := record.Decode[record.Trip](r)
		known := slices.ContainsFunc(list, func(of record.Trip) bool { return of.Time.Equal(t.Time) })
		if err == nil && !known && len(list) < limit {
			list = append(list, t)
		}
	}
	return list, nil
}
