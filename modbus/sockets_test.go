package modbus_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wellkeeper.internal/modbus/sim"
)

// The fault matrix over real sockets and pseudo-terminals, three seeds of each fault at
// the same time. Time is real here and the machine may be busy, so that only what
// must hold at any speed is asked for: no value of another register or of an earlier
// moment, and values again after the fault.
// One serial line is among them that is pulled out and plugged in again under another
// terminal: it is opened by its path, and no descriptor is left behind.
func TestFaultMatrixOverSocketsAndTerminals(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	units := matrixUnits(t)
	before := descriptors(t)
	var running sync.WaitGroup
	var late atomic.Int32
	for _, one := range matrix() {
		for seed := range uint64(3) {
			running.Go(func() {
				trial := newTrial(units, one.fault, one.over, seed)
				trial.younger = 12
				v := trial.inReality(t)
				switch {
				case trial.late.Load():
					late.Add(1)
				case len(v.wrong) > 0:
					t.Errorf("%s over %s, seed %d: wrong %v", one.fault.Name, schemes[one.over], seed, v.wrong)
				case v.again == 0:
					t.Errorf("%s over %s, seed %d: no value after the fault", one.fault.Name, schemes[one.over], seed)
				}
			})
		}
	}
	running.Wait()
	t.Logf("%d runs, of which %d say nothing because the machine was too busy to keep the device's time", 3*len(matrix()), late.Load())
	if after := descriptors(t); after > before+2 {
		t.Errorf("open descriptors: %d before, %d after", before, after)
	}
}

func (t *trial) inReality(tb *testing.T) (v verdict) { //nolint:thelper // t is the trial
	tb.Helper()
	start := time.Now().Truncate(time.Second)
	t.show(start, 0)
	var (
		listener net.Listener
		err      error
		url      string
	)
	if t.over == sim.OverSerial {
		path := filepath.Join(tb.TempDir(), "line")
		listener, err = sim.OpenCable(path, t.bank)
		url = "rtu://" + path + "?parity=N"
	} else {
		listener, err = sim.OpenDoor(tb.Context(), "127.0.0.1:0", t.bank)
		if err == nil {
			url = schemes[t.over] + "://" + listener.Addr().String()
		}
	}
	if err != nil {
		tb.Error(err)
		return verdict{again: 1}
	}
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() { t.play(ctx, start) })
	running.Go(func() {
		if err := sim.NewServer(sim.ServerConfig{Listener: listener, Bank: t.bank, Over: t.over}).Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	v = t.run(tb, nil, url, start)
	cancel()
	running.Wait()
	return v
}

func descriptors(tb testing.TB) int {
	tb.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(all)
}
