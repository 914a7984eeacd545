package record

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Settings is what a device's own settings were: limits, ramps, restarts, as far as its
// profile names them. A record is made of the first look and of each look that found
// another value.
type Settings struct {
	Well    esp.WellID   `json:"well"`
	Device  esp.DeviceID `json:"device"`
	Time    time.Time    `json:"time"`
	Profile string       `json:"profile"`
	Hash    string       `json:"profile_hash"`
	Values  []Setting    `json:"values"`
	// Changed are the settings that were different at the last look, which was at Since;
	// empty in the first one.
	Changed []SettingChange `json:"changed,omitempty"`
	Since   time.Time       `json:"since,omitzero"`
}

// Setting is one of them.
type Setting struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"` // what the manual calls it
	Raw  int64  `json:"raw"`
	// Value is what people write, with its unit; empty where there was none, and Reason
	// says why.
	Value  string `json:"value"`
	Reason string `json:"reason,omitempty"`
}

// SettingChange is a setting that was changed at the device.
type SettingChange struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// DriveSettings makes the record of a look at a device's settings.
func DriveSettings(s Settings) (Record, error) { return encode(KindSettings, s.Well, s.Time, s) }

// ChangesSince compares two looks: values that were read both times and differ.
func (s *Settings) ChangesSince(last *Settings) (list []SettingChange) {
	was := make(map[string]Setting, len(last.Values))
	for _, v := range last.Values {
		was[v.Name] = v
	}
	for _, v := range s.Values {
		old, known := was[v.Name]
		if known && v.Reason == "" && old.Reason == "" && (v.Raw != old.Raw || v.Value != old.Value) {
			list = append(list, SettingChange{Name: v.Name, Text: v.Text, Was: old.Value, Is: v.Value})
		}
	}
	return list
}

// KeepUnread takes over from the last look what could not be read this time, so that
// the next one is compared with it.
func (s *Settings) KeepUnread(last *Settings) {
	was := make(map[string]Setting, len(last.Values))
	for _, v := range last.Values {
		was[v.Name] = v
	}
	for i := range s.Values {
		if old, known := was[s.Values[i].Name]; known && s.Values[i].Reason != "" && old.Reason == "" {
			s.Values[i] = old
		}
	}
}
