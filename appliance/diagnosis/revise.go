package diagnosis

import "wellkeeper.internal/appliance/esp"

// SetWell puts other facts of the same well in the place of those that the engine was
// made with. What it has learned, its state and what it has open stay; the next scan
// is judged by the new facts.
func (e *Engine) SetWell(well esp.Well) {
	e.well = well
	e.machine.facts = well.Facts
}

// SetFaults puts other words for the drive's codes in the place of the present ones.
func (e *Engine) SetFaults(faults func(code int64) Fault) { e.faults = faults }
