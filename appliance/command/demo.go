package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/modbus/sim"
)

// demoWell is the id of the simulated well.
const demoWell = "RB-114"

// usualHistory is how much of the past a demo fills unless its scenario needs more.
const usualHistory = 24 * time.Hour

type demoFlags struct {
	listen, data, dsn, logLevel string
	history                     time.Duration
	play                        play
}

func newDemo(streams Streams) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on a simulated well",
		Long: `Starts a simulated well, fills its past, and then goes on live over real Modbus at one
reading a second: stored, diagnosed and shown on a page. Nothing else is needed, no
database and no hardware.

Without --data everything is kept in a temporary folder and removed at the end. With
it a later demo goes on where this one ended.

What can happen to the well is listed by wellkeeper simulate --list. Faults of the
gauge and of the line combine with every scenario and with each other; @30m says that
one began 30 minutes ago, @-1m that it begins in a minute, +10m that it lasts ten
minutes, :10 that it concerns unit 10.`,
		Example: `  wellkeeper demo
  wellkeeper demo --scenario gas-lock
  wellkeeper demo --scenario tubing-leak --gauge-fault frozen@20m --link-fault lossy:1
  wellkeeper demo --data /tmp/rb114 --dsn postgres://postgres@127.0.0.1/wellkeeper`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if scenario, ok := sim.Find(f.play.scenario); ok && !cmd.Flags().Changed("history") {
				f.history = cmp.Or(scenario.History, usualHistory)
			}
			return runDemo(cmd.Context(), streams, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address of the page")
	flags.StringVar(&f.data, "data", "", "folder to keep the readings in (default: a temporary one)")
	flags.DurationVar(&f.history, "history", 0, "how much of the well's past to fill (default: a day, or what the scenario needs)")
	f.play.flags(flags)
	flags.StringVar(&f.dsn, "dsn", "", "PostgreSQL of a headquarters to forward to")
	flags.StringVar(&f.logLevel, "log-level", "warn", "debug, info, warn or error")
	return cmd
}

func runDemo(ctx context.Context, streams Streams, f demoFlags) (err error) {
	if f.history < 0 || f.history > 90*24*time.Hour {
		return usageError{errors.New("--history goes from 0s to 2160h")}
	}
	log, err := newLog(streams.Err, f.logLevel)
	if err != nil {
		return usageError{err}
	}
	if f.data == "" {
		f.data, err = os.MkdirTemp("", "wellkeeper-demo-")
		if err != nil {
			return fmt.Errorf("make a temporary folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.data)) }()
	}
	start := time.Now().UTC().Add(-f.history).Truncate(time.Second)
	rig, err := newRig(ctx, rigConfig{listen: "127.0.0.1:0", play: f.play, start: start})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rig.Close()) }()
	cfg, err := demoConfig(f, rig)
	if err != nil {
		return err
	}
	app, err := appliance.New(ctx, appliance.Options{
		Config: cfg, Version: version, Log: log,
		Past:       &appliance.Past{From: start, Fill: rig.Fill, Done: rig.goOn},
		Companions: []appliance.Companion{{Name: "simulated well", Run: rig.Run}},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(streams.Out, "Wellkeeper demo (%s): %s\n", f.play.scenario, app.URL())
	return app.Run(ctx)
}

// demoConfig is the configuration of a box that watches the simulated well.
func demoConfig(f demoFlags, r *rig) (*config.Config, error) {
	cfg := &config.Config{
		Data:    f.data,
		Web:     config.Web{Listen: f.listen, TLS: config.TLS{Mode: config.TLSOff}},
		Central: config.Central{DSN: f.dsn},
		Wells:   []config.Well{{ID: demoWell, Name: demoWell, Facts: demoFacts(), Limits: demoLimits()}},
	}
	for _, d := range rigDevices {
		cfg.Wells[0].Devices = append(cfg.Wells[0].Devices, config.Device{
			Name: string(d.name), URL: "tcp://" + r.listener.Addr().String(), Unit: new(d.unit), Profile: d.profile, Period: time.Second,
		})
	}
	return config.Complete(cfg, configOptions())
}

func demoFacts() config.Facts {
	f := sim.Facts()
	return config.Facts{
		Motor:            string(f.Motor),
		RatedPower:       config.Quantity{Value: f.RatedPower},
		RatedCurrent:     config.Quantity{Value: f.RatedCurrent},
		RatedVoltage:     config.Quantity{Value: f.RatedVoltage},
		BaseFrequency:    config.Quantity{Value: f.BaseFrequency},
		TransformerRatio: f.TransformerRatio,
		PumpDepth:        config.Quantity{Value: f.PumpDepth},
		PerforationDepth: config.Quantity{Value: f.PerforationDepth},
		FluidDensity:     f.FluidDensity,
		RestartsAllowed:  f.RestartsAllowed,
	}
}

func demoLimits() []config.Limit {
	var limits []config.Limit
	for _, l := range sim.Limits() {
		c := config.Limit{
			Signal: l.Signal.String(), Deadband: config.Quantity{Value: l.Deadband},
			Delay: l.Delay, OffDelay: l.OffDelay, Priority: l.Priority, WhenRunning: new(l.Running),
		}
		if l.High {
			c.High = &config.Quantity{Value: l.Value}
		} else {
			c.Low = &config.Quantity{Value: l.Value}
		}
		limits = append(limits, c)
	}
	return limits
}
