// Command serve puts the made-up well of webtest behind a real server, for the browser
// tests and for looking at the page in each of its states. Lines on its standard input
// change it while it runs: "state NAME", "value SIGNAL NUMBER", "scan on", "scan off".
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/web"
	"wellkeeper.internal/web/webtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT) //nolint:forbidigo // a program's own main
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a program's own main
	}
}

func run(ctx context.Context, args []string, in io.Reader) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8099", "address")
	state := flags.String("state", "live", strings.Join(webtest.States(), ", "))
	wells := flags.String("wells", "RB-114", "well ids, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	source := webtest.New(time.Now, strings.Split(*wells, ",")...)
	if err := source.Set(*state); err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	cfg := source.Config()
	cfg.Listener, cfg.Log = ln, zerolog.New(os.Stderr)
	server, err := web.New(cfg) //nolint:contextcheck // a request has its own
	if err != nil {
		return err
	}
	go scans(ctx, source)
	go commands(in, source)
	return server.Run(ctx)
}

func scans(ctx context.Context, source *webtest.Source) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			source.Tick()
		}
	}
}

func commands(in io.Reader, source *webtest.Source) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch f := strings.Fields(lines.Text()); {
		case len(f) == 2 && f[0] == "state":
			if err := source.Set(f[1]); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		case len(f) == 3 && f[0] == "value":
			if v, err := strconv.ParseFloat(f[2], 64); err == nil {
				source.Value(f[1], v)
			}
		case len(f) == 2 && f[0] == "scan":
			source.Still(f[1] == "off")
		}
	}
}
