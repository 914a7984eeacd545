package sim

import (
	"fmt"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// LinkFaults are the link faults of this release: what networks, gateways, serial
// lines and devices have been seen to do.
func LinkFaults() []LinkFault {
	all := slices.Concat(timingFaults(), exceptionFaults(), frameFaults(), connectionFaults(), serialFaults())
	for i := range all {
		all[i].Since = 3 * time.Minute
	}
	return all
}

func timingFaults() []LinkFault {
	return []LinkFault{
		{Name: "silence", Title: "Nothing answers", Lost: esp.Timeout},
		{Name: "unit-lost", Title: "The drive does not answer, the gauge does", Unit: DriveUnit, Lost: esp.Timeout},
		{Name: "lossy", Title: "Three of ten polls get no answer", Share: 0.3, Lost: esp.Timeout},
		{Name: "slow", Title: "Answers take 0.2 to 0.3 s", Act: Delayed, Delay: 200 * time.Millisecond, Spread: 100 * time.Millisecond},
		{Name: "late-reply", Title: "Answers come later than a poller waits", Act: Delayed, Delay: 700 * time.Millisecond, Spread: 40 * time.Millisecond, Lost: esp.Timeout},
		{Name: "deadline-reply", Title: "Answers come in the moment in which a poller gives up", Act: Delayed, Delay: 500 * time.Millisecond, Shown: "values come or are lost: timeout"},
		{Name: "one-late-reply", Title: "One answer in some ten seconds comes late", Act: Delayed, Delay: 700 * time.Millisecond, Share: 0.1, Strikes: 1, Lost: esp.Timeout},
		{Name: "split-frame", Title: "Each answer comes in two pieces", Act: Split, Delay: 20 * time.Millisecond},
		{Name: "drip-5ms", Title: "Answers come in pieces of a few bytes, 5 ms apart", Act: Drip, Delay: 5 * time.Millisecond},
		{Name: "drip-60ms", Title: "Answers come in pieces of a few bytes, 60 ms apart", Over: overSockets, Act: Drip, Delay: 60 * time.Millisecond, Lost: esp.Timeout},
	}
}

func exceptionFaults() []LinkFault {
	meaning := []struct {
		code uint8
		text string
		lost esp.Reason
	}{
		{illegalFunction, "the device does not know the function", esp.DeviceException},
		{illegalAddress, "the device has no such register", esp.NotSupported},
		{illegalValue, "the device gives no so many registers", esp.NotSupported},
		{4, "the device has failed", esp.DeviceException},
		{5, "the device needs more time", esp.DeviceException},
		{6, "the device is busy", esp.DeviceException},
		{10, "the gateway is misconfigured", esp.DeviceException},
		{gatewayTarget, "the gateway does not reach the device", esp.DeviceException},
	}
	var all []LinkFault
	for _, m := range meaning {
		all = append(all, LinkFault{
			Name: fmt.Sprintf("exception-%d", m.code), Title: fmt.Sprintf("Exception %d: %s", m.code, m.text),
			Act: Exception, Code: m.code, Lost: m.lost,
		})
	}
	return append(all,
		LinkFault{Name: "exception-other-function", Title: "Exceptions to a function that was not asked", Act: ForeignException, Lost: esp.BadFrame},
		LinkFault{Name: "exception-no-code", Title: "Exceptions without a code", Over: OverTCP, Act: BareException, Lost: esp.BadFrame},
	)
}

func frameFaults() []LinkFault {
	return []LinkFault{
		{Name: "wrong-transaction", Title: "Answers carry another transaction id", Over: OverTCP, Act: WrongTransaction, Lost: esp.BadFrame},
		{Name: "zero-transaction", Title: "Answers carry transaction id 0", Over: OverTCP, Act: ZeroTransaction, Lost: esp.BadFrame},
		{Name: "wrong-protocol", Title: "Answers carry another protocol id", Over: OverTCP, Act: WrongProtocol, Lost: esp.BadFrame},
		{Name: "length-0", Title: "The header says that 0 bytes follow", Over: OverTCP, Act: LengthZero, Lost: esp.BadFrame},
		{Name: "length-1", Title: "The header says that 1 byte follows", Over: OverTCP, Act: LengthOne, Lost: esp.BadFrame},
		{Name: "length-65535", Title: "The header says that 65535 bytes follow", Over: OverTCP, Act: LengthMost, Lost: esp.BadFrame},
		{Name: "wrong-unit", Title: "Another unit answers", Act: WrongUnit, Lost: esp.BadFrame},
		{Name: "unit-0", Title: "Answers come from unit 0", Act: UnitZero, Lost: esp.BadFrame},
		{Name: "other-function", Title: "Answers belong to another function", Act: OtherFunction, Lost: esp.BadFrame},
		{Name: "byte-count-short", Title: "Answers hold a register less than was asked for", Act: CountShort, Lost: esp.BadFrame},
		{Name: "byte-count-long", Title: "Answers hold a register more than was asked for", Act: CountLong, Lost: esp.BadFrame},
		{Name: "byte-count-0", Title: "Answers hold nothing", Act: CountZero, Lost: esp.BadFrame},
		{Name: "byte-count-odd", Title: "Answers end in the middle of a register", Act: CountOdd, Lost: esp.BadFrame},
		{Name: "truncated-frame", Title: "The end of each answer is missing", Act: Truncated, Lost: esp.Timeout},
		{Name: "garbage-before", Title: "Noise comes before each answer", Act: Garbage, Lost: esp.BadFrame},
		{Name: "stale-reply", Title: "The answer before comes once more in front of each answer", Over: OverTCP, Act: Stale},
		{Name: "reply-twice", Title: "Each answer comes twice", Act: Doubled},
		{Name: "other-address", Title: "Right answers with the values of the next address", Act: NextAddress, Shown: "wrong values are shown, unless the profile names a constant: then they are lost"},
		{Name: "value-jump", Title: "Values are far off", Act: Jump, Shown: "values beyond the plausible range are flagged"},
		{Name: "frozen-values", Title: "The device goes on answering with its last values", Act: Frozen, Shown: "values are marked stale after two minutes, where the profile names a counter"},
	}
}

func connectionFaults() []LinkFault {
	return []LinkFault{
		{Name: "fin-in-frame", Title: "The connection ends in the middle of each answer", Over: overSockets, Act: Finished, Lost: esp.Disconnected},
		{Name: "reset-in-frame", Title: "The connection breaks in the middle of each answer", Over: overSockets, Act: Reset, Lost: esp.Disconnected},
		{Name: "close-after-each-reply", Title: "The connection closes after each answer", Over: overSockets, Act: Closed},
		{Name: "idle-close", Title: "The connection closes after 0.3 s without a request", Over: overSockets, Act: ShortIdle},
		{Name: "no-read", Title: "Connections are accepted and never served", Over: overSockets, Act: Unread, Lost: esp.Timeout},
		{Name: "blackhole", Title: "Everything is lost without a word (half open)", Over: overSockets, Act: Blackhole, Lost: esp.Unreachable},
		{Name: "refused", Title: "The port is closed", Over: overSockets, Act: Refused, Lost: esp.Unreachable},
		{Name: "port-taken", Title: "Another master holds the only connection", Over: overSockets, Act: Taken, Lost: esp.Unreachable},
		{Name: "slow-accept", Title: "A connection takes 0.3 s", Over: overSockets, Act: SlowAccept, Delay: 300 * time.Millisecond},
	}
}

func serialFaults() []LinkFault {
	return []LinkFault{
		{Name: "split-exception", Title: "Exception 4 in two pieces, the last byte late", Over: overFrames, Act: SplitException, Code: 4, Delay: 30 * time.Millisecond, Lost: esp.DeviceException},
		{Name: "crc-error", Title: "The check sum is wrong", Over: overFrames, Act: BadCRC, Lost: esp.BadFrame},
		{Name: "noise-before", Title: "Two bytes of noise before each answer", Over: overFrames, Act: NoiseBefore, Lost: esp.BadFrame},
		{Name: "noise-after", Title: "Two bytes of noise after each answer", Over: overFrames, Act: NoiseAfter},
		{Name: "local-echo", Title: "The adapter hears its own requests", Over: overFrames, Act: Echo},
		{Name: "missing-byte", Title: "Each answer lacks a byte", Over: overFrames, Act: Missing, Lost: esp.Timeout},
		{Name: "extra-byte", Title: "Each answer has a byte twice", Over: overFrames, Act: Extra, Lost: esp.BadFrame},
		{Name: "two-slaves", Title: "Two slaves answer at the same time", Over: overFrames, Act: TwoSlaves, Lost: esp.BadFrame},
		{Name: "no-gap", Title: "Another slave's answer comes right before, without 3.5 characters between", Over: overFrames, Act: NoGap, Lost: esp.BadFrame},
		{Name: "broadcast", Title: "Another master's broadcast comes before each answer", Over: overFrames, Act: Broadcast, Lost: esp.BadFrame},
		{Name: "baud-mismatch", Title: "The device talks at another speed", Over: overFrames, Act: BaudMismatch, Lost: esp.BadFrame},
		{Name: "unplugged", Title: "The port is gone", Over: OverSerial, Act: Unplugged, Lost: esp.Unreachable},
	}
}
