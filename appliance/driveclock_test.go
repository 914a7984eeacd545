package appliance

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
)

func TestDriveClock(t *testing.T) {
	zone := time.FixedZone("site", -5*3600)
	names := deviceClockParts()
	tests := []struct {
		name    string
		columns []string
		values  []float64
		quality esp.Quality
		want    time.Time // zero: none
	}{
		{"seconds", []string{deviceClock}, []float64{1795462320}, esp.Good, time.Unix(1795462320, 0)},
		{"parts", names[:], []float64{2026, 11, 25, 9, 30, 5}, esp.Good, time.Date(2026, 11, 25, 14, 30, 5, 0, time.UTC)},
		{"a year of two digits", names[:], []float64{26, 11, 25, 9, 30, 5}, esp.Good, time.Date(2026, 11, 25, 14, 30, 5, 0, time.UTC)},
		{"never set", []string{deviceClock}, []float64{86400}, esp.Good, time.Time{}},
		{"no such day", names[:], []float64{2026, 2, 30, 9, 30, 5}, esp.Good, time.Time{}},
		{"no such minute", names[:], []float64{2026, 2, 3, 9, 75, 5}, esp.Good, time.Time{}},
		{"lost", []string{deviceClock}, []float64{1795462320}, esp.Lost, time.Time{}},
		{"a part is missing", names[:5], []float64{2026, 11, 25, 9, 30}, esp.Good, time.Time{}},
		{"none", []string{"drive_frequency"}, []float64{52}, esp.Good, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var columns []esp.Column
			scan := esp.Scan{Well: "W-1"}
			for i, name := range tt.columns {
				columns = append(columns, esp.Column{Name: name, Device: "drive", Scale: esp.Identity()})
				scan.Readings = append(scan.Readings, esp.Reading{Value: tt.values[i], Quality: tt.quality})
			}
			var err error
			if scan.Layout, err = esp.NewLayout("W-1", columns, nil); err != nil {
				t.Fatal(err)
			}
			var d driveClock
			got, ok := d.read(&scan, zone)
			if ok == tt.want.IsZero() || ok && !got.Equal(tt.want) {
				t.Errorf("%v, %v; want %v", got, ok, tt.want)
			}
		})
	}
}
