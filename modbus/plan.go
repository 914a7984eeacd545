package modbus

import (
	"cmp"
	"slices"
	"time"

	"wellkeeper.internal/modbus/profile"
)

// item is what one or more points need and no request may cut: the registers of one
// value.
type item struct {
	fc     readFunction
	first  uint16
	count  uint16
	every  time.Duration // period; 0: each poll
	alone  bool
	leads  bool // says how others are read, so it is read no later than they
	serial int  // keeps the low word of an ordered value before the high one
}

func (i *item) last() int { return int(i.first) + int(i.count) - 1 }

// block is one request: the span of its items, holes included.
type block struct {
	fc    readFunction
	first uint16
	count uint16
	every time.Duration
	items []item
}

// planner merges items into blocks.
type planner struct {
	maxRegs int
	maxHole int
	never   []profile.Span
	// walls are first addresses of items that must not be merged with what stands
	// before them: the device refused the registers in between.
	walls map[wall]bool
	// gone are items that the device refused.
	gone []item
}

type wall struct {
	fc    readFunction
	first uint16
}

// itemsOf lists what the points of a profile need, without repetition, in the order of
// planning.
func itemsOf(of *profile.Profile) []item {
	var items []item
	selectors := of.Selectors()
	for i := range selectors {
		p := &selectors[i]
		items = append(items, item{fc: readFunction(p.FC), first: p.Wire, count: uint16(p.Registers()), every: p.Every, leads: true})
	}
	return sorted(appendPoints(items, slices.Concat(of.Points, of.AtConnect())))
}

// appendPoints adds what points need.
func appendPoints(items []item, points []profile.Point) []item {
	for i := range points {
		p := &points[i]
		it := item{fc: readFunction(p.FC), first: p.Wire, count: uint16(p.Registers()), every: p.Every}
		if !p.Ordered {
			items = append(items, it)
			continue
		}
		// Reading the low word latches the high one: two requests, low word first.
		low, high := it, it
		low.count, high.count, low.alone, high.alone = 1, 1, true, true
		if p.LowWordFirst() {
			high.first++
		} else {
			low.first++
		}
		low.serial, high.serial = 2*i, 2*i+1
		items = append(items, low, high)
	}
	return items
}

// sorted puts items into the order of planning.
func sorted(items []item) []item {
	slices.SortStableFunc(items, compareItems)
	return slices.Compact(items)
}

// compareItems orders by period and function, then what is read alone, then by address.
func compareItems(a, b item) int {
	return cmp.Or(
		cmp.Compare(a.every, b.every), cmp.Compare(a.fc, b.fc),
		cmp.Compare(a.serial, b.serial), cmp.Compare(a.first, b.first), cmp.Compare(a.count, b.count),
	)
}

// plan merges sorted items. A request spans at most maxRegs registers and reads across
// at most maxHole unused ones, never across a register of never or a wall.
func (p *planner) plan(items []item) []block {
	var blocks []block
	for _, it := range items {
		if n := len(blocks); n > 0 && p.joins(&blocks[n-1], &it) {
			b := &blocks[n-1]
			b.items = append(b.items, it)
			b.count = uint16(max(int(b.first)+int(b.count)-1, it.last()) - int(b.first) + 1)
			continue
		}
		blocks = append(blocks, block{it.fc, it.first, it.count, it.every, []item{it}})
	}
	slices.SortStableFunc(blocks, func(a, b block) int {
		return cmp.Or(cmp.Compare(a.late(), b.late()), cmp.Compare(a.every, b.every), cmp.Compare(a.follows(), b.follows()))
	})
	return blocks
}

// late is 1 for what is read once: it comes last, so that a device which does not answer
// it still gives its values.
func (b *block) late() int {
	if b.every == profile.Once {
		return 1
	}
	return 0
}

// follows is 0 for a block that says how others are read, 1 for the others.
func (b *block) follows() int {
	if slices.ContainsFunc(b.items, func(it item) bool { return it.leads }) {
		return 0
	}
	return 1
}

func (p *planner) joins(b *block, it *item) bool {
	end := int(b.first) + int(b.count) // first address behind the block
	switch {
	case it.alone || b.items[0].alone || it.fc != b.fc || it.every != b.every:
		return false
	case it.last()-int(b.first)+1 > p.maxRegs:
		return false
	case int(it.first)-end > p.maxHole:
		return false
	case p.walls[wall{it.fc, it.first}]:
		return false
	}
	for i := range p.gone {
		if g := &p.gone[i]; g.fc == it.fc && g.last() >= end && g.first < it.first {
			return false
		}
	}
	for _, s := range p.never {
		if int(s.Last) >= end && int(s.First) < int(it.first) {
			return false
		}
	}
	return true
}
