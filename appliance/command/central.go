package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/central"
)

// dsnVariable is where the central commands look for the DSN, so that a password
// need not stand in the list of processes.
const dsnVariable = "WELLKEEPER_CENTRAL_DSN"

func newCentral(streams Streams) *cobra.Command {
	var dsn string
	cmd := &cobra.Command{
		Use:   "central",
		Short: "Set up and look after headquarters' database",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&dsn, "dsn", os.Getenv(dsnVariable), "PostgreSQL connection string (default: "+dsnVariable+")")
	cmd.PersistentFlags().Lookup("dsn").DefValue = ""
	need := func() error {
		if dsn == "" {
			return usageError{errors.New("give --dsn or set " + dsnVariable)}
		}
		return nil
	}
	cmd.AddCommand(centralMigrate(streams, &dsn, need), centralStatus(streams, &dsn, need), centralAddEdge(streams, &dsn, need))
	return cmd
}

func centralMigrate(streams Streams, dsn *string, need func() error) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate --dsn DSN",
		Short: "Make the schema, or bring it up to this release",
		Long: `Makes the schema esp in the database, or brings it up to this release. It may be
repeated; it succeeds wholly or changes nothing.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(); err != nil {
				return err
			}
			m, err := central.Migrate(cmd.Context(), *dsn)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(streams.Out, "schema version %d (was %d), %d signals added\n", m.To, m.From, m.Signals)
			return err
		},
	}
}

func centralStatus(streams Streams, dsn *string, need func() error) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status --dsn DSN",
		Short: "Show what headquarters has",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(); err != nil {
				return err
			}
			state, err := central.Status(cmd.Context(), *dsn)
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(streams.Out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(state)
			}
			return printCentral(streams.Out, &state)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printCentral(out io.Writer, s *central.State) error {
	if s.Schema == 0 {
		_, err := fmt.Fprintln(out, "no schema; make it with: wellkeeper central migrate --dsn DSN")
		return err
	}
	fmt.Fprintf(out, "schema version %d (this release: %d), %d partitions, %d bytes of readings\n", s.Schema, s.Known, s.Partitions, s.Bytes)
	if len(s.Compatible) > 0 {
		fmt.Fprintf(out, "offered to old queries in schema public: %s\n", strings.Join(s.Compatible, ", "))
	} else {
		fmt.Fprintln(out, "the names esp_telemetry and diagnostic_results were taken in schema public; point old queries at schema esp")
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "EDGE\tROLE\tLAST SEEN\tRECORDS\tWELLS")
	for _, e := range s.Edges {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", e.Name, e.Role, when(e.Seen), e.Records, strings.Join(e.Wells, ", "))
	}
	fmt.Fprintln(w, "WELL\tLAST READING\tSCANS\tRANGES\tEPOCHS")
	for _, e := range s.Wells {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", e.Name, when(e.Last), e.Rows, e.Ranges, e.Epochs)
	}
	return w.Flush()
}

func when(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func centralAddEdge(streams Streams, dsn *string, need func() error) *cobra.Command {
	var (
		passwordFile string
		wells        []string
	)
	cmd := &cobra.Command{
		Use:   "add-edge NAME --wells A,B --dsn DSN",
		Short: "Make the role of one appliance, with just the rights it needs",
		Long: `Makes a login role that may execute esp.hello, esp.register_layout and esp.ingest for
its wells and nothing else. The password is read from --password-file, or from
standard input. Repeating it adds wells and sets the password anew.`,
		Args: oneArg("the appliance's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := need(); err != nil {
				return err
			}
			return addEdge(cmd.Context(), streams, *dsn, args[0], wells, passwordFile)
		},
	}
	cmd.Flags().StringSliceVar(&wells, "wells", nil, "the wells it may send for")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the password (default: standard input)")
	return cmd
}

func addEdge(ctx context.Context, streams Streams, dsn, name string, wells []string, passwordFile string) error {
	if len(wells) == 0 {
		return usageError{errors.New("give --wells: an appliance may send for its own wells only")}
	}
	password, err := readPassword(streams.In, passwordFile)
	if err != nil {
		return err
	}
	ids := make([]esp.WellID, len(wells))
	for i, w := range wells {
		ids[i] = esp.WellID(w)
	}
	if err := central.AddEdge(ctx, dsn, name, ids, password); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Out, "role %s may send for %s\n", name, strings.Join(wells, ", "))
	return err
}

// readPassword takes the first line of the file, or of in.
func readPassword(in io.Reader, file string) (_ string, err error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
