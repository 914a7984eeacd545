package sim

import (
	"math"

	"wellkeeper.internal/appliance/esp"
)

// Codes of the simulated drive, as in the fault table of its profile.
const (
	codeNone            = 0
	codeUndervoltage    = 3
	codeGround          = 4
	codeOverload        = 5
	codeUnderload       = 6
	codeOvertemperature = 7
	codeHeatsink        = 8
)

// protection is one function of the drive that watches the motor.
type protection struct {
	code    int
	delay   float64 // s
	restart float64 // s until it starts by itself; 0: it stays out
	trips   bool    // false: it only warns
	acts    func(*reading) bool
}

// reading is what the drive's protections see.
type reading struct{ current, temperature, heatsink, dcBus, leakage float64 }

const (
	restartsAllowed = 3
	startRate       = 2.5  // Hz/s
	changeRate      = 0.10 // Hz/s
	stopRate        = 4.0  // Hz/s
	watches         = 8    // protections of the drive
)

// protections of the drive. Underload only warns: with a gassy well the field lets
// the pump run through a lock for a while, and a demo that stops shows nothing. The
// motor temperature trips well above what a lock reaches.
func protections() [watches]protection {
	return [watches]protection{
		{code: codeOverload, delay: 20, trips: true, acts: func(r *reading) bool { return r.current > 1.15*ratedCurrent }},
		{code: codeOverload, delay: 5, acts: func(r *reading) bool { return r.current > 1.02*ratedCurrent }},
		{code: codeUnderload, delay: 30, acts: func(r *reading) bool { return r.current < 0.50*ratedCurrent }},
		{code: codeUndervoltage, delay: 2, restart: 900, trips: true, acts: func(r *reading) bool { return r.dcBus < 480 }},
		{code: codeOvertemperature, delay: 60, restart: 3600, trips: true, acts: func(r *reading) bool { return r.temperature > 185 }},
		{code: codeGround, delay: 1, trips: true, acts: func(r *reading) bool { return r.leakage > 30 }},
		{code: codeHeatsink, delay: 10, restart: 900, trips: true, acts: func(r *reading) bool { return r.heatsink > 85 }},
		{code: codeHeatsink, delay: 20, acts: func(r *reading) bool { return r.heatsink > 78 }},
	}
}

// drive is the variable-speed drive.
type drive struct {
	state     esp.State
	frequency float64 // Hz, output
	timers    [watches]float64
	watch     [watches]protection
	fault     int
	warning   int
	shutdown  int     // why it last stopped
	waiting   float64 // s until the automatic restart
	restarts  int
	starts    float64
	hours     float64
	energy    float64 // kWh
}

// run moves the output frequency for dt seconds towards what is wanted.
func (d *drive) run(p *params, backspin bool, dt float64) {
	wanted := math.Round(p[Setpoint]*100) / 100
	command := p[RunCommand] >= 0.5
	switch d.state {
	case esp.Tripped:
		d.frequency = 0
		if !command {
			d.fault, d.state = codeNone, esp.Stopped // the stop command resets the fault
		}
	case esp.RestartWait:
		d.frequency = 0
		d.waiting -= dt
		if d.waiting <= 0 && !backspin {
			d.restarts++
			d.start()
		}
	case esp.Starting, esp.Running, esp.Ramping:
		if command {
			d.follow(wanted, dt)
			break
		}
		d.frequency = max(d.frequency-stopRate*dt, 0)
		d.state = esp.Ramping
		if d.frequency == 0 {
			d.state, d.shutdown = esp.Stopped, codeNone
		}
	default: // stopped or spinning back
		d.frequency = 0
		switch {
		case backspin:
			d.state = esp.Backspin
		case command && wanted > 0:
			d.restarts = 0
			d.start()
		default:
			d.state = esp.Stopped
		}
	}
	if d.frequency > 0 {
		d.hours += dt / 3600
	}
}

func (d *drive) start() {
	d.state = esp.Starting
	d.waiting, d.fault = 0, codeNone
	d.timers = [watches]float64{}
	d.starts++
}

// follow approaches the wanted frequency: fast at the start, slowly later.
func (d *drive) follow(wanted, dt float64) {
	rate := changeRate
	if d.state == esp.Starting {
		rate = startRate
	}
	d.frequency += min(max(wanted-d.frequency, -rate*dt), rate*dt)
	switch {
	case d.frequency == wanted:
		d.state = esp.Running
	case d.state != esp.Starting:
		d.state = esp.Ramping
	}
}

// protect lets the protections look; a trip stops the output at once.
func (d *drive) protect(r *reading, dt float64) {
	d.warning = codeNone
	if d.frequency <= 0 {
		return
	}
	for i := range d.watch {
		w := &d.watch[i]
		if !w.acts(r) || d.state == esp.Starting && w.code == codeUnderload {
			d.timers[i] = 0
			continue
		}
		d.timers[i] += dt
		switch {
		case d.timers[i] < w.delay:
		case w.trips:
			d.trip(w)
			return
		default:
			d.warning = w.code
		}
	}
}

func (d *drive) trip(w *protection) {
	d.frequency, d.fault, d.shutdown = 0, w.code, w.code
	d.timers = [watches]float64{}
	d.state = esp.Tripped
	if w.restart > 0 && d.restarts < restartsAllowed {
		d.state, d.waiting = esp.RestartWait, w.restart
	}
}
