package modbus

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// ProbeResult is one look at a device: every point of its profile.
type ProbeResult struct {
	Device   esp.DeviceID  `json:"device"`
	URL      string        `json:"url"`
	Unit     uint8         `json:"unit"`
	Profile  string        `json:"profile"`
	Time     time.Time     `json:"time"`
	Took     time.Duration `json:"took"`
	Requests int           `json:"requests"`
	Rows     []ProbeRow    `json:"rows"` // in the order of the profile
}

// ProbeRow is one point as it was read.
type ProbeRow struct {
	Name    string      `json:"name"`
	Ref     *int64      `json:"ref,omitempty"` // as the manual prints it
	Wire    uint16      `json:"wire"`          // as sent
	FC      uint8       `json:"fc"`
	Type    string      `json:"type"`
	Raw     string      `json:"raw,omitempty"` // the words in hexadecimal, as received
	Value   *float64    `json:"value"`         // nil where there is none
	Unit    esp.Unit    `json:"unit"`
	Text    string      `json:"text,omitempty"` // of an enumeration, a state or a fault code
	Quality esp.Quality `json:"quality"`
	Reason  esp.Reason  `json:"reason,omitempty"`
}

// Probe reads every point of a device once. Where the device gives no value at all
// the error says why; the result is filled all the same.
func Probe(ctx context.Context, d Device, log zerolog.Logger) (ProbeResult, error) {
	links := NewLinks(LinksConfig{Log: log})
	return links.probe(ctx, d, log)
}

func (s *Links) probe(ctx context.Context, d Device, log zerolog.Logger) (ProbeResult, error) {
	d, ep, err := d.withDefaults()
	if err != nil {
		return ProbeResult{}, err
	}
	session := newSession(d, ep, log)
	session.unhurried = true
	if session.link, err = s.attach(ctx, ep); err != nil {
		return ProbeResult{}, err
	}
	defer s.detach(session.link)
	start := time.Now()
	session.poll(ctx, start)
	if ctx.Err() != nil {
		return ProbeResult{}, fmt.Errorf("probe: %w", context.Cause(ctx))
	}
	status := session.state.snapshot()
	result := ProbeResult{
		Device: d.ID, URL: ep.String(), Unit: d.Unit, Profile: d.Profile.ID,
		Time: start.UTC().Truncate(time.Millisecond), Took: time.Since(start), Requests: session.lastRequests,
		Rows: session.rows(start),
	}
	if status.LastOK.IsZero() {
		return result, fmt.Errorf("probe %s unit %d: no value: %s", ep, d.Unit, status.LastText)
	}
	return result, nil
}

func (s *session) rows(at time.Time) []ProbeRow {
	readings := make([]esp.Reading, len(s.device.Profile.Points))
	s.decode(at, readings)
	rows := make([]ProbeRow, len(readings))
	for i := range rows {
		p := &s.device.Profile.Points[i]
		r := readings[i]
		row := ProbeRow{
			Name: p.Name, Wire: p.Wire, FC: p.FC, Type: p.Type.String(), Raw: s.rawHex(p),
			Unit: p.Stored, Text: p.Text(r.Raw), Quality: r.Quality, Reason: r.Reason,
		}
		if p.Ref >= 0 {
			row.Ref = new(p.Ref)
		}
		if r.Quality.Shown() {
			row.Value = new(r.Value)
			if p.Signal == esp.FaultCode {
				row.Text = s.device.Profile.Faults.Text(r.Raw)
			}
		} else {
			row.Text = ""
		}
		rows[i] = row
	}
	return rows
}

// rawHex is the words of a point as they came; empty where one is missing.
func (s *session) rawHex(p *profile.Point) string {
	var raw []byte
	for k := range p.Registers() {
		i := s.registers[register{p.FC, p.Wire + uint16(k)}]
		if s.why[i] != esp.NoReason {
			return ""
		}
		raw = append(raw, byte(s.words[i]>>8), byte(s.words[i]))
	}
	return hex.EncodeToString(raw)
}
