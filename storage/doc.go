// Package storage keeps every scan and record of the appliance in one data folder:
// a journal that makes scans durable every few seconds, hour blocks in bbolt files of
// one ISO week each (history/), and state.db for everything that is not a scan. The
// bytes are drawn in FORMAT.md here and in storage/block.
//
// Promises. Append never waits for the disk and never fails because of it. A scan
// whose number Durable has reached survives a killed process and a lost power supply,
// and never changes. Numbers rise strictly within an epoch and are never given twice;
// there may be holes, which Spans shows. Order is by number, whatever the clock does;
// a query by time finds a scan wherever the clock put it. Every scan that could not
// be kept is counted and explained by a gap record. A damaged file is set aside, not
// wiped, and named in Status; nothing is ever read without its checksum.
//
// What it does not do: it does not look into records, does not know signals beyond
// their columns, sends nothing, and trims nothing yet. 64-bit Linux only. Only
// appliance and its commands import it.
package storage
