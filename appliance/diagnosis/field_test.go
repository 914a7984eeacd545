package diagnosis_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// fieldDir holds recorded wells that are not part of the project.
const fieldDir = "../../../shared/data/field/"

var unitSuffixes = map[string]esp.Unit{"_psi": "psi", "_atm": "atm", "_degf": "degF", "_degc": esp.Celsius, "_hz": esp.Hertz, "_a": esp.Ampere, "_g": esp.Gravity}

// fieldSignal is the signal and unit of a recorded tag such as intake_pressure_psi.
func fieldSignal(tag string) (name string, unit esp.Unit) {
	for suffix, u := range unitSuffixes {
		if base, ok := strings.CutSuffix(tag, suffix); ok {
			if base == "vibration" {
				base = "vibration_x"
			}
			return base, u
		}
	}
	return tag, ""
}

// fieldWell is one recorded well: its layout and its scans in order of time.
type fieldWell struct {
	id     string
	layout *esp.Layout
	scans  []esp.Scan
	// raw keeps the recorded numbers of each scan, NaN where there is none.
	numbers [][]float64
}

func readLines(t *testing.T, name string, each func(fields []string)) {
	t.Helper()
	f, err := os.Open(fieldDir + name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("field data %s is not on this machine", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		each(strings.Split(strings.TrimRight(lines.Text(), "\r"), ","))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// sample is one recorded row: a time and some numbers by tag.
type sample struct {
	at      time.Time
	numbers map[string]float64
}

func fieldWells(t *testing.T, byWell map[string][]sample) []fieldWell {
	t.Helper()
	var wells []fieldWell
	for id, rows := range byWell {
		slices.SortStableFunc(rows, func(a, b sample) int { return a.at.Compare(b.at) })
		tags := make(map[string]bool)
		for _, r := range rows {
			for tag := range r.numbers {
				tags[tag] = true
			}
		}
		var names []string
		for tag := range tags {
			names = append(names, tag)
		}
		slices.Sort(names)
		var cols []esp.Column
		for _, tag := range names {
			signal, unit := fieldSignal(tag)
			cols = append(cols, floatColumn(signal, unit, "historian"))
		}
		w := fieldWell{id: id, layout: mustLayout(t, cols...)}
		for _, r := range rows {
			s := esp.Scan{Well: esp.WellID(id), Time: r.at, Layout: w.layout, Readings: make([]esp.Reading, len(cols))}
			numbers := make([]float64, len(cols))
			for i, tag := range names {
				numbers[i] = math.NaN()
				if x, ok := r.numbers[tag]; ok {
					numbers[i] = x
					s.Readings[i] = floatReading(&w.layout.Columns[i], x)
				}
			}
			w.scans, w.numbers = append(w.scans, s), append(w.numbers, numbers)
		}
		wells = append(wells, w)
	}
	slices.SortFunc(wells, func(a, b fieldWell) int { return strings.Compare(a.id, b.id) })
	return wells
}

func parseTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// fieldB is the wide file: one row per time.
func fieldB(t *testing.T) []fieldWell {
	t.Helper()
	var header []string
	byWell := make(map[string][]sample)
	readLines(t, "field_b_dev.csv.gz", func(f []string) {
		if header == nil {
			header = f
			return
		}
		r := sample{at: parseTime(t, f[1]), numbers: make(map[string]float64)}
		for i := 2; i < len(f); i++ {
			if x, err := strconv.ParseFloat(f[i], 64); err == nil {
				r.numbers[header[i]] = x
			}
		}
		for _, tag := range []string{"intake_pressure", "intake_temperature"} {
			for _, unit := range []string{"_psi", "_degf"} {
				x, second := r.numbers[tag+"2"+unit]
				if _, first := r.numbers[tag+unit]; second && !first {
					r.numbers[tag+unit] = x
				}
				delete(r.numbers, tag+"2"+unit)
			}
		}
		byWell[f[0]] = append(byWell[f[0]], r)
	})
	return fieldWells(t, byWell)
}

// fieldA is the long file: one row per value, event-driven.
func fieldA(t *testing.T) []fieldWell {
	t.Helper()
	byWell := make(map[string][]sample)
	first := true
	readLines(t, "field_a_dev.csv.gz", func(f []string) {
		if first {
			first = false
			return
		}
		at := parseTime(t, f[1])
		x, err := strconv.ParseFloat(f[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		byWell[f[0]] = append(byWell[f[0]], sample{at: at, numbers: map[string]float64{f[2]: x}})
	})
	for id, rows := range byWell { // values of one second are one scan
		slices.SortStableFunc(rows, func(a, b sample) int { return a.at.Compare(b.at) })
		var joined []sample
		for _, r := range rows {
			if n := len(joined); n > 0 && joined[n-1].at.Equal(r.at) {
				maps.Copy(joined[n-1].numbers, r.numbers)
				continue
			}
			joined = append(joined, r)
		}
		byWell[id] = joined
	}
	return fieldWells(t, byWell)
}

// replay runs a recorded well and counts what the gate and the engine said.
func (w *fieldWell) replay(count map[string]int, graded func(i int, s *esp.Scan)) {
	g := diagnosis.NewGate(w.layout)
	e := diagnosis.New(diagnosis.Config{Well: esp.Well{ID: esp.WellID(w.id)}})
	for i := range w.scans {
		s := w.scans[i].Clone()
		g.Grade(&s)
		if graded != nil {
			graded(i, &s)
		}
		out := e.Observe(&s)
		for _, d := range out.Diagnoses {
			count[string(d.Change)+" "+string(d.ID)]++
		}
		for _, ev := range out.Events {
			count["state "+ev.To.String()]++
		}
	}
}

func (w *fieldWell) days() float64 {
	return w.scans[len(w.scans)-1].Time.Sub(w.scans[0].Time).Hours() / 24
}

// dead reports whether a recorded number of field B is one that dead gauges give.
func dead(name string, x float64) bool {
	switch {
	case strings.Contains(name, "pressure"):
		return x == 0 || x > 90000
	case strings.Contains(name, "temperature"):
		return x == 32 || math.Abs(x-30.2) < 0.001 || math.Abs(x) < 0.001
	default:
		return false
	}
}

// healthy ranges of field B: what lies inside must not be graded away.
func healthy(name string, x float64) bool {
	switch name {
	case "discharge_pressure":
		return x >= 3300 && x <= 4400
	case "intake_pressure":
		return x >= 200 && x <= 1200
	case "motor_temperature":
		return x >= 220 && x <= 340
	default:
		return false
	}
}

func TestFieldB(t *testing.T) {
	count := make(map[string]int)
	sentinels, missed, good, lost, days := 0, 0, 0, 0, 0.0
	reasons := make(map[string]int)
	for _, w := range fieldB(t) {
		days += w.days()
		w.replay(count, func(i int, s *esp.Scan) {
			for k := range s.Readings {
				name, x, r := w.layout.Columns[k].Name, w.numbers[i][k], s.Readings[k]
				if math.IsNaN(x) {
					continue
				}
				if !r.Quality.Usable() {
					reasons[r.Quality.String()+" "+r.Reason.String()]++
				}
				switch {
				case dead(name, x):
					sentinels++
					if r.Quality.Class() != "bad" {
						missed++
					}
				case healthy(name, x):
					good++
					if !r.Quality.Usable() {
						lost++
						if r.Reason != esp.Frozen && r.Reason != esp.Doubled {
							t.Logf("%s %v %s %v graded %v (%v)", w.id, s.Time, name, x, r.Quality, r.Reason)
						}
					}
				}
			}
		})
	}
	t.Logf("%.0f well-days: changes and states %v; not usable %v; healthy-looking %d, of them not usable %d", days, count, reasons, good, lost)
	if sentinels < 10000 || missed > 0 {
		t.Errorf("%d of %d values of dead gauges were not graded bad", missed, sentinels)
	}
	if share := float64(lost) / float64(good); share > 0.001 {
		t.Errorf("%.3f %% of good-looking values were graded away", 100*share)
	}
	for _, id := range []esp.DiagnosisID{esp.GasInterference, esp.GasLock, esp.CommunicationLost} {
		if n := count["raised "+string(id)]; n > 0 {
			t.Errorf("%s raised %d times in %.0f well-days", id, n, days)
		}
	}
}

func TestFieldA(t *testing.T) {
	count := make(map[string]int)
	days, used, all := 0.0, 0, 0
	for _, w := range fieldA(t) {
		days += w.days()
		w.replay(count, func(_ int, s *esp.Scan) {
			for k := range s.Readings {
				if q := s.Readings[k].Quality; q != esp.NotDue {
					all++
					if q.Usable() {
						used++
					}
				}
			}
		})
	}
	t.Logf("%.0f well-days: changes and states %v; usable %d of %d values", days, count, used, all)
	for _, id := range []esp.DiagnosisID{esp.GasInterference, esp.GasLock, esp.CommunicationLost} {
		if n := count["raised "+string(id)]; n > 0 {
			t.Errorf("%s raised %d times in %.0f well-days", id, n, days)
		}
	}
	if used < all*999/1000 {
		t.Errorf("only %d of %d values usable in a data set without gauge faults", used, all)
	}
}
