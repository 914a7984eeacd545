// Package web serves the page and the HTTP API of the appliance: pages that the
// server renders completely and that a few ES modules keep live by server-sent
// events, JSON under /api/v1, and the health routes.
//
// It reads; nothing here writes to a device, and nothing here opens a store or a
// link: what it shows comes through the small interfaces of views.go, which the
// appliance implements. Access is denied unless the route table says otherwise. It
// trusts no forwarding header, and no page or script asks another origin.
//
// Only the appliance package may import it.
package web

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wellkeeper.internal/web/auth"
)

// Units is a system of units for display.
type Units string

// Systems of units.
const (
	Oilfield Units = "oilfield" // psi, °F, ft, bbl/d
	SI       Units = "si"       // kPa, °C, m, m³/d
)

// Config is what a Server needs. Fields without a stated default are required.
type Config struct {
	// Listener is where to serve; the server closes it. Whoever binds decides the
	// address, so that a port in use is an error at start and not later.
	Listener net.Listener
	// TLS, when set, is used for every connection; nil serves plain http.
	TLS *tls.Config

	// AnonymousView opens pages and GET routes without a login. What computes without
	// changing a setting (analyze-latest) is then open too, to peers on loopback only.
	// False: without a login everything except the health routes and the login answers 401.
	AnonymousView bool

	Wells     Wells
	Changes   Changes
	Telemetry Telemetry
	Diagnoses Diagnoses
	Curves    Curves
	Notes     Notes
	Health    Health
	Jobs      Jobs
	Devices   Devices
	// Auth knows the users. Logins need nothing else of the configuration.
	Auth *auth.Authority
	// Notices are sentences for the top of the list of wells, as Overview has its own;
	// nil: none.
	Notices func() []string

	// Metrics are offered at /metrics beside those of web and of the process; nil: none.
	// Collecting must touch neither disk nor network.
	Metrics prometheus.Collector

	// Location is site time; nil is UTC. Units is what a browser shows until its user
	// chooses; the default is Oilfield.
	Location *time.Location
	Units    Units
	Version  string // of the appliance, shown in the page's foot

	// Clock says how far Now can be trusted; nil: nothing is known of it.
	Clock Timekeeper

	// Now is the appliance's clock; the default is time.Now.
	Now func() time.Time
	Log zerolog.Logger
}

func (c *Config) complete() error {
	if c.Listener == nil || c.Wells == nil || c.Changes == nil || c.Telemetry == nil || c.Diagnoses == nil || c.Health == nil || c.Jobs == nil {
		return errors.New("web: Listener, Wells, Changes, Telemetry, Diagnoses, Health and Jobs are required")
	}
	if c.Curves == nil || c.Notes == nil || c.Devices == nil || c.Auth == nil {
		return errors.New("web: Curves, Notes, Devices and Auth are required")
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Units == "" {
		c.Units = Oilfield
	}
	if c.Notices == nil {
		c.Notices = func() []string { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Clock == nil {
		c.Clock = untold(c.Now)
	}
	return nil
}
