package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/replay"
)

func newScore(streams Streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "score FILE LABELS",
		Short: "Compare the diagnosis of recorded readings with what had happened",
		Long: `Replays a recording and compares what is found with labels, a CSV of
well,class,onset,stopped. A class is the id of a diagnosis; a class that begins with
"normal" expects nothing. Prints how many were found, how late, and how many diagnoses
above info no label explains, per well-day.`,
		Example: `  wellkeeper score wells.csv.gz labels.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return usageError{fmt.Errorf("%s takes a recorded file and its labels; got %d arguments", cmd.CommandPath(), len(args))}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			labels, err := readLabels(args[1])
			if err != nil {
				return err
			}
			var changes []replay.Change
			days, err := replayFiles(cmd.Context(), streams, args[:1], &f, func(c *replay.Change) error {
				if c.Kind == replay.Diagnosis {
					changes = append(changes, *c)
				}
				return nil
			})
			if err != nil {
				return err
			}
			s := replay.NewScore(days, changes, labels)
			if f.json {
				return printScoreJSON(streams.Out, &s)
			}
			return printScore(streams.Out, &s)
		},
	}
	f.add(cmd)
	return cmd
}

func readLabels(path string) (_ []replay.Label, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return replay.ReadLabels(path, f)
}

func printScore(out io.Writer, s *replay.Score) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CLASS\tLABELS\tFOUND\tEARLY\tMEDIAN DELAY\tWORST DELAY\tDATED WITHIN")
	for _, c := range s.Classes() {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", c.Class, c.Labels, c.Hits, c.Early, minutes(c.MedianDelay), minutes(c.MaxDelay), minutes(c.MaxDated))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range s.Found {
		f := &s.Found[i]
		if !f.Hit && f.Label.Expects() {
			fmt.Fprintf(out, "not found: %s on %s at %s\n", f.Label.Class, f.Label.Well, f.Label.Onset.Format(time.RFC3339))
		}
	}
	for _, c := range s.False {
		fmt.Fprintf(out, "not explained: %s on %s at %s\n", c.ID, c.Well, c.Time.Format(time.RFC3339))
	}
	_, err := fmt.Fprintf(out, "%.1f well-days; %d diagnoses above info that no label explains, %.3f per well-day\n", s.Days, len(s.False), s.FalsePerDay())
	return err
}

func minutes(d time.Duration) string { return d.Round(time.Minute).String() }

func printScoreJSON(out io.Writer, s *replay.Score) error {
	type class struct {
		Class       string  `json:"class"`
		Labels      int     `json:"labels"`
		Found       int     `json:"found"`
		Early       int     `json:"early"`
		MedianDelay float64 `json:"median_delay_minutes"`
		MaxDelay    float64 `json:"max_delay_minutes"`
		Dated       float64 `json:"dated_within_minutes"`
	}
	result := struct {
		WellDays    float64         `json:"well_days"`
		Classes     []class         `json:"classes"`
		FalsePerDay float64         `json:"false_per_well_day"`
		False       []replay.Change `json:"false"`
	}{WellDays: s.Days, FalsePerDay: s.FalsePerDay(), False: s.False, Classes: []class{}}
	for _, c := range s.Classes() {
		result.Classes = append(result.Classes, class{
			c.Class, c.Labels, c.Hits, c.Early, c.MedianDelay.Minutes(), c.MaxDelay.Minutes(), c.MaxDated.Minutes(),
		})
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}
