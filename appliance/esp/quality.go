package esp

// Quality says how far a value may be trusted. The zero value means that the signal
// was not due in this scan, which is no statement about the device.
type Quality uint8

// Qualities. Suspect and worse never reach a rule, and nothing is
// ever shown as a number in place of invalid or lost.
const (
	NotDue      Quality = iota // the signal is polled more slowly and was not asked this time
	Good                       // as read
	AtLimit                    // the register is saturated: the true value is here or beyond
	Suspect                    // read, but something speaks against it (first sample after a resync, doubled record)
	Implausible                // outside the plausible range of the signal
	Invalid                    // the device says that it has no value (a marker register)
	Stale                      // the device answered with an old value (its packet counter stands still)
	Lost                       // not read: no answer, a damaged one, or an exception
)

var qualityNames = [...]string{"not_due", "good", "at_limit", "suspect", "implausible", "invalid", "stale", "lost"}

// String is the stable outside name of q.
func (q Quality) String() string {
	if int(q) < len(qualityNames) {
		return qualityNames[q]
	}
	return "unknown"
}

// MarshalText writes the stable name.
func (q Quality) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// Usable reports whether rules and baselines may use a value of quality q.
func (q Quality) Usable() bool { return q == Good || q == AtLimit }

// Shown reports whether the value itself may be shown as a number (perhaps marked).
func (q Quality) Shown() bool { return q >= Good && q <= Implausible }

// Class groups qualities in the four that people see: good, suspect, stale, bad.
// NotDue has no class of its own: the empty string.
func (q Quality) Class() string {
	switch q {
	case Good, AtLimit:
		return "good"
	case Suspect, Implausible:
		return "suspect"
	case Stale:
		return "stale"
	case Invalid, Lost:
		return "bad"
	case NotDue:
	}
	return ""
}

// Reason says why a value is not good. It travels with the value, is stored and is
// shown; it never changes what the quality means.
type Reason uint8

// Reasons. The numbers are stored: only append.
const (
	NoReason        Reason = iota
	Timeout                // no answer within the deadline
	Unreachable            // the link could not be opened: refused, no route, port missing
	Disconnected           // the link closed during the exchange
	BadFrame               // an answer that is no valid frame: length, CRC, function, unit or transaction
	DeviceException        // the device answered with a Modbus exception other than 2 or 3
	NotSupported           // exception 2 or 3: this device has no such register
	BackedOff              // the device is not answering and was not asked this time
	Marker                 // the register holds the profile's marker for "no value"
	Saturated              // the register stands at its end
	OutOfRange             // outside the plausible range
	Sentinel               // a value that a dead gauge or a decoder sends: full scale, 0, 32 °F, int16 read as uint16
	Frozen                 // unchanged for longer than this signal ever is
	ImpossibleRate         // changed faster than the quantity can
	Doubled                // several values of one record exactly twice the last good ones
	DeadGauge              // several downhole signals died together while the surface ones live
	Resync                 // first sample after a line fault that could have shifted answers
	NotANumber             // a float register holds NaN or an infinity
	Undecided              // how the register is read depends on another one that was not understood

	// LastReason is the highest of them.
	LastReason = Undecided
)

var reasonNames = [...]string{
	"", "timeout", "unreachable", "disconnected", "bad_frame", "device_exception", "not_supported", "backed_off",
	"marker", "saturated", "out_of_range", "sentinel", "frozen", "impossible_rate", "doubled", "dead_gauge", "resync", "not_a_number",
	"undecided",
}

// String is the stable outside name of r; empty for NoReason.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// MarshalText writes the stable name.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
