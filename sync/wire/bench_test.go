package wire_test

import (
	"testing"

	"wellkeeper.internal/scripts/goal"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// BenchmarkReadings packs batches of 40 signals at 1 Hz and prints how many bytes a
// value takes, everything of the batch included.
func BenchmarkReadings(b *testing.B) {
	for _, tc := range []struct {
		name  string
		rows  int
		limit float64 // bytes per sample
	}{{"sync.wire-60s", 60, 0.9}, {"sync.wire-10m", 600, 0.75}} {
		b.Run(tc.name, func(b *testing.B) {
			trace := wiretest.NewTrace("RB-114", 1)
			m, err := wire.NewMapping(trace.Layout)
			if err != nil {
				b.Fatal(err)
			}
			w := wire.NewBuilder()
			var payload []byte
			var total, samples int
			for range 20 {
				first := uint64(samples/len(trace.Layout.Columns)) + 1
				w.Reset(m, 1, first, first+uint64(tc.rows)-1)
				for range tc.rows {
					if err := w.Add(trace.Next()); err != nil {
						b.Fatal(err)
					}
				}
				if payload, err = w.Append(payload[:0]); err != nil {
					b.Fatal(err)
				}
				total += len(payload)
				samples += tc.rows * len(trace.Layout.Columns)
			}
			for b.Loop() {
				if payload, err = w.Append(payload[:0]); err != nil {
					b.Fatal(err)
				}
			}
			figure := float64(total) / float64(samples)
			b.ReportMetric(figure, "B/sample")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tc.rows), "ns/scan")
			goal.Exact(b, tc.name, figure, "B/sample", tc.limit)
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	batch := wiretest.Batch{Epoch: 1, First: 1, Last: 600}
	trace := wiretest.NewTrace("RB-114", 1)
	batch.Layout = trace.Layout
	for range 600 {
		batch.Scans = append(batch.Scans, trace.Next().Clone())
	}
	payload, _ := encode(b, batch)
	for b.Loop() {
		if _, err := wire.DecodeReadings(payload); err != nil {
			b.Fatal(err)
		}
	}
}
