// Package recording reads recorded readings of wells from CSV files, as historians and
// spreadsheets write them, and gives them as scans, ready for the engine or the store.
//
// A file is long (well,time,tag,value: one value per row) or wide (well,time and one
// column per tag), plain or gzipped. It may be irregular, event-driven, unsorted and
// damaged: nothing is interpolated, a row that cannot be read is left out and named.
// A file is read twice, first to learn the wells, their tags and their order, so that a
// well whose rows are in order never stands in memory.
//
// It imports esp only; appliance/replay and the commands import it.
package recording

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// ErrNoRows is returned for files in which no row could be read.
var ErrNoRows = errors.New("no readable row")

// Well is one well of a recording.
type Well struct {
	ID       esp.WellID
	Layout   *esp.Layout // one float column per tag that holds anything, ordered by name
	From, To time.Time   // of its rows
	Rows     int
	// Ignored are tags that are no signal that is known here.
	Ignored []string
}

// Recording is a set of files that were looked through once.
type Recording struct {
	paths   []string
	wells   []*survey // by id
	byID    map[string]*survey
	remarks remarks
}

// Open looks through the files, which count as one in the given order. The error says
// which file is none, and where.
func Open(ctx context.Context, paths ...string) (*Recording, error) {
	r := &Recording{paths: paths, byID: make(map[string]*survey)}
	for _, p := range paths {
		if err := r.survey(ctx, p); err != nil {
			return nil, err
		}
	}
	if len(r.byID) == 0 {
		return nil, fmt.Errorf("%s: %w%s", strings.Join(paths, ", "), ErrNoRows, r.remarks.first())
	}
	for _, s := range r.byID {
		if err := s.finish(); err != nil {
			return nil, err
		}
		r.wells = append(r.wells, s)
	}
	slices.SortFunc(r.wells, func(a, b *survey) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return r, nil
}

// Wells lists the wells, by id.
func (r *Recording) Wells() []Well {
	list := make([]Well, len(r.wells))
	for i, s := range r.wells {
		list[i] = s.Well
	}
	return list
}

// Remarks are sentences on rows and values that could not be taken, each with the file
// and line of the first and how many there were.
func (r *Recording) Remarks() []string { return r.remarks.list() }

// Scans gives the scans of a well in order of time, one per distinct time. Where two
// rows of one time disagree the later row counts. The scan is valid until the next.
func (r *Recording) Scans(ctx context.Context, id esp.WellID) iter.Seq2[*esp.Scan, error] {
	return func(yield func(*esp.Scan, error) bool) {
		s := r.byID[string(id)]
		if s == nil {
			yield(nil, fmt.Errorf("no well %q in %s", id, strings.Join(r.paths, ", ")))
			return
		}
		rows := r.rows(ctx, s)
		if !s.sorted {
			rows = sorted(rows)
		}
		gather(s, rows, yield)
	}
}

// gather joins the rows of one time to a scan.
func gather(s *survey, rows iter.Seq2[*row, error], yield func(*esp.Scan, error) bool) {
	scan := esp.Scan{Well: s.ID, Layout: s.Layout, Readings: make([]esp.Reading, len(s.Layout.Columns))}
	pending := false
	var at int64
	for row, err := range rows {
		if err != nil {
			yield(nil, err)
			return
		}
		if pending && row.time != at {
			if !yield(&scan, nil) {
				return
			}
			clear(scan.Readings)
		}
		if !pending || row.time != at {
			at, pending = row.time, true
			scan.Time = time.UnixMilli(at).UTC()
		}
		for _, c := range row.cells {
			scan.Readings[c.column] = c.reading
		}
	}
	if pending {
		yield(&scan, nil)
	}
}

// sorted keeps all rows in memory and gives them in order of time; rows of one time
// keep their order.
func sorted(rows iter.Seq2[*row, error]) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		var all []row
		for r, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, row{time: r.time, cells: slices.Clone(r.cells)})
		}
		slices.SortStableFunc(all, func(a, b row) int { return int(min(1, max(-1, a.time-b.time))) })
		for i := range all {
			if !yield(&all[i], nil) {
				return
			}
		}
	}
}
