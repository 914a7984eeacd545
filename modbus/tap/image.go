package tap

import (
	"encoding/binary"
	"sync"
	"time"
)

// Register is a place in a device.
type Register struct {
	Function uint8 // 1 to 4
	Address  uint16
}

// Image is what one device last said, register by register, each with its age. The
// poller writes it and clients read it; neither waits for the other longer than it takes
// to copy one answer.
type Image struct {
	period time.Duration
	slow   map[Register]time.Duration
	born   time.Time // ages are counted from here by the monotonic clock

	mu     sync.Mutex // guards the rest
	pages  map[page]*cells
	newest time.Duration // since born; negative: nothing was read
}

// page is 256 consecutive addresses of a function.
type page struct{ function, high uint8 }

// cells are the registers of a page.
type cells struct {
	words [256]uint16
	read  [256]time.Duration // since born, plus one; 0: never
	every [256]time.Duration // period of the request that read it
}

// staleAfter is how many periods old a register may be where no age is set: one poll may
// be lost, and the next may be late.
const staleAfter = 3

// NewImage makes the image of a device that is polled with a period; slow are the
// registers that are read less often.
func NewImage(period time.Duration, slow map[Register]time.Duration) *Image {
	return &Image{period: period, slow: slow, born: time.Now(), pages: map[page]*cells{}, newest: -1}
}

// Observe takes in what the device answered to a read: two bytes per register, or eight
// bits per byte. It keeps nothing of data.
func (m *Image) Observe(function uint8, first, quantity uint16, data []byte) {
	bits := isBits(function)
	if need := 2 * int(quantity); !bits && len(data) < need || bits && 8*len(data) < int(quantity) {
		return
	}
	every := m.period
	if slow, ok := m.slow[Register{function, first}]; ok {
		every = max(every, slow)
	}
	now := time.Since(m.born)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.newest = now
	var at page
	var here *cells
	for i := range int(quantity) {
		address := first + uint16(i)
		if p := (page{function, uint8(address >> 8)}); here == nil || p != at {
			at, here = p, m.pages[p]
			if here == nil {
				here = &cells{}
				m.pages[p] = here
			}
		}
		low := uint8(address)
		if bits {
			here.words[low] = uint16(data[i/8]>>(i%8)) & 1
		} else {
			here.words[low] = binary.BigEndian.Uint16(data[2*i:])
		}
		here.read[low], here.every[low] = now+1, every
	}
}

// Age is how long ago the device last gave a value; false: it never did.
func (m *Image) Age() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest < 0 {
		return 0, false
	}
	return time.Since(m.born) - m.newest, true
}

// read appends the data of an answer. A device that never said anything does not
// respond; of one that did, what it was never asked is no address.
func (m *Image) read(dst []byte, function uint8, first uint16, quantity int, maxAge time.Duration) ([]byte, exception) {
	bits := isBits(function)
	size := 2 * quantity
	if bits {
		size = (quantity + 7) / 8
	}
	dst = append(dst, byte(size))
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest < 0 {
		return dst, noResponse
	}
	now := time.Since(m.born)
	tooOld := false
	for i := range quantity {
		address := first + uint16(i)
		here := m.pages[page{function, uint8(address >> 8)}]
		low := uint8(address)
		if here == nil || here.read[low] == 0 {
			return dst, illegalAddress
		}
		limit := maxAge
		if limit == 0 {
			limit = staleAfter * here.every[low]
		}
		tooOld = tooOld || now-(here.read[low]-1) > limit
		if bits {
			dst[start+i/8] |= byte(here.words[low]) << (i % 8)
		} else {
			binary.BigEndian.PutUint16(dst[start+2*i:], here.words[low])
		}
	}
	if tooOld {
		return dst, noResponse
	}
	return dst, 0
}
