package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/recording"
	"wellkeeper.internal/appliance/replay"
)

// replayFlags choose what of a recording is replayed.
type replayFlags struct {
	config   string
	wells    []string
	from, to string
	json     bool
}

func (f *replayFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "configuration with the wells' facts and limits")
	flags.StringSliceVar(&f.wells, "well", nil, "only these wells")
	flags.StringVar(&f.from, "from", "", "tell changes from this time on (what lies before is still learned from)")
	flags.StringVar(&f.to, "to", "", "stop at this time")
	flags.BoolVar(&f.json, "json", false, "print JSON")
}

func newReplay(streams Streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Run the diagnosis over recorded readings",
		Long: `Runs recorded readings through the same quality gate, diagnosis and alarms that judge a
live well and prints every change. Files are CSV, gzipped or not, with a header:
well,time,tag,value (one value per row) or well,time and one column per tag. A tag is a
signal of docs/signals.md with its unit (intake_pressure_psi); times without a zone are
UTC. The same files give the same output to the byte.`,
		Example: `  wellkeeper replay week.csv
  wellkeeper replay wells.csv.gz --well RB-114 --json`,
		Args: someArgs("recorded files"),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(streams.Out)
			printer := textChange(out)
			if f.json {
				printer = jsonChange(out)
			}
			_, err := replayFiles(cmd.Context(), streams, args, &f, printer)
			return errors.Join(err, out.Flush())
		},
	}
	f.add(cmd)
	return cmd
}

// replayFiles replays the chosen wells one after the other and gives the well-days that
// were seen.
func replayFiles(ctx context.Context, streams Streams, files []string, f *replayFlags, tell func(*replay.Change) error) (days float64, err error) {
	from, to, err := f.bounds()
	if err != nil {
		return 0, err
	}
	known := map[esp.WellID]esp.Well{}
	if f.config != "" {
		cfg, err := config.Load(f.config, configOptions())
		if err != nil {
			return 0, err
		}
		for i := range cfg.Wells {
			known[esp.WellID(cfg.Wells[i].ID)] = cfg.Wells[i].ESP()
		}
	}
	r, err := recording.Open(ctx, files...)
	if err != nil {
		return 0, err
	}
	for _, m := range r.Remarks() {
		fmt.Fprintf(streams.Err, "wellkeeper: %s\n", m)
	}
	wells, err := chosen(r.Wells(), f.wells)
	if err != nil {
		return 0, err
	}
	for _, w := range wells {
		for _, tag := range w.Ignored {
			fmt.Fprintf(streams.Err, "wellkeeper: well %s: tag %q was not used: it is no signal, or another tag gives it\n", w.ID, tag)
		}
		well, ok := known[w.ID]
		if !ok {
			well = esp.Well{ID: w.ID, Name: string(w.ID)}
		}
		stats, err := replay.Run(ctx, replay.Config{Well: well, From: from, To: to}, r.Scans(ctx, w.ID), tell)
		if err != nil {
			return days, err
		}
		days += stats.To.Sub(stats.From).Hours() / 24
	}
	return days, nil
}

func (f *replayFlags) bounds() (from, to time.Time, err error) {
	parse := func(name, s string) (t time.Time) {
		if s == "" || err != nil {
			return t
		}
		for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
			if t, parseErr := time.Parse(form, s); parseErr == nil {
				return t
			}
		}
		err = usageError{fmt.Errorf("--%s %q is no time; write 2006-01-02T15:04:05Z or 2006-01-02", name, s)}
		return t
	}
	return parse("from", f.from), parse("to", f.to), err
}

// chosen are the wells of those names; all where there are no names.
func chosen(wells []recording.Well, names []string) ([]recording.Well, error) {
	if len(names) == 0 {
		return wells, nil
	}
	var list []recording.Well
	for _, name := range names {
		i := slices.IndexFunc(wells, func(w recording.Well) bool { return string(w.ID) == name })
		if i < 0 {
			have := make([]string, len(wells))
			for k, w := range wells {
				have[k] = string(w.ID)
			}
			return nil, usageError{fmt.Errorf("no well %q in the recording; there are %v", name, have)}
		}
		list = append(list, wells[i])
	}
	return list, nil
}

func jsonChange(out io.Writer) func(*replay.Change) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return func(c *replay.Change) error { return encoder.Encode(c) }
}

// textChange prints a line per change; what only concerns the quality of single values
// is left to --json.
func textChange(out io.Writer) func(*replay.Change) error {
	return func(c *replay.Change) error {
		if c.Kind == replay.Quality {
			return nil
		}
		what := c.ID
		if c.Confidence != "" {
			what += ", " + string(c.Confidence)
		}
		_, err := fmt.Fprintf(out, "%s  %s  %-9s  %-7s  %-5s  %s\n    %s\n",
			c.Time.Format("2006-01-02 15:04:05"), c.Well, c.Kind, c.State, c.Severity, what, c.Text)
		return err
	}
}
