// Package command holds the subcommands of the wellkeeper program, one file each. It
// reads flags and configuration, puts the components together through the appliance
// package, and turns errors into one line on stderr and an exit code.
//
// It may import everything; only main imports it.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Streams are the program's standard streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs the command that args name and returns the exit code: 0 done, 1 failed,
// 2 called wrongly. An error is one line on streams.Err; problems of a file are one
// line each.
func Main(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams) //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(streams.Err, "wellkeeper: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func newRoot(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "wellkeeper",
		Short: "Watches an electric submersible pump at the wellhead",
		Long: `Wellkeeper polls a pump's variable-speed drive and downhole gauge over Modbus, keeps
every reading, diagnoses the pump on the spot, shows a technician what is wrong and
what to do first, and forwards to headquarters when a link is up. It only reads: it
cannot start, stop or change a drive.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newRun(streams), newDemo(streams), newSimulate(streams), newProbe(streams),
		newCheck(streams), newProfile(streams), newReplay(streams), newScore(streams), newCentral(streams), newHealth(streams), newUser(streams), newVersion(streams),
	)
	return root
}

// noArgs and oneArg are cobra's own checks, marked as mistakes of usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return usageError{fmt.Errorf("unknown command %q; there are %s", args[0], subcommands(cmd))}
	}
	return usageError{fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])}
}

func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usageError{fmt.Errorf("%s takes one argument, %s; got %d", cmd.CommandPath(), what, len(args))}
	}
}

func subcommands(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}
