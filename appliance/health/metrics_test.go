package health_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/health"
	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/webtest"
)

// full are facts in which every metric has a value.
func full(now time.Time) *health.Facts {
	f := healthy(now, now.Add(-time.Hour))
	f.Wells[0].Findings = []health.Finding{{ID: esp.GasLock, Severity: esp.SeverityNow}}
	f.Wells[0].Alarms = []int{1, 3, 3}
	scan := esp.Scan{Readings: []esp.Reading{
		{Quality: esp.Good}, {Quality: esp.Good}, esp.LostReading(esp.Timeout), esp.LostReading(esp.BackedOff), {Quality: esp.NotDue},
	}}
	f.Wells[0].Tally.Add(&scan, 2*time.Millisecond)
	f.Wells[0].Tally.Add(&scan, 4*time.Millisecond)
	gauge := device(f, "gauge")
	gauge.Answers, gauge.Failed, gauge.Missed = false, 7, 2
	gauge.Errors = map[esp.Reason]uint64{esp.Timeout: 6, esp.BadFrame: 1}
	gauge.Unsupported = []string{"inclination"}
	gauge.Good, gauge.Took = 4, 100*time.Millisecond
	s := &f.Store
	s.Journal, s.State, s.History, s.Segments, s.Written, s.Commits, s.Sealed = 8<<20, 1<<16, 5_000_000, 3, 1234567, 720, 9
	s.LostScans, s.LostRecords, s.TornTails, s.Quarantined = 5, 1, 1, []string{"a"}
	u := f.Uplink
	u.State, u.WaitingScans, u.WaitingRecords, u.Oldest = "waiting", 900, 4, now.Round(0).Add(-15*time.Minute)
	u.Class, u.Error, u.Errors = "unreachable", "no route", map[string]uint64{"unreachable": 3, "busy": 1}
	u.Batches, u.Applied, u.Repeated, u.Payload, u.Sent, u.Received = 12, 700, 8, 30_000, 41_000, 9_000
	u.NotCarried, u.Gone, u.Quarantined, u.Held = 1, 2, 3, []health.Held{{Well: "RB-115", Text: "x"}}
	f.Jobs = []health.Job{{Name: "verify", Began: now.Add(-time.Hour), Took: 90 * time.Second, Failed: true, Next: now.Add(time.Hour)}}
	f.Tap = &health.Tap{Clients: 2, Connections: 9, Strangers: 3, Crowded: 4, Malformed: 1, Answered: 800, Refused: 5, Exceptions: 6}
	f.Process = health.Process{Memory: 40e6, Limit: 128e6, Streams: 6, Dropped: 2}
	return f
}

func collector(f *health.Facts) *health.Collector {
	m := health.NewMonitor(func() *health.Facts { return f })
	return health.NewCollector(m.Report)
}

// Each value stands where it belongs.
func TestMetricValues(t *testing.T) {
	now := epoch.Add(4 * time.Hour)
	help := map[string]string{}
	for _, r := range health.Rows() {
		help[r.Name] = r.Help
	}
	var want strings.Builder
	var names []string
	for line := range strings.Lines(fmt.Sprintf(values, now.Unix())) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name := strings.Fields(rest)[0]
			names = append(names, name)
			fmt.Fprintf(&want, "# HELP %s %s\n", name, help[name])
		}
		want.WriteString(line)
	}
	if err := testutil.CollectAndCompare(collector(full(now)), strings.NewReader(want.String()), names...); err != nil {
		t.Error(err)
	}
}

// values are those of full, without their help.
const values = `
# TYPE wellkeeper_alarms_active gauge
wellkeeper_alarms_active{priority="1",well="RB-114"} 1
wellkeeper_alarms_active{priority="2",well="RB-114"} 0
wellkeeper_alarms_active{priority="3",well="RB-114"} 2
# TYPE wellkeeper_diagnoses_open gauge
wellkeeper_diagnoses_open{diagnosis="gas_lock",severity="now",well="RB-114"} 1
# TYPE wellkeeper_device_last_success_timestamp_seconds gauge
wellkeeper_device_last_success_timestamp_seconds{device="drive",well="RB-114"} %[1]d
wellkeeper_device_last_success_timestamp_seconds{device="gauge",well="RB-114"} %[1]d
# TYPE wellkeeper_device_poll_duration_seconds summary
wellkeeper_device_poll_duration_seconds{device="drive",well="RB-114",quantile="0.5"} 0.02
wellkeeper_device_poll_duration_seconds{device="drive",well="RB-114",quantile="0.95"} 0.03
wellkeeper_device_poll_duration_seconds_sum{device="drive",well="RB-114"} 72
wellkeeper_device_poll_duration_seconds_count{device="drive",well="RB-114"} 3601
wellkeeper_device_poll_duration_seconds{device="gauge",well="RB-114",quantile="0.5"} 0.02
wellkeeper_device_poll_duration_seconds{device="gauge",well="RB-114",quantile="0.95"} 0.03
wellkeeper_device_poll_duration_seconds_sum{device="gauge",well="RB-114"} 0.1
wellkeeper_device_poll_duration_seconds_count{device="gauge",well="RB-114"} 4
# TYPE wellkeeper_device_polls_failed_total counter
wellkeeper_device_polls_failed_total{device="drive",well="RB-114"} 0
wellkeeper_device_polls_failed_total{device="gauge",well="RB-114"} 7
# TYPE wellkeeper_device_up gauge
wellkeeper_device_up{device="drive",well="RB-114"} 1
wellkeeper_device_up{device="gauge",well="RB-114"} 0
# TYPE wellkeeper_disk_left_seconds gauge
wellkeeper_disk_left_seconds 3.55968e+07
# TYPE wellkeeper_engine_duration_seconds summary
wellkeeper_engine_duration_seconds_sum{well="RB-114"} 0.006
wellkeeper_engine_duration_seconds_count{well="RB-114"} 2
# TYPE wellkeeper_readings_lost_total counter
wellkeeper_readings_lost_total{reason="backed_off",well="RB-114"} 2
wellkeeper_readings_lost_total{reason="bad_frame",well="RB-114"} 0
wellkeeper_readings_lost_total{reason="device_exception",well="RB-114"} 0
wellkeeper_readings_lost_total{reason="disconnected",well="RB-114"} 0
wellkeeper_readings_lost_total{reason="not_supported",well="RB-114"} 0
wellkeeper_readings_lost_total{reason="timeout",well="RB-114"} 2
wellkeeper_readings_lost_total{reason="unreachable",well="RB-114"} 0
# TYPE wellkeeper_readings_total counter
wellkeeper_readings_total{quality="at_limit",well="RB-114"} 0
wellkeeper_readings_total{quality="good",well="RB-114"} 4
wellkeeper_readings_total{quality="implausible",well="RB-114"} 0
wellkeeper_readings_total{quality="invalid",well="RB-114"} 0
wellkeeper_readings_total{quality="lost",well="RB-114"} 4
wellkeeper_readings_total{quality="stale",well="RB-114"} 0
wellkeeper_readings_total{quality="suspect",well="RB-114"} 0
# TYPE wellkeeper_store_durable_lag_scans gauge
wellkeeper_store_durable_lag_scans{well="RB-114"} 3
# TYPE wellkeeper_store_durable_lag_seconds gauge
wellkeeper_store_durable_lag_seconds{well="RB-114"} 3
# TYPE wellkeeper_store_size_bytes gauge
wellkeeper_store_size_bytes{part="history"} 5e+06
wellkeeper_store_size_bytes{part="journal"} 8.388608e+06
wellkeeper_store_size_bytes{part="state"} 65536
# TYPE wellkeeper_tap_clients gauge
wellkeeper_tap_clients 2
# TYPE wellkeeper_tap_connections_total counter
wellkeeper_tap_connections_total{result="accepted"} 9
wellkeeper_tap_connections_total{result="cut_off"} 1
wellkeeper_tap_connections_total{result="not_allowed"} 3
wellkeeper_tap_connections_total{result="too_many"} 4
# TYPE wellkeeper_tap_requests_total counter
wellkeeper_tap_requests_total{result="answered"} 800
wellkeeper_tap_requests_total{result="exception"} 6
wellkeeper_tap_requests_total{result="refused"} 5
# TYPE wellkeeper_uplink_backlog_age_seconds gauge
wellkeeper_uplink_backlog_age_seconds 900
# TYPE wellkeeper_uplink_errors_total counter
wellkeeper_uplink_errors_total{class="busy"} 1
wellkeeper_uplink_errors_total{class="unreachable"} 3
# TYPE wellkeeper_uplink_rows_total counter
wellkeeper_uplink_rows_total{result="applied"} 700
wellkeeper_uplink_rows_total{result="repeated"} 8
# TYPE wellkeeper_uplink_state gauge
wellkeeper_uplink_state{state="connecting"} 0
wellkeeper_uplink_state{state="idle"} 0
wellkeeper_uplink_state{state="refused"} 0
wellkeeper_uplink_state{state="sending"} 0
wellkeeper_uplink_state{state="waiting"} 1
`

// Names, types and units follow the conventions, and every row of the table gives a
// value where there is one to give.
func TestMetricNames(t *testing.T) {
	c := collector(full(epoch))
	problems, err := testutil.CollectAndLint(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range families {
		got = append(got, f.GetName()+" "+strings.ToLower(f.GetType().String()))
	}
	for _, r := range health.Rows() {
		want = append(want, r.Name+" "+r.Type)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics that are gathered (-table +got):\n%s", diff)
	}
}

// A box with nothing to tell yet tells no time and no figure that it does not know.
func TestMetricsOfAnEmptyBox(t *testing.T) {
	c := collector(&health.Facts{Time: epoch, Wells: []health.Well{{ID: "A", Devices: []health.Device{{ID: "d"}}}}, Store: health.Store{DaysLeft: -1}})
	for _, name := range []string{"well_last_scan_timestamp_seconds", "device_last_success_timestamp_seconds", "disk_left_seconds", "uplink_state", "certificate_expiry_timestamp_seconds", "memory_limit_bytes"} {
		if n := testutil.CollectAndCount(c, "wellkeeper_"+name); n != 0 {
			t.Errorf("%s has %d values", name, n)
		}
	}
}

// serve puts a page over a made-up appliance with those metrics and gives its address.
func serve(tb testing.TB, c *health.Collector) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	cfg := webtest.New(time.Now).Config()
	cfg.Listener, cfg.Log, cfg.Metrics = ln, zerolog.Nop(), c
	server, err := web.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func get(tb testing.TB, url string) []byte {
	tb.Helper()
	resp, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		tb.Fatalf("%s: %d, %v", url, resp.StatusCode, err)
	}
	return body
}

// pad are the facts of a pad of wells with three devices each.
func pad(wells int, now time.Time) *health.Facts {
	f := full(now)
	one, stored := f.Wells[0], f.Store.Wells[0]
	third := one.Devices[1]
	third.ID = "surface"
	one.Devices = append(one.Devices, third)
	f.Wells, f.Store.Wells = nil, nil
	for i := range wells {
		one.ID = esp.WellID(fmt.Sprintf("PAD-%d", i))
		stored.ID = one.ID
		f.Wells, f.Store.Wells = append(f.Wells, one), append(f.Store.Wells, stored)
	}
	return f
}

// BenchmarkScrape is what a scrape takes over http, of a pad of eight wells and of one of
// 32.
func BenchmarkScrape(b *testing.B) {
	for _, wells := range []int{8, 32} {
		b.Run(fmt.Sprint(wells), func(b *testing.B) {
			url := serve(b, collector(pad(wells, time.Now()))) + "/metrics"
			var took []time.Duration
			size := 0
			for b.Loop() {
				begin := time.Now()
				size = len(get(b, url))
				took = append(took, time.Since(begin))
			}
			b.ReportMetric(float64(size), "B")
			if wells == 8 {
				goal.Timed(b, "web.scrape-ms", median(took), "ms", 10)
			}
		})
	}
}

// BenchmarkProbe is what a readiness probe takes beside a pad of 32 wells.
func BenchmarkProbe(b *testing.B) {
	url := serve(b, collector(pad(32, time.Now()))) + "/health/ready"
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		get(b, url)
		took = append(took, time.Since(begin))
	}
	goal.Timed(b, "web.probe-ms", median(took), "ms", 10)
}

// median is in milliseconds; the mean of a shared machine says more of its neighbours.
func median(took []time.Duration) float64 {
	slices.Sort(took)
	return float64(took[len(took)/2].Microseconds()) / 1000
}
