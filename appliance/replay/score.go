package replay

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Label is what people say had happened to a well.
type Label struct {
	Well    esp.WellID
	Class   string // a diagnosis id; a class that is none expects that nothing is found
	Onset   time.Time
	Stopped time.Time // zero: not stated
}

// ReadLabels reads CSV with the columns well, class, onset and stopped. Times without a
// zone are UTC.
func ReadLabels(name string, in io.Reader) ([]Label, error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = -1
	var labels []Label
	for n := 0; ; n++ {
		f, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return labels, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := rows.FieldPos(0)
		if n == 0 {
			if len(f) < 3 || !strings.EqualFold(f[0], "well") || !strings.EqualFold(f[1], "class") || !strings.EqualFold(f[2], "onset") {
				return nil, fmt.Errorf("%s:1: the header is %q, want well,class,onset,stopped", name, strings.Join(f, ","))
			}
			continue
		}
		l, err := readLabel(f)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		labels = append(labels, l)
	}
}

func readLabel(f []string) (l Label, err error) {
	if len(f) < 3 {
		return l, fmt.Errorf("%d fields, want well,class,onset,stopped", len(f))
	}
	l.Well, l.Class = esp.WellID(strings.TrimSpace(f[0])), strings.TrimSpace(f[1])
	if l.Onset, err = labelTime(f[2]); err != nil {
		return l, fmt.Errorf("onset: %w", err)
	}
	if len(f) > 3 && strings.TrimSpace(f[3]) != "" {
		l.Stopped, err = labelTime(f[3])
	}
	return l, err
}

func labelTime(s string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(form, strings.TrimSpace(s)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2006-01-02T15:04:05", s)
}

// openEnd is how long after its onset a label without an end may be found.
const openEnd = 14 * 24 * time.Hour

// Found is a label and what was found of it.
type Found struct {
	Label Label
	Hit   bool
	Delay time.Duration // from the label's onset to the diagnosis
	Dated time.Duration // from the label's onset to the onset that the diagnosis gives
	Early bool          // it was raised on the well before the onset
}

// Expects reports whether the label says that something is to be found.
func (l *Label) Expects() bool { return !strings.HasPrefix(l.Class, "normal") }

// Score compares what was told with labels.
type Score struct {
	Days  float64 // well-days replayed
	Found []Found
	// False are diagnoses above info that no label explains, other than those of the
	// measurement itself.
	False []Change
}

// measurement are diagnoses of the instruments and the line, which say nothing of the
// pump.
var measurement = []esp.DiagnosisID{"gauge_fault", esp.CommunicationLost, "clock_fault"}

// NewScore scores changes of wells that were replayed for so many well-days.
func NewScore(days float64, changes []Change, labels []Label) Score {
	s := Score{Days: days}
	explained := make(map[int]bool)
	for _, l := range labels {
		f := Found{Label: l}
		end := l.Stopped
		if end.IsZero() {
			end = l.Onset.Add(openEnd)
		}
		for i := range changes {
			c := &changes[i]
			if c.Kind != Diagnosis || c.State != esp.Raised || c.Well != l.Well || c.ID != l.Class || c.Time.After(end) {
				continue
			}
			if c.Time.Before(l.Onset) {
				f.Early = true
				continue
			}
			explained[i] = true
			if !f.Hit {
				f.Hit, f.Delay, f.Dated = true, c.Time.Sub(l.Onset), c.Onset.Sub(l.Onset)
			}
		}
		s.Found = append(s.Found, f)
	}
	for i, c := range changes {
		if c.Kind == Diagnosis && c.State == esp.Raised && c.Severity != esp.SeverityInfo && !explained[i] &&
			!slices.Contains(measurement, esp.DiagnosisID(c.ID)) {
			s.False = append(s.False, c)
		}
	}
	return s
}

// FalsePerDay is how many diagnoses per well-day no label explains.
func (s *Score) FalsePerDay() float64 {
	if s.Days == 0 {
		return 0
	}
	return float64(len(s.False)) / s.Days
}

// ClassScore is the score of one class of labels.
type ClassScore struct {
	Class                 string
	Labels, Hits, Early   int
	MedianDelay, MaxDelay time.Duration // of the hits
	MaxDated              time.Duration // largest distance between dated and labelled onset
}

// Classes sums up per class, by name. Classes that are no diagnosis are left out: what
// is found there counts as false.
func (s *Score) Classes() []ClassScore {
	by := make(map[string][]Found)
	for _, f := range s.Found {
		by[f.Label.Class] = append(by[f.Label.Class], f)
	}
	var list []ClassScore
	for class, found := range by {
		if !found[0].Label.Expects() {
			continue
		}
		c := ClassScore{Class: class, Labels: len(found)}
		var delays []time.Duration
		for _, f := range found {
			if f.Early {
				c.Early++
			}
			if f.Hit {
				c.Hits++
				delays = append(delays, f.Delay)
				c.MaxDated = max(c.MaxDated, f.Dated.Abs())
			}
		}
		if len(delays) > 0 {
			slices.Sort(delays)
			c.MedianDelay, c.MaxDelay = delays[len(delays)/2], delays[len(delays)-1]
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b ClassScore) int { return cmp.Compare(a.Class, b.Class) })
	return list
}
