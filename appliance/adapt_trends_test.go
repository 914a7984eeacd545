package appliance_test

import (
	"context"
	"encoding/csv"
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/esp"
)

// sawtooth is a past whose intake pressure rises by 1 kPa a second within each minute,
// with a minute without scans, a value that is not trusted and one that was lost.
func sawtooth(from, to time.Time) *appliance.Past {
	return &appliance.Past{
		From: from,
		Done: func() {},
		Fill: func(ctx context.Context, layout *esp.Layout, after, before time.Time, emit func(*esp.Scan) error) error {
			for t := after.Truncate(time.Second).Add(time.Second); t.Before(before) && t.Before(to); t = t.Add(time.Second) {
				minute := int(t.Sub(from.Truncate(time.Minute)) / time.Minute)
				if minute == 20 {
					continue
				}
				pressure := esp.Reading{Raw: int64(6000 + t.Second()), Value: float64(6000 + t.Second()), Quality: esp.Good}
				if minute == 10 && t.Second() == 30 {
					pressure = esp.LostReading(esp.Timeout)
				}
				err := emit(&esp.Scan{Well: layout.Well, Time: t.UTC(), Layout: layout, Readings: []esp.Reading{
					{Raw: 5200, Value: 52, Quality: esp.Good}, {Raw: 2400, Value: 24, Quality: esp.Good}, pressure,
				}})
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		},
	}
}

type seriesAnswer struct {
	Width  float64
	Times  []int64
	Series []struct {
		Signal         string
		Unit           string
		Min, Max, Mean []*float64
		Gaps, Bad      [][2]int
	}
}

// What the chart and the export give is what was stored.
func TestTrendsOfTheStore(t *testing.T) {
	to := time.Now().UTC().Truncate(time.Minute)
	from := to.Add(-30 * time.Minute)
	r := start(t, appliance.Options{Config: testConfig(t, t.TempDir()), Past: sawtooth(from, to)})
	query := "?signals=intake_pressure&width=60&from=" + from.Format(time.RFC3339) + "&to=" + to.Format(time.RFC3339)
	var got seriesAnswer
	r.past(29*60 - 1)
	r.get("/api/v1/wells/W-1/series"+query, &got)
	if len(got.Series) != 1 || len(got.Times) != 30 || len(got.Series[0].Max) != 30 {
		t.Fatalf("got %+v, want 30 pieces of one signal", got)
	}
	s := got.Series[0]
	for i := range got.Times {
		switch {
		case got.Times[i] != from.Add(time.Duration(i)*time.Minute).UnixMilli():
			t.Errorf("piece %d begins at %d", i, got.Times[i])
		case i == 20:
			if s.Min[i] != nil || s.Max[i] != nil || s.Mean[i] != nil {
				t.Error("the minute without scans has values")
			}
		case *s.Max[i] != 6059 || *s.Min[i] > 6001 || (i > 0 && *s.Min[i] != 6000):
			t.Errorf("piece %d: got %g to %g, want 6000 to 6059", i, *s.Min[i], *s.Max[i])
		case i != 0 && i != 10 && math.Abs(*s.Mean[i]-6029.5) > 1e-9:
			t.Errorf("piece %d: got a mean of %g, want 6029.5", i, *s.Mean[i])
		}
	}
	if diff := cmp.Diff([][2]int{{20, 20}}, s.Gaps); diff != "" || s.Unit != "kPa" {
		t.Errorf("gaps in %s (-want +got):\n%s", s.Unit, diff)
	}
	if diff := cmp.Diff([][2]int{{10, 1}}, s.Bad); diff != "" {
		t.Errorf("lost values (-want +got):\n%s", diff)
	}

	rows := r.csv("/api/v1/wells/W-1/export.csv" + query + "&raw=1&units=stored")
	if want := 1 + 29*60 - 1; len(rows) != want { // the header, and the first second is excluded from the past
		t.Errorf("rows of the export: got %d, want %d", len(rows), want)
	}
	for _, row := range rows[1:] {
		at, err := time.Parse("2006-01-02T15:04:05.000Z", row[0])
		if err != nil {
			t.Fatal(err)
		}
		want, left := strconv.Itoa(6000+at.Second()), ""
		if at.Sub(from)/time.Minute == 10 && at.Second() == 30 {
			want, left = "", "intake_pressure: lost (timeout)"
		}
		if row[2] != want || row[3] != left {
			t.Fatalf("%s: got %q, %q, want %q, %q", row[0], row[2], row[3], want, left)
		}
	}
	var events struct{ Events []struct{ ID string } }
	r.get("/api/v1/wells/W-1/events?range=1h", &events)
	ids := map[string]bool{}
	for _, e := range events.Events {
		ids[e.ID] = true
	}
	if !ids["appliance_started"] || !ids["state_changed"] {
		t.Errorf("events: got %v", events.Events)
	}
}

func (r *running) csv(path string) [][]string {
	r.t.Helper()
	response, err := http.Get(r.url + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	rows, err := csv.NewReader(response.Body).ReadAll()
	if err != nil {
		r.t.Fatal(err)
	}
	return rows
}
