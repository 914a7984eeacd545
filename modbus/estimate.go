package modbus

import (
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Plan is how a device is read: its requests, and how long they are estimated to take.
type Plan struct {
	Device  esp.DeviceID `json:"device"`
	URL     string       `json:"url"`
	Port    string       `json:"port"` // what devices share; they take turns on it
	Unit    uint8        `json:"unit"`
	Profile string       `json:"profile"`
	Groups  []PlanGroup  `json:"groups"` // the most frequent first
	// Requests and Time are those of a poll in which every group is due.
	Requests int           `json:"requests"`
	Time     time.Duration `json:"time"`
	// Share is how much of the line's time the device takes in the long run, 0 to 1 and
	// more: above 1 it cannot be read as often as is asked for.
	Share float64 `json:"share"`
}

// PlanGroup is what is read with one period.
type PlanGroup struct {
	Period   time.Duration `json:"period"`
	Fast     bool          `json:"fast,omitempty"` // read between the polls, for the records of trips
	Requests []PlanRequest `json:"requests"`
	Time     time.Duration `json:"time"` // of all requests together
}

// PlanRequest is one read.
type PlanRequest struct {
	FC    uint8  `json:"fc"`
	First uint16 `json:"first"` // wire addresses
	Last  uint16 `json:"last"`
	// Refs are the lowest and the highest reference as the manual prints them; empty
	// where the profile gives wire addresses only.
	Refs   []int64  `json:"refs,omitempty"`
	Points []string `json:"points"`
	// Unused is how many registers are read across and thrown away.
	Unused int           `json:"unused"`
	Time   time.Duration `json:"time"`
}

// Quantity is how many registers or bits the request asks for.
func (r *PlanRequest) Quantity() int { return int(r.Last) - int(r.First) + 1 }

// assumedAnswer is how long a device is taken to need before its reply begins: drives
// answer in 2 to 20 ms. It is part of each estimate and says nothing of a certain one.
const assumedAnswer = 10 * time.Millisecond

// PlanOf plans the requests of a device as a poller does that knows no refusals yet. It
// opens nothing.
func PlanOf(d Device) (Plan, error) {
	d, ep, err := d.withDefaults()
	if err != nil {
		return Plan{}, err
	}
	return planOf(d, ep), nil
}

func planOf(d Device, ep endpoint) Plan {
	p := Plan{Device: d.ID, URL: ep.String(), Port: ep.key(), Unit: d.Unit, Profile: d.Profile.ID}
	link := &d.Profile.Link
	planner := planner{maxRegs: link.MaxRegs, maxHole: link.MaxHole, never: d.Profile.NeverRead}
	add := func(period time.Duration, fast bool, b *block) {
		n := len(p.Groups)
		if n == 0 || p.Groups[n-1].Period != period || p.Groups[n-1].Fast != fast {
			p.Groups = append(p.Groups, PlanGroup{Period: period, Fast: fast})
			n++
		}
		r := d.describe(ep, b)
		g := &p.Groups[n-1]
		g.Requests = append(g.Requests, r)
		g.Time += r.Time
		p.Share += float64(r.Time) / float64(period)
		if !fast {
			p.Requests++
			p.Time += r.Time
		}
	}
	blocks := planner.plan(itemsOf(d.Profile))
	for i := range blocks {
		if blocks[i].every == profile.Once { // costs nothing once the device answers
			continue
		}
		add(max(blocks[i].every, d.Period), false, &blocks[i])
	}
	s := session{device: d}
	blocks = planner.plan(s.fastItems())
	for i := range blocks {
		add(d.Fast, true, &blocks[i])
	}
	return p
}

// describe says what a request is for.
func (d *Device) describe(ep endpoint, b *block) PlanRequest {
	r := PlanRequest{FC: uint8(b.fc), First: b.first, Last: b.first + b.count - 1, Time: ep.exchangeTime(b, &d.Profile.Link)}
	wanted := map[uint16]bool{}
	for i := range b.items {
		for k := range b.items[i].count {
			wanted[b.items[i].first+k] = true
		}
	}
	r.Unused = int(b.count) - len(wanted)
	for i := range d.Profile.Points {
		p := &d.Profile.Points[i]
		if p.FC != r.FC || p.Every != b.every || !touches(p, wanted) {
			continue
		}
		r.Points = append(r.Points, p.Name)
		if p.Ref < 0 {
			continue
		}
		if r.Refs == nil {
			r.Refs = []int64{p.Ref, p.Ref}
		}
		r.Refs[0], r.Refs[1] = min(r.Refs[0], p.Ref), max(r.Refs[1], p.Ref)
	}
	return r
}

// touches reports whether a point has one of the registers.
func touches(p *profile.Point, registers map[uint16]bool) bool {
	for k := range p.Registers() {
		if registers[p.Wire+uint16(k)] {
			return true
		}
	}
	return false
}

// exchangeTime estimates what one read occupies the line for: the pause before it, on
// an RTU line the silence and the characters of both frames, and the device's own time.
func (e endpoint) exchangeTime(b *block, link *profile.Link) time.Duration {
	took := link.Between + assumedAnswer
	if !e.rtu() {
		return took
	}
	took += max(newRTUFraming(e.baud).silence, link.Guard)
	if e.baud > 0 {
		r := request{fc: b.fc, quantity: b.count}
		characters := rtuRequestBytes + rtuExceptionBytes + r.dataBytes() // an exception is as long as a reply without data
		took += time.Duration(float64(characters*e.characterBits()) / float64(e.baud) * float64(time.Second))
	}
	return took
}

// characterBits is how many bits a character takes on the line: start, eight of data,
// parity and stop.
func (e endpoint) characterBits() int {
	bits := 1 + 8 + e.stop
	if e.parity != "N" {
		bits++
	}
	return bits
}
