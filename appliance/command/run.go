package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
)

func newRun(streams Streams) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "run -c FILE",
		Short:   "Watch the wells of a configuration",
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
	cfg, err := config.Load(file, configOptions())
	if err != nil {
		return err
	}
	log, err := newLog(streams.Err, cfg.Log.Level)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		log.Warn().Str("component", "config").Str("remark", w).Msg("a remark on the configuration")
	}
	app, err := appliance.New(ctx, appliance.Options{Config: cfg, Version: version, Log: log})
	if err != nil {
		return err
	}
	fmt.Fprintf(streams.Out, "Wellkeeper: %s\n", app.URL())
	return app.Run(ctx)
}
