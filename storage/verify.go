package storage

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Verification is what Verify has seen.
type Verification struct {
	Blocks, Damaged int
	Scans           uint64 // in whole blocks
	Bytes           int64
}

// Verify reads every sealed block through its checksums, as it was when Verify began.
// A damaged one is left out from then on, with a gap record that says so, as when a
// reader meets it. After each block pause is told how long that took and can wait, so
// that the disk and the processor remain free for polling; an error of it ends Verify
// and is returned, like that of a disk which cannot be read.
func (s *Store) Verify(ctx context.Context, pause func(ctx context.Context, took time.Duration) error) (Verification, error) {
	var v Verification
	var r reader
	for _, id := range s.Wells() {
		s.mu.Lock()
		parts := s.parts(s.well(id), false)
		s.mu.Unlock()
		parts = slices.DeleteFunc(parts, func(p part) bool { return p.head != nil })
		for i := range parts {
			if err := s.readable(); err != nil {
				return v, fmt.Errorf("verify: %w", err)
			}
			begin := time.Now()
			if err := s.verify(&r, &parts[i], &v); err != nil {
				return v, fmt.Errorf("verify: %w", err)
			}
			if err := pause(ctx, time.Since(begin)); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

func (s *Store) verify(r *reader, p *part, v *Verification) error {
	v.Blocks++
	v.Bytes += int64(p.entry.size)
	_, err := r.load(s, p, nil)
	switch {
	case err == nil:
		v.Scans += p.last - p.first + 1
	case isDamage(err):
		v.Damaged++
		s.noteDamage(p, err)
	default:
		return err
	}
	return nil
}
