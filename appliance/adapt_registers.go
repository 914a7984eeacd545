package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/auth"
)

// instruments implements what the page needs of single devices.
type instruments struct{ app *App }

var _ web.Devices = instruments{}

// comparedTable is the name of the table of the last comparisons, by well and device.
const comparedTable = "compared"

func comparedKey(id esp.WellID, device esp.DeviceID) []byte {
	return []byte(string(id) + "\x00" + string(device))
}

// Panels are the devices of a well with what is to be compared.
func (i instruments) Panels(_ context.Context, id esp.WellID) ([]web.Panel, error) {
	w := i.app.well(id)
	if w == nil {
		return nil, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	list := make([]web.Panel, len(w.devices))
	for k := range w.devices {
		p := w.devices[k].Profile
		list[k] = web.Panel{
			Device: w.devices[k].ID, Kind: p.Kind, Vendor: p.Vendor, Model: p.Model,
			Profile: p.ID, Hash: p.Hash(), Verified: p.Verified, Base: base(p),
		}
		for _, name := range p.Checks {
			if point, ok := p.Point(name); ok {
				list[k].Checks = append(list[k].Checks, web.Check{Name: name, Unit: point.Unit, Address: point.Address(), Choices: choices(point)})
			}
		}
		last, err := i.last(id, w.devices[k].ID)
		if err != nil {
			return nil, err
		}
		list[k].Last = last
	}
	return list, nil
}

func (i instruments) last(id esp.WellID, device esp.DeviceID) (*record.PanelComparison, error) {
	body, err := i.app.store.Table(comparedTable).Get(comparedKey(id, device))
	if err != nil || body == nil {
		return nil, err
	}
	var c record.PanelComparison
	if json.Unmarshal(body, &c) != nil {
		return nil, nil //nolint:nilerr,nilnil // of a later release: to this one the device is not compared
	}
	return &c, nil
}

// base is what the manual prints for the register with wire address 0; -1 where the
// profile gives wire addresses.
func base(p *profile.Profile) int64 {
	for k := range p.Points {
		if p.Points[k].Ref >= 0 {
			return p.Points[k].Ref - int64(p.Points[k].Wire)
		}
	}
	return -1
}

// choices are the words of a point that is no number; nil for a number.
func choices(p *profile.Point) []string {
	if p.Signal == esp.RunState {
		var words []string
		for _, s := range []esp.State{esp.Stopped, esp.Starting, esp.Running, esp.Ramping, esp.Tripped, esp.RestartWait, esp.Backspin} {
			words = append(words, s.String())
		}
		return words
	}
	var words []string
	for _, raw := range slices.Sorted(maps.Keys(p.Enum)) {
		words = append(words, p.Enum[raw])
	}
	return words
}

// ReadRegisters asks a device once, beside the polls.
func (i instruments) ReadRegisters(ctx context.Context, id esp.WellID, q web.RegisterQuery) (*web.RegisterAnswer, error) {
	w := i.app.well(id)
	if w == nil {
		return nil, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	kind := q.Type
	if kind == "" {
		kind = profile.U16.String()
	}
	if _, err := profile.DecodeAs(make([]uint16, q.Quantity), kind, q.Order, q.Scale); err != nil && q.FC > 2 {
		return nil, &web.AskError{Field: "type", Message: err.Error()}
	}
	begin := time.Now()
	data, err := w.poller.Read(ctx, q.Device, q.FC, q.Address, q.Quantity)
	if err != nil {
		return nil, readFailure(err)
	}
	by := ""
	if who, ok := auth.From(ctx); ok {
		by = who.User.Name
	}
	w.log.Info().Str("component", "registers").Str("device", string(q.Device)).Uint8("fc", q.FC).Uint16("address", q.Address).
		Uint16("quantity", q.Quantity).Str("by", by).Msg("registers were read")
	a := &web.RegisterAnswer{Time: time.Now().UTC(), Took: time.Since(begin), Words: words16(q.FC, q.Quantity, data)}
	if q.FC <= 2 {
		return a, nil
	}
	as, err := profile.DecodeAs(a.Words, kind, q.Order, q.Scale)
	if err != nil {
		return nil, &web.AskError{Field: "type", Message: err.Error()}
	}
	a.As, a.All, a.Text = decodings(as), decodings(profile.Decodings(a.Words, q.Scale)), profile.ASCII(a.Words)
	return a, nil
}

// readFailure puts why nothing was read in the page's words.
func readFailure(err error) error {
	if e, ok := errors.AsType[*modbus.ReadError](err); ok {
		return &web.AskError{Field: "address", Message: e.Message}
	}
	switch {
	case errors.Is(err, modbus.ErrNoDevice):
		return web.ErrNoDevice
	case errors.Is(err, modbus.ErrNotPolled):
		return &web.DeviceError{Reason: "not_polled", Text: modbus.ErrNotPolled.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &web.DeviceError{Reason: "busy", Text: "the line was not free in time: try again"}
	}
	return &web.DeviceError{Reason: modbus.ReasonOf(err).String(), Text: "the device gave no values: " + err.Error()}
}

func words16(fc uint8, quantity uint16, data []byte) []uint16 {
	words := make([]uint16, quantity)
	for k := range words {
		if fc <= 2 {
			words[k] = uint16(data[k/8]>>(k%8)) & 1
		} else {
			words[k] = uint16(data[2*k])<<8 | uint16(data[2*k+1])
		}
	}
	return words
}

func decodings(list []profile.Decoding) []web.Decoding {
	out := make([]web.Decoding, len(list))
	for k, d := range list {
		out[k] = web.Decoding(d)
	}
	return out
}

// Compare records what a panel shows beside what was read last.
func (i instruments) Compare(ctx context.Context, id esp.WellID, e web.PanelEntry) (record.PanelComparison, error) {
	w := i.app.well(id)
	if w == nil {
		return record.PanelComparison{}, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	at := slices.IndexFunc(w.devices, func(d modbus.Device) bool { return d.ID == e.Device })
	if at < 0 {
		return record.PanelComparison{}, web.ErrNoDevice
	}
	d := &w.devices[at]
	if len(e.Firmware) > 64 || strings.ContainsFunc(e.Firmware, func(r rune) bool { return r < ' ' }) {
		return record.PanelComparison{}, &web.AskError{Field: "firmware", Message: "the firmware has at most 64 characters, on one line"}
	}
	c := record.PanelComparison{
		Entry: record.EntryPanel, Well: id, Device: e.Device, Time: time.Now().UTC().Truncate(time.Millisecond),
		By: e.By.Name, Role: e.By.Role.String(), Profile: d.Profile.ID, Hash: d.Profile.Hash(), Firmware: strings.TrimSpace(e.Firmware),
	}
	var err error
	if c.Values, err = w.compare(d, e.Values, c.Time); err != nil {
		return c, err
	}
	c.Agreed = !slices.ContainsFunc(c.Values, func(v record.PanelValue) bool { return !v.Agreed })
	return c, i.keep(ctx, &c)
}

// keep records a comparison, and remembers it as the last one of its device.
func (i instruments) keep(ctx context.Context, c *record.PanelComparison) error {
	r, err := record.Panel(*c)
	if err != nil {
		return err
	}
	if _, err := i.app.store.AppendRecord(ctx, r); err != nil {
		return err
	}
	i.app.wakeUplink()
	return i.app.store.Table(comparedTable).Put(comparedKey(c.Well, c.Device), r.Body)
}

// compare holds what was typed against what was read last.
func (w *well) compare(d *modbus.Device, typed map[string]string, now time.Time) ([]record.PanelValue, error) {
	for name := range typed {
		if !slices.Contains(d.Profile.Checks, name) {
			return nil, &web.AskError{Field: name, Message: fmt.Sprintf("%q is not among the values to compare of this device: %s", name, strings.Join(d.Profile.Checks, ", "))}
		}
	}
	signals, _ := w.pipeline.board.Latest()
	var list []record.PanelValue
	for _, name := range d.Profile.Checks {
		text := strings.TrimSpace(typed[name])
		if text == "" { // the panel does not show it
			continue
		}
		point, ok := d.Profile.Point(name)
		if !ok {
			continue
		}
		v := record.PanelValue{
			Name: name, Unit: point.Unit, Panel: esp.NoNumber(), Read: esp.NoNumber(), Deviation: esp.NoNumber(), Tolerance: esp.NoNumber(),
			Quality: esp.Lost.String(),
		}
		at := slices.IndexFunc(signals, func(s web.Signal) bool { return s.Device == d.ID && s.Name == name })
		var reading esp.Reading
		if at >= 0 && now.Sub(signals[at].Time) <= max(3*d.Period, 10*time.Second) {
			reading = signals[at].Reading
			v.Quality, v.ReadAt = reading.Quality.String(), signals[at].Time
		}
		if err := hold(&v, point, text, reading); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, &web.AskError{Field: "values", Message: "enter at least one value that the panel shows: " + strings.Join(d.Profile.Checks, ", ")}
	}
	return list, nil
}

// moves is how much a value may differ because it moves while it is typed.
const moves = 0.02

// hold fills v with what was typed and read. They agree within 2 %, a step of the
// register, or half of the last digit that was typed, whichever is most.
func hold(v *record.PanelValue, p *profile.Point, text string, r esp.Reading) error {
	if words := choices(p); words != nil {
		if !slices.Contains(words, text) {
			return &web.AskError{Field: p.Name, Message: fmt.Sprintf("%s is one of %s, not %q", p.Name, strings.Join(words, ", "), text)}
		}
		v.PanelText = text
		if r.Quality.Usable() {
			v.ReadText = p.Text(r.Raw)
		}
		v.Agreed = v.ReadText == text
		return nil
	}
	text = strings.Replace(text, ",", ".", 1)
	panel, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(panel) || math.IsInf(panel, 0) {
		return &web.AskError{Field: p.Name, Message: fmt.Sprintf("the panel's value of %s must be a number, not %q", p.Name, text)}
	}
	v.Panel = esp.Number(panel)
	convert, err := esp.Convert(p.Stored, p.Unit)
	if err != nil { // a unit of the manual that stands for itself
		convert, v.Unit = esp.Identity(), p.Stored
	}
	digit := 0.5
	if _, decimals, ok := strings.Cut(text, "."); ok {
		digit = 0.5 * math.Pow10(-len(decimals))
	}
	tolerance := max(moves*math.Abs(panel), math.Abs(p.Printed.Mul/p.Printed.Div), digit)
	if p.Type == profile.F32 || p.Type == profile.F64 { // no steps
		tolerance = max(moves*math.Abs(panel), digit)
	}
	v.Tolerance = esp.Number(tolerance)
	if !r.Quality.Usable() {
		return nil
	}
	v.Read = esp.Number(convert.Apply(r.Value))
	v.Deviation = v.Read - v.Panel
	v.Agreed = math.Abs(float64(v.Deviation)) <= tolerance
	return nil
}
