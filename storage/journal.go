package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"wellkeeper.internal/appliance/esp"
)

// disk is the part of a file that the journal writes through.
type disk interface {
	io.WriterAt
	io.Closer
	// Datasync returns when everything written is on the disk.
	Datasync() error
}

// datafile is a disk over a real file whose length never changes, so that fdatasync
// writes the data pages and nothing else.
type datafile struct{ *os.File }

func (f datafile) Datasync() error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// journal is a preallocated file of two halves. Commits go to the active half, one
// page-aligned frame after the other; the other half is kept until everything in it
// is sealed in history, then the roles change. It is guarded by Store.writing.
type journal struct {
	file disk
	path string
	half int64
	// active is 0 or 1, at is where its next frame goes.
	active int
	at     int64
	// generation of the active half, number of its last frame.
	generation uint64
	number     uint64
	// layouts of which the active half holds the description.
	layouts map[esp.LayoutID]bool
	written uint64
	commits uint64
}

// createJournal makes the file under a temporary name, every page written once, so
// that later commits need neither space nor metadata.
func createJournal(path string, half int64, epoch uint64) (err error) {
	temp := path + tempSuffix
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp)) // give the space back
		}
	}()
	for at := int64(0); at < 2*half && err == nil; at += int64(len(zeros)) {
		_, err = f.WriteAt(zeros[:min(int64(len(zeros)), 2*half-at)], at)
	}
	if err == nil {
		_, err = f.WriteAt(appendHead(nil, &head{generation: 1, epoch: epoch, half: uint64(half)}), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	return install(temp, path)
}

// begin starts the other half, with the heads of all wells. The frames that follow
// are written and synced together with it by the caller's next write.
func (j *journal) begin(epoch uint64, next map[esp.WellID]uint64) error {
	other := 1 - j.active
	b := appendHead(nil, &head{generation: j.generation + 1, epoch: epoch, half: uint64(j.half), next: next})
	if int64(len(b)) > j.half/2 {
		return fmt.Errorf("journal: the heads of %d wells do not fit: %w", len(next), ErrFull)
	}
	if _, err := j.file.WriteAt(b, int64(other)*j.half); err != nil {
		return fmt.Errorf("begin journal half: %w", err)
	}
	j.written += uint64(len(b))
	j.active, j.at, j.number = other, int64(len(b)), 0
	j.generation++
	j.layouts = make(map[esp.LayoutID]bool)
	return nil
}

// fits reports whether n more bytes fit into the active half.
func (j *journal) fits(n int) bool { return j.at+int64(n) <= j.half }

// fill is how full the active half is, 0 to 1.
func (j *journal) fill() float64 { return float64(j.at) / float64(j.half) }

// write makes the frames in b durable: frames of them, beginning with the one after
// the last.
func (j *journal) write(b []byte, frames int) error {
	if _, err := j.file.WriteAt(b, int64(j.active)*j.half+j.at); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	if err := j.file.Datasync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.at += int64(len(b))
	j.number += uint64(frames)
	j.written += uint64(len(b))
	j.commits++
	return nil
}

// piece is one item of the journal as it was found at start.
type piece struct {
	kind byte
	body []byte
	old  bool // from the older half
}

// replayed is what a journal holds.
type replayed struct {
	pieces []piece
	next   map[esp.WellID]uint64
	torn   bool   // the last frame is not complete
	lost   uint64 // scans known to be in torn or damaged frames
	// damaged frames lie between whole ones: they were durable once.
	damaged int
}

// openJournal reads the file and finds the place of the next frame. An error that
// wraps ErrDamaged means that the file cannot be used at all.
func openJournal(path string) (*journal, *replayed, error) {
	f, err := os.OpenFile(path, os.O_RDWR, fileMode)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{file: datafile{f}, path: path, layouts: make(map[esp.LayoutID]bool)}
	r, err := j.replay(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return j, r, nil
}

// halfScan is what one half holds.
type halfScan struct {
	head       head
	headOK     bool
	generation uint64
	frames     []frame
	end        int // where the next frame goes
	number     uint64
	torn       bool
	tornScans  uint32
}

func (j *journal) replay(f *os.File) (*replayed, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	size := info.Size()
	if size < 2*minJournal || size > 2*maxJournal || size%(2*pageSize) != 0 {
		return nil, damagedFile(j.path, "its length", fmt.Errorf("%d bytes", size))
	}
	j.half = size / 2
	var halves [2]halfScan
	for i := range halves {
		if halves[i], err = scanHalf(&window{file: f, base: int64(i) * j.half, size: int(j.half)}); err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
	}
	if halves[0].generation == 0 && halves[1].generation == 0 {
		return nil, damagedFile(j.path, "both halves", errors.New("neither a head nor a whole frame"))
	}
	if halves[1].generation > halves[0].generation {
		j.active = 1
	}
	newer, older := &halves[j.active], &halves[1-j.active]
	j.generation, j.number, j.at = newer.generation, newer.number, int64(newer.end)
	out := &replayed{next: make(map[esp.WellID]uint64)}
	out.add(older, true)
	out.add(newer, false)
	for _, p := range out.pieces {
		if p.kind == itemLayout && !p.old {
			if layout, err := esp.ParseLayout(p.body); err == nil {
				j.layouts[layout.ID()] = true
			}
		}
	}
	return out, nil
}

// scanHalf finds the frames of the newest generation in a half. Frames begin at whole
// pages, so a damaged one hides none behind it.
func scanHalf(w *window) (s halfScan, err error) {
	at := pageSize
	first, err := w.head()
	if err != nil {
		return s, err
	}
	if h, size, ok := parseHead(first); ok {
		s.head, s.headOK, s.generation, at = h, true, h.generation, size
	}
	s.end = at
	for at < w.size {
		b, err := w.frame(at)
		if err != nil {
			return s, err
		}
		f, headerOK, ok := parseFrame(b)
		if headerOK && f.generation > s.generation && !s.headOK {
			s.generation, s.frames, s.number = f.generation, nil, 0
		}
		switch {
		case !headerOK && at == s.end && string(b[:len(frameMagic)]) == frameMagic:
			s.torn = true // begun, but not even its header is whole
			at += pageSize
			continue
		case !headerOK || f.generation != s.generation || f.number <= s.number:
			at += pageSize
			continue
		case !ok:
			s.torn, s.tornScans = true, f.scans
			at += pageSize
			continue
		}
		f.payload = slices.Clone(f.payload)
		s.torn, s.tornScans = false, 0
		s.number = f.number
		s.frames = append(s.frames, f)
		at += pages(frameHeader + len(f.payload))
		s.end = at
	}
	return s, nil
}

// add takes over what a half holds. Missing frame numbers were damaged.
func (r *replayed) add(s *halfScan, old bool) {
	for well, next := range s.head.next {
		r.next[well] = max(r.next[well], next)
	}
	expected := uint64(1)
	for _, f := range s.frames {
		r.damaged += int(min(f.number-expected, 1<<20))
		expected = f.number + 1
		for rest := f.payload; len(rest) > 0; {
			kind, body, after, ok := cutItem(rest)
			if !ok {
				r.damaged++
				break
			}
			r.pieces = append(r.pieces, piece{kind, body, old})
			rest = after
		}
	}
	if s.torn {
		r.torn = true
		r.lost += uint64(s.tornScans)
	}
}

func (j *journal) close() error {
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("close journal %s: %w", filepath.Base(j.path), err)
	}
	return nil
}
