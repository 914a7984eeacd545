package modbus

import "time"

// A device that has no such register refuses the whole request. What it refuses is
// remembered for a day; a register that has answered before is asked again in the next
// poll and soon after, because a device that restarts may refuse everything for a moment.
const (
	refusedFor      = 24 * time.Hour
	firstRefusedFor = time.Minute
)

// refusals remembers what a device refused. Only its device touches it.
type refusals struct {
	until  map[item]time.Time
	passes map[item]time.Duration // the last wait of an item that has answered before
	known  map[item]bool          // has answered
	once   map[item]bool          // has refused in its last poll, for the first time
	walls  map[wall]time.Time     // holes that the device refused
}

func newRefusals() *refusals {
	return &refusals{until: map[item]time.Time{}, passes: map[item]time.Duration{}, known: map[item]bool{}, once: map[item]bool{}, walls: map[wall]time.Time{}}
}

// add remembers a refusal.
func (r *refusals) add(it item, now time.Time) {
	wait := refusedFor
	if r.known[it] {
		if !r.once[it] {
			r.once[it] = true
			return
		}
		wait = min(max(firstRefusedFor, 2*r.passes[it]), refusedFor)
		r.passes[it] = wait
	}
	r.until[it] = now.Add(wait)
}

// answered remembers that the items exist.
func (r *refusals) answered(items []item) {
	for _, it := range items {
		if !r.known[it] {
			r.known[it] = true
		}
		delete(r.once, it)
	}
}

// holds reports whether an item is not to be asked.
func (r *refusals) holds(it item) bool {
	_, refused := r.until[it]
	return refused
}

// expire forgets what is due to be asked again and reports whether anything was.
func (r *refusals) expire(now time.Time) bool {
	changed := false
	for it, until := range r.until {
		if !now.Before(until) {
			delete(r.until, it)
			changed = true
		}
	}
	for w, until := range r.walls {
		if !now.Before(until) {
			delete(r.walls, w)
			changed = true
		}
	}
	return changed
}
