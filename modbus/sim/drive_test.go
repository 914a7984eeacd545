package sim_test

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

func stateOf(tb testing.TB, w *sim.Well) esp.State {
	tb.Helper()
	return esp.State(value(tb, w, "run_state"))
}

// passes fails unless the well goes through exactly these states, in this order.
func passes(t *testing.T, w *sim.Well, until time.Time, want ...esp.State) {
	t.Helper()
	got := []esp.State{stateOf(t, w)}
	for at := w.Time().Add(time.Second); !at.After(until); at = at.Add(time.Second) {
		w.Advance(at)
		if s := stateOf(t, w); s != got[len(got)-1] {
			got = append(got, s)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("states %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("states %v, want %v", got, want)
		}
	}
}

func driven(t *testing.T, changes ...sim.Change) *sim.Well {
	t.Helper()
	s := sim.Scenario{Name: "drive", Calm: 48 * time.Hour, Changes: changes}
	return mustWell(t, sim.Config{Seed: 2, Start: start, Scenario: s})
}

func TestDriveStopsAndStarts(t *testing.T) {
	t.Parallel()
	w := driven(
		t,
		sim.Change{Param: sim.RunCommand, After: time.Minute, To: 0},
		sim.Change{Param: sim.RunCommand, After: 20 * time.Minute, To: 1},
	)
	starts, hours := value(t, w, "start_count"), value(t, w, "run_hours")
	passes(t, w, start.Add(10*time.Minute), esp.Running, esp.Ramping, esp.Stopped)
	if f, c := value(t, w, "drive_frequency"), value(t, w, "motor_current"); f != 0 || c != 0 {
		t.Errorf("stopped: %g Hz, %g A", f, c)
	}
	if ran := value(t, w, "run_hours") - hours; ran > 0.04 {
		t.Errorf("%g run hours for a minute", ran)
	}
	passes(t, w, start.Add(30*time.Minute), esp.Stopped, esp.Starting, esp.Running)
	if got := value(t, w, "start_count"); got != starts+1 {
		t.Errorf("starts %g, want one more than %g", got, starts)
	}
	if q := value(t, w, "liquid_rate"); q < 50 {
		t.Errorf("%g m3/d after the restart", q)
	}
}

func TestSpeedChangeRamps(t *testing.T) {
	t.Parallel()
	w := driven(t, sim.Change{Param: sim.Setpoint, After: time.Minute, To: 55})
	before := value(t, w, "drive_frequency")
	w.Advance(start.Add(time.Minute + 5*time.Second))
	if got := value(t, w, "drive_frequency"); got <= before || got > before+0.7 {
		t.Errorf("%g Hz five seconds after the change from %g Hz", got, before)
	}
	if s := stateOf(t, w); s != esp.Ramping {
		t.Errorf("state %v, want ramping", s)
	}
	w.Advance(start.Add(3 * time.Minute))
	if got := value(t, w, "drive_frequency"); got != 55 || stateOf(t, w) != esp.Running {
		t.Errorf("%g Hz, %v, want 55 Hz running", got, stateOf(t, w))
	}
}

func TestUndervoltageTripsAndRestartsByItself(t *testing.T) {
	t.Parallel()
	w := driven(
		t,
		sim.Change{Param: sim.SupplyVoltage, After: time.Minute, To: 300},
		sim.Change{Param: sim.SupplyVoltage, After: 2 * time.Minute, To: 480},
	)
	passes(t, w, start.Add(2*time.Minute), esp.Running, esp.RestartWait)
	if got := value(t, w, "fault_code"); got != 3 {
		t.Errorf("fault code %g, want undervoltage", got)
	}
	if got := value(t, w, "restart_remaining"); got < 800 || got > 900 {
		t.Errorf("restart in %g s", got)
	}
	passes(t, w, start.Add(30*time.Minute), esp.RestartWait, esp.Starting, esp.Running)
	if got := value(t, w, "restarts_done"); got != 1 {
		t.Errorf("restarts %g, want 1", got)
	}
	if fault, last := value(t, w, "fault_code"), value(t, w, "last_shutdown_code"); fault != 0 || last != 3 {
		t.Errorf("running again: fault %g, last shutdown %g", fault, last)
	}
}

func TestLastingUndervoltageLocksOut(t *testing.T) {
	t.Parallel()
	w := driven(t, sim.Change{Param: sim.SupplyVoltage, After: time.Minute, To: 300})
	w.Advance(start.Add(2 * time.Hour))
	if s := stateOf(t, w); s != esp.Tripped {
		t.Errorf("state %v after all restarts, want tripped", s)
	}
}

func TestGroundFaultDoesNotRestart(t *testing.T) {
	t.Parallel()
	w := driven(t, sim.Change{Param: sim.Leakage, After: time.Minute, To: 50})
	passes(t, w, start.Add(3*time.Hour), esp.Running, esp.Tripped)
	if got := value(t, w, "fault_code"); got != 4 {
		t.Errorf("fault code %g, want earth fault", got)
	}
}

func TestLeakingCheckValveSpinsThePumpBack(t *testing.T) {
	t.Parallel()
	w := driven(
		t,
		sim.Change{Param: sim.CheckValveLeak, To: 2},
		sim.Change{Param: sim.RunCommand, After: time.Minute, To: 0},
	)
	passes(t, w, start.Add(6*time.Hour), esp.Running, esp.Ramping, esp.Stopped, esp.Backspin, esp.Stopped)
	sound := driven(t, sim.Change{Param: sim.RunCommand, After: time.Minute, To: 0})
	w.Advance(start.Add(6 * time.Hour))
	sound.Advance(start.Add(6 * time.Hour))
	if leaking, tight := value(t, w, "intake_pressure"), value(t, sound, "intake_pressure"); leaking <= tight {
		t.Errorf("the column that ran back raised the intake to %g kPa, without it %g kPa", leaking, tight)
	}
}

// The profile of the simulated drive must name the codes that the simulator sends.
func TestProfileKnowsTheCodes(t *testing.T) {
	t.Parallel()
	p := mustProfile(t, "simulated-drive")
	for code, canonical := range map[int64]string{
		3: "undervoltage", 4: "ground_fault", 5: "overload", 6: "underload", 7: "motor_overheating",
	} {
		if got := p.Faults.Table[code].Canonical; got != canonical {
			t.Errorf("code %d is %q in the profile, want %q", code, got, canonical)
		}
	}
}

func mustProfile(tb testing.TB, id string) *profile.Profile {
	tb.Helper()
	name := "profiles/" + id + ".yaml"
	content, err := configs.Profiles.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := profile.Parse(name, content)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
