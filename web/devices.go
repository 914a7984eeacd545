package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web/auth"
)

// Devices reads single registers of a device, and compares a device with its panel.
type Devices interface {
	// Panels are the devices of a well, in the order of the configuration, with what is to
	// be compared. ErrNoWell.
	Panels(ctx context.Context, well esp.WellID) ([]Panel, error)
	// ReadRegisters asks a device once, beside the polls. ErrNoWell, ErrNoDevice,
	// *AskError for what must not be asked, *DeviceError for what came of it.
	ReadRegisters(ctx context.Context, well esp.WellID, q RegisterQuery) (*RegisterAnswer, error)
	// Settings are the devices' own settings as they were last read. ErrNoWell.
	Settings(ctx context.Context, well esp.WellID) ([]record.Settings, error)
	// Compare records what a panel shows beside what was read last. ErrNoWell,
	// ErrNoDevice, *AskError.
	Compare(ctx context.Context, well esp.WellID, e PanelEntry) (record.PanelComparison, error)
}

// ErrNoDevice is answered with 404.
var ErrNoDevice = errors.New("no such device")

// AskError says what is wrong with what was asked for; it is answered with 400.
type AskError struct{ Field, Message string }

// Error is the sentence for people.
func (e *AskError) Error() string { return e.Message }

// DeviceError says that a device gave no values; it is answered with 502.
type DeviceError struct {
	Reason string // class: timeout, not_supported, …
	Text   string // sentence
}

// Error is the sentence for people.
func (e *DeviceError) Error() string { return e.Text }

// Panel is a device and the values of its profile that are to be compared with its panel.
type Panel struct {
	Device        esp.DeviceID
	Kind          string
	Vendor, Model string
	Profile, Hash string
	Verified      string // draft, document, bench or field
	// Base is the printed address of the register with wire address 0; -1: not known.
	Base   int64
	Checks []Check
	// Last is the last comparison; nil: none on record.
	Last *record.PanelComparison
}

// Check is one value to compare.
type Check struct {
	Name    string
	Unit    esp.Unit // in which the device's manual and panel give it
	Address string   // of its register, for people
	Choices []string // words to choose from; nil: a number
}

// RegisterQuery asks for registers (function codes 3 and 4) or bits (1 and 2).
type RegisterQuery struct {
	Device            esp.DeviceID
	FC                uint8
	Address, Quantity uint16 // on the wire
	Type, Order       string // as in a profile; empty: u16, hilo
	Scale             esp.Linear
}

// RegisterAnswer is what came.
type RegisterAnswer struct {
	Time  time.Time
	Took  time.Duration
	Words []uint16 // registers, or 0 and 1 for bits
	// As are the values of the type that was asked for, All those of every usual one; for
	// bits both are empty.
	As, All []Decoding
	Text    string // the registers as characters
}

// Decoding is one value as one type; NaN where the words are no number of it.
type Decoding struct {
	At            int // position of its first register
	Type, Order   string
	Value, Scaled float64
}

// PanelEntry is what somebody read from a panel.
type PanelEntry struct {
	Device   esp.DeviceID
	Firmware string
	Values   map[string]string // by name, as typed
	By       auth.User
}

// deviceError is what a client is told of an error of Devices; nil for others.
func deviceError(err error) *apiError {
	if a, ok := errors.AsType[*AskError](err); ok {
		return errInvalid(a.Field, a.Message)
	}
	if d, ok := errors.AsType[*DeviceError](err); ok {
		return &apiError{status: http.StatusBadGateway, code: "device_error", message: d.Text, details: map[string]any{"reason": d.Reason}}
	}
	if errors.Is(err, ErrNoDevice) {
		return errNotFound("the well has no such device")
	}
	return nil
}

const (
	readsAtOnce  = 4 // that wait for their turn; the next is told to come again
	readPatience = 10 * time.Second
	mostAtOnce   = 125
)

// readRegisters lets a bounded number of requests wait for a device.
func (s *Server) readRegisters(ctx context.Context, well esp.WellID, q RegisterQuery) (*RegisterAnswer, error) {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	default:
		e := errBusy("others are reading registers at this moment: try again in a few seconds")
		e.retry = 3
		return nil, e
	}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	return s.cfg.Devices.ReadRegisters(ctx, well, q)
}

// readDoc is the body of a request for registers.
type readDoc struct {
	Device   esp.DeviceID `json:"device"`
	FC       int          `json:"fc"`
	Address  *int64       `json:"address"`
	Ref      *int64       `json:"ref"`
	Base     *int64       `json:"base"`
	Quantity int          `json:"quantity"`
	Type     string       `json:"type"`
	Order    string       `json:"word_order"`
	Scale    *float64     `json:"scale"`
	Offset   float64      `json:"offset"`
}

// query checks a request.
func (d *readDoc) query() (RegisterQuery, error) {
	q := RegisterQuery{Device: d.Device, FC: uint8(d.FC), Quantity: uint16(d.Quantity), Type: d.Type, Order: d.Order, Scale: esp.Identity()}
	var address int64
	switch {
	case d.Device == "":
		return q, errInvalid("device", "name a device of the well")
	case d.FC < 1 || d.FC > 4:
		return q, errInvalid("fc", "fc must be 1, 2, 3 or 4: nothing else reads")
	case d.Quantity < 1 || d.Quantity > mostAtOnce:
		return q, errInvalid("quantity", fmt.Sprintf("quantity must be from 1 to %d", mostAtOnce))
	case d.Address != nil && d.Ref == nil && d.Base == nil:
		address = *d.Address
	case d.Address == nil && d.Ref != nil && d.Base != nil:
		address = *d.Ref - *d.Base
	default:
		return q, errInvalid("address", "give either address (as sent on the wire), or ref (as the manual prints it) and base (what the manual prints for the first register)")
	}
	if address < 0 || address > 0xFFFF {
		return q, errInvalid("address", fmt.Sprintf("the address on the wire would be %d; it must be from 0 to 65535", address))
	}
	q.Address = uint16(address)
	if d.Scale != nil {
		q.Scale = esp.Linear{Mul: *d.Scale, Div: 1, Offset: d.Offset}
	} else {
		q.Scale.Offset = d.Offset
	}
	if !q.Scale.Valid() {
		return q, errInvalid("scale", "scale must be a number other than 0")
	}
	return q, nil
}

// decodingDoc is a Decoding in an answer.
type decodingDoc struct {
	Address int        `json:"address"`
	Type    string     `json:"type"`
	Order   string     `json:"word_order,omitempty"`
	Value   esp.Number `json:"value"`
	Scaled  esp.Number `json:"scaled"`
}

func decodingDocs(first uint16, list []Decoding) []decodingDoc {
	out := make([]decodingDoc, len(list))
	for i, d := range list {
		out[i] = decodingDoc{int(first) + d.At, d.Type, d.Order, esp.Number(d.Value), esp.Number(d.Scaled)}
	}
	return out
}

// apiReadRegisters is POST /api/v1/wells/{well}/registers/read.
func (s *Server) apiReadRegisters(c echo.Context) error {
	var body readDoc
	if err := jsonBody(c, &body); err != nil {
		return err
	}
	q, err := body.query()
	if err != nil {
		return err
	}
	well := wellParam(c)
	a, err := s.readRegisters(c.Request().Context(), well, q)
	if err != nil {
		return err
	}
	raw, binary := make([]string, len(a.Words)), make([]string, len(a.Words))
	for i, w := range a.Words {
		raw[i], binary[i] = fmt.Sprintf("%04x", w), fmt.Sprintf("%016b", w)
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{
		"well": well, "device": q.Device, "fc": q.FC, "address": q.Address, "quantity": q.Quantity,
		"time": iso(a.Time), "took_ms": a.Took.Milliseconds(),
		"words": a.Words, "raw": raw, "binary": binary, "text": a.Text,
		"values": decodingDocs(q.Address, a.As), "decodings": decodingDocs(q.Address, a.All),
	})
}

// deviceDoc is a device of a well.
type deviceDoc struct {
	ID       esp.DeviceID            `json:"id"`
	Kind     string                  `json:"kind"`
	Vendor   string                  `json:"vendor"`
	Model    string                  `json:"model"`
	Profile  string                  `json:"profile"`
	Hash     string                  `json:"profile_hash"`
	Verified string                  `json:"verified"`
	State    string                  `json:"state"`
	LastOK   *string                 `json:"last_ok"`
	Error    string                  `json:"error,omitempty"`
	Polls    uint64                  `json:"polls"`
	Failed   uint64                  `json:"failed"`
	Checks   []checkDoc              `json:"checks"`
	Compared *record.PanelComparison `json:"compared"` // null: not yet
	// Current says that the comparison was made with the profile as it is now.
	Current bool `json:"compared_with_this_profile"`
}

type checkDoc struct {
	Name    string   `json:"name"`
	Unit    esp.Unit `json:"unit"`
	Address string   `json:"address"`
	Choices []string `json:"choices,omitempty"`
}

// apiDevices is GET /api/v1/wells/{well}/devices.
func (s *Server) apiDevices(c echo.Context) error {
	ctx, well := c.Request().Context(), wellParam(c)
	o, err := s.cfg.Wells.Overview(ctx, well)
	if err != nil {
		return err
	}
	panels, err := s.cfg.Devices.Panels(ctx, well)
	if err != nil {
		return err
	}
	out := []deviceDoc{}
	for i := range panels {
		p := &panels[i]
		d := deviceDoc{
			ID: p.Device, Kind: p.Kind, Vendor: p.Vendor, Model: p.Model, Profile: p.Profile, Hash: p.Hash, Verified: p.Verified,
			Checks: []checkDoc{}, Compared: p.Last, Current: p.Last != nil && p.Last.Hash == p.Hash,
		}
		for _, c := range p.Checks {
			d.Checks = append(d.Checks, checkDoc(c))
		}
		for _, state := range o.Devices {
			if state.ID == p.Device {
				d.State, d.LastOK, d.Error, d.Polls, d.Failed = state.State, isoOrNull(state.LastOK), state.Error, state.Polls, state.Failed
			}
		}
		out = append(out, d)
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"well": well, "devices": out})
}

// apiSettings is GET /api/v1/wells/{well}/settings.
func (s *Server) apiSettings(c echo.Context) error {
	well := wellParam(c)
	list, err := s.cfg.Devices.Settings(c.Request().Context(), well)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"well": well, "settings": list})
}

// apiCompare is POST /api/v1/wells/{well}/devices/{device}/comparison.
func (s *Server) apiCompare(c echo.Context) error {
	var body struct {
		Firmware string         `json:"firmware"`
		Values   map[string]any `json:"values"`
	}
	if err := jsonBody(c, &body); err != nil {
		return err
	}
	e := PanelEntry{Device: esp.DeviceID(pathParam(c, "device")), Firmware: body.Firmware, Values: map[string]string{}}
	for name, v := range body.Values {
		switch v := v.(type) {
		case float64, string:
			e.Values[name] = fmt.Sprint(v)
		default:
			return errInvalid(name, "the value of "+name+" must be a number, or a word where there is a choice")
		}
	}
	done, err := s.compare(c, &e)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusCreated, map[string]any{"comparison": done})
}

func (s *Server) compare(c echo.Context, e *PanelEntry) (record.PanelComparison, error) {
	who, _ := auth.From(c.Request().Context())
	e.By = who.User
	return s.cfg.Devices.Compare(c.Request().Context(), wellParam(c), *e)
}
