package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
)

func newCheck(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a configuration and the profiles that it names",
		Long: `Reads the configuration and the device profiles that it names and lists every mistake
with file, line and column. Nothing is started, nothing is connected.`,
		Args: oneArg("the configuration file"),
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0], configOptions())
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintf(streams.Err, "wellkeeper: %s\n", w)
			}
			devices := 0
			for _, w := range cfg.Wells {
				devices += len(w.Devices)
			}
			_, err = fmt.Fprintf(streams.Out, "%s: good; wells: %d, devices: %d\n", args[0], len(cfg.Wells), devices)
			return err
		},
	}
}

func configOptions() config.Options {
	return config.Options{Env: os.Environ(), Profiles: configs.Profiles, Port: modbus.Port}
}
