package sim_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

const (
	linkOnset = time.Minute
	linkLasts = 10 * time.Minute
)

// faulted is a bank of two plain devices, and a well whose line has faults for ten
// minutes from the first minute on.
func faulted(tb testing.TB, seed uint64, faults ...sim.LinkFault) (*sim.Bank, *sim.Well) {
	tb.Helper()
	p, err := profile.Parse("plain.yaml", []byte(plainProfile))
	if err != nil {
		tb.Fatal(err)
	}
	cfg := sim.Config{Seed: seed, Start: start, Scenario: sim.Scenario{Changes: []sim.Change{{Param: sim.Setpoint, To: 52}}}}
	for _, f := range faults {
		cfg.LinkFaults = append(cfg.LinkFaults, sim.LinkFaultAt{Fault: f, Onset: start.Add(linkOnset), Lasts: linkLasts})
	}
	w := mustWell(tb, cfg)
	bank := sim.NewBank(map[uint8]*profile.Profile{sim.DriveUnit: p, sim.GaugeUnit: p})
	bank.Load(w)
	return bank, w
}

func mustLinkFault(tb testing.TB, name string) sim.LinkFault {
	tb.Helper()
	f, ok := sim.FindLinkFault(name)
	if !ok {
		tb.Fatalf("no link fault %q", name)
	}
	return f
}

// arrived is what came in answer to a request.
type arrived struct {
	bytes []byte
	after time.Duration // the last byte
	err   error         // what ended it; a deadline where the connection stays
	// unread: not even the request went away; a pipe holds nothing.
	unread bool
}

func (a *arrived) open() bool { return errors.Is(a.err, os.ErrDeadlineExceeded) }

// question sends a request and takes whatever comes within two seconds.
func question(t *testing.T, c net.Conn, request string) arrived {
	t.Helper()
	return questionBytes(t, c, mustHex(t, request))
}

func questionBytes(t *testing.T, c net.Conn, request []byte) arrived {
	t.Helper()
	began := time.Now()
	_ = c.SetDeadline(began.Add(2 * time.Second))
	if _, err := c.Write(request); err != nil {
		return arrived{err: err, unread: true}
	}
	var a arrived
	for room := make([]byte, 512); ; {
		n, err := c.Read(room)
		if n > 0 {
			a.bytes, a.after = append(a.bytes, room[:n]...), time.Since(began)
		}
		if err != nil {
			a.err = err
			return a
		}
	}
}

const (
	ask1, answer1 = "0001 0000 0006 01 03 0064 0001", "0001 0000 0005 01 03 02 1450"
	ask2, answer2 = "0002 0000 0006 01 03 0064 0001", "0002 0000 0005 01 03 02 1450"
	askGauge      = "0003 0000 0006 0A 03 0064 0001"
	answerGauge   = "0003 0000 0005 0A 03 02 1450"
)

// Of each link fault, what a client meets that asks twice. The second question is not
// asked where the first ended the connection.
var linkSights = map[string]func(t *testing.T, first, second arrived){
	"silence":   nothingComes,
	"unit-lost": nothingComes,
	"no-read": func(t *testing.T, first, second arrived) {
		t.Helper()
		nothingComes(t, first, second)
		want(t, "a request that nobody takes", first.unread && second.unread)
	},
	"slow":           wholeAfter(200*time.Millisecond, 301*time.Millisecond),
	"late-reply":     wholeAfter(700*time.Millisecond, 741*time.Millisecond),
	"deadline-reply": wholeAfter(500*time.Millisecond, 501*time.Millisecond),
	"drip-5ms":       wholeAfter(50*time.Millisecond, 51*time.Millisecond),
	"drip-60ms":      wholeAfter(600*time.Millisecond, 601*time.Millisecond),

	"exception-1":              bothCome("0003 01 83 01"),
	"exception-2":              bothCome("0003 01 83 02"),
	"exception-3":              bothCome("0003 01 83 03"),
	"exception-4":              bothCome("0003 01 83 04"),
	"exception-5":              bothCome("0003 01 83 05"),
	"exception-6":              bothCome("0003 01 83 06"),
	"exception-10":             bothCome("0003 01 83 0A"),
	"exception-11":             bothCome("0003 01 83 0B"),
	"exception-other-function": bothCome("0003 01 84 02"),
	"exception-no-code":        bothCome("0002 01 83"),

	"zero-transaction": comes("0000 0000 0005 01 03 02 1450", "0000 0000 0005 01 03 02 1450"),
	"wrong-protocol":   comes("0001 0007 0005 01 03 02 1450", "0002 0007 0005 01 03 02 1450"),
	"length-0":         bothCome("0000 01 03 02 1450"),
	"length-1":         bothCome("0001 01 03 02 1450"),
	"length-65535":     bothCome("FFFF 01 03 02 1450"),
	"wrong-unit":       bothCome("0005 09 03 02 1450"),
	"unit-0":           bothCome("0005 00 03 02 1450"),
	"other-function":   bothCome("0005 01 04 02 1450"),
	"byte-count-short": bothCome("0003 01 03 00"),
	"byte-count-long":  bothCome("0007 01 03 04 1450 0102"),
	"byte-count-0":     bothCome("0003 01 03 00"),
	"byte-count-odd":   bothCome("0004 01 03 01 14"),
	"other-address":    bothCome("0005 01 03 02 1450"), // of one register there is no next: TestOtherAddress
	"value-jump":       bothCome("0005 01 03 02 5450"),
	"frozen-values":    bothCome("0005 01 03 02 1450"),
	"blackhole":        nothingComes,
	"refused":          nobodyThere,
	"port-taken":       nobodyThere,
	"slow-accept": func(t *testing.T, first, second arrived) {
		t.Helper()
		comes(answer1, answer2)(t, first, second)
		want(t, "an answer after the connection's delay, then at once", first.after == 300*time.Millisecond && second.after == 0)
	},
	"wrong-transaction": func(t *testing.T, first, second arrived) {
		t.Helper()
		for i, a := range []arrived{first, second} {
			reply := mustHex(t, []string{answer1, answer2}[i])
			want(t, "an answer of another request", len(a.bytes) == len(reply) && bytes.Equal(a.bytes[2:], reply[2:]) && !bytes.Equal(a.bytes[:2], reply[:2]) && a.open())
		}
	},
	"truncated-frame": func(t *testing.T, first, second arrived) {
		t.Helper()
		reply := mustHex(t, answer1)
		want(t, "the beginning of the answer", len(first.bytes) > 7 && len(first.bytes) < len(reply) && bytes.HasPrefix(reply, first.bytes) && first.open() && second.open())
	},
	"garbage-before": func(t *testing.T, first, _ arrived) {
		t.Helper()
		reply := mustHex(t, answer1)
		want(t, "noise and the answer", len(first.bytes) == 64+len(reply) && bytes.HasSuffix(first.bytes, reply))
	},
	"reset-in-frame": func(t *testing.T, first, _ arrived) {
		t.Helper()
		reply := mustHex(t, answer1)
		want(t, "a part of the answer and the end", len(first.bytes) > 0 && len(first.bytes) < len(reply) && bytes.HasPrefix(reply, first.bytes) && errors.Is(first.err, io.EOF))
	},
	"fin-in-frame": func(t *testing.T, first, _ arrived) {
		t.Helper()
		want(t, "a part of the answer and the end", len(first.bytes) > 0 && bytes.HasPrefix(mustHex(t, answer1), first.bytes) && errors.Is(first.err, io.EOF))
	},
	"split-frame":            wholeAfter(20*time.Millisecond, 21*time.Millisecond),
	"stale-reply":            comes(answer1, answer1+answer2),
	"reply-twice":            comes(answer1+answer1, answer2+answer2),
	"close-after-each-reply": wholeThenClosed,
	"idle-close":             wholeThenClosed,
}

func nothingComes(t *testing.T, first, second arrived) {
	t.Helper()
	want(t, "an open connection on which nothing comes", len(first.bytes)+len(second.bytes) == 0 && first.open() && second.open())
}

func nobodyThere(t *testing.T, first, _ arrived) {
	t.Helper()
	want(t, "a connection that is closed at once", len(first.bytes) == 0 && !first.open())
}

// bothCome is comes for answers that differ in their transaction only.
func bothCome(rest string) func(t *testing.T, first, second arrived) {
	return comes("0001 0000 "+rest, "0002 0000 "+rest)
}

func comes(first, second string) func(t *testing.T, first, second arrived) {
	return func(t *testing.T, a, b arrived) {
		t.Helper()
		if !bytes.Equal(a.bytes, mustHex(t, first)) || !bytes.Equal(b.bytes, mustHex(t, second)) || !b.open() {
			t.Errorf("got % X and % X (%v), want %s and %s", a.bytes, b.bytes, b.err, first, second)
		}
	}
}

func wholeAfter(least, most time.Duration) func(t *testing.T, first, second arrived) {
	return func(t *testing.T, first, second arrived) {
		t.Helper()
		comes(answer1, answer2)(t, first, second)
		if first.after < least || first.after > most {
			t.Errorf("whole after %v, want %v to %v", first.after, least, most)
		}
	}
}

func wholeThenClosed(t *testing.T, first, _ arrived) {
	t.Helper()
	want(t, "the answer and the end", bytes.Equal(first.bytes, mustHex(t, answer1)) && errors.Is(first.err, io.EOF))
}

func TestLinkFaultsAsAClientMeetsThem(t *testing.T) {
	t.Parallel()
	for _, fault := range sim.LinkFaults() {
		if fault.Share > 0 || !fault.Happens(sim.OverTCP) { // TestLossyLine, TestSerialFaultsAsAMasterMeetsThem
			continue
		}
		sight := linkSights[fault.Name]
		if sight == nil {
			t.Errorf("%s: nothing says what a client meets", fault.Name)
			continue
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bank, w := faulted(t, 1, fault)
				listener := newPipes()
				serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
				sound := func(when string) {
					c := listener.dial(t)
					defer c.Close()
					if a := question(t, c, ask1); !bytes.Equal(a.bytes, mustHex(t, answer1)) || !a.open() {
						t.Errorf("%s the fault: % X, %v", when, a.bytes, a.err)
					}
				}
				sound("before")
				w.Advance(start.Add(linkOnset))
				bank.Load(w)
				c := listener.dial(t)
				defer c.Close()
				first := question(t, c, ask1)
				var second arrived
				if first.open() {
					second = question(t, c, ask2)
				}
				sight(t, first, second)
				if fault.Unit != 0 {
					other := listener.dial(t)
					defer other.Close()
					if a := question(t, other, askGauge); !bytes.Equal(a.bytes, mustHex(t, answerGauge)) || !a.open() {
						t.Errorf("the other unit: % X, %v", a.bytes, a.err)
					}
				}
				w.Advance(start.Add(linkOnset + linkLasts))
				bank.Load(w)
				sound("after")
			})
		})
	}
}

// What a poller would lose is lost for its reason where registers are read without a
// socket, and only while the fault lasts.
func TestLinkFaultsHideWhatAPollerLoses(t *testing.T) {
	t.Parallel()
	for _, fault := range sim.LinkFaults() {
		bank, w := faulted(t, 1, fault)
		lost := map[esp.Reason]int{}
		for _, after := range []time.Duration{0, linkOnset - time.Second, linkOnset, linkOnset + time.Minute, linkOnset + 2*time.Minute, linkOnset + linkLasts - time.Second, linkOnset + linkLasts} {
			w.Advance(start.Add(after))
			bank.Load(w)
			_, drive := bank.Words(sim.DriveUnit)(3, 100)
			_, gauge := bank.Words(sim.GaugeUnit)(3, 100)
			if during := after >= linkOnset && after < linkOnset+linkLasts; !during && (drive != esp.NoReason || gauge != esp.NoReason) {
				t.Errorf("%s: after %v lost for %v and %v", fault.Name, after, drive, gauge)
			}
			if fault.Unit == sim.DriveUnit && gauge != esp.NoReason {
				t.Errorf("%s: the gauge is lost for %v", fault.Name, gauge)
			}
			lost[drive]++
		}
		if n := lost[fault.Lost]; fault.Lost != esp.NoReason && fault.Share == 0 && n != 4 {
			t.Errorf("%s: lost %v, want 4 for %v", fault.Name, lost, fault.Lost)
		}
	}
}

// A lossy line loses the same seconds on the wire and in the bulk history, about its
// share of them, and other ones with another seed.
func TestLossyLine(t *testing.T) {
	t.Parallel()
	pattern := func(seed uint64) (pattern []bool, lost int) {
		bank, w := faulted(t, seed, mustLinkFault(t, "lossy"))
		synctest.Test(t, func(t *testing.T) {
			listener := newPipes()
			serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
			c := listener.dial(t)
			defer c.Close()
			for at := start.Add(linkOnset); at.Before(start.Add(linkOnset + 5*time.Minute)); at = at.Add(time.Second) {
				w.Advance(at)
				bank.Load(w)
				a := question(t, c, ask1)
				_, why := bank.Words(sim.DriveUnit)(3, 100)
				if (len(a.bytes) == 0) != (why == esp.Timeout) {
					t.Errorf("seed %d, %v: the wire gives % X, the history says %v", seed, at, a.bytes, why)
				}
				pattern = append(pattern, len(a.bytes) == 0)
				if len(a.bytes) == 0 {
					lost++
				}
			}
		})
		return pattern, lost
	}
	first, lost := pattern(1)
	again, _ := pattern(1)
	other, _ := pattern(2)
	if lost < 60 || lost > 120 {
		t.Errorf("%d of 300 polls lost, want about 90", lost)
	}
	differ := 0
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("the same seed differs at %d", i)
		}
		if first[i] != other[i] {
			differ++
		}
	}
	if differ < 50 {
		t.Errorf("another seed differs in %d of 300 polls", differ)
	}
}

func TestResetOfATCPConnection(t *testing.T) {
	t.Parallel()
	bank, w := faulted(t, 1, mustLinkFault(t, "reset-in-frame"))
	w.Advance(start.Add(linkOnset))
	bank.Load(w)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, sim.ServerConfig{Listener: listener, Bank: bank})
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if a := question(t, c, ask1); !errors.Is(a.err, syscall.ECONNRESET) || len(a.bytes) >= len(mustHex(t, answer1)) {
		t.Errorf("got % X, %v; want a reset within the answer", a.bytes, a.err)
	}
}

// Faults of gauge and line combine with a scenario and with each other, and the same
// seed gives the same bytes.
func TestFaultsCombineWithAScenario(t *testing.T) {
	t.Parallel()
	play := func(seed uint64) (registers []byte, w *sim.Well, bank *sim.Bank) {
		scenario, onset := mustFind(t, "tubing-leak"), start.Add(time.Hour)
		frozen, _ := sim.FindGaugeFault("frozen")
		w = mustWell(t, sim.Config{
			Seed: seed, Start: start, Scenario: scenario, Onset: onset,
			GaugeFaults: []sim.GaugeFaultAt{{Fault: frozen, Onset: onset.Add(time.Hour)}},
			LinkFaults: []sim.LinkFaultAt{
				{Fault: mustLinkFault(t, "unit-lost"), Onset: onset.Add(2 * time.Hour)},
				{Fault: mustLinkFault(t, "exception-6"), Onset: onset.Add(2 * time.Hour), Lasts: time.Minute},
			},
		})
		bank, _ = mustBank(t)
		for at := start; !at.After(onset.Add(2 * time.Hour)); at = at.Add(time.Minute) {
			w.Advance(at)
			bank.Load(w)
			for _, unit := range []uint8{sim.DriveUnit, sim.GaugeUnit} {
				words := bank.Words(unit)
				for wire := range uint16(60) {
					v, why := words(3, wire)
					registers = append(registers, byte(v>>8), byte(v), byte(why))
				}
			}
		}
		return registers, w, bank
	}
	first, w, bank := play(1)
	again, _, _ := play(1)
	other, _, _ := play(2)
	if !bytes.Equal(first, again) || bytes.Equal(first, other) {
		t.Error("the same seed gives other registers, or another seed the same")
	}
	if rate := value(t, w, "liquid_rate"); rate > 45 {
		t.Errorf("%.1f m3/d two hours into the leak", rate)
	}
	if p := value(t, w, "intake_pressure"); p > 9500 {
		t.Errorf("%.0f kPa: not frozen an hour into the leak", p)
	}
	_, drive := bank.Words(sim.DriveUnit)(3, 1)
	_, gauge := bank.Words(sim.GaugeUnit)(3, 1)
	if drive != esp.Timeout || gauge != esp.DeviceException {
		t.Errorf("drive lost for %v, gauge for %v", drive, gauge)
	}
}
