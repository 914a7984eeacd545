package web_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/storage/storagetest"
)

const benchProfile = `{schema: esp-profile/1, id: d, kind: drive, defaults: {fc: 3, base: 0}, points: [{name: drive_frequency, ref: 0, type: u16, scale: 0.01, unit: Hz}]}`

// stored fills a data folder with days of 40 signals at one scan a second, up to now.
func stored(b *testing.B, dir string, days int) {
	b.Helper()
	store, err := storage.Open(b.Context(), storage.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	layout, err := storagetest.Layout("W-1")
	if err != nil {
		b.Fatal(err)
	}
	trace, scan := storagetest.NewTrace(1), &esp.Scan{Well: "W-1", Layout: layout}
	begin, seconds := time.Now().Truncate(time.Second).Add(-time.Duration(days)*24*time.Hour), days*86400
	err = store.Bulk(b.Context(), "W-1", func(push func(*esp.Scan) error) error {
		for i := range seconds {
			trace.Scan(scan, begin.Add(time.Duration(i)*time.Second))
			if err := push(scan); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
}

// started starts an appliance over a data folder, whose drive is not there.
func started(b *testing.B, dir string) (url string) {
	b.Helper()
	cfg, err := config.Complete(&config.Config{
		Data: dir, Web: config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
		Wells: []config.Well{{ID: "W-1", Devices: []config.Device{{Name: "drive", URL: "tcp://127.0.0.1:1", Unit: new(uint8(1)), Profile: "d", Period: time.Second}}}},
	}, config.Options{Profiles: fstest.MapFS{"profiles/d.yaml": {Data: []byte(benchProfile)}}})
	if err != nil {
		b.Fatal(err)
	}
	app, err := appliance.New(b.Context(), appliance.Options{Config: cfg, Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	url = strings.TrimSuffix(app.URL(), "/")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) { // the engine relives the past first
		resp, err := http.Get(url + "/api/v1/wells/W-1/latest")
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && strings.Contains(string(body), `"quality":"lost"`) {
			return url
		}
		if time.Now().After(deadline) {
			b.Fatalf("the well is not polled after two minutes: %v %.300s", err, body)
		}
	}
}

// p95 asks for a path so often and gives the time, ms, that 95 of 100 keep, and the size
// of an answer.
func p95(b *testing.B, url string, times int) (ms float64, size int) {
	b.Helper()
	var took []time.Duration
	for range times {
		from := time.Now()
		resp, err := http.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d, %v: %.300s", url, resp.StatusCode, err, body)
		}
		took, size = append(took, time.Since(from)), len(body)
	}
	slices.Sort(took)
	return float64(took[(len(took)*95-1)/100].Microseconds()) / 1000, size
}

// BenchmarkSeries asks a whole appliance for curves, as the chart does: a day, and what
// the longer ranges take, of 40 stored signals at one scan a second.
func BenchmarkSeries(b *testing.B) {
	dir := b.TempDir()
	stored(b, dir, 30)
	url := started(b, dir)
	const signals = "?signals=drive_frequency,motor_current,intake_pressure,discharge_pressure,motor_temperature,vibration_x"
	path := url + "/api/v1/wells/W-1/series" + signals
	p95(b, path, 3)
	day, size := p95(b, path, 40)
	b.Logf("24 h: %d bytes", size)
	goal.Timed(b, "web.api-p95-ms", day, "ms", 200)
	for _, r := range []struct {
		name, span string
		limit      float64
	}{{"web.series-7d-ms", "7d", 400}, {"web.series-30d-ms", "30d", 1000}} {
		ms, _ := p95(b, path+"&range="+r.span, 5)
		goal.Timed(b, r.name, ms, "ms", r.limit)
	}
	page, _ := p95(b, url+"/trends"+signals, 20)
	goal.Timed(b, "web.trends-ms", page, "ms", 250)
}
