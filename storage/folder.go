package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lockName    = "lock"
	journalName = "journal"
	stateName   = "state.db"
	historyName = "history"
	damagedMark = ".damaged-"
	tempSuffix  = ".new"

	folderMode = 0o750
	fileMode   = 0o600
)

// prepare makes the data folder and its parts and removes half-made files of a first
// start that was cut short.
func prepare(dir string) error {
	history := filepath.Join(dir, historyName)
	if err := os.MkdirAll(history, folderMode); err != nil {
		return err
	}
	for _, folder := range []string{dir, history} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), tempSuffix) {
				if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lockFolder makes this process the only one that has the folder open. The lock ends
// with the process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(path)
		closing := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("%w by another wellkeeper (process %s); stop that one first, or give this one its own folder", ErrLocked, strings.TrimSpace(string(owner))), closing)
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), closing)
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncDir makes created and renamed names durable.
func syncDir(dir string) (err error) {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// install gives a finished temporary file its name for good.
func install(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// quarantine sets a damaged file aside under a name that says so, and returns the name.
func quarantine(path string, now time.Time) (string, error) {
	base := path + damagedMark + now.UTC().Format("20060102T150405")
	aside := base
	for i := 2; ; i++ {
		_, err := os.Lstat(aside)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		aside = base + "-" + strconv.Itoa(i)
	}
	return aside, install(path, aside)
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
