// Command wellkeeper watches an electric submersible pump at the wellhead: it polls
// the drive and the downhole gauge over Modbus, keeps every reading, diagnoses the
// pump on the spot, shows a technician what is wrong, and forwards to headquarters.
//
// main handles signals and the exit code; the commands live in appliance/command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"wellkeeper.internal/appliance/command"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal drains; with the handler gone, a second one kills.
	context.AfterFunc(ctx, stop)
	return command.Main(ctx, os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}
