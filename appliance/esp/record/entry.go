package record

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// EntryPanel is the Entry of a comparison with a device's own panel.
const EntryPanel = "panel_comparison"

// PanelComparison is an entry: what a device's own panel showed, beside what the
// appliance read of the device at that time.
type PanelComparison struct {
	Entry    string       `json:"entry"` // EntryPanel
	Well     esp.WellID   `json:"well"`
	Device   esp.DeviceID `json:"device"`
	Time     time.Time    `json:"time"`
	By       string       `json:"by"`
	Role     string       `json:"role"`
	Profile  string       `json:"profile"`
	Hash     string       `json:"profile_hash"`
	Firmware string       `json:"firmware"` // as entered; empty: not entered
	// Agreed says that every value agreed.
	Agreed bool         `json:"agreed"`
	Values []PanelValue `json:"values"`
}

// PanelValue is one value of a comparison: numbers in the unit of the panel, or the
// words of an enumeration.
type PanelValue struct {
	Name string   `json:"name"`
	Unit esp.Unit `json:"unit"`
	// Panel is the number that the panel showed, Read the one that was read. Null where
	// there is none.
	Panel esp.Number `json:"panel"`
	Read  esp.Number `json:"read"`
	// PanelText and ReadText are the same in words, for what is no number.
	PanelText string `json:"panel_text,omitempty"`
	ReadText  string `json:"read_text,omitempty"`
	// Deviation is Read less Panel, Tolerance how much it may be; null where there is none.
	Deviation esp.Number `json:"deviation"`
	Tolerance esp.Number `json:"tolerance"`
	Quality   string     `json:"quality"` // name of that of the reading
	ReadAt    time.Time  `json:"read_at,omitzero"`
	Agreed    bool       `json:"agreed"`
}

// Panel makes the record of a comparison with a panel.
func Panel(c PanelComparison) (Record, error) {
	c.Entry = EntryPanel
	return encode(KindEntry, c.Well, c.Time, c)
}
