package sim

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Bank holds the registers of simulated devices, one profile per unit id. Load takes
// the values of one moment; whoever reads sees the registers of one Load, never a
// mixture of two. Load and the readers may run in different goroutines.
type Bank struct {
	profiles map[uint8]*profile.Profile
	order    []uint8

	mu     sync.Mutex // guards scribe and serialises Load
	scribe map[uint8]*scribe

	// image is replaced as a whole and never written again.
	image atomic.Pointer[picture]
}

// picture is all devices at one moment, and what is wrong with the line to them.
type picture struct {
	units   map[uint8]registers
	trouble *trouble
}

// registers is an immutable picture of one device.
type registers struct {
	place map[address]int // shared by the pictures of a device
	words []uint16
}

type address struct {
	fc   uint8
	wire uint16
}

// hole is how many registers between two of a device still answer, with 0. Real
// devices have them, and a client that reads across small holes must find them.
const hole = 16

// scribe takes down the registers of one device in the order in which its profile
// gives them, which is always the same: the place of each is looked up once.
type scribe struct {
	place map[address]int
	order []address
	next  int
	words []uint16
}

// NewBank makes a bank of devices by unit id. Until the first Load its registers are
// all zero.
func NewBank(profiles map[uint8]*profile.Profile) *Bank {
	b := &Bank{profiles: maps.Clone(profiles), scribe: make(map[uint8]*scribe)}
	b.order = slices.Sorted(maps.Keys(profiles))
	image := make(map[uint8]registers, len(b.order))
	for _, unit := range b.order {
		s := newScribe(profiles[unit])
		b.scribe[unit] = s
		image[unit] = registers{place: s.place, words: make([]uint16, len(s.place))}
	}
	b.image.Store(&picture{units: image, trouble: newTrouble(0, 0, nil)})
	return b
}

func newScribe(p *profile.Profile) *scribe {
	s := &scribe{place: make(map[address]int)}
	p.Encode(func(string) (float64, bool) { return 0, false }, func(fc uint8, wire, _ uint16) {
		a := address{fc, wire}
		if _, known := s.place[a]; !known {
			s.place[a] = len(s.order)
			s.order = append(s.order, a)
		}
	})
	holes := slices.Clone(s.order)
	slices.SortFunc(holes, func(a, b address) int {
		if a.fc != b.fc {
			return int(a.fc) - int(b.fc)
		}
		return int(a.wire) - int(b.wire)
	})
	size := len(s.order)
	for i := 1; i < len(holes); i++ {
		from, to := holes[i-1], holes[i]
		if from.fc != to.fc || to.wire-from.wire > hole {
			continue
		}
		for wire := from.wire + 1; wire < to.wire; wire++ {
			s.place[address{from.fc, wire}] = size
			size++
		}
	}
	return s
}

// set is given to profile.Encode.
func (s *scribe) set(fc uint8, wire, word uint16) {
	a := address{fc, wire}
	i := s.next
	s.next++
	if i >= len(s.order) || s.order[i] != a {
		var known bool
		if i, known = s.place[a]; !known {
			panic("BUG: a profile gives other registers than at first")
		}
	}
	s.words[i] = word
}

// Load takes the present values of a well into the registers of all devices at once,
// and what is wrong with the line at this moment.
func (b *Bank) Load(w *Well) {
	b.load(w.Value, newTrouble(w.lines.seed, w.now, w.lines.now(w.now)))
}

// Moment is what a bank shows that belongs to no well.
type Moment struct {
	Time   time.Time
	Value  func(name string) (float64, bool) // of a point, in its stored unit
	Faults []LinkFault                       // that strike now
	Seed   uint64                            // of what is random in them
}

// Show takes the values of a moment into the registers of all devices at once.
func (b *Bank) Show(m Moment) { b.load(m.Value, newTrouble(m.Seed, m.Time.Unix(), m.Faults)) }

// Suffers reports whether a fault of the whole line does this now. Listeners ask it
// about what no server can do: a port that is closed or gone.
func (b *Bank) Suffers(act LinkAct) bool { return b.image.Load().trouble.everywhere(act) != nil }

func (b *Bank) load(value func(string) (float64, bool), t *trouble) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.image.Load()
	image := make(map[uint8]registers, len(b.order))
	for _, unit := range b.order {
		if t.freezes(unit) && before.trouble.second > 0 {
			image[unit] = before.units[unit]
			continue
		}
		s := b.scribe[unit]
		s.next, s.words = 0, make([]uint16, len(s.place))
		b.profiles[unit].Encode(value, s.set)
		image[unit] = registers{place: s.place, words: s.words}
	}
	b.image.Store(&picture{units: image, trouble: t})
}

// Words gives the registers of a unit as they are at this moment, for decoding
// without a socket: each call of the result belongs to the Load before the call of
// Words. A register that the device lacks is esp.NotSupported; every register of a
// unit that the bank lacks is esp.Timeout; those of a unit that a link fault hides are
// lost for the fault's reason.
func (b *Bank) Words(unit uint8) func(fc uint8, wire uint16) (uint16, esp.Reason) {
	image := b.image.Load()
	r, ok := image.units[unit]
	why := lost(image.trouble.faults, unit)
	if !ok {
		why = esp.Timeout
	}
	if why != esp.NoReason {
		return func(uint8, uint16) (uint16, esp.Reason) { return 0, why }
	}
	return func(fc uint8, wire uint16) (uint16, esp.Reason) {
		i, ok := r.place[address{fc, wire}]
		if !ok {
			return 0, esp.NotSupported
		}
		return r.words[i], esp.NoReason
	}
}

// span reads consecutive registers of one picture; false where any is missing.
func (r registers) span(dst []uint16, fc uint8, first uint16) bool {
	for i := range dst {
		at, ok := r.place[address{fc, first + uint16(i)}]
		if !ok {
			return false
		}
		dst[i] = r.words[at]
	}
	return true
}
