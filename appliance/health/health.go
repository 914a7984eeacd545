// Package health judges the appliance itself: from the facts that its components keep
// anyway it finds the conditions that somebody must act on (a device that is silent, a
// disk that fills, a centre that refuses), and it offers the same facts as metrics.
//
// It does no I/O, opens nothing and asks no component: whoever composes the appliance
// hands over Facts that were read from memory. So a probe or a scrape waits neither for
// a dead device nor for a slow disk. The pump is judged elsewhere (diagnosis); nothing
// here is an alarm. Only the appliance package imports it.
package health

import (
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Facts are what is known of the appliance at one moment. They are not changed once
// handed over. Times are of the wall clock; zero means never or not known.
type Facts struct {
	Time time.Time // of the look, with its monotonic reading
	// Up is how long the process has run by a clock that nobody sets.
	Up      time.Duration
	Started time.Time
	Version string
	// Built is when the binary was made; zero: not known.
	Built time.Time
	// Unclean says that the run before this one did not stop by itself.
	Unclean bool
	Wells   []Well
	Store   Store
	Uplink  *Uplink // nil without a central database
	Tap     *Tap    // nil while no other master may read
	Config  Config
	Jobs    []Job
	Process Process
	// Certificate is until when the page's certificate is valid; zero: plain http.
	Certificate time.Time
}

// Well is one well.
type Well struct {
	ID       esp.WellID
	State    esp.State
	Patience time.Duration // the longest honest time between two scans
	Scan     time.Time     // of the newest scan
	Handled  time.Time     // when that scan was through the pipeline, with its monotonic reading
	Filling  bool          // its past is being made
	Findings []Finding
	Alarms   []int // priorities of the active ones
	Tally    Tally
	Devices  []Device
}

// Finding is an open diagnosis.
type Finding struct {
	ID       esp.DiagnosisID
	Severity esp.Severity
}

// Device is one device of a well. Counts are since the start.
type Device struct {
	ID     esp.DeviceID
	Kind   string // drive, gauge, …
	Period time.Duration
	// Answers: the unit answered in the last poll, if only with an exception.
	Answers               bool
	LastOK                time.Time // last poll that gave a value
	LastReason            esp.Reason
	LastText              string
	Polls, Failed, Missed uint64
	Errors                map[esp.Reason]uint64 // failed requests
	Unsupported           []string              // points that the device refuses
	Good                  uint64                // polls that gave values,
	Took                  time.Duration         // the time of all of them,
	P50, P95              time.Duration         // and of the latest
}

// Store is the store. Counts are since the start, sizes in bytes.
type Store struct {
	Looked       time.Time // when the rest was read, with its monotonic reading
	Failed, Full bool
	Error        string
	LastCommit   time.Time
	CommitEvery  time.Duration
	// LostScans and LostRecords were not stored.
	LostScans, LostRecords                  uint64
	TornTails, DamagedFrames, DamagedBlocks int
	Quarantined                             []string // files set aside
	Journal, State, History                 int64
	Segments                                int
	Written, Commits, Sealed                uint64
	DiskFree, DiskTotal                     uint64
	// DaysLeft is how long the free space lasts; negative: not known.
	DaysLeft float64
	Wells    []StoredWell
}

// StoredWell is what the store has of a well.
type StoredWell struct {
	ID      esp.WellID
	Scans   uint64 // numbered since the start
	Pending int    // in memory only
	// Newest is the time of the newest scan, Durable of the newest that is on the disk.
	Newest, Durable time.Time
}

// Uplink is the way to the central database. Counts are since the start.
type Uplink struct {
	State                      string
	WaitingScans               uint64
	WaitingRecords             uint64
	Oldest                     time.Time // of what waits
	LastSuccess                time.Time
	Class, Error               string // of the last failure; empty after a success
	Errors                     map[string]uint64
	Batches, Applied, Repeated uint64
	Payload, Sent, Received    uint64
	NotCarried, Gone           uint64
	Quarantined                int
	Held                       []Held
}

// Tap is the server for other masters. Counts are since the start.
type Tap struct {
	Error       string // why its address is not open; empty: it is
	Clients     int
	Connections uint64
	// Strangers were turned away for their network, Crowded because as many clients as
	// allowed were connected; Malformed were cut off for what they sent.
	Strangers, Crowded, Malformed uint64
	Answered                      uint64 // requests that got values
	Refused                       uint64 // requests of a function that is not served
	Exceptions                    uint64 // requests for what is not there or too old
}

// Held is a well that the centre does not take.
type Held struct {
	Well esp.WellID
	Text string
}

// Config is what is to be said of the configuration that runs.
type Config struct {
	// Refused is why the file as it is now does not run; empty: it does. Since is when
	// that was found.
	Refused  string
	Since    time.Time
	Warnings []string
	// Waiting are the settings that take effect at the next restart.
	Waiting []string
}

// Job is a regular job, and its last run.
type Job struct {
	Name    string
	Running bool
	Next    time.Time // zero: it is off
	Began   time.Time // the last run; zero: none
	Took    time.Duration
	Failed  bool
	Text    string
}

// Process is the process. Memory is in bytes.
type Process struct {
	Memory uint64 // held by the Go runtime
	Limit  uint64 // 0: none
	// Streams are the open live streams, Dropped those ended because their reader was too
	// slow.
	Streams int
	Dropped uint64
}

// Tally counts the readings of a well since the start, and the time of its engine. Its
// owner guards it; a copy is a snapshot.
type Tally struct {
	Quality [8]uint64  // by esp.Quality
	Lost    [32]uint64 // lost readings by esp.Reason
	Scans   uint64
	Engine  time.Duration // of diagnosis and alarms
}

// Add counts a scan that the engine judged in the time given.
func (t *Tally) Add(s *esp.Scan, engine time.Duration) {
	t.Scans++
	t.Engine += engine
	for i := range s.Readings {
		r := &s.Readings[i]
		t.Quality[int(r.Quality)%len(t.Quality)]++
		if r.Quality == esp.Lost {
			t.Lost[int(r.Reason)%len(t.Lost)]++
		}
	}
}

// Subject is what a condition is about: a device of a well, a well, or with no well a
// part of the appliance.
type Subject struct {
	Well esp.WellID
	Part string
}

// String is WELL/PART, WELL or PART.
func (s Subject) String() string {
	switch {
	case s.Well == "":
		return s.Part
	case s.Part == "":
		return string(s.Well)
	}
	return string(s.Well) + "/" + s.Part
}

// Code names a condition. Codes are stable: scripts and alert rules look for them.
type Code string

// Condition is one thing that is wrong with the appliance now.
type Condition struct {
	Kind    *Kind
	Subject Subject
	Since   time.Time
	Text    string // one sentence with the particulars
}

// Status is the appliance in one word.
type Status string

// Statuses.
const (
	OK       Status = "ok"
	Degraded Status = "degraded" // somebody has to act; polling goes on
	Failed   Status = "failed"   // it does not do its work: repair or restart this box
)

// StatusOf is the worst that the conditions say. Information does not count.
func StatusOf(conditions []Condition) Status {
	status := OK
	for i := range conditions {
		switch k := conditions[i].Kind; {
		case k.Failing:
			return Failed
		case k.Severity != esp.SeverityInfo:
			status = Degraded
		}
	}
	return status
}
