package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/goburrow/modbus"

	"wellkeeper.internal/appliance/esp"
)

// RequestError is why a request gave no values.
type RequestError struct {
	Reason esp.Reason // the class, which travels with the lost values
	Err    error      // what happened, for people
}

// Error names the class and the cause.
func (f *RequestError) Error() string { return f.Reason.String() + ": " + f.Err.Error() }

// Unwrap gives the cause.
func (f *RequestError) Unwrap() error { return f.Err }

func failf(why esp.Reason, format string, args ...any) *RequestError {
	return &RequestError{why, fmt.Errorf(format, args...)}
}

// ReasonOf is the class of an error that a request gave; NoReason for nil.
func ReasonOf(err error) esp.Reason {
	if err == nil {
		return esp.NoReason
	}
	if f, ok := errors.AsType[*RequestError](err); ok {
		return f.Reason
	}
	if code, ok := exceptionCode(err); ok {
		if refused(code) {
			return esp.NotSupported
		}
		return esp.DeviceException
	}
	return esp.Disconnected
}

// exceptionCode is the code of a valid exception reply.
func exceptionCode(err error) (byte, bool) {
	e, ok := errors.AsType[*modbus.ModbusError](err)
	if !ok {
		return 0, false
	}
	return e.ExceptionCode, true
}

// refused reports the exceptions by which a device says that it has no such register.
func refused(code byte) bool {
	return code == modbus.ExceptionCodeIllegalDataAddress || code == modbus.ExceptionCodeIllegalDataValue
}

// busy reports the exceptions that ask for another try.
func busy(code byte) bool {
	return code == modbus.ExceptionCodeAcknowledge || code == modbus.ExceptionCodeServerDeviceBusy
}

// absent reports the exceptions by which a gateway says that the unit behind it does
// not answer.
func absent(code byte) bool {
	return code == modbus.ExceptionCodeGatewayPathUnavailable || code == modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond
}

// broken gives an I/O error its class. A deadline that has passed explains whatever
// the connection says, because it is closed to end the wait.
func broken(ctx context.Context, err error) error {
	if f, ok := errors.AsType[*RequestError](err); ok {
		return f
	}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return failf(esp.Timeout, "no complete answer in time")
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return &RequestError{esp.Disconnected, err}
}

// portInUse says what people should know of a link that cannot be opened.
func portInUse(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("the port is closed: the device is not ready, or another master may hold the port: %w", err)
	case errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("another program holds the port; a serial line has one master: %w", err)
	}
	return err
}

// hungUp reports errors of a connection that ended while nobody used it: the peer
// closed it, or keepalive found that there is no peer any more.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, io.ErrClosedPipe)
}
