package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"wellkeeper.internal/appliance/diagnosis"
)

// Median 3.5 and MAD 2.0 are SciPy's for the same eight numbers.
func TestMedianAndSpread(t *testing.T) {
	x := []float64{3, 1, 4, 1, 5, 9, 2, 6}
	if got := diagnosis.Median(x...); got != 3.5 {
		t.Errorf("median %v, want 3.5", got)
	}
	if got := diagnosis.Spread(x...); math.Abs(got-2*1.4826) > 1e-12 {
		t.Errorf("spread %v, want 2.9652", got)
	}
	if got := diagnosis.Median(); !math.IsNaN(got) {
		t.Errorf("median of nothing %v", got)
	}
}

func TestMedianAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 1; n < 300; n++ {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(rng.IntN(40)) // many equal ones
		}
		sorted := slices.Sorted(slices.Values(x))
		want := (sorted[(n-1)/2] + sorted[n/2]) / 2
		if got := diagnosis.Median(x...); got != want {
			t.Fatalf("median of %d numbers %v, want %v", n, got, want)
		}
	}
}

// Slope, S and Z are SciPy's for the same ten numbers: theilslopes, and Mann-Kendall
// with S = 37 of 45 and no ties.
func TestTrendOfTen(t *testing.T) {
	x := []float64{10, 10.2, 10.1, 10.5, 10.4, 10.9, 11, 10.8, 11.3, 11.6}
	slope, z := diagnosis.SlopeAndZ(x...)
	if math.Abs(slope-0.1666667) > 1e-6 {
		t.Errorf("Theil-Sen %v, want 0.1666667", slope)
	}
	if math.Abs(z-3.219938) > 1e-6 {
		t.Errorf("Mann-Kendall Z %v, want 3.219938", z)
	}
	if slope, z := diagnosis.SlopeAndZ(5, 5, 5, 5, 5); slope != 0 || z != 0 {
		t.Errorf("of a constant: slope %v, Z %v", slope, z)
	}
}
