package sim

import (
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Units of the simulated well's devices.
const (
	DriveUnit = 1
	GaugeUnit = 10
)

// LinkFault is something that goes wrong between a device and whoever polls it, as
// data. The server does it to requests; registers that are read without a socket are
// lost where a poller would lose them. It combines with any scenario.
type LinkFault struct {
	Name  string // as on the command line, for example "silence"
	Title string
	Since time.Duration // how long before now it begins by default
	Unit  uint8         // whose requests; 0: all
	Act   LinkAct
	Code  uint8         // of an Exception
	Delay time.Duration // of Delayed and Split
	Share float64       // of the seconds in which it strikes, by chance; 0: all
	// Lost is the reason with which a careful poller that waits half a second loses the
	// values; NoReason: it gets them all the same.
	Lost esp.Reason
}

// LinkAct says what becomes of an answer.
type LinkAct uint8

// Acts.
const (
	// Silent gives no answer.
	Silent LinkAct = iota
	// Delayed answers after Delay, or up to half as much more.
	Delayed
	// Exception answers with an exception Code.
	Exception
	// WrongTransaction answers with another transaction id.
	WrongTransaction
	// Truncated leaves out the last bytes of the answer.
	Truncated
	// Split sends the answer in two pieces, Delay apart.
	Split
	// Garbage sends 64 bytes of noise before the answer.
	Garbage
	// Stale sends the answer to the request before once more, and then the answer.
	Stale
	// Doubled sends the answer twice.
	Doubled
	// Reset breaks the connection in the middle of the answer.
	Reset
	// Closed closes the connection after the answer.
	Closed
	// Unread accepts connections and reads nothing from them.
	Unread
	// ShortIdle closes a connection on which nothing comes for 0.3 s.
	ShortIdle
)

// LinkFaults are the link faults of this release.
func LinkFaults() []LinkFault {
	const since = 3 * time.Minute
	return []LinkFault{
		{Name: "silence", Title: "Nothing answers", Since: since, Lost: esp.Timeout},
		{Name: "unit-lost", Title: "The drive does not answer, the gauge does", Since: since, Unit: DriveUnit, Lost: esp.Timeout},
		{Name: "no-read", Title: "Connections are accepted and never served (half open)", Since: since, Act: Unread, Lost: esp.Timeout},
		{Name: "lossy", Title: "Three of ten polls get no answer", Since: since, Share: 0.3, Lost: esp.Timeout},
		{Name: "slow", Title: "Answers take 0.2 to 0.3 s", Since: since, Act: Delayed, Delay: 200 * time.Millisecond},
		{Name: "late-reply", Title: "Answers come later than a poller waits", Since: since, Act: Delayed, Delay: 700 * time.Millisecond, Lost: esp.Timeout},
		{Name: "exception-4", Title: "Exception 4: the device has failed", Since: since, Act: Exception, Code: 4, Lost: esp.DeviceException},
		{Name: "exception-6", Title: "Exception 6: the device is busy", Since: since, Act: Exception, Code: 6, Lost: esp.DeviceException},
		{Name: "exception-11", Title: "Exception 11: the gateway does not reach the device", Since: since, Act: Exception, Code: gatewayTarget, Lost: esp.DeviceException},
		{Name: "wrong-transaction", Title: "Answers carry another transaction id", Since: since, Act: WrongTransaction, Lost: esp.BadFrame},
		{Name: "truncated-frame", Title: "The end of each answer is missing", Since: since, Act: Truncated, Lost: esp.Timeout},
		{Name: "garbage-before", Title: "Noise comes before each answer", Since: since, Act: Garbage, Lost: esp.BadFrame},
		{Name: "reset-in-frame", Title: "The connection breaks in the middle of each answer", Since: since, Act: Reset, Lost: esp.Disconnected},
		{Name: "split-frame", Title: "Each answer comes in two pieces", Since: since, Act: Split, Delay: 20 * time.Millisecond},
		{Name: "stale-reply", Title: "The answer before comes once more in front of each answer", Since: since, Act: Stale},
		{Name: "reply-twice", Title: "Each answer comes twice", Since: since, Act: Doubled},
		{Name: "close-after-each-reply", Title: "The connection closes after each answer", Since: since, Act: Closed},
		{Name: "idle-close", Title: "The connection closes after 0.3 s without a request", Since: since, Act: ShortIdle},
	}
}

// Effect says what a careful poller makes of the fault.
func (f *LinkFault) Effect() string {
	if f.Lost == esp.NoReason {
		return "no value is lost"
	}
	return "values are lost: " + f.Lost.String()
}

// FindLinkFault is the link fault of that name.
func FindLinkFault(name string) (LinkFault, bool) {
	all := LinkFaults()
	i := slices.IndexFunc(all, func(f LinkFault) bool { return f.Name == name })
	if i < 0 {
		return LinkFault{}, false
	}
	return all[i], true
}

// LinkFaultAt is a link fault with its time.
type LinkFaultAt struct {
	Fault LinkFault
	Onset time.Time
	Lasts time.Duration // zero: for good
}

// lines are the link faults of a well.
type lines struct {
	seed   uint64
	faults []lineFault
}

type lineFault struct {
	fault       LinkFault
	from, until int64 // Unix seconds
}

func newLines(seed uint64, faults []LinkFaultAt) lines {
	l := lines{seed: seed}
	for _, f := range faults {
		from, until := span(f.Onset, f.Lasts)
		l.faults = append(l.faults, lineFault{fault: f.Fault, from: from, until: until})
	}
	return l
}

// now are the faults that strike in this second; nil when none does.
func (l *lines) now(second int64) []LinkFault {
	var striking []LinkFault
	for i := range l.faults {
		f := &l.faults[i]
		if second < f.from || second >= f.until {
			continue
		}
		if f.fault.Share > 0 && share(hash(l.seed^0x6C696E6B, second, int64(i))) >= f.fault.Share {
			continue
		}
		striking = append(striking, f.fault)
	}
	return striking
}

// concerns reports whether the fault strikes requests for a unit.
func (f *LinkFault) concerns(unit uint8) bool { return f.Unit == 0 || f.Unit == unit }

// strikes is the first fault that changes answers of a unit, if any.
func strikes(faults []LinkFault, unit uint8) *LinkFault {
	for i := range faults {
		if faults[i].concerns(unit) && faults[i].Act != ShortIdle {
			return &faults[i]
		}
	}
	return nil
}

// everywhere reports whether a fault of the whole line does this.
func everywhere(faults []LinkFault, act LinkAct) bool {
	return slices.ContainsFunc(faults, func(f LinkFault) bool { return f.Unit == 0 && f.Act == act })
}

// lost is the reason with which values of a unit are lost at this moment.
func lost(faults []LinkFault, unit uint8) esp.Reason {
	for i := range faults {
		f := &faults[i]
		if f.concerns(unit) && f.Lost != esp.NoReason {
			return f.Lost
		}
	}
	return esp.NoReason
}
