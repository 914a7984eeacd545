package storage

import (
	"context"
	"errors"
	"time"
)

const (
	// sealFrom is how many rows in closed chunks are worth a sealing at once; fewer
	// wait for sealWait.
	sealFrom = 600
	sealWait = time.Hour
	// idleHours: a chunk of a well that is polled no more is sealed after so long.
	idleHours = 2
	// rotateAt is how full a journal half may become before the roles change; when an
	// hour has just ended, which is the best time, half of that is enough.
	rotateAt  = 0.75
	diskEvery = time.Minute
)

// Run makes scans durable every CommitEvery, seals hours that have ended and writes
// gap records, until ctx is cancelled; then it commits once more and returns nil. An
// error wraps ErrFailed: the disk failed, nothing more is acknowledged, and restarting
// the process is the remedy. A full disk is no error: Run goes on trying.
func (s *Store) Run(ctx context.Context) error {
	timer := time.NewTicker(s.cfg.CommitEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return fatal(s.Sync(context.WithoutCancel(ctx)))
		case <-s.failing:
		case <-timer.C:
		}
		if err := fatal(s.tick()); err != nil {
			return err
		}
		s.turns.Add(1)
	}
}

// Turns counts how often Run has done what it does every CommitEvery, whether the disk
// took it or was full. It stands still while a disk holds Run up, and never waits itself.
func (s *Store) Turns() uint64 { return s.turns.Load() }

// fatal keeps only the errors after which the store cannot go on.
func fatal(err error) error {
	if err == nil || errors.Is(err, ErrClosed) || errors.Is(err, ErrFull) && !errors.Is(err, ErrFailed) {
		return nil
	}
	return err
}

func (s *Store) tick() error {
	err := s.commit()
	switch {
	case errors.Is(err, errHalfFull) || s.journalFill() > rotateAt:
		err = s.rotate()
	case err == nil && s.sealDue():
		if err = s.sealNow(); err == nil && s.journalFill() > rotateAt/2 {
			err = s.rotate()
		}
	}
	err = errors.Join(err, s.writeGaps())
	s.mu.Lock()
	due := s.cfg.Now().Sub(s.lastDisk).Abs() >= diskEvery
	s.mu.Unlock()
	if due {
		s.watchDisk()
	}
	return err
}

func (s *Store) journalFill() float64 {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.journal.fill()
}

// sealDue closes chunks that take no more rows and reports whether enough of them
// wait for being sealed.
func (s *Store) sealDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	rows, old := 0, false
	for _, w := range s.wells {
		for _, c := range w.chunks {
			idle := floorHour(now.UnixMilli()) - floorHour(c.times[c.rows()-1])
			c.closed = c.closed || idle >= idleHours
			if c.closed {
				rows += c.rows()
				old = old || c.old
			}
		}
	}
	return old || rows >= sealFrom || rows > 0 && now.Sub(s.sealedAt).Abs() >= sealWait
}

func (s *Store) sealNow() error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	s.mu.Lock()
	s.sealedAt = s.cfg.Now()
	s.mu.Unlock()
	return s.sealClosed()
}
