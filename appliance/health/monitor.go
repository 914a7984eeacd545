package health

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Every is how often the facts are looked at.
const Every = time.Second

// oldAfter is when what was last found is no longer taken for the present.
const oldAfter = 10 * time.Second

// Report is what was found at the last look. It is not changed once handed out.
type Report struct {
	Facts      *Facts
	Conditions []Condition // most urgent first
	Status     Status
}

// Monitor looks at the facts every second and keeps what it finds for whoever asks, so
// that asking waits for nothing, not even for a component that hangs.
type Monitor struct {
	look    func() *Facts
	judge   *judge
	tracker *tracker
	report  atomic.Pointer[Report]

	mu      sync.Mutex // guards changes
	changes []Change
}

// maxUntaken bounds the changes that wait for the log, which a disk that hangs does not
// take.
const maxUntaken = 1000

// NewMonitor looks once. look must not touch disk or network.
func NewMonitor(look func() *Facts) *Monitor {
	first := look()
	m := &Monitor{look: look, judge: newJudge(), tracker: newTracker()}
	m.take(first)
	return m
}

// Run looks until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			m.take(m.look())
		}
	}
}

func (m *Monitor) take(f *Facts) {
	changes := m.tracker.observe(f, m.judge.judge(f))
	standing := m.tracker.standing()
	m.report.Store(&Report{Facts: f, Conditions: standing, Status: StatusOf(standing)})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, changes...)
	if over := len(m.changes) - maxUntaken; over > 0 {
		m.changes = m.changes[over:]
	}
}

// Report is what was last found. Where that is old, it says so.
func (m *Monitor) Report() *Report {
	r := m.report.Load()
	age := time.Since(r.Facts.Time)
	if age < oldAfter {
		return r
	}
	for i := range m.judge.kinds {
		if k := &m.judge.kinds[i]; k.Code == checksStalled {
			old := Condition{
				Kind: k, Subject: Subject{Part: "appliance"}, Since: r.Facts.Time.Round(0),
				Text: fmt.Sprintf("What is said here is %s old.", span(age)),
			}
			all := append([]Condition{old}, r.Conditions...)
			return &Report{Facts: r.Facts, Conditions: all, Status: StatusOf(all)}
		}
	}
	return r
}

// Changes hands over what began and ended since the last call.
func (m *Monitor) Changes() []Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.changes
	m.changes = nil
	return taken
}
