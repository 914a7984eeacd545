package diagnosis_test

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/scripts/goal"
)

// wide is a layout of 40 signals.
func wide() []esp.Column {
	cols := append([]esp.Column(nil), columns...)
	for i := range esp.Signals() {
		s := &esp.Signals()[i]
		taken := false
		for k := range cols {
			taken = taken || cols[k].Name == s.Name
		}
		if len(cols) < 40 && !taken && s.Kind == esp.Analog {
			cols = append(cols, esp.Column{Name: s.Name, Device: "drive", Unit: s.Unit, Scale: esp.Scale(1 / pow10(s.Decimals))})
		}
	}
	return cols
}

func pow10(n int8) float64 {
	p := 1.0
	for range n {
		p *= 10
	}
	return p
}

// BenchmarkEngine plays hours of 1 Hz scans that were made before, so that only gate
// and engine are measured.
func BenchmarkEngine(b *testing.B) {
	worst := 0.0
	for _, c := range []struct {
		name   string
		script script
	}{{"normal", nil}, {"gas", lock}} {
		b.Run(c.name, func(b *testing.B) {
			st := newStream(b, 1, wide(), c.script)
			g, e := diagnosis.NewGate(st.layout), diagnosis.New(wellOf(facts))
			run(st, g, e, begin+40*time.Minute)
			scans := make([]esp.Scan, 7200)
			for i := range scans {
				scans[i] = st.next().Clone()
			}
			i := 0
			for b.Loop() {
				if i == len(scans) {
					i = 0
					b.StopTimer()
					shift := scans[len(scans)-1].Time.Sub(scans[0].Time) + time.Second
					for k := range scans {
						scans[k].Time = scans[k].Time.Add(shift)
					}
					b.StartTimer()
				}
				g.Grade(&scans[i])
				e.Observe(&scans[i])
				i++
			}
			worst = max(worst, float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000)
		})
	}
	goal.Timed(b, "engine.us-per-scan", worst, "us", 15)
}
