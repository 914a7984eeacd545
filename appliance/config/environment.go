package config

import (
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/joho/godotenv"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// prefix begins every environment variable that overrides a setting:
// WELLKEEPER_WEB_LISTEN is web.listen, WELLKEEPER_WELLS_0_DEVICES_1_URL is
// wells[0].devices[1].url.
const prefix = "WELLKEEPER_"

// dotEnv is the settings in .env files; the first that sets one wins.
func dotEnv(files ...string) (map[string]string, error) {
	all := map[string]string{}
	for _, file := range slices.Backward(files) {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		values, err := godotenv.Parse(f)
		err = errors.Join(err, f.Close())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w; write one NAME=value a line", file, err)
		}
		maps.Copy(all, values)
	}
	onlyOurs(all)
	return all, nil
}

// environment is the settings of .env files and, above them, those in env.
func environment(env []string, dotEnv map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, dotEnv)
	for _, pair := range env {
		if name, value, ok := strings.Cut(pair, "="); ok {
			all[name] = value
		}
	}
	onlyOurs(all)
	return all
}

func onlyOurs(env map[string]string) {
	maps.DeleteFunc(env, func(name, _ string) bool { return !strings.HasPrefix(name, prefix) })
}

// applyEnvironment overrides the settings that env names and returns a remark for
// each variable that names none.
func applyEnvironment(doc *yamldoc.Doc, cfg *Config, env map[string]string) []string {
	o := overrides{doc: doc, env: env, used: map[string]bool{}}
	o.walk(reflect.ValueOf(cfg).Elem(), prefix[:len(prefix)-1], "")
	var unused []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !o.used[name] {
			unused = append(unused, fmt.Sprintf("environment variable %s names no setting and was ignored", name))
		}
	}
	return unused
}

type overrides struct {
	doc  *yamldoc.Doc
	env  map[string]string
	used map[string]bool
}

func (o *overrides) walk(v reflect.Value, name, path string) {
	if text, ok := o.env[name]; ok {
		o.used[name] = true
		o.set(v, name, path, text)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			key := yamldoc.FieldName(v.Type().Field(i))
			if key == "" {
				continue
			}
			o.walk(v.Field(i), name+"_"+strings.ToUpper(key), strings.TrimPrefix(path+"."+key, "."))
		}
	case reflect.Slice:
		for i := range v.Len() {
			o.walk(v.Index(i), name+"_"+strconv.Itoa(i), path+"["+strconv.Itoa(i)+"]")
		}
	default:
	}
}

// set takes a text as it is and reads anything else as the document would, lists and
// maps as YAML in flow style.
func (o *overrides) set(v reflect.Value, name, path, text string) {
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			o.doc.Complain(path, "environment variable %s: %v", name, err)
		}
		return
	}
	sub := yamldoc.Parse(name, []byte(text))
	sub.Decode(v.Addr().Interface())
	if err := sub.Err(); err != nil {
		o.doc.Complain(path, "environment variable %s: %v", name, err)
	}
}
