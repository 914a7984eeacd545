package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
)

type probeFlags struct {
	device, profile string
	unit            uint8
	timeout         time.Duration
	asJSON          bool
}

func newProbe(streams Streams) *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use:   "probe --device URL --profile ID|FILE",
		Short: "Read a device once and show every register",
		Long: `Reads every point of a profile once and shows reference, wire address, raw words,
value and quality, to be compared with the device's own panel. It only reads.`,
		Example: `  wellkeeper probe --device tcp://192.0.2.10:502 --unit 1 --profile ./mydrive.yaml
  wellkeeper probe --device 'rtu:///dev/ttyUSB0?baud=9600&parity=N' --unit 10 --profile simulated-gauge --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runProbe(cmd.Context(), streams, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.device, "device", "", "tcp://HOST:PORT or rtu:///dev/…?baud=…&parity=…")
	flags.StringVar(&f.profile, "profile", "", "id of a carried profile, or a file")
	flags.Uint8Var(&f.unit, "unit", 0, "Modbus unit (default: the profile's)")
	flags.DurationVar(&f.timeout, "timeout", 0, "longest wait for one answer (default: the profile's)")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func runProbe(ctx context.Context, streams Streams, f probeFlags) error {
	if f.device == "" || f.profile == "" {
		return usageError{errors.New("probe needs --device and --profile")}
	}
	if err := modbus.ParseURL(f.device); err != nil {
		return usageError{err}
	}
	p, err := config.LoadProfile(f.profile, ".", configs.Profiles)
	if err != nil {
		return err
	}
	log, err := newLog(streams.Err, "warn")
	if err != nil {
		return err
	}
	result, err := modbus.Probe(ctx, modbus.Device{ID: "device", URL: f.device, Unit: f.unit, Profile: p, Timeout: f.timeout}, log)
	// A device that gave no value still has rows that say why.
	if len(result.Rows) > 0 {
		err = errors.Join(err, printProbe(streams.Out, &result, f.asJSON))
	}
	return err
}

func printProbe(out io.Writer, r *modbus.ProbeResult, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	fmt.Fprintf(out, "%s unit %d, profile %s: %d requests in %s\n", r.URL, r.Unit, r.Profile, r.Requests, r.Took.Round(time.Millisecond))
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tREF\tWIRE\tFC\tTYPE\tRAW\tVALUE\tQUALITY")
	for _, row := range r.Rows {
		ref, value, quality := "-", "-", row.Quality.String()
		if row.Ref != nil {
			ref = strconv.FormatInt(*row.Ref, 10)
		}
		if row.Value != nil {
			value = strconv.FormatFloat(*row.Value, 'g', 8, 64) + " " + string(row.Unit)
		}
		if row.Text != "" {
			value += " (" + row.Text + ")"
		}
		if row.Reason != 0 {
			quality += ": " + row.Reason.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", row.Name, ref, row.Wire, row.FC, row.Type, row.Raw, value, quality)
	}
	return w.Flush()
}
