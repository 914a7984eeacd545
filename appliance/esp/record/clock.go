package record

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// ClockCorrection says that scans First to Last of a well's epoch, both included, were
// stamped by a clock that was wrong: their true time is their stamp plus OffsetMs.
// Several corrections of a scan add up.
type ClockCorrection struct {
	Well     esp.WellID `json:"well"`
	Epoch    uint64     `json:"epoch"`
	First    uint64     `json:"first"`
	Last     uint64     `json:"last"`
	OffsetMs int64      `json:"offset_ms"`
	Source   string     `json:"source"`       // synchronised, technician, centre or drive
	By       string     `json:"by,omitempty"` // who set the clock
	Time     time.Time  `json:"time"`         // when it came to light
}

// Clock makes the record of a clock correction.
func Clock(c ClockCorrection) (Record, error) {
	return encode(KindClockCorrection, c.Well, c.Time, c)
}
