package tap

import (
	"encoding/binary"
	"time"
)

// Functions that are answered (MODBUS Application Protocol V1.1b3, 6).
const (
	readCoils            = 1
	readDiscreteInputs   = 2
	readHoldingRegisters = 3
	readInputRegisters   = 4
	encapsulated         = 43
)

// exception is an exception code (the same, 7); 0: none.
type exception uint8

const (
	illegalFunction exception = 1 // what would write, and everything unknown
	illegalAddress  exception = 2 // a register that was never read, or is none of ours
	illegalValue    exception = 3 // a request that no device could answer
	deviceFailure   exception = 4 // our own registers were not renewed
	pathUnavailable exception = 10
	// noResponse is what a gateway says of a device that is silent: it is what the tap
	// says of readings that are too old, since the cause is nearly always that.
	noResponse exception = 11
)

// Most items of one request (the same, 6.1 and 6.3).
const (
	mostBits  = 2000
	mostWords = 125
)

// respond appends the answer to a request.
func (s *Server) respond(dst []byte, r *request) []byte {
	dst = begin(dst, r)
	start := len(dst)
	function := r.pdu[0]
	dst, code := s.answer(append(dst, function), r)
	switch code {
	case 0:
		s.counts.answered.Add(1)
	case illegalFunction:
		s.counts.refused.Add(1)
	default:
		s.counts.exceptions.Add(1)
	}
	if code != 0 {
		dst = append(dst[:start], function|0x80, byte(code))
	}
	return finish(dst)
}

// answer appends the data of an answer. The function comes first: what does not read is
// refused whatever else it says.
func (s *Server) answer(dst []byte, r *request) ([]byte, exception) {
	settings := s.settings.Load()
	own := r.unit == settings.Own
	function := r.pdu[0]
	switch {
	case function == encapsulated && own:
		return s.identify(dst, r.pdu[1:])
	case function < readCoils || function > readInputRegisters:
		return dst, illegalFunction
	}
	device, known := settings.Devices[r.unit]
	if !own && !known {
		return dst, pathUnavailable
	}
	first, quantity, code := question(r.pdu)
	if code != 0 {
		return dst, code
	}
	if own {
		return s.own(dst, function, first, quantity)
	}
	return device.Image.read(dst, function, first, quantity, device.MaxAge)
}

// question is the first address and the quantity of a read.
func question(pdu []byte) (first uint16, quantity int, code exception) {
	if len(pdu) != 5 {
		return 0, 0, illegalValue
	}
	first, quantity = binary.BigEndian.Uint16(pdu[1:]), int(binary.BigEndian.Uint16(pdu[3:]))
	most := mostWords
	if isBits(pdu[0]) {
		most = mostBits
	}
	switch {
	case quantity < 1 || quantity > most:
		return 0, 0, illegalValue
	case int(first)+quantity > 1<<16:
		return 0, 0, illegalAddress
	}
	return first, quantity, 0
}

func isBits(function uint8) bool { return function == readCoils || function == readDiscreteInputs }

// published are the registers of our own, and when they were made.
type published struct {
	words []uint16
	at    time.Time
}

// ownFor is how long our own registers are served that nobody has renewed. They are
// renewed each second.
const ownFor = 5 * time.Second

// Publish renews the registers of our own.
func (s *Server) Publish(b *Board) {
	s.board.Store(&published{b.words(), time.Now()})
}

// own answers from our own registers, as holding or as input registers.
func (s *Server) own(dst []byte, function uint8, first uint16, quantity int) ([]byte, exception) {
	p := s.board.Load()
	switch {
	case isBits(function):
		return dst, illegalAddress
	case p == nil || time.Since(p.at) > ownFor:
		return dst, deviceFailure
	case int(first)+quantity > len(p.words):
		return dst, illegalAddress
	}
	dst = append(dst, byte(2*quantity))
	for _, w := range p.words[first : int(first)+quantity] {
		dst = binary.BigEndian.AppendUint16(dst, w)
	}
	return dst, 0
}
