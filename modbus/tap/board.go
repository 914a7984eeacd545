package tap

import (
	"math"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Board is what our own registers say. Durations below zero and absent numbers are not
// known and stand as the highest value of their registers.
type Board struct {
	Heartbeat  uint16 // moves each second while scans are being handled
	Health     Health
	Conditions int // of the appliance that stand
	Time       time.Time
	// Uplink is the way to headquarters; nil where nothing is forwarded.
	Uplink *Uplink
	Wells  []Well // in the order of the configuration
}

// Health is the appliance in one number.
type Health uint16

// Healths.
const (
	HealthOK       Health = iota
	HealthDegraded        // somebody has to act; polling goes on
	HealthFailed          // the appliance does not do its work
)

// Uplink is what waits for headquarters.
type Uplink struct {
	Scans, Records uint64
	Oldest         time.Duration // age of the oldest of it
	Failing        bool          // the last attempt failed
}

// Well is one well.
type Well struct {
	ID    esp.WellID
	State esp.State
	Since time.Duration // in this state
	// Findings are the open diagnoses, most urgent first.
	Findings []Finding
	Alarms   []Alarm
	Scans    uint64 // handled since the start
	Scan     time.Duration
	// Drive and Gauge are the ages of what they last gave; negative where the well has
	// none or it gave nothing.
	Drive, Gauge time.Duration
	GaugeHealth  GaugeHealth
	Devices      []DeviceState
}

// Finding is an open diagnosis.
type Finding struct {
	ID         esp.DiagnosisID
	Severity   esp.Severity
	Confidence esp.Confidence
	Open       time.Duration
}

// Alarm is an alarm that is present or not yet acknowledged.
type Alarm struct {
	Priority                int
	Present, Unacknowledged bool
	// Diagnosis is what it is about, Limit else the place of the limit among those of the
	// well, from 1.
	Diagnosis esp.DiagnosisID
	Limit     int
}

// GaugeHealth is the gauge in one number.
type GaugeHealth uint16

// Healths of a gauge.
const (
	GaugeNone   GaugeHealth = iota // the well has none
	GaugeGood                      // its values come and are believed
	GaugeFaulty                    // a diagnosis says what is wrong with it
	GaugeSilent                    // no value comes
)

// DeviceState is one device of a well.
type DeviceState struct {
	Unit    uint8 // under which the tap serves it
	Answers bool
	Age     time.Duration // of what it last gave
	Polls   uint64
}

// Where the registers stand. Fixed for ever: what is added takes the place of what is
// reserved, and layoutVersion counts up.
const (
	layoutVersion = 1
	firstWell     = 100
	perWell       = 100
	mostDevices   = 8
	perDevice     = 4
	firstDevice   = 32
	firstLetter   = 64
	letters       = 64 // of the well's id, two in a register
	mostWells     = (1<<16 - firstWell) / perWell
	limitBits     = 32
	diagnosisBits = 64
)

// field is one value among the registers.
type field[T any] struct {
	at, size int // registers; size 2 is 32 bits, high word first
	name     string
	meaning  string
	value    func(*T) uint64
}

func headFields() []field[Board] {
	return []field[Board]{
		{0, 1, "layout", "version of this table: 1", func(*Board) uint64 { return layoutVersion }},
		{1, 1, "heartbeat", "moves each second while the scans of every well are being handled; wraps from 65535 to 0", func(b *Board) uint64 { return uint64(b.Heartbeat) }},
		{2, 1, "health", "0 ok, 1 somebody has to act, 2 the appliance does not do its work", func(b *Board) uint64 { return uint64(b.Health) }},
		{3, 1, "conditions", "conditions of the appliance that stand", func(b *Board) uint64 { return uint64(b.Conditions) }},
		{4, 1, "wells", "number of wells", func(b *Board) uint64 { return uint64(len(b.Wells)) }},
		{5, 1, "first well", "address of the registers of the first well: 100", func(*Board) uint64 { return firstWell }},
		{6, 1, "per well", "registers of each well: 100", func(*Board) uint64 { return perWell }},
		{7, 1, "uplink", "0 nothing is forwarded, 1 it is, 2 the last attempt failed", uplinkState},
		{8, 2, "backlog scans", "scans on the disk that headquarters does not have", backlog(func(u *Uplink) uint64 { return u.Scans })},
		{10, 2, "backlog records", "records (alarms, diagnoses, events) likewise", backlog(func(u *Uplink) uint64 { return u.Records })},
		{12, 2, "backlog age", "age of the oldest of it, s", backlog(func(u *Uplink) uint64 { return age(u.Oldest) })},
		{14, 2, "time", "clock of the appliance, seconds since 1970 UTC", func(b *Board) uint64 { return uint64(max(b.Time.Unix(), 0)) }},
	}
}

func wellFields() []field[Well] {
	list := []field[Well]{
		{0, 1, "state", "0 unknown, 1 stopped, 2 starting, 3 settling, 4 running, 5 ramping, 6 tripped, 7 waiting for a restart, 8 backspin", func(w *Well) uint64 { return uint64(w.State) }},
		{1, 2, "state for", "how long, s", func(w *Well) uint64 { return age(w.Since) }},
		{3, 1, "diagnosis", "number of the most urgent one (table below); 0 none, 65535 one without a number", func(w *Well) uint64 {
			if len(w.Findings) == 0 {
				return 0
			}
			return uint64(Number(w.Findings[0].ID))
		}},
		{4, 1, "severity", "of it: 0 none, 1 now, 2 today, 3 plan, 4 info", top(func(f *Finding) uint64 { return severity(f.Severity) })},
		{5, 1, "confidence", "in it: 0 none, 1 likely, 2 possible, 3 weak", top(func(f *Finding) uint64 { return confidence(f.Confidence) })},
		{6, 2, "diagnosis for", "how long it has been open, s; 0 none", top(func(f *Finding) uint64 { return age(f.Open) })},
		{8, 1, "diagnoses", "how many are open", func(w *Well) uint64 { return uint64(len(w.Findings)) }},
		{9, 1, "alarms 1", "active alarms of priority 1, the highest", active(1)},
		{10, 1, "alarms 2", "of priority 2", active(2)},
		{11, 1, "alarms 3", "of priority 3", active(3)},
		{12, 1, "unacknowledged", "alarms that nobody has acknowledged, those that have gone included", unacknowledged},
	}
	for i := range diagnosisBits / 16 {
		list = append(list, field[Well]{13 + i, 1, "alarm bits " + [...]string{"1–16", "17–32", "33–48", "49–64"}[i], "bit 0 to 15: an alarm for the diagnosis of that number is active", diagnosisAlarms(i)})
	}
	list = append(
		list,
		field[Well]{17, 2, "limit bits", "bit 0 to 31: an alarm for that limit of the well is active, in the order of the configuration; a limit that has both takes two, low first", limitAlarms},
		field[Well]{19, 1, "scan age", "age of the last scan that was handled, s", func(w *Well) uint64 { return age(w.Scan) }},
		field[Well]{20, 1, "drive age", "age of what the drive last gave, s; 65535 nothing so far, or no drive", func(w *Well) uint64 { return age(w.Drive) }},
		field[Well]{21, 1, "gauge age", "age of what the gauge last gave, s; 65535 nothing so far, or no gauge", func(w *Well) uint64 { return age(w.Gauge) }},
		field[Well]{22, 1, "gauge", "0 the well has none, 1 good, 2 a diagnosis says what is wrong with it, 3 no value comes", func(w *Well) uint64 { return uint64(w.GaugeHealth) }},
		field[Well]{23, 2, "scans", "scans handled since the start; wraps", func(w *Well) uint64 { return uint64(uint32(w.Scans)) }},
		field[Well]{25, 1, "devices", "number of devices; the first 8 follow", func(w *Well) uint64 { return uint64(len(w.Devices)) }},
	)
	return append(list, deviceFields()...)
}

// deviceFields are those of the first device; the others follow at a distance.
func deviceFields() []field[Well] {
	var list []field[Well]
	for i := range mostDevices {
		at := firstDevice + i*perDevice
		list = append(
			list,
			field[Well]{at, 1, "device unit", "unit under which its registers are served", device(i, func(d *DeviceState) uint64 { return uint64(d.Unit) })},
			field[Well]{at + 1, 1, "device answers", "0 no, 1 yes", device(i, func(d *DeviceState) uint64 {
				if d.Answers {
					return 1
				}
				return 0
			})},
			field[Well]{at + 2, 1, "device age", "age of what it last gave, s; 65535 nothing so far", device(i, func(d *DeviceState) uint64 { return age(d.Age) })},
			field[Well]{at + 3, 1, "device polls", "polls since the start, the low 16 bits", device(i, func(d *DeviceState) uint64 { return d.Polls & math.MaxUint16 })},
		)
	}
	return list
}

// words are the registers, from address 0.
func (b *Board) words() []uint16 {
	wells := b.Wells[:min(len(b.Wells), mostWells)]
	all := make([]uint16, firstWell+perWell*len(wells))
	for _, f := range headFields() {
		put(all[f.at:f.at+f.size], f.value(b))
	}
	fields := wellFields()
	for i := range wells {
		w := &wells[i]
		at := all[firstWell+perWell*i:][:perWell]
		for _, f := range fields {
			put(at[f.at:f.at+f.size], f.value(w))
		}
		id := string(w.ID[:min(len(w.ID), letters)])
		for k := range len(id) {
			at[firstLetter+k/2] |= uint16(id[k]) << (8 * (1 - k%2))
		}
	}
	return all
}

// put writes a number in one or two registers; one that does not fit stands as the
// highest.
func put(dst []uint16, n uint64) {
	if len(dst) == 1 {
		dst[0] = uint16(min(n, math.MaxUint16))
		return
	}
	n = min(n, math.MaxUint32)
	dst[0], dst[1] = uint16(n>>16), uint16(n)
}

// age is in whole seconds; the highest number where it is not known.
func age(d time.Duration) uint64 {
	if d < 0 {
		return math.MaxUint64
	}
	return uint64(d / time.Second)
}

func uplinkState(b *Board) uint64 {
	switch {
	case b.Uplink == nil:
		return 0
	case b.Uplink.Failing:
		return 2
	}
	return 1
}

func backlog(of func(*Uplink) uint64) func(*Board) uint64 {
	return func(b *Board) uint64 {
		if b.Uplink == nil {
			return 0
		}
		return of(b.Uplink)
	}
}

func top(of func(*Finding) uint64) func(*Well) uint64 {
	return func(w *Well) uint64 {
		if len(w.Findings) == 0 {
			return 0
		}
		return of(&w.Findings[0])
	}
}

func severity(s esp.Severity) uint64 {
	switch s {
	case esp.SeverityNow:
		return 1
	case esp.SeverityToday:
		return 2
	case esp.SeverityPlan:
		return 3
	case esp.SeverityInfo:
		return 4
	}
	return 0
}

func confidence(c esp.Confidence) uint64 {
	switch c {
	case esp.Likely:
		return 1
	case esp.Possible:
		return 2
	case esp.Weak:
		return 3
	}
	return 0
}

func active(priority int) func(*Well) uint64 {
	return func(w *Well) (n uint64) {
		for i := range w.Alarms {
			if a := &w.Alarms[i]; a.Present && a.Priority == priority {
				n++
			}
		}
		return n
	}
}

func unacknowledged(w *Well) (n uint64) {
	for i := range w.Alarms {
		if w.Alarms[i].Unacknowledged {
			n++
		}
	}
	return n
}

// diagnosisAlarms are the bits of the diagnoses 16·i + 1 to 16·i + 16.
func diagnosisAlarms(i int) func(*Well) uint64 {
	return func(w *Well) (bits uint64) {
		for k := range w.Alarms {
			a := &w.Alarms[k]
			if bit := int(Number(a.Diagnosis)) - 1 - 16*i; a.Present && bit >= 0 && bit < 16 {
				bits |= 1 << bit
			}
		}
		return bits
	}
}

func limitAlarms(w *Well) (bits uint64) {
	for i := range w.Alarms {
		if n := w.Alarms[i].Limit; w.Alarms[i].Present && n >= 1 && n <= limitBits {
			bits |= 1 << (n - 1)
		}
	}
	return bits
}

func device(i int, of func(*DeviceState) uint64) func(*Well) uint64 {
	return func(w *Well) uint64 {
		if i >= len(w.Devices) {
			return 0
		}
		return of(&w.Devices[i])
	}
}
