package storage

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// Config says where the store lives and how it works.
type Config struct {
	// Dir is the data folder; it is created if missing. Required.
	Dir string
	// CommitEvery is how long a scan waits at most before it is made durable:
	// 5 s where zero, at least 100 ms.
	CommitEvery time.Duration
	// JournalBytes is the size of one of the journal's two halves when it is first
	// created; it must hold about an hour of commits, of one 4 KiB page each for one
	// well. Zero: 8 MiB, more for short commit intervals.
	JournalBytes int64
	// MaxPending is how many scans per well wait in memory for a disk that does not
	// take them, before further ones are counted as lost. Zero: 3600.
	MaxPending int
	// Log takes the store's messages. The zero Logger writes nothing.
	Log zerolog.Logger
	// Now is the wall clock; time.Now where nil. Scans carry their own time.
	Now func() time.Time
}

const (
	pageSize       = 4096
	minCommitEvery = 100 * time.Millisecond
	minJournal     = 64 * pageSize
	maxJournal     = 1 << 30
)

func (c *Config) withDefaults() (Config, error) {
	out := *c
	out.CommitEvery = cmp.Or(out.CommitEvery, 5*time.Second)
	out.MaxPending = cmp.Or(out.MaxPending, 3600)
	if out.Now == nil {
		out.Now = time.Now
	}
	if out.JournalBytes == 0 {
		// Twice an hour of commits of one page, so that an hour of several wells fits too.
		out.JournalBytes = max(8<<20, int64(2*time.Hour/max(out.CommitEvery, minCommitEvery))*pageSize)
	}
	out.JournalBytes = (out.JournalBytes + pageSize - 1) / pageSize * pageSize
	switch {
	case out.Dir == "":
		return out, errors.New("open store: Dir is missing")
	case out.CommitEvery < minCommitEvery:
		return out, fmt.Errorf("open store: CommitEvery is %v, at least %v is needed", out.CommitEvery, minCommitEvery)
	case out.JournalBytes < minJournal || out.JournalBytes > maxJournal:
		return out, fmt.Errorf("open store: JournalBytes is %d, it must lie between %d and %d", out.JournalBytes, minJournal, maxJournal)
	case out.MaxPending < 1:
		return out, fmt.Errorf("open store: MaxPending is %d, at least 1 is needed", out.MaxPending)
	}
	return out, nil
}
