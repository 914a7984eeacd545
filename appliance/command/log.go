package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/logging"
)

// newLog writes JSON lines to w, or a console form where w is a terminal.
func newLog(w io.Writer, level string) (zerolog.Logger, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log level: %w", err)
	}
	return logger(w, isTerminal(w)).Level(l), nil
}

func logger(w io.Writer, terminal bool) zerolog.Logger {
	if terminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).With().Timestamp().Logger()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// startLog begins the log of an appliance: to the file of the configuration or to
// stderr, through a queue, so that a log that nobody takes away never holds up a poll.
// done writes what is left and must be called at the end.
func startLog(ctx context.Context, stderr io.Writer, c config.Log) (log zerolog.Logger, done func()) {
	sink, terminal := stderr, isTerminal(stderr)
	if c.File != "" {
		sink, terminal = &fileSink{file: logging.NewFile(c.File, int64(c.MaxTotal)), name: c.File, stderr: stderr}, false
	}
	queue := logging.NewQueue(sink)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wait sync.WaitGroup
	wait.Go(func() { queue.Run(ctx) })
	return logger(queue, terminal), func() {
		cancel()
		wait.Wait()
	}
}

// fileSink says on stderr when its file begins to refuse lines.
type fileSink struct {
	file    *logging.File
	name    string
	stderr  io.Writer
	refused bool
}

func (s *fileSink) Write(line []byte) (int, error) {
	n, err := s.file.Write(line)
	if err != nil && !s.refused {
		fmt.Fprintf(s.stderr, "wellkeeper: log.file %s: %v; lines are dropped until it can be written\n", s.name, err)
	}
	s.refused = err != nil
	return n, err
}
