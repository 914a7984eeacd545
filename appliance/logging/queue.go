// Package logging is where log lines go: a bounded queue, so that no writer waits for
// a sink that is slow, stuck or full, and a file that is rotated within a total size.
// What cannot be written is dropped, counted and told in the log itself.
//
// It knows nothing of what is logged; appliance/command puts it under zerolog.
package logging

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// queueBytes bounds what waits for the sink: half a minute of the busiest log.
	queueBytes = 1 << 20
	// flushTime is how long the last lines may take at the end.
	flushTime = time.Second
)

// Queue takes lines and hands them to a sink in a goroutine of its own.
type Queue struct {
	sink  io.Writer
	limit int
	ready chan struct{} // holds a token while there is anything to write

	mu      sync.Mutex // guards what follows
	lines   [][]byte
	bytes   int
	dropped uint64 // since it was last told
	total   uint64
}

// NewQueue makes a queue in front of a sink. It starts nothing: lines wait for Run.
func NewQueue(sink io.Writer) *Queue {
	return &Queue{sink: sink, limit: queueBytes, ready: make(chan struct{}, 1)}
}

// Write takes one line and never waits. It always succeeds: what there is no room for
// is counted.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if q.bytes+len(line) > q.limit {
		q.dropped++
		q.total++
	} else {
		q.lines = append(q.lines, append([]byte(nil), line...))
		q.bytes += len(line)
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Dropped counts the lines that were not written since the start.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}

// Run writes lines until ctx ends, then what is left, for at most a second where the
// sink is stuck.
func (q *Queue) Run(ctx context.Context) {
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for {
			q.drain()
			select {
			case <-q.ready:
			case <-stop:
				q.drain()
				return
			}
		}
	}()
	<-ctx.Done()
	close(stop)
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C: // the goroutine ends with the process: nothing can take it out of a stuck write
	}
}

// drain writes everything that waits.
func (q *Queue) drain() {
	for {
		q.mu.Lock()
		lines, dropped := q.lines, q.dropped
		q.lines, q.bytes, q.dropped = nil, 0, 0
		q.mu.Unlock()
		if len(lines) == 0 && dropped == 0 {
			return
		}
		failed := uint64(0)
		for _, line := range lines {
			if _, err := q.sink.Write(line); err != nil {
				failed++
			}
		}
		// Lines that were refused while these waited came after them.
		if dropped += q.lost(failed); dropped == 0 {
			continue
		}
		if _, err := q.sink.Write(droppedLine(dropped)); err != nil {
			q.mu.Lock()
			q.dropped += dropped // told when the sink takes lines again
			idle := len(q.lines) == 0
			q.mu.Unlock()
			if idle {
				return
			}
		}
	}
}

// lost counts lines that the sink refused.
func (q *Queue) lost(n uint64) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total += n
	return n
}

func droppedLine(n uint64) []byte {
	return fmt.Appendf(nil, `{"level":"warn","component":"log","lines":%d,"time":%q,"message":"log lines could not be written and were dropped"}`+"\n",
		n, time.Now().UTC().Format(time.RFC3339))
}
