package storage

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"wellkeeper.internal/storage/block"
)

// Sentinel errors.
var (
	// ErrClosed is returned by everything after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrLocked means that another process has the data folder open.
	ErrLocked = errors.New("the data folder is in use")
	// ErrFailed means that the disk refused a commit: nothing more is acknowledged,
	// and a restart of the process is the remedy.
	ErrFailed = errors.New("the disk failed")
	// ErrFull means that there is no space for more; the store recovers by itself
	// when there is.
	ErrFull = errors.New("no space for more readings")
	// ErrDamaged is wrapped by every DamageError.
	ErrDamaged = errors.New("damaged data")
	// ErrInvalid means that the caller handed in what cannot be stored.
	ErrInvalid = errors.New("cannot be stored")
)

// DamageError says what is damaged, where, and what to do about it.
type DamageError struct {
	File   string // path of the file
	Place  string // where in it, for people
	Remedy string
	Cause  error
}

// Error names the place and the remedy.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at %s: %v; %s", e.File, e.Place, e.Cause, e.Remedy)
}

// Unwrap makes errors.Is find ErrDamaged and the cause.
func (e *DamageError) Unwrap() []error { return []error{ErrDamaged, e.Cause} }

// guard runs fn, which reads or writes a memory-mapped bbolt file, and turns a panic
// of bbolt on a bad page and a fault on a missing one into a DamageError. bbolt has
// no checksums on its pages, so both happen on damaged files.
func guard(file, place string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damagedFile(file, place, fmt.Errorf("%v", r))
		}
	}()
	return fn()
}

func damagedFile(file, place string, cause error) *DamageError {
	return &DamageError{File: file, Place: place, Cause: cause, Remedy: "keep the file for salvage; readings in it are missing until then"}
}

// isDamage reports whether err speaks of damaged bytes rather than of a failed disk.
func isDamage(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, block.ErrDamaged)
}

// isFull reports whether err says that the disk or a quota is full.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrFull)
}

// explain adds to an error at start what the operator can do about it.
func explain(dir string, err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("data folder %s: %w: the disk is full; free some space or set data: to a folder on another disk", dir, err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("data folder %s: %w: give the user that runs wellkeeper the right to write there, or set data: to another folder", dir, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("data folder %s: %w: the disk is mounted read-only; check it (dmesg, fsck) and mount it for writing", dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("data folder %s: %w: a file stands in its place; set data: to a folder", dir, err)
	}
	return fmt.Errorf("data folder %s: %w", dir, err)
}
