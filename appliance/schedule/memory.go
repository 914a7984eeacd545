package schedule

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp/record"
)

// Memory keeps what the scheduler must remember over a restart, as bytes by key. Put
// is durable when it returns.
type Memory interface {
	Get(key []byte) ([]byte, error)
	Put(key, value []byte) error
}

// stretch is a run of slots without a hole between them, both ends included.
type stretch struct {
	First slot `json:"first"`
	Last  slot `json:"last"`
}

// maxStretches bounds the memory of a box whose clock never comes to rest. Each wrong
// setting of the clock makes one stretch at most.
const maxStretches = 512

// memo is what is remembered of a job.
type memo struct {
	// Schedule and Zone are what the slots were counted by; with others they mean nothing.
	Schedule string `json:"schedule"`
	Zone     string `json:"zone"`
	// Done are the slots that must not be run again, the stretch that grew last at the
	// end. A clock that is set back comes by slots a second time, and one that was ahead
	// by years has left a hole that must be run when it is reached in earnest.
	Done []stretch `json:"done"`
	// Begun is the run under way; after a start, one that the stop cut off.
	Begun *begun         `json:"begun,omitempty"`
	Last  *record.JobRun `json:"last,omitempty"`
}

type begun struct {
	Slot    slot      `json:"slot"`
	Due     time.Time `json:"due"`
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
}

func (m *memo) done(s slot) bool {
	return slices.ContainsFunc(m.Done, func(r stretch) bool { return r.First <= s && s <= r.Last })
}

// mark notes that a slot is done.
func (m *memo) mark(e Expression, s slot) error {
	for i, r := range m.Done {
		after, err := e.next(r.Last)
		if err != nil {
			return err
		}
		if after == s {
			r.Last = s
			m.Done = append(slices.Delete(m.Done, i, i+1), r)
			m.join(e)
			return nil
		}
	}
	m.Done = append(m.Done, stretch{s, s})
	m.join(e)
	if n := len(m.Done) - maxStretches; n > 0 {
		m.Done = slices.Delete(m.Done, 0, n)
	}
	return nil
}

// join puts the newest stretch together with the one that begins where it ends.
func (m *memo) join(e Expression) {
	newest := &m.Done[len(m.Done)-1]
	after, err := e.next(newest.Last)
	if err != nil {
		return
	}
	for i, r := range m.Done[:len(m.Done)-1] {
		if r.First == after {
			newest.Last = r.Last
			m.Done = slices.Delete(m.Done, i, i+1)
			return
		}
	}
}

func (s *Scheduler) load(name string) (memo, error) {
	b, err := s.cfg.Memory.Get([]byte(name))
	if err != nil || b == nil {
		return memo{}, err
	}
	var m memo
	if err := json.Unmarshal(b, &m); err != nil {
		return memo{}, fmt.Errorf("decode: %w", err)
	}
	return m, nil
}

func (s *Scheduler) save(name string, m memo) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.cfg.Memory.Put([]byte(name), b)
}
