package central_test

import (
	"fmt"
	"testing"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/wire/wiretest"
)

// BenchmarkIngest applies batches of 40 signals at 1 Hz over loopback, as the edge
// sends them when live (60 s) and when it drains a backlog (10 min).
func BenchmarkIngest(b *testing.B) {
	for _, rows := range []int{60, 600} {
		b.Run(fmt.Sprintf("%ds", rows), func(b *testing.B) {
			db := mustMigrate(b)
			name := fmt.Sprintf("edge_bench_%d_%d", rows, b.N)
			if err := central.AddEdge(b.Context(), db.DSN(), name, []esp.WellID{"A"}, "pw"); err != nil {
				b.Fatal(err)
			}
			s := mustSink(b, central.Config{DSN: db.DSNFor(name, "pw")})
			trace := wiretest.NewTrace("A", 1)
			var payload []byte
			n := 0
			before, _ := s.Bytes()
			for b.Loop() {
				b.StopTimer()
				batch := wiretest.Batch{Layout: trace.Layout, Epoch: 1, First: uint64(n*rows) + 1, Last: uint64((n + 1) * rows)}
				for range rows {
					batch.Scans = append(batch.Scans, trace.Next().Clone())
				}
				p, m := encode(b, batch)
				payload = p
				if n == 0 {
					if err := s.Register(b.Context(), m); err != nil {
						b.Fatal(err)
					}
					before, _ = s.Bytes()
				}
				n++
				b.StartTimer()
				if _, err := s.Ingest(b.Context(), uint64(n), payload); err != nil {
					b.Fatal(err)
				}
			}
			after, _ := s.Bytes()
			samples := float64(n * rows * len(trace.Layout.Columns))
			b.ReportMetric(float64(n*rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(samples/b.Elapsed().Seconds()/1e6, "Msamples/s")
			b.ReportMetric(float64(after-before)/samples, "socket-B/sample")
		})
	}
}
