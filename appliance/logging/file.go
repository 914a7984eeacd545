package logging

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// parts is into how many pieces the total size is cut: the file in use, one being
	// compressed, and the compressed old ones.
	parts = 8
	// lookEvery is how often it is checked whether somebody moved the file away.
	lookEvery = time.Minute
)

// File is a log file and its old parts in the same folder: NAME, NAME.000041.gz and so
// on, rising. All together they stay within a total size, the oldest going first. It
// is for one goroutine.
type File struct {
	name  string
	total int64

	file   *os.File
	size   int64
	looked time.Time
}

// NewFile makes a log file of that name; all its parts together take total bytes at
// most. Nothing is opened before the first line.
func NewFile(name string, total int64) *File { return &File{name: name, total: total} }

// Write writes a line whole or not at all. Where the disk is full, old parts are given
// up for it.
func (f *File) Write(line []byte) (int, error) {
	if err := f.ready(int64(len(line))); err != nil {
		return 0, err
	}
	err := f.append(line)
	for errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		if f.giveUp() != nil {
			break
		}
		err = f.append(line)
	}
	if err != nil {
		return 0, err
	}
	return len(line), nil
}

// append writes at the end; what was written in part is taken back.
func (f *File) append(line []byte) error {
	n, err := f.file.Write(line)
	if err == nil {
		f.size += int64(n)
		return nil
	}
	if back := f.file.Truncate(f.size); back != nil {
		f.close()
	}
	return fmt.Errorf("write log: %w", err)
}

// ready opens the file, or a new one where the present one is full or gone.
func (f *File) ready(more int64) error {
	if f.file != nil && time.Since(f.looked) >= lookEvery && f.moved() {
		f.close()
	}
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size == 0 || f.size+more <= f.total/parts {
		return nil
	}
	f.close()
	if err := f.rotate(); err != nil {
		return fmt.Errorf("rotate log: %w", err)
	}
	return f.open()
}

func (f *File) open() error {
	if err := os.MkdirAll(filepath.Dir(f.name), 0o750); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	file, err := os.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open log: %w", errors.Join(err, file.Close()))
	}
	f.file, f.size, f.looked = file, info.Size(), time.Now()
	return nil
}

// moved reports whether another file, or none, has the name now.
func (f *File) moved() bool {
	f.looked = time.Now()
	now, err := os.Stat(f.name)
	if err != nil {
		return true
	}
	open, err := f.file.Stat()
	return err != nil || !os.SameFile(now, open)
}

func (f *File) close() {
	_ = f.file.Close() // every line was written as it came
	f.file, f.size = nil, 0
}

// old lists the old parts, oldest first, and the number of the newest. What an
// interrupted compression left is removed.
func (f *File) old() (names []string, newest int, err error) {
	all, err := filepath.Glob(escape(f.name) + ".*")
	if err != nil {
		return nil, 0, err
	}
	for _, name := range all {
		rest := strings.TrimPrefix(name, f.name+".")
		number, gz := strings.CutSuffix(rest, ".gz")
		n, bad := strconv.Atoi(number)
		switch {
		case bad == nil && len(number) >= 6:
			names, newest = append(names, name), max(newest, n)
			if plain := f.name + "." + number; gz { // compressed, and not removed before a stop
				_ = os.Remove(plain)
				names = slices.DeleteFunc(names, func(s string) bool { return s == plain })
			}
		case strings.HasSuffix(rest, ".gz.new"):
			_ = os.Remove(name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return f.number(a) - f.number(b) })
	return names, newest, nil
}

// number is that of an old part.
func (f *File) number(name string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, f.name+"."), ".gz"))
	return n
}

// escape keeps a name from being read as a pattern.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// rotate puts the file away, compressed where there is room for that, and keeps all
// parts within the total, with room for the next file.
func (f *File) rotate() error {
	names, newest, err := f.old()
	if err != nil {
		return err
	}
	part := fmt.Sprintf("%s.%06d", f.name, newest+1)
	if err := os.Rename(f.name, part); err != nil {
		return err
	}
	// Beside the old ones: this part, its compressed form while both are there, the next file.
	room := f.total - 3*(f.total/parts)
	if err := within(names, room); err != nil {
		return err
	}
	_ = compress(part) // uncompressed it is as good, and counts in the total
	return nil
}

// within removes the oldest until the rest is small enough.
func within(names []string, room int64) error {
	sizes := make([]int64, len(names))
	var sum int64
	for i, name := range names {
		if info, err := os.Stat(name); err == nil {
			sizes[i] = info.Size()
			sum += sizes[i]
		}
	}
	for i, name := range names {
		if sum <= room {
			return nil
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		sum -= sizes[i]
	}
	return nil
}

// compress puts NAME.gz in the place of NAME.
func compress(name string) (err error) {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	unfinished := name + ".gz.new"
	out, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return errors.Join(os.Rename(unfinished, name+".gz"), os.Remove(name))
}

// giveUp removes the oldest part, for the sake of a line that has no room.
func (f *File) giveUp() error {
	names, _, err := f.old()
	if err != nil {
		return err
	}
	if len(names) == 0 || f.file == nil {
		return fs.ErrNotExist
	}
	return os.Remove(names[0])
}
