package modbus_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/modbus"
)

// gateway answers for a drive (3), a device that refuses the register (5), one that it
// cannot reach (7), and is silent for the others. It counts what is asked.
func gateway(t *testing.T) (addr string, asked func() [][]byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var requests [][]byte
	serve := func(c net.Conn) {
		defer func() { _ = c.Close() }()
		for {
			b := make([]byte, 12)
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			mu.Lock()
			requests = append(requests, b)
			mu.Unlock()
			reply := []byte{b[0], b[1], 0, 0, 0, 5, b[6], b[7], 2, 0x12, 0x34}
			switch b[6] {
			case 3:
			case 5:
				reply = []byte{b[0], b[1], 0, 0, 0, 3, b[6], b[7] | 0x80, 2}
			case 7:
				reply = []byte{b[0], b[1], 0, 0, 0, 3, b[6], b[7] | 0x80, 11}
			case 9:
				reply[6] = 8 // of another unit
			default:
				continue
			}
			_, _ = c.Write(reply)
		}
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String(), func() [][]byte {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

func TestScanTellsWhoAnswers(t *testing.T) {
	addr, asked := gateway(t)
	c := modbus.ScanConfig{
		URLs: []string{"tcp://" + addr}, Units: []uint8{1, 3, 5, 7, 9, 3}, FC: 4, Address: 0x101, Timeout: 100 * time.Millisecond,
	}
	var got []modbus.Found
	if err := modbus.Scan(t.Context(), c, func(f modbus.Found) { got = append(got, f) }); err != nil {
		t.Fatal(err)
	}
	word, url := uint16(0x1234), "tcp://"+addr
	want := []modbus.Found{
		{URL: url, Unit: 1, Kind: modbus.FoundSilent},
		{URL: url, Unit: 3, Kind: modbus.FoundValue, Word: &word},
		{URL: url, Unit: 5, Kind: modbus.FoundException},
		{URL: url, Unit: 7, Kind: modbus.FoundSilent},
		{URL: url, Unit: 9, Kind: modbus.FoundGarbled},
		{URL: url, Unit: 3, Kind: modbus.FoundValue, Word: &word},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(modbus.Found{}, "Text")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, r := range asked() {
		if r[7] != 4 || r[8] != 1 || r[9] != 1 || r[10] != 0 || r[11] != 1 {
			t.Errorf("asked % x; want one register from 0x101 with function 4", r)
		}
	}
	if n := len(asked()); n != len(c.Units) {
		t.Errorf("%d requests for %d attempts", n, len(c.Units))
	}
}

// A line has one setting: once a device answered there, the others are not tried.
func TestScanStopsAtTheLineThatAnswers(t *testing.T) {
	master, path := openPTY(t)
	go func() {
		var b [8]byte
		for {
			if _, err := io.ReadFull(master, b[:]); err != nil {
				return
			}
			if b[0] == 2 {
				a := ask{unit: b[0], fc: b[1], address: uint16(b[2])<<8 | uint16(b[3]), quantity: 1, tick: time.Second}
				_, _ = master.Write(a.rtu())
			}
		}
	}()
	c := modbus.ScanConfig{
		URLs:  []string{"rtu://" + path + "?baud=9600&parity=N&stop=1", "rtu://" + path + "?baud=19200&parity=E&stop=1"},
		Units: []uint8{1, 2, 3}, FC: 3, Timeout: 100 * time.Millisecond,
	}
	var got []modbus.Found
	if err := modbus.Scan(t.Context(), c, func(f modbus.Found) { got = append(got, f) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[1].Kind != modbus.FoundValue || got[0].Kind != modbus.FoundSilent || got[2].Kind != modbus.FoundSilent {
		t.Errorf("%+v; want a value of unit 2 and nothing else, on the first line only", got)
	}
}

func TestScanRefuses(t *testing.T) {
	many := make([]uint8, 200)
	for name, c := range map[string]modbus.ScanConfig{
		"nothing to try": {FC: 3, Timeout: time.Second},
		"a sweep":        {URLs: []string{"tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"}, Units: many, FC: 3, Timeout: time.Second},
		"a write":        {URLs: []string{"tcp://127.0.0.1:1"}, Units: []uint8{1}, FC: 6, Timeout: time.Second},
	} {
		err := modbus.Scan(t.Context(), c, func(f modbus.Found) { t.Errorf("%s: asked %+v", name, f) })
		if err == nil {
			t.Errorf("%s was not refused", name)
		}
	}
	var got []modbus.Found
	closed := modbus.ScanConfig{URLs: []string{"rtu:///dev/none?baud=9600"}, Units: []uint8{1, 2, 3}, FC: 3, Timeout: 50 * time.Millisecond}
	if err := modbus.Scan(t.Context(), closed, func(f modbus.Found) { got = append(got, f) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Kind != modbus.FoundUnreachable {
		t.Errorf("a port that is not there was tried %d times: %+v", len(got), got)
	}
}
