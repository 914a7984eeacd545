// Package esp is the vocabulary of an electric submersible pump well: signals and
// their units, the quality of a value, scans, well facts and states, alarms and
// diagnoses. Everything else in the appliance speaks in these words.
//
// It holds types, tables and pure functions only: no I/O, no clock, no goroutine,
// and nothing beyond the standard library. Every package may import it; it imports
// none of ours.
package esp

// WellID names a well: the operator's own name for it, for example "RB-114".
type WellID string

// DeviceID names a device of a well within its configuration, for example "drive".
type DeviceID string
