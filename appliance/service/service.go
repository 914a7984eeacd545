// Package service is the appliance's side of systemd: it says when the appliance is
// ready, reloading and stopping, how it stands, and feeds the watchdog as long as
// everything that must go on does. Without a service manager it does nothing.
//
// It knows nothing of wells or stores; only the appliance package imports it.
package service

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// statusEvery is how often the status line is looked at where there is no watchdog.
const statusEvery = 10 * time.Second

// Manager is the service manager as the appliance sees it.
type Manager struct {
	send     func(state string) error
	interval time.Duration // of the watchdog; 0: none is wanted
	log      zerolog.Logger

	mu     sync.Mutex // guards what follows
	status string     // as last told
	deaf   bool       // the manager could not be reached last time
}

// New finds the service manager in the environment.
func New(log zerolog.Logger) *Manager {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn().Err(err).Msg("the watchdog's interval could not be understood; the watchdog is not fed")
	}
	return &Manager{
		interval: interval, log: log,
		send: func(state string) error {
			_, err := daemon.SdNotify(false, state)
			return err
		},
	}
}

// Ready says that the appliance works; after Reloading, that it is done with that.
func (m *Manager) Ready() { m.tell(daemon.SdNotifyReady) }

// Reloading says that the configuration is being read again. Ready must follow.
func (m *Manager) Reloading() {
	m.tell(daemon.SdNotifyReloading + "\n" + strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// Stopping says that the appliance is about to end.
func (m *Manager) Stopping() { m.tell(daemon.SdNotifyStopping + "\nSTATUS=Stopping") }

// Interval is how long the watchdog waits for being fed; 0: there is none.
func (m *Manager) Interval() time.Duration { return m.interval }

// tell sends a message. A manager that cannot be reached is no reason to stop; it is
// logged when that begins.
func (m *Manager) tell(state string) {
	err := m.send(state)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && !m.deaf {
		m.log.Warn().Err(err).Msg("the service manager cannot be told anything")
	}
	m.deaf = err != nil
}

// Run feeds the watchdog three times in its interval as long as nothing is stuck, and
// keeps the status line, until ctx ends; it returns nil. look is asked each time for
// all that must go on and for the line.
func (m *Manager) Run(ctx context.Context, look func() (parts []Part, status string)) error {
	every := statusEvery
	if m.interval > 0 {
		every = m.interval / 3
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var watch Watch
	stuck := false
	for {
		parts, status := look()
		held := watch.Stuck(time.Now(), parts)
		if len(held) > 0 {
			if !stuck {
				m.log.Error().Strs("stuck", held).Dur("watchdog", m.interval).Msg("no progress; the watchdog is not fed any more")
			}
			status = "No progress: " + strings.Join(held, ", ")
		} else if stuck {
			m.log.Warn().Msg("there is progress again")
		}
		stuck = len(held) > 0
		m.feed(stuck, status)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// feed sends what there is to send in one message.
func (m *Manager) feed(stuck bool, status string) {
	var lines []string
	if m.interval > 0 && !stuck {
		lines = append(lines, daemon.SdNotifyWatchdog)
	}
	m.mu.Lock()
	if status != m.status {
		m.status = status
		lines = append(lines, "STATUS="+strings.ReplaceAll(status, "\n", " "))
	}
	m.mu.Unlock()
	if len(lines) > 0 {
		m.tell(strings.Join(lines, "\n"))
	}
}

// Part is something that must go on.
type Part struct {
	Name string
	// Count grows with each piece of work.
	Count uint64
	// Patience is how long it may stand still, its longest honest piece of work.
	Patience time.Duration
}

// Watch notices what stands still. The zero Watch is ready.
type Watch struct {
	seen map[string]mark
}

type mark struct {
	count uint64
	since time.Time
}

// Stuck names the parts that stand still for longer than they may. A part that is new
// begins its patience now; one that is not there any more is forgotten.
func (w *Watch) Stuck(now time.Time, parts []Part) []string {
	seen := make(map[string]mark, len(parts))
	var stuck []string
	for _, p := range parts {
		m, ok := w.seen[p.Name]
		if !ok || m.count != p.Count {
			m = mark{p.Count, now}
		}
		seen[p.Name] = m
		if still := now.Sub(m.since); still > p.Patience {
			stuck = append(stuck, fmt.Sprintf("%s for %s", p.Name, still.Round(time.Second)))
		}
	}
	w.seen = seen
	return stuck
}
