package profile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// Variant is a difference between devices of one model that is set in the device: the
// order of words, or which of two status words it gives.
type Variant struct {
	Name    string
	Options []string
	Default string // what the device leaves the factory with; may be empty
	Text    string // where the operator finds it; may be empty
	// From is the register that tells; nil where the operator must choose.
	From *Point
	// Chosen is one of Options; empty where nobody has chosen.
	Chosen string
}

// wordOrder is the variant that changes how the words of a value are joined.
const wordOrder = "word_order"

// mostChoices bounds the combinations of variants, each of which is checked.
const mostChoices = 64

// ErrChoice is wrapped by the errors of With.
var ErrChoice = errors.New("no such variant")

// With is the profile for a device with the given variants, by name. The others keep
// what they had.
func (p *Profile) With(choices map[string]string) (*Profile, error) {
	for _, name := range slices.Sorted(maps.Keys(choices)) {
		i := slices.IndexFunc(p.Variants, func(v Variant) bool { return v.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: profile %s has no variant %q; it has %s", ErrChoice, p.ID, name, p.variantNames())
		}
		if v := &p.Variants[i]; !slices.Contains(v.Options, choices[name]) {
			return nil, fmt.Errorf("%w: variant %s of profile %s is one of %s, not %q", ErrChoice, name, p.ID, strings.Join(v.Options, ", "), choices[name])
		}
	}
	if len(choices) == 0 {
		return p, nil
	}
	return parse(p.name, p.content, choices)
}

func (p *Profile) variantNames() string {
	if len(p.Variants) == 0 {
		return "none"
	}
	names := make([]string, len(p.Variants))
	for i := range p.Variants {
		names[i] = p.Variants[i].Name
	}
	return strings.Join(names, ", ")
}

// Undecided are the variants that somebody must choose before everything can be decoded.
func (p *Profile) Undecided() []Variant {
	var open []Variant
	for _, v := range p.Variants {
		if v.Chosen == "" && v.From == nil {
			open = append(open, v)
		}
	}
	return open
}

// tryVariants reads the profile once for each choice of its variants, so that a mistake
// in one that nobody uses today is found today.
func (p *Profile) tryVariants() error {
	combinations := []map[string]string{{}}
	for _, v := range p.Variants {
		var more []map[string]string
		for _, c := range combinations {
			for _, option := range v.Options {
				next := maps.Clone(c)
				next[v.Name] = option
				more = append(more, next)
			}
		}
		combinations = more
	}
	var all yamldoc.Error
	seen := map[string]bool{}
	for _, c := range combinations {
		if len(c) == 0 {
			continue
		}
		_, err := parse(p.name, p.content, c)
		found, ok := errors.AsType[*Error](err)
		if !ok {
			continue
		}
		for _, problem := range found.Problems {
			if !seen[problem.String()] {
				seen[problem.String()] = true
				problem.Text += " (with " + choiceText(c) + ")"
				all.Problems = append(all.Problems, problem)
			}
		}
	}
	if len(all.Problems) > 0 {
		return &all
	}
	return nil
}

func choiceText(choices map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(choices)) {
		parts = append(parts, name+": "+choices[name])
	}
	return strings.Join(parts, ", ")
}

// readVariants reads the section and settles what has been chosen.
func (r *reader) readVariants() {
	combinations := 1
	for _, name := range slices.Sorted(maps.Keys(r.file.Variants)) {
		f := r.file.Variants[name]
		path := "variants." + name
		v := Variant{Name: name, Options: f.Choose, Default: f.Default, Text: f.Text, Chosen: r.choices[name]}
		switch {
		case !namePattern.MatchString(name):
			r.complain(path, "must be a small letter, then small letters, digits and '_'")
		case (f.From == nil) == (f.Choose == nil):
			r.complain(path, "give either choose, the list of what there is, or from, the register that tells")
		case f.From != nil && name != wordOrder:
			r.complain(path+".from", "only word_order can be read from the device; give choose, and say in text which parameter decides")
		case f.From != nil:
			r.readOrderFrom(path, &f, &v)
		case f.Map != nil:
			r.complain(path+".map", "belongs to from; remove it")
		default:
			r.checkOptions(path, &v)
		}
		if v.Default != "" && !slices.Contains(v.Options, v.Default) {
			r.complain(path+".default", "must be one of %s", strings.Join(v.Options, ", "))
		}
		if v.Chosen == "" && v.From == nil {
			v.Chosen = v.Default
		}
		if name == wordOrder {
			r.settleOrder(path, &v)
		}
		if combinations *= max(1, len(v.Options)); combinations > mostChoices {
			r.complain(path, "makes more than %d combinations of variants; write two profiles", mostChoices)
			return
		}
		r.profile.Variants = append(r.profile.Variants, v)
	}
}

func (r *reader) checkOptions(path string, v *Variant) {
	sorted := slices.Sorted(slices.Values(v.Options))
	if len(v.Options) < 2 || len(slices.Compact(sorted)) != len(v.Options) {
		r.complain(path+".choose", "must list at least two different words")
	}
	for i, option := range v.Options {
		at := fmt.Sprintf("%s.choose[%d]", path, i)
		if v.Name == wordOrder {
			r.choice(at, option, "", "hilo", "lohi")
		} else if !namePattern.MatchString(option) {
			r.complain(at, "must be a small letter, then small letters, digits and '_', not %q", option)
		}
	}
}

// readOrderFrom reads the register that says in which order the words of a value come.
func (r *reader) readOrderFrom(path string, f *variantFile, v *Variant) {
	s := &selector{choices: map[int64]int64{}}
	r.readSelector(path+".from", &selectorFile{placeFile: f.From.placeFile, fieldFile: f.From.fieldFile}, s)
	s.at.Name, s.at.Every = wordOrder, Once
	v.From, v.Options = &s.at, []string{"hilo", "lohi"}
	if len(f.Map) == 0 {
		r.complain(path, "needs map: which value of the register means what, for example {0: hilo, 1: lohi}")
	}
	for key, order := range f.Map {
		code, ok := parseCode(key)
		if !ok {
			r.complain(path+".map."+key, "%q is no whole number", key)
		}
		switch r.choice(path+".map."+key, order, "", v.Options...) {
		case "lohi":
			s.choices[code] = 1
		case "hilo":
			s.choices[code] = 0
		}
	}
	if v.Chosen == "" {
		r.order = s
	}
}

// settleOrder makes the chosen word order that of all points without their own.
func (r *reader) settleOrder(path string, v *Variant) {
	if r.file.Defaults.WordOrder != "" {
		r.complain(path, "defaults.word_order stands as well; remove one")
	}
	order := v.Chosen
	if order == "" {
		order = v.Default // for a simulated device
		r.orderOpen = v.From == nil
	}
	r.defaults.lowFirst = order == "lohi"
}

// when says whether something holds for the chosen variants; open where it hangs on one
// that nobody has chosen.
func (r *reader) when(path string, f map[string]string) (keep, open bool) {
	keep = true
	for name, option := range f {
		at := path + ".when." + name
		i := slices.IndexFunc(r.profile.Variants, func(v Variant) bool { return v.Name == name })
		if i < 0 {
			r.complain(at, "there is no variant %q; add it under variants", name)
			continue
		}
		v := &r.profile.Variants[i]
		if !slices.Contains(v.Options, option) {
			r.complain(at, "must be one of %s, not %q", strings.Join(v.Options, ", "), option)
		}
		switch v.Chosen {
		case option:
		case "":
			open = true
		default:
			keep = false
		}
	}
	return keep, open && keep
}

// keep adds a point of the file where its variant is the chosen one. Of several that
// hang on a choice still open, the first stands for the column, without values.
func (r *reader) keep(path string, when map[string]string, p Point) {
	holds, open := r.when(path, when)
	if !holds {
		return
	}
	if open {
		p.undecided = true
		if slices.ContainsFunc(r.profile.Points, func(q Point) bool { return q.Name == p.Name && q.undecided }) {
			return
		}
	}
	r.profile.Points = append(r.profile.Points, p)
}

// undecided reports whether examples cannot be tried before a choice.
func (r *reader) undecided() bool {
	return slices.ContainsFunc(r.profile.Variants, func(v Variant) bool { return v.Chosen == "" })
}
