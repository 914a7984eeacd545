package modbus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
	"wellkeeper.internal/scripts/goal"
)

// The fault matrix: each fault of the simulator's lines, over each kind of line that
// knows it. Two devices share the line. The value of each register tells its address and
// the second for which it stands, so that a value of another register, another device
// or an earlier moment is recognised. In each run the fault strikes one answer first,
// and later everything for some seconds.

const (
	matrixIdentity = 0x5A5A
	firstUnit      = 3
	secondUnit     = 4
)

// matrixProfile has two requests, or one for the second device; the last register of
// each is a constant.
func matrixProfile(tb testing.TB, id string, from ...int) *profile.Profile {
	tb.Helper()
	var text strings.Builder
	text.WriteString("schema: esp-profile/1\nid: " + id + "\nkind: drive\nlink: {between_ms: 100}\ndefaults: {fc: 3, base: 0}\npoints:\n")
	for _, first := range from {
		for a := range 5 + first%7 {
			fmt.Fprintf(&text, "  - {name: r%d, ref: %d, plausible: [0, 0x3FFF]}\n", first+a, first+a)
		}
		fmt.Fprintf(&text, "  - {name: identity_%d, ref: %d, constant: %d}\n", first, first+5+first%7, matrixIdentity)
	}
	return mustParse(tb, text.String())
}

// trial is one run.
type trial struct {
	fault  sim.LinkFault
	over   sim.Over
	seed   uint64
	single [2]time.Duration // one answer in this time, since the start
	all    [2]time.Duration // all answers
	units  map[uint8]*profile.Profile
	bank   *sim.Bank
	// places are the addresses by the names of the points.
	places map[string]uint16
	// younger is by how many seconds a value may be younger than its scan where the poll
	// took long; it is never older.
	younger uint8
	late    atomic.Bool // the device itself had a value of the second before: a busy machine
}

// matrixUnits are the devices of each trial.
func matrixUnits(tb testing.TB) map[uint8]*profile.Profile {
	tb.Helper()
	return map[uint8]*profile.Profile{firstUnit: matrixProfile(tb, "first", 5, 36), secondUnit: matrixProfile(tb, "second", 50)}
}

func newTrial(units map[uint8]*profile.Profile, fault sim.LinkFault, over sim.Over, seed uint64) *trial {
	rng := rand.New(rand.NewPCG(seed, uint64(fault.Act)<<8|uint64(over)))
	fault.Unit, fault.Share, fault.Strikes = 0, 0, 0
	t := &trial{fault: fault, over: over, seed: seed, units: units, bank: sim.NewBank(units), places: map[string]uint16{}, younger: 2}
	for _, p := range units {
		for i := range p.Points {
			if p.Points[i].Constant == nil {
				t.places[p.Points[i].Name] = p.Points[i].Wire
			}
		}
	}
	// One of the three requests of a poll: they are at least 0.1 s apart.
	at := time.Duration(3+rng.IntN(2))*time.Second - 50*time.Millisecond + time.Duration(rng.IntN(3))*130*time.Millisecond
	t.single = [2]time.Duration{at, at + 500*time.Millisecond}
	from := 6*time.Second + time.Duration(rng.Int64N(int64(time.Second)))
	t.all = [2]time.Duration{from, from + time.Second + time.Duration(rng.Int64N(int64(3*time.Second)))}
	return t
}

const matrixRun = 15 * time.Second

// play shows the registers and the fault as time passes, until ctx ends. The values of a
// second are there a little before it comes.
func (t *trial) play(ctx context.Context, start time.Time) {
	const ahead = 150 * time.Millisecond
	began := time.Now()
	moments := []time.Duration{0, t.single[0], t.single[1], t.all[0], t.all[1]}
	for k := range int(matrixRun/time.Second) + 2 {
		moments = append(moments, time.Duration(k+1)*time.Second-ahead)
	}
	slices.Sort(moments)
	for _, at := range moments {
		timer := time.NewTimer(time.Until(start.Add(at)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		t.show(start.Add(at+ahead), at)
		if due := start.Add(at); due.After(began) && time.Since(due) > ahead/2 {
			t.late.Store(true)
		}
	}
}

func (t *trial) show(values time.Time, at time.Duration) {
	m := sim.Moment{Time: values, Seed: t.seed, Value: func(name string) (float64, bool) {
		if a, ok := t.places[name]; ok {
			return float64(value(a, values, time.Second)), true
		}
		return matrixIdentity, true
	}}
	f := t.fault
	switch {
	case at >= t.single[0] && at < t.single[1]:
		f.Strikes = 1
		m.Faults = []sim.LinkFault{f}
	case at >= t.all[0] && at < t.all[1]:
		m.Faults = []sim.LinkFault{f}
	}
	t.bank.Show(m)
}

// verdict is what became of a run.
type verdict struct {
	wrong     []string
	cycles    int // that lost values to the single fault
	recovered int // the poll after the end of the fault that had everything; 0: none
	stray     []string
	polls     int
	again     int // good values after the end of the fault
}

// judge looks at one scan.
func (t *trial) judge(v *verdict, start time.Time, s *esp.Scan) {
	at, lost, whole := s.Time.Sub(start), 0, true
	for i, r := range s.Readings {
		a, ok := t.places[s.Layout.Columns[i].Name]
		if !ok {
			continue
		}
		whole = whole && r.Quality == esp.Good
		if r.Quality == esp.Good && at >= t.all[1] {
			v.again++
		}
		switch r.Quality {
		case esp.Good, esp.Suspect:
			want := value(a, s.Time, time.Second)
			if r.Raw>>8 != int64(want>>8) || uint8(r.Raw)-uint8(want) > t.younger {
				v.wrong = append(v.wrong, fmt.Sprintf("%v r%d: got %#x, want %#x", at, a, r.Raw, want))
			}
		case esp.Lost:
			lost++
		default:
		}
	}
	v.polls++
	switch {
	case at < t.single[0].Truncate(time.Second) || at > t.single[1]+1500*time.Millisecond && at+900*time.Millisecond < t.all[0]:
		if !whole {
			v.stray = append(v.stray, fmt.Sprintf("%v: %d values lost", at, lost))
		}
	case at+900*time.Millisecond < t.all[0]:
		if lost > 0 {
			v.cycles++
		}
	case at >= t.all[1] && v.recovered <= 0:
		v.recovered-- // counts the polls until it is whole
		if whole {
			v.recovered = -v.recovered
		}
	case at >= t.all[1] && !whole:
		v.stray = append(v.stray, fmt.Sprintf("%v: %d values lost after it was whole", at, lost))
	}
}

// run polls until the time is over.
func (t *trial) run(tb testing.TB, dial modbus.Dialer, url string, start time.Time) verdict {
	tb.Helper()
	var v verdict
	devices := []modbus.Device{
		{ID: "first", URL: url, Unit: firstUnit, Profile: t.units[firstUnit]},
		{ID: "second", URL: url, Unit: secondUnit, Profile: t.units[secondUnit]},
	}
	if t.fault.Name == "deadline-reply" {
		// It is chance whether these are lost, and a unit that alone gives no answer rests
		// for longer for the sake of the others: TestDeadUnitCost.
		devices = devices[:1]
	}
	p := mustPoller(tb, modbus.Config{
		Well: "w", Log: zerolog.Nop(), Links: modbus.NewLinks(modbus.LinksConfig{Dial: dial, Log: zerolog.Nop()}), Devices: devices,
	})
	err := p.Run(tb.Context(), func(_ context.Context, s *esp.Scan) error {
		if s.Time.Sub(start) >= matrixRun {
			return errEnough
		}
		t.judge(&v, start, s)
		return nil
	})
	if !errors.Is(err, errEnough) {
		tb.Errorf("run: %v", err)
	}
	return v
}

// inMemory runs the trial where time is simulated.
func (t *trial) inMemory(tb *testing.T) (v verdict) { //nolint:thelper // t is the trial
	tb.Helper()
	synctest.Test(tb, func(tb *testing.T) {
		start := time.Now().Truncate(time.Second)
		t.show(start, 0)
		dial, serve := medium(t.over, t.bank)
		ctx, cancel := context.WithCancel(tb.Context())
		var running sync.WaitGroup
		running.Go(func() { t.play(ctx, start) })
		running.Go(func() {
			if err := serve(ctx); err != nil {
				tb.Error(err)
			}
		})
		v = t.run(tb, dial, urls[t.over], start)
		cancel()
		running.Wait()
	})
	return v
}

// worst collects verdicts; several goroutines give them.
type worst struct {
	mu        sync.Mutex // guards all below
	trials    int
	polls     int
	wrong     int
	cycles    int
	recovered int
}

func (w *worst) add(tb testing.TB, t *trial, v *verdict) {
	tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trials++
	w.polls += v.polls
	w.wrong += len(v.wrong)
	w.cycles = max(w.cycles, v.cycles)
	name := fmt.Sprintf("%s over %s, seed %d", t.fault.Name, schemes[t.over], t.seed)
	if v.recovered <= 0 {
		tb.Errorf("%s: never whole again", name)
		v.recovered = 99
	}
	w.recovered = max(w.recovered, v.recovered)
	if len(v.wrong) > 0 || v.cycles > 1 || v.recovered > 2 || len(v.stray) > 0 {
		tb.Errorf("%s (one at %v, all %v): wrong %v; %d cycles lost by one fault; whole again in poll %d; outside the fault %v",
			name, t.single[0], t.all, v.wrong, v.cycles, v.recovered, v.stray)
	}
}

type faultOver struct {
	fault sim.LinkFault
	over  sim.Over
}

// matrix is every fault over every kind of line. What never shows a value of another
// register or moment as good is not in it: frozen-values has its own test.
func matrix() (all []faultOver) {
	for _, over := range []sim.Over{sim.OverTCP, sim.OverRTU, sim.OverSerial} {
		for _, f := range sim.LinkFaults() {
			if f.Happens(over) && f.Act != sim.Frozen {
				all = append(all, faultOver{f, over})
			}
		}
	}
	return all
}

func matrixSeeds(t *testing.T) uint64 {
	t.Helper()
	switch {
	case os.Getenv("WELLKEEPER_SOAK") != "":
		return 1000
	case testing.Short():
		return 10
	}
	return 100
}

// Whatever a line does: no wrong value, no cycle more lost than the one that was struck,
// and everything there again within two polls.
func TestFaultMatrix(t *testing.T) {
	var w worst
	units := matrixUnits(t)
	t.Run("faults", func(t *testing.T) {
		for _, one := range matrix() {
			t.Run(one.fault.Name+" over "+schemes[one.over], func(t *testing.T) {
				t.Parallel()
				for seed := range matrixSeeds(t) {
					trial := newTrial(units, one.fault, one.over, seed)
					v := trial.inMemory(t)
					w.add(t, trial, &v)
				}
			})
		}
	})
	t.Logf("%d runs of %d faults over 3 kinds of line, %d polls, on %d processors", w.trials, len(matrix()), w.polls, runtime.GOMAXPROCS(0))
	goal.Exact(t, "modbus.wrong-values", float64(w.wrong), "values", 0)
	goal.Exact(t, "modbus.cycles-lost-per-fault", float64(w.cycles), "cycles", 1)
	goal.Exact(t, "modbus.polls-to-recover", float64(w.recovered), "polls", 2)
}
