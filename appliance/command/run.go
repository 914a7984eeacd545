package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
)

func newRun(streams Streams) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Watch the wells of a configuration",
		Long: `Polls, stores, diagnoses, shows and forwards the wells of a configuration until SIGTERM.

SIGHUP (systemctl reload) has the file read again while everything goes on; a bad file
changes nothing and is told on the page. Where the file is bad at the start, the last
good one runs, which is kept in the data folder.`,
		Example: `  wellkeeper run -c /etc/wellkeeper/wellkeeper.yaml`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runAppliance(cmd.Context(), streams, file)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "/etc/wellkeeper/wellkeeper.yaml", "the configuration file")
	return cmd
}

func runAppliance(ctx context.Context, streams Streams, file string) error {
	// From here on a SIGHUP that comes early waits and does not kill.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	o := appliance.Options{Version: version, SetLogLevel: setLogLevel}
	var err error
	o.Config, err = config.Load(file, configOptions())
	if err != nil {
		if err = useLastGood(&o, file, err); err != nil {
			return err
		}
	}
	log, logged := startLog(ctx, streams.Err, o.Config.Log)
	defer logged()
	o.Log = log
	setLogLevel(o.Config.Log.Level)
	app, err := appliance.New(ctx, o)
	if err != nil && o.Refused == nil && ctx.Err() == nil {
		// It reads well, but cannot be carried out, such as an address that this box has not.
		if useLastGood(&o, file, err) == nil {
			if other, otherErr := appliance.New(ctx, o); otherErr == nil {
				app, err = other, nil
			}
		}
	}
	if err != nil {
		return err
	}
	setLogLevel(o.Config.Log.Level)
	logRemarks(o.Log, o.Config)
	fmt.Fprintf(streams.Out, "Wellkeeper: %s\n", app.URL())

	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { reloadOn(watching, hangups, app, file, o.Log) })
	err = app.Run(ctx)
	stop()
	watch.Wait()
	return err
}

// useLastGood puts the last good configuration in the place of the one in file, which
// gave the error refused. Without one that error is returned.
func useLastGood(o *appliance.Options, file string, refused error) error {
	cfg, taken, err := config.LastGood(file, configOptions())
	if errors.Is(err, config.ErrNoneKept) {
		return refused
	}
	if err != nil {
		return errors.Join(refused, err)
	}
	o.Config, o.Refused, o.Kept = cfg, refused, taken
	return nil
}

// reloadOn reads the file again at each hangup, until ctx ends.
func reloadOn(ctx context.Context, hangups <-chan os.Signal, app *appliance.App, file string, log zerolog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		done := app.Reloading()
		cfg, err := config.Load(file, configOptions())
		if err == nil {
			logRemarks(log, cfg)
			_, err = app.Reload(ctx, cfg)
		}
		if err != nil && ctx.Err() == nil {
			app.Refuse(ctx, err)
		}
		done()
	}
}

func logRemarks(log zerolog.Logger, cfg *config.Config) {
	for _, w := range cfg.Warnings {
		log.Warn().Str("component", "config").Str("remark", w).Msg("a remark on the configuration")
	}
}

// setLogLevel sets what this process logs. The level of the whole process is used, so
// that it can change for every component while they run.
func setLogLevel(level string) {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		l = zerolog.InfoLevel // the configuration was checked
	}
	zerolog.SetGlobalLevel(l)
}
