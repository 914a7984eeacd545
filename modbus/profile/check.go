package profile

import (
	"cmp"
	"slices"
)

// check finds the mistakes that concern several points.
func (f *file) check() {
	p := f.profile
	for i := range p.Points {
		point := &p.Points[i]
		if first, twice := p.byName[point.Name]; twice && point.Name != "" {
			f.add(point.place, "point %s: this name is already used in line %d; name one source of the signal", point.Name, p.Points[first].place.line)
			continue
		}
		p.byName[point.Name] = i
	}
	for i := range p.Points {
		f.checkSpan(&p.Points[i])
		f.checkFreshness(&p.Points[i])
	}
	f.checkOverlaps()
	for i, name := range p.Checks {
		if _, ok := p.byName[name]; !ok {
			f.add(f.checkPlace[i], "checks: there is no point %q", name)
		}
	}
}

func (f *file) checkSpan(point *Point) {
	n := point.Registers()
	if n > f.profile.Link.MaxRegs && !point.Ordered {
		f.add(point.place, "point %s: type %s takes %d registers, but max_regs allows %d in one request", point.Name, point.Type, n, f.profile.Link.MaxRegs)
	}
	last := int(point.Wire) + n - 1
	for _, s := range f.profile.NeverRead {
		if int(point.Wire) <= int(s.Last) && last >= int(s.First) {
			f.add(point.place, "point %s: %s lies in never_read %d–%d; remove one of them", point.Name, point.Address(), s.First, s.Last)
		}
	}
}

func (f *file) checkFreshness(point *Point) {
	if point.FreshBy == "" {
		return
	}
	i, ok := f.profile.byName[point.FreshBy]
	switch {
	case !ok:
		f.add(point.place, "point %s: fresh_by names %q, which is no point of this profile", point.Name, point.FreshBy)
	case f.profile.Points[i].Name == point.Name:
		f.add(point.place, "point %s: fresh_by must name another point: a counter that the device raises with each new value", point.Name)
	}
}

// checkOverlaps finds registers that two points read in different ways: one of them
// has the wrong address. Fields of one register may share it.
func (f *file) checkOverlaps() {
	sorted := make([]*Point, len(f.profile.Points))
	for i := range f.profile.Points {
		sorted[i] = &f.profile.Points[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Point) int {
		return cmp.Or(cmp.Compare(a.FC, b.FC), cmp.Compare(a.Wire, b.Wire))
	})
	for i, a := range sorted {
		for _, b := range sorted[i+1:] {
			if b.FC != a.FC || int(b.Wire) >= int(a.Wire)+a.Registers() {
				break
			}
			if a.Wire == b.Wire && alike(a, b) {
				continue
			}
			first, second := a, b
			if second.place.line < first.place.line {
				first, second = b, a
			}
			f.add(second.place, "point %s (%s, %s) overlaps point %s (%s, %s) of line %d; correct the address or the type of one",
				second.Name, second.Address(), second.Type, first.Name, first.Address(), first.Type, first.place.line)
		}
	}
}

func alike(a, b *Point) bool {
	if a.lowWordFirst != b.lowWordFirst && a.Registers() > 1 || a.bytesSwapped != b.bytesSwapped {
		return false
	}
	return a.Type == b.Type || (a.Type.unsigned() && b.Type.unsigned() && a.Registers() == b.Registers())
}
