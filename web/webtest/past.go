package webtest

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web"
)

// The past of the made-up well: a scan a second for 40 days, with a speed change and a
// gap in the last day, some values of the motor temperature that are not trusted, and
// what the state adds.

var (
	_ web.Curves = (*Source)(nil)
	_ web.Notes  = (*Source)(nil)
)

const (
	pastLength = 40 * 24 * time.Hour
	gapBegins  = 15*time.Hour + 42*time.Minute // before the start
	gapEnds    = 15*time.Hour + 18*time.Minute
	speedUp    = 19*time.Hour + 12*time.Minute
	doubtFrom  = 6 * time.Hour
	doubtTo    = 6*time.Hour - 20*time.Minute
	// pieceScans is how many scans of a long piece are looked at.
	pieceScans = 12
)

// Stored implements web.Curves.
func (s *Source) Stored(_ context.Context, well esp.WellID) (oldest, newest time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fail != nil:
		return oldest, newest, s.fail
	case !slices.Contains(s.wells, string(well)):
		return oldest, newest, web.ErrNoWell
	case s.state == "empty":
		return oldest, newest, nil
	}
	return s.start.Add(-pastLength), s.lastScanLocked(), nil
}

func (s *Source) lastScanLocked() time.Time {
	if !s.still.IsZero() {
		return s.still
	}
	return s.now()
}

// readingLocked is what the scan of a moment, a whole second, has of a signal.
func (s *Source) readingLocked(id esp.SignalID, at time.Time) esp.Reading {
	ago := s.start.Sub(at)
	c, ok := s.columns[id]
	if !ok || ago > pastLength || at.After(s.lastScanLocked()) || s.state == "empty" {
		return esp.Reading{Value: math.NaN()}
	}
	if ago <= gapBegins && ago > gapEnds {
		return esp.Reading{Value: math.NaN()} // no scan at all
	}
	if s.state == "lost" && at.After(s.frozen) {
		return esp.LostReading(esp.Timeout)
	}
	x := max(0, 1-ago.Hours()/24)
	noise := .5*math.Sin(float64(at.Unix())*1.7+float64(id)) + .5*math.Sin(float64(at.Unix())*.031+float64(id))
	v := c.value + c.swing*noise + c.curve(x) - c.curve(1)
	if ago > speedUp && (id == esp.DriveFrequency || id == esp.MotorCurrent) {
		v *= 52. / 54
	}
	if (s.state == "gas" || s.state == "gaslock") && id == esp.IntakePressure {
		v -= 1509.4 * max(0, x-.6) / .4
	}
	r := esp.Reading{Raw: int64(math.Round(v * 100)), Value: v, Quality: esp.Good}
	if id == esp.MotorTemperature && ago <= doubtFrom && ago > doubtTo && at.Unix()%4 == 0 {
		r = esp.Reading{Raw: 41250, Value: 412.5, Quality: esp.Implausible, Reason: esp.OutOfRange}
	}
	return r
}

// Buckets implements web.Curves.
func (s *Source) Buckets(_ context.Context, q web.BucketQuery) ([]web.Buckets, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	out := make([]web.Buckets, len(q.Signals))
	step := max(time.Second, (q.Width / pieceScans).Truncate(time.Second))
	for i, name := range q.Signals {
		id, _ := esp.Lookup(name)
		out[i].Signal = name
		if id != 0 {
			out[i].Unit = id.Info().Unit
		}
		for start := q.From; start.Before(q.To); start = start.Add(q.Width) {
			end := start.Add(q.Width)
			if end.After(q.To) {
				end = q.To
			}
			out[i].List = append(out[i].List, s.bucketLocked(id, start, end, step))
		}
	}
	return out, nil
}

func (s *Source) bucketLocked(id esp.SignalID, start, end time.Time, step time.Duration) web.Bucket {
	none := math.NaN()
	b := web.Bucket{Start: start, Min: none, Max: none, Mean: none, Last: none}
	sum := 0.0
	for at := start; at.Before(end); at = at.Add(step) {
		switch r := s.readingLocked(id, at); {
		case r.Quality.Usable():
			b.Count++
			sum += r.Value
			b.Last = r.Value
			if !(b.Min <= r.Value) {
				b.Min = r.Value
			}
			if !(b.Max >= r.Value) {
				b.Max = r.Value
			}
		case r.Quality == esp.NotDue:
		case r.Quality == esp.Lost:
			b.Bad++
		default:
			b.Doubtful++
		}
	}
	if b.Count > 0 {
		b.Mean = sum / float64(b.Count)
	}
	return b
}

// Scans implements web.Curves.
func (s *Source) Scans(_ context.Context, q web.ScanQuery) iter.Seq2[web.StoredScan, error] {
	return func(yield func(web.StoredScan, error) bool) {
		if err := s.failing(); err != nil {
			yield(web.StoredScan{}, err)
			return
		}
		row := web.StoredScan{Readings: make([]esp.Reading, len(q.Signals))}
		for at := q.From.Truncate(time.Second); at.Before(q.To); at = at.Add(time.Second) {
			if at.Before(q.From) {
				continue
			}
			row.Time = at
			due := false
			s.mu.Lock()
			for i, name := range q.Signals {
				id, _ := esp.Lookup(name)
				row.Readings[i] = s.readingLocked(id, at)
				due = due || row.Readings[i].Quality != esp.NotDue
			}
			s.mu.Unlock()
			if due && !yield(row, nil) {
				return
			}
		}
	}
}

// Notes implements web.Notes.
func (s *Source) Notes(_ context.Context, well esp.WellID, from, to time.Time, limit int) (list []record.Record, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, false, s.fail
	}
	all, err := s.recordsLocked(well)
	for i, r := range all {
		r.Seq = uint64(len(all) - i)
		if r.Time.Before(from) || !r.Time.Before(to) {
			continue
		}
		if len(list) == limit {
			return list, true, err
		}
		list = append(list, r)
	}
	return list, false, err
}

// recordsLocked are the records, newest first.
func (s *Source) recordsLocked(well esp.WellID) ([]record.Record, error) {
	if s.state == "empty" {
		return nil, nil
	}
	ago := func(d time.Duration) time.Time { return s.start.Add(-d) }
	var list []record.Record
	var failed error
	add := func(r record.Record, err error) {
		if err != nil {
			failed = err
			return
		}
		list = append(list, r)
	}
	if s.state == "gas" || s.state == "gaslock" {
		d := Gas(well, s.start)
		d.Change, d.Time = esp.Raised, ago(85*time.Minute)
		add(record.Diagnosis(d))
		for _, a := range gasAlarms(well, s.start) {
			a.Change, a.Time = esp.Raised, a.Since.Add(30*time.Second)
			add(record.Alarm(a))
		}
	}
	add(record.Gap(esp.Gap{Well: well, From: ago(gapBegins), To: ago(gapEnds), Reason: esp.GapApplianceOff}))
	add(record.Event(esp.Event{Time: ago(gapEnds), ID: "appliance_started", Text: "Wellkeeper 1.2.3 started"}))
	add(record.Event(esp.Event{Well: well, Time: ago(speedUp), ID: "state_changed", Text: "Pump changes speed.", From: esp.Running, To: esp.Ramping}))
	stopped := 12*24*time.Hour + 4*time.Hour
	add(record.Event(esp.Event{Well: well, Time: ago(stopped + 12*time.Minute), ID: "state_changed", Text: "Pump starts.", From: esp.RestartWait, To: esp.Starting}))
	add(record.Event(esp.Event{Well: well, Time: ago(stopped + 40*time.Minute), ID: "state_changed", Text: "Drive tripped: F12 undervoltage.", From: esp.Running, To: esp.Tripped}))
	slices.SortStableFunc(list, func(a, b record.Record) int { return b.Time.Compare(a.Time) })
	return list, failed
}

// Trips implements web.Notes: one trip, of a current that rose.
func (s *Source) Trips(_ context.Context, well esp.WellID, limit int) ([]record.Trip, error) {
	if well != "RB-114" {
		return nil, fmt.Errorf("%s: %w", well, web.ErrNoWell)
	}
	at := time.Date(2026, 11, 23, 19, 30, 0, 0, time.UTC)
	list := []record.Trip{{
		Well: well, Time: at, Before: esp.Running, State: esp.Tripped, Complete: true, From: at.Add(-time.Minute), To: at.Add(30 * time.Second),
		Signals: []record.TripSignal{{Name: "output_current", Device: "drive", Unit: esp.Ampere, Offset: []int64{-1000, 0}, Value: []esp.Number{52, 0}}},
		Order:   []record.TripChange{{Name: "output_current", Offset: -1000, Since: -1100, Was: 40, Is: 52}},
	}}
	return list[:min(limit, len(list))], nil
}
