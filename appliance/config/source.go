package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"wellkeeper.internal/appliance/config/yamldoc"
)

// source is everything that a configuration is made of beside the environment, as
// text, so that it can be kept and read again. Secrets in other files (dsn_file, the
// key of a certificate) stay where they are.
type source struct {
	File     string            `json:"file"` // absolute; relative names begin at its folder
	Text     string            `json:"text"`
	DotEnv   map[string]string `json:"dot_env,omitempty"`
	Profiles map[string]string `json:"profiles,omitempty"` // those that are files, by the name in the configuration

	kept bool // profiles come from here and not from their files
}

// readSource reads the configuration in path and the .env files; the profiles follow
// when it is known which are named.
func readSource(path string) (*source, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dotEnv, err := dotEnv(filepath.Join(filepath.Dir(path), ".env"), ".env")
	if err != nil {
		return nil, err
	}
	return &source{File: absolute, Text: string(text), DotEnv: dotEnv, Profiles: map[string]string{}}, nil
}

// profile reads a profile that is a file.
func (s *source) profile(name string) ([]byte, error) {
	if s.kept {
		text, ok := s.Profiles[name]
		if !ok {
			return nil, fmt.Errorf("%s was not kept", name)
		}
		return []byte(text), nil
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.File), path)
	}
	data, err := os.ReadFile(path)
	if err == nil {
		s.Profiles[name] = string(data)
	}
	return data, err
}

// load checks the source; name is how mistakes call its file.
func (s *source) load(name string, opts Options) (*Config, error) {
	doc := yamldoc.Parse(name, []byte(s.Text))
	if err := doc.Err(); err != nil { // of the syntax: what else there is to say would mislead
		return nil, err
	}
	cfg := &Config{File: name, source: s}
	doc.Decode(cfg)
	cfg.Warnings = applyEnvironment(doc, cfg, environment(opts.Env, s.DotEnv))
	c := checker{doc: doc, cfg: cfg, folder: filepath.Dir(s.File), opts: opts}
	c.check()
	return finish(cfg, doc, c.others)
}

// KeptName is the file in the data folder that holds the last good configuration.
const KeptName = "last-good.json"

// kept is the content of that file.
type kept struct {
	Version int       `json:"version"`
	Taken   time.Time `json:"taken"` // when this content was first taken in
	source
}

const keptVersion = 1

// Keep is what to write to KeptName, at mode 0600, now that the configuration has been
// taken in. present is what the file holds; where that says the same, and for a
// configuration that was made in code, it is nil.
func (c *Config) Keep(present []byte, now time.Time) ([]byte, error) {
	if c.source == nil {
		return nil, nil
	}
	if old, err := parseKept(present); err == nil && reflect.DeepEqual(old.source, c.source.asKept()) {
		return nil, nil
	}
	b, err := json.MarshalIndent(kept{Version: keptVersion, Taken: now.UTC().Truncate(time.Second), source: c.source.asKept()}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the configuration to keep: %w", err)
	}
	return append(b, '\n'), nil
}

// asKept is s as it comes back from its file.
func (s *source) asKept() source {
	k := *s
	k.kept = true
	if len(k.DotEnv) == 0 {
		k.DotEnv = nil
	}
	if len(k.Profiles) == 0 {
		k.Profiles = nil
	}
	return k
}

func parseKept(b []byte) (*kept, error) {
	var k kept
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&k); err != nil {
		return nil, err
	}
	if k.Version != keptVersion {
		return nil, fmt.Errorf("version %d is of another release", k.Version)
	}
	k.kept = true
	return &k, nil
}

// ErrNoneKept says that there is no last good configuration.
var ErrNoneKept = errors.New("no last good configuration is kept")

// LastGood is the last configuration of the file in path that was taken in, and when.
// It is looked for in the data folder, which a file that is broken may not tell: the
// folder is that of WELLKEEPER_DATA, else of the line `data:` of the file as far as it
// can be read, else that which systemd gives the service, else /var/lib/wellkeeper.
func LastGood(path string, opts Options) (*Config, time.Time, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("find the last good configuration: %w", err)
	}
	for _, folder := range dataFolders(path, opts.Env) {
		b, err := os.ReadFile(filepath.Join(folder, KeptName))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("read the last good configuration: %w", err)
		}
		k, err := parseKept(b)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("read the last good configuration in %s: %w", folder, err)
		}
		if k.File != absolute { // of another appliance
			continue
		}
		cfg, err := k.load(filepath.Join(folder, KeptName), opts)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("the last good configuration cannot be used: %w", err)
		}
		return cfg, k.Taken, nil
	}
	return nil, time.Time{}, ErrNoneKept
}

// dataLine is the setting in a file whose syntax is broken elsewhere.
var dataLine = regexp.MustCompile(`(?m)^data:[ \t]*["']?([^"'#\r\n]+?)["']?[ \t]*(?:#.*)?\r?$`)

// dataFolders are the folders that may be the data folder, the likeliest first.
func dataFolders(path string, env []string) []string {
	var folders []string
	dot, err := dotEnv(filepath.Join(filepath.Dir(path), ".env"), ".env")
	if err != nil {
		dot = nil // it may be what is broken
	}
	folders = append(folders, environment(env, dot)[prefix+"DATA"])
	if text, err := os.ReadFile(path); err == nil {
		var cfg Config
		yamldoc.Parse(path, text).Decode(&cfg)
		folders = append(folders, cfg.Data)
		if m := dataLine.FindSubmatch(text); m != nil {
			folders = append(folders, string(m[1]))
		}
	}
	for _, pair := range env {
		if list, ok := strings.CutPrefix(pair, "STATE_DIRECTORY="); ok {
			first, _, _ := strings.Cut(list, ":")
			folders = append(folders, first)
		}
	}
	folders = append(folders, "/var/lib/wellkeeper")
	return slices.DeleteFunc(folders, func(f string) bool { return f == "" })
}
