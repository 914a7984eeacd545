package profile

import (
	"math"
	"slices"

	"wellkeeper.internal/appliance/esp"
)

// selector is a register whose value says how another point is read: with how many
// decimals, or in which word order.
//
// For a scale, choices holds by how much the raw number is multiplied to count in the
// finest step of all. The store keeps raw numbers and one scale per column: a number
// with fewer decimals is stored as what it would be with the most.
type selector struct {
	at      Point
	choices map[int64]int64
	step    float64 // the finest scale
}

// choose reads the register. A value that the manual does not list decides nothing.
func (s *selector) choose(words Words) (int64, esp.Reason) {
	pattern, why := s.at.gather(words)
	if why != esp.NoReason {
		return 0, why
	}
	raw, whole := s.at.integer(pattern)
	choice, known := s.choices[raw]
	if !whole || !known {
		return 0, esp.Undecided
	}
	return choice, esp.NoReason
}

// pattern is what the register holds where choice is the one that is meant.
func (s *selector) pattern(choice int64) uint64 {
	best, found := int64(0), false
	for raw, c := range s.choices {
		if c == choice && (!found || raw < best) {
			best, found = raw, true
		}
	}
	return s.at.field(best)
}

func (s *selector) finest() float64 {
	if s == nil {
		return 1
	}
	return s.step
}

// readScaleFrom reads the register that says with how many decimals a point comes.
func (r *reader) readScaleFrom(path string, f *pointBody, p *Point) {
	if f.ScaleFrom == nil {
		return
	}
	path += ".scale_from"
	s := &selector{choices: map[int64]int64{}, step: math.Inf(1)}
	r.readSelector(path, f.ScaleFrom, s)
	switch {
	case f.Scale != nil:
		r.complain(path, "scale_from and scale exclude each other; remove one")
	case p.Type.float() || p.Registers() > 2:
		r.complain(path, "needs an integer type of at most 32 bits")
	case len(f.ScaleFrom.Map) == 0:
		r.complain(path, "needs map: which value of the register means which scale, for example {1: 0.1, 2: 0.01}")
	}
	for key, factor := range f.ScaleFrom.Map {
		if factor.ok && factor.value <= 0 {
			r.complain(path+".map."+key, "must be a scale above 0")
			return
		}
		s.step = min(s.step, factor.value)
	}
	for key, factor := range f.ScaleFrom.Map {
		code, ok := parseCode(key)
		times := factor.value / s.step
		switch {
		case !ok:
			r.complain(path+".map."+key, "%q is no whole number", key)
		case !factor.ok:
		case math.Abs(times-math.Round(times)) > 1e-6 || times > 1e6:
			r.complain(path+".map."+key, "must be a whole multiple of the smallest scale, %g", s.step)
		default:
			s.choices[code] = int64(math.Round(times))
		}
	}
	if len(s.choices) > 0 {
		p.scaleFrom = s
	}
}

// readSelector reads where a selecting register stands.
func (r *reader) readSelector(path string, f *selectorFile, s *selector) {
	s.at.path = path
	r.readAddress(path, &f.placeFile, &s.at)
	r.readField(path, &f.fieldFile, &s.at)
	s.at.identity()
	if s.at.Registers() != 1 || s.at.Type.float() {
		r.complain(path+".type", "must be an integer of one register")
	}
}

// Selectors are registers that must be read no later than the points whose reading
// depends on them; the period is that of those points. They are no columns.
func (p *Profile) Selectors() []Point {
	var all []Point
	for i := range p.Points {
		for _, s := range p.Points[i].selectors() {
			at := s.at
			if at.Every != Once {
				at.Every = p.Points[i].Every
			}
			same := func(q Point) bool { return q.FC == at.FC && q.Wire == at.Wire && q.Every == at.Every }
			if !slices.ContainsFunc(all, same) {
				all = append(all, at)
			}
		}
	}
	return all
}
