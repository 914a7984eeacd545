// Package diagnosis judges what a well's readings say: which values can be trusted
// (Gate), what the pump is doing (State), what is usual for it, and which of the
// catalogued faults is present (Engine, with its rules as data in rules_*.go).
//
// It is pure: no I/O, no clock, no goroutine, nothing from outside the scans. Time
// is the time of the scans, so the same code runs live and in replay, and the same
// scans give the same findings to the byte. A Gate and an Engine belong to one well
// and to one goroutine; none of their methods is safe for concurrent use.
//
// The memory is bounded: ten minutes at five-second ticks, two hours of minutes and
// 48 running hours of ten-minute summaries for each analog signal. After a start of
// the process the engine knows nothing; feeding it the last two days from the store,
// and ignoring what it answers, restores baselines and open findings (a day of 1 Hz
// data takes about a second).
//
// It imports esp and pump only. The appliance imports it; adapters do not.
package diagnosis
