package sim_test

import (
	"encoding/binary"
	"io"
	"testing"
	"time"

	"wellkeeper.internal/modbus/sim"
)

// promised is how many replies the bytes must get: one per whole frame of protocol 0,
// up to the first length that no frame can have.
func promised(stream []byte) (replies int, closes bool) {
	for len(stream) >= 7 {
		length := int(binary.BigEndian.Uint16(stream[4:]))
		if length < 2 || length > 254 {
			return replies, true
		}
		if len(stream) < 6+length {
			break
		}
		if binary.BigEndian.Uint16(stream[2:]) == 0 {
			replies++
		}
		stream = stream[6+length:]
	}
	return replies, false
}

func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		"0001 0000 0006 01 03 0064 0001",
		"0001 0000 0006 01 03 0064 0001 0002 0001 0006 01 03 0064 0001 0003 0000 0002 4D 2B",
		"0001 0000 0005 01 2B 0E 01 00",
		"0001 0000 00FE 01 10",
		"0001 0000 FFFF 01 03 0064",
		"0001 0000 0001 01",
	} {
		f.Add(mustHex(f, seed))
	}
	bank, _ := plainBank(f)
	listener := newPipes()
	serve(f, sim.ServerConfig{Listener: listener, Bank: bank})
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := listener.dial(t)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		want, closes := promised(stream)
		go func() { _, _ = c.Write(stream) }() // ends when the server has read it or closed
		for i := range want {
			head := make([]byte, 7)
			if _, err := io.ReadFull(c, head); err != nil {
				t.Fatalf("reply %d of %d: %v", i, want, err)
			}
			length := int(binary.BigEndian.Uint16(head[4:]))
			if length < 3 || length > 254 || head[2] != 0 || head[3] != 0 {
				t.Fatalf("reply header % X", head)
			}
			body := make([]byte, length-1)
			if _, err := io.ReadFull(c, body); err != nil {
				t.Fatalf("reply %d of %d: %v", i, want, err)
			}
			if body[0]&0x80 != 0 && (len(body) != 2 || body[1] == 0 || body[1] > 11) {
				t.Fatalf("exception % X", body)
			}
		}
		if closes {
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Fatalf("%d bytes after what is no frame", n)
			}
		}
	})
}
