package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// TestIntervalsAgainstASetOfNumbers compares every operation with a plain set.
func TestIntervalsAgainstASetOfNumbers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := wiretest.Rand(seed)
	for range 200 {
		var s wire.Intervals
		model := make(map[uint64]bool)
		for range 30 {
			first := 1 + rng.Uint64N(60)
			v := wire.Interval{First: first, Last: first + rng.Uint64N(12)}
			before := append(wire.Intervals(nil), s...)
			next := s.With(v)
			if rng.IntN(3) == 0 {
				next = s.Without(v)
				for n := v.First; n <= v.Last; n++ {
					delete(model, n)
				}
			} else {
				for n := v.First; n <= v.Last; n++ {
					model[n] = true
				}
			}
			if diff := cmp.Diff(before, append(wire.Intervals(nil), s...)); diff != "" {
				t.Fatalf("the old set was changed: %s", diff)
			}
			s = next
			compareWithModel(t, s, model)
		}
	}
}

func compareWithModel(t *testing.T, s wire.Intervals, model map[uint64]bool) {
	t.Helper()
	if s.Count() != uint64(len(model)) {
		t.Fatalf("%v holds %d numbers, want %d", s, s.Count(), len(model))
	}
	for i, v := range s {
		if v.Last < v.First || i > 0 && v.First <= s[i-1].Last+1 {
			t.Fatalf("%v is not in order or touches", s)
		}
	}
	var want wire.Intervals // what is missing of 5 to 70
	for n := uint64(5); n <= 70; n++ {
		if s.Covers(wire.Interval{First: n, Last: n}) != model[n] {
			t.Fatalf("%v: %d is wrong", s, n)
		}
		switch {
		case model[n]:
		case len(want) > 0 && want[len(want)-1].Last == n-1:
			want[len(want)-1].Last = n
		default:
			want = append(want, wire.Interval{First: n, Last: n})
		}
	}
	if diff := cmp.Diff(want, s.Missing(wire.Interval{First: 5, Last: 70})); diff != "" {
		t.Fatalf("missing of %v: %s", s, diff)
	}
}

func TestIntervalsAsJSON(t *testing.T) {
	want := wire.Intervals{{First: 1, Last: 5}, {First: 9, Last: 9}}
	body, err := json.Marshal(want)
	if err != nil || string(body) != "[[1,5],[9,9]]" {
		t.Fatalf("got %s, %v", body, err)
	}
	var got wire.Intervals
	if err := json.Unmarshal(body, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"[[5,1]]", "[[-1,5]]", `["a"]`, "[[1,18446744073709551615]]"} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read as %v", bad, got)
		}
	}
}
