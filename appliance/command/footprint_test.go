package command_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/storage"
)

// What the box is measured with: a month of one scan a second on its disk, the last
// hour of it in the journal, both profiles of the simulated well (more than the 40
// signals that the limits are for), the drive in another process, and a page open.
const (
	month     = 30 * 24 * time.Hour
	inJournal = time.Hour
	// warmUp lets the start pass, which plays a week of the past; cpuSpan is what the
	// processor time is taken over, settle what the memory is watched for after queries.
	warmUp  = 20 * time.Second
	cpuSpan = 75 * time.Second
	settle  = 5 * time.Second
)

// BenchmarkFootprint measures the real program from outside, once: its size, how long
// it takes to a served page, and what memory and processor time it takes while a pump
// is watched.
func BenchmarkFootprint(b *testing.B) {
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		b.Skipf("the figures are taken from Linux's /proc: %v", err)
	}
	size, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	goal.Exact(b, "app.binary-mb", float64(size.Size())/1e6, "MB", 25)

	drive := launch(b, "simulate", "--listen", "127.0.0.1:0")
	file := fieldBox(b, drive.url)
	mustFillMonth(b, file)
	page, scan := startMs(b, file)
	goal.Timed(b, "app.start-ms", page, "ms", 150)
	goal.Timed(b, "app.first-scan-ms", scan, "ms", 1000)

	box := launch(b, "run", "-c", file)
	defer box.stop()
	watch(b, box.url)
	look(b, box.url)
	pause(b, warmUp)
	polled, used, begin := stored(box), processorTime(b, box), time.Now()
	most := observe(b, box, cpuSpan)
	took := time.Since(begin)
	used, polled = processorTime(b, box)-used, stored(box)-polled
	if want := int(cpuSpan/time.Second) - 2; polled < want {
		b.Errorf("%d polls in %s, want at least %d", polled, took, want)
	}
	goal.Timed(b, "app.cpu-percent", 100*used.Seconds()/took.Seconds(), "%", 2)
	look(b, box.url)
	most = max(most, observe(b, box, settle))
	goal.Exact(b, "app.rss-anon-mb", most/1e6, "MB", 40)
	b.ReportMetric(memory(b, box, "VmHWM")/1e6, "peak-MB")
}

// observe lets the program run for a time and gives the most memory that it has held
// meanwhile.
func observe(tb testing.TB, p *program, d time.Duration) (most float64) {
	tb.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		most = max(most, memory(tb, p, "RssAnon"))
		pause(tb, time.Second/4)
	}
	return most
}

// fieldBox writes the configuration of a box that watches the simulated well and gives
// its file.
func fieldBox(tb testing.TB, drive string) string {
	tb.Helper()
	dir := tb.TempDir()
	file := filepath.Join(dir, "wellkeeper.yaml")
	text := fmt.Sprintf(`data: %s/data
web: {listen: 127.0.0.1:0, tls: off}
wells:
  - id: RB-114
    facts: {motor: induction, rated_current: 60 A, base_frequency: 60 Hz}
    limits:
      - {signal: motor_temperature, high: 300 degF}
      - {signal: intake_pressure, low: 450 psi}
    devices:
      - {name: drive, url: %[2]s, unit: 1, profile: simulated-drive, period: 1s}
      - {name: gauge, url: %[2]s, unit: 10, profile: simulated-gauge, period: 1s}
`, dir, drive)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// mustFillMonth gives the box of a configuration a past up to now, of the same
// simulated well, in blocks but for the last hour, which is still in the journal.
func mustFillMonth(tb testing.TB, file string) {
	tb.Helper()
	cfg, err := config.Load(file, config.Options{Profiles: configs.Profiles})
	if err != nil {
		tb.Fatal(err)
	}
	store, err := storage.Open(tb.Context(), storage.Config{Dir: cfg.Data})
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	recent := now.Add(-inJournal)
	next := scans(tb, &cfg.Wells[0], now.Add(-month))
	err = store.Bulk(tb.Context(), esp.WellID(cfg.Wells[0].ID), func(push func(*esp.Scan) error) error {
		for t := now.Add(-month); t.Before(recent); t = t.Add(time.Second) {
			if err := push(next(t)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	for t := recent; !t.After(now); t = t.Add(time.Second) {
		if _, err := store.Append(tb.Context(), next(t)); err != nil {
			tb.Fatal(err)
		}
		if t.Unix()%5 == 0 { // as often as the box commits
			if err := store.Sync(tb.Context()); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := store.Close(); err != nil {
		tb.Fatal(err)
	}
}

// scans makes what a poll of the simulated well would read at a time, one after the
// other.
func scans(tb testing.TB, well *config.Well, start time.Time) func(time.Time) *esp.Scan {
	tb.Helper()
	scenario, _ := sim.Find("normal")
	simulated, err := sim.NewWell(sim.Config{Seed: 1, Start: start, Scenario: scenario})
	if err != nil {
		tb.Fatal(err)
	}
	layout := wellLayout(tb, well)
	units := map[uint8]*profile.Profile{}
	for _, d := range well.Devices {
		units[*d.Unit] = d.Loaded
	}
	bank := sim.NewBank(units)
	scan := esp.Scan{Well: layout.Well, Layout: layout, Readings: make([]esp.Reading, len(layout.Columns))}
	return func(t time.Time) *esp.Scan {
		simulated.Advance(t)
		bank.Load(simulated)
		rest := scan.Readings
		for _, d := range well.Devices {
			d.Loaded.Decode(bank.Words(*d.Unit), rest[:len(d.Loaded.Points)])
			rest = rest[len(d.Loaded.Points):]
		}
		scan.Time = t.UTC()
		return &scan
	}
}

// wellLayout is the layout in which the box stores what it polls.
func wellLayout(tb testing.TB, well *config.Well) *esp.Layout {
	tb.Helper()
	var devices []modbus.Device
	for _, d := range well.Devices {
		devices = append(devices, modbus.Device{
			ID: esp.DeviceID(d.Name), URL: d.URL, Unit: *d.Unit, Profile: d.Loaded, Period: d.Period, Timeout: d.Timeout,
		})
	}
	poller, err := modbus.NewPoller(modbus.Config{
		Well: esp.WellID(well.ID), Devices: devices, Links: modbus.NewLinks(modbus.LinksConfig{}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return poller.Layout()
}

// reading is a value on the page of a well.
var reading = regexp.MustCompile(`data-v="[0-9.]+" data-u="kPa"`)

// startMs are the shortest of some starts, from nothing to a page with readings and to
// the first new reading of the drive.
func startMs(tb testing.TB, file string) (page, scan float64) {
	tb.Helper()
	best, first := time.Hour, time.Hour
	for range 5 {
		begin := time.Now()
		p := launch(tb, "run", "-c", file)
		for !reading.MatchString(fetch(tb, p.url+"/")) {
			if time.Since(begin) > 10*time.Second {
				tb.Fatal("no page with readings within 10 s")
			}
			pause(tb, time.Millisecond)
		}
		best = min(best, time.Since(begin))
		for !latest(p).After(begin) {
			if time.Since(begin) > 30*time.Second {
				tb.Fatal("no new reading within 30 s")
			}
			pause(tb, time.Millisecond)
		}
		first = min(first, time.Since(begin))
		p.stop()
	}
	return float64(best.Microseconds()) / 1000, float64(first.Microseconds()) / 1000
}

// latest is when the newest scan of the well was made.
func latest(p *program) time.Time {
	var l struct {
		Telemetry struct{ Timestamp time.Time }
	}
	p.get("/api/v1/telemetry/wells/RB-114/latest", &l)
	return l.Telemetry.Timestamp
}

// watch opens the live stream as a page does, until the end of the test.
func watch(tb testing.TB, url string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/live?parts=1&well=RB-114", http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // closed when the reader below has ended
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, response.Body)
	}()
	tb.Cleanup(func() {
		cancel()
		<-done
		_ = response.Body.Close()
	})
}

// look asks what a technician with a page and a headquarters with a script ask: the
// pages, a month of curves and a week of history, a few times each.
func look(tb testing.TB, url string) {
	tb.Helper()
	for range 3 {
		for _, path := range []string{
			"/", "/trends?range=7d", "/api/v1/wells/RB-114/latest",
			"/api/v1/wells/RB-114/series?range=24h", "/api/v1/wells/RB-114/series?range=30d",
			"/api/v1/telemetry/wells/RB-114/history?hours=6",
			"/api/v1/telemetry/wells/RB-114/history?hours=168",
			"/api/v1/telemetry/wells/RB-114/summary",
			"/api/v1/diagnostics/wells/RB-114/history?limit=100",
		} {
			fetch(tb, url+path)
		}
	}
}

// fetch reads a page to its end.
func fetch(tb testing.TB, url string) string {
	tb.Helper()
	response, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		tb.Fatalf("%s: %s %v", url, response.Status, err)
	}
	return string(body)
}

func pause(tb testing.TB, d time.Duration) {
	tb.Helper()
	select {
	case <-tb.Context().Done():
	case <-time.After(d):
	}
}

// processorTime is what the process has used, in user and system mode.
func processorTime(tb testing.TB, p *program) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	// The name in brackets may hold anything; utime and stime are fields 14 and 15, in
	// ticks of USER_HZ, which is 100 on every Linux that Go runs on.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// memory is a line of the process's status, in bytes.
func memory(tb testing.TB, p *program, name string) float64 {
	tb.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rest, found := strings.CutPrefix(lines.Text(), name+":")
		if !found {
			continue
		}
		kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			tb.Fatal(err)
		}
		return kb * 1024
	}
	tb.Fatalf("no %s in the status of the process", name)
	return 0
}
