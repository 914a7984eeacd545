package config

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/appliance/esp"
)

// The tags of a setting, beside yaml, are what there is to say of it in one place:
// they are checked, applied and written into docs/configuration.md.
const (
	tagDefault   = "default"   // value where the file gives none
	tagOtherwise = "otherwise" // what holds instead, in words, where that is not one value
	tagOneof     = "oneof"     // the words that are allowed
	tagMin       = "min"
	tagMax       = "max"
	tagUnit      = "unit"  // stored unit; signal: that of the signal
	tagApply     = "apply" // when a change takes effect, if not at once
)

// Values of the apply tag.
const (
	applyAtRestart = "restart"
	// applyWith and a path: at the next start where that setting changes too, else at
	// once. Viewing must not be opened before the address is that of loopback.
	applyWith = "with "
)

// setting is one value of a configuration.
type setting struct {
	path  string       // such as wells[0].devices[1].url
	owner reflect.Type // of the field
	field reflect.StructField
	value reflect.Value
}

func (s *setting) tag(name string) string { return s.field.Tag.Get(name) }

// each goes through the settings below the struct v.
func each(v reflect.Value, path string, visit func(*setting)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := yamldoc.FieldName(field)
		if key == "" {
			continue
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		switch inner := v.Field(i); {
		case isGroup(field.Type):
			each(inner, at, visit)
		case field.Type.Kind() == reflect.Slice && isGroup(field.Type.Elem()):
			for k := range inner.Len() {
				each(inner.Index(k), at+"["+strconv.Itoa(k)+"]", visit)
			}
		default:
			visit(&setting{at, v.Type(), field, inner})
		}
	}
}

// isGroup reports whether a type is a struct of settings and not a value of its own.
func isGroup(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	switch reflect.New(t).Interface().(type) {
	case yamldoc.Unmarshaler, encoding.TextUnmarshaler:
		return false
	}
	return true
}

// defaults fills what the file leaves out.
func (c *checker) defaults() {
	each(reflect.ValueOf(c.cfg).Elem(), "", func(s *setting) {
		text, ok := s.field.Tag.Lookup(tagDefault)
		if !ok || !s.value.IsZero() || c.doc.Has(s.path) {
			return
		}
		if s.value.Kind() == reflect.String {
			s.value.SetString(text)
			return
		}
		doc := yamldoc.Parse(s.path, []byte(text))
		doc.Decode(s.value.Addr().Interface())
		if err := doc.Err(); err != nil {
			panic("BUG: the default of " + s.path + ": " + err.Error())
		}
	})
}

// ranges checks what the tags bound.
func (c *checker) ranges() {
	each(reflect.ValueOf(c.cfg).Elem(), "", func(s *setting) {
		if s.value.IsZero() && !c.doc.Has(s.path) {
			return // not given: the tags say what holds instead
		}
		if text := s.mistake(); text != "" {
			c.doc.Complain(s.path, "%s", text)
		}
	})
}

// mistake says what is wrong with a value by its tags; empty: nothing.
func (s *setting) mistake() string {
	v := s.value
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if words := s.tag(tagOneof); words != "" && !slices.Contains(strings.Fields(words), v.String()) {
		return fmt.Sprintf("is %q; write %s", v.String(), alternatives(words))
	}
	if q, ok := v.Interface().(Quantity); ok && s.tag(tagUnit) != unitOfSignal {
		if err := q.convertible(esp.Unit(s.tag(tagUnit))); err != nil {
			return err.Error()
		}
	}
	low, high := s.tag(tagMin), s.tag(tagMax)
	below := low != "" && number(v) < bound(v.Type(), low)
	above := high != "" && number(v) > bound(v.Type(), high)
	switch {
	case below && high == "":
		return "is negative"
	case below || above:
		return fmt.Sprintf("is %v; write %s to %s", v.Interface(), low, high)
	}
	return ""
}

// unitOfSignal is the unit tag of what is in the unit of a signal.
const unitOfSignal = "signal"

// alternatives are words as a sentence names them: a, b or c.
func alternatives(words string) string {
	list := strings.Fields(words)
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

// number is a value that min and max can bound, as a float; 0 for any other.
func number(v reflect.Value) float64 {
	if q, ok := v.Interface().(Quantity); ok {
		return q.Value
	}
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	}
	return 0
}

// bound reads min or max for a type.
func bound(t reflect.Type, text string) float64 {
	if t == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			panic("BUG: the bound " + text)
		}
		return float64(d)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("BUG: the bound %s of a %s", text, t))
	}
	return f
}

// Merge is now with the values of old where a change takes effect at the next start
// only. It lists the settings in which the two differ, without those of the wells:
// those that take effect now, and those that wait.
func Merge(old, now *Config) (next *Config, live, restart []string) {
	out := *now
	before, after := outsideWells(old), outsideWells(&out)
	differs := func(path string) bool {
		was, is := before[path], after[path]
		return was == nil || is == nil || !reflect.DeepEqual(was.value.Interface(), is.value.Interface())
	}
	var changed []string
	for path := range before {
		if differs(path) {
			changed = append(changed, path)
		}
	}
	for path := range after {
		if before[path] == nil {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	for _, path := range changed {
		was, is := before[path], after[path]
		apply := cmp.Or(is, was).tag(tagApply)
		with, together := strings.CutPrefix(apply, applyWith)
		if apply == applyAtRestart || together && slices.Contains(changed, with) {
			restart = append(restart, path)
		} else {
			live = append(live, path)
		}
	}
	for _, path := range restart {
		if was, is := before[path], after[path]; was != nil && is != nil {
			is.value.Set(was.value)
		}
	}
	return &out, live, restart
}

// outsideWells are the settings by path, without those of the wells.
func outsideWells(c *Config) map[string]*setting {
	all := map[string]*setting{}
	each(reflect.ValueOf(c).Elem(), "", func(s *setting) {
		if !strings.HasPrefix(s.path, "wells[") {
			all[s.path] = s
		}
	})
	return all
}
