package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Tap lets other masters read what was read (docs/tap.md).
type Tap struct {
	// Where other masters may read, `HOST:PORT`; without a port 5502. 127.0.0.1 is this box only.
	Listen string `yaml:"listen" otherwise:"off"`
	// Networks whose masters may read, such as `192.168.10.0/24`, or single addresses.
	Allow []string `yaml:"allow" otherwise:"this box only"`
	// Unit of the registers of our own.
	Unit uint8 `yaml:"unit" default:"247" min:"1" max:"247"`
	// How old a register may be and still be served.
	MaxAge time.Duration `yaml:"max_age" min:"100ms" max:"24h" otherwise:"three of its periods"`
	// Masters that may be connected at a time.
	Connections int `yaml:"connections" default:"8" min:"1" max:"64"`
	// How long a master may be silent before it is cut off.
	Idle time.Duration `yaml:"idle" default:"1m" min:"1s" max:"1h"`
	// Devices that are served under another unit than their own.
	Units []TapUnit `yaml:"units"`

	// Networks are those of Allow, as checked.
	Networks []netip.Prefix
}

// TapUnit gives a device another unit for the tap.
type TapUnit struct {
	// Id of the well.
	Well string `yaml:"well" otherwise:"required"`
	// Name of its device.
	Device string `yaml:"device" otherwise:"required"`
	// Unit under which it is served.
	Unit uint8 `yaml:"unit" min:"1" max:"247" otherwise:"required"`
}

// tapPort is where the tap listens when only a host is given.
const tapPort = "5502"

// On reports whether other masters may read.
func (t *Tap) On() bool { return t.Listen != "" }

// UnitOf is the unit under which a device is served.
func (t *Tap) UnitOf(well string, d *Device) uint8 {
	for _, u := range t.Units {
		if u.Well == well && u.Device == d.Name {
			return u.Unit
		}
	}
	if d.Unit == nil {
		return 1
	}
	return max(*d.Unit, 1) // as the poller asks a device that names none
}

// loopback is who may read when nobody is named.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// tap checks the tap, after the wells.
func (c *checker) tap() {
	t := &c.cfg.Tap
	if !t.On() {
		return
	}
	c.tapListen(t)
	c.tapNetworks(t)
	c.tapUnits(t)
}

func (c *checker) tapListen(t *Tap) {
	if !strings.Contains(t.Listen, ":") || strings.HasSuffix(t.Listen, "]") || net.ParseIP(t.Listen) != nil {
		t.Listen = net.JoinHostPort(strings.Trim(t.Listen, "[]"), tapPort)
	}
	host, port, err := net.SplitHostPort(t.Listen)
	if _, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil {
		c.doc.Complain("tap.listen", "%q is no address to listen on; write HOST:PORT, for example 127.0.0.1:5502", t.Listen)
		return
	}
	if !isLoopback(host) && len(t.Allow) == 0 {
		c.doc.Complain("tap.allow", "is missing, and %s can be reached from outside; name the networks whose masters may read, for example [192.168.10.0/24]", t.Listen)
	}
	if t.Listen == c.cfg.Web.Listen && port != "0" {
		c.doc.Complain("tap.listen", "is the address of the page (web.listen); take another port")
	}
}

func (c *checker) tapNetworks(t *Tap) {
	t.Networks = nil
	for i, text := range t.Allow {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var one netip.Addr
			if one, err = netip.ParseAddr(text); err == nil {
				network, err = one.Unmap().Prefix(one.Unmap().BitLen())
			}
		}
		if err != nil {
			c.doc.Complain(fmt.Sprintf("tap.allow[%d]", i), "%q is no network; write 192.168.10.0/24 or a single address", text)
			continue
		}
		t.Networks = append(t.Networks, network.Masked())
	}
	if len(t.Allow) == 0 {
		t.Networks = loopback()
	}
}

// tapUnits finds units that two devices would share, and names of what is not there.
func (c *checker) tapUnits(t *Tap) {
	served := map[uint8]string{t.Unit: "the registers of our own (tap.unit)"}
	known := map[[2]string]bool{}
	for i := range c.cfg.Wells {
		w := &c.cfg.Wells[i]
		for k := range w.Devices {
			d := &w.Devices[k]
			known[[2]string{w.ID, d.Name}] = true
			if d.Loaded == nil {
				continue // its unit may come from the profile, which is complained of
			}
			unit, name := t.UnitOf(w.ID, d), fmt.Sprintf("device %s of well %s", d.Name, w.ID)
			if other, taken := served[unit]; taken {
				c.doc.Complain("tap", "unit %d would be both %s and %s; give one of them another unit for the tap: units: [{well: %s, device: %s, unit: %d}]",
					unit, other, name, w.ID, d.Name, c.freeUnit(t))
				continue
			}
			served[unit] = name
		}
	}
	seen := map[[2]string]bool{}
	for i, u := range t.Units {
		path, key := fmt.Sprintf("tap.units[%d]", i), [2]string{u.Well, u.Device}
		switch {
		case u.Unit == 0:
			c.doc.Complain(path+".unit", "is missing; write 1 to 247")
		case !known[key]:
			c.doc.Complain(path, "there is no device %q of a well %q", u.Device, u.Well)
		case seen[key]:
			c.doc.Complain(path, "device %s of well %s stands twice", u.Device, u.Well)
		}
		seen[key] = true
	}
}

// freeUnit is the lowest unit that nothing is served under, from 1; 0: there is none.
func (c *checker) freeUnit(t *Tap) uint8 {
	taken := map[uint8]bool{t.Unit: true}
	for i := range c.cfg.Wells {
		w := &c.cfg.Wells[i]
		for k := range w.Devices {
			taken[t.UnitOf(w.ID, &w.Devices[k])] = true
		}
	}
	for unit := uint8(1); unit <= 247; unit++ {
		if !taken[unit] {
			return unit
		}
	}
	return 0
}
