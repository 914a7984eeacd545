package modbus

import (
	"maps"
	"strconv"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// What a profile reads once is asked for when the device begins to answer, and again
// after a pause until all of it has come.
const (
	onceAgain = time.Minute
	never     = 100 * 365 * 24 * time.Hour
)

// Identity says which device it is: by kind (serial, model, firmware …) what it gave
// when it began to answer.
type Identity map[string]string

// settle decides when what is read once is asked for next, and notes what it says.
func (s *session) settle(at time.Time, r *run) {
	if !r.alive {
		s.connectAt = time.Time{} // it may be another device that answers next
		return
	}
	if !s.due[profile.Once] {
		return
	}
	s.connectAt = at.Add(never)
	for _, it := range s.items {
		if it.every != profile.Once {
			continue
		}
		if _, why := s.word(uint8(it.fc), it.first); why != esp.NoReason && why != esp.NotSupported {
			s.connectAt = at.Add(onceAgain)
		}
	}
	if before, now := s.state.identify(s.identity(), s.history()); before != now {
		s.fault.log.Warn().Str("before", before).Str("now", now).Msg("the device has another serial number")
	}
}

func (s *session) word(fc uint8, wire uint16) (uint16, esp.Reason) {
	i := s.registers[register{fc, wire}]
	return s.words[i], s.why[i]
}

func (s *session) identity() Identity {
	found := Identity{}
	for i := range s.device.Profile.Identity {
		p := &s.device.Profile.Identity[i]
		if _, text := p.Describe(s.word); text != "" {
			found[p.Name] = text
		}
	}
	return found
}

// history is the device's last fault codes, the latest first.
func (s *session) history() []string {
	faults := &s.device.Profile.Faults
	var texts []string
	for i := range faults.History {
		r, _ := faults.History[i].Describe(s.word)
		if r.Quality.Shown() && r.Raw != 0 {
			texts = append(texts, strconv.FormatInt(r.Raw, 10)+" "+faults.Text(r.Raw))
		}
	}
	return texts
}

// identify notes what a device says of itself, and gives its serial number before and
// now; they differ only where both are known.
func (s *deviceState) identify(found Identity, faults []string) (before, now string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, now = s.serial, found["serial"]
	if now != "" {
		s.serial = now
	}
	if before == "" || now == "" {
		before, now = "", ""
	}
	if before != now {
		s.status.Replaced = append(s.status.Replaced, before)
	}
	s.status.Identity = maps.Clone(found)
	s.status.LastFaults = faults
	return before, now
}
