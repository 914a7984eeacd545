// Package clock says what time it is on a box whose own clock may be wrong, and how
// far that can be trusted.
//
// Everything rests on one number: the base, wall time minus the time since the boot.
// The time since the boot is counted by a clock that nobody sets, so a base that
// changes is a clock that was set, and the difference of two bases tells exactly how
// wrong readings of the same boot were stamped. Without a better source the time is
// that of the system's clock; a time set by a person, the drive or headquarters holds
// until the system says that its clock is synchronised.
//
// The package does no I/O of its own: its two sources of time are handed in (Linux
// has them in System). Only appliance imports it.
package clock

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Trust says whose word the time is. A higher one corrects what was stamped under a
// lower one.
type Trust int

// Trusts, from the least on. The numbers are stored.
const (
	Free         Trust = iota // the system's clock, of which nothing is known
	Drive                     // taken from the drive
	Centre                    // taken from headquarters' server
	Person                    // set by a technician
	Synchronised              // the system says that a time service keeps its clock
)

var trustNames = [...]string{"free", "drive", "centre", "technician", "synchronised"}

// String is the stable name.
func (t Trust) String() string {
	if t < 0 || int(t) >= len(trustNames) {
		return fmt.Sprintf("trust(%d)", int(t))
	}
	return trustNames[t]
}

// MarshalText gives the stable name.
func (t Trust) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText takes the stable name.
func (t *Trust) UnmarshalText(text []byte) error {
	for i, name := range trustNames {
		if name == string(text) {
			*t = Trust(i)
			return nil
		}
	}
	return fmt.Errorf("no such trust in a clock: %q", text)
}

// Sources are the clocks of the machine.
type Sources struct {
	// Wall is the system's clock.
	Wall func() time.Time
	// Uptime is the time since the boot, times of sleep included; nobody can set it.
	Uptime func() time.Duration
	// Synchronised says whether a time service keeps the system's clock.
	Synchronised func() bool
	// Boot names the present boot.
	Boot string
}

// Setting is a time that was set by hand, or taken from elsewhere. It lives as long as
// the boot.
type Setting struct {
	Boot  string `json:"boot"`
	Base  int64  `json:"base_ms"`
	Trust Trust  `json:"trust"`
	By    string `json:"by,omitempty"`
}

// Reading is a time and what it is worth.
type Reading struct {
	Time  time.Time
	Base  int64 // ms
	Trust Trust
	By    string // who set it, where a person did
}

// Clock is the appliance's clock. All methods may be called from any goroutine.
type Clock struct {
	from Sources

	mu      sync.Mutex // guards the fields below
	setting Setting    // of Trust Free where there is none
	synced  bool       // as last looked at,
	looked  time.Duration
	known   bool // and whether it was
}

// syncEvery is how often the system is asked whether its clock is kept.
const syncEvery = time.Second

// New makes a clock. A setting of another boot is not used.
func New(from Sources, was Setting) *Clock {
	c := &Clock{from: from}
	if was.Boot == from.Boot && was.Boot != "" {
		c.setting = was
	}
	return c
}

// Now is the time, as well as it is known.
func (c *Clock) Now() time.Time { return c.Read(c.from.Wall()).Time }

// Read says what a time of the system's clock, taken just now, means.
func (c *Clock) Read(system time.Time) Reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.from.Uptime()
	base := c.from.Wall().UnixMilli() - up.Milliseconds()
	if !c.known || up-c.looked >= syncEvery || up < c.looked {
		c.synced, c.looked, c.known = c.from.Synchronised(), up, true
	}
	switch {
	case c.synced:
		return Reading{Time: system, Base: base, Trust: Synchronised}
	case c.setting.Trust > Free:
		shift := time.Duration(c.setting.Base-base) * time.Millisecond
		return Reading{Time: system.Add(shift), Base: c.setting.Base, Trust: c.setting.Trust, By: c.setting.By}
	}
	return Reading{Time: system, Base: base}
}

// ErrBetter means that the time is known from a better source.
var ErrBetter = errors.New("the time is known from a better source")

// Set makes the time now what a source says it is, and gives the setting to be kept
// over a restart of the program. The error wraps ErrBetter.
func (c *Clock) Set(now time.Time, source Trust, by string) (Setting, error) {
	present := c.Read(c.from.Wall())
	c.mu.Lock()
	defer c.mu.Unlock()
	if present.Trust > source || present.Trust == Synchronised {
		return Setting{}, fmt.Errorf("set the clock: %w: it is %s", ErrBetter, present.Trust)
	}
	c.setting = Setting{Boot: c.from.Boot, Base: now.UnixMilli() - c.from.Uptime().Milliseconds(), Trust: source, By: by}
	return c.setting, nil
}

// Boot names the present boot.
func (c *Clock) Boot() string { return c.from.Boot }
