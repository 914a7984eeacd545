// Package modbus reads the devices of a well: a link that survives what real
// networks and serial lines do, a planner that reads many registers with few
// requests, and a poller that turns each tick into one esp.Scan.
//
// It only reads. Requests carry function codes 1 to 4 and there is no way to make
// another one; goburrow/modbus gives the framing (its packagers and PDU types), its
// client with the write functions is not used and not linked.
//
// A request that fails is a lost value with a reason: never an invented one, never
// zero, never the last one. A device that does not answer is a condition, not an
// error: Run goes on until its context ends or its handler fails.
//
// Packages appliance and appliance/command may import it.
package modbus

import (
	"errors"
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Device is one unit to poll.
type Device struct {
	ID esp.DeviceID // unique within the well
	// URL is tcp://HOST:PORT, rtu:///dev/serial/by-id/…?baud=19200&parity=E&stop=1 or
	// rtutcp://HOST:PORT (RTU frames over TCP). What it leaves out comes from the
	// profile, then from the standard: port 502, 19200 baud, even parity, one stop bit.
	URL string
	// Unit is the Modbus unit id; 0 takes the profile's, or 1.
	Unit    uint8
	Profile *profile.Profile // required
	Period  time.Duration    // of its polls; 0: one second
	// Fast is how often the signals that explain a trip are read between the polls; 0:
	// they are not.
	Fast time.Duration
	// Timeout is the longest wait for one answer; 0 takes the profile's, or half a
	// second.
	Timeout time.Duration
}

const (
	defaultPeriod  = time.Second
	defaultTimeout = 500 * time.Millisecond
	shortestPeriod = 10 * time.Millisecond
)

// ErrDevice is wrapped by every error about a device that cannot be polled as it is
// configured.
var ErrDevice = errors.New("device cannot be polled")

// withDefaults completes d and checks it.
func (d Device) withDefaults() (Device, endpoint, error) {
	if d.Profile == nil {
		return d, endpoint{}, fmt.Errorf("%w: %s: no profile", ErrDevice, d.ID)
	}
	if d.Unit == 0 {
		d.Unit = max(d.Profile.Link.Unit, 1)
	}
	if d.Period == 0 {
		d.Period = defaultPeriod
	}
	if d.Timeout == 0 {
		d.Timeout = d.Profile.Link.Timeout
	}
	if d.Timeout == 0 {
		d.Timeout = defaultTimeout
	}
	if d.Period < shortestPeriod || d.Timeout < 0 {
		return d, endpoint{}, fmt.Errorf("%w: %s: period %s and timeout %s must be positive, the period at least %s", ErrDevice, d.ID, d.Period, d.Timeout, shortestPeriod)
	}
	if d.Fast != 0 && (d.Fast < shortestPeriod || d.Fast >= d.Period) {
		return d, endpoint{}, fmt.Errorf("%w: %s: fast reads every %s must come between polls of %s", ErrDevice, d.ID, d.Fast, d.Period)
	}
	ep, err := parseEndpoint(d.URL, d.Profile.Link)
	if err != nil {
		return d, endpoint{}, fmt.Errorf("%w: %s: %w", ErrDevice, d.ID, err)
	}
	return d, ep, nil
}
