package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/web"
)

// settingsTable holds the last look at each device's settings, by well and device.
const settingsTable = "settings"

// lookForSettings is how soon after a start, a reload or a silence a device's settings
// are looked at.
const lookForSettings = 15 * time.Second

// watchSettings looks at the settings of each device once it answers; the regular job
// does so again. A device that was silent may come back with other settings.
func (a *App) watchSettings(ctx context.Context) error {
	ticks := time.NewTicker(lookForSettings)
	defer ticks.Stop()
	seen := map[*modbus.Poller]map[esp.DeviceID]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
		}
		running := map[*modbus.Poller]map[esp.DeviceID]bool{}
		for _, w := range a.wells() {
			known := seen[w.poller]
			if known == nil {
				known = map[esp.DeviceID]bool{}
			}
			running[w.poller] = known
			a.meet(ctx, w, known)
		}
		seen = running
	}
}

// meet looks at the devices of a well that answer and did not when it last came by.
func (a *App) meet(ctx context.Context, w *well, known map[esp.DeviceID]bool) {
	for i, s := range w.poller.Status() {
		ok := s.State == modbus.StateOK
		if serial := s.Identity["serial"]; ok && serial != "" {
			a.noteSerial(ctx, w.esp.ID, s.Device, serial)
		}
		if ok && !known[s.Device] && len(w.devices[i].Profile.Settings) > 0 {
			a.logSettings(ctx, w, &w.devices[i])
		}
		known[s.Device] = ok
	}
}

// serialTable holds the serial number that last answered, by well and device.
const serialTable = "serials"

// noteSerial tells where another device answers than before, over a restart too.
func (a *App) noteSerial(ctx context.Context, id esp.WellID, device esp.DeviceID, serial string) {
	table, key := a.store.Table(serialTable), comparedKey(id, device)
	was, err := table.Get(key)
	if err != nil || string(was) == serial {
		return
	}
	if was != nil {
		r, err := record.Event(esp.Event{
			Well: id, Time: a.clock.Now().UTC(), ID: "device_replaced",
			Text: fmt.Sprintf("%s is another device: serial number %s answers where %s did. Compare it with its panel anew.", device, serial, was),
		})
		if err == nil {
			_, err = a.store.AppendRecord(ctx, r)
		}
		if err != nil {
			a.log.Error().Err(err).Msg("an event could not be recorded")
			return
		}
		a.wakeUplink()
	}
	if err := table.Put(key, []byte(serial)); err != nil {
		a.log.Warn().Err(err).Msg("a serial number could not be kept")
	}
}

func (a *App) logSettings(ctx context.Context, w *well, d *modbus.Device) {
	if _, err := a.lookAtSettings(ctx, w, d); err != nil && ctx.Err() == nil {
		w.log.Warn().Err(err).Str("device", string(d.ID)).Msg("the device's settings could not be read")
	}
}

// readSettings is the regular job: every device's settings.
func (a *App) readSettings(ctx context.Context) (string, error) {
	devices, changed := 0, 0
	var failed []string
	for _, w := range a.wells() {
		for i := range w.devices {
			if len(w.devices[i].Profile.Settings) == 0 {
				continue
			}
			n, err := a.lookAtSettings(ctx, w, &w.devices[i])
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			if err != nil {
				failed = append(failed, fmt.Sprintf("%s of %s: %v", w.devices[i].ID, w.esp.ID, err))
				continue
			}
			devices++
			changed += n
		}
	}
	if len(failed) > 0 {
		return "", errors.New(strings.Join(failed, "; "))
	}
	return fmt.Sprintf("settings of %d devices read, %d changed", devices, changed), nil
}

// lookAtSettings reads a device's settings beside the polls, and keeps them where they
// differ from the last look. It gives how many were changed.
func (a *App) lookAtSettings(ctx context.Context, w *well, d *modbus.Device) (changed int, err error) {
	now := record.Settings{
		Well: w.esp.ID, Device: d.ID, Time: a.clock.Now().UTC().Truncate(time.Millisecond), Profile: d.Profile.ID, Hash: d.Profile.Hash(),
	}
	read := 0
	for i := range d.Profile.Settings {
		v := w.readSetting(ctx, d, &d.Profile.Settings[i])
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if v.Reason == "" {
			read++
		}
		now.Values = append(now.Values, v)
	}
	if read == 0 {
		return 0, errors.New("none of its settings could be read: " + now.Values[0].Reason)
	}
	last, err := a.lastSettings(w.esp.ID, d.ID)
	if err != nil {
		return 0, err
	}
	if last != nil && last.Hash == now.Hash {
		if now.Changed = now.ChangesSince(last); len(now.Changed) == 0 && len(last.Values) == len(now.Values) {
			return 0, nil
		}
		now.Since = last.Time
		now.KeepUnread(last)
	}
	return len(now.Changed), a.keepSettings(ctx, &now)
}

// readSetting asks for one setting.
func (w *well) readSetting(ctx context.Context, d *modbus.Device, p *profile.Point) record.Setting {
	v := record.Setting{Name: p.Name, Text: p.Label}
	n := uint16(p.Registers())
	data, err := w.poller.Read(ctx, d.ID, p.FC, p.Wire, n)
	if err != nil {
		v.Reason = err.Error()
		return v
	}
	words := words16(p.FC, n, data)
	r, text := p.Describe(func(_ uint8, wire uint16) (uint16, esp.Reason) { return words[wire-p.Wire], esp.NoReason })
	v.Raw, v.Value = r.Raw, text
	if !r.Quality.Shown() {
		v.Reason = r.Quality.String()
	}
	return v
}

func (a *App) lastSettings(id esp.WellID, device esp.DeviceID) (*record.Settings, error) {
	body, err := a.store.Table(settingsTable).Get(comparedKey(id, device))
	if err != nil || body == nil {
		return nil, err
	}
	var s record.Settings
	if json.Unmarshal(body, &s) != nil {
		return nil, nil //nolint:nilerr,nilnil // of a later release: to this one nothing is known
	}
	return &s, nil
}

// keepSettings makes the record, and an event for each change.
func (a *App) keepSettings(ctx context.Context, s *record.Settings) error {
	r, err := record.DriveSettings(*s)
	if err != nil {
		return err
	}
	records := []record.Record{r}
	for _, c := range s.Changed {
		name := c.Name
		if c.Text != "" {
			name = c.Text
		}
		e, err := record.Event(esp.Event{
			Well: s.Well, Time: s.Time, ID: "settings_changed",
			Text: fmt.Sprintf("%s of %s was changed at the device from %s to %s since %s.", name, s.Device, c.Was, c.Is, s.Since.Format(time.RFC3339)),
		})
		if err != nil {
			return err
		}
		records = append(records, e)
	}
	if _, err := a.store.AppendRecords(ctx, records); err != nil {
		return fmt.Errorf("keep settings: %w", err)
	}
	a.wakeUplink()
	return a.store.Table(settingsTable).Put(comparedKey(s.Well, s.Device), r.Body)
}

// Settings are the last looks at the settings of a well's devices.
func (i instruments) Settings(_ context.Context, id esp.WellID) ([]record.Settings, error) {
	w := i.app.well(id)
	if w == nil {
		return nil, fmt.Errorf("%s: %w", id, web.ErrNoWell)
	}
	list := []record.Settings{}
	for k := range w.devices {
		s, err := i.app.lastSettings(id, w.devices[k].ID)
		if err != nil {
			return nil, err
		}
		if s != nil {
			list = append(list, *s)
		}
	}
	return list, nil
}
