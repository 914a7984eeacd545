package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
)

func newCheck(streams Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE|FOLDER...",
		Short: "Check configurations and device profiles",
		Long: `Reads configurations, the device profiles that they name, and profiles by themselves, and
lists every mistake with file, line and column. A file with the key schema is a profile,
any other a configuration. Of a folder every .yaml and .yml file is checked, in its
folders too; names that begin with a dot are passed over, and so are files in which no
setting is ours. Nothing is started and nothing is connected.`,
		Example: `  wellkeeper check /etc/wellkeeper/wellkeeper.yaml
  wellkeeper check /etc/wellkeeper --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("%s takes files or folders", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return runCheck(streams, args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// checked is the verdict on one file.
type checked struct {
	File    string   `json:"file"`
	Kind    string   `json:"kind,omitempty"` // configuration or profile; empty: it cannot be read
	Good    bool     `json:"good"`
	Wells   int      `json:"wells,omitempty"`
	Devices int      `json:"devices,omitempty"`
	Points  int      `json:"points,omitempty"` // of a profile
	Remarks []string `json:"remarks,omitempty"`
	// Sources say whose value counts of what several devices give.
	Sources  []string  `json:"sources,omitempty"`
	Mistakes []mistake `json:"mistakes,omitempty"`
}

// mistake is in the file itself or in a profile that it names.
type mistake struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"` // 0: of the file as a whole
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"`
	Text   string `json:"text"`
}

func runCheck(streams Streams, args []string, asJSON bool) error {
	files, err := yamlFiles(args)
	if err != nil {
		return err
	}
	results := make([]checked, 0, len(files))
	bad := 0
	for _, file := range files {
		c := checkFile(file)
		if !c.Good {
			bad++
		}
		results = append(results, c)
	}
	if asJSON {
		e := json.NewEncoder(streams.Out)
		e.SetIndent("", "  ")
		err = e.Encode(map[string]any{"good": bad == 0, "files": results})
	} else {
		err = printChecked(streams, results)
	}
	switch {
	case err != nil:
		return err
	case bad == 0:
		return nil
	case len(files) == 1:
		return fmt.Errorf("%s is bad", files[0])
	}
	return fmt.Errorf("%d of %d files are bad", bad, len(files))
}

// yamlFiles are the files that args name, those of folders included.
func yamlFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() { // what cannot be read is told as a file
			files = append(files, arg)
			continue
		}
		inside, err := folder(arg)
		if err != nil {
			return nil, fmt.Errorf("look through %s: %w", arg, err)
		}
		if len(inside) == 0 {
			return nil, fmt.Errorf("there is no configuration and no profile in %s", arg)
		}
		files = append(files, inside...)
	}
	return files, nil
}

// folder are the YAML files in a folder and its folders, without those of other
// programs.
func folder(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch ext := filepath.Ext(path); {
		case err != nil:
			return err
		case path != root && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && (ext == ".yaml" || ext == ".yml"):
			files = append(files, path)
		}
		return nil
	})
	return slices.DeleteFunc(files, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && config.IsForeign(text) // what cannot be read is told as a file
	}), err
}

func checkFile(file string) checked {
	c := checked{File: file}
	text, err := os.ReadFile(file)
	if err != nil {
		return c.verdict(fmt.Errorf("read configuration: %w", err))
	}
	if config.IsProfile(text) {
		c.Kind = "profile"
		p, err := profile.Parse(file, text)
		if p != nil {
			c.Points = len(p.Points)
			if p.Verified == "draft" {
				c.Remarks = append(c.Remarks, "a draft: nobody has verified it; compare what it reads with the panel of the device before you rely on it")
			}
		}
		return c.verdict(err)
	}
	c.Kind = "configuration"
	cfg, err := config.Load(file, configOptions())
	if cfg != nil {
		c.Remarks, c.Wells = cfg.Warnings, len(cfg.Wells)
		for i := range cfg.Wells {
			c.Devices += len(cfg.Wells[i].Devices)
			c.Sources = append(c.Sources, sources(&cfg.Wells[i])...)
		}
	}
	return c.verdict(err)
}

// verdict takes what is wrong apart.
func (c *checked) verdict(err error) checked {
	c.Good = err == nil
	c.Mistakes = mistakes(err)
	return *c
}

func mistakes(err error) []mistake {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []mistake
		for _, one := range several.Unwrap() {
			all = append(all, mistakes(one)...)
		}
		return all
	}
	document, ok := errors.AsType[*yamldoc.Error](err)
	if !ok {
		return []mistake{{Text: err.Error()}}
	}
	var all []mistake
	for _, p := range document.Problems {
		all = append(all, mistake(p))
	}
	return all
}

func (m *mistake) String() string {
	if m.Line == 0 {
		return m.Text
	}
	return yamldoc.Problem(*m).String()
}

// printChecked prints a line for each file and, on stderr, one for each mistake. A
// profile that several files name tells its mistakes once.
func printChecked(streams Streams, results []checked) error {
	told := map[string]bool{}
	for i := range results {
		c := &results[i]
		for k := range c.Mistakes {
			if text := c.Mistakes[k].String(); !told[text] {
				told[text] = true
				fmt.Fprintln(streams.Err, text)
			}
		}
		for _, r := range c.Remarks {
			fmt.Fprintf(streams.Err, "%s: %s\n", c.File, r)
		}
		if _, err := fmt.Fprintf(streams.Out, "%s: %s\n", c.File, c.summary()); err != nil {
			return err
		}
		for _, s := range c.Sources {
			fmt.Fprintf(streams.Out, "  %s\n", s)
		}
	}
	return nil
}

func (c *checked) summary() string {
	switch {
	case !c.Good:
		return fmt.Sprintf("bad; mistakes: %d", len(c.Mistakes))
	case c.Kind == "profile":
		return fmt.Sprintf("good; a profile, points: %d", c.Points)
	}
	return fmt.Sprintf("good; wells: %d, devices: %d", c.Wells, c.Devices)
}

func configOptions() config.Options {
	return config.Options{Env: os.Environ(), Profiles: configs.Profiles, Port: modbus.Port, Cost: cost}
}

// cost estimates what reading a device takes.
func cost(d *config.Device) (config.Cost, error) {
	device := modbus.Device{ID: esp.DeviceID(d.Name), URL: d.URL, Profile: d.Loaded, Period: d.Period, Fast: d.Fast}
	p, err := modbus.PlanOf(device)
	if err != nil {
		return config.Cost{}, err
	}
	return config.Cost{Port: p.Port, Cycle: p.Time, Share: p.Share, Serial: strings.HasPrefix(p.Port, "rtu:")}, nil
}

// sources says of the signals that several devices of a well give whose counts.
func sources(w *config.Well) []string {
	byDevice := map[string][]string{}
	var order []string
	for _, s := range w.Sources() {
		if s.Device == "" {
			continue
		}
		key := fmt.Sprintf("%s counts, and %s stands beside it", s.Device, strings.Join(s.Others, ", "))
		if byDevice[key] == nil {
			order = append(order, key)
		}
		byDevice[key] = append(byDevice[key], s.Signal)
	}
	var lines []string
	for _, key := range order {
		lines = append(lines, fmt.Sprintf("well %s: %s: %s", w.ID, strings.Join(byDevice[key], ", "), key))
	}
	return lines
}
