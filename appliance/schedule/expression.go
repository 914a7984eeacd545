package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Off is the expression of a job that never runs by itself.
const Off = "off"

// Expression says when a job is due. The zero Expression is never.
type Expression struct {
	text string
	spec *cron.SpecSchedule
	// hourly: the job is due in every hour of every day, so that its slots are instants,
	// counted with the zone's minutes (India is 5 h 30 min ahead). The slots of
	// all others are readings of the clock on the wall at the site: where the clock is
	// put back for winter the repeated hour brings none of them again, and what falls
	// into the hour that is left out in spring is made up after it.
	hourly bool
}

// What a cron.SpecSchedule holds where a field allows everything.
const (
	allHours  = 1<<24 - 1
	allDays   = 1<<32 - 1<<1
	allMonths = 1<<13 - 1<<1
	allWeek   = 1<<7 - 1
)

func hourly(s *cron.SpecSchedule) bool {
	return s.Hour&allHours == allHours && s.Dom&allDays == allDays && s.Month&allMonths == allMonths && s.Dow&allWeek == allWeek
}

// Parse reads a cron expression of five fields (minute, hour, day of month, month, day
// of week), one of @hourly, @daily, @weekly, @monthly, @yearly, or off.
func Parse(text string) (Expression, error) {
	text = strings.TrimSpace(text)
	if text == Off {
		return Expression{text: Off}, nil
	}
	const how = `write five fields such as "30 3 * * *" (minute, hour, day of month, month, day of week), @daily, @weekly, or off`
	if strings.Contains(text, "=") {
		return Expression{}, fmt.Errorf("%q names a time zone; jobs follow site.time_zone: %s", text, how)
	}
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(text)
	if err != nil {
		return Expression{}, fmt.Errorf("%q is no schedule (%w); %s", text, err, how)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Expression{}, fmt.Errorf("%q counts from the start instead of following the clock; %s", text, how)
	}
	spec.Location = time.UTC
	if spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Expression{}, fmt.Errorf("%q never comes: no such date exists; %s", text, how)
	}
	return Expression{text: text, spec: spec, hourly: hourly(spec)}, nil
}

// UnmarshalText reads what Parse reads.
func (e *Expression) UnmarshalText(b []byte) (err error) {
	*e, err = Parse(string(b))
	return err
}

// String is the expression as it was written.
func (e Expression) String() string { return e.text }

// Never reports whether the job is switched off.
func (e Expression) Never() bool { return e.spec == nil }

// slot is a time at which a job is due, as the expression counts it: for hourly ones
// an instant, for all others a reading of the wall clock, written as if in UTC.
type slot int64

// civil is the reading of the wall clock at t.
func civil(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func (e Expression) clock(t time.Time, zone *time.Location) time.Time {
	if e.hourly {
		return t.UTC().Add(minutes(t, zone))
	}
	return civil(t, zone)
}

// minutes is by how much the zone's clock differs from UTC beside whole hours.
func minutes(t time.Time, zone *time.Location) time.Duration {
	_, offset := t.In(zone).Zone()
	return time.Duration(offset%3600) * time.Second
}

// instant is when a slot comes.
func (e Expression) instant(s slot, zone *time.Location) time.Time {
	t := time.Unix(int64(s), 0).UTC()
	if e.hourly {
		return t.Add(-minutes(t, zone))
	}
	at := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
	from, to := at.ZoneBounds()
	switch read := civil(at, zone); { // a time that the clock leaves out comes with the end of the gap
	case read.Before(t):
		at = to
	case read.After(t):
		at = from
	}
	return at.UTC()
}

// next is the first slot after a slot. An expression that has any slot has one within
// eight years: 29 February of a leap year, across a century that has none.
func (e Expression) next(after slot) (slot, error) {
	from := time.Unix(int64(after), 0).UTC()
	for range 3 { // cron looks five years ahead
		if t := e.spec.Next(from); !t.IsZero() {
			return slot(t.Unix()), nil
		}
		from = from.AddDate(4, 0, 0)
	}
	return 0, errors.New("the schedule has no further time")
}

// latest is the newest slot that is not after t.
func (e Expression) latest(t time.Time, zone *time.Location) (slot, error) {
	now := slot(e.clock(t, zone).Unix())
	const century = slot(100 * 366 * 24 * 3600)
	for back := slot(60); back <= century; back *= 2 {
		s, err := e.next(now - back)
		if err != nil {
			return 0, err
		}
		if s > now {
			continue
		}
		for {
			after, err := e.next(s)
			if err != nil {
				return 0, err
			}
			if after > now {
				return s, nil
			}
			s = after
		}
	}
	return 0, errors.New("the schedule has no earlier time")
}
