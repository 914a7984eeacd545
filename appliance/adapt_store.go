package appliance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/web"
)

// archive implements what the page needs of the store.
type archive struct{ app *App }

var (
	_ web.Telemetry = archive{}
	_ web.Diagnoses = archive{}
)

// History gives rows of one scan, or means of whole steps, newest first.
func (a archive) History(ctx context.Context, id esp.WellID, signals []esp.SignalID, from, to time.Time, step time.Duration) ([]web.Row, error) {
	if a.app.well(id) == nil {
		return nil, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	if step > 0 {
		return a.means(ctx, id, signals, from, to, step)
	}
	var rows []web.Row
	for row, err := range a.app.store.Range(ctx, storage.Query{Well: id, Signals: names(signals), From: from, To: to, Newest: true}) {
		if err != nil {
			return nil, err
		}
		out := web.Row{Number: row.Seq, Time: row.Time, Values: make([]float64, len(signals))}
		for i, r := range row.Readings {
			out.Values[i] = math.NaN()
			if r.Quality.Usable() {
				out.Values[i] = r.Value
			}
		}
		rows = append(rows, out)
	}
	return rows, nil
}

// meansAtOnce is how many steps are summed up at a time: a week of minutes of all the
// platform's signals at once would be the most memory that the appliance ever holds.
const meansAtOnce = 24 * 60

// means are the means of whole steps of wall time in which anything was read.
func (a archive) means(ctx context.Context, id esp.WellID, signals []esp.SignalID, from, to time.Time, step time.Duration) ([]web.Row, error) {
	from = from.Truncate(step)
	var rows []web.Row
	for last := int((to.Sub(from) + step - 1) / step); last > 0; last -= meansAtOnce {
		begin := from.Add(time.Duration(max(last-meansAtOnce, 0)) * step)
		end := from.Add(time.Duration(last) * step)
		if end.After(to) {
			end = to
		}
		series, err := a.app.store.Buckets(ctx, storage.BucketQuery{Well: id, Signals: names(signals), From: begin, To: end, Width: step})
		if err != nil {
			return nil, err
		}
		rows = appendMeans(rows, series)
	}
	return rows, nil
}

// appendMeans appends what was read, newest first.
func appendMeans(rows []web.Row, series []storage.Series) []web.Row {
	if len(series) == 0 {
		return rows
	}
	for i := len(series[0].Buckets) - 1; i >= 0; i-- {
		row := web.Row{Time: series[0].Buckets[i].Start, Values: make([]float64, len(series))}
		something := false
		for k := range series {
			b := &series[k].Buckets[i]
			row.Values[k] = b.Mean
			something = something || b.Count+b.Doubtful+b.Bad > 0
		}
		if something {
			rows = append(rows, row)
		}
	}
	return rows
}

// Totals counts and averages all that is stored of a well.
func (a archive) Totals(ctx context.Context, id esp.WellID, signals []esp.SignalID) (web.Totals, error) {
	t := web.Totals{Means: make([]float64, len(signals))}
	for i := range t.Means {
		t.Means[i] = math.NaN()
	}
	if a.app.well(id) == nil {
		return t, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	for _, s := range a.app.store.Spans() {
		if s.Well == id {
			t.Scans += s.Last - s.First + 1
		}
	}
	for _, w := range a.app.store.Status().Wells {
		if w.Well == id {
			t.First, t.Last = w.Oldest, w.Newest
		}
	}
	if t.First.IsZero() {
		return t, nil
	}
	width := t.Last.Sub(t.First) + time.Millisecond
	series, err := a.app.store.Buckets(ctx, storage.BucketQuery{Well: id, Signals: names(signals), From: t.First, To: t.First.Add(width), Width: width})
	if err != nil {
		return t, err
	}
	for i := range series {
		t.Means[i] = series[i].Buckets[0].Mean
	}
	return t, nil
}

func names(signals []esp.SignalID) []string {
	list := make([]string, len(signals))
	for i, s := range signals {
		list[i] = s.String()
	}
	return list
}

// scannedRecords bounds how many records a list of diagnoses is made from.
const scannedRecords = 50_000

// Diagnoses lists occurrences, newest first: each from raised to cleared, with its
// latest content.
func (a archive) Diagnoses(ctx context.Context, q web.DiagnosisQuery) ([]web.StoredDiagnosis, error) {
	if q.Well != "" && a.app.well(q.Well) == nil {
		return nil, fmt.Errorf("%s: %w", q.Well, web.ErrNoWell)
	}
	type key struct {
		well esp.WellID
		id   esp.DiagnosisID
	}
	// Backwards in time each occurrence is met from its end: the last content and the
	// clearing come first, the raising closes it.
	later := map[key]*web.StoredDiagnosis{}
	var list []web.StoredDiagnosis
	err := a.diagnoses(ctx, q.Well, func(r record.Record, d esp.Diagnosis) bool {
		k := key{d.Well, d.ID}
		o := later[k]
		if o == nil {
			o = &web.StoredDiagnosis{Diagnosis: d}
			if d.Change == esp.Cleared {
				o.Resolved = d.Time
			}
			later[k] = o
		} else if o.Diagnosis.Change == esp.Cleared {
			o.Diagnosis = d // what it was while it lasted
		}
		if d.Change != esp.Raised {
			return true
		}
		delete(later, k)
		o.Number, o.Diagnosis.Time = r.Seq, d.Time
		if q.Severity == "" || o.Diagnosis.Severity == q.Severity {
			list = append(list, *o)
		}
		return len(list) < q.Limit
	})
	return list, err
}

// diagnoses goes through the records of diagnoses, newest first, until each is false.
func (a archive) diagnoses(ctx context.Context, id esp.WellID, each func(record.Record, esp.Diagnosis) bool) error {
	query := storage.RecordQuery{Well: id, Kinds: []record.Kind{record.KindDiagnosis}, Newest: true, Limit: scannedRecords}
	for r, err := range a.app.store.Records(ctx, query) {
		if errors.Is(err, storage.ErrDamaged) {
			continue
		}
		if err != nil {
			return err
		}
		d, err := record.Decode[esp.Diagnosis](r)
		if err != nil {
			continue // of a later release
		}
		if !each(r, d) {
			return nil
		}
	}
	return nil
}

// Count counts the occurrences of a well.
func (a archive) Count(ctx context.Context, id esp.WellID) (all, critical int, err error) {
	if a.app.well(id) == nil {
		return 0, 0, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	err = a.diagnoses(ctx, id, func(_ record.Record, d esp.Diagnosis) bool {
		if d.Change == esp.Raised {
			all++
			if d.Severity == esp.SeverityNow {
				critical++
			}
		}
		return true
	})
	return all, critical, err
}

// Analyze gives the engine's judgement of the latest readings. The engine judges every
// scan as it comes, so there is nothing to compute anew; with store the judgement is
// recorded again, under the time of the readings.
func (a archive) Analyze(ctx context.Context, id esp.WellID, store bool) (web.StoredDiagnosis, error) {
	w := a.app.well(id)
	if w == nil {
		return web.StoredDiagnosis{}, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	now := w.pipeline.snapshot()
	if now.Scan.IsZero() {
		return web.StoredDiagnosis{}, fmt.Errorf("%s: %w", id, web.ErrNoData)
	}
	out := web.StoredDiagnosis{Diagnosis: esp.Diagnosis{Well: id, Time: now.Scan}, Snapshot: w.platformRow(now)}
	if len(now.Findings) > 0 {
		out.Diagnosis = now.Findings[0]
	}
	if !store {
		return out, nil
	}
	told := out.Diagnosis
	told.Change, told.Time = esp.Updated, now.Scan
	if told.ID == "" {
		e, err := record.Event(esp.Event{Well: id, Time: now.Scan, ID: "analyzed", Text: "Asked for a diagnosis: nothing is open"})
		if err != nil {
			return out, err
		}
		out.Number, err = a.app.store.AppendRecord(ctx, e)
		return out, err
	}
	r, err := record.Diagnosis(told)
	if err != nil {
		return out, err
	}
	out.Number, err = a.app.store.AppendRecord(ctx, r)
	return out, err
}

// platformRow is the latest of the platform's signals.
func (w *well) platformRow(now published) *web.Row {
	signals, _ := w.pipeline.board.Latest()
	row := &web.Row{Number: now.Seq, Time: now.Scan}
	for _, id := range web.PlatformSignals() {
		value := math.NaN()
		if i := slices.IndexFunc(signals, func(s web.Signal) bool { return s.ID == id }); i >= 0 && signals[i].Reading.Quality.Usable() {
			value = signals[i].Reading.Value
		}
		row.Values = append(row.Values, value)
	}
	return row
}

// watchEvery is how often the disk is looked at.
const watchEvery = 5 * time.Second

// watchDisk looks at the store now and then and tells it what changed, so that neither
// the page nor the monitor ever waits for a disk that is slow or gone.
func (a *App) watchDisk(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			a.lookAtDisk()
			a.recordChanges(ctx)
		}
	}
}

// lookAtDisk puts the state of the store in the page's words.
func (a *App) lookAtDisk() {
	s := a.store.Status()
	a.stored.Store(&storeLook{status: s, jobs: a.jobs.Jobs(), at: time.Now()})
	v := web.Storage{Failed: s.Failed || s.Full, Error: s.LastError, Free: s.DiskFree, DaysLeft: s.DaysLeft, Lost: s.Lost + s.RecordsFailed}
	if s.DaysLeft < 0 {
		v.DaysLeft = math.NaN()
	}
	if v.Error == "" && len(s.Quarantined) > 0 {
		v.Error = fmt.Sprintf("%d damaged files were set aside in %s", len(s.Quarantined), s.Dir)
	}
	a.disk.Store(&v)
}
