package web_test

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
	"wellkeeper.internal/web/webtest"
)

func records(t *testing.T, body string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestExportOfWhatIsShown(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	query := "?signals=intake_pressure,motor_temperature&range=8h&width=60"
	resp, body := s.get(t, "/api/v1/wells/RB-114/export.csv"+query+"&units=stored")
	want := `attachment; filename="RB-114_2026-11-23T0632_2026-11-23T1432_UTC-0500_1min.csv"`
	if resp.Header.Get("Content-Type") != "text/csv; charset=utf-8" || resp.Header.Get("Content-Disposition") != want {
		t.Errorf("got %q, %q", resp.Header.Get("Content-Type"), resp.Header.Get("Content-Disposition"))
	}
	rows := records(t, body)
	equal(t, "header", rows[0], []string{
		"time_utc", "time_site", "intake_pressure_min [kPa]", "intake_pressure_mean [kPa]", "intake_pressure_max [kPa]", "intake_pressure_count", "intake_pressure_left_out",
		"motor_temperature_min [degC]", "motor_temperature_mean [degC]", "motor_temperature_max [degC]", "motor_temperature_count", "motor_temperature_left_out",
	})
	d := s.decode(t, "GET", series+query, 200)
	if len(rows)-1 != len(d["times"].([]any)) {
		t.Fatalf("rows: got %d, the chart has %d pieces", len(rows)-1, len(d["times"].([]any)))
	}
	left := 0
	for i, row := range rows[1:] {
		ms := int64(d["times"].([]any)[i].(float64))
		equal(t, "time", row[:2], []string{
			time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"), time.UnixMilli(ms).In(webtest.Site()).Format("2006-01-02T15:04:05.000-07:00"),
		})
		for k, column := range []int{2, 7} {
			for m, name := range []string{"min", "mean", "max"} {
				got := row[column+m]
				switch v := d["series"].([]any)[k].(object)[name].([]any)[i].(type) {
				case nil:
					equal(t, "no value", got, "")
				case float64:
					f, err := strconv.ParseFloat(got, 64)
					if err != nil || math.Abs(f-v) > []float64{.051, .0051}[k] { // the chart is rounded to the resolution
						t.Fatalf("row %d %s: got %q, the chart has %v", i, name, got, v)
					}
				}
			}
		}
		if row[11] != "0" {
			left++
		}
	}
	if left < 15 {
		t.Errorf("pieces that leave values out: got %d", left)
	}

	_, body = s.get(t, "/api/v1/wells/RB-114/export.csv"+query)
	oilfield := records(t, body)
	equal(t, "units of the site", []string{oilfield[0][2], oilfield[0][7]}, []string{"intake_pressure_min [psi]", "motor_temperature_min [°F]"})
	kpa, _ := strconv.ParseFloat(rows[1][2], 64)
	psi, _ := strconv.ParseFloat(oilfield[1][2], 64)
	if math.Abs(kpa/6.894757293168361-psi) > 1e-3 {
		t.Errorf("%v kPa are given as %v psi", kpa, psi)
	}
}

func TestExportOfEveryScan(t *testing.T) {
	s := open(t, nil, nil)
	_, body := s.get(t, "/api/v1/wells/RB-114/export.csv?raw=1&units=stored&signals=motor_temperature,motor_current&from=2026-11-23T13:40:00Z&to=2026-11-23T13:41:00Z")
	rows := records(t, body)
	equal(t, "header", rows[0], []string{"time_utc", "time_site", "motor_temperature [degC]", "motor_current [A]", "left_out"})
	equal(t, "rows", len(rows), 61)
	equal(t, "time", rows[1][:2], []string{"2026-11-23T13:40:00.000Z", "2026-11-23T08:40:00.000-05:00"})
	equal(t, "a value that is not trusted", []string{rows[1][2], rows[1][4]}, []string{"", "motor_temperature: implausible 412.5 (out_of_range)"})
	if rows[2][2] == "" || rows[2][4] != "" || rows[1][3] == "" {
		t.Errorf("good values: got %q and %q", rows[1], rows[2])
	}
	_, gap := s.get(t, "/api/v1/wells/RB-114/export.csv?raw=1&from=2026-11-23T04:00:00Z&to=2026-11-23T04:10:00Z")
	equal(t, "rows of a gap", len(records(t, gap)), 1)
	s.set(t, "lost")
	_, lost := s.get(t, "/api/v1/wells/RB-114/export.csv?raw=1&signals=motor_current&from=2026-11-23T19:30:00Z&to=2026-11-23T19:30:10Z")
	equal(t, "a lost value", records(t, lost)[1][2:], []string{"", "motor_current: lost (timeout)"})
}

// An export that fails on the way ends as a broken connection, never as a file that looks
// whole; one that fails before its first byte is answered with the error.
func TestExportThatFails(t *testing.T) {
	for name, after := range map[string]int{"at once": 0, "on the way": 100_000} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil, func(c *web.Config) { c.Curves = breaking{c.Curves, after} })
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/wells/RB-114/export.csv?raw=1&range=30d", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if after == 0 && (resp.StatusCode != http.StatusInternalServerError || err != nil || !strings.Contains(string(body), `"internal_error"`) || resp.Header.Get("Content-Disposition") != "") {
				t.Errorf("got %d, %v, %.100s", resp.StatusCode, err, body)
			}
			if after > 0 && err == nil {
				t.Errorf("the export ends without an error after %d bytes", len(body))
			}
		})
	}
}

// breaking fails after some scans.
type breaking struct {
	web.Curves
	after int
}

func (b breaking) Scans(context.Context, web.ScanQuery) iter.Seq2[web.StoredScan, error] {
	return func(yield func(web.StoredScan, error) bool) {
		for i := range b.after {
			if !yield(web.StoredScan{Time: webtest.Moment().Add(time.Duration(i) * time.Second), Readings: []esp.Reading{{Value: 1, Quality: esp.Good}}}, nil) {
				return
			}
		}
		yield(web.StoredScan{}, errors.New("the disk is gone"))
	}
}
