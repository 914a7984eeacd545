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
