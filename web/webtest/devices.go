package webtest

import (
	"context"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/auth"
)

var _ web.Devices = (*Source)(nil)

// Memory is a table of users that lasts as long as the process.
type Memory struct{ rows map[string][]byte }

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{map[string][]byte{}} }

var _ auth.Table = (*Memory)(nil)

// Update implements auth.Table.
func (m *Memory) Update(fn func(auth.Tx) error) error { return fn(m) }

// Each implements auth.Table.
func (m *Memory) Each(fn func(key, value []byte) error) error {
	keys := make([]string, 0, len(m.rows))
	for k := range m.rows {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := fn([]byte(k), m.rows[k]); err != nil {
			return err
		}
	}
	return nil
}

// Put implements auth.Tx.
func (m *Memory) Put(key, value []byte) error {
	m.rows[string(key)] = slices.Clone(value)
	return nil
}

// Delete implements auth.Tx.
func (m *Memory) Delete(key []byte) error {
	delete(m.rows, string(key))
	return nil
}

// users is an authority without a user.
func (s *Source) users() *auth.Authority {
	a, err := auth.New(auth.Config{Table: NewMemory(), Now: s.now})
	if err != nil {
		panic("BUG: an empty table of users was refused: " + err.Error())
	}
	return a
}

// SetCompared puts a comparison in the place of the last one; nil: none.
func (s *Source) SetCompared(c *record.PanelComparison) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compared = c
}

// Panels implements web.Devices: a drive with two values to compare.
func (s *Source) Panels(_ context.Context, well esp.WellID) ([]web.Panel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.wells, string(well)) {
		return nil, web.ErrNoWell
	}
	return []web.Panel{
		{
			Device: "drive", Kind: "drive", Vendor: "Made", Model: "Up", Profile: "made-up", Hash: "0123456789abcdef", Verified: "document", Base: 40001,
			Checks: []web.Check{
				{Name: "drive_frequency", Unit: "Hz", Address: "40002 → wire 1, FC3"},
				{Name: "run_state", Address: "40001 → wire 0, FC3", Choices: []string{"stopped", "running"}},
			},
			Last: s.compared,
		},
		{Device: "gauge", Kind: "gauge", Profile: "made-up-gauge", Hash: "fedcba9876543210", Verified: "draft", Base: -1},
	}, nil
}

// ReadRegisters implements web.Devices: each register holds its own address plus 5400;
// the addresses from 1000 on are forbidden, those from 2000 on silent.
func (s *Source) ReadRegisters(_ context.Context, well esp.WellID, q web.RegisterQuery) (*web.RegisterAnswer, error) {
	switch {
	case !slices.Contains(s.wells, string(well)):
		return nil, web.ErrNoWell
	case q.Device != "drive":
		return nil, web.ErrNoDevice
	case q.Address >= 2000:
		return nil, &web.DeviceError{Reason: "timeout", Text: "the drive does not answer: no complete answer in time"}
	case q.Address >= 1000:
		return nil, &web.AskError{Field: "address", Message: "the profile made-up forbids to read the addresses 1000 to 1999"}
	}
	a := &web.RegisterAnswer{Time: s.now(), Took: 12 * time.Millisecond}
	for i := range q.Quantity {
		a.Words = append(a.Words, 5400+q.Address+i)
	}
	if q.FC <= 2 {
		clear(a.Words)
		return a, nil
	}
	a.Text = ".."
	for i, w := range a.Words {
		a.As = append(a.As, web.Decoding{At: i, Type: "u16", Value: float64(w), Scaled: q.Scale.Apply(float64(w))})
	}
	a.All = slices.Clone(a.As)
	return a, nil
}

// Settings implements web.Devices: one device whose underload limit was changed.
func (s *Source) Settings(context.Context, esp.WellID) ([]record.Settings, error) {
	return []record.Settings{{
		Well: "RB-114", Device: "drive", Values: []record.Setting{{Name: "underload_limit", Raw: 45, Value: "45 %"}},
		Changed: []record.SettingChange{{Name: "underload_limit", Was: "60 %", Is: "45 %"}},
	}}, nil
}

// Compare implements web.Devices.
func (s *Source) Compare(_ context.Context, well esp.WellID, e web.PanelEntry) (record.PanelComparison, error) {
	if e.Device != "drive" {
		return record.PanelComparison{}, web.ErrNoDevice
	}
	if e.Values["drive_frequency"] == "" {
		return record.PanelComparison{}, &web.AskError{Field: "drive_frequency", Message: "enter what the panel shows for drive_frequency"}
	}
	c := record.PanelComparison{
		Entry: record.EntryPanel, Well: well, Device: e.Device, Time: s.now(), By: e.By.Name, Role: e.By.Role.String(),
		Profile: "made-up", Hash: "0123456789abcdef", Firmware: e.Firmware, Agreed: true,
		Values: []record.PanelValue{{
			Name: "drive_frequency", Unit: "Hz", Panel: 54, Read: 54.01, Deviation: .01, Tolerance: 1.08, Quality: esp.Good.String(), ReadAt: s.now(), Agreed: true,
		}},
	}
	s.SetCompared(&c)
	return c, nil
}
