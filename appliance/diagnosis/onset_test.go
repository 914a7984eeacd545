package diagnosis_test

import (
	"slices"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// What rises and what falls is dated to where it left the usual: not to the normal
// hours before, and not to when its rule had waited long enough.
func TestOnsetOfSteps(t *testing.T) {
	tests := []struct {
		name string
		late time.Duration // after the beginning
	}{
		{"phases that differ", 0},
		{"a supply whose phases differ", 0},
		{"a current beyond the nameplate", 0},
		{"a motor that loses its cooling", 0},
		{"leakage that has doubled", 0},
		{"a supply that stays down", 0},
		{"an unloaded pump", 0},
		{"a winding that heats fast", 20 * time.Minute},
	}
	all := electricCases()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := all[slices.IndexFunc(all, func(c electricCase) bool { return c.name == tt.name })]
			r := observe(t, electric, with(c.script), begin+c.last)
			d := r.first(c.is, esp.Raised)
			if d == nil {
				t.Fatal("not found")
			}
			if off := d.Onset.Sub(epoch.Add(begin)); off < -time.Minute || off > tt.late+time.Minute {
				t.Errorf("%s is dated %v from its beginning, raised %v after it", c.is, off, d.Time.Sub(epoch.Add(begin)))
			}
		})
	}
}
