package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/goburrow/modbus"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// MaxAttempts bounds a scan: it tries a list, it does not sweep.
const MaxAttempts = 400

// ScanConfig says what a scan tries: one read of one register for each of its lines
// and units.
type ScanConfig struct {
	URLs    []string // lines: a port with different settings, or one TCP address
	Units   []uint8
	FC      uint8 // 1 to 4
	Address uint16
	Timeout time.Duration // for one answer
	// All goes on with other settings of a line after one that was answered.
	All bool
	Log zerolog.Logger
}

// Found says what came of one attempt.
type Found struct {
	URL  string `json:"url"`
	Unit uint8  `json:"unit"`
	// Kind is value, exception (a device is there and refuses the register), silent,
	// garbled (something talks, with other settings or at the same time), or unreachable
	// (the port cannot be opened).
	Kind FoundKind `json:"kind"`
	Word *uint16   `json:"word,omitempty"`
	Text string    `json:"text,omitempty"`
}

// FoundKind is what kind of answer an attempt had.
type FoundKind string

// Kinds of answers.
const (
	FoundValue       FoundKind = "value"
	FoundException   FoundKind = "exception"
	FoundSilent      FoundKind = "silent"
	FoundGarbled     FoundKind = "garbled"
	FoundUnreachable FoundKind = "unreachable"
)

// Device reports whether a device answered.
func (k FoundKind) Device() bool { return k == FoundValue || k == FoundException }

// Attempts is how many requests the scan makes at most, and how long they take when
// nothing answers.
func (c *ScanConfig) Attempts() (n int, longest time.Duration) {
	n = len(c.URLs) * len(c.Units)
	return n, time.Duration(n) * (c.Timeout + 50*time.Millisecond)
}

// Scan looks for devices: each unit on each line is asked for one register, and found
// hears of each attempt. Each attempt opens the port anew, so that nothing that came
// late is taken for another's answer. A port that cannot be opened is not tried again.
func Scan(ctx context.Context, c ScanConfig, found func(Found)) error {
	n, _ := c.Attempts()
	switch {
	case n == 0:
		return errors.New("nothing to try: name a line and a unit")
	case n > MaxAttempts:
		return fmt.Errorf("%d attempts are more than %d: name fewer units or lines", n, MaxAttempts)
	case !readFunction(c.FC).valid():
		return fmt.Errorf("function code %d does not read: choose 1, 2, 3 or 4", c.FC)
	}
	for _, url := range c.URLs {
		ep, err := parseEndpoint(url, profile.Link{})
		if err != nil {
			return err
		}
		answered := false
		for _, unit := range c.Units {
			one := c.attempt(ctx, ep, unit)
			if ctx.Err() != nil {
				return fmt.Errorf("scan: %w", context.Cause(ctx))
			}
			found(one)
			answered = answered || one.Kind.Device()
			if one.Kind == FoundUnreachable {
				break
			}
		}
		if answered && !c.All {
			return nil
		}
	}
	return nil
}

// attempt asks one unit on one line once.
func (c *ScanConfig) attempt(ctx context.Context, ep endpoint, unit uint8) Found {
	links := NewLinks(LinksConfig{Log: c.Log})
	f := Found{URL: ep.String(), Unit: unit}
	l, err := links.attach(ctx, ep)
	if err != nil {
		f.Kind, f.Text = FoundUnreachable, err.Error()
		return f
	}
	defer links.detach(l)
	answer := l.do(ctx, request{unit: unit, fc: readFunction(c.FC), address: c.Address, quantity: 1, timeout: c.Timeout})
	if answer.err == nil {
		f.Kind, f.Word = FoundValue, &answer.words[0]
		return f
	}
	f.Text = answer.err.Error()
	if code, valid := exceptionCode(answer.err); valid {
		f.Kind = FoundException
		if code == modbus.ExceptionCodeGatewayPathUnavailable || code == modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond {
			f.Kind = FoundSilent // the gateway says so
		}
		return f
	}
	switch ReasonOf(answer.err) {
	case esp.Timeout:
		f.Kind = FoundSilent
	case esp.Unreachable:
		f.Kind = FoundUnreachable
	default:
		f.Kind = FoundGarbled
	}
	return f
}
