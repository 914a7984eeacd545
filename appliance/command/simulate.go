package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/sim"
)

func newSimulate(streams Streams) *cobra.Command {
	var (
		what               play
		listen, trace      string
		span, period       time.Duration
		wide, list, asJSON bool
		rtu                bool
		serial             string
	)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve a simulated well over Modbus, or write its trace as CSV",
		Long: `Serves a simulated well as a drive (unit 1, profile simulated-drive) and a downhole
gauge (unit 10, profile simulated-gauge) over Modbus TCP, until it is stopped. With
--rtu it speaks RTU frames over TCP as a serial gateway does, with --serial on a serial
line: a pseudo-terminal that it makes.

With --trace it serves nothing and writes the well's readings as CSV instead, as fast
as the machine goes.

With --list it says what can happen to the well: scenarios, and faults of the gauge
and of the line, which combine with every scenario and with each other. @30m says that
a fault began 30 minutes ago, @-1m that it begins in a minute, +10m that it lasts ten
minutes, :10 that it concerns unit 10.`,
		Example: `  wellkeeper simulate
  wellkeeper simulate --list
  wellkeeper simulate --scenario gas-lock --since 10m
  wellkeeper simulate --link-fault exception-6@-30s+1m:1 --gauge-fault doubled
  wellkeeper simulate --serial /tmp/pump --link-fault unplugged@-1m+30s
  wellkeeper simulate --trace week.csv --span 168h --wide`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case list:
				book := newPlaybook()
				return book.list(streams.Out, asJSON)
			case asJSON:
				return usageError{errors.New("--json goes with --list")}
			case trace != "":
				return writeTrace(cmd.Context(), streams, trace, what, span, period, wide)
			}
			if serial != "" && (rtu || cmd.Flags().Changed("listen")) {
				return usageError{errors.New("--serial makes a line of its own; leave out --listen and --rtu")}
			}
			return serveRig(cmd.Context(), streams, rigConfig{listen: listen, rtu: rtu, serial: serial, play: what, start: time.Now().Add(-time.Minute)})
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:5020", "address of the Modbus server")
	f.BoolVar(&rtu, "rtu", false, "speak RTU frames over TCP")
	f.StringVar(&serial, "serial", "", "make a serial line at this path in place of --listen, and speak RTU frames on it")
	what.flags(f)
	f.StringVar(&trace, "trace", "", "write CSV to this file (- for standard output) instead of serving")
	f.DurationVar(&span, "span", 24*time.Hour, "how much to write, ending now")
	f.DurationVar(&period, "period", time.Second, "time between two rows of the trace")
	f.BoolVar(&wide, "wide", false, "one column per signal instead of one row per value")
	f.BoolVar(&list, "list", false, "list what can happen to the well, instead of serving")
	f.BoolVar(&asJSON, "json", false, "list as JSON")
	return cmd
}

func serveRig(ctx context.Context, streams Streams, c rigConfig) error {
	r, err := newRig(ctx, c)
	if err != nil {
		return err
	}
	r.goOn()
	fmt.Fprintf(streams.Out, "simulated well (%s) on %s: drive is unit 1, gauge is unit 10\n", c.play.scenario, r.url)
	return r.Run(ctx)
}

func writeTrace(ctx context.Context, streams Streams, file string, what play, span, period time.Duration, wide bool) (err error) {
	if span <= 0 || period <= 0 {
		return usageError{errors.New("--span and --period must be positive")}
	}
	to := time.Now().UTC().Truncate(time.Second)
	well, err := what.config(to.Add(-span), to)
	if err != nil {
		return err
	}
	cfg := sim.TraceConfig{
		Name: esp.WellID(demoWell), Seed: well.Seed, Scenario: well.Scenario, Onset: well.Onset,
		GaugeFaults: well.GaugeFaults, LinkFaults: well.LinkFaults,
		From: well.Start, To: to, Period: period, Wide: wide,
	}
	if file == "-" {
		return sim.WriteTrace(ctx, streams.Out, cfg)
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write trace: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := sim.WriteTrace(ctx, w, cfg); err != nil {
		return fmt.Errorf("write trace: %w", err)
	}
	return w.Flush()
}
