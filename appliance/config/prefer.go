package config

import (
	"fmt"
	"slices"
	"strings"

	"wellkeeper.internal/appliance/esp"
)

// Source is where a signal of a well comes from, where several devices give it.
type Source struct {
	Signal string
	Device string
	// Others give it too; each is kept under NAME@DEVICE.
	Others []string
}

// Sources lists the signals of the well that several devices give, and which counts.
// What the configuration does not decide has no Device.
func (w *Well) Sources() []Source {
	var list []Source
	at := map[string]int{}
	for i := range w.Devices {
		d := &w.Devices[i]
		if d.Loaded == nil {
			continue
		}
		for _, col := range d.Loaded.Columns(esp.DeviceID(d.Name)) {
			k, known := at[col.Name]
			if !known {
				at[col.Name] = len(list)
				list = append(list, Source{Signal: col.Name, Others: []string{d.Name}})
				continue
			}
			list[k].Others = append(list[k].Others, d.Name)
		}
	}
	list = slices.DeleteFunc(list, func(s Source) bool { return len(s.Others) < 2 })
	for i := range list {
		w.decide(&list[i])
	}
	return list
}

// decide takes the preferred device from among those that give a signal: the first
// entry of prefer that names the signal and a device, else the first that names one.
func (w *Well) decide(s *Source) {
	chosen := -1
	for _, p := range w.Prefer {
		if signal, device, one := strings.Cut(p, "@"); one && signal == s.Signal {
			chosen = slices.Index(s.Others, device)
		}
		if chosen >= 0 {
			break
		}
	}
	if chosen < 0 {
		for _, p := range w.Prefer {
			if chosen = slices.Index(s.Others, p); chosen >= 0 {
				break
			}
		}
	}
	if _, canonical := esp.Lookup(s.Signal); chosen < 0 && !canonical {
		chosen = 0 // nothing goes by a maker's own name: the first keeps it
	}
	if chosen < 0 {
		return
	}
	s.Device = s.Others[chosen]
	s.Others = slices.Delete(s.Others, chosen, chosen+1)
}

// Names says what a point of a device is called in the well: by its own name, or as
// NAME@DEVICE where another device gives the signal that counts.
func (w *Well) Names() func(device esp.DeviceID, name string) string {
	renamed := map[string]bool{}
	for _, s := range w.Sources() {
		for _, other := range s.Others {
			renamed[s.Signal+"@"+other] = true
		}
	}
	return func(device esp.DeviceID, name string) string {
		if full := name + "@" + string(device); renamed[full] {
			return full
		}
		return name
	}
}

// sources checks that for every signal one device counts, and says which.
func (c *checker) sources(path string, w *Well) {
	for i, p := range w.Prefer {
		signal, device, one := strings.Cut(p, "@")
		if !one {
			device = p
		}
		at := fmt.Sprintf("%s.prefer[%d]", path, i)
		k := slices.IndexFunc(w.Devices, func(d Device) bool { return d.Name == device })
		if k < 0 {
			c.doc.Complain(at, "names %q, which is no device of the well", device)
			continue
		}
		if one && w.Devices[k].Loaded != nil {
			if _, gives := w.Devices[k].Loaded.Point(signal); !gives {
				c.doc.Complain(at, "%s gives no %s", device, signal)
			}
		}
	}
	undecided := map[string][]string{}
	var first []string
	for _, s := range w.Sources() {
		if s.Device != "" {
			continue
		}
		both := strings.Join(s.Others, " and ")
		if undecided[both] == nil {
			first = append(first, both)
		}
		undecided[both] = append(undecided[both], s.Signal)
	}
	for _, both := range first {
		list := undecided[both]
		device, _, _ := strings.Cut(both, " and ")
		c.doc.Complain(path+".devices", "%s come from %s: say whose count, for example prefer: [%s], or for one signal prefer: [%s@%s]; the others are kept as %s@DEVICE",
			strings.Join(list, ", "), both, device, list[0], device, list[0])
	}
}
