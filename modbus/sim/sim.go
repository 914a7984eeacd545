// Package sim is a simulated well with an electric submersible pump, and a Modbus TCP
// server that shows it as drive and gauge. It serves the demo, tests, injected faults
// and benchmarks.
//
// The physics (Well) is a compact model that has the directions and time constants of
// a real well, not its decimals. What happens to the well is data (Scenario): changes
// of parameters over time. Bank turns the well's values into registers by device
// profiles; Server answers requests for them with framing of its own: this package
// must never import package modbus, because it is the independent oracle of that
// package's framing. WriteTrace writes the same well as CSV without any register.
//
// Everything is deterministic by seed and advances only when told to; nothing here
// reads a clock except the server's idle timeout. Packages appliance and
// appliance/command may import it, and tests of any package.
package sim
