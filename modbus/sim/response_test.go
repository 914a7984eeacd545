package sim_test

import (
	"math"
	"testing"
	"time"

	"wellkeeper.internal/modbus/sim"
)

// state is a row of the response table: bar, m3/d at the wellhead, A, degC.
type state struct{ intake, discharge, rate, current, motor, wellhead float64 }

func (s state) values() []float64 {
	return []float64{s.intake, s.discharge, s.rate, s.current, s.motor, s.wellhead}
}

var stateNames = []string{"intake bar", "discharge bar", "rate m3/d", "current A", "motor degC", "wellhead bar"}

const event = 12 * time.Hour // after the start; the well has settled at 52 Hz by then

// around is the state of a well about a time after the event: the mean of the ten
// minutes around it, which the slugs do not move.
func around(w *sim.Well, after time.Duration) state {
	at := start.Add(event + after)
	m := mean(w, at.Add(-5*time.Minute), at.Add(5*time.Minute),
		"intake_pressure", "discharge_pressure", "liquid_rate", "motor_current", "motor_temperature", "tubing_head_pressure")
	return state{m[0] / 100, m[1] / 100, m[2], m[3], m[4], m[5] / 100}
}

// disturbed is the well at 52 Hz without drift in the reservoir, and what a change
// does to it.
func disturbed(t *testing.T, changes ...sim.Change) *sim.Well {
	t.Helper()
	s := sim.Scenario{Name: "response", Changes: []sim.Change{
		{Param: sim.ReservoirPressure, To: 180},
		{Param: sim.Setpoint, To: 52},
		{Param: sim.LinePressure, To: 8},
	}}
	for _, c := range changes {
		c.After += event
		s.Changes = append(s.Changes, c)
	}
	return mustWell(t, sim.Config{Seed: 11, Start: start, Scenario: s})
}

const free = math.MaxFloat64 // the table says nothing

var responses = []struct {
	name   string
	change sim.Change
	// direction of each quantity after a quarter of an hour: 1 up, -1 down, 0 free
	direction [6]int
	rows      map[time.Duration]state
}{
	{
		"two hertz more",
		sim.Change{Param: sim.Setpoint, To: 54},
		[6]int{-1, 1, 1, 1, 1, 1},
		map[time.Duration]state{
			15 * time.Minute: {82.8, 216, 78.1, 24.9, 117.5, 13.6},
			4 * time.Hour:    {78.7, 216, 75.7, 24.9, 118.2, 13.3},
		},
	},
	{
		"tubing leak of 20 m3/d",
		sim.Change{Param: sim.TubingLeak, To: 20},
		[6]int{1, -1, -1, 0, -1, -1},
		map[time.Duration]state{
			15 * time.Minute: {84.4, 212.6, 52.1, 23.6, 117, 10.5},
			time.Hour:        {87.1, 212.9, 53.8, 23.5, 116, 10.7},
			4 * time.Hour:    {93.1, 213.7, 57.4, 23.4, 115, 11.1},
		},
	},
	{
		"tubing leak of 45 m3/d",
		sim.Change{Param: sim.TubingLeak, To: 45},
		[6]int{1, -1, -1, 0, -1, -1},
		map[time.Duration]state{
			15 * time.Minute: {85.8, 211, 29.2, 23.5, 116, 8.8},
			time.Hour:        {92.1, 212, 33.0, 23.4, 115, 9.0},
			4 * time.Hour:    {106, 213, 40.6, 23.0, 113, 9.5},
		},
	},
	{
		"choke at 30 %",
		sim.Change{Param: sim.ChokeOpening, To: 0.3},
		[6]int{1, 1, -1, -1, 1, 1},
		map[time.Duration]state{
			15 * time.Minute: {84.4, 236, 51.7, 22.9, 121, 35},
			4 * time.Hour:    {93.9, 241, 56.0, 23.2, 121, 40},
		},
	},
	{
		"valve closed", // it weeps
		sim.Change{Param: sim.ChokeOpening, To: 0.02},
		[6]int{1, 1, -1, -1, 1, 1},
		map[time.Duration]state{
			15 * time.Minute: {87.2, 268, 5, 19.9, 137, 70},
			time.Hour:        {97.8, 279, 5, 19.9, 162, 80},
		},
	},
	{
		"wear of 15 %",
		sim.Change{Param: sim.Wear, To: 0.15},
		[6]int{1, -1, -1, -1, 1, -1},
		map[time.Duration]state{
			15 * time.Minute: {84.3, 211, 53.8, 20.6, 118, 10.7},
			4 * time.Hour:    {91.3, 212, 60.4, 20.9, 117, 11.4},
		},
	},
	{
		"broken shaft",
		sim.Change{Param: sim.ShaftTurns, To: 0},
		[6]int{1, -1, -1, -1, 0, -1},
		map[time.Duration]state{
			15 * time.Minute: {87.5, 87.5, 0, 12.1, free, 8},
			time.Hour:        {99.0, 99.0, 0, 12.1, free, 8},
		},
	},
	{
		"stop",
		sim.Change{Param: sim.RunCommand, To: 0},
		[6]int{1, -1, -1, -1, -1, -1},
		map[time.Duration]state{
			15 * time.Minute: {87.5, 87.5, 0, 0, 108, 8},
			4 * time.Hour:    {131, 131, 0, 0, 85, 8},
		},
	},
}

// tolerance of the table's rows: bar, m3/d, A, degC; at a shut valve a little flow is
// much pressure.
func tolerance(row state) state {
	if row.wellhead > 60 {
		return state{1.5, 5, 2.5, 0.5, 4, 6}
	}
	return state{1.2, 2.5, 2, 0.4, 2.5, 1.2}
}

func TestWellSettlesAtItsDutyPoint(t *testing.T) {
	t.Parallel()
	w := disturbed(t)
	want, within := state{83.3, 214, 69.9, 23.6, 117, 12.5}, state{0.6, 1.2, 0.9, 0.2, 0.7, 0.3}
	for _, after := range []time.Duration{15 * time.Minute, 4 * time.Hour} {
		compare(t, after, around(w, after), want, within)
	}
}

func TestWellRespondsAsTheDesignSays(t *testing.T) {
	t.Parallel()
	for _, r := range responses {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			steady := around(disturbed(t), 15*time.Minute).values()
			w := disturbed(t, r.change)
			for _, after := range []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour} {
				want, asked := r.rows[after]
				if !asked {
					continue
				}
				got := around(w, after)
				compare(t, after, got, want, tolerance(want))
				if after != 15*time.Minute {
					continue
				}
				for i, v := range got.values() {
					if d := r.direction[i]; d != 0 && float64(d)*(v-steady[i]) <= 0 {
						t.Errorf("%s went from %.2f to %.2f, want direction %d", stateNames[i], steady[i], v, d)
					}
				}
			}
		})
	}
}

func compare(t *testing.T, after time.Duration, got, want, within state) {
	t.Helper()
	g, n, d := got.values(), want.values(), within.values()
	for i := range g {
		if n[i] != free && math.Abs(g[i]-n[i]) > d[i] {
			t.Errorf("after %v: %s is %.2f, want %.2f ± %.2f", after, stateNames[i], g[i], n[i], d[i])
		}
	}
}

func TestReservoirAndGasDoWhatTheyShould(t *testing.T) {
	t.Parallel()
	steady := around(disturbed(t), 4*time.Hour)
	for _, c := range []struct {
		name      string
		change    sim.Change
		direction [6]int
	}{
		{"reservoir pressure lost", sim.Change{Param: sim.ReservoirPressure, To: 165}, [6]int{-1, 0, -1, 0, 0, -1}},
		{"productivity gained", sim.Change{Param: sim.Productivity, To: 0.95}, [6]int{1, 0, 1, 0, 0, 1}},
		{"line pressure up", sim.Change{Param: sim.LinePressure, To: 20}, [6]int{1, 1, -1, 0, 0, 1}},
		{"some gas", sim.Change{Param: sim.GasOilRatio, To: 260}, [6]int{1, -1, -1, -1, 0, -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := around(disturbed(t, c.change), 4*time.Hour).values()
			for i, v := range got {
				was := steady.values()[i]
				if d := c.direction[i]; d != 0 && float64(d)*(v-was) <= 0 {
					t.Errorf("%s went from %.2f to %.2f, want direction %d", stateNames[i], was, v, d)
				}
			}
		})
	}
}
