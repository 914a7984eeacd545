package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Cost is what reading a device occupies its port for, as far as it can be estimated.
type Cost struct {
	Port  string        // what devices share
	Cycle time.Duration // of a poll in which everything is due
	// Share of the port's time in the long run; above 1 there is not enough of it.
	Share float64
	// Serial says that the estimate is that of a line of known speed.
	Serial bool
}

// load is a port and those who use it.
type load struct {
	path     string // of the first device
	devices  []string
	cycle    time.Duration
	share    float64
	shortest time.Duration
	serial   bool
}

// cost adds a device to what its port has to carry.
func (c *checker) cost(path string, w *Well, d *Device) {
	if c.opts.Cost == nil {
		return
	}
	cost, err := c.opts.Cost(d)
	if err != nil {
		return // what is wrong with the device is told elsewhere
	}
	l := c.loads[cost.Port]
	if l == nil {
		l = &load{path: path, shortest: d.Period, serial: cost.Serial}
		c.loads[cost.Port] = l
	}
	l.devices = append(l.devices, fmt.Sprintf("%s of %s %s", d.Name, w.ID, rounded(cost.Cycle)))
	l.cycle += cost.Cycle
	l.share += cost.Share
	l.shortest = min(l.shortest, d.Period)
}

// lines says which ports have too little time for what hangs on them.
func (c *checker) lines() {
	for _, name := range slices.Sorted(maps.Keys(c.loads)) {
		l := c.loads[name]
		who := strings.Join(l.devices, ", ")
		remedy := "lengthen periods"
		if l.serial {
			remedy += ", raise the baud rate"
		}
		remedy += ", or leave out points in the profiles"
		switch {
		case l.share > 1 && l.serial:
			c.doc.Complain(l.path+".period", "asks more of %s than it can carry: reading takes about %.0f %% of its time (a poll of everything: %s); %s", name, 100*l.share, who, remedy)
		case l.share > 1:
			c.warn("%s may not keep up: reading is estimated to take %.0f %% of its time (a poll of everything: %s); %s", name, 100*l.share, who, remedy)
		case l.cycle > l.shortest:
			c.warn("%s: a poll of everything takes about %s (%s), more than the shortest period of %s: readings are left out each time that everything is due; %s",
				name, rounded(l.cycle), who, l.shortest, remedy)
		}
	}
}

func (c *checker) warn(format string, args ...any) {
	c.cfg.Warnings = append(c.cfg.Warnings, fmt.Sprintf(format, args...))
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
