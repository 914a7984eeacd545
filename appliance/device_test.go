package appliance_test

import (
	"encoding/binary"
	"io"
	"maps"
	"net"
	"sync"
	"testing"

	"wellkeeper.internal/storage"
)

// device is a Modbus device whose holding registers the test sets; it refuses those that
// were never set.
type device struct {
	addr string

	mu        sync.Mutex // guards registers
	registers map[uint16]uint16
}

func newDevice(t *testing.T, registers map[uint16]uint16) *device {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &device{addr: listener.Addr().String(), registers: map[uint16]uint16{}}
	d.set(registers)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go d.serve(c)
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return d
}

// set changes registers, all at one moment.
func (d *device) set(registers map[uint16]uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.Copy(d.registers, registers)
}

func (d *device) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	var request [12]byte
	for {
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		if _, err := c.Write(d.answer(request)); err != nil {
			return
		}
	}
}

func (d *device) answer(request [12]byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	address, n := binary.BigEndian.Uint16(request[8:]), binary.BigEndian.Uint16(request[10:])
	head := func(length, function byte) []byte {
		return []byte{request[0], request[1], 0, 0, 0, length, request[6], function}
	}
	reply := append(head(byte(3+2*n), request[7]), byte(2*n))
	for i := range n {
		v, known := d.registers[address+i]
		if !known {
			return append(head(3, request[7]|0x80), 2)
		}
		reply = binary.BigEndian.AppendUint16(reply, v)
	}
	return reply
}

// openStore opens the data folder of a box that was stopped; done closes it.
func openStore(t *testing.T, dir string) (store *storage.Store, done func()) {
	t.Helper()
	store, err := storage.Open(t.Context(), storage.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return store, func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}
