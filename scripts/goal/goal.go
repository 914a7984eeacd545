// Package goal prints the figures of benchmarks and campaigns as scripts read them:
//
//	goal NAME FIGURE UNIT LIMIT pass|fail
//
// and fails the test or benchmark that made one beyond its limit. Only tests import it.
package goal

import (
	"fmt"
	"os"
	"testing"
)

// patience is how far beyond its limit a timed figure may be in CI, whose machines are
// shared.
const patience = 3

// Exact prints a figure that does not depend on the machine and fails tb where it is
// above most.
func Exact(tb testing.TB, name string, figure float64, unit string, most float64) {
	tb.Helper()
	show(tb, name, figure, unit, most, most)
}

// Timed prints a figure that depends on the machine. With CI=true it fails tb only at
// three times most.
func Timed(tb testing.TB, name string, figure float64, unit string, most float64) {
	tb.Helper()
	limit := most
	if os.Getenv("CI") == "true" {
		limit *= patience
	}
	show(tb, name, figure, unit, most, limit)
}

func show(tb testing.TB, name string, figure float64, unit string, most, limit float64) {
	tb.Helper()
	verdict := "pass"
	if !(figure <= most) { // NaN fails
		verdict = "fail"
	}
	if _, err := fmt.Fprintf(os.Stdout, "goal %s %.4g %s <=%g %s\n", name, figure, unit, most, verdict); err != nil {
		tb.Error(err)
	}
	if !(figure <= limit) {
		tb.Errorf("%s is %.4g %s, want at most %g", name, figure, unit, limit)
	}
}
