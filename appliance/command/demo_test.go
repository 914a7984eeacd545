package command_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

type telemetry struct {
	Count     int
	Telemetry []struct {
		ID        uint64
		Timestamp time.Time
		Frequency *float64 `json:"vsd_frequency"`
	}
}

// The past of the demo joins the present without a hole, over real Modbus, and a
// second demo on the same folder goes on where the first ended.
func TestDemoHasNoHole(t *testing.T) {
	data := t.TempDir()
	args := []string{"demo", "--listen", "127.0.0.1:0", "--data", data, "--history", "20m"}

	first := launch(t, args...)
	page(t, first)
	whole := contiguous(t, first, time.Now().Add(4*time.Second))
	if whole.Count < 20*60 {
		t.Errorf("%d rows of history, want 20 minutes of them", whole.Count)
	}
	first.stop()

	second := launch(t, args...)
	again := contiguous(t, second, time.Now().Add(4*time.Second))
	if again.Count <= whole.Count {
		t.Errorf("%d rows after the second start, %d before", again.Count, whole.Count)
	}
	if old, now := whole.Telemetry[0], again.Telemetry[len(again.Telemetry)-1]; !now.Timestamp.Before(old.Timestamp) {
		t.Errorf("the second demo begins at %s and did not keep the first, which ended at %s", now.Timestamp, old.Timestamp)
	}
	second.stop()
}

func page(t *testing.T, p *program) {
	t.Helper()
	response, err := http.Get(p.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || !strings.Contains(string(body), "RB-114") {
		t.Errorf("the page answers %s and does not name the well:\n%.500s", response.Status, body)
	}
}

// contiguous waits for a live row later than after and checks that every second back
// to the beginning is there once, with a value.
func contiguous(t *testing.T, p *program, after time.Time) telemetry {
	t.Helper()
	var h telemetry
	await(t, "live readings", time.Minute, func() bool {
		return p.get("/api/v1/telemetry/wells/RB-114/history?hours=2", &h) && h.Count > 0 && h.Telemetry[0].Timestamp.After(after)
	})
	seen := map[uint64]bool{}
	for i, row := range h.Telemetry {
		if row.Frequency == nil {
			t.Errorf("row of %s has no frequency", row.Timestamp)
		}
		if seen[row.ID] {
			t.Errorf("scan %d stands twice", row.ID)
		}
		seen[row.ID] = true
		if i == 0 {
			continue
		}
		if step := h.Telemetry[i-1].Timestamp.Sub(row.Timestamp); step != time.Second {
			t.Errorf("from %s it is %s to the next row, want 1 s", row.Timestamp, step)
		}
	}
	return h
}

// What a box has stored is judged again as it was judged live.
func TestReplayOfTheStore(t *testing.T) {
	data := t.TempDir()
	p := launch(t, "demo", "--listen", "127.0.0.1:0", "--data", data, "--history", "4h", "--scenario", "closed-valve")
	atPresent(t, p)
	var live struct {
		Diagnostics []occurrence `json:"diagnostics"`
	}
	if !p.get("/api/v1/diagnostics/wells/RB-114/history?limit=100", &live) || len(live.Diagnostics) == 0 {
		t.Fatalf("nothing was found live: %+v", live)
	}
	if _, stderr, code := call(t, "", "replay", "--data", data); code != 1 || !strings.Contains(stderr, data) {
		t.Errorf("exit code %d while the box runs: %s", code, stderr)
	}
	p.stop()
	stdout, stderr, code := call(t, "", "replay", "--data", data, "--json")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, d := range live.Diagnostics {
		if want := `"kind":"diagnosis","id":"` + d.Rule + `","state":"raised"`; !strings.Contains(stdout, want) {
			t.Errorf("%s was found live and not in the replay:\n%s", d.Rule, stdout)
		}
	}
	if _, stderr, code := call(t, "", "replay", "--data", data, "--well", "X"); code != 2 || !strings.Contains(stderr, "RB-114") {
		t.Errorf("exit code %d of an unknown well: %s", code, stderr)
	}
}

// stored is how many scans the summary counts.
func stored(p *program) int {
	var s struct {
		Summary struct {
			Total int `json:"total_readings"`
		} `json:"summary"`
	}
	p.get("/api/v1/telemetry/wells/RB-114/summary", &s)
	return s.Summary.Total
}
