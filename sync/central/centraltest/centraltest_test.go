package centraltest_test

import (
	"net"
	"testing"
	"time"

	"wellkeeper.internal/sync/central/centraltest"
)

// reachable reports whether something accepts connections at addr.
func reachable(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func TestSharedClusterGivesFreshDatabases(t *testing.T) {
	a, b := centraltest.MustStart(t), centraltest.MustStart(t)
	if a.Addr() != b.Addr() {
		t.Errorf("two clusters, at %s and %s; one per process is enough", a.Addr(), b.Addr())
	}
	if a.DSN() == b.DSN() {
		t.Errorf("both tests got the database %s", a.DSN())
	}
}

func TestServerCanBeStoppedKilledAndStarted(t *testing.T) {
	d := centraltest.MustStartAlone(t)
	for name, end := range map[string]func(testing.TB){"stop": d.Stop, "kill": d.Kill} {
		if !reachable(d.Addr()) {
			t.Fatalf("%s: not reachable before", name)
		}
		end(t)
		if reachable(d.Addr()) {
			t.Fatalf("%s: still reachable after it", name)
		}
		d.Start(t)
	}
}
