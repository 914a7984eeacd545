// Package record defines the kinds of records that the appliance keeps in one
// ordered log beside the readings (events, alarms, diagnoses, gaps, …) and their
// stable JSON encodings.
//
// The store and the uplink carry records as opaque bytes; only this package, the
// pages and the centre look inside. It does no I/O and imports only appliance/esp.
package record

import (
	"encoding/json"
	"fmt"
	"time"

	"wellkeeper.internal/appliance/esp"
)

// Kind says what a record is about. The names are stored and forwarded.
type Kind string

// Kinds. The names are stable.
const (
	KindEvent           Kind = "event"
	KindAlarm           Kind = "alarm"
	KindDiagnosis       Kind = "diagnosis"
	KindGap             Kind = "gap"
	KindTrip            Kind = "trip"
	KindClockCorrection Kind = "clock_correction"
	KindAudit           Kind = "audit"
	KindVerdict         Kind = "verdict"
	KindEntry           Kind = "entry"
	KindRun             Kind = "run"
	KindSettings        Kind = "settings"
	KindJob             Kind = "job"
)

// version is the version of every encoding in this release; a change of meaning of a
// field raises it for that kind.
const version = 1

// Record is one entry of the log. Seq is given by the store, strictly increasing
// within an epoch.
type Record struct {
	Seq     uint64
	Time    time.Time
	Well    esp.WellID // empty for the appliance itself
	Kind    Kind
	Version uint16
	Body    []byte // JSON with stable field names
}

// Event makes the record of an event.
func Event(e esp.Event) (Record, error) { return encode(KindEvent, e.Well, e.Time, e) }

// Alarm makes the record of a change of an alarm.
func Alarm(a esp.Alarm) (Record, error) { return encode(KindAlarm, a.Well, a.Time, a) }

// Diagnosis makes the record of a change of a diagnosis.
func Diagnosis(d esp.Diagnosis) (Record, error) { return encode(KindDiagnosis, d.Well, d.Time, d) }

// Gap makes the record of missing samples, dated at the gap's end.
func Gap(g esp.Gap) (Record, error) { return encode(KindGap, g.Well, g.To, g) }

func encode(kind Kind, well esp.WellID, at time.Time, v any) (Record, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s record: %w", kind, err)
	}
	return Record{Time: at, Well: well, Kind: kind, Version: version, Body: body}, nil
}

// Decode reads the body of r as a T: esp.Event, esp.Alarm, esp.Diagnosis, esp.Gap or JobRun,
// whichever belongs to its kind.
func Decode[T any](r Record) (T, error) {
	var v T
	if r.Version > version {
		return v, fmt.Errorf("%s record %d has version %d; this release reads up to %d", r.Kind, r.Seq, r.Version, version)
	}
	if err := json.Unmarshal(r.Body, &v); err != nil {
		return v, fmt.Errorf("decode %s record %d: %w", r.Kind, r.Seq, err)
	}
	return v, nil
}
