package modbus

import (
	"encoding/binary"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Observer is told each read that a device answered with values: the function code, the
// first address as sent, how many registers or bits were read, the data bytes of the reply
// (two per register, high byte first; eight bits per byte for coils and inputs, the first
// in the lowest bit), and when the answer was there.
//
// It is called in a goroutine of the poller, one device after the other on one link and
// at the same time over different links. It must not block and must not keep data.
type Observer func(device esp.DeviceID, fc uint8, address, quantity uint16, data []byte, at time.Time)

// observe tells the observer of the answer to a block.
func (s *session) observe(b *block, answer *reply) {
	if s.observer == nil {
		return
	}
	s.told = s.told[:0]
	if b.fc.bits() {
		s.told = append(s.told, make([]byte, (len(answer.words)+7)/8)...)
		for i, bit := range answer.words {
			s.told[i/8] |= byte(bit&1) << (i % 8)
		}
	} else {
		for _, w := range answer.words {
			s.told = binary.BigEndian.AppendUint16(s.told, w)
		}
	}
	s.observer(s.device.ID, uint8(b.fc), b.first, b.count, s.told, time.Now())
}
