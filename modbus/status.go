package modbus

import (
	"maps"
	"slices"
	"sync"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// DeviceStatus says how a device has been answering since the poller started.
type DeviceStatus struct {
	Device  esp.DeviceID `json:"device"`
	URL     string       `json:"url"`
	Unit    uint8        `json:"unit"`
	Profile string       `json:"profile"`
	// State is ok, silent (asked in the last poll, no answer) or backed_off (not asked
	// in the last poll because it has not been answering).
	State  State     `json:"state"`
	LastOK time.Time `json:"last_ok,omitzero"` // last poll that gave any value
	// The last failed request: when, its class, and what happened.
	LastError  time.Time  `json:"last_error,omitzero"`
	LastReason esp.Reason `json:"last_reason,omitempty"`
	LastText   string     `json:"last_text,omitempty"`

	Polls  uint64                `json:"polls"`            // including those in which it was not asked
	Failed uint64                `json:"failed"`           // polls that gave no value
	Errors map[esp.Reason]uint64 `json:"errors,omitempty"` // failed requests by class
	Missed uint64                `json:"missed"`           // ticks of the well that came too late and were skipped

	PollP50  time.Duration `json:"poll_p50"` // of the last 128 polls that gave values
	PollP95  time.Duration `json:"poll_p95"`
	Good     uint64        `json:"good"`      // polls that gave values
	PollTime time.Duration `json:"poll_time"` // of all those together
	Requests float64       `json:"requests"`  // per poll, mean over those
	// Identity is what the device says of itself, LastFaults its own list of fault codes
	// with their texts, the latest first; both as of when it began to answer.
	Identity   Identity `json:"identity,omitempty"`
	LastFaults []string `json:"last_faults,omitempty"`
	// Replaced are the serial numbers that answered here before the present one.
	Replaced []string `json:"replaced,omitempty"`
	// NotSupported names the points that the device refuses (exception 2 or 3).
	NotSupported []string `json:"not_supported,omitempty"`
}

// State is how a device answers.
type State string

// States of a device. Before its first poll it is silent.
const (
	StateOK        State = "ok"
	StateSilent    State = "silent"
	StateBackedOff State = "backed_off"
)

const keptPolls = 128

// deviceState collects a DeviceStatus.
type deviceState struct {
	mu     sync.Mutex // guards all below; held for copies only
	status DeviceStatus
	took   [keptPolls]time.Duration
	asked  [keptPolls]int
	good   uint64
	serial string // the last that was read
}

func newDeviceState(d Device, ep endpoint) *deviceState {
	return &deviceState{status: DeviceStatus{
		Device: d.ID, URL: ep.String(), Unit: d.Unit, Profile: d.Profile.ID, State: StateSilent, Errors: map[esp.Reason]uint64{},
	}}
}

func (s *deviceState) note(now time.Time, r *run, unsupported []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.status
	st.Polls++
	st.NotSupported = unsupported
	for why, n := range r.reasons {
		if n > 0 {
			st.Errors[esp.Reason(why)] += n
		}
	}
	if r.err != nil {
		st.LastError, st.LastReason, st.LastText = now, ReasonOf(r.err), r.err.Error()
	}
	switch {
	case r.skipped:
		st.State = StateBackedOff
	case r.alive:
		st.State = StateOK
	default:
		st.State = StateSilent
	}
	if !r.values {
		st.Failed++
		return
	}
	st.LastOK = now
	at := s.good % keptPolls
	s.took[at], s.asked[at] = now.Sub(r.started), r.requests
	s.good++
	st.PollTime += now.Sub(r.started)
}

func (s *deviceState) missed(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Missed += n
}

func (s *deviceState) snapshot() DeviceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.Errors = maps.Clone(st.Errors)
	st.NotSupported = slices.Clone(st.NotSupported)
	st.Identity = maps.Clone(st.Identity)
	st.Replaced = slices.Clone(st.Replaced)
	st.Good = s.good
	n := int(min(s.good, keptPolls))
	if n == 0 {
		return st
	}
	took := slices.Sorted(slices.Values(s.took[:n]))
	st.PollP50, st.PollP95 = took[n/2], took[n*95/100]
	total := 0
	for _, k := range s.asked[:n] {
		total += k
	}
	st.Requests = float64(total) / float64(n)
	return st
}
