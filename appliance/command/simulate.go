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
		listen, scenario, trace string
		since, span, period     time.Duration
		seed                    uint64
		wide                    bool
	)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve a simulated well over Modbus TCP, or write its trace as CSV",
		Long: `Serves a simulated well as a drive (unit 1, profile simulated-drive) and a downhole
gauge (unit 10, profile simulated-gauge) over Modbus TCP, until it is stopped.

With --trace it serves nothing and writes the well's readings as CSV instead, as fast
as the machine goes.`,
		Example: `  wellkeeper simulate
  wellkeeper simulate --scenario gas-lock --since 10m
  wellkeeper simulate --trace week.csv --span 168h --wide`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if trace != "" {
				return writeTrace(cmd.Context(), streams, trace, scenario, seed, since, span, period, wide)
			}
			return serveRig(cmd.Context(), streams, rigConfig{
				listen: listen, scenario: scenario, since: since, seed: seed, start: time.Now().Add(-time.Minute),
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:5020", "address of the Modbus server")
	f.StringVar(&scenario, "scenario", "normal", "what happens to the well: "+scenarioNames())
	f.DurationVar(&since, "since", 0, "how long before now it began (default: the scenario's own)")
	f.Uint64Var(&seed, "seed", 1, "seed of everything random")
	f.StringVar(&trace, "trace", "", "write CSV to this file (- for standard output) instead of serving")
	f.DurationVar(&span, "span", 24*time.Hour, "how much to write, ending now")
	f.DurationVar(&period, "period", time.Second, "time between two rows of the trace")
	f.BoolVar(&wide, "wide", false, "one column per signal instead of one row per value")
	return cmd
}

func serveRig(ctx context.Context, streams Streams, c rigConfig) error {
	r, err := newRig(ctx, c)
	if err != nil {
		return err
	}
	r.goOn()
	fmt.Fprintf(streams.Out, "simulated well (%s) on tcp://%s: drive is unit 1, gauge is unit 10\n", c.scenario, r.listener.Addr())
	return r.Run(ctx)
}

func writeTrace(ctx context.Context, streams Streams, file, name string, seed uint64, since, span, period time.Duration, wide bool) (err error) {
	scenario, ok := sim.Find(name)
	if !ok {
		return usageError{fmt.Errorf("no scenario %q; there are %s", name, scenarioNames())}
	}
	if since == 0 {
		since = scenario.Since
	}
	if span <= 0 || period <= 0 {
		return usageError{errors.New("--span and --period must be positive")}
	}
	to := time.Now().UTC().Truncate(time.Second)
	cfg := sim.TraceConfig{
		Name: esp.WellID(demoWell), Seed: seed, Scenario: scenario, Onset: to.Add(-since),
		From: to.Add(-span), To: to, Period: period, Wide: wide,
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
