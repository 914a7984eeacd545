package appliance

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Names of points with the device's own clock: seconds since 1970 UTC, or the parts of
// a date in the zone of clock.drive_zone.
const deviceClock = "device_clock"

func deviceClockParts() [6]string {
	return [6]string{"device_year", "device_month", "device_day", "device_hour", "device_minute", "device_second"}
}

// driveClock finds the time that a device tells among the readings of a scan.
type driveClock struct {
	layout  *esp.Layout
	seconds int    // column, −1 where there is none
	parts   [6]int // columns of a date
}

// plausible says whether a device's clock was ever set.
func plausible(t time.Time) bool { return t.Year() >= 2025 && t.Year() < 2100 }

func (d *driveClock) bind(layout *esp.Layout) {
	d.layout, d.seconds, d.parts = layout, -1, [6]int{-1, -1, -1, -1, -1, -1}
	names := deviceClockParts()
	for i := range layout.Columns {
		name := layout.Columns[i].Name
		if name == deviceClock && d.seconds < 0 {
			d.seconds = i
		}
		for k := range names {
			if name == names[k] && d.parts[k] < 0 {
				d.parts[k] = i
			}
		}
	}
}

// read is the time that a device tells in the scan; ok is false where none does, or
// where it is no time.
func (d *driveClock) read(s *esp.Scan, zone *time.Location) (t time.Time, ok bool) {
	if s.Layout != d.layout {
		d.bind(s.Layout)
	}
	if i := d.seconds; i >= 0 && s.Readings[i].Quality.Usable() {
		t = time.Unix(int64(s.Readings[i].Value), 0).UTC()
		return t, plausible(t)
	}
	var p [6]int
	for k, i := range d.parts {
		if i < 0 || !s.Readings[i].Quality.Usable() {
			return time.Time{}, false
		}
		p[k] = int(s.Readings[i].Value)
	}
	if p[0] >= 0 && p[0] < 100 {
		p[0] += 2000
	}
	t = time.Date(p[0], time.Month(p[1]), p[2], p[3], p[4], p[5], 0, zone)
	exists := t.Day() == p[2] && int(t.Month()) == p[1] && t.Minute() == p[4] && t.Second() == p[5]
	return t.UTC(), exists && plausible(t)
}
