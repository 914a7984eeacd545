// Package central is the other end of the uplink: the schema in headquarters'
// PostgreSQL (15 or later) with its migrations, and the sink that sends batches to it.
//
// The database decodes the batches itself: an edge sends SELECT esp.ingest(seq,
// payload) over one kept connection and needs no right but to call esp.hello,
// esp.register_layout and esp.ingest. docs/central.md describes the schema.
//
// A sink connects when it first has something to send. Only the composition root and
// the commands import this package; sync/uplink knows it as its Sink interface.
package central

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
)

// Config of a sink.
type Config struct {
	// DSN of the central database, as a URL or as key=value words. Required.
	DSN string
	// Edge is this appliance's name at the centre. It is used where the appliance
	// registers itself; empty: the name of its role.
	Edge string
	// Wells gives the wells of this appliance, likewise; nil: none. It is asked when it
	// registers, so that a well that was added meanwhile is among them.
	Wells func() []esp.WellID
	// Software is this program's name and version, shown at the centre.
	Software string
	// Insecure allows a connection over the network without TLS verify-full.
	Insecure bool
	// Timeout bounds each call, from 1 s to 30 s; 0: 30 s.
	Timeout time.Duration
	// Log gets one line per change of the connection.
	Log zerolog.Logger
}

// ErrInsecure says that a DSN would send data over the network unverified.
var ErrInsecure = errors.New("connection is not verified")

const maxTimeout = 30 * time.Second

// New checks the configuration and makes a sink. It does not connect. The error says
// what to change in the DSN; it wraps ErrInsecure where the DSN is too weak.
func New(c Config) (*Sink, error) {
	conn, err := parseDSN(c.DSN, c.Insecure)
	if err != nil {
		return nil, err
	}
	if c.Timeout <= 0 || c.Timeout > maxTimeout {
		c.Timeout = maxTimeout
	}
	if c.Edge == "" {
		c.Edge = conn.User
	}
	s := &Sink{config: c, conn: conn, loopback: allLoopback(conn)}
	conn.DialFunc = s.dial
	conn.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) {}
	conn.RuntimeParams["application_name"] = "wellkeeper"
	return s, nil
}

// parseDSN parses a DSN and applies the rule of the house: over anything but loopback
// only TLS with a verified name.
func parseDSN(dsn string, insecure bool) (*pgconn.Config, error) {
	if strings.TrimSpace(dsn) == "" {
		return nil, errors.New("the DSN of the central database is empty")
	}
	conn, err := pgconn.ParseConfig(dsn)
	if err != nil {
		// The driver's error repeats the DSN, with the password blanked out.
		return nil, fmt.Errorf("DSN of the central database: %w", err)
	}
	if insecure {
		return conn, nil
	}
	if !verified(conn.Host, conn.TLSConfig != nil && !conn.TLSConfig.InsecureSkipVerify) {
		return nil, insecureError(conn.Host)
	}
	for _, f := range conn.Fallbacks {
		if !verified(f.Host, f.TLSConfig != nil && !f.TLSConfig.InsecureSkipVerify) {
			return nil, insecureError(f.Host)
		}
	}
	return conn, nil
}

func insecureError(host string) error {
	return fmt.Errorf("%w: %s is not on this machine; add sslmode=verify-full (and sslrootcert=…) to the DSN, or set insecure", ErrInsecure, host)
}

func verified(host string, verifyFull bool) bool { return verifyFull || loopback(host) }

// loopback reports whether host cannot leave this machine. The name localhost is taken
// at its word (RFC 6761).
func loopback(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func allLoopback(c *pgconn.Config) bool {
	for _, f := range c.Fallbacks {
		if !loopback(f.Host) {
			return false
		}
	}
	return loopback(c.Host)
}

// within bounds a call.
func (s *Sink) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.config.Timeout)
}
