package modbus

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// session polls one device: its plan, what it refused, and how it has been answering.
// One goroutine at a time uses it.
type session struct {
	device   Device
	endpoint endpoint
	link     *sharedLink

	items    []item
	blocks   []block
	refusals *refusals
	// splitAfter keeps a device that refuses everything from being asked for each
	// register in each poll.
	splitAfter time.Time

	registers map[register]int    // position in words
	constants map[register]uint16 // words that never change
	words     []uint16
	why       []esp.Reason // NoReason: the word is there
	doubtful  []bool       // read right after a resync

	slot  int64 // last device period in which it was polled; -1: none
	isDue bool  // in the present tick

	slots map[time.Duration]int64 // last period of each group in which it was read
	due   map[time.Duration]bool  // groups of this poll

	lastRequests int  // of the last poll
	unhurried    bool // a poll may take longer than its period to find what the device refuses

	fast       []block // read between the polls
	isFast     []bool  // by point
	fastFailed bool    // not asked again before a whole poll has gone well

	observer Observer // nil: nobody listens
	told     []byte   // what it is told, used again

	rest      rest
	connectAt time.Time // when what is read once is asked for, unless it has been read

	fresh freshness
	state *deviceState
	fault faultLog
}

type register struct {
	fc   uint8
	wire uint16
}

func newSession(d Device, ep endpoint, log zerolog.Logger) *session {
	s := &session{
		device: d, endpoint: ep, items: itemsOf(d.Profile), refusals: newRefusals(),
		registers: map[register]int{}, constants: map[register]uint16{}, slots: map[time.Duration]int64{}, due: map[time.Duration]bool{},
		fresh: newFreshness(d.Profile.Points), state: newDeviceState(d, ep),
		fault: newFaultLog(log.With().Str("component", "modbus").Str("device", string(d.ID)).Str("url", ep.String()).Uint8("unit", d.Unit).Logger()),
	}
	for i := range d.Profile.Points {
		if p := &d.Profile.Points[i]; p.Constant != nil {
			s.constants[register{p.FC, p.Wire}] = *p.Constant
		}
	}
	for _, it := range s.items {
		for k := range it.count {
			r := register{uint8(it.fc), it.first + k}
			if _, ok := s.registers[r]; !ok {
				s.registers[r] = len(s.registers)
			}
		}
	}
	s.words = make([]uint16, len(s.registers))
	s.why = make([]esp.Reason, len(s.registers))
	s.doubtful = make([]bool, len(s.registers))
	s.replan()
	return s
}

// replan plans the requests for everything that the device has not refused.
func (s *session) replan() {
	link := &s.device.Profile.Link
	p := planner{maxRegs: link.MaxRegs, maxHole: link.MaxHole, never: s.device.Profile.NeverRead, walls: map[wall]bool{}}
	for w := range s.refusals.walls {
		p.walls[w] = true
	}
	var wanted []item
	for _, it := range s.items {
		if s.refusals.holds(it) {
			p.gone = append(p.gone, it)
		} else {
			wanted = append(wanted, it)
		}
	}
	s.blocks = p.plan(wanted)
	if s.endpoint.rtu() {
		alternate(s.blocks)
	}
	s.fast = p.plan(slices.DeleteFunc(s.fastItems(), s.refusals.holds))
}

// alternate orders requests so that one differs from the next in function or length
// where that can be: without a transaction id this is what tells their answers apart.
func alternate(blocks []block) {
	moves := func(b *block) bool { return !b.items[0].alone } // the words of an ordered value stay in order
	for i := 1; i < len(blocks); i++ {
		before, b := &blocks[i-1], &blocks[i]
		if before.fc != b.fc || before.count != b.count || !moves(b) {
			continue
		}
		for k := i + 1; k < len(blocks) && blocks[k].every == b.every; k++ {
			if other := &blocks[k]; moves(other) && (other.fc != before.fc || other.count != before.count) {
				blocks[i], blocks[k] = blocks[k], blocks[i]
				break
			}
		}
	}
}

// run is one poll of the device.
type run struct {
	started  time.Time
	wait     time.Duration // for a reply
	requests int
	alive    bool // the unit itself gave an answer, if only an exception
	values   bool // at least one request gave values
	faults   int  // damaged or broken exchanges
	stop     error
	err      error // the first failure
	cost     time.Duration
	refused  []item
	walls    []wall
	reasons  [reasonCount]uint64 // failed requests
	skipped  bool                // backed off: nothing was asked
}

const reasonCount = int(esp.LastReason) + 1

// poll reads what is due at a time and remembers words and reasons.
func (s *session) poll(ctx context.Context, at time.Time) {
	s.choose(at)
	r := &run{started: time.Now()}
	if s.refusals.expire(r.started) {
		s.replan()
	}
	for _, it := range s.items {
		if s.refusals.holds(it) && s.due[it.every] {
			s.lose(it, esp.NotSupported)
		}
	}
	var ask bool
	if r.wait, ask = s.rest.decide(r.started, s.device.Timeout, s.link.roll.burdens(s.device.Unit), s.endpoint.rtu()); !ask {
		r.skipped = true
		r.stop = failf(esp.BackedOff, "not asked: it has not been answering")
	}
	for i := range s.blocks {
		b := &s.blocks[i]
		if !s.due[b.every] {
			continue
		}
		if r.stop != nil {
			s.loseBlock(b.items, ReasonOf(r.stop))
			continue
		}
		s.read(ctx, r, b)
	}
	if ctx.Err() != nil {
		return
	}
	s.learn(r)
	s.conclude(r)
	s.settle(at, r)
}

// choose finds the groups that are due: those whose period has begun since they were
// read last.
func (s *session) choose(at time.Time) {
	clear(s.due)
	for _, it := range s.items {
		if _, done := s.due[it.every]; done {
			continue
		}
		if it.every == profile.Once {
			s.due[it.every] = !at.Before(s.connectAt)
			continue
		}
		period := max(it.every, s.device.Period)
		slot := at.UnixNano() / int64(period)
		last, seen := s.slots[it.every]
		s.due[it.every] = !seen || slot != last
		s.slots[it.every] = slot
	}
}

// read asks for a block. Where the device refuses it, its halves are asked, so that
// one missing register costs only its own value.
func (s *session) read(ctx context.Context, r *run, b *block) (whole bool) {
	answer := s.ask(ctx, r, b)
	if answer.err == nil {
		r.alive = true
		answer.err = s.displaced(b, answer.words)
	}
	if answer.err == nil {
		r.alive, r.values = true, true
		s.keep(b, &answer)
		s.observe(b, &answer)
		return true
	}
	why := ReasonOf(answer.err)
	s.loseBlock(b.items, why)
	if r.err == nil {
		r.err = answer.err
	}
	r.reasons[why]++
	if why != esp.NotSupported {
		s.judge(r, answer.err)
		return false
	}
	r.alive = true
	if len(b.items) == 1 {
		r.refused = append(r.refused, b.items[0])
		return false
	}
	if r.started.Before(s.splitAfter) {
		return false
	}
	s.split(ctx, r, b)
	return false
}

// displaced finds an answer that holds other registers than were asked for, by a
// register of the block whose word never changes.
func (s *session) displaced(b *block, words []uint16) error {
	for i := range b.items {
		want, constant := s.constants[register{uint8(b.fc), b.items[i].first}]
		if got := words[int(b.items[i].first)-int(b.first)]; constant && got != want {
			return failf(esp.BadFrame, "the answer holds other registers than were asked for: %#04x at wire %d, where the profile has the constant %#04x", got, b.items[i].first, want)
		}
	}
	return nil
}

func (s *session) split(ctx context.Context, r *run, b *block) {
	middle := len(b.items) / 2
	whole := true
	for _, items := range [][]item{b.items[:middle], b.items[middle:]} {
		half := span(items)
		late := !s.unhurried && time.Since(r.started) >= s.device.Period
		if r.stop != nil || ctx.Err() != nil || late {
			why := ReasonOf(r.stop)
			if r.stop == nil { // the next poll goes on
				why = esp.NotSupported
			}
			s.loseBlock(items, why)
			whole = false
			continue
		}
		whole = s.read(ctx, r, &half) && whole
	}
	if whole { // neither half holds what was refused: it is the hole between them, or the length
		r.walls = append(r.walls, wall{b.fc, b.items[middle].first})
	}
}

// span is the request for items that stand in one block.
func span(items []item) block {
	last := 0
	for i := range items {
		last = max(last, items[i].last())
	}
	return block{items[0].fc, items[0].first, uint16(last - int(items[0].first) + 1), items[0].every, items}
}

// judge decides whether it is worth asking on in this poll.
func (s *session) judge(r *run, err error) {
	code, exception := exceptionCode(err)
	switch why := ReasonOf(err); {
	case exception && !absent(code):
		r.alive = true
	case why == esp.BadFrame || why == esp.Disconnected:
		if r.faults++; r.faults > 1 {
			r.stop = err
		}
	default: // no answer, no link, or a gateway that says so
		r.stop = err
	}
}

// busyPause is how long a device that is busy is left alone.
const busyPause = 50 * time.Millisecond

// ask makes one request, again where the device says that it is busy.
func (s *session) ask(ctx context.Context, r *run, b *block) reply {
	link := &s.device.Profile.Link
	q := request{
		unit: s.device.Unit, fc: b.fc, address: b.first, quantity: b.count,
		timeout: r.wait,
		pace:    pace{link.Between, link.PauseAfterConnect, link.Guard},
	}
	for try := 0; ; try++ {
		answer := s.link.do(ctx, q)
		r.requests++
		if answer.err == nil {
			s.rest.note(answer.held)
		} else {
			r.cost += answer.held
		}
		code, exception := exceptionCode(answer.err)
		if !exception || !busy(code) || try >= link.BusyRetries {
			return answer
		}
		if pause(ctx, max(link.Between, busyPause)) != nil {
			return answer
		}
	}
}

// keep stores the words of a block.
func (s *session) keep(b *block, answer *reply) {
	s.refusals.answered(b.items)
	for i := range b.items {
		it := &b.items[i]
		for k := range int(it.count) {
			at := s.registers[register{uint8(it.fc), it.first + uint16(k)}]
			s.words[at] = answer.words[int(it.first)-int(b.first)+k]
			s.why[at] = esp.NoReason
			s.doubtful[at] = answer.resynced
		}
	}
}

func (s *session) loseBlock(items []item, why esp.Reason) {
	for _, it := range items {
		s.lose(it, why)
	}
}

func (s *session) lose(it item, why esp.Reason) {
	for k := range int(it.count) {
		s.why[s.registers[register{uint8(it.fc), it.first + uint16(k)}]] = why
	}
}

// learn remembers what the device refused. A device that refuses everything says
// nothing about single registers: it may be starting.
func (s *session) learn(r *run) {
	if len(r.refused) == 0 && len(r.walls) == 0 {
		return
	}
	now := time.Now()
	if !r.values {
		s.splitAfter = now.Add(firstRefusedFor)
		return
	}
	for _, it := range r.refused {
		s.refusals.add(it, now)
	}
	for _, w := range r.walls {
		s.refusals.walls[w] = now.Add(refusedFor)
	}
	s.replan()
}

// conclude does the accounts of a poll.
func (s *session) conclude(r *run) {
	now := time.Now()
	s.lastRequests = r.requests
	switch {
	case r.skipped:
	case r.alive:
		s.rest.answered()
		s.fastFailed = false
	case ReasonOf(r.stop) == esp.Unreachable: // the link has its own pauses
		s.rest.silent(now, 0)
	default:
		s.rest.silent(now, r.cost)
	}
	s.state.note(now, r, s.unsupported())
	s.fault.note(now, r)
}

// unsupported names the points that the device refused.
func (s *session) unsupported() []string {
	if len(s.refusals.until) == 0 {
		return nil
	}
	var names []string
	for i := range s.device.Profile.Points {
		p := &s.device.Profile.Points[i]
		if s.why[s.registers[register{p.FC, p.Wire}]] == esp.NotSupported {
			names = append(names, p.Name)
		}
	}
	return names
}

// decode fills the device's part of a scan from the last poll.
func (s *session) decode(at time.Time, dst []esp.Reading) {
	points := s.device.Profile.Points
	s.device.Profile.Decode(s.word, dst)
	s.fresh.grade(at, dst)
	for i := range points {
		p := &points[i]
		switch {
		case !s.due[p.Every]:
			dst[i] = esp.Reading{Value: math.NaN()}
		case dst[i].Quality.Usable() && s.doubtful[s.registers[register{p.FC, p.Wire}]]:
			dst[i].Quality, dst[i].Reason = esp.Suspect, esp.Resync
		}
	}
}

// ended reports whether an error only says that the context ended.
func ended(err error) bool { return errors.Is(err, context.Canceled) }
