package recording_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/recording"
)

// file writes a recording and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read gives the scans of a well as text: time, then name=value or name:quality.
func read(t *testing.T, r *recording.Recording, id esp.WellID) []string {
	t.Helper()
	var out []string
	for s, err := range r.Scans(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		var line strings.Builder
		line.WriteString(s.Time.Format("15:04:05.000"))
		for i, c := range s.Layout.Columns {
			switch v := s.Readings[i]; v.Quality {
			case esp.NotDue:
			case esp.Good:
				fmt.Fprintf(&line, " %s=%.4g", c.Name, v.Value)
			default:
				fmt.Fprintf(&line, " %s:%v(%v)", c.Name, v.Quality, v.Reason)
			}
		}
		out = append(out, line.String())
	}
	return out
}

func mustOpen(t *testing.T, paths ...string) *recording.Recording {
	t.Helper()
	r, err := recording.Open(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestForms(t *testing.T) {
	want := []string{
		"00:00:00.000 drive_frequency=52 intake_pressure=1000",
		"00:00:10.000 intake_pressure=1014",
		"00:00:20.000 drive_frequency=53",
	}
	for name, text := range map[string]string{
		"long": "well,time,tag,value\n" +
			"W,2026-01-01T00:00:00,drive_frequency_hz,52\nW,2026-01-01T00:00:00,intake_pressure_bar,10\n" +
			"W,2026-01-01T00:00:10,intake_pressure_bar,10.14\nW,2026-01-01T00:00:20,drive_frequency_hz,53\n",
		"long, out of order and with other wells between": "well,time,tag,value\n" +
			"W,2026-01-01T00:00:20,drive_frequency_hz,53\nV,2026-01-01T00:00:00,drive_frequency_hz,1\n" +
			"W,2026-01-01T00:00:00,drive_frequency_hz,52\nW,2026-01-01T00:00:10,intake_pressure_bar,10.14\n" +
			"W,2026-01-01T00:00:00,intake_pressure_bar,10\n",
		"wide": "well,time,drive_frequency_hz,intake_pressure_kpa\n" +
			"W,2026-01-01T00:00:00Z,52,1000\nW,2026-01-01 00:00:10,,1014\nW,2026-01-01T03:00:20+03:00,53,\n",
		"wide, windows": "\xef\xbb\xbfWell;Timestamp;PIP_bar;Drive_Frequency\r\n" +
			"W;2026-01-01 00:00:00;10;52\r\nW;2026-01-01 00:00:10;10.14;\r\nW;2026-01-01 00:00:20;;53\r\n",
		"epoch seconds": "well,time,drive_frequency,intake_pressure\nW,1767225600,52,1000\nW,1767225610000,,1014\nW,1767225620,53\n",
		"rows of one time join, the later counts": "well,time,drive_frequency,intake_pressure\n" +
			"W,2026-01-01T00:00:00,52,\nW,2026-01-01T00:00:00,,999\nW,2026-01-01T00:00:00,,1000\n" +
			"W,2026-01-01T00:00:10,,1014\nW,2026-01-01T00:00:20,53,\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := mustOpen(t, file(t, "x.csv", text))
			if diff := cmp.Diff(want, read(t, r, "W")); diff != "" {
				t.Errorf("scans differ (-want +got):\n%s", diff)
			}
			if m := r.Remarks(); len(m) > 0 {
				t.Errorf("remarks %q, want none", m)
			}
		})
	}
}

func TestUnitsAndStandIns(t *testing.T) {
	r := mustOpen(t, file(t, "units.csv", "well,time,intake_pressure_psi,intake_pressure2_psi,intake_temperature2_degf,motor_temperature_degc,"+
		"vibration_g,discharge_pressure_mpa,thp_atm,motor_load_pct,output_power_kw,shoe_size\n"+
		"W,2026-01-01,100,77,212,120,0.25,20,1,80,30,44\n"))
	want := []string{"00:00:00.000 discharge_pressure=2e+04 intake_pressure=689.5 intake_temperature=100 motor_load=80 " +
		"motor_temperature=120 output_power=30 tubing_head_pressure=101.3 vibration_x=0.25"}
	if diff := cmp.Diff(want, read(t, r, "W")); diff != "" {
		t.Errorf("scans differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"shoe_size", "intake_pressure2_psi"}, r.Wells()[0].Ignored); diff != "" {
		t.Errorf("ignored tags differ (-want +got):\n%s", diff)
	}
}

// output_current_a is the drive's current in ampere, or that of phase a.
func TestAmbiguousTag(t *testing.T) {
	for header, want := range map[string]string{
		"output_current_a,output_current_a_a,output_current_b_a": "00:00:00.000 output_current=1 output_current_a=2 output_current_b=3",
		"output_current_a,output_current_b,output_current":       "00:00:00.000 output_current=3 output_current_a=1 output_current_b=2",
	} {
		r := mustOpen(t, file(t, "x.csv", "well,time,"+header+"\nW,2026-01-01,1,2,3\n"))
		if diff := cmp.Diff([]string{want}, read(t, r, "W")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", header, diff)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	path := file(t, "bad.csv", "well,time,drive_frequency,run_state\n"+
		"W,2026-01-01T00:00:00,52,running\n"+
		"W,yesterday,52,running\n"+
		"W,2026-01-01T00:00:01,I/O Timeout,running\n"+
		"W,2026-01-01T00:00:02,NaN,4\n"+
		"W,2026-01-01T00:00:03\n"+
		"W,2026-01-01T00:00:04,\"52\"x,running\n"+
		",2026-01-01T00:00:05,52,running\n"+
		"W,2026-01-01T00:00:06,52.5,stopped,more\n")
	r := mustOpen(t, path)
	want := []string{
		"00:00:00.000 drive_frequency=52 run_state=4",
		"00:00:01.000 drive_frequency:lost(not_a_number) run_state=4",
		"00:00:02.000 drive_frequency:lost(not_a_number) run_state=4",
		"00:00:03.000",
		"00:00:06.000 drive_frequency=52.5 run_state=1",
	}
	if diff := cmp.Diff(want, read(t, r, "W")); diff != "" {
		t.Errorf("scans differ (-want +got):\n%s", diff)
	}
	remarks := r.Remarks()
	for i, line := range []string{":3: ", ":7: ", ":8: "} {
		if len(remarks) != 3 || !strings.HasPrefix(remarks[i], path+line) {
			t.Errorf("remarks %q do not name %s%s", remarks, path, line)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"no time":        "well,when,drive_frequency\nW,2026-01-01,52\n",
		"header alone":   "well,time,tag,value\n",
		"no row is good": "well,time,tag,value\nW,never,drive_frequency,1\n",
		"damaged gzip":   "\x1f\x8b\x08garbage",
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "x.csv", text)
			_, err := recording.Open(t.Context(), path)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v does not name the file", err)
			}
		})
	}
	if _, err := recording.Open(t.Context(), filepath.Join(t.TempDir(), "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that the file is not there", err)
	}
}

func TestSeveralFilesAreOne(t *testing.T) {
	packed := filepath.Join(t.TempDir(), "2.csv.gz")
	f, err := os.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, err = fmt.Fprint(z, "time,intake_pressure\n2026-01-01T00:00:05,7\n")
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	plain := file(t, "2.csv", "time,drive_frequency\n2026-01-01T00:00:09,52\n2026-01-01T00:00:01,51\n")
	r := mustOpen(t, plain, packed)
	want := []string{"00:00:01.000 drive_frequency=51", "00:00:05.000 intake_pressure=7", "00:00:09.000 drive_frequency=52"}
	if diff := cmp.Diff(want, read(t, r, "2")); diff != "" {
		t.Errorf("scans differ (-want +got):\n%s", diff)
	}
	w := r.Wells()[0]
	if w.Rows != 3 || !w.From.Equal(time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)) || w.To.Sub(w.From) != 8*time.Second {
		t.Errorf("well is %+v", w)
	}
	for _, err := range r.Scans(t.Context(), "none") {
		if err == nil {
			t.Error("an unknown well has scans")
		}
	}
}

// The raw bits are what was recorded, so that a store can keep them as they are.
func TestRawIsTheRecordedNumber(t *testing.T) {
	r := mustOpen(t, file(t, "x.csv", "well,time,motor_temperature_degf\nW,2026-01-01,318.89999\n"))
	for s, err := range r.Scans(t.Context(), "W") {
		if err != nil {
			t.Fatal(err)
		}
		if x := math.Float64frombits(uint64(s.Readings[0].Raw)); x != 318.89999 {
			t.Errorf("raw is %v, want 318.89999", x)
		}
	}
}
