package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
)

func newProfile(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "List, show, check, begin and import device profiles",
		Long: `A device profile is a YAML file that says which registers a device has and what they
mean. These commands read and write files only; no device is asked (for that: probe).`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newProfileList(streams), newProfileShow(streams), newProfileCheck(streams), newProfileNew(streams), newProfileImport(streams))
	return cmd
}

// listedProfile is a line of profile list.
type listedProfile struct {
	ID       string `json:"id"`
	Vendor   string `json:"vendor"`
	Model    string `json:"model"`
	Kind     string `json:"kind"`
	Document string `json:"document"`
	Issue    string `json:"issue"`
	Verified string `json:"verified"`
	Points   int    `json:"points"`
}

func newProfileList(streams Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the profiles that the program carries",
		Long: `Lists the profiles that the program carries. verified says how far each was compared
with reality: draft, document (written from the vendor's document), bench or field.`,
		Example: "  wellkeeper profile list\n  wellkeeper profile list --json",
		Args:    noArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			var all []listedProfile
			for _, id := range config.Carried(configs.Profiles) {
				p, err := config.LoadProfile(id, ".", configs.Profiles)
				if err != nil {
					return err
				}
				all = append(all, listed(p))
			}
			if asJSON {
				return printJSON(streams.Out, all)
			}
			w := tabwriter.NewWriter(streams.Out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tVENDOR\tMODEL\tKIND\tDOCUMENT\tISSUE\tVERIFIED\tPOINTS")
			for _, l := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", l.ID, orDash(l.Vendor), orDash(l.Model), l.Kind, orDash(l.Document), orDash(l.Issue), l.Verified, l.Points)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func listed(p *profile.Profile) listedProfile {
	l := listedProfile{ID: p.ID, Vendor: p.Vendor, Model: p.Model, Kind: p.Kind, Verified: p.Verified, Points: len(p.Points)}
	if len(p.Sources) > 0 {
		l.Document, l.Issue = p.Sources[0].Doc, p.Sources[0].Issue
	}
	return l
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func newProfileCheck(streams Streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "check FILE",
		Short:   "Check a profile and list every mistake with line and column",
		Example: "  wellkeeper profile check ./mydrive.yaml",
		Args:    oneArg("the file of a profile"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the profile: %w", err)
			}
			c := checked{File: args[0], Kind: "profile"}
			p, err := profile.Parse(args[0], text)
			if p != nil {
				c.Points = len(p.Points)
			}
			c.verdict(err)
			if asJSON {
				err = printJSON(streams.Out, c)
			} else {
				err = printChecked(streams, []checked{c})
			}
			if err == nil && !c.Good {
				err = fmt.Errorf("%s is bad", args[0])
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// writeNew writes a file that must not be there yet; without a name it is printed.
func writeNew(streams Streams, name string, text []byte) (err error) {
	if name == "" || name == "-" {
		_, err = streams.Out.Write(text)
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // a profile holds no secret
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already; remove it or name another file with --out", name)
	}
	if err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
