package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/clock"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/web"
)

// The store's table of what must be known of the clock for as long as the boot lasts.
const (
	clockTable   = "clock"
	clockSetting = "setting" // a clock.Setting
	clockWell    = "well/"   // and the id: a clock.Timeline
)

// openClock makes the appliance's clock, as it was set in this boot.
func openClock(from clock.Sources, table *storage.Table, log *zerolog.Logger) *clock.Clock {
	var was clock.Setting
	if err := recall(table, clockSetting, &was); err != nil {
		log.Warn().Err(err).Msg("how the clock was set is not known any more")
	}
	return clock.New(from, was)
}

// recall reads a value of the table; none leaves v as it is.
func recall(table *storage.Table, key string, v any) error {
	raw, err := table.Get([]byte(key))
	if err != nil || raw == nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// stamps puts the time of the appliance's clock on the scans of one well, and finds out
// which of them were stamped wrongly once the time is known better.
type stamps struct {
	well     esp.WellID
	clock    *clock.Clock
	store    *storage.Store
	table    *storage.Table
	timeline clock.Timeline
	reading  clock.Reading // of the present scan
	drive    driveClock
	asked    time.Time // when the drive was last asked, with the monotonic clock
	// told takes the time that the drive tells, which is in zone; a nil zone means that
	// it is not asked.
	told func(time.Time)
	zone func() *time.Location
	log  zerolog.Logger
}

func (a *App) newStamps(id esp.WellID, log zerolog.Logger) *stamps {
	c := a.clock
	s := &stamps{
		well: id, clock: c, store: a.store, table: a.store.Table(clockTable), log: log,
		told: func(at time.Time) { a.takeTime(at, clock.Drive, driveSlack) },
		zone: func() *time.Location {
			if from := a.config.Load().Clock; from.FromDrive {
				return from.Drive
			}
			return nil
		},
	}
	if err := recall(s.table, clockWell+string(id), &s.timeline); err != nil {
		log.Warn().Err(err).Msg("how the readings of this boot were stamped is not known any more")
	}
	if s.timeline.Boot != c.Boot() || c.Boot() == "" {
		s.timeline = clock.Timeline{Boot: c.Boot()}
	}
	return s
}

// stamp sets the time of a scan that was just read, and says by how much the clock was
// set since the one before.
func (s *stamps) stamp(scan *esp.Scan) (step time.Duration) {
	s.askDrive(scan)
	s.reading = s.clock.Read(scan.Time)
	scan.Time = s.reading.Time.UTC().Truncate(time.Millisecond)
	return s.timeline.Step(s.reading)
}

// askEvery is how often the drive's clock is looked at.
const askEvery = time.Minute

// askDrive hands on the time that the drive tells, where that is wanted.
func (s *stamps) askDrive(scan *esp.Scan) {
	if now := time.Now(); s.asked.IsZero() || now.Sub(s.asked) >= askEvery {
		zone := s.zone()
		if zone == nil {
			return
		}
		if at, ok := s.drive.read(scan, zone); ok {
			s.asked = now
			s.told(at)
		}
	}
}

// stored notes the number of the scan, and corrects those that were stamped wrongly. It
// says whether there were any.
func (s *stamps) stored(ctx context.Context, scan *esp.Scan) (corrected bool) {
	if scan.Seq == 0 {
		return false // the disk did not take it
	}
	changed, list := s.timeline.Note(s.reading, s.store.Epoch(), scan.Seq)
	if len(list) > 0 {
		if err := s.correct(ctx, list, scan.Time); err != nil {
			s.log.Error().Err(err).Msg("wrong times could not be corrected")
		}
	}
	if changed {
		raw, err := json.Marshal(s.timeline)
		if err == nil {
			err = s.table.Put([]byte(clockWell+string(s.well)), raw)
		}
		if err != nil && !errors.Is(err, storage.ErrClosed) {
			s.log.Warn().Err(err).Msg("how readings are stamped could not be noted")
		}
	}
	return len(list) > 0
}

// correct takes corrections into effect and tells of them.
func (s *stamps) correct(ctx context.Context, list []clock.Correction, now time.Time) error {
	var corrections []storage.Correction
	var records []record.Record
	for _, c := range list {
		corrections = append(corrections, storage.Correction{Well: s.well, Epoch: c.Epoch, First: c.First, Last: c.Last, Offset: c.Offset})
		r, err := record.Clock(record.ClockCorrection{
			Well: s.well, Epoch: c.Epoch, First: c.First, Last: c.Last, OffsetMs: c.Offset.Milliseconds(),
			Source: c.Trust.String(), By: c.By, Time: now,
		})
		if err != nil {
			return err
		}
		records = append(records, r)
		s.log.Info().Uint64("first", c.First).Uint64("last", c.Last).Dur("offset", c.Offset).Stringer("source", c.Trust).
			Msg("the times of readings were corrected")
	}
	return s.store.Correct(ctx, corrections, records)
}

// clockEvery is how often the clock is looked at.
const clockEvery = time.Second

// watchClock notes in the log of records when the clock was set, and whose word it is.
func (a *App) watchClock(ctx context.Context) error {
	ticks := time.NewTicker(clockEvery)
	defer ticks.Stop()
	last := a.clock.Read(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		now := a.clock.Read(time.Now())
		if text := clockChange(last, now); text != "" {
			a.log.Info().Str("component", "clock").Msg(text)
			a.event(ctx, "clock_changed", text)
			a.touch()
		}
		last = now
	}
}

// tellStep is the least step of the clock that is worth an event.
const tellStep = time.Second

// How far the time of a source may be off before it is taken over again: that of a drive
// comes in whole seconds, and as old as the poll.
const (
	centreSlack = 2 * time.Second
	driveSlack  = 30 * time.Second
)

// clockChange says in a sentence what became of the clock; nothing where that is nothing.
func clockChange(last, now clock.Reading) string {
	step := time.Duration(now.Base-last.Base) * time.Millisecond
	text := ""
	switch {
	case step >= tellStep:
		text = fmt.Sprintf("The clock was set forward by %s", esp.Span(step))
	case step <= -tellStep:
		text = fmt.Sprintf("The clock was set back by %s", esp.Span(-step))
	}
	if now.Trust == last.Trust && now.By == last.By {
		if text != "" {
			text += "."
		}
		return text
	}
	var whose string
	switch now.Trust {
	case clock.Synchronised:
		whose = "it is kept by a time service now"
	case clock.Person:
		whose = now.By + " set it"
	case clock.Centre:
		whose = "headquarters' server gave the time"
	case clock.Drive:
		whose = "the drive gave the time"
	case clock.Free:
		whose = "no time service keeps it any more"
	}
	if text == "" {
		return "The clock: " + whose + "."
	}
	return text + "; " + whose + "."
}

// Clock says what time it is and how far that can be trusted.
func (p pages) Clock() web.Timekeeping {
	machine := time.Now()
	r := p.app.clock.Read(machine)
	return web.Timekeeping{Time: r.Time, Source: r.Trust.String(), By: r.By, Machine: machine}
}

// SetClock sets the clock by the word of a technician. Who did it is on the disk before
// it takes effect.
func (p pages) SetClock(ctx context.Context, now time.Time, by string) error {
	was := p.app.clock.Now()
	if p.app.clock.Read(time.Now()).Trust == clock.Synchronised {
		return web.ErrClockKept
	}
	r, err := record.AuditOf(record.Audit{
		Time: was.UTC(), By: by, Action: "clock_set",
		Text: fmt.Sprintf("The clock was set from %s to %s.", was.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)),
	})
	if err != nil {
		return err
	}
	if _, err := p.app.store.AppendRecord(ctx, r); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	if err := p.app.SetClock(now, clock.Person, by); errors.Is(err, clock.ErrBetter) {
		return web.ErrClockKept
	} else if err != nil {
		return err
	}
	return nil
}

// SetClock sets the appliance's clock, as long as nothing better gives the time; the
// system's clock stays as it is. The error wraps clock.ErrBetter where something does.
func (a *App) SetClock(now time.Time, source clock.Trust, by string) error {
	setting, err := a.clock.Set(now, source, by)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(setting)
	if err != nil {
		return err
	}
	return a.store.Table(clockTable).Put([]byte(clockSetting), raw)
}

// takeTime sets the clock by what another machine says. Nothing better is put aside
// for it, and what the same source gave is not changed as long as it is right within slack.
func (a *App) takeTime(now time.Time, source clock.Trust, slack time.Duration) {
	present := a.clock.Read(time.Now())
	if present.Trust > source || present.Trust == source && present.Time.Sub(now).Abs() < slack {
		return
	}
	if err := a.SetClock(now, source, ""); err != nil && !errors.Is(err, clock.ErrBetter) {
		a.log.Warn().Err(err).Msg("the time could not be taken over")
	}
}
