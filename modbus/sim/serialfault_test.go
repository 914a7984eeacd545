package sim_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/modbus/sim"
)

// sealed appends the check sum of the specification's table-free algorithm.
func sealed(b []byte) []byte {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
	}
	return append(b, byte(crc), byte(crc>>8))
}

// The example of MODBUS over Serial Line 1.02, appendix B: CRC of 02 07 is 1241h.
func TestCheckSum(t *testing.T) {
	t.Parallel()
	if got := sealed([]byte{2, 7}); !bytes.Equal(got, mustHex(t, "02 07 41 12")) {
		t.Errorf("got % X", got)
	}
}

// Of each fault that only RTU lines know, what a master meets.
var serialSights = map[string]func(ask, answer []byte, a arrived) bool{
	"split-exception": func(_, _ []byte, a arrived) bool {
		return bytes.Equal(a.bytes, sealed([]byte{1, 0x83, 4})) && a.after == 30*time.Millisecond
	},
	"crc-error": func(_, answer []byte, a arrived) bool {
		return len(a.bytes) == len(answer) && bytes.HasPrefix(a.bytes, answer[:len(answer)-1]) && !bytes.Equal(a.bytes, answer)
	},
	"noise-before": func(_, answer []byte, a arrived) bool {
		return len(a.bytes) == len(answer)+2 && bytes.HasSuffix(a.bytes, answer)
	},
	"noise-after": func(_, answer []byte, a arrived) bool {
		return len(a.bytes) == len(answer)+2 && bytes.HasPrefix(a.bytes, answer)
	},
	"local-echo":   func(ask, answer []byte, a arrived) bool { return bytes.Equal(a.bytes, append(ask, answer...)) },
	"missing-byte": func(_, answer []byte, a arrived) bool { return len(a.bytes) == len(answer)-1 },
	"extra-byte":   func(_, answer []byte, a arrived) bool { return len(a.bytes) == len(answer)+1 },
	"two-slaves": func(_, answer []byte, a arrived) bool {
		return len(a.bytes) == 2*len(answer) && a.bytes[0] == answer[0]
	},
	"no-gap": func(_, answer []byte, a arrived) bool {
		return bytes.HasSuffix(a.bytes, answer) && len(a.bytes) > len(answer) && a.bytes[0] != answer[0]
	},
	"broadcast": func(_, answer []byte, a arrived) bool {
		return bytes.HasSuffix(a.bytes, answer) && bytes.HasPrefix(a.bytes, []byte{0, 6})
	},
	"baud-mismatch": func(_, answer []byte, a arrived) bool { return len(a.bytes) == len(answer) && a.bytes[0] != answer[0] },
	"unplugged":     func(_, _ []byte, a arrived) bool { return len(a.bytes) == 0 },
}

func TestSerialFaultsAsAMasterMeetsThem(t *testing.T) {
	t.Parallel()
	for _, fault := range sim.LinkFaults() {
		if fault.Happens(sim.OverTCP) {
			continue
		}
		sight := serialSights[fault.Name]
		if sight == nil {
			t.Errorf("%s: nothing says what a master meets", fault.Name)
			continue
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bank, w := faulted(t, 1, fault)
				listener := newPipes()
				serve(t, sim.ServerConfig{Listener: listener, Bank: bank, Over: sim.OverSerial})
				ask, answer := sealed(mustHex(t, "01 03 0064 0001")), sealed(mustHex(t, "01 03 02 1450"))
				c := listener.dial(t)
				defer c.Close()
				if a := questionBytes(t, c, ask); !bytes.Equal(a.bytes, answer) {
					t.Errorf("before the fault: % X", a.bytes)
				}
				w.Advance(start.Add(linkOnset))
				bank.Load(w)
				if a := questionBytes(t, c, ask); !sight(ask, answer, a) || !a.open() {
					t.Errorf("during the fault: % X after %v, %v", a.bytes, a.after, a.err)
				}
				w.Advance(start.Add(linkOnset + linkLasts))
				bank.Load(w)
				if a := questionBytes(t, c, ask); !bytes.Equal(a.bytes, answer) {
					t.Errorf("after the fault: % X", a.bytes)
				}
			})
		})
	}
}

// A slave finds a request behind noise, does not answer a broadcast or another unit, and
// knows the identification.
func TestRTUServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank, _ := faulted(t, 1)
		listener := newPipes()
		serve(t, sim.ServerConfig{Listener: listener, Bank: bank, Over: sim.OverRTU, SilentUnknown: true})
		c := listener.dial(t)
		defer c.Close()
		ask, answer := sealed(mustHex(t, "01 03 0064 0001")), sealed(mustHex(t, "01 03 02 1450"))
		for name, one := range map[string]struct{ ask, want []byte }{
			"plain":             {ask, answer},
			"behind noise":      {append(mustHex(t, "FF 01 03 00 7F"), ask...), answer},
			"behind half a one": {append(append([]byte{}, ask[:5]...), ask...), answer},
			"bad check sum":     {append(mustHex(t, "01 03 0064 0001 0000"), ask...), answer},
			"broadcast":         {sealed(mustHex(t, "00 03 0064 0001")), nil},
			"another unit":      {sealed(mustHex(t, "07 03 0064 0001")), nil},
			"write":             {sealed(mustHex(t, "01 06 0064 0001")), sealed(mustHex(t, "01 86 01"))},
		} {
			if a := questionBytes(t, c, one.ask); !bytes.Equal(a.bytes, one.want) || !a.open() {
				t.Errorf("%s: got % X (%v), want % X", name, a.bytes, a.err, one.want)
			}
		}
		if a := questionBytes(t, c, sealed(mustHex(t, "01 2B 0E 01 00"))); !bytes.HasPrefix(a.bytes, mustHex(t, "01 2B 0E 01")) {
			t.Errorf("identification: % X", a.bytes)
		}
	})
}
