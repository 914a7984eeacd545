package storage_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

// needRoot skips a test that mounts file systems where that is not possible.
func needRoot(tb testing.TB, tools ...string) {
	tb.Helper()
	if os.Getuid() != 0 {
		tb.Skip("skipped: mounting a file system needs root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Skipf("skipped: %s is not installed (make deps installs it)", tool)
		}
	}
}

func command(tb testing.TB, name string, args ...string) error {
	tb.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(string(out))))
	}
	return nil
}

// image is a file system in a file, mounted at a folder.
type image struct{ file, at string }

func newImage(tb testing.TB, mkfs ...string) *image {
	tb.Helper()
	dir := tb.TempDir()
	im := &image{file: filepath.Join(dir, "image"), at: filepath.Join(dir, "mnt")}
	if err := os.WriteFile(im.file, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Truncate(im.file, 320<<20); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(im.at, 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := command(tb, mkfs[0], append(mkfs[1:], im.file)...); err != nil {
		tb.Fatalf("%v: %v", mkfs, err)
	}
	if err := im.mount(tb); err != nil {
		tb.Skipf("skipped: loop images cannot be mounted here: %v", err)
	}
	tb.Cleanup(func() { _ = command(tb, "umount", "-l", im.at) })
	return im
}

func (im *image) mount(tb testing.TB) error {
	tb.Helper()
	return command(tb, "mount", "-o", "loop", im.file, im.at)
}

// A file system that dies under the store, with everything in its cache, loses
// nothing that was acknowledged: the promise rests on the syncs alone.
func TestForcedShutdown(t *testing.T) {
	needRoot(t, "mkfs.ext4", "mkfs.xfs", "xfs_io", "losetup")
	for name, mkfs := range map[string][]string{"ext4": {"mkfs.ext4", "-q"}, "xfs": {"mkfs.xfs", "-q"}} {
		t.Run(name, func(t *testing.T) {
			im := newImage(t, mkfs...)
			c := newCampaign(t, filepath.Join(im.at, "data"))
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 2))
			n := rounds(4, 500)
			for round := range n {
				wait := time.Duration(20+r.IntN(400)) * time.Millisecond
				c.life(t, round, wait, func(cmd *exec.Cmd) {
					if err := command(t, "xfs_io", "-x", "-c", "shutdown", im.at); err != nil {
						t.Fatalf("shutdown: %v", err)
					}
					_ = cmd.Process.Kill()
				})
				if err := command(t, "umount", im.at); err != nil {
					t.Fatalf("umount: %v", err)
				}
				if err := im.mount(t); err != nil {
					t.Fatalf("mount again: %v", err)
				}
				c.check(t, round, round%25 == 0 || round == n-1)
			}
			t.Logf("%d shutdowns: %d scans acknowledged, %d in the store", n, len(c.scans), len(c.seen))
			if len(c.scans) < n {
				t.Errorf("only %d scans were acknowledged: the campaign proves nothing", len(c.scans))
			}
		})
	}
}

// tmpfs mounts a small file system that fills up.
func tmpfs(tb testing.TB, size string) string {
	tb.Helper()
	needRoot(tb, "mount")
	dir := tb.TempDir()
	if err := command(tb, "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir); err != nil {
		tb.Skipf("skipped: a tmpfs cannot be mounted here: %v", err)
	}
	tb.Cleanup(func() { _ = command(tb, "umount", "-l", dir) })
	return dir
}

// stuff takes all space of the file system.
func stuff(tb testing.TB, dir string) (remove func()) {
	tb.Helper()
	path := filepath.Join(dir, "stuff")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	zeros := make([]byte, page)
	for err == nil {
		_, err = f.Write(zeros)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		tb.Fatalf("fill the disk: %v", err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			tb.Fatal(err)
		}
	}
}

// On a disk that is full for hours the journal keeps what it can hold, the rest is
// counted; when there is space again all that was kept goes to history by itself.
func TestDiskFull(t *testing.T) {
	dir := tmpfs(t, "8m")
	data := filepath.Join(dir, "data")
	cfg := config(data)
	cfg.JournalBytes, cfg.MaxPending = 64*page, 500
	s := open(t, cfg)
	l := small(t, well)
	n := 0
	poll := func(count int) {
		t.Helper()
		for range count {
			n++
			mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*5*time.Second)))
			if n%5 != 0 {
				continue
			}
			if err := storage.Tick(s); err != nil && !errors.Is(err, storage.ErrFull) {
				t.Fatalf("tick: %v, want nil or ErrFull", err)
			}
		}
	}
	poll(100)
	free := stuff(t, dir)
	poll(3000)
	st := s.Status()
	durable := s.Durable(well)
	// Each half takes some 62 commits of five scans, and both are used.
	if st.Failed || !st.Full || durable < 550 || st.Lost == 0 {
		t.Errorf("durable %d, status %+v; want full, some durable by the journal, some lost", durable, st)
	}
	if uint64(st.Wells[0].Pending) != st.Wells[0].Last-durable || st.Wells[0].Pending > 500 {
		t.Errorf("%d pending, last %d, durable %d", st.Wells[0].Pending, st.Wells[0].Last, durable)
	}
	if _, err := s.AppendRecord(t.Context(), event(t, well, 1)); err != nil && !errors.Is(err, storage.ErrFull) {
		t.Errorf("a record on the full disk: %v, want nil or ErrFull", err)
	}
	free()
	poll(200)
	mustSync(t, s)
	after := s.Status()
	if after.Full || after.Lost < st.Lost || after.Wells[0].Pending != 0 {
		t.Errorf("status %+v after there was space; want recovered", after)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	kept := 0
	for _, scan := range scans(t, s, 1, math.MaxUint64) {
		at := int(scan.Time.Sub(start) / (5 * time.Second))
		want := made(l, at, scan.Time)
		want.Seq = scan.Seq
		if diff := sameScan(want, &scan); diff != "" {
			t.Fatalf("scan %d (-want +got):\n%s", scan.Seq, diff)
		}
		kept++
	}
	if kept+int(after.Lost) != n {
		t.Errorf("%d kept, %d lost, %d polled: some are neither", kept, after.Lost, n)
	}
	lost := uint64(0)
	for _, g := range gaps(t, s) {
		if g.Reason == esp.GapStoreFailed {
			lost += g.Lost
		}
	}
	if lost != after.Lost {
		t.Errorf("gap records explain %d lost scans of %d", lost, after.Lost)
	}
}

// A start on a full disk says so, leaves nothing half made, and works when there is
// space; a store that exists opens on a full disk.
func TestStartOnAFullDisk(t *testing.T) {
	dir := tmpfs(t, "8m")
	data := filepath.Join(dir, "data")
	cfg := config(data)
	free := stuff(t, dir)
	if _, err := storage.Open(t.Context(), cfg); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), data) {
		t.Errorf("error %v, want one that names the folder and ENOSPC", err)
	}
	free()
	s := open(t, cfg)
	fill(t, s, small(t, well), start, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	free = stuff(t, dir)
	defer free()
	s = open(t, cfg)
	mustAppend(t, s, made(small(t, well), 11, start.Add(time.Minute)))
	mustSync(t, s)
	if got := s.Durable(well); got != 11 {
		t.Errorf("durable %d on the full disk, want 11: the journal needs no space", got)
	}
}

// A folder that may not be written to is one clear error.
func TestStartInAFolderThatIsReadOnly(t *testing.T) {
	dir := tmpfs(t, "1m")
	if err := command(t, "mount", "-o", "remount,ro", dir); err != nil {
		t.Skipf("skipped: a tmpfs cannot be made read-only here: %v", err)
	}
	if _, err := storage.Open(t.Context(), config(filepath.Join(dir, "data"))); !errors.Is(err, syscall.EROFS) {
		t.Errorf("error %v, want EROFS", err)
	}
}
