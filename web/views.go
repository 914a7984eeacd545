package web

import (
	"context"
	"errors"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// What web needs from the rest of the appliance. All values are in the units in
// which signals are stored (esp), all times in UTC; web converts at the edge. NaN is
// "no value" wherever a float64 is a reading. Everything returned is a copy that web
// may keep: an implementation must not change it afterwards.

// Errors that an implementation returns (wrapped or bare) for states that are no
// fault of the appliance.
var (
	ErrNoWell = errors.New("no such well")       // answered with 404
	ErrNoData = errors.New("no readings so far") // answered with 404 in the platform's routes
)

// Wells gives the state of the wells. Both methods are called about once a second
// for each well that somebody looks at and must not touch the disk.
type Wells interface {
	// Wells lists the wells in the order of the configuration.
	Wells(ctx context.Context) []Summary
	// Overview is everything that the Overview page of a well shows. The error is
	// ErrNoWell or that of ctx. A well without any reading yet has no Signals.
	Overview(ctx context.Context, well esp.WellID) (*Overview, error)
}

// Changes tells when there is something new to show.
type Changes interface {
	// Changed is a channel that is closed at the next change of the well (a scan was
	// handled, an alarm changed, history was filled on). Nil for an unknown well.
	Changed(well esp.WellID) <-chan struct{}
}

// Telemetry reads what is stored.
//
// The latest values do not come from here: web takes them from Overview.
type Telemetry interface {
	// History gives the readings of a well from and including from until before to,
	// newest first. With step 0 there is one row per scan; else one row per whole step
	// of wall time in which there was a scan, Time being its start and the values the
	// means. The values stand in the order of signals; NaN where the well has no such
	// signal or no reading that rules may use (esp.Quality.Usable).
	History(ctx context.Context, well esp.WellID, signals []esp.SignalID, from, to time.Time, step time.Duration) ([]Row, error)
	// Totals counts and averages everything stored of a well.
	Totals(ctx context.Context, well esp.WellID, signals []esp.SignalID) (Totals, error)
}

// Diagnoses reads and makes diagnoses.
type Diagnoses interface {
	// Diagnoses lists occurrences, newest first: one entry per raised diagnosis, with
	// its latest content.
	Diagnoses(ctx context.Context, q DiagnosisQuery) ([]StoredDiagnosis, error)
	// Count counts the occurrences of a well: all, and those of severity now.
	Count(ctx context.Context, well esp.WellID) (all, critical int, err error)
	// Analyze judges the latest readings of a well. With store its main result is
	// recorded and Number set; without, nothing is written and Number is 0. Diagnosis
	// has an empty ID where nothing is open. ErrNoWell, ErrNoData.
	Analyze(ctx context.Context, well esp.WellID, store bool) (StoredDiagnosis, error)
}

// Health tells how the appliance itself does. Neither method may wait for a device, the
// disk or the network: probes ask them.
type Health interface {
	// Dependencies lists storage, each device, each uplink.
	Dependencies(ctx context.Context) []Dependency
	// Conditions lists what is wrong with the appliance, most urgent first.
	Conditions(ctx context.Context) []Condition
}

// Summary is one well in a list.
type Summary struct {
	ID    esp.WellID
	Name  string // never empty; the id where no name was given
	State esp.State
	Since time.Time // when State began; zero: not known
	// Updated is the time of the latest scan in which the drive (or, without one, any
	// device) gave a value; zero: never.
	Updated time.Time
	// Period is how often the well is polled: values older than three periods (10 s at
	// least) are not shown as live.
	Period time.Duration
	// Finding is the most urgent open diagnosis; nil where there is none.
	Finding *esp.Diagnosis
	// Alarms counts the active ones, Priority is the highest of them (1 is highest, 0
	// for none).
	Alarms, Priority int
}

// Overview is everything that the Overview page of one well shows, at one moment.
type Overview struct {
	Well  esp.Well  // id, name, facts and limits as configured
	Time  time.Time // the appliance's clock when this was put together
	State esp.State // as the engine sees it
	Since time.Time // when State began; zero: not known
	Life  Life
	// Scan is the time of the latest scan, whatever was in it; zero: none yet. Number is
	// the number that the store gave it.
	Scan   time.Time
	Number uint64
	// Signals has one entry per column of the well's layout, in its order.
	Signals []Signal
	// NotEntered are the signals that lack nothing but a fact of the well.
	NotEntered []NotEntered
	// Findings are the open diagnoses, most urgent first.
	Findings []esp.Diagnosis
	// Unassessed are the diagnoses that cannot be made with what the well has now.
	Unassessed []Unassessed
	// Alarms are the active ones, by priority, then time.
	Alarms []esp.Alarm
	// Devices are the well's devices, in the order of the configuration.
	Devices []Device
	// Fault is the fault the drive reports, in words; nil where the drive has no such
	// register or it could not be read.
	Fault *Fault
	// Stop is the last stop or trip; nil where none is known.
	Stop *Stop
	// Uplink is nil where no central database is configured.
	Uplink  *Uplink
	Storage Storage
	// Filling is set while stored history is still being made (demo); nil else.
	Filling *Filling
	// Notices are sentences for the top of the page, such as a refused configuration.
	Notices []string
}

// Life is what the pump did since the engine began to look: a week before the program
// was started, or the beginning of what is stored.
type Life struct {
	Since time.Time // zero: nothing was seen
	// Turned, Stood and Unknown add up to the time since then.
	Turned, Stood, Unknown time.Duration
	Starts, Trips          int
}

// Unassessed is a diagnosis that cannot be made, and what it lacks: canonical names of
// signals, and facts of the well in words.
type Unassessed struct {
	Title   string
	Missing []string
}

// Signal is the latest of one column.
type Signal struct {
	Name   string       // canonical name, or the vendor's own
	ID     esp.SignalID // 0 for a vendor-only signal
	Device esp.DeviceID // empty for a derived signal
	Unit   esp.Unit
	// Reading is the latest that was due: a scan in which the signal was not due does
	// not replace it. Quality NotDue: never read so far.
	Reading esp.Reading
	Time    time.Time // of the scan of Reading
	// Last is the last value that could be trusted, and LastTime its time: Reading
	// itself, or what stood before it was lost or doubted. NaN and zero: none known.
	Last     float64
	LastTime time.Time
	// Period is how often the signal is read.
	Period time.Duration
	// Derived says how the signal is computed; nil: a device gives it.
	Derived *Derivation
	// UsualLow and UsualHigh bound what is usual for this pump; NaN: not learned.
	UsualLow, UsualHigh float64
	// Trend is steady, rising, falling or swinging; empty: not known.
	Trend string
	// Points are the last 90 minutes, oldest first, evenly spaced, complete intervals
	// only (see Board); empty: none. They are drawn beside the evidence.
	Points []Point
}

// Derivation says how a derived signal is made of others.
type Derivation struct {
	Signal  esp.SignalID
	Formula string
	Inputs  []esp.SignalID
	Fact    string // key of the fact of the well that it takes; empty: none
	Note    string // what the value is not; empty: nothing
	// Uncertainty is by how much the value can be off for the resolution of its inputs
	// alone, in its unit; NaN: not known now.
	Uncertainty float64
}

// NotEntered is a signal that could be derived if a fact of the well were entered.
type NotEntered struct {
	Signal esp.SignalID
	Fact   string // its key in the configuration
	Words  string
}

// Point is one interval of a small curve; NaN where it holds no usable value.
type Point struct{ Min, Max float64 }

// Device is the state of one device of a well.
type Device struct {
	ID     esp.DeviceID
	Kind   string // drive, gauge or another kind of the device's profile
	URL    string // shown to people; without credentials
	Unit   uint8
	Period time.Duration
	// State is ok, silent (asked, no answer) or backed_off (not answering and asked
	// less often). Empty: not asked so far.
	State string
	// LastOK is the time of the last good answer; zero: never since start.
	LastOK time.Time
	// Error is the class of the last failure (timeout, unreachable, bad_frame, …) and
	// ErrorText a sentence; empty where the last poll was good.
	Error, ErrorText string
	Polls, Failed    uint64 // since start
	FailedLastHour   uint64
	PollTime         time.Duration // typical, p95; 0: not known
}

// Fault is what the drive reports. Code 0 is no fault.
type Fault struct {
	Code int64
	Text string // from the profile's table; empty: not in the table
}

// Stop is the last time that the pump stopped.
type Stop struct {
	Time time.Time
	Trip bool // stopped by the drive, not by a person
	// Fault is the drive's code at the stop; nil where it was not read.
	Fault *Fault
	// Restarted is when the pump turned again; zero: it has not.
	Restarted time.Time
	// RestartedBy is who started it, in words ("drive, attempt 2"); empty: not known.
	RestartedBy string
	// Before are the values just before, by signal name, in stored units.
	Before map[string]float64
	// RestartsDone and RestartsAllowed are automatic attempts; -1: not known.
	RestartsDone, RestartsAllowed int
	// Blocks are the reasons why a start is not possible now, in words.
	Blocks []string
	// Call is whom to call; empty: not entered.
	Call string
}

// Uplink is the state of the way to the central database.
type Uplink struct {
	State       string    // connecting, online, offline, refused: shown as it is
	Waiting     uint64    // scans and records that were not yet accepted
	Oldest      time.Time // of what waits; zero: nothing waits
	LastSuccess time.Time // zero: never
	Error       string    // class or sentence of the last failure; empty: none since
	Quarantined uint64    // batches that the centre refused and that were set aside
}

// Storage is the state of the store.
type Storage struct {
	Failed   bool    // writing does not work at present
	Error    string  // one sentence; empty when all is well
	Free     uint64  // bytes free on the disk
	DaysLeft float64 // at the present rate; NaN: not known yet
	Lost     uint64  // readings that were not stored, since ever
}

// Filling is the progress of making the well's past.
type Filling struct {
	Span time.Duration // how much is being filled, for example 24 h
	Done float64       // 0 … 1
}

// Row is one scan or one interval.
type Row struct {
	Number uint64 // scan number; 0 for an interval
	Time   time.Time
	Values []float64 // in the order asked for
}

// Totals are counts and means over everything stored of a well.
type Totals struct {
	First, Last time.Time // zero: nothing stored
	Scans       uint64
	Means       []float64 // in the order asked for; NaN: none
}

// DiagnosisQuery selects occurrences.
type DiagnosisQuery struct {
	Well     esp.WellID   // empty: all wells
	Severity esp.Severity // empty: all
	Limit    int          // > 0
}

// StoredDiagnosis is one occurrence of a diagnosis.
type StoredDiagnosis struct {
	Number    uint64 // of its record; 0: not stored
	Diagnosis esp.Diagnosis
	Resolved  time.Time // zero: still open
	// Snapshot are the readings it was made from, in the order of PlatformSignals; nil
	// where they are not kept.
	Snapshot *Row
}

// Dependency is one thing the appliance depends on.
type Dependency struct {
	Name   string // storage, modbus/RB-114/drive, central
	Status string // ok, degraded or failed
	Detail string // one clause; empty when all is well
	// Required dependencies that have failed make /health/ready answer 503. A lost
	// device or central database is no reason to restart and is not required.
	Required bool
}

// Condition is one thing that is wrong with the appliance.
type Condition struct {
	Code     string // stable: device_silent, disk_full, …
	Severity esp.Severity
	Since    time.Time
	Subject  string // RB-114/drive, storage, central, clock, …
	Text     string // one sentence with the particulars
	Action   string // what to do
	Who      esp.Who
	// Failing: the appliance does not do its work while this stands.
	Failing bool
}

// PlatformSignals are the signals behind the telemetry rows of the platform that
// headquarters already runs, in the order in which web asks for them.
func PlatformSignals() []esp.SignalID {
	return []esp.SignalID{
		esp.LiquidRate, esp.LiquidRateEstimated, esp.IntakePressure, esp.MotorCurrent, esp.MotorTemperature,
		esp.VibrationX, esp.VibrationY, esp.VibrationZ, esp.DriveFrequency, esp.LiquidRateVariance, esp.Torque, esp.GasOilRatio,
	}
}
