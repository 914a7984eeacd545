package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// check finds the mistakes that concern several points.
func (r *reader) check() {
	p := r.profile
	for i := range p.Points {
		point := &p.Points[i]
		first, twice := p.byName[point.Name]
		if !twice {
			p.byName[point.Name] = i
			continue
		}
		if point.Name != "" {
			path := point.path
			if strings.HasPrefix(path, "points") {
				path += ".name"
			}
			r.complain(path, "%s comes from %s already; name one source of the signal", point.Name, p.Points[first].path)
		}
	}
	for i := range p.Points {
		r.checkSpan(&p.Points[i])
		for _, s := range p.Points[i].selectors() {
			r.checkSpan(&s.at)
		}
		r.checkFreshness(&p.Points[i])
	}
	r.checkOverlaps()
	for i := range p.Settings {
		r.checkSpan(&p.Settings[i])
	}
	for i, name := range p.Checks {
		if _, ok := p.byName[name]; !ok {
			r.complain(fmt.Sprintf("checks[%d]", i), "there is no point %q", name)
		}
	}
}

func (r *reader) checkSpan(point *Point) {
	n := point.Registers()
	if n > r.profile.Link.MaxRegs && !point.Ordered {
		r.complain(point.addressPath, "type %s takes %d registers, but max_regs allows %d in one request", point.Type, n, r.profile.Link.MaxRegs)
	}
	last := int(point.Wire) + n - 1
	for _, s := range r.profile.NeverRead {
		if int(point.Wire) <= int(s.Last) && last >= int(s.First) {
			r.complain(point.addressPath, "%s lies in never_read %d–%d; remove one of them", point.Address(), s.First, s.Last)
		}
	}
}

func (r *reader) checkFreshness(point *Point) {
	if point.FreshBy == "" {
		return
	}
	if _, ok := r.profile.byName[point.FreshBy]; !ok || point.FreshBy == point.Name {
		r.complain(point.path+".fresh_by", "must name another point of this profile: a counter that the device raises with each new value")
	}
}

// checkOverlaps finds registers that two points read in different ways: one of them
// has the wrong address. Fields of one register may share it.
func (r *reader) checkOverlaps() {
	sorted := make([]int, len(r.profile.Points))
	for i := range sorted {
		sorted[i] = i
	}
	at := func(i int) *Point { return &r.profile.Points[i] }
	slices.SortStableFunc(sorted, func(a, b int) int {
		return cmp.Or(cmp.Compare(at(a).FC, at(b).FC), cmp.Compare(at(a).Wire, at(b).Wire))
	})
	for k, i := range sorted {
		for _, j := range sorted[k+1:] {
			a, b := at(i), at(j)
			if b.FC != a.FC || int(b.Wire) >= int(a.Wire)+a.Registers() {
				break
			}
			if a.Wire == b.Wire && alike(a, b) {
				continue
			}
			first, second := at(min(i, j)), at(max(i, j))
			r.complain(second.addressPath, "%s (%s, %s) overlaps %s (%s, %s); correct the address or the type of one",
				second.Name, second.Address(), second.Type, first.Name, first.Address(), first.Type)
		}
	}
}

func alike(a, b *Point) bool {
	if a.lowWordFirst != b.lowWordFirst && a.Registers() > 1 || a.bytesSwapped != b.bytesSwapped {
		return false
	}
	return a.Type == b.Type || (a.Type.unsigned() && b.Type.unsigned() && a.Registers() == b.Registers())
}
