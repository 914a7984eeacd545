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
	timeout, period time.Duration
	asJSON, plan    bool
	scan            scanFlags
}

func newProbe(streams Streams) *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use:   "probe --device URL --profile ID|FILE",
		Short: "Read a device once and show every register",
		Long: `Reads every point of a profile once and shows reference, wire address, raw words,
value and quality, to be compared with the device's own panel. It only reads.

With --plan nothing is asked and nothing is opened: it prints the requests that a poll is made of,
what each is for, and how long it is estimated to occupy the line: the characters of both frames at
the line's rate, the silences, and 10 ms for the device to answer.

With --scan it looks for devices instead: it asks each of some units, on a serial port
with each of some settings, for one register, and prints who answers. That is a short
list and no sweep; a serial line must have no other master meanwhile.`,
		Example: `  wellkeeper probe --device tcp://192.0.2.10:502 --unit 1 --profile ./mydrive.yaml
  wellkeeper probe --device 'rtu:///dev/ttyUSB0?baud=9600&parity=N' --unit 10 --profile simulated-gauge --json
  wellkeeper probe --scan --device tcp://192.0.2.10:502 --units 1-5,10
  wellkeeper probe --scan --device rtu:///dev/ttyUSB0 --line 9600-8N1 --line 19200-8E1
  wellkeeper probe --device 'rtu:///dev/ttyUSB0?baud=9600' --profile ./mydrive.yaml --plan`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runProbe(cmd.Context(), streams, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.device, "device", "", "tcp://HOST:PORT or rtu:///dev/…?baud=…&parity=…")
	flags.StringVar(&f.profile, "profile", "", "id of a carried profile, or a file")
	flags.Uint8Var(&f.unit, "unit", 0, "Modbus unit (default: the profile's)")
	flags.DurationVar(&f.timeout, "timeout", 0, "longest wait for one answer (default: the profile's)")
	flags.DurationVar(&f.period, "period", time.Second, "with --plan: how often it is read")
	flags.BoolVar(&f.plan, "plan", false, "print the requests and their line time, and ask nothing")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVar(&f.scan.on, "scan", false, "look for devices instead of reading one")
	flags.StringVar(&f.scan.units, "units", "", "with --scan: units, as in 1-10,31 (default: 1-10 and those of the carried profiles)")
	flags.StringArrayVar(&f.scan.lines, "line", nil, "with --scan: rate, parity and stop bits, as in 9600-8N1 (default: the usual ones)")
	flags.StringVar(&f.scan.register, "register", scanRegister, "with --scan: function code and wire address to ask for")
	flags.BoolVar(&f.scan.all, "all", false, "with --scan: try the other settings of a line too when one was answered")
	return cmd
}

func runProbe(ctx context.Context, streams Streams, f probeFlags) error {
	if f.scan.on && f.device != "" {
		return runScan(ctx, streams, f.device, f.timeout, &f.scan, f.asJSON)
	}
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
	device := modbus.Device{ID: "device", URL: f.device, Unit: f.unit, Profile: p, Timeout: f.timeout, Period: f.period}
	if f.plan {
		plan, err := modbus.PlanOf(device)
		if err != nil {
			return err
		}
		return printPlan(streams.Out, &plan, f.asJSON)
	}
	log, err := newLog(streams.Err, "warn")
	if err != nil {
		return err
	}
	result, err := modbus.Probe(ctx, device, log)
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
