package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tripped writes a recording of a well whose drive trips on code 8, and labels that do
// not speak of it.
func tripped(t *testing.T) (trace, labels string) {
	t.Helper()
	var rows strings.Builder
	rows.WriteString("well,time,drive_frequency_hz,motor_current_a,fault_code\n")
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 360 {
		values := "50,40,0"
		if i >= 300 {
			values = "0,0,8"
		}
		fmt.Fprintf(&rows, "B01,%s,%s\n", begin.Add(time.Duration(i)*10*time.Second).Format(time.RFC3339), values)
	}
	dir := t.TempDir()
	trace, labels = filepath.Join(dir, "trip.csv"), filepath.Join(dir, "labels.csv")
	for path, text := range map[string]string{trace: rows.String(), labels: "well,class,onset,stopped\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return trace, labels
}

// A recording does not say which drive wrote its codes: they get words from the profile
// that is named, and stay numbers without one.
func TestReplayTellsCodesInTheWordsOfAProfile(t *testing.T) {
	const words, number = "drive overtemperature (code 8)", "tripped on code 8"
	own := filepath.Join("..", "..", "configs", "profiles", "simulated-drive.yaml")
	trace, labels := tripped(t)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no profile", []string{"replay", trace}, number},
		{"a carried profile", []string{"replay", trace, "--profile", "simulated-drive"}, words},
		{"a file", []string{"replay", trace, "--profile", own}, words},
		{"score without a profile", []string{"score", trace, labels, "--json"}, number},
		{"score with one", []string{"score", trace, labels, "--json", "--profile", "simulated-drive"}, words},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := call(t, "", tt.args...)
			if code != 0 || !strings.Contains(stdout, tt.want) {
				t.Errorf("exit code %d, want %q in\n%s%s", code, tt.want, stderr, stdout)
			}
			if tt.want == number && strings.Contains(strings.ToLower(stdout), "overtemperature") {
				t.Errorf("words of a drive that nobody named:\n%s", stdout)
			}
		})
	}
}

func TestReplayRefusesAProfileWithoutWords(t *testing.T) {
	trace, _ := tripped(t)
	for profile, want := range map[string]string{
		"simulated-drvie": "wellkeeper profile list",
		"./missing.yaml":  "missing.yaml",
		"simulated-gauge": "fault codes",
	} {
		_, stderr, code := call(t, "", "replay", trace, "--profile", profile)
		if code != 1 || !strings.Contains(stderr, "--profile") || !strings.Contains(stderr, want) {
			t.Errorf("--profile %s: exit code %d, %q, want 1 and %q", profile, code, stderr, want)
		}
	}
}
