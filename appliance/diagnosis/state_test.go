package diagnosis_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

func TestStates(t *testing.T) {
	stopAt, startAt := 10*time.Minute, 40*time.Minute
	down := func(set func(v values)) script {
		return func(at time.Duration, v values, _ *rand.Rand) {
			switch {
			case at < stopAt:
			case at < startAt:
				standing(v, esp.Stopped)
				set(v)
			case at < startAt+20*time.Second:
				k := (at - startAt).Seconds() / 20
				v["drive_frequency"], v["motor_current"], v["output_power"] = 52*k+2, 5+18*k, 2+30*k
				v["run_state"] = float64(esp.Starting)
			}
		}
	}
	noStatus := without("run_state")
	tests := []struct {
		name   string
		cols   []esp.Column
		facts  esp.Facts
		script script
		last   time.Duration
		want   []string
	}{
		{
			"the drive says all", columns, facts, down(func(v values) { v["run_state"] = float64(esp.RestartWait); v["restart_remaining"] = 900 }), 90 * time.Minute,
			[]string{"running", "restart_wait", "starting", "settling", "running"},
		},
		{"drive trips", columns, facts, down(func(v values) { v["run_state"] = float64(esp.Tripped) }), 30 * time.Minute, []string{"running", "tripped"}},
		{"backspin", columns, facts, down(func(v values) { v["run_state"] = float64(esp.Backspin) }), 30 * time.Minute, []string{"running", "backspin"}},
		{"no status: frequency and power", noStatus, facts, down(func(values) {}), 90 * time.Minute, []string{"running", "stopped", "starting", "settling", "running"}},
		{"no status: fault code", noStatus, facts, down(func(v values) { v["fault_code"] = 5 }), 30 * time.Minute, []string{"running", "tripped"}},
		{"no status: waiting to restart", noStatus, facts, down(func(v values) { v["fault_code"] = 5; v["restart_remaining"] = 600 }), 30 * time.Minute, []string{"running", "restart_wait"}},
		{
			"no status: frequency register holds on while current is 0", without("run_state", "output_power"), facts,
			down(func(v values) { v["drive_frequency"] = 52 }), 30 * time.Minute,
			[]string{"running", "stopped"},
		},
		{"frequency alone", without("run_state", "output_power", "motor_current"), facts, down(func(values) {}), 30 * time.Minute, []string{"running", "stopped"}},
		{"current alone", without("run_state", "output_power", "drive_frequency"), facts, down(func(values) {}), 30 * time.Minute, []string{"running", "stopped"}},
		{
			"an unloaded permanent-magnet motor still turns", without("run_state", "output_power"),
			esp.Facts{Motor: esp.PermanentMagnet, RatedCurrent: 32, BaseFrequency: 190},
			func(at time.Duration, v values, _ *rand.Rand) {
				v["drive_frequency"] = 190
				if at > stopAt {
					v["motor_current"] = 3
				}
			}, 30 * time.Minute,
			[]string{"running"},
		},
		{"no drive signal at all", without("run_state", "output_power", "motor_current", "drive_frequency", "fault_code", "restart_remaining", "dc_bus_voltage"), facts, nil, 30 * time.Minute, nil},
		{"change of speed", columns, facts, func(at time.Duration, v values, _ *rand.Rand) {
			v["drive_frequency"] += math.Min(math.Max((at-stopAt).Seconds()*0.1, 0), 3)
		}, 30 * time.Minute, []string{"running", "ramping", "running"}},
		{"one wrong number is no stop", noStatus, facts, func(at time.Duration, v values, _ *rand.Rand) {
			if at == stopAt {
				v["drive_frequency"], v["output_power"] = 0, 0
			}
		}, 20 * time.Minute, []string{"running", "ramping", "running"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(t, 4, tt.cols, tt.script)
			e := diagnosis.New(wellOf(tt.facts))
			r := run(s, diagnosis.NewGate(s.layout), e, tt.last)
			if d := cmp.Diff(tt.want, r.states()); d != "" {
				t.Errorf("states (-want +got):\n%s", d)
			}
			for _, ev := range r.events {
				if ev.ID != "state_changed" || ev.Text == "" || ev.Well != "T-1" {
					t.Errorf("event %+v", ev)
				}
			}
			state, since := e.State()
			if n := len(r.events); n > 0 && (state != r.events[n-1].To || !since.Equal(r.events[n-1].Time)) {
				t.Errorf("state %v since %v, last event %+v", state, since, r.events[n-1])
			}
		})
	}
}

func TestLastStop(t *testing.T) {
	stopAt := 20 * time.Minute
	s := newStream(t, 4, columns, func(at time.Duration, v values, _ *rand.Rand) {
		switch {
		case at < stopAt:
		case at < stopAt+15*time.Minute:
			standing(v, esp.RestartWait)
			v["intake_pressure"] += 400
			if at > stopAt+2*time.Second { // the code comes a poll later
				v["fault_code"] = 3
			}
		}
	})
	e := diagnosis.New(wellOf(facts))
	r := run(s, diagnosis.NewGate(s.layout), e, time.Hour)
	stop, ok := e.LastStop()
	if !ok {
		t.Fatal("no stop")
	}
	if !stop.At.Equal(epoch.Add(stopAt)) || stop.State != esp.RestartWait || stop.Fault != 3 || !stop.HasFault || !stop.Automatic {
		t.Errorf("stop %+v", stop)
	}
	if d := stop.Down(epoch.Add(time.Hour)); d != 15*time.Minute {
		t.Errorf("down %v", d)
	}
	want := map[esp.SignalID]float64{esp.DriveFrequency: 52, esp.MotorCurrent: 23.6, esp.IntakePressure: 8330, esp.MotorTemperature: 117}
	for _, b := range stop.Before {
		if w, ok := want[b.Signal]; ok && math.Abs(b.Value-w) > 0.005*w {
			t.Errorf("%s before the stop: %v, want %v", b.Signal, b.Value, w)
		}
		delete(want, b.Signal)
	}
	if len(want) > 0 {
		t.Errorf("nothing of %v before the stop", want)
	}
	if len(r.events) < 2 || r.events[1].To != esp.RestartWait {
		t.Errorf("events %+v", r.events)
	}
}

// A stop during a silence is dated with what is known: when it last turned.
func TestStopBehindASilence(t *testing.T) {
	s := newStream(t, 4, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if at >= 20*time.Minute {
			standing(v, esp.Tripped)
		}
	})
	s.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if c.Device == "drive" && at >= 10*time.Minute && at < 30*time.Minute {
			return esp.Lost, esp.Timeout
		}
		return esp.Good, esp.NoReason
	}
	e := diagnosis.New(wellOf(facts))
	r := run(s, diagnosis.NewGate(s.layout), e, 40*time.Minute)
	if d := cmp.Diff([]string{"running", "unknown", "tripped"}, r.states()); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
	stop, ok := e.LastStop()
	if !ok || stop.LastTurning.After(epoch.Add(10*time.Minute+15*time.Second)) || stop.At.Before(epoch.Add(30*time.Minute)) {
		t.Errorf("stop %+v", stop)
	}
}

// Reconnecting within minutes must not make a running pump "starting".
func TestShortSilenceIsNoStart(t *testing.T) {
	s := newStream(t, 4, columns, nil)
	s.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if c.Device == "drive" && int(at.Minutes())%20 == 7 {
			return esp.Lost, esp.Timeout
		}
		return esp.Good, esp.NoReason
	}
	r := run(s, nil, diagnosis.New(wellOf(facts)), time.Hour)
	for _, st := range r.states() {
		if st != "running" && st != "unknown" {
			t.Errorf("states %v", r.states())
			break
		}
	}
}

func TestClockSetBack(t *testing.T) {
	s := newStream(t, 4, columns, nil)
	e := diagnosis.New(wellOf(facts))
	run(s, nil, e, 3*time.Hour)
	_, _, before := e.Usual(esp.MotorCurrent)
	back := 2 * time.Hour
	var r result
	for range 3600 {
		scan := s.next()
		scan.Time = scan.Time.Add(-back)
		out := e.Observe(scan)
		r.events = append(r.events, out.Events...)
		r.found = append(r.found, out.Diagnoses...)
	}
	_, _, after := e.Usual(esp.MotorCurrent)
	if len(r.events) > 0 || len(r.found) > 0 || !before || !after {
		t.Errorf("events %v, found %v, usual known before %v, after %v", r.states(), r.names(), before, after)
	}
	s.script = func(at time.Duration, v values, _ *rand.Rand) {
		v["intake_pressure"] += (at - 4*time.Hour).Hours() * 1200
	}
	for range 900 {
		scan := s.next()
		scan.Time = scan.Time.Add(-back)
		e.Observe(scan)
	}
	if w, ok := e.Trend(esp.IntakePressure); w != diagnosis.Rising {
		t.Errorf("trend %q (%v) of a rising pressure after the clock was set back", w, ok)
	}
	if _, since := e.State(); since.After(s.scan.Time) {
		t.Errorf("state since %v, which is after now %v", since, s.scan.Time)
	}
}

// A silence of minutes does not break a regime; after a longer one nobody knows what
// happened in it.
func TestRegimeAcrossASilence(t *testing.T) {
	for _, silence := range []time.Duration{3 * time.Minute, 30 * time.Minute} {
		s := newStream(t, 4, columns, nil)
		s.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
			if c.Device == "drive" && at >= time.Hour && at < time.Hour+silence {
				return esp.Lost, esp.Timeout
			}
			return esp.Good, esp.NoReason
		}
		e := diagnosis.New(wellOf(facts))
		run(s, nil, e, time.Hour+silence+10*time.Minute)
		if kept := e.RegimeSince() > time.Hour; kept != (silence < 10*time.Minute) {
			t.Errorf("silence of %v: regime since %v", silence, e.RegimeSince())
		}
	}
}

// Nor does anybody know what happened while the appliance was off.
func TestRegimeAcrossAPause(t *testing.T) {
	s, e := newStream(t, 4, columns, nil), diagnosis.New(wellOf(facts))
	run(s, nil, e, time.Hour)
	s.at += 2 * time.Hour
	run(s, nil, e, 10*time.Minute)
	if d := e.RegimeSince(); d > 11*time.Minute {
		t.Errorf("regime since %v", d)
	}
}

// Ten minutes that hold a change of speed belong to no speed and are not learned.
func TestMixedSpeedsAreNotLearned(t *testing.T) {
	s := newStream(t, 4, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if int(at.Minutes())/7%2 == 1 {
			v["drive_frequency"] = 55
		}
	})
	e := diagnosis.New(wellOf(facts))
	run(s, nil, e, 5*time.Hour)
	if n, waiting := e.Learned(); n+waiting > 0 {
		t.Errorf("learned %d summaries of mixed speeds", n+waiting)
	}
}

// A value holds until the next one comes: the minute before a stop shows the pump
// running, also where polls are a minute apart.
func TestValuesBeforeASlowlyPolledStop(t *testing.T) {
	s := newStream(t, 4, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if at >= 20*time.Minute {
			standing(v, esp.Tripped)
		}
	})
	s.step = time.Minute
	e := diagnosis.New(wellOf(facts))
	run(s, nil, e, 25*time.Minute)
	stop, ok := e.LastStop()
	if !ok || len(stop.Before) == 0 || stop.Before[0].Signal != esp.DriveFrequency || stop.Before[0].Value != 52 {
		t.Errorf("stop %+v", stop)
	}
}

// The drive's count of restarts tells an automatic start from one by hand, where its
// status does not say that it waits.
func TestHowItRestarted(t *testing.T) {
	cols := append(without("run_state"), esp.Column{Name: "restarts_done", Device: "drive", Scale: esp.Identity()})
	for _, automatic := range []bool{true, false} {
		s := newStream(t, 4, cols, func(at time.Duration, v values, _ *rand.Rand) {
			v["restarts_done"] = 1
			switch {
			case at < 10*time.Minute:
			case at < 30*time.Minute:
				standing(v, esp.Stopped)
			case automatic:
				v["restarts_done"] = 2
			}
		})
		e := diagnosis.New(wellOf(facts))
		run(s, nil, e, 40*time.Minute)
		if stop, ok := e.LastStop(); !ok || stop.Automatic != automatic || stop.Restarted.IsZero() {
			t.Errorf("automatic %v: stop %+v", automatic, stop)
		}
	}
}
