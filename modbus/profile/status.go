package profile

import "wellkeeper.internal/appliance/esp"

// statusWord derives the state of the pump from the bits of a register.
type statusWord struct {
	conditions []condition // in order of precedence: the first that holds decides
	warning    *condition
	otherwise  esp.State
}

type condition struct {
	state esp.State
	mask  uint64
	is    uint64
}

func (c *condition) holds(word uint64) bool { return word&c.mask == c.is }

func (s *statusWord) state(word uint64) esp.State {
	for i := range s.conditions {
		if s.conditions[i].holds(word) {
			return s.conditions[i].state
		}
	}
	return s.otherwise
}

func (s *statusWord) warns(word uint64) bool { return s.warning != nil && s.warning.holds(word) }

// word makes a status word that decodes to st, or to the nearest state that the
// device can express.
func (s *statusWord) word(st esp.State, warns bool) uint64 {
	var w, fixed uint64
	before := s.conditions
	if at := s.find(st); at >= 0 {
		w, fixed = s.conditions[at].is, s.conditions[at].mask
		before = before[:at]
	}
	for i := range before { // what takes precedence must not hold: bits that are active at 0 are set
		if c := &before[i]; c.holds(w) {
			w ^= c.mask &^ fixed
		}
	}
	if s.warning != nil {
		free := s.warning.mask &^ fixed
		w = w&^free | s.warning.is&free
		if !warns {
			w ^= free
		}
	}
	return w
}

func (s *statusWord) find(st esp.State) int {
	for _, candidate := range []esp.State{st, plainer(st)} {
		for i := range s.conditions {
			if s.conditions[i].state == candidate {
				return i
			}
		}
	}
	return -1
}

// plainer is the state that a device reports which does not know st.
func plainer(st esp.State) esp.State {
	if st.Turning() {
		return esp.Running
	}
	return esp.Stopped
}
