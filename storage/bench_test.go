package storage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/storage/storagetest"
)

func traceLayout(tb testing.TB) *esp.Layout {
	tb.Helper()
	l, err := storagetest.Layout(well)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// traced puts seconds of the realistic trace into history, up to the end.
func traced(tb testing.TB, s *storage.Store, end time.Time, seconds int) {
	tb.Helper()
	trace := storagetest.NewTrace(1)
	scan := &esp.Scan{Well: well, Layout: traceLayout(tb)}
	err := s.Bulk(tb.Context(), well, func(push func(*esp.Scan) error) error {
		for i := range seconds {
			trace.Scan(scan, end.Add(time.Duration(i-seconds)*time.Second))
			if err := push(scan); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatalf("bulk: %v", err)
	}
}

// benchConfig is the store as it is in the field.
func benchConfig(dir string) storage.Config {
	return storage.Config{Dir: dir, Now: func() time.Time { return start }, MaxPending: 1 << 30}
}

func BenchmarkAppend(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	trace := storagetest.NewTrace(1)
	scans := make([]esp.Scan, 600)
	for i := range scans {
		scans[i] = esp.Scan{Well: well, Layout: traceLayout(b)}
		trace.Scan(&scans[i], start)
	}
	n := 0
	for b.Loop() {
		scan := &scans[n%len(scans)]
		scan.Time = start.Add(time.Duration(n) * time.Second)
		if _, err := s.Append(b.Context(), scan); err != nil {
			b.Fatal(err)
		}
		if n++; n%20_000 == 0 { // keep the head as short as it is in the field
			b.StopTimer()
			if err := storage.Tick(s); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
}

func BenchmarkCommitOfFiveScans(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	trace := storagetest.NewTrace(1)
	scan := &esp.Scan{Well: well, Layout: traceLayout(b)}
	n := 0
	for b.Loop() {
		for range 5 {
			n++
			trace.Scan(scan, start.Add(time.Duration(n)*time.Second))
			mustAppend(b, s, scan)
		}
		if err := storage.Tick(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealOfAnHour(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	trace := storagetest.NewTrace(1)
	scan := &esp.Scan{Well: well, Layout: traceLayout(b)}
	n := 0
	for b.Loop() {
		b.StopTimer()
		for range 3600 {
			trace.Scan(scan, start.Add(time.Duration(n)*time.Second))
			mustAppend(b, s, scan)
			n++
		}
		mustSync(b, s)
		b.StartTimer()
		if err := storage.Tick(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBulkOfADay(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := open(b, benchConfig(b.TempDir()))
		b.StartTimer()
		traced(b, s, start, 86_400)
	}
	b.ReportMetric(86_400*storagetest.Columns*float64(b.N)/b.Elapsed().Seconds()/1e6, "Msamples/s")
}

func dayChart() storage.BucketQuery {
	return storage.BucketQuery{
		Well: well, Signals: []string{"drive_frequency", "motor_current", "intake_pressure", "discharge_pressure", "motor_temperature", "vibration_x"},
		From: start.Add(-24 * time.Hour), To: start, Width: 24 * time.Hour / 1500,
	}
}

func BenchmarkBucketsOfADay(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	traced(b, s, start, 86_400)
	for b.Loop() {
		if _, err := s.Buckets(b.Context(), dayChart()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRangeOfADay(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	traced(b, s, start, 86_400)
	for b.Loop() {
		for _, err := range s.Range(b.Context(), storage.Query{Well: well, Signals: []string{"motor_current"}}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkLatest(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	traced(b, s, start, 100)
	for b.Loop() {
		if _, ok := s.Latest(well); !ok {
			b.Fatal("there is none")
		}
	}
}

func BenchmarkOpenEightWeeks(b *testing.B) {
	cfg := benchConfig(b.TempDir())
	s := open(b, cfg)
	traced(b, s, start, 56*86_400)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := storage.Open(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// fastest is the shortest of some runs, in seconds: what the code takes when the
// machine lets it.
func fastest(runs int, fn func()) float64 {
	best := time.Duration(1<<63 - 1)
	for range runs {
		from := time.Now()
		fn()
		best = min(best, time.Since(from))
	}
	return best.Seconds()
}

// BenchmarkGoals measures the figures that are promised, once.
func BenchmarkGoals(b *testing.B) {
	cfg := benchConfig(b.TempDir())
	s := open(b, cfg)
	seconds := fastest(1, func() { traced(b, s, start, 86_400) })
	goal.Timed(b, "store.bulk-day-s", seconds, "s", 5)
	goal.Timed(b, "store.chart-24h-ms", 1000*fastest(5, func() {
		if _, err := s.Buckets(b.Context(), dayChart()); err != nil {
			b.Fatal(err)
		}
	}), "ms", 150)
	traced(b, s, start.Add(-24*time.Hour), 55*86_400)
	st := s.Status()
	goal.Exact(b, "store.bytes-per-sample", float64(st.HistoryBytes)/(56*86_400*storagetest.Columns), "B/sample", 0.34)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	goal.Timed(b, "store.open-8w-ms", 1000*fastest(3, func() {
		s, err := storage.Open(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}), "ms", 100)
	liveHour(b)
}

// liveHour polls for an hour with a commit every five seconds, on a file system of its
// own where that is possible, so that its device tells what was written.
func liveHour(b *testing.B) {
	b.Helper()
	dir, written := b.TempDir(), func() float64 { return 0 }
	if os.Getuid() == 0 {
		im := newImage(b, "mkfs.ext4", "-q")
		dir, written = im.at, func() float64 { return im.written(b) }
	}
	s := open(b, benchConfig(filepath.Join(dir, "data")))
	trace := storagetest.NewTrace(1)
	scan := &esp.Scan{Well: well, Layout: traceLayout(b)}
	trace.Scan(scan, start)
	mustAppend(b, s, scan)
	mustSync(b, s) // the first commit also writes the layout
	before := written()
	took := time.Duration(0)
	const n = 3600
	for i := 1; i <= n; i++ {
		trace.Scan(scan, start.Add(time.Duration(i)*time.Second))
		from := time.Now()
		mustAppend(b, s, scan)
		took += time.Since(from)
		if i%5 == 0 {
			if err := storage.Tick(s); err != nil {
				b.Fatal(err)
			}
		}
	}
	after := written()
	if s.Status().SealedBlocks == 0 {
		b.Error("the hour was not sealed")
	}
	goal.Timed(b, "store.append-us-per-scan", float64(took.Microseconds())/n, "us", 20)
	if after == before {
		b.Log("no device of our own: device bytes are measured as root only")
		return
	}
	goal.Exact(b, "store.device-bytes-per-sample-5s", (after-before)/(n*storagetest.Columns), "B/sample", 23)
}

// written is how many bytes have reached the image, its file system's own included.
func (im *image) written(tb testing.TB) float64 {
	tb.Helper()
	if err := command(tb, "sync", "-f", im.at); err != nil {
		tb.Fatal(err)
	}
	device, err := exec.Command("losetup", "-n", "-O", "NAME", "-j", im.file).Output()
	if err != nil {
		tb.Fatal(err)
	}
	stat, err := os.ReadFile("/sys/block/" + strings.TrimSpace(strings.TrimPrefix(string(device), "/dev/")) + "/stat")
	if err != nil {
		tb.Fatal(err)
	}
	sectors, err := strconv.ParseFloat(strings.Fields(string(stat))[6], 64)
	if err != nil {
		tb.Fatal(err)
	}
	return sectors * 512
}
