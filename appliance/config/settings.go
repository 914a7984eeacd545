package config

import (
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
	tagApply     = "apply" // restart: a change takes effect at the next start
)

const applyAtRestart = "restart"

// setting is one value of a configuration.
type setting struct {
	path  string // such as wells[0].devices[1].url
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
			visit(&setting{at, field, inner})
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
		v := s.value
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if words := s.tag(tagOneof); words != "" && !slices.Contains(strings.Fields(words), v.String()) {
			c.doc.Complain(s.path, "is %q; write %s", v.String(), alternatives(words))
		}
		if q, ok := v.Interface().(Quantity); ok && s.tag(tagUnit) != unitOfSignal {
			if err := q.convertible(esp.Unit(s.tag(tagUnit))); err != nil {
				c.doc.Complain(s.path, "%v", err)
				return
			}
		}
		low, high := s.tag(tagMin), s.tag(tagMax)
		switch at := number(v); {
		case low != "" && at < bound(v.Type(), low), high != "" && at > bound(v.Type(), high):
			if high == "" {
				c.doc.Complain(s.path, "is negative")
				return
			}
			c.doc.Complain(s.path, "is %v; write %s to %s", v.Interface(), low, high)
		}
	})
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

// Changes are the settings in which now differs from old, without those of the wells:
// live ones, and those that take effect at the next start.
func Changes(old, now *Config) (live, restart []string) {
	before := values(old)
	each(reflect.ValueOf(now).Elem(), "", func(s *setting) {
		if strings.HasPrefix(s.path, "wells[") {
			return
		}
		was, ok := before[s.path]
		delete(before, s.path)
		switch {
		case ok && reflect.DeepEqual(was.value.Interface(), s.value.Interface()):
		case s.tag(tagApply) == applyAtRestart:
			restart = append(restart, s.path)
		default:
			live = append(live, s.path)
		}
	})
	for path, s := range before { // of a list that became shorter
		if s.tag(tagApply) == applyAtRestart {
			restart = append(restart, path)
		} else {
			live = append(live, path)
		}
	}
	slices.Sort(live)
	slices.Sort(restart)
	return live, restart
}

func values(c *Config) map[string]*setting {
	all := map[string]*setting{}
	each(reflect.ValueOf(c).Elem(), "", func(s *setting) {
		if !strings.HasPrefix(s.path, "wells[") {
			all[s.path] = s
		}
	})
	return all
}

// WithOld is now with the values of old where a change takes effect at the next start
// only.
func WithOld(old, now *Config) *Config {
	out := *now
	before := values(old)
	each(reflect.ValueOf(&out).Elem(), "", func(s *setting) {
		if was, ok := before[s.path]; ok && s.tag(tagApply) == applyAtRestart {
			s.value.Set(was.value)
		}
	})
	return &out
}
