package health

import (
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wellkeeper.internal/appliance/esp"
)

// metric is one row of the table of metrics: a name, what it means, and how it is read
// from a report. Labels are ids of the configuration or words of closed lists, never
// free text, so that their number is bounded.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	read       func(*Report, put) // nil for a summary
	sum        func(*Report, putSummary)
}

// put hands over one value with the values of its labels.
type put func(value float64, labels ...string)

// putSummary hands over a number of durations, their sum, and quantiles of the latest.
type putSummary func(count uint64, sum time.Duration, quantiles map[float64]time.Duration, labels ...string)

// Shorthands that keep the rows short.
const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

func metrics() []metric {
	all := append(boxMetrics(), wellMetrics()...)
	all = append(all, deviceMetrics()...)
	all = append(all, jobMetrics()...)
	all = append(all, storeMetrics()...)
	all = append(all, uplinkMetrics()...)
	return append(all, tapMetrics()...)
}

func boxMetrics() []metric {
	return []metric{
		{name: "build_info", help: "The release and the Go version it was built with; the value is 1.", kind: gauge, labels: []string{"version", "goversion"}, read: func(r *Report, put put) {
			put(1, r.Facts.Version, runtime.Version())
		}},
		{name: "health_status", help: "1 for the status that /health/detailed tells, 0 for the others.", kind: gauge, labels: []string{"status"}, read: func(r *Report, put put) {
			for _, s := range []Status{OK, Degraded, Failed} {
				put(truth(r.Status == s), string(s))
			}
		}},
		{name: "conditions", help: "Conditions that stand, by code; 0 for those that do not.", kind: gauge, labels: []string{"code", "severity"}, read: func(r *Report, put put) {
			count := map[Code]float64{}
			for i := range r.Conditions {
				count[r.Conditions[i].Kind.Code]++
			}
			for _, k := range Catalogue() {
				put(count[k.Code], string(k.Code), string(k.Severity))
			}
		}},
		{name: "health_look_timestamp_seconds", help: "When the facts behind these metrics were read, seconds since 1970; they are at most about 1 s old.", kind: gauge, read: func(r *Report, put put) {
			put(unix(r.Facts.Time))
		}},
		{name: "certificate_expiry_timestamp_seconds", help: "Until when the page's certificate is valid, seconds since 1970; absent with plain http.", kind: gauge, read: func(r *Report, put put) {
			atTime(put, r.Facts.Certificate)
		}},
		{name: "memory_limit_bytes", help: "Memory that the process may use; absent without a limit.", kind: gauge, read: func(r *Report, put put) {
			if n := r.Facts.Process.Limit; n > 0 {
				put(float64(n))
			}
		}},
		{name: "live_streams", help: "Live streams that are open.", kind: gauge, read: func(r *Report, put put) {
			put(float64(r.Facts.Process.Streams))
		}},
		{name: "live_dropped_total", help: "Live streams that were ended because their reader was too slow.", kind: counter, read: func(r *Report, put put) {
			put(float64(r.Facts.Process.Dropped))
		}},
	}
}

func wellMetrics() []metric {
	one := []string{"well"}
	return []metric{
		{name: "well_state", help: "1 for the state that the pump is in, 0 for the others.", kind: gauge, labels: []string{"well", "state"}, read: wells(func(w *Well, put put) {
			for _, s := range states() {
				put(truth(w.State == s), string(w.ID), s.String())
			}
		})},
		{name: "well_last_scan_timestamp_seconds", help: "Time of the newest scan, seconds since 1970; absent before the first.", kind: gauge, labels: one, read: wells(func(w *Well, put put) {
			atTime(put, w.Scan, string(w.ID))
		})},
		{name: "diagnoses_open", help: "Open diagnoses of the pump, by id and severity.", kind: gauge, labels: []string{"well", "diagnosis", "severity"}, read: wells(func(w *Well, put put) {
			open := map[Finding]float64{}
			for _, f := range w.Findings {
				open[f]++
			}
			for f, n := range open {
				put(n, string(w.ID), string(f.ID), string(f.Severity))
			}
		})},
		{name: "alarms_active", help: "Active alarms of the pump, by priority (1 is the highest).", kind: gauge, labels: []string{"well", "priority"}, read: wells(func(w *Well, put put) {
			var count [4]float64
			for _, p := range w.Alarms {
				count[min(max(p, 0), 3)]++
			}
			for p := 1; p <= 3; p++ {
				put(count[p], string(w.ID), strconv.Itoa(p))
			}
		})},
		{name: "readings_total", help: "Readings that were due since the start, by quality.", kind: counter, labels: []string{"well", "quality"}, read: wells(func(w *Well, put put) {
			for q := esp.Good; q <= esp.Lost; q++ {
				put(float64(w.Tally.Quality[q]), string(w.ID), q.String())
			}
		})},
		{name: "readings_lost_total", help: "Readings that could not be read since the start, by reason.", kind: counter, labels: []string{"well", "reason"}, read: wells(func(w *Well, put put) {
			for why := esp.Timeout; why <= esp.LastReason; why++ {
				if n := w.Tally.Lost[why]; n > 0 || why <= esp.BackedOff {
					put(float64(n), string(w.ID), why.String())
				}
			}
		})},
		{name: "engine_duration_seconds", help: "Time that diagnosis and alarms took per scan.", labels: one, sum: func(r *Report, put putSummary) {
			for i := range r.Facts.Wells {
				w := &r.Facts.Wells[i]
				put(w.Tally.Scans, w.Tally.Engine, nil, string(w.ID))
			}
		}},
	}
}

func deviceMetrics() []metric {
	two := []string{"well", "device"}
	count := func(of func(*Device) uint64) func(*Report, put) {
		return devices(func(d *Device, labels []string, put put) { put(float64(of(d)), labels...) })
	}
	return []metric{
		{name: "device_up", help: "1 while the device answers, if only with exceptions; 0 while it does not or was not asked so far.", kind: gauge, labels: two, read: devices(func(d *Device, labels []string, put put) {
			put(truth(d.Answers && d.Polls > 0), labels...)
		})},
		{name: "device_polls_total", help: "Polls of the device since the start, those in which it was not asked because it does not answer included.", kind: counter, labels: two, read: count(func(d *Device) uint64 { return d.Polls })},
		{name: "device_polls_failed_total", help: "Polls since the start that gave no value.", kind: counter, labels: two, read: count(func(d *Device) uint64 { return d.Failed })},
		{name: "device_polls_missed_total", help: "Polls since the start that came too late and were skipped.", kind: counter, labels: two, read: count(func(d *Device) uint64 { return d.Missed })},
		{name: "device_request_errors_total", help: "Modbus requests since the start that failed, by class of the failure.", kind: counter, labels: []string{"well", "device", "reason"}, read: devices(func(d *Device, labels []string, put put) {
			for why := esp.Timeout; why <= esp.LastReason; why++ {
				if n := d.Errors[why]; n > 0 || why <= esp.NotSupported {
					put(float64(n), labels[0], labels[1], why.String())
				}
			}
		})},
		{name: "device_poll_duration_seconds", help: "Time of the polls that gave values: count and sum since the start, quantiles of the latest 128.", labels: two, sum: func(r *Report, put putSummary) {
			for i := range r.Facts.Wells {
				w := &r.Facts.Wells[i]
				for j := range w.Devices {
					d := &w.Devices[j]
					put(d.Good, d.Took, map[float64]time.Duration{0.5: d.P50, 0.95: d.P95}, string(w.ID), string(d.ID))
				}
			}
		}},
		{name: "device_last_success_timestamp_seconds", help: "When the device last gave a value, seconds since 1970; absent before the first.", kind: gauge, labels: two, read: devices(func(d *Device, labels []string, put put) {
			atTime(put, d.LastOK, labels...)
		})},
		{name: "device_points_unsupported", help: "Points of the profile that the device refuses.", kind: gauge, labels: two, read: devices(func(d *Device, labels []string, put put) {
			put(float64(len(d.Unsupported)), labels...)
		})},
	}
}

func jobMetrics() []metric {
	one := []string{"task"} // job is a label of Prometheus's own
	return []metric{
		{name: "job_last_run_timestamp_seconds", help: "When the job last began, seconds since 1970; absent before its first run.", kind: gauge, labels: one, read: jobs(func(j *Job, put put) {
			atTime(put, j.Began, j.Name)
		})},
		{name: "job_last_run_duration_seconds", help: "How long the last run of the job took; absent before its first run.", kind: gauge, labels: one, read: jobs(func(j *Job, put put) {
			if !j.Began.IsZero() {
				put(j.Took.Seconds(), j.Name)
			}
		})},
		{name: "job_last_run_failed", help: "1 where the last run of the job failed, 0 where it did not or there was none.", kind: gauge, labels: one, read: jobs(func(j *Job, put put) {
			put(truth(j.Failed), j.Name)
		})},
		{name: "job_next_run_timestamp_seconds", help: "When the job is due, seconds since 1970; absent where it is off.", kind: gauge, labels: one, read: jobs(func(j *Job, put put) {
			atTime(put, j.Next, j.Name)
		})},
	}
}

func jobs(read func(*Job, put)) func(*Report, put) {
	return func(r *Report, put put) {
		for i := range r.Facts.Jobs {
			read(&r.Facts.Jobs[i], put)
		}
	}
}

// states are those of esp.State, in the order of the codes.
func states() []esp.State {
	return []esp.State{
		esp.Stopped, esp.Starting, esp.Settling, esp.Running, esp.Ramping, esp.Tripped, esp.RestartWait, esp.Backspin, esp.StateUnknown,
	}
}

func wells(read func(*Well, put)) func(*Report, put) {
	return func(r *Report, put put) {
		for i := range r.Facts.Wells {
			read(&r.Facts.Wells[i], put)
		}
	}
}

func devices(read func(d *Device, labels []string, put put)) func(*Report, put) {
	return wells(func(w *Well, put put) {
		for i := range w.Devices {
			d := &w.Devices[i]
			read(d, []string{string(w.ID), string(d.ID)}, put)
		}
	})
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// atTime puts a time, and nothing where there is none.
func atTime(put put, t time.Time, labels ...string) {
	if !t.IsZero() {
		put(unix(t), labels...)
	}
}

// Collector offers the reports of a monitor as metrics. A scrape reads what the monitor
// last found and touches nothing else.
type Collector struct {
	report  func() *Report
	metrics []metric
	descs   []*prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// namespace stands before every name.
const namespace = "wellkeeper"

// NewCollector makes a collector of what report gives.
func NewCollector(report func() *Report) *Collector {
	c := &Collector{report: report, metrics: metrics()}
	for i := range c.metrics {
		m := &c.metrics[i]
		c.descs = append(c.descs, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", m.name), m.help, m.labels, nil))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	r := c.report()
	for i := range c.metrics {
		m, desc := &c.metrics[i], c.descs[i]
		if m.sum != nil {
			m.sum(r, func(count uint64, sum time.Duration, quantiles map[float64]time.Duration, labels ...string) {
				out <- prometheus.MustNewConstSummary(desc, count, sum.Seconds(), seconds(count, quantiles), labels...)
			})
			continue
		}
		m.read(r, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, m.kind, value, labels...)
		})
	}
}

// seconds are quantiles in seconds; NaN while nothing was measured.
func seconds(count uint64, quantiles map[float64]time.Duration) map[float64]float64 {
	out := make(map[float64]float64, len(quantiles))
	for q, d := range quantiles {
		out[q] = d.Seconds()
		if count == 0 {
			out[q] = math.NaN()
		}
	}
	return out
}

// Row describes one metric, for the documentation.
type Row struct {
	Name, Help, Type string
	Labels           []string
}

// Rows lists the metrics of the collector by name.
func Rows() []Row {
	var rows []Row
	types := map[prometheus.ValueType]string{gauge: "gauge", counter: "counter"}
	for _, m := range metrics() {
		row := Row{Name: namespace + "_" + m.name, Help: m.help, Type: types[m.kind], Labels: m.labels}
		if m.sum != nil {
			row.Type = "summary"
		}
		rows = append(rows, row)
	}
	return rows
}

// sortedKeys are the keys of a map of counts in order, so that a scrape is the same
// twice.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
