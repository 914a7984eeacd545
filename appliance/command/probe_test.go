package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A scan of the simulated well finds its drive and its gauge, and says what it will do
// before it does it.
func TestProbeScan(t *testing.T) {
	p := launch(t, "simulate", "--listen", "127.0.0.1:0")
	out, errs, code := call(t, "", "probe", "--scan", "--device", p.url, "--units", "1-3,10", "--json")
	type heard struct {
		Unit int    `json:"unit"`
		Kind string `json:"kind"`
	}
	var got struct {
		Attempts int     `json:"attempts"`
		Heard    []heard `json:"heard"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	if diff := cmp.Diff([]heard{{1, "value"}, {10, "value"}}, got.Heard); diff != "" || got.Attempts != 4 {
		t.Errorf("%d attempts, (-want +got):\n%s", got.Attempts, diff)
	}
	if !strings.Contains(errs, "at most 4 times") {
		t.Errorf("it does not say how much it asks: %s", errs)
	}
}

func TestProbeScanRefuses(t *testing.T) {
	tests := []struct {
		name, args string
		code       int
		want       string
	}{
		{"no device answers", "--device tcp://127.0.0.1:1", 1, "no device answered"},
		{"unit 0", "--device tcp://127.0.0.1:1 --units 0-3", 2, "1 to 247"},
		{"units in words", "--device tcp://127.0.0.1:1 --units all", 2, "1 to 247"},
		{"a register that is written", "--device tcp://127.0.0.1:1 --register 6:0", 2, "1 to 4"},
		{"a line of TCP", "--device tcp://127.0.0.1:1 --line 9600-8N1", 2, "serial"},
		{"a line without parity", "--device rtu:///dev/none --line 9600", 2, "9600-8N1"},
		{"a sweep", "--device rtu:///dev/none --units 1-247", 1, "fewer units"},
		{"a scheme that there is not", "--device http://127.0.0.1 ", 2, "scheme"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, errs, code := call(t, "", append([]string{"probe", "--scan"}, strings.Fields(tt.args)...)...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, want %d and %q: %s", code, tt.code, tt.want, errs)
			}
		})
	}
}
