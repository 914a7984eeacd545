package modbus

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"wellkeeper.internal/modbus/profile"
)

// endpoint is a parsed device URL, completed with defaults.
type endpoint struct {
	scheme  string // tcp, rtutcp or rtu
	address string // host:port or the path of a serial port
	baud    int
	parity  string // N, E or O
	stop    int
	// zeroID accepts replies with transaction id 0, which some gateways always send.
	zeroID bool
}

// rtu reports whether the link has RTU frames, which carry no transaction id.
func (e endpoint) rtu() bool { return e.scheme != "tcp" }

// key names the physical link: devices with the same key take turns on it.
func (e endpoint) key() string { return e.scheme + "://" + e.address }

// String is the complete URL.
func (e endpoint) String() string {
	switch {
	case e.scheme == "rtu":
		return fmt.Sprintf("%s?baud=%d&parity=%s&stop=%d", e.key(), e.baud, e.parity, e.stop)
	case e.zeroID:
		return e.key() + "?transaction=zero"
	}
	return e.key()
}

// ParseURL checks a device URL without opening anything.
func ParseURL(raw string) error {
	_, err := parseEndpoint(raw, profile.Link{})
	return err
}

// Port is what a device's URL says with what its profile adds: the port that devices
// share and the settings on which they must agree, without opening anything.
func Port(raw string, link profile.Link) (port, settings string, err error) {
	ep, err := parseEndpoint(raw, link)
	if err != nil {
		return "", "", err
	}
	return ep.key(), ep.String(), nil
}

func parseEndpoint(raw string, link profile.Link) (endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, fmt.Errorf("url %q: %w", raw, err)
	}
	e := endpoint{scheme: u.Scheme}
	query := u.Query()
	switch u.Scheme {
	case "tcp", "rtutcp":
		err = e.parseTCP(u, query, link)
	case "rtu":
		err = e.parseSerial(u, query, link)
	default:
		err = fmt.Errorf("scheme must be tcp://, rtu:// or rtutcp://")
	}
	if err != nil {
		return endpoint{}, fmt.Errorf("url %q: %w", raw, err)
	}
	for key := range query {
		return endpoint{}, fmt.Errorf("url %q: parameter %q is not known for %s", raw, key, u.Scheme)
	}
	return e, nil
}

func (e *endpoint) parseTCP(u *url.URL, query url.Values, link profile.Link) error {
	if strings.Trim(u.Path, "/") != "" || u.User != nil {
		return fmt.Errorf("write %s://HOST:PORT and nothing behind it", e.scheme)
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		return fmt.Errorf("host missing; write %s://HOST:PORT", e.scheme)
	}
	if port == "" {
		port = "502"
		if link.Port != 0 {
			port = strconv.Itoa(link.Port)
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port must be from 1 to 65535")
	}
	e.address = net.JoinHostPort(host, port)
	if e.scheme == "tcp" && query.Has("transaction") {
		if query.Get("transaction") != "zero" {
			return fmt.Errorf("transaction can only be \"zero\": accept replies with transaction id 0")
		}
		e.zeroID = true
		query.Del("transaction")
	}
	return nil
}

func (e *endpoint) parseSerial(u *url.URL, query url.Values, link profile.Link) error {
	if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.Path == "/" {
		return fmt.Errorf("write the whole path of the port: rtu:///dev/serial/by-id/…")
	}
	e.address = u.Path
	e.baud, e.parity, e.stop = 19200, "E", 1
	if link.Baud != 0 {
		e.baud = link.Baud
	}
	if link.Parity != "" {
		e.parity = link.Parity
	}
	if link.StopBits != 0 {
		e.stop = link.StopBits
	}
	var err error
	if query.Has("baud") {
		if e.baud, err = strconv.Atoi(query.Get("baud")); err != nil || e.baud < 50 {
			return fmt.Errorf("baud must be a number such as 19200")
		}
	}
	if query.Has("parity") {
		if e.parity = strings.ToUpper(query.Get("parity")); !slices.Contains([]string{"N", "E", "O"}, e.parity) {
			return fmt.Errorf("parity must be N, E or O")
		}
	}
	if query.Has("stop") {
		if e.stop, err = strconv.Atoi(query.Get("stop")); err != nil || e.stop < 1 || e.stop > 2 {
			return fmt.Errorf("stop must be 1 or 2")
		}
	}
	for _, key := range []string{"baud", "parity", "stop"} {
		query.Del(key)
	}
	return nil
}
