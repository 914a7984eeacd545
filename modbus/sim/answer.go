package sim

import (
	"encoding/binary"

	"wellkeeper.internal/modbus/profile"
)

// Function codes that are answered, MODBUS Application Protocol 1.1b3 §6.
const (
	readCoils            = 1
	readDiscreteInputs   = 2
	readHoldingRegisters = 3
	readInputRegisters   = 4
	encapsulated         = 43
	deviceIdentification = 14 // MEI type
)

// Exception codes, §7.
const (
	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	gatewayTarget   = 11
)

const (
	mostBits  = 2000
	mostWords = 125
)

// answer appends the reply PDU to a request PDU. Everything that could change
// something, and everything unknown, is an illegal function.
func (b *Bank) answer(dst []byte, image *picture, unit uint8, pdu []byte) []byte {
	r, ok := image.units[unit]
	if !ok {
		return exception(dst, pdu[0], gatewayTarget)
	}
	switch pdu[0] {
	case readCoils, readDiscreteInputs:
		return r.bits(dst, pdu)
	case readHoldingRegisters, readInputRegisters:
		return r.read(dst, pdu)
	case encapsulated:
		return identify(dst, b.profiles[unit], pdu)
	}
	return exception(dst, pdu[0], illegalFunction)
}

func exception(dst []byte, function, code uint8) []byte { return append(dst, function|0x80, code) }

// question is the address and quantity of a read request; a code other than 0 is the
// exception that it deserves.
func question(pdu []byte, most int) (first uint16, quantity int, code uint8) {
	if len(pdu) != 5 {
		return 0, 0, illegalValue
	}
	first = binary.BigEndian.Uint16(pdu[1:])
	quantity = int(binary.BigEndian.Uint16(pdu[3:]))
	switch {
	case quantity < 1 || quantity > most:
		return 0, 0, illegalValue
	case int(first)+quantity > 0x10000:
		return 0, 0, illegalAddress
	}
	return first, quantity, 0
}

func (r registers) read(dst, pdu []byte) []byte {
	first, quantity, code := question(pdu, mostWords)
	if code != 0 {
		return exception(dst, pdu[0], code)
	}
	var room [mostWords]uint16
	words := room[:quantity]
	if !r.span(words, pdu[0], first) {
		return exception(dst, pdu[0], illegalAddress)
	}
	dst = append(dst, pdu[0], uint8(2*quantity))
	for _, w := range words {
		dst = binary.BigEndian.AppendUint16(dst, w)
	}
	return dst
}

func (r registers) bits(dst, pdu []byte) []byte {
	first, quantity, code := question(pdu, mostBits)
	if code != 0 {
		return exception(dst, pdu[0], code)
	}
	var room [mostBits]uint16
	words := room[:quantity]
	if !r.span(words, pdu[0], first) {
		return exception(dst, pdu[0], illegalAddress)
	}
	size := (quantity + 7) / 8
	dst = append(dst, pdu[0], uint8(size))
	for i := range size {
		var packed byte
		for k, w := range words[8*i : min(8*i+8, quantity)] {
			if w != 0 {
				packed |= 1 << k
			}
		}
		dst = append(dst, packed)
	}
	return dst
}

// identify answers Read Device Identification, §6.21: vendor, product and revision,
// as a stream (codes 1 to 3) or one by one (code 4).
func identify(dst []byte, p *profile.Profile, pdu []byte) []byte {
	if len(pdu) < 2 || pdu[1] != deviceIdentification {
		return exception(dst, pdu[0], illegalFunction)
	}
	if len(pdu) != 4 {
		return exception(dst, pdu[0], illegalValue)
	}
	code, object := pdu[2], int(pdu[3])
	objects := [...]string{p.Vendor, p.Model, p.Hash()}
	const individual = 0x80 // conformity: basic objects, stream and individual access
	switch {
	case code < 1 || code > 4:
		return exception(dst, pdu[0], illegalValue)
	case code == 4 && object >= len(objects):
		return exception(dst, pdu[0], illegalAddress)
	case object >= len(objects):
		object = 0 // §6.21: an unknown object starts the stream anew
	}
	last := len(objects) - 1
	if code == 4 {
		last = object
	}
	dst = append(dst, encapsulated, deviceIdentification, code, individual|1, 0, 0, uint8(last-object+1))
	for i := object; i <= last; i++ {
		text := objects[i]
		text = text[:min(len(text), 60)] // three of them fit a PDU
		dst = append(dst, uint8(i), uint8(len(text)))
		dst = append(dst, text...)
	}
	return dst
}
