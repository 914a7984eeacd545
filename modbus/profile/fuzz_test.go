package profile_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
)

// Whatever a file says and whatever the registers hold, there is a profile or an error,
// and a value that is shown is a finite number.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../../configs/profiles/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("profiles: %v", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, uint16(0xFFFF), uint16(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, word, step uint16) {
		p, err := profile.Parse("fuzz.yaml", body)
		if err != nil {
			return
		}
		readings := make([]esp.Reading, len(p.Points))
		p.Decode(func(_ uint8, wire uint16) (uint16, esp.Reason) {
			if wire%7 == 6 {
				return 0, esp.Timeout
			}
			return word + wire*step, esp.NoReason
		}, readings)
		for i, r := range readings {
			if r.Quality.Shown() && (math.IsNaN(r.Value) || math.IsInf(r.Value, 0)) {
				t.Errorf("%s: %v is shown as %v", p.Points[i].Name, r.Value, r.Quality)
			}
		}
	})
}
