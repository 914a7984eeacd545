// Package replay runs recorded readings through the same gate, engine and alarms that
// judge a live well, and tells every change; and it scores what was told against what
// people say had happened.
//
// It is pure: the time is that of the scans, and the same input gives the same output
// to the byte. The commands replay and score use it.
package replay

import (
	"context"
	"fmt"
	"iter"
	"time"

	"wellkeeper.internal/appliance/alarm"
	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// Kind says what changed.
type Kind string

// Kinds of change.
const (
	Diagnosis Kind = "diagnosis"
	Alarm     Kind = "alarm"
	Quality   Kind = "quality"
)

// Change is one thing that was raised or cleared. Its JSON is an outside interface.
type Change struct {
	Well esp.WellID `json:"well"`
	Time time.Time  `json:"time"`
	Kind Kind       `json:"kind"`
	// ID is that of the diagnosis or the alarm; of a quality it is the signal.
	ID         string         `json:"id"`
	State      esp.Change     `json:"state"` // raised or cleared
	Severity   esp.Severity   `json:"severity,omitempty"`
	Onset      time.Time      `json:"onset,omitzero"`
	Confidence esp.Confidence `json:"confidence,omitempty"`
	Text       string         `json:"text"`
	Evidence   []Evidence     `json:"evidence,omitempty"`
}

// Evidence is one number behind a change, in stored units.
type Evidence struct {
	Signal   string     `json:"signal"`
	Value    esp.Number `json:"value"`
	Baseline esp.Number `json:"baseline"`
	Limit    esp.Number `json:"limit"`
}

// Config says what is replayed.
type Config struct {
	Well esp.Well
	// Fault puts a code of the drive in words. Nil: the code is told as a number.
	Fault func(code int64) diagnosis.Fault
	// From and To bound what is told; what comes before From is still seen, so that
	// baselines are there. Zero: no bound.
	From, To time.Time
}

// Stats count what was replayed.
type Stats struct {
	Scans    int
	From, To time.Time // of the scans within the bounds
}

// Run replays one well and hands every change to tell, in order.
func Run(ctx context.Context, c Config, scans iter.Seq2[*esp.Scan, error], tell func(*Change) error) (Stats, error) {
	p := player{
		config: c,
		engine: diagnosis.New(diagnosis.Config{Well: c.Well, Fault: c.Fault}),
		alarms: alarm.New(alarm.Config{Well: c.Well.ID, Limits: c.Well.Limits}),
		tell:   tell,
	}
	var stats Stats
	for s, err := range scans {
		if err != nil {
			return stats, err
		}
		if stats.Scans%4096 == 0 && ctx.Err() != nil {
			return stats, ctx.Err()
		}
		if !c.To.IsZero() && s.Time.After(c.To) {
			break
		}
		if err := p.take(s); err != nil {
			return stats, fmt.Errorf("replay %s: %w", c.Well.ID, err)
		}
		stats.Scans++
		if s.Time.Before(c.From) {
			continue
		}
		if stats.From.IsZero() {
			stats.From = s.Time
		}
		stats.To = s.Time
	}
	return stats, nil
}

type player struct {
	config Config
	gate   *diagnosis.Gate
	layout esp.LayoutID
	engine *diagnosis.Engine
	alarms *alarm.Manager
	state  []grade // per column
	tell   func(*Change) error
}

// grade is what was last told of a column.
type grade struct {
	quality esp.Quality
	reason  esp.Reason
}

func (p *player) take(s *esp.Scan) error {
	if p.gate == nil || p.layout != s.Layout.ID() {
		p.gate, p.layout = diagnosis.NewGate(s.Layout), s.Layout.ID()
		p.state = make([]grade, len(s.Layout.Columns))
	}
	p.gate.Grade(s)
	out := p.engine.Observe(s)
	state, _ := p.engine.State()
	alarms := p.alarms.Observe(s, state, out.Diagnoses)
	tell := p.tell
	if s.Time.Before(p.config.From) {
		tell = func(*Change) error { return nil }
	}
	if err := p.grades(s, tell); err != nil {
		return err
	}
	for i := range out.Diagnoses {
		if d := &out.Diagnoses[i]; d.Change != esp.Updated {
			if err := tell(ofDiagnosis(d)); err != nil {
				return err
			}
		}
	}
	for i := range alarms {
		if a := &alarms[i]; a.Change != esp.Updated {
			if err := tell(ofAlarm(a)); err != nil {
				return err
			}
		}
	}
	return nil
}

// grades tells where a signal became unusable for another reason, or usable again.
func (p *player) grades(s *esp.Scan, tell func(*Change) error) error {
	for i := range s.Readings {
		r, was := &s.Readings[i], &p.state[i]
		if r.Quality == esp.NotDue {
			continue
		}
		now := grade{r.Quality, r.Reason}
		if r.Quality.Usable() {
			now = grade{}
		}
		if now == *was {
			continue
		}
		if was.quality != esp.NotDue {
			if err := tell(ofQuality(s, i, *was, esp.Cleared)); err != nil {
				return err
			}
		}
		*was = now
		if now.quality != esp.NotDue {
			if err := tell(ofQuality(s, i, now, esp.Raised)); err != nil {
				return err
			}
		}
	}
	return nil
}

func ofQuality(s *esp.Scan, column int, g grade, change esp.Change) *Change {
	c, r := &s.Layout.Columns[column], &s.Readings[column]
	label := c.Name
	if c.Signal != 0 {
		label = c.Signal.Info().Label
	}
	text := label + " is " + g.quality.String()
	if change == esp.Cleared {
		text = label + " is no longer " + g.quality.String()
	}
	if g.reason != esp.NoReason {
		text += " (" + g.reason.String() + ")"
	}
	return &Change{
		Well: s.Well, Time: s.Time, Kind: Quality, ID: c.Name, State: change, Severity: esp.SeverityInfo, Onset: s.Time, Text: text,
		Evidence: []Evidence{{Signal: c.Name, Value: esp.Number(r.Value), Baseline: esp.NoNumber(), Limit: esp.NoNumber()}},
	}
}

func ofDiagnosis(d *esp.Diagnosis) *Change {
	c := &Change{
		Well: d.Well, Time: d.Time, Kind: Diagnosis, ID: string(d.ID), State: d.Change, Severity: d.Severity,
		Onset: d.Onset, Confidence: d.Confidence, Text: d.Text,
	}
	for _, e := range d.Evidence {
		c.Evidence = append(c.Evidence, Evidence{Signal: e.Signal, Value: e.Value, Baseline: e.Baseline, Limit: e.Limit})
	}
	return c
}

func ofAlarm(a *esp.Alarm) *Change {
	c := &Change{
		Well: a.Well, Time: a.Time, Kind: Alarm, ID: a.ID, State: a.Change, Severity: severityOf(a.Priority), Onset: a.Since, Text: a.Text,
	}
	if a.Signal != "" {
		c.Evidence = []Evidence{{Signal: a.Signal, Value: a.Value, Baseline: esp.NoNumber(), Limit: a.Limit}}
	}
	return c
}

// severityOf is the severity whose priority is that of an alarm.
func severityOf(priority int) esp.Severity {
	for _, s := range []esp.Severity{esp.SeverityNow, esp.SeverityToday, esp.SeverityPlan} {
		if s.Priority() == priority {
			return s
		}
	}
	return esp.SeverityInfo
}
