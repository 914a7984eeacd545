package modbus

import "sync"

// roll remembers which units of a link answer. A unit that does not is a burden only
// where another one does: when all are silent the line is at fault, and nobody gains
// by leaving any of them alone.
type roll struct {
	mu      sync.Mutex     // guards answers
	answers map[uint8]bool // by unit, since its last request
}

// note takes the outcome of a request.
func (r *roll) note(unit uint8, answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answers == nil {
		r.answers = map[uint8]bool{}
	}
	r.answers[unit] = answered
}

// burdens is how many units burden the others of the link by not answering, this one
// included; 0 where no other unit answers.
func (r *roll) burdens(unit uint8) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	silent, others := 1, false
	for u, answers := range r.answers {
		switch {
		case u == unit:
		case answers:
			others = true
		default:
			silent++
		}
	}
	if !others {
		return 0
	}
	return silent
}
