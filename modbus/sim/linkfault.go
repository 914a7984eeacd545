package sim

import (
	"slices"
	"sync/atomic"
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
	Over  Over          // the kinds of line that know it; 0: all
	Act   LinkAct
	Code  uint8         // of an Exception
	Delay time.Duration // of Delayed, Split, Drip and SlowAccept
	// Spread is how much more Delayed takes by chance.
	Spread time.Duration
	Share  float64 // of the seconds in which it strikes, by chance; 0: all
	// Strikes is how many answers it spoils at most between two loads of the bank; 0: all.
	Strikes int
	// Lost is the reason with which a careful poller that waits half a second loses the
	// values; NoReason: it gets them all the same.
	Lost esp.Reason
	// Shown says what becomes of values that are not lost and not right either.
	Shown string
}

// Over is a set of kinds of line.
type Over uint8

// Kinds of line.
const (
	OverTCP    Over = 1 << iota // Modbus TCP
	OverRTU                     // RTU frames over TCP
	OverSerial                  // RTU frames over a serial line

	overSockets = OverTCP | OverRTU
	overFrames  = OverRTU | OverSerial
)

// String names the kinds for people.
func (o Over) String() string {
	switch o {
	case OverTCP:
		return "TCP"
	case OverSerial:
		return "serial"
	case overSockets:
		return "TCP, RTU over TCP"
	case overFrames:
		return "RTU"
	default:
		return "all"
	}
}

// LinkAct says what becomes of an answer.
type LinkAct uint8

// Acts.
const (
	// Silent gives no answer.
	Silent LinkAct = iota
	// Delayed answers after Delay and up to Spread.
	Delayed
	// Drip sends the answer byte by byte, Delay apart, a long one in sixty pieces.
	Drip
	// Split sends the answer in two pieces, Delay apart.
	Split
	// Exception answers with an exception Code.
	Exception
	// SplitException is Exception with its last byte Delay later.
	SplitException
	// ForeignException answers with an exception to another function.
	ForeignException
	// BareException answers with an exception that lacks its code.
	BareException
	// WrongTransaction answers with another transaction id.
	WrongTransaction
	// ZeroTransaction answers with transaction id 0.
	ZeroTransaction
	// WrongProtocol answers with another protocol id.
	WrongProtocol
	// LengthZero, LengthOne and LengthMost put 0, 1 and 65535 in the header's length.
	LengthZero
	LengthOne
	LengthMost
	// WrongUnit answers in the name of another unit.
	WrongUnit
	// UnitZero answers in the name of unit 0.
	UnitZero
	// OtherFunction answers with another function code.
	OtherFunction
	// CountShort, CountLong, CountZero and CountOdd answer with a register less, one
	// more, none, and half a one less, in a frame that is right otherwise.
	CountShort
	CountLong
	CountZero
	CountOdd
	// NextAddress answers with the values of the next address.
	NextAddress
	// Jump answers with values that are far off.
	Jump
	// Frozen answers with the registers as they were when the fault began.
	Frozen
	// Truncated leaves out the last bytes of the answer.
	Truncated
	// Garbage sends 64 bytes of noise before the answer.
	Garbage
	// Stale sends the answer to the request before once more, and then the answer.
	Stale
	// Doubled sends the answer twice.
	Doubled
	// Reset breaks the connection in the middle of the answer.
	Reset
	// Finished closes the connection in the middle of the answer.
	Finished
	// Closed closes the connection after the answer.
	Closed
	// Unread accepts connections and reads nothing from them.
	Unread
	// Blackhole loses everything without a word; what was open stays broken afterwards.
	Blackhole
	// Refused has no open port.
	Refused
	// Taken closes each connection at once: another master holds the only one.
	Taken
	// SlowAccept accepts a connection after Delay.
	SlowAccept
	// ShortIdle closes a connection on which nothing comes for 0.3 s.
	ShortIdle
	// BadCRC damages the check sum.
	BadCRC
	// NoiseBefore and NoiseAfter add two bytes.
	NoiseBefore
	NoiseAfter
	// Echo sends the request back before the answer, as two-wire adapters do.
	Echo
	// Missing leaves out a byte, Extra sends one twice.
	Missing
	Extra
	// TwoSlaves has another slave talk into the answer.
	TwoSlaves
	// NoGap sends an answer of another slave in front, without a pause between.
	NoGap
	// Broadcast sends another master's broadcast in front.
	Broadcast
	// BaudMismatch makes of each answer what another speed makes of it.
	BaudMismatch
	// Unplugged has no port.
	Unplugged
)

// Effect says what a careful poller makes of the fault.
func (f *LinkFault) Effect() string {
	switch {
	case f.Shown != "":
		return f.Shown
	case f.Lost == esp.NoReason:
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

// Happens reports whether such a line knows the fault.
func (f *LinkFault) Happens(over Over) bool { return f.Over == 0 || f.Over&over != 0 }

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

// trouble is what is wrong with the line between two loads of the bank.
type trouble struct {
	seed   uint64
	second int64 // Unix
	faults []LinkFault
	struck []atomic.Int64 // answers spoilt, of each fault
}

func newTrouble(seed uint64, second int64, faults []LinkFault) *trouble {
	return &trouble{seed: seed, second: second, faults: faults, struck: make([]atomic.Int64, len(faults))}
}

// strikes is the first fault that changes this answer of a unit, if any.
func (t *trouble) strikes(unit uint8, over Over) *LinkFault {
	for i := range t.faults {
		f := &t.faults[i]
		if !f.concerns(unit) || !f.Happens(over) || f.Act == ShortIdle || f.Act == SlowAccept || f.Act == Frozen {
			continue
		}
		if f.Strikes > 0 && t.struck[i].Add(1) > int64(f.Strikes) {
			continue
		}
		return f
	}
	return nil
}

// everywhere is the fault of the whole line that does this, if any.
func (t *trouble) everywhere(act LinkAct) *LinkFault {
	for i := range t.faults {
		if f := &t.faults[i]; f.Unit == 0 && f.Act == act {
			return f
		}
	}
	return nil
}

// freezes reports whether the registers of a unit stand still.
func (t *trouble) freezes(unit uint8) bool {
	return slices.ContainsFunc(t.faults, func(f LinkFault) bool { return f.Act == Frozen && f.concerns(unit) })
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
