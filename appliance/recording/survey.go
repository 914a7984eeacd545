package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// survey is what the first look at the files told of a well.
type survey struct {
	Well
	counts map[string]int // values by tag
	column map[string]int // of the layout, by tag that is used
	first  int64
	last   int64
	sorted bool
}

// survey looks through one file.
func (r *Recording) survey(ctx context.Context, path string) (err error) {
	t, err := openTable(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	remark := func(line int, what string) { r.remarks.add(path, line, what) }
	return t.rows(ctx, func() {
		at, ok := parseTime(t.field(t.time))
		if !ok {
			remark(t.line, "rows without a time that can be read were left out")
			return
		}
		id := t.wellOf()
		if id == "" {
			remark(t.line, "rows without a well were left out")
			return
		}
		s := r.byID[id]
		if s == nil {
			s = &survey{
				Well: Well{ID: esp.WellID(strings.Clone(id))}, counts: make(map[string]int),
				first: math.MaxInt64, last: math.MinInt64, sorted: true,
			}
			r.byID[string(s.ID)] = s
		}
		s.row(t, at)
	}, remark)
}

// row notes the present row of a file.
func (s *survey) row(t *table, at int64) {
	s.Rows++
	s.sorted = s.sorted && at >= s.last
	s.first, s.last = min(s.first, at), max(s.last, at)
	if t.tag >= 0 {
		s.count(t.field(t.tag), t.field(t.value))
		return
	}
	for i, tag := range t.tags {
		if t.isTag(i) {
			s.count(tag, t.field(i))
		}
	}
}

func (s *survey) count(tag, value string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	if _, ok := s.counts[tag]; !ok {
		tag = strings.Clone(tag)
	}
	s.counts[tag]++
}

// finish makes the layout from the tags that hold anything.
func (s *survey) finish() error {
	s.From, s.To = time.UnixMilli(s.first).UTC(), time.UnixMilli(s.last).UTC()
	type candidate struct {
		name string
		tag  tag
	}
	var all []candidate
	plain := s.counts["output_current"] > 0 || s.counts["output_current_b"] > 0
	for name := range s.counts {
		if t, ok := parseTag(name, plain); ok {
			all = append(all, candidate{name, t})
		} else {
			s.Ignored = append(s.Ignored, name)
		}
	}
	slices.Sort(s.Ignored)
	// The first sensor comes before the second, and of two tags for one signal the one
	// with more values.
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.tag.signal.String(), b.tag.signal.String()), compareBool(a.tag.second, b.tag.second),
			cmp.Compare(s.counts[b.name], s.counts[a.name]), strings.Compare(a.name, b.name))
	})
	s.column = make(map[string]int)
	var columns []esp.Column
	for i, c := range all {
		if i > 0 && all[i-1].tag.signal == c.tag.signal {
			s.Ignored = append(s.Ignored, c.name)
			continue
		}
		s.column[c.name] = len(columns)
		info := c.tag.signal.Info()
		columns = append(columns, esp.Column{Name: info.Name, Device: "recording", Unit: info.Unit, Scale: c.tag.scale, Float: true})
	}
	var err error
	if s.Layout, err = esp.NewLayout(s.ID, columns, nil); err != nil {
		return fmt.Errorf("well %s: %w", s.ID, err)
	}
	return nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// row is one row of a file, for one well.
type row struct {
	time  int64 // ms
	cells []cell
}

type cell struct {
	column  int
	reading esp.Reading
}

// rows gives the rows of a well as they stand in the files.
func (r *Recording) rows(ctx context.Context, s *survey) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var out row
		on := true
		for _, path := range r.paths {
			err := r.readFile(ctx, path, s, func(t *table, at int64) {
				out.time, out.cells = at, s.cells(t, out.cells[:0])
				if on && !yield(&out, nil) {
					on = false
					stop()
				}
			})
			if !on {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// readFile calls each for every row of the well in one file.
func (*Recording) readFile(ctx context.Context, path string, s *survey, each func(t *table, at int64)) (err error) {
	t, err := openTable(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	return t.rows(ctx, func() {
		if ctx.Err() != nil || t.wellOf() != string(s.ID) {
			return
		}
		if at, ok := parseTime(t.field(t.time)); ok {
			each(t, at)
		}
	}, func(int, string) {})
}

// cells reads what the present row holds for the layout.
func (s *survey) cells(t *table, cells []cell) []cell {
	add := func(tag, value string) {
		i, ok := s.column[tag]
		if !ok {
			return
		}
		if r, ok := parseValue(value, &s.Layout.Columns[i]); ok {
			cells = append(cells, cell{i, r})
		}
	}
	if t.tag >= 0 {
		add(t.field(t.tag), t.field(t.value))
		return cells
	}
	for i, tag := range t.tags {
		if t.isTag(i) {
			add(tag, t.field(i))
		}
	}
	return cells
}
