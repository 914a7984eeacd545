package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/recording"
	"wellkeeper.internal/appliance/replay"
	"wellkeeper.internal/modbus/sim"
)

var end = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// gasLock is the recording of a simulated well that locks, and what its replay tells.
func gasLock(t *testing.T, wide bool) string {
	t.Helper()
	s, ok := sim.Find("gas-lock")
	if !ok {
		t.Fatal("no scenario gas-lock")
	}
	path := filepath.Join(t.TempDir(), "gas.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = sim.WriteTrace(t.Context(), f, sim.TraceConfig{
		Name: "RB-114", Seed: 3, Scenario: s, Onset: end.Add(-s.Since), From: end.Add(-8 * time.Hour), To: end, Period: 2 * time.Second, Wide: wide,
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, path string, c replay.Config) ([]replay.Change, replay.Stats) {
	t.Helper()
	r, err := recording.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Well.ID == "" {
		c.Well.ID = r.Wells()[0].ID
	}
	var all []replay.Change
	stats, err := replay.Run(t.Context(), c, r.Scans(t.Context(), c.Well.ID), func(x *replay.Change) error {
		all = append(all, *x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, stats
}

func encode(t *testing.T, changes []replay.Change) []byte {
	t.Helper()
	var out bytes.Buffer
	for i := range changes {
		if err := json.NewEncoder(&out).Encode(&changes[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestReplayFindsWhatALiveWellFinds(t *testing.T) {
	changes, stats := run(t, gasLock(t, true), replay.Config{})
	if stats.Scans != 8*1800+1 {
		t.Errorf("%d scans, want %d", stats.Scans, 8*1800+1)
	}
	i := find(changes, replay.Diagnosis, "gas_lock")
	if i < 0 {
		t.Fatalf("no gas lock in %s", encode(t, changes))
	}
	d := changes[i]
	if d.State != esp.Raised || d.Severity != esp.SeverityNow || d.Confidence == "" || len(d.Evidence) < 2 || d.Onset.After(d.Time) || d.Text == "" {
		t.Errorf("gas lock is told as %+v", d)
	}
	if find(changes, replay.Alarm, "gas_lock") < 0 {
		t.Error("no alarm of the gas lock")
	}
}

func find(changes []replay.Change, kind replay.Kind, id string) int {
	for i := range changes {
		if changes[i].Kind == kind && changes[i].ID == id && changes[i].State == esp.Raised {
			return i
		}
	}
	return -1
}

// Long and wide files of one well are told alike, to the byte, each time.
func TestReplayIsDeterministic(t *testing.T) {
	wide, _ := run(t, gasLock(t, true), replay.Config{})
	again, _ := run(t, gasLock(t, true), replay.Config{})
	long, _ := run(t, gasLock(t, false), replay.Config{})
	if !bytes.Equal(encode(t, wide), encode(t, again)) || !bytes.Equal(encode(t, wide), encode(t, long)) {
		t.Errorf("replays of one recording differ (-wide +long):\n%s", cmp.Diff(string(encode(t, wide)), string(encode(t, long))))
	}
}

// What lies before From is learned from and not told.
func TestBounds(t *testing.T) {
	path := gasLock(t, true)
	all, _ := run(t, path, replay.Config{})
	lock := all[find(all, replay.Diagnosis, "gas_lock")]
	late, stats := run(t, path, replay.Config{From: lock.Time})
	if i := find(late, replay.Diagnosis, "gas_lock"); i < 0 || find(late, replay.Diagnosis, "gas_interference") >= 0 {
		t.Errorf("from %v on %s is told", lock.Time, encode(t, late))
	}
	if !stats.From.Equal(lock.Time) {
		t.Errorf("begins at %v, want %v", stats.From, lock.Time)
	}
	early, _ := run(t, path, replay.Config{To: lock.Time.Add(-time.Second)})
	if find(early, replay.Diagnosis, "gas_lock") >= 0 {
		t.Error("a gas lock after the bound is told")
	}
}

// A value that dies is told once, with its reason, and once more when it is back.
func TestQualityIsToldOnce(t *testing.T) {
	var text strings.Builder
	text.WriteString("well,time,drive_frequency_hz,intake_pressure_psi\n")
	for i := range 60 {
		at := end.Add(time.Duration(i) * time.Minute).Format("2006-01-02T15:04:05")
		value := "1074.8"
		if i >= 20 && i < 40 {
			value = "94906.898"
		}
		text.WriteString("B01," + at + ",55," + value + "\n")
	}
	path := filepath.Join(t.TempDir(), "dead.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	changes, _ := run(t, path, replay.Config{})
	var told []string
	for _, c := range changes {
		if c.Kind == replay.Quality && c.ID == "intake_pressure" {
			told = append(told, c.Time.Sub(end).String()+" "+string(c.State))
		}
	}
	if len(told) < 2 || told[0] != "20m0s raised" || told[len(told)-1] != "40m0s cleared" || len(told) > 4 {
		t.Errorf("told %q, want raised at 20 min and cleared at 40 min", told)
	}
}

func TestLimits(t *testing.T) {
	well := esp.Well{ID: "RB-114", Limits: []esp.Limit{{Signal: esp.MotorCurrent, Value: 15, Delay: time.Minute, OffDelay: time.Minute, Priority: 2, Running: true}}}
	changes, _ := run(t, gasLock(t, true), replay.Config{Well: well})
	i := find(changes, replay.Alarm, "motor_current_low")
	if i < 0 || changes[i].Severity != esp.SeverityToday || len(changes[i].Evidence) != 1 || changes[i].Evidence[0].Limit != 15 {
		t.Errorf("no alarm of the limit in %s", encode(t, changes))
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	broken := iter.Seq2[*esp.Scan, error](func(yield func(*esp.Scan, error) bool) { yield(nil, os.ErrClosed) })
	if _, err := replay.Run(context.Background(), replay.Config{}, broken, nil); err == nil {
		t.Error("the error of the source was swallowed")
	}
}
