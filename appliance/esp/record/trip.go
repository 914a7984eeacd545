package record

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Trip is what was read around a trip. It is recorded twice: at once with the time
// before it, so that a loss of power costs no more than what comes after, and again when
// the time after it has passed; the later record of the same Time stands.
type Trip struct {
	Well   esp.WellID `json:"well"`
	Time   time.Time  `json:"time"` // when the trip was seen
	Before esp.State  `json:"state_before"`
	State  esp.State  `json:"state"` // what it became
	// Code is the drive's fault code; nil where it gave none. Text is its profile's.
	Code *int64 `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	// Complete says that the whole time after the trip is in it.
	Complete bool      `json:"complete"`
	From     time.Time `json:"from"` // of the first and the last sample
	To       time.Time `json:"to"`
	// Signals are in the order of the well's layout.
	Signals []TripSignal `json:"signals"`
	// Order lists the signals that left what they were before, the first one first. What
	// came between two reads of a signal cannot be told apart.
	Order []TripChange `json:"order"`
}

// TripSignal is one signal around a trip.
type TripSignal struct {
	Name   string       `json:"name"`
	Device esp.DeviceID `json:"device,omitempty"` // empty: derived
	Unit   esp.Unit     `json:"unit"`
	Offset []int64      `json:"ms"` // milliseconds after Time, negative before it
	// Value has one entry for each offset; null where it was asked for and there is none
	// to be shown.
	Value []esp.Number `json:"value"`
}

// TripChange is the first departure of a signal from what it was.
type TripChange struct {
	Name   string     `json:"name"`
	Offset int64      `json:"ms"`    // of the first read that differs
	Since  int64      `json:"since"` // of the read before it: it changed in between
	Was    esp.Number `json:"was"`
	Is     esp.Number `json:"is"`
}

// OfTrip makes the record of a trip, dated at the trip.
func OfTrip(t Trip) (Record, error) { return encode(KindTrip, t.Well, t.Time, t) }
