package sim

// inService is when the simulated pump was started for the first time:
// 2025-09-01T00:00:00Z.
const inService = int64(1756684800)

// history sets the drive's counters to what they would be at a time. They grow with
// the calendar, a little faster than the well makes them grow, so that a well made
// anew later never counts backwards.
func (d *drive) history(now int64) {
	hours := max(float64(now-inService), 0) / 3600
	d.hours = hours
	d.energy = 40 * hours
	d.starts = 3 + float64(max(now-inService, 0)/(23*secondsOfDay))
}

// skip counts on over seconds that are not played, at a motor input in kW.
func (d *drive) skip(seconds, input float64) {
	if d.frequency <= 0 {
		return
	}
	d.hours += seconds / 3600
	d.energy += input * seconds / 3600
}
