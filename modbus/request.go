package modbus

import (
	"encoding/binary"
	"time"

	"github.com/goburrow/modbus"

	"wellkeeper.internal/appliance/esp"
)

// request asks for quantity registers (or bits) of a unit from an address on.
type request struct {
	unit     uint8
	fc       readFunction
	address  uint16
	quantity uint16
	timeout  time.Duration
	pace     pace
}

// pace is what a device needs between requests.
type pace struct {
	between      time.Duration
	afterConnect time.Duration
	guard        time.Duration // silence before a request on an RTU line
}

// readFunction is a function code that reads. The type is what keeps every other
// function off the wire: request is the only thing that a link sends.
type readFunction uint8

// valid reports whether f is one of the four reading functions.
func (f readFunction) valid() bool {
	return f >= modbus.FuncCodeReadCoils && f <= modbus.FuncCodeReadInputRegisters
}

// bits reports whether f reads single bits.
func (f readFunction) bits() bool {
	return f == modbus.FuncCodeReadCoils || f == modbus.FuncCodeReadDiscreteInputs
}

// pdu is the request as goburrow's packagers take it. Any other function code than
// 1 to 4 is a bug that must not reach a device.
func (r *request) pdu() *modbus.ProtocolDataUnit {
	if !r.fc.valid() {
		panic("BUG: a request that does not read")
	}
	data := make([]byte, 4)
	binary.BigEndian.PutUint16(data, r.address)
	binary.BigEndian.PutUint16(data[2:], r.quantity)
	return &modbus.ProtocolDataUnit{FunctionCode: byte(r.fc), Data: data}
}

// dataBytes is how many bytes of values a correct reply has.
func (r *request) dataBytes() int {
	if r.fc.bits() {
		return (int(r.quantity) + 7) / 8
	}
	return 2 * int(r.quantity)
}

// words checks a reply and takes its values out: one word per register, or 0 and 1
// per bit. A reply of the wrong function or length is no answer to this request,
// whatever goburrow says.
func (r *request) words(pdu *modbus.ProtocolDataUnit) ([]uint16, error) {
	data := pdu.Data
	if pdu.FunctionCode == byte(r.fc)|0x80 {
		if len(data) != 1 || data[0] < 1 || data[0] > modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond {
			return nil, failf(esp.BadFrame, "exception reply of %d data bytes or unknown code", len(data))
		}
		return nil, &modbus.ModbusError{FunctionCode: byte(r.fc), ExceptionCode: data[0]}
	}
	if pdu.FunctionCode != byte(r.fc) {
		return nil, failf(esp.BadFrame, "reply of function %d to function %d", pdu.FunctionCode, r.fc)
	}
	want := r.dataBytes()
	if len(data) != 1+want || int(data[0]) != want {
		return nil, failf(esp.BadFrame, "reply of %d bytes where %d were asked for", len(data)-1, want)
	}
	values := make([]uint16, r.quantity)
	for i := range values {
		if r.fc.bits() {
			values[i] = uint16(data[1+i/8]>>(i%8)) & 1
		} else {
			values[i] = binary.BigEndian.Uint16(data[1+2*i:])
		}
	}
	return values, nil
}
