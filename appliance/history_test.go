package appliance_test

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/storage/storagetest"
)

// A history of minutes that is longer than what is summed up at a time has each minute
// once, newest first, with the mean of what was read in it.
func TestHistoryOfDays(t *testing.T) {
	cfg := simulatedConfig(t, t.TempDir())
	const hours = 60
	end := time.Now().Truncate(time.Minute)
	fill(t, cfg.Data, end.Add(-hours*time.Hour), end)
	r := start(t, appliance.Options{Config: cfg})
	var h struct {
		Count     int
		Telemetry []struct {
			Timestamp time.Time
			Current   *float64 `json:"motor_current"`
		}
	}
	r.get("/api/v1/telemetry/wells/W-1/history?hours=72", &h)
	if h.Count < hours*60 || h.Count > hours*60+2 { // and the minute that it is now, without an answer
		t.Fatalf("%d rows, want one for each of %d minutes", h.Count, hours*60)
	}
	rows := h.Telemetry[h.Count-hours*60:]
	for i, row := range rows {
		at := end.Add(-time.Duration(i+1) * time.Minute)
		if !row.Timestamp.Equal(at) || row.Current == nil || *row.Current != float64(at.Minute()) {
			t.Fatalf("row %d is of %s with %v, want %s with %d", i, row.Timestamp, row.Current, at, at.Minute())
		}
	}
}

// fill stores two scans a minute whose current is the minute of the hour.
func fill(t *testing.T, dir string, from, to time.Time) {
	t.Helper()
	store, err := storage.Open(t.Context(), storage.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	layout, err := storagetest.Layout("W-1")
	if err != nil {
		t.Fatal(err)
	}
	scan := esp.Scan{Well: "W-1", Layout: layout, Readings: make([]esp.Reading, len(layout.Columns))}
	err = store.Bulk(t.Context(), "W-1", func(push func(*esp.Scan) error) error {
		for at := from; at.Before(to); at = at.Add(30 * time.Second) {
			scan.Time = at.UTC()
			for i := range scan.Readings {
				raw := int64(10 * at.Minute())
				scan.Readings[i] = esp.Reading{Raw: raw, Value: layout.Columns[i].Decode(raw), Quality: esp.Good}
			}
			if err := push(&scan); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
