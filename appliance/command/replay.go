package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/recording"
	"wellkeeper.internal/appliance/replay"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/storage"
)

// replayFlags choose what is replayed.
type replayFlags struct {
	config   string
	profile  string
	data     string
	wells    []string
	from, to string
	json     bool
}

func (f *replayFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "configuration with the wells' facts and limits")
	flags.StringVar(&f.profile, "profile", "", "profile of the drive, whose words its fault codes are told in: id of a carried one, or a file")
	flags.StringSliceVar(&f.wells, "well", nil, "only these wells")
	flags.StringVar(&f.from, "from", "", "tell changes from this time on (what lies before is still learned from)")
	flags.StringVar(&f.to, "to", "", "stop at this time")
	flags.BoolVar(&f.json, "json", false, "print JSON")
}

func newReplay(streams Streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE…|--data DIR",
		Short: "Run the diagnosis over recorded readings",
		Long: `Runs recorded readings through the same quality gate, diagnosis and alarms that judge a
live well and prints every change. Files are CSV, gzipped or not, with a header:
well,time,tag,value (one value per row) or well,time and one column per tag. A tag is a
signal of docs/signals.md with its unit (intake_pressure_psi); times without a zone are
UTC. The same files give the same output to the byte.

With --data it is the readings that an appliance keeps in its data folder, which must
not be running meanwhile.`,
		Example: `  wellkeeper replay week.csv
  wellkeeper replay wells.csv.gz --well RB-114 --json
  wellkeeper replay week.csv --profile ./mydrive.yaml
  wellkeeper replay --data /var/lib/wellkeeper --from 2026-01-31`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) > 0) == (f.data != "") {
				return usageError{errors.New("give recorded files, or --data")}
			}
			out := bufio.NewWriter(streams.Out)
			printer := textChange(out)
			if f.json {
				printer = jsonChange(out)
			}
			var err error
			if f.data != "" {
				err = replayStore(cmd.Context(), &f, printer)
			} else {
				_, err = replayFiles(cmd.Context(), streams, args, &f, printer)
			}
			return errors.Join(err, out.Flush())
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.data, "data", "", "data folder of an appliance, in place of files")
	return cmd
}

// replayFiles replays the chosen wells one after the other and gives the well-days that
// were seen.
func replayFiles(ctx context.Context, streams Streams, files []string, f *replayFlags, tell func(*replay.Change) error) (days float64, err error) {
	configOf, err := f.plan()
	if err != nil {
		return 0, err
	}
	r, err := recording.Open(ctx, files...)
	if err != nil {
		return 0, err
	}
	for _, m := range r.Remarks() {
		fmt.Fprintf(streams.Err, "wellkeeper: %s\n", m)
	}
	wells, err := chosen(r.Wells(), f.wells, func(w recording.Well) esp.WellID { return w.ID })
	if err != nil {
		return 0, err
	}
	for _, w := range wells {
		for _, tag := range w.Ignored {
			fmt.Fprintf(streams.Err, "wellkeeper: well %s: tag %q was not used: it is no signal, or another tag gives it\n", w.ID, tag)
		}
		stats, err := replay.Run(ctx, configOf(w.ID), r.Scans(ctx, w.ID), tell)
		if err != nil {
			return days, err
		}
		days += stats.To.Sub(stats.From).Hours() / 24
	}
	return days, nil
}

// replayStore replays what an appliance has stored.
func replayStore(ctx context.Context, f *replayFlags, tell func(*replay.Change) error) (err error) {
	configOf, err := f.plan()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(f.data, "state.db")); err != nil {
		return fmt.Errorf("%s is no data folder of an appliance: %w", f.data, err)
	}
	store, err := storage.Open(ctx, storage.Config{Dir: f.data, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	wells, err := chosen(store.Wells(), f.wells, func(id esp.WellID) esp.WellID { return id })
	if err != nil {
		return err
	}
	for _, id := range wells {
		if _, err := replay.Run(ctx, configOf(id), stored(ctx, store, id), tell); err != nil {
			return err
		}
	}
	return nil
}

// stored gives the stored scans of a well in order of time.
func stored(ctx context.Context, store *storage.Store, id esp.WellID) iter.Seq2[*esp.Scan, error] {
	return func(yield func(*esp.Scan, error) bool) {
		for row, err := range store.Range(ctx, storage.Query{Well: id}) {
			if err != nil {
				yield(nil, fmt.Errorf("read the stored past: %w", err))
				return
			}
			if !yield(&esp.Scan{Well: id, Time: row.Time, Layout: row.Layout, Readings: row.Readings, Seq: row.Seq}, nil) {
				return
			}
		}
	}
}

// plan gives how each well is replayed.
func (f *replayFlags) plan() (func(esp.WellID) replay.Config, error) {
	from, to, err := f.bounds()
	if err != nil {
		return nil, err
	}
	known, err := f.known()
	if err != nil {
		return nil, err
	}
	fault, err := f.faults()
	if err != nil {
		return nil, err
	}
	return func(id esp.WellID) replay.Config {
		return replay.Config{Well: known(id), Fault: fault, From: from, To: to}
	}, nil
}

// faults puts codes in the words of the profile that was named; nil where none was,
// because a code means something else on each drive.
func (f *replayFlags) faults() (func(code int64) diagnosis.Fault, error) {
	if f.profile == "" {
		return nil, nil
	}
	p, err := config.LoadProfile(f.profile, ".", configs.Profiles)
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	if len(p.Faults.Table) == 0 {
		return nil, fmt.Errorf("--profile: %s has no table of fault codes; name the profile of the drive", f.profile)
	}
	return func(code int64) diagnosis.Fault {
		entry := p.Faults.Table[code]
		return diagnosis.Fault{Text: entry.Text, Canonical: entry.Canonical}
	}, nil
}

// known gives the wells of the configuration that was named; one that is not in it has
// no facts and no limits.
func (f *replayFlags) known() (func(esp.WellID) esp.Well, error) {
	wells := map[esp.WellID]esp.Well{}
	if f.config != "" {
		cfg, err := config.Load(f.config, configOptions())
		if err != nil {
			return nil, err
		}
		for i := range cfg.Wells {
			wells[esp.WellID(cfg.Wells[i].ID)] = cfg.Wells[i].ESP()
		}
	}
	return func(id esp.WellID) esp.Well {
		if w, ok := wells[id]; ok {
			return w
		}
		return esp.Well{ID: id, Name: string(id)}
	}, nil
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
func chosen[W any](wells []W, names []string, id func(W) esp.WellID) ([]W, error) {
	if len(names) == 0 {
		return wells, nil
	}
	var list []W
	for _, name := range names {
		i := slices.IndexFunc(wells, func(w W) bool { return string(id(w)) == name })
		if i < 0 {
			have := make([]string, len(wells))
			for k, w := range wells {
				have[k] = string(id(w))
			}
			return nil, usageError{fmt.Errorf("no well %q; there are %s", name, strings.Join(have, ", "))}
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
