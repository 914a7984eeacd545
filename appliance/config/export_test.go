package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// Setting is a setting as the reference shows it.
type Setting struct {
	Path        string
	Owner       string // type that has the field
	Field       reflect.StructField
	Environment string
}

// whole is a configuration with one of everything.
func whole() *Config {
	return &Config{
		Wells: []Well{{Limits: make([]Limit, 1), Devices: make([]Device, 1)}},
		Tap:   Tap{Units: make([]TapUnit, 1)},
	}
}

// Settings are all settings there are, in order, with index 0 in each list.
func Settings() []Setting {
	var all []Setting
	each(reflect.ValueOf(whole()).Elem(), "", func(s *setting) {
		name := prefix + strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "").Replace(s.path))
		all = append(all, Setting{s.path, s.owner.Name(), s.field, name})
	})
	return all
}

// Unknown are the names among these variables of the environment that name no setting.
func Unknown(names []string) []string {
	env := map[string]string{}
	for _, n := range names {
		env[n] = "1"
	}
	o := overrides{doc: yamldoc.Parse("", nil), env: env, used: map[string]bool{}}
	o.walk(reflect.ValueOf(whole()).Elem(), prefix[:len(prefix)-1], "")
	for n := range o.used {
		delete(env, n)
	}
	return slices.Sorted(maps.Keys(env))
}
