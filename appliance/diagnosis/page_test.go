package diagnosis_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

func TestUsualAndTrend(t *testing.T) {
	ramp := func(perHour float64) script {
		return func(at time.Duration, v values, _ *rand.Rand) {
			if at >= begin {
				v["intake_pressure"] += perHour * (at - begin).Hours()
			}
		}
	}
	tests := []struct {
		name   string
		script script
		want   diagnosis.Trend
	}{
		{"steady", nil, diagnosis.Steady},
		{"rising", ramp(900), diagnosis.Rising},
		{"falling", ramp(-900), diagnosis.Falling},
		{"swinging", func(at time.Duration, v values, _ *rand.Rand) {
			if at >= begin {
				v["intake_pressure"] += 200 * slug(at, 61)
			}
		}, diagnosis.Swinging},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(t, 6, columns, tt.script)
			g, e := diagnosis.NewGate(s.layout), diagnosis.New(wellOf(facts))
			if _, _, ok := e.Usual(esp.IntakePressure); ok {
				t.Error("something is usual before the first scan")
			}
			if _, ok := e.Trend(esp.IntakePressure); ok {
				t.Error("a trend before the first scan")
			}
			run(s, g, e, begin)
			lo, hi, ok := e.Usual(esp.IntakePressure)
			if !ok || lo > 8325 || lo < 8250 || hi < 8335 || hi > 8410 {
				t.Errorf("usual %v to %v (%v)", lo, hi, ok)
			}
			run(s, g, e, 15*time.Minute)
			if got, ok := e.Trend(esp.IntakePressure); !ok || got != tt.want {
				t.Errorf("trend %q (%v), want %q", got, ok, tt.want)
			}
			if got, ok := e.Trend(esp.GasRate); ok {
				t.Errorf("trend %q of a signal that is not there", got)
			}
		})
	}
}

// A lost signal has no trend: old is never shown as live.
func TestTrendOfALostSignal(t *testing.T) {
	s := newStream(t, 6, columns, nil)
	s.lose = func(at time.Duration, c *esp.Column) (esp.Quality, esp.Reason) {
		if at >= time.Hour && c.Device == "gauge" {
			return esp.Lost, esp.Timeout
		}
		return esp.Good, esp.NoReason
	}
	e := diagnosis.New(wellOf(facts))
	run(s, nil, e, time.Hour+time.Minute)
	if w, ok := e.Trend(esp.IntakePressure); ok {
		t.Errorf("trend %q", w)
	}
}

// After a change of speed the usual current follows the affinity laws until the new
// speed has been learned.
func TestUsualAtAnotherSpeed(t *testing.T) {
	s := newStream(t, 6, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if at >= begin {
			v["drive_frequency"] = 55
			v["motor_current"] *= 1.1187 // (55/52)²
		}
	})
	e := diagnosis.New(wellOf(facts))
	run(s, nil, e, begin+10*time.Minute)
	lo, hi, ok := e.Usual(esp.MotorCurrent)
	if mid := (lo + hi) / 2; !ok || mid < 26.2 || mid > 26.6 {
		t.Errorf("usual current at 55 Hz: %v to %v (%v)", lo, hi, ok)
	}
	if lo, hi, ok := e.Usual(esp.IntakePressure); ok {
		t.Errorf("usual intake pressure at 55 Hz: %v to %v, which nobody knows yet", lo, hi)
	}
}

// A value holds until the next one comes: one new reading does not rewrite the
// minutes before it.
func TestTrendOfSlowPolls(t *testing.T) {
	s := newStream(t, 6, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if at >= begin {
			v["intake_pressure"] += 400
		}
	})
	s.step = 4 * time.Minute
	e := diagnosis.New(wellOf(facts))
	run(s, nil, e, begin+s.step)
	if w, ok := e.Trend(esp.IntakePressure); !ok || w != diagnosis.Steady {
		t.Errorf("trend %q (%v) at the first reading of a new level", w, ok)
	}
}

// Polled once a minute, a swing cannot be told from chance.
func TestSlowPollsShowNoSwing(t *testing.T) {
	s := newStream(t, 6, columns, func(at time.Duration, v values, _ *rand.Rand) {
		if at >= begin {
			v["motor_current"] *= 1 + 0.06*slug(at, 97)
		}
	})
	s.step = time.Minute
	e := diagnosis.New(wellOf(facts))
	for s.at < begin+2*time.Hour {
		run(s, nil, e, s.step)
		if w, _ := e.Trend(esp.MotorCurrent); w == diagnosis.Swinging {
			t.Fatalf("swinging, polled once a minute, at %v", s.at)
		}
	}
}
