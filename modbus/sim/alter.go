package sim

import (
	"encoding/binary"
	"slices"
)

// altered is the answer as the fault has it, whole.
func (l *line) altered(f *LinkFault, chance uint64) []byte {
	out := l.encode(alteredFrame(l.answer, f, chance))
	if l.over == OverTCP {
		alterHeader(out, f.Act)
	} else {
		out = l.alterRTU(out, f.Act, chance)
	}
	switch f.Act {
	case Truncated:
		return out[:max(len(out)-3, min(headerSize, len(out)-1))]
	case Garbage:
		return append(noise(chance), out...)
	case Doubled:
		return append(out, out...)
	default:
		return out
	}
}

// alteredFrame changes what the answer says.
func alteredFrame(a frame, f *LinkFault, chance uint64) frame {
	switch f.Act {
	case WrongTransaction:
		a.transaction += 1 + uint16(chance%60000)
	case ZeroTransaction:
		a.transaction = 0
	case WrongProtocol:
		a.protocol = 7
	case WrongUnit:
		a.unit += 8
	case UnitZero:
		a.unit = 0
	case Exception, SplitException:
		a.pdu = exception(nil, a.pdu[0]&^0x80, f.Code)
	case ForeignException:
		a.pdu = exception(nil, twin(a.pdu[0]), illegalAddress)
	case BareException:
		a.pdu = []byte{a.pdu[0] | 0x80}
	case OtherFunction:
		a.pdu = slices.Clone(a.pdu)
		a.pdu[0] = twin(a.pdu[0])
	default:
		a.pdu = alteredData(a.pdu, f.Act)
	}
	return a
}

// twin is the function that reads the other table of the same width.
func twin(function uint8) uint8 { return (function&^0x80 - 1) ^ 1 + 1 }

// alteredData changes the values of an answer that has some.
func alteredData(pdu []byte, act LinkAct) []byte {
	if pdu[0]&0x80 != 0 || len(pdu) < 4 {
		return pdu
	}
	pdu = slices.Clone(pdu)
	switch data := pdu[2:]; act {
	case CountShort:
		pdu[1] -= 2
		return pdu[:len(pdu)-2]
	case CountLong:
		pdu[1] += 2
		return append(pdu, 1, 2)
	case CountZero:
		pdu[1] = 0
		return pdu[:2]
	case CountOdd:
		pdu[1]--
		return pdu[:len(pdu)-1]
	case NextAddress:
		first := [2]byte(data)
		copy(data, data[2:])
		copy(data[len(data)-2:], first[:])
	case Jump:
		for i := 0; i < len(data); i += 2 {
			data[i] ^= 0x40
		}
	default:
	}
	return pdu
}

// alterHeader changes the length in the header of a TCP frame.
func alterHeader(out []byte, act LinkAct) {
	switch act {
	case LengthZero:
		binary.BigEndian.PutUint16(out[4:], 0)
	case LengthOne:
		binary.BigEndian.PutUint16(out[4:], 1)
	case LengthMost:
		binary.BigEndian.PutUint16(out[4:], 0xFFFF)
	default:
	}
}

// alterRTU does to the bytes of an RTU frame what happens on a serial line.
func (l *line) alterRTU(out []byte, act LinkAct, chance uint64) []byte {
	const fixed = 3                                        // unit, function, byte count
	inside := fixed + int(chance%uint64(len(out)-fixed-1)) // a byte of data or check sum
	switch act {
	case BadCRC:
		out[len(out)-1] ^= 1 << (chance % 8)
	case NoiseBefore:
		return append([]byte{0xFF, byte(chance)}, out...)
	case NoiseAfter:
		return append(out, 0xFF, byte(chance))
	case Echo:
		return append(slices.Clone(l.asked), out...)
	case Missing:
		return slices.Delete(out, inside, inside+1)
	case Extra:
		return slices.Insert(out, inside, out[inside])
	case TwoSlaves:
		var both []byte
		for _, b := range out {
			both = append(both, b, b^0x11)
		}
		return both
	case NoGap:
		return append(appendRTU(nil, l.answer.unit+8, []byte{l.answer.pdu[0], 2, byte(chance), 0}), out...)
	case Broadcast:
		const writeRegister = 6
		return append(appendRTU(nil, 0, []byte{writeRegister, 0, 1, 0, byte(chance)}), out...)
	case BaudMismatch:
		garbled := noise(chance)
		garbled[0] |= 0x80 // no unit that anyone asks
		return garbled[:min(len(garbled), len(out))]
	default:
	}
	return out
}
